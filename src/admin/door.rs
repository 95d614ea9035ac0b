//! The door of the HTTP listener: so many connections at once, each for so long, whatever they send or read meanwhile.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Connections at once: some scrapers and supervisors, and nobody else. Others wait in the system's queue.
const CONNECTIONS: usize = 32;
/// How long a connection may take from acceptance to the end of the answer. A scrape takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);
/// The rest after the system has no descriptor or memory for another connection.
const REST: Duration = Duration::from_millis(100);

/// Accepts connections within the bounds.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Listener for Door {
    type Io = Visit;
    type Addr = ();

    async fn accept(&mut self) -> (Visit, ()) {
        // An error would mean that somebody closed the semaphore; nobody does.
        let Ok(place) = self.places.clone().acquire_owned().await else { return core::future::pending().await };
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let deadline = Box::pin(sleep(DEADLINE));
                    return (Visit { stream, deadline, _place: place }, ());
                }
                Err(_) => sleep(REST).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection that fails at its deadline, and holds its place until it is dropped.
pub(super) struct Visit {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    /// `Err` when the deadline has passed; otherwise the task is woken when it does.
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<&mut TcpStream> {
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(&mut self.stream),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.in_time(context)?;
        Pin::new(stream).poll_read(context, to)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.in_time(context)?;
        Pin::new(stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.in_time(context)?;
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.in_time(context)?;
        Pin::new(stream).poll_shutdown(context)
    }
}
