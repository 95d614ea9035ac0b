//! Trains: datagrams of one length and one sender that the system hands over in one message (generic receive offload).
//! Each becomes the datagrams that it is made of, one slot for each, in their order; what finds no slot in this turn waits
//! for the next one, and nothing is lost.

use std::collections::VecDeque;

use super::sys::BATCH;
use crate::turn::Slot;

/// Messages that may wait: as many as one call can bring. A socket whose messages wait is not asked for more.
const WAITING: usize = BATCH;
/// Messages asked for when a socket turns out to have more than one.
const AT_ONCE: usize = 8;

/// A message whose datagrams have not all had their turn.
#[derive(Debug)]
struct Train {
    slot: Slot,
    /// Which socket received it.
    source: u64,
    /// Bytes of each datagram but the last.
    segment: usize,
    /// Datagrams that have not had their turn, and where the first of them begins.
    left: usize,
    at: usize,
}

impl Train {
    /// The next datagrams, as many as there are slots; says how many.
    fn unload(&mut self, slots: &mut [Slot]) -> usize {
        let Some(origin) = self.slot.origin() else { return 0 };
        let count = self.left.min(slots.len());
        for slot in slots.iter_mut().take(count) {
            let rest = self.slot.message().get(self.at..).unwrap_or_default();
            slot.fill_from(rest.get(..self.segment).unwrap_or(rest), origin);
            self.at += self.segment;
        }
        self.left -= count;
        count
    }
}

/// Takes trains apart.
#[derive(Debug)]
pub(super) struct Trains {
    /// Of the messages received last: bytes of each datagram, 0 if the message is one.
    segments: [usize; BATCH],
    /// In the order they came; those of one socket are neighbours.
    waiting: VecDeque<Train>,
    /// Whose messages had their turn in the last [`resume`](Self::resume).
    served: Vec<u64>,
    /// Slots in exchange for those whose message waits; made when first needed.
    spare: Vec<Slot>,
}

impl Trains {
    pub(super) const fn new() -> Self {
        Self { segments: [0; BATCH], waiting: VecDeque::new(), served: Vec::new(), spare: Vec::new() }
    }

    /// Whether anything waits.
    pub(super) fn waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many messages may be received from a socket: none while messages of it wait, and no more than could wait.
    pub(super) fn room(&self, source: u64) -> usize {
        if self.waiting.iter().any(|train| train.source == source) {
            return 0;
        }
        WAITING.saturating_sub(self.waiting.len())
    }

    /// Whether a socket has had its share of this turn's slots.
    pub(super) fn served(&self, source: u64) -> bool {
        self.served.contains(&source)
    }

    /// Says of the message that is now in the slot at `at` how long its datagrams are; 0 if it is one.
    pub(super) fn note(&mut self, at: usize, segment: usize) {
        if let Some(place) = self.segments.get_mut(at) {
            *place = segment;
        }
    }

    fn pieces(&self, at: usize, slots: &[Slot]) -> usize {
        match self.segments.get(at) {
            None | Some(0) => 1,
            Some(&segment) => slots.get(at).map_or(1, |slot| slot.message().len().div_ceil(segment).max(1)),
        }
    }

    /// Of `slots`, the first `count` hold whole messages from `source`. Afterwards as many as this returns hold one datagram
    /// each; what did not fit waits. Second: how many datagrams the messages were.
    pub(super) fn unfold(&mut self, slots: &mut [Slot], count: usize, source: u64) -> (usize, usize) {
        let (mut filled, mut fitting, mut all) = (0, 0, 0);
        for at in 0..count {
            all += self.pieces(at, slots);
            if all <= slots.len() {
                (filled, fitting) = (all, at + 1);
            }
        }
        if all == count {
            return (count, count);
        }
        let first = self.waiting.len();
        for at in fitting..count {
            let left = self.pieces(at, slots);
            let Some((slot, &segment)) = slots.get_mut(at).zip(self.segments.get(at)) else { break };
            let slot = core::mem::replace(slot, self.spare.pop().unwrap_or_default());
            let segment = if segment == 0 { slot.message().len() } else { segment };
            self.waiting.push_back(Train { slot, source, segment, left, at: 0 });
        }
        // From the last to the first, so that no message is overwritten before it has moved to its place.
        let mut end = filled;
        for at in (0..fitting).rev() {
            let start = end - self.pieces(at, slots);
            slots.swap(at, start);
            if let Some(places) = slots.get_mut(start..end) {
                spread(places, self.segments.get(at).copied().unwrap_or(0));
            }
            end = start;
        }
        if let (Some(train), Some(places)) = (self.waiting.get_mut(first), slots.get_mut(filled..)) {
            filled += train.unload(places);
        }
        (filled, all)
    }

    /// Fills slots with what waits, in its order, from each socket `most` at most; says how many.
    pub(super) fn resume(&mut self, slots: &mut [Slot], most: impl Fn(u64) -> usize) -> usize {
        let mut filled = 0;
        let (mut source, mut left) = (None, 0);
        self.served.clear();
        for _ in 0..self.waiting.len() {
            let Some(mut train) = self.waiting.pop_front() else { break };
            if source != Some(train.source) {
                (source, left) = (Some(train.source), most(train.source));
                self.served.push(train.source);
            }
            let free = slots.get_mut(filled..).unwrap_or_default();
            let share = left.min(free.len());
            let count = train.unload(free.get_mut(..share).unwrap_or_default());
            filled += count;
            left -= count;
            if train.left == 0 {
                self.spare.push(train.slot);
            } else {
                // The later ones of this socket stay behind it.
                left = 0;
                self.waiting.push_back(train);
            }
        }
        filled
    }

    /// The socket is closed: nobody waits for what it has received.
    pub(super) fn forget(&mut self, source: u64) {
        for _ in 0..self.waiting.len() {
            let Some(train) = self.waiting.pop_front() else { return };
            if train.source == source {
                self.spare.push(train.slot);
            } else {
                self.waiting.push_back(train);
            }
        }
    }
}

/// The first slot holds a message of as many datagrams as there are slots: one for each.
fn spread(slots: &mut [Slot], segment: usize) {
    let Some((whole, others)) = slots.split_first_mut() else { return };
    let Some(origin) = whole.origin().filter(|_| !others.is_empty()) else { return };
    for (slot, datagram) in others.iter_mut().zip(whole.message().chunks(segment.max(1)).skip(1)) {
        slot.fill_from(datagram, origin);
    }
    whole.narrow(0, segment);
}

/// What a socket is used to: a call for one message costs less than a call for several, and messages for which a turn has
/// no slots would wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habit {
    /// The turn in which it was asked last.
    turn: u32,
    asked: u8,
    came: u8,
    /// Datagrams in sixteen messages, on average of late.
    sixteen: u16,
}

impl Habit {
    /// How many messages to ask for in this turn, when there are slots for `datagrams`.
    pub(super) fn messages(self, turn: u32, datagrams: usize) -> usize {
        let likely = match self.came {
            0 | 1 if self.asked == 1 && turn == self.turn.wrapping_add(1) => AT_ONCE,
            0 | 1 => 1,
            several => AT_ONCE.max(2 * usize::from(several)),
        };
        likely.min(16 * datagrams / usize::from(self.sixteen).max(16)).clamp(1, datagrams.max(1))
    }

    /// In this turn `asked` were asked for, and `came` were received, which were `datagrams`.
    pub(super) fn learn(&mut self, turn: u32, asked: usize, came: usize, datagrams: usize) {
        const { assert!(BATCH <= u8::MAX as usize, "as many messages as there are slots") };
        let small = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        (self.turn, self.asked, self.came) = (turn, small(asked), small(came));
        if let Some(average) = (16 * datagrams).checked_div(came) {
            let mixed = (3 * usize::from(self.sixteen) + average) / 4;
            self.sixteen = u16::try_from(mixed).unwrap_or(u16::MAX);
        }
    }
}

#[cfg(test)]
mod tests;
