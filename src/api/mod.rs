//! The operator's way in: what runs, what is revoked, and credentials for those who may have some. Over a Unix socket,
//! where the kernel says who asks, and over TLS, where an API key or a certificate does. `docs/api.md` has every route.
//!
//! [`Api`] answers for a [`Relay`], which `app` implements; [`Access`] says who may what. Nothing is shown but the opaque
//! ids that tokens have anyway.

mod access;
mod answer;
mod client;
mod counts;
mod description;
mod door;
mod endpoint;
mod keys;
mod minter;
mod people;
mod problem;
mod question;
mod relay;
pub mod review;
mod role;
mod service;
mod socket;
mod tls;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use access::{Access, MOST_CERTIFICATES};
pub use client::{NoAnswer, ask};
pub use counts::Counts;
pub use description::{DESCRIPTION_PATH, description};
pub use endpoint::Endpoint;
pub use keys::{ApiKey, ApiKeys, InvalidApiKeys, KeyId, LONGEST_NAME, MOST_API_KEYS, NoRandomness, is_name};
pub use minter::Minter;
pub use people::{People, Person};
pub use problem::Problem;
pub use question::MOST_ENTRIES;
pub use relay::{Deed, Enrolment, NotEnrolled, NotRevoked, Relay, Revoking, Status, Unavailable};
pub use role::{Caller, InvalidRole, Right, Role, Who};
pub use service::{Api, LARGEST_BODY};
pub use socket::{OperatorSocket, SocketFault};
pub use tls::{UnusableAuthority, server_config};

use door::{TlsDoor, UnixDoor, Visitor};

/// Doors at work. Dropping it closes them, and removes the file of the socket.
#[derive(Debug)]
pub struct Doors {
    _tasks: JoinSet<io::Result<()>>,
    _file: Option<socket::File>,
}

/// Opens the doors. To be called inside a tokio runtime.
///
/// # Errors
/// The runtime does not take a socket.
pub fn open(
    api: &Arc<Api>,
    socket: Option<OperatorSocket>,
    network: Vec<TcpListener>,
    tls: Option<&Arc<ArcSwap<ServerConfig>>>,
) -> io::Result<Doors> {
    let service = || api.router().into_make_service_with_connect_info::<Visitor>();
    let mut tasks = JoinSet::new();
    let mut file = None;
    if let Some(socket) = socket {
        let (listener, kept) = socket.listener()?;
        file = kept;
        let serving = axum::serve(UnixDoor::new(listener), service());
        tasks.spawn(async move { serving.await });
    }
    for (listener, config) in network.into_iter().filter_map(|listener| Some((listener, tls?))) {
        let serving = axum::serve(TlsDoor::new(listener, Arc::clone(config)), service());
        tasks.spawn(async move { serving.await });
    }
    Ok(Doors { _tasks: tasks, _file: file })
}
