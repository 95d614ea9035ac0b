//! The door of the HTTP listener: so many connections at once, each for so long, whatever they send or read meanwhile.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::visit::{Visit, deadline, place};

/// Connections at once: some scrapers and supervisors, and nobody else. Others wait in the system's queue.
const CONNECTIONS: usize = 32;
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
    type Io = Visit<TcpStream>;
    type Addr = ();

    async fn accept(&mut self) -> (Visit<TcpStream>, ()) {
        let place = place(&self.places).await;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return (Visit::new(stream, deadline(), place), ()),
                Err(_) => sleep(REST).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
