//! The driver for Linux: epoll, batches of datagrams in and out, and the network's complaints from the error queue.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::departures::Departures;
use super::exchange::{DONT_FRAGMENT, Exchange, LISTENER};
use super::net::Net;
use super::rings::Rings;
use super::sockets::{Listener, Ports};
use super::stream::{STREAM, StreamGate, Streams};
use super::sys::{BATCH, QueuedError};
use super::wake::Waker;
use crate::addr::{ConnectionId, Family, Link, PeerAddr};
use crate::clock::SystemClock;
use crate::time::{Moment, Now};
use crate::turn::{Discard, Event, Opened, Origin, Pool, Port, PortKey, Slot, Tally, Verdict};
use crate::wire::attribute::Icmp;

/// Ready sockets per turn at most. Fewer than the slots that streams and rings leave over, so that every one of them gets a
/// slot; the system reports the others in the next turn, and those first that have waited longest.
const READY: usize = FOR_PORTS;
/// Ready sockets per turn at least, if there are as many.
const FEWEST_READY: usize = 4;
/// Slots per turn that are kept for ready relayed ports while they fill them. The rest is for clients.
const FOR_PORTS: usize = BATCH / 2;
/// Datagrams from one relayed port per turn, so that one peer cannot fill the batch.
const FROM_ONE_PORT: usize = 32;
/// Complaints of the network about one relayed port per turn.
const ERRORS_FROM_ONE_PORT: usize = 4;
/// A shard never sleeps longer, so that its heartbeat shows that it is alive.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Token of the bell in the epoll set. A socket's token is its key.
const BELL: u64 = 1 << 33;

/// The UDP driver of one shard.
pub struct UdpNet {
    clock: SystemClock,
    now: Now,
    epoll: Arc<Epoll>,
    ready: [EpollEvent; READY],
    readied: usize,
    /// How many ready sockets were asked for.
    asked: usize,
    /// Datagrams that sixteen ready ports had, on average of late.
    sixteen_ports: usize,
    waker: Waker,
    streams: Streams,
    rings: Rings,
    exchange: Exchange,
    ports: Arc<Ports>,
    slots: Vec<Slot>,
    filled: usize,
    /// The first listener of the next turn in which they crowd.
    next_listener: usize,
    departures: Box<Departures>,
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
            asked: READY,
            sixteen_ports: 16,
            waker,
            streams,
            rings,
            exchange: Exchange::new(listeners.into_iter().map(Listener::new).collect()),
            ports,
            slots: (0..BATCH).map(|_| Slot::new()).collect(),
            filled: 0,
            next_listener: 0,
            departures: Departures::new(),
        };
        Ok((net, gate))
    }

    fn timeout(&self, until: Option<Moment>) -> EpollTimeout {
        if self.streams.waiting() || self.rings.waiting() || self.exchange.trains.waiting() {
            return EpollTimeout::ZERO;
        }
        let sleep = until.map_or(LONGEST_SLEEP, |until| until.since(self.now.moment).min(LONGEST_SLEEP));
        // Rounded up: to wake a moment too early would only mean to sleep again.
        let milliseconds = sleep.as_nanos().div_ceil(1_000_000);
        u16::try_from(milliseconds).map_or(EpollTimeout::ZERO, EpollTimeout::from)
    }

    /// As many ready sockets as the slots kept for them are enough for, if they have as much as they had of late.
    fn wanted(&self) -> usize {
        (16 * FOR_PORTS / self.sixteen_ports.max(1)).clamp(FEWEST_READY, READY)
    }

    /// The next `most` free slots.
    fn free(slots: &mut [Slot], filled: usize, most: usize) -> &mut [Slot] {
        let free = slots.get_mut(filled..).unwrap_or_default();
        let most = most.min(free.len());
        free.get_mut(..most).unwrap_or_default()
    }

    /// Listeners speak for all clients. When more may be ready than was asked for, they are not waited for; there may be
    /// more of them than slots, and then those go on in the next turn that this one did not reach.
    fn receive_clients(&mut self, ready: &[EpollEvent], kept: usize) {
        let count = self.exchange.listeners.len();
        if ready.len() == self.asked {
            let first = self.next_listener;
            for (index, others) in (first..count).chain(0..first).zip((0..count).rev()) {
                if !self.receive_from(LISTENER | index as u64, others, kept) {
                    break;
                }
                self.next_listener = (index + 1) % count;
            }
        } else {
            let is_listener = |event: &&EpollEvent| event.data() >> 32 == LISTENER >> 32;
            let listeners = ready.iter().filter(is_listener).count();
            for (event, others) in ready.iter().filter(is_listener).zip((0..listeners).rev()) {
                self.receive_from(event.data(), others, kept);
            }
        }
    }

    /// What one listener has, if there is a slot beside those that are kept; each of so many others is left one as long as
    /// there are any.
    fn receive_from(&mut self, listener: u64, others: usize, kept: usize) -> bool {
        let room = BATCH.saturating_sub(self.filled + kept);
        if room > 0 {
            let slots = Self::free(&mut self.slots, self.filled, room.saturating_sub(others).max(1));
            self.filled += self.exchange.receive_clients(listener, slots);
        }
        room > 0
    }

    /// Each port that has not had its turn is left one slot.
    fn receive_peers(&mut self, ready: &[EpollEvent], ports: usize) {
        let before = self.filled;
        for (event, turns) in ready.iter().filter(|event| event.data() < LISTENER).zip((1..=ports).rev()) {
            let Ok(key) = u32::try_from(event.data()).map(PortKey) else { continue };
            if event.events().contains(EpollFlags::EPOLLERR) {
                self.receive_errors(key, BATCH.saturating_sub(self.filled + turns - 1).min(ERRORS_FROM_ONE_PORT));
            }
            let free = BATCH.saturating_sub(self.filled);
            let share = (free / turns).max(1);
            let budget = (free + 1).saturating_sub(turns).min(FROM_ONE_PORT);
            let slots = Self::free(&mut self.slots, self.filled, budget);
            self.filled += self.exchange.receive_peers(key, &self.ports, share, slots);
        }
        if let Some(average) = (16 * (self.filled - before)).checked_div(ports) {
            self.sixteen_ports = (3 * self.sixteen_ports + average) / 4;
        }
    }

    /// Reads what the network says about datagrams that did not arrive (RFC 8656 §11.5).
    fn receive_errors(&mut self, key: PortKey, budget: usize) {
        let Some(family) = self.exchange.relay(key).map(|relay| relay.family) else { return };
        for _ in 0..budget {
            let Some(error) = self.exchange.take_error(key) else { return };
            let Some(icmp) = icmp_of(family, &error) else { continue };
            let peer = PeerAddr::canonical(self.ports.outward(error.to));
            if let Some(slot) = self.slots.get_mut(self.filled) {
                slot.fill(0, Origin::PeerError { port: key, peer, icmp });
                self.filled += 1;
            }
        }
    }

    /// Hands over what leaves by streams and rings, and puts together what leaves by sockets.
    fn depart(&mut self, tally: &mut Tally) {
        for (number, slot) in (0_u8..).zip(self.slots.iter_mut().take(self.filled)) {
            match slot.verdict() {
                Verdict::Discard(_) => {}
                Verdict::ToClient(client) => match client.link {
                    Link::Stream(connection, _) => self.streams.send(connection, slot.message(), tally),
                    Link::Udp(index) => {
                        self.departures.add(number, LISTENER | u64::from(index), client.client.socket());
                    }
                    // The relay itself knows the way to the balancer.
                    Link::Proxied(_) => tally.discard(Discard::SendFailed),
                },
                Verdict::ToShard { shard, from, to, serial } => {
                    if !self.rings.push(shard, from, (to, serial), slot) {
                        tally.discard(Discard::ShardFull);
                    }
                }
                Verdict::ToPeer { port, peer, dont_fragment } => match self.exchange.relay(port) {
                    Some(relay) if relay.family == peer.family() => {
                        let key = u64::from(port.0) | if dont_fragment { DONT_FRAGMENT } else { 0 };
                        self.departures.add(number, key, self.ports.inward(peer.socket()));
                    }
                    _ => tally.discard(Discard::SendFailed),
                },
            }
        }
    }
}

/// The epoll set that it waits in.
impl AsFd for UdpNet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl Net for UdpNet {
    fn wait(&mut self, until: Option<Moment>) -> Now {
        let timeout = self.timeout(until);
        // An interrupted sleep is a short one.
        self.asked = self.wanted();
        let room = self.ready.get_mut(..self.asked).unwrap_or_default();
        self.readied = self.epoll.wait(room, timeout).unwrap_or(0);
        self.now = self.clock.now();
        self.now
    }

    fn recv(&mut self) -> &mut [Slot] {
        let ready = self.ready;
        let ready = ready.get(..self.readied).unwrap_or_default();
        self.readied = 0;
        self.exchange.turn = self.exchange.turn.wrapping_add(1);
        if ready.iter().any(|event| event.data() == BELL) {
            self.waker.heard();
        }
        for event in ready.iter().filter(|event| event.data() & STREAM != 0) {
            self.streams.ready(event.data(), event.events(), self.now.moment);
        }
        let ports = ready.iter().filter(|event| event.data() < LISTENER).count();
        let sockets = ready.iter().filter(|event| event.data() & (BELL | STREAM) == 0).count();
        self.filled = self.streams.receive(&mut self.slots, self.now.moment);
        self.filled += self.rings.receive(self.slots.get_mut(self.filled..).unwrap_or_default());
        // What has waited is first, each port's with its bound; and each socket that is ready is left one slot.
        let most = |source: u64| if source < LISTENER { FROM_ONE_PORT } else { BATCH };
        let budget = BATCH.saturating_sub(self.filled + sockets);
        self.filled += self.exchange.trains.resume(Self::free(&mut self.slots, self.filled, budget), most);
        let kept = (ports * self.sixteen_ports).div_ceil(16).min(FOR_PORTS).max(ports);
        self.receive_clients(ready, kept);
        self.receive_peers(ready, ports);
        self.slots.get_mut(..self.filled).unwrap_or_default()
    }

    fn flush(&mut self, tally: &mut Tally) {
        (0..core::mem::take(&mut self.exchange.strays)).for_each(|_| tally.discard(Discard::PeerFamily));
        self.depart(tally);
        self.streams.flush(tally);
        self.rings.wake();
        for at in 0..self.departures.sockets() {
            if let Some(leaving) = self.departures.from(at) {
                self.exchange.send(&self.slots, leaving, tally);
            }
        }
        self.departures.clear();
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
        let relays = &mut self.exchange.relays;
        if relays.len() <= index {
            relays.resize_with(index + 1, || None);
        }
        if let Some(place) = relays.get_mut(index) {
            *place = Some(relay);
        }
    }

    fn close(&mut self, port: Port) {
        self.exchange.trains.forget(u64::from(port.key().0));
        let owned = self.exchange.relays.get_mut(port.key().0 as usize).and_then(Option::take);
        // Closing the descriptor takes it out of the epoll set.
        drop(owned.or_else(|| self.ports.take(port.key())));
        self.ports.closed(&port, self.now.moment);
    }

    fn take_disconnected(&mut self) -> Option<ConnectionId> {
        self.streams.take_disconnected()
    }

    fn hand_over(&mut self) -> Vec<OwnedFd> {
        self.exchange.relays.drain(..).flatten().map(|relay| relay.socket).collect()
    }

    fn observe(&mut self, fact: &Event) {
        self.streams.observe(fact);
    }
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
