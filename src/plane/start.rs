//! From settings to running shards, and back.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::ports::{Chance, SystemRandom};
use super::rings::Rings;
use super::shard::{Fact, Shard, ShardHandle};
use super::sockets::{Ports, bind_listener, check_free, prepare_listener};
use super::stream::StreamGate;
use super::succession::{Resumed, Succession};
use super::udp::UdpNet;
use super::wake::Waker;
use super::{Settings, sys};
use crate::clock::SystemClock;
use crate::journal::Picture;
use crate::manager::{MisfitGroup, Sockets};
use crate::turn::Relay;

/// Facts that may wait for `app`: some seconds of a busy relay's allocations. Beyond that they are lost and counted; the
/// tallies stay right.
const WAITING_FACTS: usize = 8192;

/// Why the data plane did not start. Nothing is left behind.
#[derive(Debug)]
pub enum StartError {
    /// A listening address cannot be bound.
    Listen {
        /// Its place in `listen.udp`, as written there with wildcards resolved.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The socket unit does not fit.
    Manager(MisfitGroup),
    /// The sockets may not poll busily.
    BusyPoll(io::Error),
    /// The system gave no epoll set, eventfd, thread or randomness.
    System(io::Error),
    /// `shards` is 0.
    NoShards,
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // An address of ours, not a patient's: the operator needs it to find the fault.
            Self::Listen { address, cause } => {
                write!(formatter, "cannot listen on udp {address}: {cause}{}", advice(cause))
            }
            Self::Manager(misfit) => fmt::Display::fmt(misfit, formatter),
            Self::BusyPoll(cause) => write!(
                formatter,
                "the system refuses busy polling: {cause}; server.busy_poll beyond net.core.busy_read needs CAP_NET_ADMIN: \
                 raise that sysctl, give the capability, or set it to 0"
            ),
            Self::System(cause) => write!(formatter, "the system refuses what a shard needs: {cause}"),
            Self::NoShards => formatter.write_str("0 shards: at least 1 is needed"),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Listen { cause, .. } | Self::BusyPoll(cause) | Self::System(cause) => Some(cause),
            Self::Manager(_) | Self::NoShards => None,
        }
    }
}

/// What to do about an address that cannot be listened on; empty where nobody knows.
pub(crate) fn advice(cause: &io::Error) -> &'static str {
    let kind = cause.kind();
    if kind == io::ErrorKind::AddrInUse {
        "; another process listens there: perhaps another relay: end it, or choose another port"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "; this host has no such address: see `ip address`"
    } else if kind == io::ErrorKind::PermissionDenied {
        "; ports below 1024 need CAP_NET_BIND_SERVICE, as the unit for systemd gives it, a socket unit, or a lower \
         net.ipv4.ip_unprivileged_port_start"
    } else {
        ""
    }
}

/// Some shards did not stop in time: their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotStopped(pub Vec<usize>);

impl fmt::Display for NotStopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "shards {:?} did not stop in time; end the process", self.0)
    }
}

impl core::error::Error for NotStopped {}

/// What shards leave to the next process.
#[derive(Debug, Default)]
pub struct Left {
    /// Sockets of relayed ports.
    pub sockets: Vec<OwnedFd>,
    /// The shards that hang, if any do. What they have is not among the sockets, nor are their last changes in the journal.
    pub hanging: Option<NotStopped>,
}

/// The running shards. Dropping it stops them without waiting, unless they have been told to leave.
#[derive(Debug)]
pub struct Plane {
    /// Where clients are listened to, in the order of the settings; a port 0 there is the port that the system chose.
    pub udp: Vec<SocketAddr>,
    /// The hold on each shard, by its number.
    pub handles: Vec<ShardHandle>,
    /// The way into each shard for stream clients, by its number.
    pub gates: Vec<StreamGate>,
    /// Facts of all shards; `None` once somebody has taken it.
    pub facts: Option<Receiver<Fact>>,
    /// What goes on from the process before.
    pub resumed: Resumed,
    threads: Vec<Option<JoinHandle<()>>>,
    done: Receiver<(usize, Vec<OwnedFd>)>,
    clock: SystemClock,
}

/// 32 bytes of the system's randomness, as [`Relay::new`] and [`crate::auth::NonceKey`] want them.
///
/// # Errors
/// The system has none.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    sys::random(&mut seed)?;
    Ok(seed)
}

/// Binds everything, opens the first ports, then starts one thread per shard. `make_relay` is asked once for each shard.
///
/// # Errors
/// [`StartError`]: an address that cannot be bound, or a system that refuses what a shard needs.
pub fn start(
    settings: Settings,
    clock: SystemClock,
    make_relay: impl FnMut(usize) -> Relay,
) -> Result<Plane, StartError> {
    let mut manager = Sockets::default();
    let nothing = Picture::default();
    let succession = Succession { manager: &mut manager, picture: &nothing, journal: None };
    resume(settings, clock, succession, make_relay)
}

/// The same, where a process before this one has left something, and another one may follow. What is left goes on before
/// the first datagram is received.
///
/// # Errors
/// As [`start`], and [`StartError::Manager`].
pub fn resume(
    settings: Settings,
    clock: SystemClock,
    mut succession: Succession<'_>,
    mut make_relay: impl FnMut(usize) -> Relay,
) -> Result<Plane, StartError> {
    if settings.shards == 0 {
        return Err(StartError::NoShards);
    }
    raise_descriptor_limit();
    let chance = Chance::System(Box::new(SystemRandom::new().map_err(StartError::System)?));
    let tuning = Arc::new(settings.tuning.clone());
    let ports = Arc::new(Ports::new(settings.relay.clone(), &settings.ports, chance).tuned(&tuning));
    let (facts, receiver) = sync_channel(WAITING_FACTS);
    let (mut shards, mut handles, mut gates) = (Vec::new(), Vec::new(), Vec::new());
    let (udp, sockets) = bind_all(&settings, succession.manager)?;
    let wakers = sockets.iter().map(|_| Waker::new()).collect::<io::Result<Vec<_>>>().map_err(StartError::System)?;
    let ways = wakers.iter().cloned().zip(Rings::connect(&wakers));
    for (listeners, (waker, rings)) in sockets.into_iter().zip(ways) {
        let index = shards.len();
        let net = UdpNet::new(clock, listeners, ports.clone(), waker.clone(), rings);
        let (net, gate) = net.map_err(StartError::System)?;
        tuning.wait_busily(&net);
        let (shard, handle) = Shard::new(index, net, make_relay(index), waker, facts.clone());
        shards.push(shard);
        handles.push(handle);
        gates.push(gate);
    }
    // Ports of what goes on first: afterwards their numbers might be others'.
    let resumed = succession.restore(&mut shards, &ports, clock.now());
    shards.iter_mut().for_each(Shard::fill);
    // One message per shard: nobody ever waits to send it.
    let (sender, done) = sync_channel(shards.len());
    let mut plane = Plane { udp, handles, gates, facts: Some(receiver), resumed, threads: Vec::new(), done, clock };
    for (index, shard) in shards.into_iter().enumerate() {
        let (sender, tuning) = (sender.clone(), Arc::clone(&tuning));
        let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            tuning.pin(index);
            let left = shard.run();
            sender.try_send((index, left)).ok();
        });
        // On failure `plane` is dropped, which stops the threads that run already.
        plane.threads.push(Some(thread.map_err(StartError::System)?));
    }
    Ok(plane)
}

/// A relayed port is a descriptor, and the usual soft limit of 1024 would be the limit of allocations: up to the hard one.
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(soft, hard)| if soft < hard { setrlimit(Resource::RLIMIT_NOFILE, hard, hard) } else { Ok(()) });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is; each relayed port needs one");
    }
}

/// The listening addresses, and the sockets by shard. For each address all at once, in the order of the shards.
fn bind_all(settings: &Settings, manager: &mut Sockets) -> Result<(Vec<SocketAddr>, Vec<Vec<OwnedFd>>), StartError> {
    let mut listeners: Vec<Vec<_>> = (0..settings.shards).map(|_| Vec::new()).collect();
    let mut bound = Vec::new();
    for &wanted in &settings.udp {
        let refused = |cause| StartError::Listen { address: wanted, cause };
        let mut address = wanted;
        let group = match manager.datagrams(wanted, settings.shards).map_err(StartError::Manager)? {
            Some(group) => {
                for socket in &group {
                    prepare_listener(socket).map_err(refused)?;
                }
                group
            }
            None => {
                let group = bind_group(&mut address, settings.shards).map_err(refused)?;
                manager.keep_datagrams(&group);
                group
            }
        };
        for (shard, socket) in listeners.iter_mut().zip(group) {
            settings.tuning.poll_busily(&socket).map_err(StartError::BusyPoll)?;
            shard.push(socket);
        }
        bound.push(address);
    }
    Ok((bound, listeners))
}

/// The sockets of an address, one for each shard.
fn bind_group(address: &mut SocketAddr, shards: usize) -> io::Result<Vec<OwnedFd>> {
    check_free(*address)?;
    let bind = |_| {
        // The first socket settles what port 0 means for the others.
        let (socket, at) = bind_listener(*address)?;
        *address = at;
        Ok(socket)
    };
    (0..shards).map(bind).collect()
}

impl Plane {
    /// Ends every allocation and every shard, and waits for the threads, `within` at most. Facts of the end are in
    /// [`Plane::facts`] when this returns.
    ///
    /// # Errors
    /// [`NotStopped`]: these shards hang.
    pub fn stop(&mut self, within: Duration) -> Result<(), NotStopped> {
        self.handles.iter().for_each(ShardHandle::stop);
        self.wait(0, within);
        self.hanging().map_or(Ok(()), Err)
    }

    /// Ends every shard and leaves the allocations to the next process: the journal has those of all that do not hang when
    /// this returns, `within` at most, and here are the sockets of their relayed ports.
    ///
    /// Shard 0 is the last one, because it hands in what all share: a handshake that another one judges in its last turn
    /// must be in it. It leaves even if the others hang, in the half of the time that is kept for it.
    pub fn leave(&mut self, within: Duration) -> Left {
        self.handles.iter().skip(1).for_each(ShardHandle::leave);
        let mut sockets = self.wait(1, within / 2);
        self.handles.iter().for_each(ShardHandle::leave);
        sockets.extend(self.wait(0, within / 2));
        Left { sockets, hanging: self.hanging() }
    }

    /// Waits for the threads from this one on; says what those left that ended in time.
    fn wait(&mut self, from: usize, within: Duration) -> Vec<OwnedFd> {
        let deadline = self.clock.now().moment + within;
        let mut sockets = Vec::new();
        while self.threads.iter().skip(from).any(Option::is_some) {
            let Ok((index, left)) = self.done.recv_timeout(deadline.since(self.clock.now().moment)) else { break };
            sockets.extend(left);
            if let Some(thread) = self.threads.get_mut(index).and_then(Option::take) {
                // It is about to return; a panic in it has been reported by the panic hook.
                thread.join().ok();
            }
        }
        sockets
    }

    fn hanging(&self) -> Option<NotStopped> {
        let running = self.threads.iter().enumerate().filter(|(_, thread)| thread.is_some());
        let hanging: Vec<usize> = running.map(|(index, _)| index).collect();
        (!hanging.is_empty()).then_some(NotStopped(hanging))
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.handles.iter().for_each(ShardHandle::stop);
    }
}

#[cfg(test)]
mod tests;
