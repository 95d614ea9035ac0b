//! A batch in stages. What packets of many clients need is spread over more memory than the caches have; a packet that
//! waits for each piece of it in turn waits some hundred nanoseconds, several times. So before the first one is judged,
//! each piece is touched for all of them in one go, and the processor waits for many at once.
//!
//! Nothing is decided here. What an earlier packet of the batch may change is asked for again when a packet is judged.

use core::hint::black_box;

use crate::addr::PeerAddr;
use crate::time::Now;
use crate::wire::{FrameKind, kind_of};

use super::flat::NOBODY;
use super::{Origin, Relay, Slot};

/// Slots that are looked at together: what the system hands over at once, and less than the first cache holds.
const TOGETHER: usize = 64;
/// What so many allocations need stays in the cache whatever comes in between, and is not touched before.
const FEW: usize = 4;

impl Relay {
    /// Judges each datagram in turn, as [`Self::handle`] does.
    pub fn handle_batch(&mut self, slots: &mut [Slot], now: Now) {
        for slots in slots.chunks_mut(TOGETHER) {
            let mut likely = [NOBODY; TOGETHER];
            if slots.len() > 1 && self.table.len() > FEW {
                self.touch(slots, &mut likely);
            }
            for (slot, likely) in slots.iter_mut().zip(likely) {
                self.judge(slot, likely, now);
            }
        }
    }

    /// Guesses whose allocation each datagram is for, and has all that its judgement needs brought into the cache.
    fn touch(&self, slots: &[Slot], likely: &mut [u32; TOGETHER]) {
        // What comes in a row for one allocation is touched once.
        let (mut places, mut others) = ([NOBODY; TOGETHER], [NOBODY; TOGETHER]);
        let (mut last, mut rows) = (NOBODY, 0);
        for (slot, likely) in slots.iter().zip(likely.iter_mut()) {
            let index = self.guess(slot);
            *likely = index;
            if index != last
                && let Some(place) = places.get_mut(rows)
            {
                *place = index;
                last = index;
                rows += 1;
            }
        }
        let places = places.get(..rows).unwrap_or_default();
        let mut touched = 0;
        for &index in places {
            touched ^= self.table.touch(index);
        }
        for (&index, other) in places.iter().zip(&mut others) {
            touched ^= self.table.touch_path(index);
            *other = self.table.peer_of_ours(index).map_or(NOBODY, |peer| self.own_place(peer));
        }
        for (&index, &other) in places.iter().zip(&others) {
            touched ^= self.table.touch_flow(index) ^ self.table.touch(other);
        }
        // Whatever is not used is not read.
        black_box(touched);
    }

    #[inline]
    fn guess(&self, slot: &Slot) -> u32 {
        match slot.origin_ref() {
            Some(Origin::Client(client)) => match slot.message().first().copied().and_then(kind_of) {
                Some(FrameKind::ChannelData) => self.table.guess(client),
                // Requests are rare, and take longer than what they wait for.
                Some(FrameKind::Stun) | None => NOBODY,
            },
            Some(Origin::Peer { port, .. }) => self.table.by_port(*port).unwrap_or(NOBODY),
            Some(Origin::Shard { to, .. }) => self.own_place(PeerAddr::canonical(to.socket())),
            Some(Origin::PeerError { .. }) | None => NOBODY,
        }
    }

    /// The place of the allocation of this shard that has a relayed address of ours.
    #[inline]
    fn own_place(&self, address: PeerAddr) -> u32 {
        let located = self.common.own().locate(address).filter(|located| located.shard == self.shard);
        located.map_or(NOBODY, |located| located.index)
    }
}

#[cfg(test)]
mod tests;
