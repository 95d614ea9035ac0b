//! The doors: so many connections at once, each for so long, whatever they send or read meanwhile. Behind each, who the
//! visitor is, as the kernel or a certificate says.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls;
use crate::visit::{Visit, deadline, place};

/// Connections at once through one door; others wait in the system's queue.
const CONNECTIONS: usize = 64;
/// How much of its time the TLS handshake of a connection may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The rest after the system has no descriptor or memory for another connection.
const REST: Duration = Duration::from_millis(100);

/// What a connection tells of whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// A process of this host, by the kernel's word.
    User {
        /// Its user.
        user: u32,
        /// Its group.
        group: u32,
    },
    /// Somebody who came over the network.
    Network {
        /// The DNS names of the certificate that was shown and verified; none without one.
        names: Vec<String>,
    },
}

/// The door for users of this host.
pub(super) struct UnixDoor {
    listener: UnixListener,
    places: Arc<Semaphore>,
}

impl UnixDoor {
    pub(super) fn new(listener: UnixListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl Listener for UnixDoor {
    type Io = Visit<UnixStream>;
    type Addr = Visitor;

    async fn accept(&mut self) -> (Self::Io, Visitor) {
        let place = place(&self.places).await;
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                sleep(REST).await;
                continue;
            };
            // Of whom the kernel knows nothing is nobody.
            let Ok(peer) = stream.peer_cred() else { continue };
            let visit = Visit::new(stream, deadline(), place);
            return (visit, Visitor::User { user: peer.uid(), group: peer.gid() });
        }
    }

    fn local_addr(&self) -> io::Result<Visitor> {
        Ok(Visitor::Network { names: Vec::new() })
    }
}

type Secured = Visit<TlsStream<TcpStream>>;

/// The door for the network: TLS, with or without a certificate of the client. Handshakes run beside each other, so that
/// a slow one keeps nobody waiting.
pub(super) struct TlsDoor {
    secured: mpsc::Receiver<(Secured, Visitor)>,
    /// Accepts for as long as the door is there.
    _accepting: JoinSet<()>,
}

impl TlsDoor {
    pub(super) fn new(listener: TcpListener, config: Arc<ArcSwap<ServerConfig>>) -> Self {
        let (ready, secured) = mpsc::channel(CONNECTIONS);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, config, ready));
        Self { secured, _accepting: accepting }
    }
}

async fn accept(listener: TcpListener, config: Arc<ArcSwap<ServerConfig>>, ready: mpsc::Sender<(Secured, Visitor)>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut handshakes = JoinSet::new();
    loop {
        let place = place(&places).await;
        let Ok((stream, _)) = listener.accept().await else {
            sleep(REST).await;
            continue;
        };
        // What has ended is forgotten; there are never more than places.
        while handshakes.try_join_next().is_some() {}
        let (acceptor, ready) = (TlsAcceptor::from(config.load_full()), ready.clone());
        handshakes.spawn(async move {
            let deadline = deadline();
            let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
            let names = tls::names(stream.get_ref().1.peer_certificates());
            let visit = Visit::new(stream, deadline, place);
            // It fails when the door is closed, and then the visit ends.
            ready.send((visit, Visitor::Network { names })).await.ok();
        });
    }
}

impl Listener for TlsDoor {
    type Io = Secured;
    type Addr = Visitor;

    async fn accept(&mut self) -> (Secured, Visitor) {
        match self.secured.recv().await {
            Some(visit) => visit,
            None => core::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Visitor> {
        Ok(Visitor::Network { names: Vec::new() })
    }
}

impl Connected<IncomingStream<'_, UnixDoor>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, UnixDoor>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Connected<IncomingStream<'_, TlsDoor>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, TlsDoor>) -> Self {
        stream.remote_addr().clone()
    }
}
