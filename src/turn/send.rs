//! Send indications: data for a peer, with the peer's address in each (RFC 8656 §11.2).

use crate::addr::{Family, FiveTuple, PeerAddr};
use crate::policy::seal::Way;
use crate::time::Now;
use crate::wire::{AttributeType, Message};

use super::allocation::Whose;
use super::paths::Crossing;
use super::{Discard, Relay, Slot, Verdict};

impl Relay {
    pub(super) fn send(&mut self, slot: &mut Slot, client: FiveTuple, now: Now) -> Verdict {
        let Some(index) = self.live(&client, now) else { return Verdict::Discard(Discard::NoAllocation) };
        let Ok(message) = Message::parse(slot.message()) else { return Verdict::Discard(Discard::Malformed) };
        if message.unknown_required().next().is_some() {
            return Verdict::Discard(Discard::UnknownAttribute);
        }
        let data = message.attribute(AttributeType::DATA).map(|data| (data.offset + 4, data.value.len()));
        let dont_fragment = message.value(AttributeType::DONT_FRAGMENT).map(<[u8]>::is_empty);
        let (Some((offset, length)), Some(address)) = (data, message.xor_address(AttributeType::XOR_PEER_ADDRESS))
        else {
            return Verdict::Discard(Discard::MissingAttribute);
        };
        let (Ok(address), Some(true) | None) = (address, dont_fragment) else {
            return Verdict::Discard(Discard::Malformed);
        };
        let peer = PeerAddr::canonical(address);
        let Some(allocation) = self.table.get(index) else { return Verdict::Discard(Discard::NoAllocation) };
        let Some(relayed) = allocation.relayed(peer.family()) else { return Verdict::Discard(Discard::PeerFamily) };
        let Some(permission) = allocation.permission(peer.ip(), now.moment) else {
            return Verdict::Discard(Discard::NoPermission);
        };
        let (whose, own) = (permission.whose, permission.whose == Whose::Clients);
        let limited = allocation.rate.is_some();
        let located = self.common.own().locate_there(whose, peer);
        let port = relayed.held.key();
        let inside = Self::way_inside(relayed.held.relayed(), port, located);
        // The permission is for the IP address; what may be reached there is the port's own question.
        let reachable = if own { located.is_some() } else { self.policy.peers.permits_port(peer.port()).is_ok() };
        if !reachable {
            return Verdict::Discard(Discard::PeerForbidden);
        }
        let crossing = Crossing { index, way: Way::Up, peer, serial: located.map_or(0, |located| located.serial), own };
        let payload = slot.message().get(offset..offset + length).unwrap_or_default();
        if let Err(discard) = self.pass(crossing, payload, now) {
            return Verdict::Discard(discard);
        }
        if let Err(discard) = self.admit(index, Way::Up, payload, limited, now) {
            return Verdict::Discard(discard);
        }
        slot.narrow(offset, length);
        // Between datagrams the attribute is for IPv4 to IPv4 only; a stream has no DF bit of its own to go by
        // (RFC 8656 §13, §15).
        let heeded =
            client.link.transport().is_stream() || (client.client.socket().is_ipv4() && peer.family() == Family::V4);
        match (inside, port) {
            (Some(inside), _) => self.send_inside(slot, inside, peer, now),
            (None, Some(port)) => Verdict::ToPeer { port, peer, dont_fragment: heeded && dont_fragment.is_some() },
            (None, None) => Verdict::Discard(Discard::PeerForbidden),
        }
    }
}
