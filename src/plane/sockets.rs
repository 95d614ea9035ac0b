//! Sockets: how they are bound, and the relayed ports that all shards share.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::ports::{Chance, Numbers};
use super::trains::Habit;
use super::{RelayAddress, Tuning, sys};
use crate::addr::{Family, RelayedAddr};
use crate::manager::Sockets;
use crate::time::Moment;
use crate::turn::{Opened, Pool, Port, PortKey};

/// Bytes asked for on each side of a listening socket, which carries all clients of a shard: 4 MiB is 30 ms of 1 Gbit/s.
const LISTENER_BUFFER: usize = 4 << 20;
/// Bytes asked for to receive on a relayed port, which carries one client's peers: a key frame of some hundred packets that
/// arrives at line rate. Only what waits is charged, so an idle allocation costs nothing.
const RELAY_BUFFER: usize = 512 << 10;
/// How often another number is tried when somebody else has the port.
const TRIES: usize = 8;

fn datagram_socket(address: SocketAddr) -> io::Result<Socket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Fails if anybody listens on the address already. SO_REUSEPORT alone would let a second relay take half of the clients
/// away without a word.
pub(super) fn check_free(address: SocketAddr) -> io::Result<()> {
    datagram_socket(address)?.bind(&address.into())
}

/// Binds one shard's socket of a listening address. All of them together form the group over which the system spreads
/// clients, always the same client to the same socket while the group does not change. Says where it is bound.
pub(super) fn bind_listener(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = datagram_socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    let bound = prepare_listener(&socket)?;
    Ok((socket.into(), bound))
}

/// Sets what a listening socket needs, whoever has bound it; says where it is bound.
pub(super) fn prepare_listener(socket: &impl AsFd) -> io::Result<SocketAddr> {
    let socket = SockRef::from(socket);
    // The forced sizes need CAP_NET_ADMIN; without it the system's limits hold.
    if setsockopt(&*socket, sockopt::RcvBufForce, &LISTENER_BUFFER).is_err() {
        socket.set_recv_buffer_size(LISTENER_BUFFER)?;
    }
    if setsockopt(&*socket, sockopt::SndBufForce, &LISTENER_BUFFER).is_err() {
        socket.set_send_buffer_size(LISTENER_BUFFER)?;
    }
    take_trains(&socket);
    let bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidInput)?;
    sys::set_dont_fragment(socket.as_fd(), family_of(bound), false)?;
    Ok(bound)
}

fn bind_relay(address: SocketAddr) -> io::Result<RelaySocket> {
    let socket = datagram_socket(address)?;
    // First, because it fails most often: somebody else has the port.
    socket.bind(&address.into())?;
    prepare_relay(socket, family_of(address))
}

/// Sets what the socket of a relayed port needs, whoever has bound it.
fn prepare_relay(socket: Socket, family: Family) -> io::Result<RelaySocket> {
    socket.set_recv_buffer_size(RELAY_BUFFER)?;
    match family {
        Family::V4 => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        Family::V6 => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    sys::set_dont_fragment(socket.as_fd(), family, false)?;
    take_trains(&socket);
    Ok(RelaySocket { socket: socket.into(), family, dont_fragment: false, trains: true, habit: Habit::default() })
}

/// Messages of several datagrams may come on this socket (`UDP_GRO`). Where the system knows no such thing they come one by
/// one, as everywhere else.
fn take_trains(socket: &Socket) {
    if let Err(error) = setsockopt(socket, sockopt::UdpGroSegment, &true) {
        tracing::debug!(%error, "this socket receives its datagrams one by one");
    }
}

const fn family_of(address: SocketAddr) -> Family {
    Family::of(address.ip())
}

/// The socket of a relayed port.
#[derive(Debug)]
pub(super) struct RelaySocket {
    pub(super) socket: OwnedFd,
    pub(super) family: Family,
    /// What the socket is set to.
    dont_fragment: bool,
    /// Whether several datagrams may leave in one message; until the system says that they may not.
    pub(super) trains: bool,
    pub(super) habit: Habit,
}

/// A shard's socket of a listening address.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: OwnedFd,
    /// As for a [`RelaySocket`].
    pub(super) trains: bool,
    pub(super) habit: Habit,
}

impl Listener {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket, trains: true, habit: Habit::default() }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl RelaySocket {
    /// Sets the DF bit of what is sent next, if it is not set so already.
    pub(super) fn set_dont_fragment(&mut self, wanted: bool) -> io::Result<()> {
        if self.dont_fragment != wanted {
            sys::set_dont_fragment(self.as_fd(), self.family, wanted)?;
            self.dont_fragment = wanted;
        }
        Ok(())
    }

    fn key(&self) -> Option<PortKey> {
        u32::try_from(self.socket.as_raw_fd()).ok().map(PortKey)
    }
}

impl AsFd for RelaySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Relayed ports that are open and not yet anybody's, and the numbers of those that are not open. Shared by all shards,
/// because a port reserved by token may find its owner on another shard; touched when an allocation begins or ends.
#[derive(Debug)]
pub(super) struct Ports {
    addresses: Vec<RelayAddress>,
    numbers: Mutex<(Chance, Vec<Numbers>)>,
    spare: Mutex<HashMap<PortKey, RelaySocket>>,
    tuning: Arc<Tuning>,
}

impl Ports {
    pub(super) fn new(addresses: Vec<RelayAddress>, range: &core::ops::RangeInclusive<u16>, chance: Chance) -> Self {
        let numbers = addresses.iter().map(|address| Numbers::new(address.local, range.clone())).collect();
        Self { addresses, numbers: Mutex::new((chance, numbers)), spare: Mutex::default(), tuning: Arc::default() }
    }

    /// The same, with sockets that poll as they are told.
    pub(super) fn tuned(mut self, tuning: &Arc<Tuning>) -> Self {
        self.tuning = Arc::clone(tuning);
        self
    }

    /// Opens a port or a pair. `None`: the range or the descriptors are used up.
    pub(super) fn open(&self, pool: Pool, now: Moment) -> Option<Opened> {
        let (Pool::Single(family) | Pool::Pair(family)) = pool;
        let address = *self.addresses.iter().find(|address| Family::of(address.local) == family)?;
        for _ in 0..TRIES {
            let (first, second) = self.draw(address.local, pool, now)?;
            let opened = bind_relay((address.local, first).into()).and_then(|one| {
                let two = second.map(|port| bind_relay((address.local, port).into())).transpose()?;
                Ok((one, two))
            });
            match opened {
                Ok((one, two)) => {
                    let one = self.keep(one, (address.external, first).into())?;
                    let two = second.zip(two).map(|(port, two)| self.keep(two, (address.external, port).into()));
                    return match two {
                        None => Some(Opened::Single(one)),
                        Some(two) => Some(Opened::Pair(one, two?)),
                    };
                }
                // Somebody else has it: its number rests, so that it is not tried again at once.
                Err(error) => {
                    self.rest(address.local, first, now);
                    second.into_iter().for_each(|port| self.rest(address.local, port, now));
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Opens the port of an allocation of the process before, or takes its socket from the service manager, which has kept
    /// it open. `None`: it is not of the range, or somebody else has it.
    pub(super) fn reopen(&self, relayed: RelayedAddr, manager: &mut Sockets, now: Moment) -> Option<Port> {
        let relayed = relayed.socket();
        let local = self.addresses.iter().find(|address| address.external == relayed.ip())?.local;
        if !self.take_number(local, relayed.port(), now) {
            return None;
        }
        let at = SocketAddr::new(local, relayed.port());
        let socket = match manager.relayed(at) {
            Some(socket) => prepare_relay(socket.into(), family_of(at)),
            None => bind_relay(at),
        };
        match socket {
            Ok(socket) => self.keep(socket, relayed),
            Err(_) => {
                self.rest(local, relayed.port(), now);
                None
            }
        }
    }

    fn take_number(&self, local: IpAddr, port: u16, now: Moment) -> bool {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.1.iter_mut().find(|numbers| numbers.local == local).is_some_and(|numbers| numbers.take(port, now))
    }

    fn draw(&self, local: IpAddr, pool: Pool, now: Moment) -> Option<(u16, Option<u16>)> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let (chance, numbers) = &mut *numbers;
        let numbers = numbers.iter_mut().find(|numbers| numbers.local == local)?;
        match pool {
            Pool::Single(_) => numbers.draw(chance, now).map(|port| (port, None)),
            Pool::Pair(_) => numbers.draw_pair(chance, now).map(|(even, odd)| (even, Some(odd))),
        }
    }

    fn keep(&self, socket: RelaySocket, relayed: SocketAddr) -> Option<Port> {
        let key = socket.key()?;
        // What a listener may, which was bound before, this one may as well.
        self.tuning.poll_busily(&socket).ok();
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).insert(key, socket);
        Some(Port::new(key, RelayedAddr::new(relayed)))
    }

    /// A spare port finds its owner: the socket leaves for the owner's shard.
    pub(super) fn take(&self, key: PortKey) -> Option<RelaySocket> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).remove(&key)
    }

    /// The port's socket is closed; its number rests.
    pub(super) fn closed(&self, port: &Port, now: Moment) {
        let relayed = port.relayed().socket();
        if let Some(address) = self.addresses.iter().find(|address| address.external == relayed.ip()) {
            self.rest(address.local, relayed.port(), now);
        }
    }

    fn rest(&self, local: IpAddr, port: u16, now: Moment) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(numbers) = numbers.1.iter_mut().find(|numbers| numbers.local == local) {
            numbers.rest(port, now);
        }
    }

    /// Where a datagram for this address really goes: our own external addresses may not be reachable from here.
    pub(super) fn inward(&self, address: SocketAddr) -> SocketAddr {
        translate(address, self.addresses.iter().map(|each| (each.external, each.local)))
    }

    /// Who a datagram is from, as the world sees it.
    pub(super) fn outward(&self, address: SocketAddr) -> SocketAddr {
        translate(address, self.addresses.iter().map(|each| (each.local, each.external)))
    }
}

fn translate(address: SocketAddr, mut pairs: impl Iterator<Item = (IpAddr, IpAddr)>) -> SocketAddr {
    match pairs.find(|&(from, to)| from != to && from == address.ip()) {
        Some((_, to)) => SocketAddr::new(to, address.port()),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng;

    fn ports(range: core::ops::RangeInclusive<u16>, external: [u8; 4]) -> Ports {
        let addresses = vec![RelayAddress { local: [127, 0, 0, 1].into(), external: external.into() }];
        Ports::new(addresses, &range, Chance::Seeded(Box::new(rand_chacha::ChaCha8Rng::seed_from_u64(1))))
    }

    #[test]
    fn our_external_address_is_reached_inside_and_shown_outside() {
        let ports = ports(40_000..=40_001, [203, 0, 113, 5]);
        assert_eq!(ports.inward(([203, 0, 113, 5], 9).into()), ([127, 0, 0, 1], 9).into());
        assert_eq!(ports.outward(([127, 0, 0, 1], 9).into()), ([203, 0, 113, 5], 9).into());
        assert_eq!(ports.inward(([203, 0, 113, 6], 9).into()), ([203, 0, 113, 6], 9).into());
        assert_eq!(ports.outward(([127, 0, 0, 2], 9).into()), ([127, 0, 0, 2], 9).into());
    }

    #[test]
    fn the_port_of_a_running_call_is_opened_again_and_drawn_for_nobody_else() -> io::Result<()> {
        let stranger = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
        let port = stranger.local_addr()?.port();
        let lone = ports(port..=port, [203, 0, 113, 5]);
        let (relayed, now) = (RelayedAddr::new(([203, 0, 113, 5], port).into()), Moment::from_secs(100));
        assert_eq!(lone.reopen(relayed, &mut Sockets::default(), now), None, "somebody else has it");
        drop(stranger);
        let later = Moment::from_secs(160);
        assert_eq!(
            lone.reopen(RelayedAddr::new(([203, 0, 113, 6], port).into()), &mut Sockets::default(), later),
            None
        );
        let again = lone.reopen(relayed, &mut Sockets::default(), later).map(|port| port.relayed());
        assert_eq!(again, Some(relayed));
        assert_eq!(lone.open(Pool::Single(Family::V4), later), None);
        Ok(())
    }

    #[test]
    fn a_port_that_somebody_else_has_is_passed_over() -> io::Result<()> {
        let stranger = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
        let taken = stranger.local_addr()?.port();
        let lone = ports(taken..=taken, [127, 0, 0, 1]);
        assert_eq!(lone.open(Pool::Single(Family::V4), Moment::ZERO), None);
        drop(stranger);
        assert_eq!(lone.open(Pool::Single(Family::V4), Moment::from_secs(59)), None);
        assert!(lone.open(Pool::Single(Family::V4), Moment::from_secs(60)).is_some());
        Ok(())
    }
}
