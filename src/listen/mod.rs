//! Clients that reach the relay over TCP or TLS: their connections are accepted, capped, secured and handed to the shards,
//! which read and write them. What stays here is the clock of a connection that has proven nothing, and the door: one port
//! for TURN over TCP and TLS and for HTTP.
//!
//! Sockets are bound by [`Listeners::bind`] before any task runs, so that a start either has all of them or fails.

mod accept;
mod caps;
mod carrier;
mod concerns;
mod connection;
mod door;
mod identities;
mod identity;
mod proxy;
mod renewal;
mod tls;

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::addr::Transport;
use crate::manager::{Listening, Sockets};
use crate::plane::{Patience, StreamGate, advice};
use crate::policy::Network;
use accept::Accepting;
pub use caps::Connections;
pub use concerns::Concern;
pub use door::{Arrival, CLOSED_POLICY, DoorCounts, LARGEST_BODY, Pages, front_page};
pub use identities::Identities;
pub use identity::{Identity, IdentityError, InvalidPair, OpenToAll, PairFiles};
pub use renewal::{Fresh, Reading, Reloads, Renewal, RenewalError, Renewed};
pub use tls::Tls;

/// Connections that may wait to be accepted: some seconds of a hospital's morning; the system may allow fewer.
const BACKLOG: i32 = 1024;

/// What the operator may set about streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where plain TCP is listened to.
    pub tcp: Vec<SocketAddr>,
    /// Where TLS is listened to.
    pub tls: Vec<SocketAddr>,
    /// Where everything is listened to: TURN over TCP and TLS, and HTTP.
    pub door: Vec<SocketAddr>,
    /// How long a connection may live without an allocation, its TLS handshake included.
    pub stranger_deadline: Duration,
    /// Connections from one source at a time: one IPv4 address or one IPv6 /64.
    pub connections_per_source: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Load balancers, which must say by the PROXY protocol whose connection it is.
    pub proxies: Vec<Network>,
    /// Bytes that may wait to be written to one client, see [`Patience::bytes`].
    pub send_queue: usize,
    /// How long media may wait to be written to one client.
    pub send_age: Duration,
}

impl Settings {
    /// Every address that streams are listened to at.
    pub fn streams(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.tcp.iter().chain(&self.tls).chain(&self.door).copied()
    }
}

/// An address that cannot be listened to. Nothing is left bound.
#[derive(Debug)]
pub struct BindError {
    /// TCP or TLS: which list of the settings the address is from.
    pub transport: Transport,
    /// As it stands in the settings.
    pub address: SocketAddr,
    /// What the system says.
    pub cause: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "cannot listen on {} {}: {}{}",
            self.transport.label(),
            self.address,
            self.cause,
            advice(&self.cause)
        )
    }
}

impl core::error::Error for BindError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Why listeners that are bound cannot run.
#[derive(Debug)]
pub enum RunError {
    /// There is no shard to hand messages to.
    NoShards,
    /// TLS is listened to, alone or at the door, but there is no certificate.
    NoCertificate,
    /// The runtime does not take the sockets.
    System(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoShards => formatter.write_str("no shard runs that could serve connections"),
            Self::NoCertificate => formatter.write_str(
                "`listen.tls` or `listen.door` has addresses but there is no certificate: set `tls.certificate` and \
                 `tls.key`, or empty it",
            ),
            Self::System(cause) => write!(formatter, "the runtime does not take the listening sockets: {cause}"),
        }
    }
}

impl core::error::Error for RunError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::System(cause) => Some(cause),
            Self::NoShards | Self::NoCertificate => None,
        }
    }
}

/// Sockets that are bound but not yet accepted from.
#[derive(Debug)]
pub struct Listeners {
    settings: Settings,
    sockets: Vec<Bound>,
}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entrance {
    Tcp,
    Tls,
    /// Whatever comes.
    Door,
}

impl Entrance {
    /// What a connection is until more is known of it.
    const fn transport(self) -> Transport {
        match self {
            Self::Tcp | Self::Door => Transport::Tcp,
            Self::Tls => Transport::Tls,
        }
    }
}

#[derive(Debug)]
struct Bound {
    entrance: Entrance,
    address: SocketAddr,
    socket: std::net::TcpListener,
}

impl Listeners {
    /// Binds every address. From here on clients may connect; they wait until [`Listeners::run`].
    ///
    /// # Errors
    /// [`BindError`]: the first address that cannot be listened to.
    pub fn bind(settings: &Settings) -> Result<Self, BindError> {
        Self::bind_with(settings, &mut Sockets::default())
    }

    /// The same, where the service manager may have some of the sockets, and is asked to keep the others.
    ///
    /// # Errors
    /// As [`Listeners::bind`].
    pub fn bind_with(settings: &Settings, manager: &mut Sockets) -> Result<Self, BindError> {
        let tcp = settings.tcp.iter().map(|address| (Entrance::Tcp, *address));
        let tls = settings.tls.iter().map(|address| (Entrance::Tls, *address));
        let door = settings.door.iter().map(|address| (Entrance::Door, *address));
        let mut sockets = Vec::new();
        for (entrance, address) in tcp.chain(tls).chain(door) {
            let refused = |cause| BindError { transport: entrance.transport(), address, cause };
            let bound = bind_one(address, manager).map_err(refused)?;
            sockets.extend(bound.map(|(socket, address)| Bound { entrance, address, socket }));
        }
        Ok(Self { settings: settings.clone(), sockets })
    }

    /// What is bound, with the port that the system chose where the settings say 0; first TCP, then TLS, each in the
    /// order of the settings.
    pub fn addresses(&self) -> impl Iterator<Item = (Transport, SocketAddr)> + '_ {
        let alone = self.sockets.iter().filter(|bound| bound.entrance != Entrance::Door);
        alone.map(|bound| (bound.entrance.transport(), bound.address))
    }

    /// The same of the door.
    pub fn doors(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.iter().filter(|bound| bound.entrance == Entrance::Door).map(|bound| bound.address)
    }

    /// Accepts connections until [`Running::stop`]; the door shows `pages`. To be called inside a tokio runtime with time
    /// and I/O.
    ///
    /// # Errors
    /// [`RunError`]: something that every connection needs is missing.
    pub fn run(self, gates: Vec<StreamGate>, tls: Option<Arc<Tls>>, pages: Pages) -> Result<Running, RunError> {
        if gates.is_empty() {
            return Err(RunError::NoShards);
        }
        if tls.is_none() && self.sockets.iter().any(|bound| bound.entrance != Entrance::Tcp) {
            return Err(RunError::NoCertificate);
        }
        let connections = Arc::new(Connections::new(self.settings.connections, self.settings.connections_per_source));
        let stop = watch::Sender::new(false);
        let shared = Arc::new(connection::Shared {
            gates,
            tls,
            connections: connections.clone(),
            stranger_deadline: self.settings.stranger_deadline,
            proxies: self.settings.proxies,
            patience: Patience { bytes: self.settings.send_queue, age: self.settings.send_age },
            door: door::Door::new(pages),
        });
        let mut tasks = JoinSet::new();
        for bound in self.sockets {
            let listener = TcpListener::from_std(bound.socket).map_err(RunError::System)?;
            let accepting =
                Accepting { listener, entrance: bound.entrance, shared: shared.clone(), stop: stop.subscribe() };
            tasks.spawn(accepting.run());
        }
        Ok(Running { stop, tasks, connections })
    }
}

/// The socket of an address; `None` if a wildcard's that the service manager has opened accepts for it as well.
fn bind_one(address: SocketAddr, manager: &mut Sockets) -> io::Result<Option<(std::net::TcpListener, SocketAddr)>> {
    let socket = match manager.stream(address) {
        Listening::At(socket) => socket.into(),
        Listening::Covered => return Ok(None),
        Listening::Nowhere => {
            let socket = open_one(address)?;
            manager.keep_stream(&socket);
            socket
        }
    };
    let address = socket.local_addr()?;
    Ok(Some((socket, address)))
}

fn open_one(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the last run in TIME_WAIT must not keep the next one from starting.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Each family has its own socket, so that an IPv4 client never shows as mapped IPv6.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Listeners at work. Dropping it closes everything at once, without the grace of [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    connections: Arc<Connections>,
}

impl Running {
    /// How many connections there are, and what became of those that did not come about. For metrics; stays readable
    /// after the end.
    #[must_use]
    pub fn connections(&self) -> Arc<Connections> {
        self.connections.clone()
    }

    /// Accepts no more, lets every connection write what waits for a second at most, and closes it. Returns when all are
    /// closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
