//! ChannelData from a client (RFC 8656 §12.6).

use crate::addr::FiveTuple;
use crate::policy::seal::Way;
use crate::time::Now;
use crate::wire::{CHANNEL_HEADER, ChannelData};

use super::allocation::Whose;
use super::paths::Crossing;
use super::{Discard, Relay, Slot, Verdict};

impl Relay {
    pub(super) fn channel_data(&mut self, slot: &mut Slot, client: FiveTuple, now: Now) -> Verdict {
        let Ok(ChannelData { channel, data }) = ChannelData::parse(slot.message()) else {
            return Verdict::Discard(Discard::Malformed);
        };
        let length = data.len();
        let Some(index) = self.live(&client, now) else { return Verdict::Discard(Discard::NoAllocation) };
        let Some(allocation) = self.table.get_mut(index) else { return Verdict::Discard(Discard::NoAllocation) };
        let Some(peer) = allocation.peer_of(channel, now.moment) else { return Verdict::Discard(Discard::NoChannel) };
        let Some(permission) = allocation.permission(peer.ip(), now.moment) else {
            return Verdict::Discard(Discard::NoPermission);
        };
        let located = self.common.own().locate_there(permission.whose, peer);
        let own = permission.whose == Whose::Clients;
        if own && located.is_none() {
            return Verdict::Discard(Discard::PeerForbidden);
        }
        let Some(relayed) = allocation.relayed(peer.family()) else { return Verdict::Discard(Discard::PeerFamily) };
        let (port, inside) = (relayed.held.key(), Self::way_inside(&relayed.held, located));
        let crossing = Crossing { index, way: Way::Up, peer, serial: located.map_or(0, |located| located.serial), own };
        if let Err(discard) = self.pass(crossing, data, now) {
            return Verdict::Discard(discard);
        }
        if let Err(discard) = self.admit(index, Way::Up, data, now) {
            return Verdict::Discard(discard);
        }
        slot.narrow(CHANNEL_HEADER, length);
        match (inside, port) {
            (Some(inside), _) => self.send_inside(slot, inside, peer, now),
            (None, Some(port)) => Verdict::ToPeer { port, peer, dont_fragment: false },
            (None, None) => Verdict::Discard(Discard::PeerForbidden),
        }
    }
}
