//! From one client of this relay to another: what is sent to a relayed address of ours stays inside, where the address at
//! either end is virtual. It is checked at both ends as if it had gone out and come back.

use crate::addr::{PeerAddr, RelayedAddr};
use crate::policy::seal::{self, Mode, Way};
use crate::time::Now;

use super::allocation::Whose;
use super::own::Located;
use super::paths::Crossing;
use super::port::Held;
use super::{Direction, Discard, Relay, Slot, Verdict};

/// Who sends a datagram that has been let through: an allocation of this shard, its address and the peer's place, if the
/// peer is of this relay.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    from: RelayedAddr,
    to: Located,
}

impl Relay {
    /// The way of a datagram from an allocation to a peer, if it is inside.
    pub(super) fn way_inside(held: &Held, to: Option<Located>) -> Option<Inside> {
        let to = to?;
        let inside = to.is_virtual || matches!(held, Held::Virtual(_));
        inside.then(|| Inside { from: held.relayed(), to })
    }

    /// Takes the slot's message, the application data alone, to the peer's allocation: here, or on another shard.
    pub(super) fn send_inside(&mut self, slot: &mut Slot, inside: Inside, peer: PeerAddr, now: Now) -> Verdict {
        let to = RelayedAddr::new(peer.socket());
        if inside.to.shard != self.shard {
            let Located { shard, serial, .. } = inside.to;
            return Verdict::ToShard { shard, from: inside.from, to, serial };
        }
        self.receive_inside(slot, inside.to, to, PeerAddr::canonical(inside.from.socket()), now)
    }

    /// A datagram from an allocation of another shard, for one use of a relayed address of ours.
    pub(super) fn hear_shard(
        &mut self,
        slot: &mut Slot,
        (to, serial): (RelayedAddr, u32),
        from: RelayedAddr,
        now: Now,
    ) -> Verdict {
        match self.common.own().locate(PeerAddr::canonical(to.socket())) {
            Some(located) if located.shard == self.shard && located.serial == serial => {
                self.receive_inside(slot, located, to, PeerAddr::canonical(from.socket()), now)
            }
            // It was another allocation's when the datagram set out, and that one's call was asked for.
            Some(_) | None => Verdict::Discard(Discard::NoRelayedPort),
        }
    }

    fn receive_inside(
        &mut self,
        slot: &mut Slot,
        to: Located,
        relayed: RelayedAddr,
        peer: PeerAddr,
        now: Now,
    ) -> Verdict {
        let Some(index) = self.unexpired(to.index, now) else { return Verdict::Discard(Discard::NoRelayedPort) };
        let Some(allocation) = self.table.get(index) else { return Verdict::Discard(Discard::NoRelayedPort) };
        if allocation.relayed(relayed.family()).is_none_or(|each| each.held.relayed() != relayed) {
            return Verdict::Discard(Discard::NoRelayedPort);
        }
        let client = allocation.five_tuple;
        let Some(permission) = allocation.permission(peer.ip(), now.moment) else {
            return Verdict::Discard(Discard::NoPermission);
        };
        let (own, channel) = (permission.whose == Whose::Clients, allocation.channel_of(peer, now.moment));
        self.tally.packet(client.link.transport(), Direction::Inside, slot.message().len());
        // Media was judged when it was sent, in the same conversation. What moves a handshake both paths must see.
        let media = self.policy.seal.mode != Mode::Off && seal::is_media(slot.message());
        if !media {
            let serial = self.common.own().locate(peer).map_or(0, |located| located.serial);
            let crossing = Crossing { index, way: Way::Down, peer, serial, own };
            if let Err(discard) = self.pass(crossing, slot.message(), now) {
                return Verdict::Discard(discard);
            }
        }
        self.deliver(slot, index, client, peer, channel, now)
    }
}
