//! Takes connections in, as long as the caps have room.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Entrance;
use super::connection::{Shared, serve, told};
use crate::addr::ClientAddr;

/// The rest after the system has no descriptor or memory for another connection: that passes only when something else
/// closes, and until then the connection stays at the head of the queue and every try fails at once.
const SHORT_OF_RESOURCES: Duration = Duration::from_millis(100);

/// One listening socket and its connections.
pub(super) struct Accepting {
    pub(super) listener: TcpListener,
    pub(super) entrance: Entrance,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Accepting {
    /// Accepts until told to stop, or until nobody is left to tell; then waits for the connections to end.
    pub(super) async fn run(self) {
        let Self { listener, entrance, shared, stop } = self;
        let transport = entrance.transport();
        let mut own = stop.clone();
        // Bounded by the caps: a task without room under them is not spawned.
        let mut tasks = JoinSet::new();
        let mut short = false;
        loop {
            tokio::select! {
                () = told(&mut own) => break,
                Some(_) = tasks.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((socket, client)) => {
                        short = false;
                        let client = ClientAddr::new(client);
                        if let Some(admitted) = shared.connections.admit(client.socket().ip(), transport) {
                            tasks.spawn(serve(socket, client, admitted, entrance, shared.clone(), stop.clone()));
                        }
                    }
                    Err(error) if is_of_the_client(&error) => {}
                    Err(error) => {
                        if !short {
                            tracing::warn!(transport = transport.label(), %error, "cannot accept connections");
                        }
                        short = true;
                        sleep(SHORT_OF_RESOURCES).await;
                    }
                },
            }
        }
        drop(listener);
        while tasks.join_next().await.is_some() {}
    }
}

/// The client gave up before it was accepted, or its network did (`accept(2)`: errors of the new socket).
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}
