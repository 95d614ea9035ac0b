//! What waits for a stream client that reads too slowly. Media makes room for newer media and loses its worth with age;
//! answers to requests are never dropped.

use core::ops::AddAssign;
use core::time::Duration;
use std::collections::VecDeque;

use crate::time::Moment;
use crate::wire::{Class, Method};

/// What one waiting message costs beyond its bytes, so that many small ones have a bound too.
const OVERHEAD: usize = 64;

/// How much may wait for one stream client, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Bytes that may wait, each message counted with 64 bytes of overhead. Then the oldest media makes room.
    pub bytes: usize,
    /// How long media may wait before it is dropped.
    pub age: Duration,
}

/// Media messages that were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// To make room for newer ones, or because there was none to be made.
    pub(super) full: usize,
    /// Because they had waited too long.
    pub(super) old: usize,
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, more: Self) {
        self.full += more.full;
        self.old += more.old;
    }
}

/// There is no room for an answer: the client does not even read those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overrun;

/// The queue of one connection.
#[derive(Debug)]
pub(super) struct Outbox {
    patience: Patience,
    media: VecDeque<Waiting>,
    control: VecDeque<Waiting>,
    /// What all waiting messages cost.
    cost: usize,
    /// The number of the next message; the order on the wire.
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    since: Moment,
    bytes: Vec<u8>,
}

impl Outbox {
    pub(super) const fn new(patience: Patience) -> Self {
        Self { patience, media: VecDeque::new(), control: VecDeque::new(), cost: 0, next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.media.is_empty() && self.control.is_empty()
    }

    /// Puts a message at the end.
    pub(super) fn push(&mut self, bytes: &[u8], now: Moment) -> Result<Dropped, Overrun> {
        let mut dropped = Dropped { full: 0, old: self.expire(now) };
        let cost = bytes.len().saturating_add(OVERHEAD);
        while self.cost.saturating_add(cost) > self.patience.bytes {
            let Some(oldest) = self.media.pop_front() else { break };
            self.cost = self.cost.saturating_sub(oldest.bytes.len() + OVERHEAD);
            dropped.full += 1;
        }
        let is_media = is_media(bytes);
        if self.cost.saturating_add(cost) > self.patience.bytes {
            dropped.full += 1;
            return if is_media { Ok(dropped) } else { Err(Overrun) };
        }
        let waiting = Waiting { number: self.next, since: now, bytes: bytes.to_vec() };
        self.next += 1;
        self.cost += cost;
        if is_media {
            self.media.push_back(waiting)
        } else {
            self.control.push_back(waiting)
        }
        Ok(dropped)
    }

    /// The next message in the order they came.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let media_is_next = match (self.media.front(), self.control.front()) {
            (Some(media), Some(control)) => media.number < control.number,
            (media, _) => media.is_some(),
        };
        let waiting = if media_is_next { self.media.pop_front() } else { self.control.pop_front() }?;
        self.cost = self.cost.saturating_sub(waiting.bytes.len() + OVERHEAD);
        if self.is_empty() {
            // A client that read too slowly once holds no memory for it.
            (self.media, self.control) = (VecDeque::new(), VecDeque::new());
        }
        Some(waiting.bytes)
    }

    /// Drops media that has waited too long; returns how many messages that were.
    pub(super) fn expire(&mut self, now: Moment) -> usize {
        let mut old = 0;
        while let Some(oldest) = self.media.front()
            && now.since(oldest.since) > self.patience.age
        {
            self.cost = self.cost.saturating_sub(oldest.bytes.len() + OVERHEAD);
            self.media.pop_front();
            old += 1;
        }
        old
    }
}

/// ChannelData and Data indications carry media, which loses its worth while it waits; all else answers a request.
fn is_media(bytes: &[u8]) -> bool {
    match *bytes {
        [first, second, ..] if first < 64 => {
            u16::from_be_bytes([first, second]) == Class::Indication.message_type(Method::Data)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_millis(250);

    fn outbox(bytes: usize) -> Outbox {
        Outbox::new(Patience { bytes, age: AGE })
    }

    fn at(milliseconds: u64) -> Moment {
        Moment::ZERO + Duration::from_millis(milliseconds)
    }

    fn media(mark: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![mark; length];
        bytes[0] = 0x40;
        bytes
    }

    fn answer(mark: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![mark; length];
        bytes[..2].copy_from_slice(&Class::Success.message_type(Method::Refresh).to_be_bytes());
        bytes
    }

    fn full(full: usize) -> Result<Dropped, Overrun> {
        Ok(Dropped { full, old: 0 })
    }

    fn all(outbox: &mut Outbox) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn messages_leave_in_the_order_they_came() {
        let mut outbox = outbox(10_000);
        for bytes in [media(1, 8), answer(2, 20), media(3, 8)] {
            assert_eq!(outbox.push(&bytes, at(0)), full(0));
        }
        assert_eq!(all(&mut outbox), [media(1, 8), answer(2, 20), media(3, 8)]);
    }

    #[test]
    fn the_oldest_media_makes_room_and_answers_stay() {
        let mut outbox = outbox(3 * (100 + OVERHEAD));
        assert_eq!(outbox.push(&media(1, 100), at(0)), full(0));
        assert_eq!(outbox.push(&answer(2, 100), at(0)), full(0));
        assert_eq!(outbox.push(&media(3, 100), at(0)), full(0));
        assert_eq!(outbox.push(&media(4, 100), at(0)), full(1));
        assert_eq!(outbox.push(&answer(5, 100), at(0)), full(1));
        assert_eq!(all(&mut outbox), [answer(2, 100), media(4, 100), answer(5, 100)]);
    }

    #[test]
    fn media_is_dropped_by_its_age_and_answers_are_not() {
        let mut outbox = outbox(10_000);
        for (bytes, moment) in [(media(1, 8), 0), (answer(2, 20), 0), (media(3, 8), 100), (media(4, 8), 101)] {
            assert_eq!(outbox.push(&bytes, at(moment)), full(0));
        }
        assert_eq!(outbox.expire(at(250)), 0, "as old as it may be");
        assert_eq!(outbox.push(&media(5, 8), at(350)), Ok(Dropped { full: 0, old: 1 }));
        assert_eq!(outbox.expire(at(351)), 1);
        assert_eq!(all(&mut outbox), [answer(2, 20), media(4, 8), media(5, 8)]);
    }

    #[test]
    fn what_is_dropped_makes_room() {
        let mut outbox = outbox(100 + OVERHEAD);
        for (mark, moment) in [(1, 0), (2, 1000)] {
            let old = usize::from(moment > 0);
            assert_eq!(outbox.push(&media(mark, 100), at(moment)), Ok(Dropped { full: 0, old }));
        }
        assert_eq!(all(&mut outbox), [media(2, 100)]);
        assert_eq!(outbox.push(&media(3, 100), at(1000)), full(0));
    }

    #[test]
    fn a_data_indication_is_media() {
        let mut bytes = vec![0; 36];
        bytes[..2].copy_from_slice(&Class::Indication.message_type(Method::Data).to_be_bytes());
        let mut outbox = outbox(100);
        assert_eq!(outbox.push(&bytes, at(0)), full(0));
        assert_eq!(outbox.push(&answer(1, 20), at(0)), full(1));
    }

    #[test]
    fn media_that_finds_no_room_is_dropped_itself() {
        let mut outbox = outbox(100 + OVERHEAD);
        assert_eq!(outbox.push(&answer(1, 100), at(0)), full(0));
        assert_eq!(outbox.push(&media(2, 100), at(0)), full(1));
        assert_eq!(outbox.push(&answer(3, 100), at(0)), Err(Overrun));
        assert_eq!(all(&mut outbox), [answer(1, 100)]);
    }
}
