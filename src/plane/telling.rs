//! Facts on their way from a shard to whoever notes them. Nobody waits: what finds the channel full stays here.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, TrySendError};

use super::shard::Fact;

/// Facts that may wait in a shard: more than the ends of as many allocations as there are by default, because a revoked
/// key or a stop ends all of them at once. 30 MB at worst, and given back when they are told.
pub(super) const MOST_UNTOLD: usize = 1 << 17;
/// Facts for which the room stays, when they have been told: those of a batch of allocations, one after the other.
const ROOM_KEPT: usize = 256;
/// How long a shard that has stopped looks for room, and how often: whoever notes facts has to be alive, or nobody is.
const LOOKS: u32 = 1000;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The way to whoever notes facts.
#[derive(Debug)]
pub(super) struct Telling {
    sender: SyncSender<Fact>,
    untold: VecDeque<Fact>,
    most: usize,
}

impl Telling {
    pub(super) const fn new(sender: SyncSender<Fact>, most: usize) -> Self {
        Self { sender, untold: VecDeque::new(), most }
    }

    /// Takes a fact. `false`: too many wait, and this one is lost.
    pub(super) fn take(&mut self, fact: Fact) -> bool {
        let room = self.untold.len() < self.most;
        if room {
            self.untold.push_back(fact);
        }
        room
    }

    /// Tells what there is room for, in order. Returns how many are lost: all of them once nobody listens.
    pub(super) fn tell(&mut self) -> usize {
        while let Some(fact) = self.untold.pop_front() {
            match self.sender.try_send(fact) {
                Ok(()) => {}
                Err(TrySendError::Full(fact)) => {
                    self.untold.push_front(fact);
                    return 0;
                }
                Err(TrySendError::Disconnected(_)) => return 1 + core::mem::take(&mut self.untold).len(),
            }
        }
        if self.untold.capacity() > ROOM_KEPT {
            self.untold = VecDeque::new();
        }
        0
    }

    /// Tells the rest, and waits a second for room at most. Returns how many are lost.
    pub(super) fn finish(mut self) -> usize {
        let mut lost = self.tell();
        for _ in 0..LOOKS {
            if self.is_done() {
                break;
            }
            std::thread::park_timeout(LOOK_EVERY);
            lost += self.tell();
        }
        lost + self.untold.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_done(&self) -> bool {
        self.untold.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::time::{Moment, Now};
    use crate::turn::Event;

    fn fact(number: u64) -> Fact {
        let fact = crate::policy::seal::Fact::Closed { age: Duration::ZERO };
        let now = Now { moment: Moment::from_nanos(number), ..Now::default() };
        Fact { shard: 0, event: Event::Seal { client: None, fact }, now }
    }

    fn numbers(facts: impl Iterator<Item = Fact>) -> Vec<u64> {
        facts.map(|fact| fact.now.moment.as_nanos()).collect()
    }

    #[test]
    fn what_finds_no_room_is_told_later_and_in_order() {
        let (sender, facts) = sync_channel(2);
        let mut telling = Telling::new(sender, 5);
        let taken: Vec<bool> = (0..6).map(|number| telling.take(fact(number))).collect();
        assert_eq!(taken, [true, true, true, true, true, false], "five may wait");
        assert_eq!((telling.tell(), telling.is_done()), (0, false));
        assert_eq!(numbers(facts.try_iter()), [0, 1]);
        telling.take(fact(6));
        assert_eq!(telling.tell(), 0);
        assert_eq!(numbers(facts.try_iter()), [2, 3]);
        assert_eq!((telling.tell(), telling.is_done()), (0, true));
        assert_eq!(numbers(facts.try_iter()), [4, 6]);
    }

    #[test]
    fn when_nobody_listens_everything_is_lost_and_counted() {
        let (sender, facts) = sync_channel(2);
        let mut telling = Telling::new(sender, 5);
        (0..5).for_each(|number| assert!(telling.take(fact(number))));
        drop(facts);
        assert_eq!((telling.tell(), telling.is_done()), (5, true));
    }

    #[test]
    fn the_rest_is_told_to_whoever_is_slow() {
        let (sender, facts) = sync_channel(1);
        let mut telling = Telling::new(sender, 50);
        (0..50).for_each(|number| assert!(telling.take(fact(number))));
        let heard = std::thread::spawn(move || numbers(facts.into_iter()));
        assert_eq!(telling.finish(), 0);
        assert_eq!(heard.join().unwrap(), (0..50).collect::<Vec<_>>());
    }
}
