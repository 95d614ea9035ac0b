//! From one client of this relay to another: what is sent to a relayed address of ours stays inside, where the address at
//! either end is virtual. It is checked at both ends as if it had gone out and come back.

use crate::addr::{PeerAddr, RelayedAddr};
use crate::policy::seal::{self, Mode, Way};
use crate::time::Now;

use super::allocation::Whose;
use super::data::Receiver;
use super::own::Located;
use super::paths::Crossing;
use super::{Direction, Discard, PortKey, Relay, Slot, Verdict};

/// Who sends a datagram that has been let through: an allocation of this shard, its address and the peer's place, if the
/// peer is of this relay.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    from: RelayedAddr,
    to: Located,
}

impl Relay {
    /// The way of a datagram from an allocation, whose address has a socket or none, to a peer, if it is inside.
    pub(super) fn way_inside(from: RelayedAddr, port: Option<PortKey>, to: Option<Located>) -> Option<Inside> {
        let to = to?;
        (to.is_virtual || port.is_none()).then_some(Inside { from, to })
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
        let noted = self.table.noted_with(to.index, peer, now.moment).filter(|hot| hot.is_from(relayed));
        let receiver = match noted.and_then(|hot| Receiver::noted(to.index, hot)) {
            Some(receiver) => receiver,
            None => match self.receiver_inside(to.index, relayed, peer, now) {
                Ok(receiver) => receiver,
                Err(discard) => return Verdict::Discard(discard),
            },
        };
        let Receiver { index, client, whose, .. } = receiver;
        let own = whose == Whose::Clients;
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
        self.deliver(slot, &receiver, peer, now)
    }

    /// The allocation that has a relayed address of ours, if it has a permission for the sender's.
    #[inline(never)]
    fn receiver_inside(
        &mut self,
        index: u32,
        relayed: RelayedAddr,
        peer: PeerAddr,
        now: Now,
    ) -> Result<Receiver, Discard> {
        let index = self.unexpired(index, now).ok_or(Discard::NoRelayedPort)?;
        let allocation = self.table.get(index).ok_or(Discard::NoRelayedPort)?;
        if allocation.relayed(relayed.family()).is_none_or(|each| each.held.relayed() != relayed) {
            return Err(Discard::NoRelayedPort);
        }
        let permission = allocation.permission(peer.ip(), now.moment).ok_or(Discard::NoPermission)?;
        let (whose, channel) = (permission.whose, allocation.channel_of(peer, now.moment).copied());
        self.receiver_on(index, whose, Ok(channel), now)
    }
}
