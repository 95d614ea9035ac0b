//! ChannelData from a client (RFC 8656 §12.6).

use crate::addr::FiveTuple;
use crate::policy::seal::Way;
use crate::time::Now;
use crate::wire::{CHANNEL_HEADER, ChannelData, ChannelNumber};

use super::allocation::Whose;
use super::hot::Route;
use super::paths::Crossing;
use super::{Discard, Relay, Slot, Verdict};

impl Relay {
    /// `likely`: where the client's allocation was guessed to be.
    pub(super) fn channel_data(&mut self, slot: &mut Slot, client: FiveTuple, likely: u32, now: Now) -> Verdict {
        let Ok(ChannelData { channel, data }) = ChannelData::parse(slot.message()) else {
            return Verdict::Discard(self.foreign(&client, slot.message()));
        };
        let length = data.len();
        let Some(index) = self.table.by_five_tuple(&client, likely) else {
            return Verdict::Discard(Discard::NoAllocation);
        };
        let route = match self.table.noted_on(index, channel, now.moment) {
            Some(hot) => hot.route(),
            None => match self.route(index, channel, now) {
                Ok(route) => route,
                Err(discard) => return Verdict::Discard(discard),
            },
        };
        let Route { peer, port, limited, .. } = route;
        let located = self.common.own().locate_there(route.whose, peer);
        let own = route.whose == Whose::Clients;
        if own && located.is_none() {
            return Verdict::Discard(Discard::PeerForbidden);
        }
        let inside = Self::way_inside(route.relayed, port, located);
        let crossing = Crossing { index, way: Way::Up, peer, serial: located.map_or(0, |located| located.serial), own };
        if let Err(discard) = self.pass(crossing, data, now) {
            return Verdict::Discard(discard);
        }
        if let Err(discard) = self.admit(index, Way::Up, data, limited, now) {
            return Verdict::Discard(discard);
        }
        slot.narrow(CHANNEL_HEADER, length);
        match (inside, port) {
            (Some(inside), _) => self.send_inside(slot, inside, peer, now),
            (None, Some(port)) => Verdict::ToPeer { port, peer, dont_fragment: false },
            (None, None) => Verdict::Discard(Discard::PeerForbidden),
        }
    }

    /// The route of a channel, worked out and noted.
    #[inline(never)]
    fn route(&mut self, index: u32, channel: ChannelNumber, now: Now) -> Result<Route, Discard> {
        let index = self.unexpired(index, now).ok_or(Discard::NoAllocation)?;
        let allocation = self.table.get(index).ok_or(Discard::NoAllocation)?;
        let channel = allocation.channel(channel, now.moment).ok_or(Discard::NoChannel)?;
        let permission = allocation.permission(channel.peer.ip(), now.moment).ok_or(Discard::NoPermission)?;
        if permission.whose == Whose::Clients && self.common.own().locate(channel.peer).is_none() {
            return Err(Discard::PeerForbidden);
        }
        let route = Route::of(allocation, channel, now.moment).ok_or(Discard::PeerFamily)?;
        self.table.note(index, &route);
        Ok(route)
    }
}
