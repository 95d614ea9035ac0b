//! What comes back from peers: ChannelData where a channel is bound, a Data indication otherwise (RFC 8656 §11.3, §12.7),
//! and what the network says about datagrams that did not arrive (§11.5).

use crate::addr::{Family, FiveTuple, PeerAddr};
use crate::policy::seal::Way;
use crate::time::Now;
use crate::wire::attribute::Icmp;
use crate::wire::{
    AttributeType, ChannelNumber, Class, HEADER, MessageWriter, Method, TransactionId, padded, write_channel_header,
};

use super::allocation::{Channel, Whose};
use super::hot::{Hot, Route};
use super::paths::Crossing;
use super::{Direction, Discard, PortKey, Relay, Slot, Verdict};

/// Whom a peer's datagram is for.
#[derive(Clone, Copy)]
pub(super) struct Receiver {
    /// The place of the allocation in the table.
    pub(super) index: u32,
    pub(super) client: FiveTuple,
    /// Whose address the peer's is.
    pub(super) whose: Whose,
    /// The channel that it goes out on, if there is one; or why data must not come from this port of the peer.
    channel: Result<Option<ChannelNumber>, Discard>,
    /// Whether the allocation has a rate.
    limited: bool,
}

impl Receiver {
    /// The one at the end of a route that was noted.
    #[inline]
    pub(super) fn noted(index: u32, hot: &Hot) -> Option<Self> {
        let (channel, whose) = hot.channel();
        Some(Self { index, client: hot.client()?, whose, channel: Ok(Some(channel)), limited: hot.is_limited() })
    }
}

impl Relay {
    pub(super) fn hear_peer(&mut self, slot: &mut Slot, port: PortKey, peer: PeerAddr, now: Now) -> Verdict {
        let receiver = match self.receiver(port, peer, now) {
            Ok(receiver) => receiver,
            Err(discard) => return Verdict::Discard(discard),
        };
        let Receiver { index, client, whose, channel, .. } = receiver;
        if let Err(discard) = channel {
            return Verdict::Discard(discard);
        }
        self.tally.packet(client.link.transport(), Direction::FromPeer, slot.message().len());
        let located = self.common.own().locate_there(whose, peer);
        // What a virtual port sends never comes in through a socket: somebody out there forges its address.
        if located.is_some_and(|located| located.is_virtual) {
            return Verdict::Discard(Discard::PeerForbidden);
        }
        let serial = located.map_or(0, |located| located.serial);
        let crossing = Crossing { index, way: Way::Down, peer, serial, own: whose == Whose::Clients };
        if let Err(discard) = self.pass(crossing, slot.message(), now) {
            return Verdict::Discard(discard);
        }
        self.deliver(slot, &receiver, peer, now)
    }

    /// Writes what a client gets of a peer's datagram that has been let through, in front of it, if its rate has room.
    pub(super) fn deliver(&mut self, slot: &mut Slot, receiver: &Receiver, peer: PeerAddr, now: Now) -> Verdict {
        let Receiver { index, client, channel, limited, .. } = *receiver;
        if let Err(discard) = self.admit(index, Way::Down, slot.message(), limited, now) {
            return Verdict::Discard(discard);
        }
        let length = slot.message().len();
        let fits = match channel {
            Ok(Some(channel)) => {
                u16::try_from(length).is_ok_and(|length| slot.prepend(&write_channel_header(channel, length)))
                    && (!client.link.transport().is_stream() || slot.pad())
            }
            Ok(None) => {
                let transaction = self.transaction_id();
                prepend_data_header(slot, peer, transaction) && slot.pad()
            }
            Err(discard) => return Verdict::Discard(discard),
        };
        if !fits {
            return Verdict::Discard(Discard::TooLarge);
        }
        Verdict::ToClient(client)
    }

    /// The allocation that a datagram from a peer is for, if it has a permission for that peer.
    #[inline]
    fn receiver(&mut self, port: PortKey, peer: PeerAddr, now: Now) -> Result<Receiver, Discard> {
        let index = self.table.by_port(port).ok_or(Discard::NoRelayedPort)?;
        let noted = self.table.noted_with(index, peer, now.moment).filter(|hot| hot.is_through(port));
        match noted.and_then(|hot| Receiver::noted(index, hot)) {
            Some(receiver) => Ok(receiver),
            None => self.receiver_outside(index, peer, now),
        }
    }

    #[inline(never)]
    fn receiver_outside(&mut self, index: u32, peer: PeerAddr, now: Now) -> Result<Receiver, Discard> {
        let index = self.unexpired(index, now).ok_or(Discard::NoRelayedPort)?;
        let allocation = self.table.get(index).ok_or(Discard::NoRelayedPort)?;
        let permission = *allocation.permission(peer.ip(), now.moment).ok_or(Discard::NoPermission)?;
        let channel = allocation.channel_from(peer, permission.whose, self.settings.strict_port, now.moment);
        self.receiver_on(index, permission.whose, channel.map(Option::<&_>::copied), now)
    }

    /// An allocation as a receiver. The route of its channel, if there is one, is noted.
    pub(super) fn receiver_on(
        &mut self,
        index: u32,
        whose: Whose,
        channel: Result<Option<Channel>, Discard>,
        now: Now,
    ) -> Result<Receiver, Discard> {
        let allocation = self.table.get(index).ok_or(Discard::NoRelayedPort)?;
        let limited = allocation.rate.is_some();
        let route = channel.ok().flatten().and_then(|channel| Route::of(allocation, &channel, now.moment));
        if let Some(route) = route {
            self.table.note(index, &route);
        }
        let client = self.table.client(index).ok_or(Discard::NoRelayedPort)?;
        let channel = channel.map(|channel| channel.map(|channel| channel.number));
        Ok(Receiver { index, client, whose, channel, limited })
    }

    pub(super) fn hear_network(
        &mut self,
        slot: &mut Slot,
        port: PortKey,
        peer: PeerAddr,
        icmp: Icmp,
        now: Now,
    ) -> Verdict {
        // Destination unreachable and time exceeded, and of ICMPv6 packet too big as well.
        let of_interest = match peer.family() {
            Family::V4 => matches!(icmp.kind, 3 | 11),
            Family::V6 => matches!(icmp.kind, 1..=3),
        };
        if !of_interest {
            return Verdict::Discard(Discard::IcmpType);
        }
        let client = match self.receiver(port, peer, now) {
            Ok(receiver) => receiver.client,
            Err(discard) => return Verdict::Discard(discard),
        };
        let transaction = self.transaction_id();
        let written = slot.rewrite(|buffer| {
            MessageWriter::new(buffer, Class::Indication, Method::Data, transaction)
                .xor_address(AttributeType::XOR_PEER_ADDRESS, peer.socket(), transaction)
                .attribute(AttributeType::ICMP, &icmp.encode())
                .finish()
        });
        if written.is_ok() { Verdict::ToClient(client) } else { Verdict::Discard(Discard::TooLarge) }
    }
}

/// Puts in front of the data everything that a Data indication has before it. The data stays where it is.
fn prepend_data_header(slot: &mut Slot, peer: PeerAddr, transaction: TransactionId) -> bool {
    let length = slot.message().len();
    let mut header = [0; 64];
    let written = MessageWriter::new(&mut header, Class::Indication, Method::Data, transaction)
        .xor_address(AttributeType::XOR_PEER_ADDRESS, peer.socket(), transaction)
        .attribute(AttributeType::DATA, &[])
        .finish();
    let Ok(end) = written else { return false };
    // The two lengths, now that the data counts: the message's and DATA's own.
    let body = u16::try_from(end.saturating_sub(HEADER).saturating_add(padded(length)));
    let (Ok(body), Ok(length)) = (body, u16::try_from(length)) else { return false };
    for (at, value) in [(2, body), (end - 2, length)] {
        let Some(place) = header.get_mut(at..at + 2) else { return false };
        place.copy_from_slice(&value.to_be_bytes());
    }
    header.get(..end).is_some_and(|header| slot.prepend(header))
}
