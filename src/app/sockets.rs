//! Listening sockets of operators and their machines: from the service manager, or bound here.

use core::net::SocketAddr;
use std::io;

use tokio::net::TcpListener;

use crate::admin;
use crate::api::{OperatorSocket, SocketFault};
use crate::config::Config;
use crate::manager::{Listening, Sockets};

/// A listener at the address, and the manager keeps it for the next process.
pub(super) async fn listener(address: SocketAddr, manager: &mut Sockets) -> io::Result<TcpListener> {
    match manager.stream(address) {
        Listening::At(socket) => TcpListener::from_std(socket.into()),
        Listening::Covered => Err(io::ErrorKind::AddrInUse.into()),
        Listening::Nowhere => {
            let listener = admin::bind(address).await?;
            manager.keep_stream(&listener);
            Ok(listener)
        }
    }
}

/// The operator's socket, if there is to be one. The next process binds its own, since it is a file.
pub(super) fn operator(config: &Config, manager: &mut Sockets) -> Result<Option<OperatorSocket>, SocketFault> {
    let Some(path) = config.api.socket.as_deref() else { return Ok(None) };
    match manager.file(path) {
        Some(socket) => Ok(Some(OperatorSocket::given(socket.into()))),
        None => OperatorSocket::bind(path).map(Some),
    }
}

/// All listeners have theirs.
pub(super) fn settle(manager: &mut Sockets) {
    if let unasked @ 1.. = manager.settle() {
        tracing::warn!(sockets = unasked, "the socket unit opens what nothing in the configuration listens on");
    }
}
