//! What a shard's sockets receive and send: calls for as many messages as a socket is likely to have, and messages of as many
//! datagrams as go together.

use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::sockets::{Listener, Ports, RelaySocket};
use super::sys::{self, Batch, QueuedError, Received};
use super::trains::Trains;
use crate::addr::{ClientAddr, FiveTuple, Link, PeerAddr};
use crate::turn::{Discard, Origin, PortKey, Slot, Tally};

/// Keys of sockets: a relayed port is its descriptor, which is below 2^31; a listener its place.
pub(super) const LISTENER: u64 = 1 << 32;
/// In the keys of what leaves: from this port, with the DF bit.
pub(super) const DONT_FRAGMENT: u64 = 1 << 34;

/// The sockets of one shard.
pub(super) struct Exchange {
    pub(super) listeners: Vec<Listener>,
    /// The relayed ports that allocations of this shard own, by descriptor.
    pub(super) relays: Vec<Option<RelaySocket>>,
    pub(super) trains: Trains,
    batch: Box<Batch>,
    /// Counts turns.
    pub(super) turn: u32,
    /// Datagrams of a family that the relayed port does not speak: an embedded IPv4 address as the source of IPv6.
    pub(super) strays: usize,
}

impl Exchange {
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        Self { listeners, relays: Vec::new(), trains: Trains::new(), batch: Batch::new(), turn: 0, strays: 0 }
    }

    pub(super) fn relay(&self, key: PortKey) -> Option<&RelaySocket> {
        self.relays.get(key.0 as usize)?.as_ref()
    }

    /// Fills slots with what clients have sent to a listener; says how many.
    pub(super) fn receive_clients(&mut self, source: u64, slots: &mut [Slot]) -> usize {
        let Ok(index) = u16::try_from(source ^ LISTENER) else { return 0 };
        let Some(listener) = self.listeners.get_mut(usize::from(index)) else { return 0 };
        let asked = listener.habit.messages(self.turn, slots.len()).min(self.trains.room(source));
        let Some(places) = slots.get_mut(..asked).filter(|places| !places.is_empty()) else { return 0 };
        let count = receive(&mut self.batch, listener.as_fd(), places);
        for (at, slot) in places.iter_mut().take(count).enumerate() {
            // A sender without an address can not be answered and does not happen; it becomes an empty datagram.
            let nothing = Received { length: 0, segment: 0, from: nobody() };
            let message = self.batch.received(at).unwrap_or(nothing);
            let client = FiveTuple { client: ClientAddr::new(message.from), link: Link::Udp(index) };
            slot.fill(message.length, Origin::Client(client));
            self.trains.note(at, message.segment);
        }
        let (filled, all) = self.trains.unfold(slots, count, source);
        listener.habit.learn(self.turn, asked, count, all);
        filled
    }

    /// Fills slots with what peers have sent to a relayed port; says how many. Asks for as many messages as are likely to be
    /// `share` datagrams.
    pub(super) fn receive_peers(&mut self, port: PortKey, ports: &Ports, share: usize, slots: &mut [Slot]) -> usize {
        let source = u64::from(port.0);
        if self.trains.served(source) {
            return 0;
        }
        let Some(relay) = self.relays.get_mut(port.0 as usize).and_then(Option::as_mut) else { return 0 };
        let asked = relay.habit.messages(self.turn, share.min(slots.len())).min(self.trains.room(source));
        let Some(places) = slots.get_mut(..asked).filter(|places| !places.is_empty()) else { return 0 };
        let count = receive(&mut self.batch, relay.as_fd(), places);
        let mut kept = 0;
        for at in 0..count {
            let Some(message) = self.batch.received(at) else { continue };
            let peer = PeerAddr::canonical(ports.outward(message.from));
            if peer.family() != relay.family {
                self.strays += message.length.checked_div(message.segment).unwrap_or(1);
                continue;
            }
            places.swap(kept, at);
            if let Some(slot) = places.get_mut(kept) {
                slot.fill(message.length, Origin::Peer { port, peer });
                self.trains.note(kept, message.segment);
                kept += 1;
            }
        }
        let (filled, all) = self.trains.unfold(slots, kept, source);
        relay.habit.learn(self.turn, asked, count, all);
        filled
    }

    /// What the network says about a datagram that did not arrive.
    pub(super) fn take_error(&self, port: PortKey) -> Option<QueuedError> {
        sys::take_error(self.relay(port)?.as_fd())
    }

    /// Sends what leaves from one socket: the messages of the slots named by `order`, each to its address in `to`.
    pub(super) fn send(&mut self, slots: &[Slot], (key, order, to): (u64, &[u8], &[SocketAddr]), tally: &mut Tally) {
        let is_listener = key & LISTENER != 0;
        let found = if is_listener {
            let listener = usize::try_from(key ^ LISTENER).ok().and_then(|index| self.listeners.get_mut(index));
            listener.map(|listener| (listener.socket.as_fd(), &mut listener.trains))
        } else {
            let port = u32::try_from(key & !DONT_FRAGMENT).map_or(usize::MAX, |port| port as usize);
            let relay = self.relays.get_mut(port).and_then(Option::as_mut);
            relay.and_then(|relay| {
                relay.set_dont_fragment(key & DONT_FRAGMENT != 0).ok()?;
                Some((relay.socket.as_fd(), &mut relay.trains))
            })
        };
        let Some((socket, trains)) = found else {
            return order.iter().for_each(|_| tally.discard(Discard::SendFailed));
        };
        let mut rest = order;
        let mut retried = false;
        // So many of the next leave one by one.
        let mut alone = 0;
        while let Some((_, others)) = rest.split_first() {
            let together = rest.get(..alone).filter(|_| alone > 0).unwrap_or(rest);
            let joined = *trains && alone == 0;
            match transmit(&mut self.batch, socket, slots, together, to, joined) {
                Ok(sent) => {
                    rest = rest.get(sent.max(1)..).unwrap_or_default();
                    alone = alone.saturating_sub(sent.max(1));
                    retried = false;
                }
                // On a relayed port the error may be an earlier datagram's, which the network reported meanwhile: once.
                Err(error) if !is_listener && !retried && error.kind() != io::ErrorKind::WouldBlock => retried = true,
                // The path or the device does not take this train: one by one, and each has its own error.
                Err(error)
                    if joined
                        && together.len() > 1
                        && self.batch.first_train() > 1
                        && error.kind() != io::ErrorKind::WouldBlock =>
                {
                    alone = self.batch.first_train();
                    retried = false;
                    // Segments cannot be made on the way from this socket.
                    *trains &= error.raw_os_error() != Some(libc::EIO);
                }
                Err(_) => {
                    tally.discard(Discard::SendFailed);
                    rest = others;
                    alone = alone.saturating_sub(1);
                    retried = false;
                }
            }
        }
    }
}

pub(super) const fn nobody() -> SocketAddr {
    SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
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
    to: &[SocketAddr],
    trains: bool,
) -> io::Result<usize> {
    let &[only] = order else {
        return batch.send(socket, slots, order, to, trains);
    };
    let (Some(slot), Some(&to)) = (slots.get(usize::from(only)), to.get(usize::from(only))) else { return Ok(1) };
    sys::send_one(socket, slot.message(), to).map(|()| 1)
}
