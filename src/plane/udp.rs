//! The driver for Linux: epoll, batches of datagrams in and out, and the network's complaints from the error queue.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::net::Net;
use super::rings::Rings;
use super::sockets::{Ports, RelaySocket};
use super::stream::{STREAM, StreamGate, Streams};
use super::sys::{self, BATCH, Batch, QueuedError};
use super::wake::Waker;
use crate::addr::{ClientAddr, ConnectionId, Family, FiveTuple, Link, PeerAddr};
use crate::clock::SystemClock;
use crate::time::{Moment, Now};
use crate::turn::{Discard, Event, Opened, Origin, Pool, Port, PortKey, Slot, Tally, Verdict};
use crate::wire::attribute::Icmp;

/// Ready sockets per turn at most. Fewer than the slots that streams leave over, so that every one of them gets a slot;
/// the system reports the others in the next turn, and those first that have waited longest.
const READY: usize = 32;
/// Datagrams from one relayed port per turn, so that one peer cannot fill the batch.
const FROM_ONE_PORT: usize = 16;
/// Complaints of the network about one relayed port per turn.
const ERRORS_FROM_ONE_PORT: usize = 4;
/// A shard never sleeps longer, so that its heartbeat shows that it is alive.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Tokens of the epoll set: a relayed port is its descriptor, which is below 2^31.
const LISTENER: u64 = 1 << 32;
const BELL: u64 = 1 << 33;
/// In the keys of a batch's groups: from this port, with the DF bit.
const DONT_FRAGMENT: u64 = 1 << 34;
/// Not to be sent, or sent already.
const NOWHERE: u64 = u64::MAX;

/// The UDP driver of one shard.
pub struct UdpNet {
    clock: SystemClock,
    now: Now,
    epoll: Arc<Epoll>,
    ready: [EpollEvent; READY],
    readied: usize,
    waker: Waker,
    streams: Streams,
    rings: Rings,
    listeners: Vec<OwnedFd>,
    /// The relayed ports that allocations of this shard own, by descriptor.
    relays: Vec<Option<RelaySocket>>,
    ports: Arc<Ports>,
    slots: Vec<Slot>,
    filled: usize,
    batch: Box<Batch>,
    /// Whether the system takes several datagrams in one message; until it says that it does not.
    trains: bool,
    /// Datagrams of a family that the relayed port does not speak: an embedded IPv4 address as the source of IPv6.
    strays: u64,
}

impl UdpNet {
    /// Over listening sockets that are bound already. `waker` wakes this shard, `rings` lead to the others.
    pub(super) fn new(
        clock: SystemClock,
        listeners: Vec<OwnedFd>,
        ports: Arc<Ports>,
        waker: Waker,
        rings: Rings,
    ) -> io::Result<(Self, StreamGate)> {
        let epoll = Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        for (token, listener) in (LISTENER..).zip(&listeners) {
            epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        }
        if let Some(bell) = waker.watched() {
            epoll.add(bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        }
        let (gate, streams) = Streams::new(waker.clone(), Some(epoll.clone()));
        let net = Self {
            clock,
            now: clock.now(),
            epoll,
            ready: [EpollEvent::empty(); READY],
            readied: 0,
            waker,
            streams,
            rings,
            listeners,
            relays: Vec::new(),
            ports,
            slots: (0..BATCH).map(|_| Slot::new()).collect(),
            filled: 0,
            batch: Batch::new(),
            trains: true,
            strays: 0,
        };
        Ok((net, gate))
    }

    fn timeout(&self, until: Option<Moment>) -> EpollTimeout {
        if self.streams.waiting() || self.rings.waiting() {
            return EpollTimeout::ZERO;
        }
        let sleep = until.map_or(LONGEST_SLEEP, |until| until.since(self.now.moment).min(LONGEST_SLEEP));
        // Rounded up: to wake a moment too early would only mean to sleep again.
        let milliseconds = sleep.as_nanos().div_ceil(1_000_000);
        u16::try_from(milliseconds).map_or(EpollTimeout::ZERO, EpollTimeout::from)
    }

    fn receive_clients(&mut self, token: u64, budget: usize) {
        let Ok(index) = u16::try_from(token ^ LISTENER) else { return };
        let Some(listener) = self.listeners.get(usize::from(index)) else { return };
        let Some(slots) = self.slots.get_mut(self.filled..).and_then(|free| free.get_mut(..budget)) else { return };
        let count = receive(&mut self.batch, listener.as_fd(), slots);
        for (at, slot) in slots.iter_mut().take(count).enumerate() {
            // A sender without an address can not be answered and does not happen; it becomes an empty datagram.
            let (length, from) = self.batch.received(at).unwrap_or((0, nobody()));
            slot.fill(length, Origin::Client(FiveTuple { client: ClientAddr::new(from), link: Link::Udp(index) }));
        }
        self.filled += count;
    }

    fn receive_peers(&mut self, key: PortKey, budget: usize) {
        let Some(relay) = relay_at(&self.relays, key) else { return };
        let Some(slots) = self.slots.get_mut(self.filled..).and_then(|free| free.get_mut(..budget)) else { return };
        let count = receive(&mut self.batch, relay.as_fd(), slots);
        let mut kept = 0;
        for at in 0..count {
            let Some((length, from)) = self.batch.received(at) else { continue };
            let peer = PeerAddr::canonical(self.ports.outward(from));
            if peer.family() != relay.family {
                self.strays += 1;
                continue;
            }
            slots.swap(kept, at);
            if let Some(slot) = slots.get_mut(kept) {
                slot.fill(length, Origin::Peer { port: key, peer });
                kept += 1;
            }
        }
        self.filled += kept;
    }

    /// Reads what the network says about datagrams that did not arrive (RFC 8656 §11.5).
    fn receive_errors(&mut self, key: PortKey, budget: usize) {
        let Some(relay) = relay_at(&self.relays, key) else { return };
        for _ in 0..budget.min(ERRORS_FROM_ONE_PORT) {
            let Some(error) = sys::take_error(relay.as_fd()) else { return };
            let Some(icmp) = icmp_of(relay.family, &error) else { continue };
            let peer = PeerAddr::canonical(self.ports.outward(error.to));
            if let Some(slot) = self.slots.get_mut(self.filled) {
                slot.fill(0, Origin::PeerError { port: key, peer, icmp });
                self.filled += 1;
            }
        }
    }

    /// Says for each slot with which others it leaves, and to which address.
    fn address(&mut self, keys: &mut [u64; BATCH], to: &mut [SocketAddr; BATCH], tally: &mut Tally) {
        for ((slot, key), to) in self.slots.iter_mut().take(self.filled).zip(keys).zip(to) {
            match slot.verdict() {
                Verdict::Discard(_) => {}
                Verdict::ToClient(client) => match client.link {
                    Link::Stream(connection, _) => self.streams.send(connection, slot.message(), tally),
                    Link::Udp(index) => {
                        *key = LISTENER | u64::from(index);
                        *to = client.client.socket();
                    }
                },
                Verdict::ToShard { shard, from, to, serial } => {
                    if !self.rings.push(shard, from, (to, serial), slot) {
                        tally.discard(Discard::ShardFull);
                    }
                }
                Verdict::ToPeer { port, peer, dont_fragment } => match relay_at(&self.relays, port) {
                    Some(relay) if relay.family == peer.family() => {
                        *key = u64::from(port.0) | if dont_fragment { DONT_FRAGMENT } else { 0 };
                        *to = self.ports.inward(peer.socket());
                    }
                    _ => tally.discard(Discard::SendFailed),
                },
            }
        }
    }

    fn send(&mut self, key: u64, order: &[u8], to: &[SocketAddr], tally: &mut Tally) {
        let is_listener = key & LISTENER != 0;
        let socket = if is_listener {
            usize::try_from(key ^ LISTENER).ok().and_then(|index| self.listeners.get(index)).map(AsFd::as_fd)
        } else {
            let port = u32::try_from(key & !DONT_FRAGMENT).map_or(usize::MAX, |port| port as usize);
            let relay = self.relays.get_mut(port).and_then(Option::as_mut);
            relay.and_then(|relay| {
                relay.set_dont_fragment(key & DONT_FRAGMENT != 0).ok()?;
                Some(RelaySocket::as_fd(relay))
            })
        };
        let Some(socket) = socket else {
            return order.iter().for_each(|_| tally.discard(Discard::SendFailed));
        };
        let mut rest = order;
        let mut retried = false;
        let mut trains = self.trains;
        while let Some((&first, others)) = rest.split_first() {
            match transmit(&mut self.batch, socket, &self.slots, rest, first, to, trains) {
                Ok(sent) => {
                    rest = rest.get(sent.max(1)..).unwrap_or_default();
                    retried = false;
                }
                // On a relayed port the error may be an earlier datagram's, which the network reported meanwhile: once.
                Err(error) if !is_listener && !retried && error.kind() != io::ErrorKind::WouldBlock => retried = true,
                // The path or the device takes none: one by one, and each has its own error.
                Err(error) if trains && error.kind() != io::ErrorKind::WouldBlock => {
                    trains = false;
                    self.trains &= error.raw_os_error() != Some(libc::EIO);
                }
                Err(_) => {
                    tally.discard(Discard::SendFailed);
                    rest = others;
                    retried = false;
                }
            }
        }
    }
}

impl Net for UdpNet {
    fn wait(&mut self, until: Option<Moment>) -> Now {
        let timeout = self.timeout(until);
        // An interrupted sleep is a short one.
        self.readied = self.epoll.wait(&mut self.ready, timeout).unwrap_or(0);
        self.now = self.clock.now();
        self.now
    }

    fn recv(&mut self) -> &mut [Slot] {
        self.filled = 0;
        let ready = self.ready;
        let ready = ready.get(..self.readied).unwrap_or_default();
        self.readied = 0;
        if ready.iter().any(|event| event.data() == BELL) {
            self.waker.heard();
        }
        for event in ready.iter().filter(|event| event.data() & STREAM != 0) {
            self.streams.ready(event.data(), event.events());
        }
        self.filled = self.streams.receive(&mut self.slots, self.now.moment);
        self.filled += self.rings.receive(self.slots.get_mut(self.filled..).unwrap_or_default());
        // Listeners first: they speak for all clients. Each socket that has not had its turn is left one slot.
        let mut turns = ready.iter().filter(|event| event.data() & (BELL | STREAM) == 0).count();
        for event in ready.iter().filter(|event| event.data() & (LISTENER | STREAM) == LISTENER) {
            turns -= 1;
            let free = BATCH.saturating_sub(self.filled + turns);
            self.receive_clients(event.data(), free);
        }
        for event in ready.iter().filter(|event| event.data() < LISTENER) {
            let Ok(key) = u32::try_from(event.data()).map(PortKey) else { continue };
            let share = |filled: usize| (BATCH.saturating_sub(filled) / turns.max(1)).clamp(1, FROM_ONE_PORT);
            if event.events().contains(EpollFlags::EPOLLERR) {
                self.receive_errors(key, share(self.filled));
            }
            let budget = share(self.filled).min(BATCH.saturating_sub(self.filled));
            self.receive_peers(key, budget);
            turns = turns.saturating_sub(1);
        }
        self.slots.get_mut(..self.filled).unwrap_or_default()
    }

    fn flush(&mut self, tally: &mut Tally) {
        (0..core::mem::take(&mut self.strays)).for_each(|_| tally.discard(Discard::PeerFamily));
        let mut keys = [NOWHERE; BATCH];
        let mut to = [nobody(); BATCH];
        self.address(&mut keys, &mut to, tally);
        self.streams.flush(tally);
        self.rings.wake();
        let mut order = [0_u8; BATCH];
        for first in 0..self.filled {
            let key = keys.get(first).copied().unwrap_or(NOWHERE);
            if key == NOWHERE {
                continue;
            }
            let mut count = 0;
            for (index, each) in (0_u8..).zip(keys.iter_mut()).skip(first) {
                if *each == key
                    && let Some(place) = order.get_mut(count)
                {
                    *place = index;
                    *each = NOWHERE;
                    count += 1;
                }
            }
            self.send(key, order.get(..count).unwrap_or_default(), &to, tally);
        }
        self.filled = 0;
    }

    fn open(&mut self, pool: Pool) -> Option<Opened> {
        self.ports.open(pool, self.now.moment)
    }

    fn own(&mut self, port: PortKey) {
        let Some(relay) = self.ports.take(port) else { return };
        if let Err(error) = self.epoll.add(&relay, EpollEvent::new(EpollFlags::EPOLLIN, u64::from(port.0))) {
            // The port still sends. Its peers are not heard, which to the client is a broken path; it will try another.
            tracing::error!(%error, "a relayed port cannot be watched: raise fs.epoll.max_user_watches");
        }
        let index = port.0 as usize;
        if self.relays.len() <= index {
            self.relays.resize_with(index + 1, || None);
        }
        if let Some(place) = self.relays.get_mut(index) {
            *place = Some(relay);
        }
    }

    fn close(&mut self, port: Port) {
        let owned = self.relays.get_mut(port.key().0 as usize).and_then(Option::take);
        // Closing the descriptor takes it out of the epoll set.
        drop(owned.or_else(|| self.ports.take(port.key())));
        self.ports.closed(&port, self.now.moment);
    }

    fn take_disconnected(&mut self) -> Option<ConnectionId> {
        self.streams.take_disconnected()
    }

    fn observe(&mut self, fact: &Event) {
        self.streams.observe(fact);
    }
}

const fn nobody() -> SocketAddr {
    SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
}

fn relay_at(relays: &[Option<RelaySocket>], key: PortKey) -> Option<&RelaySocket> {
    relays.get(key.0 as usize)?.as_ref()
}

/// An error that waits on the socket is an earlier datagram's, and hides what has arrived: a second try.
fn receive(batch: &mut Batch, socket: BorrowedFd<'_>, slots: &mut [Slot]) -> usize {
    match batch.receive(socket, slots) {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(_) => batch.receive(socket, slots).unwrap_or(0),
    }
}

fn transmit(
    batch: &mut Batch,
    socket: BorrowedFd<'_>,
    slots: &[Slot],
    order: &[u8],
    first: u8,
    to: &[SocketAddr],
    trains: bool,
) -> io::Result<usize> {
    if order.len() > 1 {
        return batch.send(socket, slots, order, to, trains);
    }
    let (Some(slot), Some(&to)) = (slots.get(usize::from(first)), to.get(usize::from(first))) else { return Ok(1) };
    sys::send_one(socket, slot.message(), to).map(|()| 1)
}

/// The ICMP message behind an entry of the error queue, of the types that a client is told (RFC 8656 §11.5). The system
/// remembers a path's MTU and then refuses larger datagrams itself; to the client that is the same message again.
fn icmp_of(family: Family, error: &QueuedError) -> Option<Icmp> {
    let too_big = match family {
        Family::V4 => (3, 4),
        Family::V6 => (2, 0),
    };
    let (kind, code) = match (error.origin, family) {
        (libc::SO_EE_ORIGIN_ICMP, Family::V4) if matches!(error.kind, 3 | 11) => (error.kind, error.code),
        (libc::SO_EE_ORIGIN_ICMP6, Family::V6) if matches!(error.kind, 1..=3) => (error.kind, error.code),
        (libc::SO_EE_ORIGIN_LOCAL, _) if i32::try_from(error.errno) == Ok(libc::EMSGSIZE) => too_big,
        _ => return None,
    };
    let data = if (kind, code) == too_big { error.info } else { 0 };
    Some(Icmp { kind, code: u16::from(code), data })
}

#[cfg(test)]
mod tests;
