//! A connection that takes a bounded time, whatever its other end sends or reads: what every door of ours lets in.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// How long a connection may take from acceptance to the end of the answer. A scrape takes milliseconds, a list of a
/// hundred thousand allocations a second.
const DEADLINE: Duration = Duration::from_secs(10);

/// The time that a connection has from now on.
pub type Deadline = Pin<Box<Sleep>>;

/// Ten seconds.
#[must_use]
pub fn deadline() -> Deadline {
    Box::pin(sleep(DEADLINE))
}

/// A place for one more connection, once there is one.
pub async fn place(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match Arc::clone(places).acquire_owned().await {
        Ok(place) => place,
        // It would mean that somebody closed the semaphore; nobody does.
        Err(_) => core::future::pending().await,
    }
}

/// A connection that fails at its deadline, and holds its place until it is dropped.
#[derive(Debug)]
pub struct Visit<S> {
    stream: S,
    deadline: Deadline,
    _place: OwnedSemaphorePermit,
}

impl<S> Visit<S> {
    /// Lets a connection in.
    pub const fn new(stream: S, deadline: Deadline, place: OwnedSemaphorePermit) -> Self {
        Self { stream, deadline, _place: place }
    }

    /// `Err` when the deadline has passed; otherwise the task is woken when it does.
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<&mut S> {
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(&mut self.stream),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Visit<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.in_time(context)?;
        Pin::new(stream).poll_read(context, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Visit<S> {
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
