//! What waits for one receiver: each message until it is taken, or its time is over.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::message::Message;

/// Messages that wait for a receiver, some 200 bytes each: half a day of a hospital with a thousand visits in an hour. The
/// oldest makes room.
pub(super) const MOST_WAITING: usize = 10_000;

/// How messages are tried again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The pause after the first try; each further one is four times as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How long a message is tried, from what it tells on.
    pub within: Duration,
    /// How long one try may take.
    pub patience: Duration,
}

impl Default for Pace {
    /// Five seconds to an hour, for twelve hours: some sixteen tries. A night without the receiver is none without messages.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            longest: Duration::from_secs(3600),
            within: Duration::from_secs(12 * 3600),
            patience: Duration::from_secs(15),
        }
    }
}

impl Pace {
    /// The pause after so many tries. `spread` makes it longer by a quarter at most, so that what failed together does not
    /// come back together.
    fn pause(&self, tries: u32, spread: u8) -> Duration {
        let times = 4_u32.saturating_pow(tries.saturating_sub(1));
        let pause = self.first.saturating_mul(times).min(self.longest);
        pause.saturating_add(pause.saturating_mul(spread.into()) / 1024)
    }
}

struct Waiting {
    message: Arc<Message>,
    tries: u32,
    due: Instant,
    until: Instant,
}

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

impl Queue {
    /// Adds a message, to be tried until then. False if the oldest had to make room.
    pub(super) fn push(&mut self, message: Arc<Message>, now: Instant, until: Instant) -> bool {
        let full = self.waiting.len() >= MOST_WAITING;
        if full {
            self.waiting.pop_first();
        }
        self.waiting.insert(self.next, Waiting { message, tries: 0, due: now, until });
        self.next = self.next.saturating_add(1);
        !full
    }

    /// The message that is due first, by its number, and when.
    pub(super) fn first(&self) -> Option<(u64, Instant, Arc<Message>)> {
        let (number, first) = self.waiting.iter().min_by_key(|(_, waiting)| waiting.due)?;
        Some((*number, first.due, Arc::clone(&first.message)))
    }

    /// It waits no more.
    pub(super) fn done(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    /// It was not taken, and is tried again. False if its time is over by then: it waits no more.
    pub(super) fn again(&mut self, number: u64, now: Instant, pace: &Pace) -> bool {
        // It has made room meanwhile.
        let Some(waiting) = self.waiting.get_mut(&number) else { return true };
        waiting.tries = waiting.tries.saturating_add(1);
        let spread = waiting.message.id.bytes().fold(0, u8::wrapping_add);
        waiting.due = now + pace.pause(waiting.tries, spread);
        if waiting.due >= waiting.until {
            self.waiting.remove(&number);
            return false;
        }
        true
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.waiting.values().map(|waiting| &waiting.message)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;
    use crate::webhook::Event;

    fn message(number: u64) -> Arc<Message> {
        let (event, at) = (Event::CallEnded, UnixTime::from_secs(number));
        Arc::new(Message { id: format!("msg_{number}"), event, appointment: "room-1".parse().unwrap(), at })
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_tried_again_in_longer_and_longer_pauses_for_half_a_day() {
        let (pace, began) = (Pace::default(), Instant::now());
        let mut queue = Queue::default();
        assert!(queue.push(message(1), began, began + pace.within));
        let mut pauses = Vec::new();
        let mut now = began;
        while let Some((number, due, _)) = queue.first() {
            pauses.push((due - now).as_secs());
            now = due;
            if !queue.again(number, now, &pace) {
                break;
            }
        }
        assert_eq!(queue.len(), 0);
        assert!((15..=17).contains(&pauses.len()), "{pauses:?}");
        for (pause, least) in pauses.iter().zip([0, 5, 20, 80, 320, 1280].into_iter().chain([3600; 11])) {
            assert!((least..=least + least / 4).contains(pause), "{pauses:?}");
        }
        assert!(now < began + pace.within && now + pace.longest * 2 > began + pace.within);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_first_comes_first_and_the_oldest_makes_room() {
        let (pace, now) = (Pace::default(), Instant::now());
        let until = now + pace.within;
        let mut queue = Queue::default();
        queue.push(message(0), now, until);
        queue.push(message(1), now, until);
        assert!(queue.again(0, now, &pace));
        assert_eq!(queue.first().unwrap().0, 1, "what failed lets others go first");
        for number in 2..10_000 {
            assert!(queue.push(message(number), now, until));
        }
        assert!(!queue.push(message(10_000), now, until));
        assert_eq!((queue.len(), queue.messages().next().unwrap().id.as_str()), (MOST_WAITING, "msg_1"));
        // The answer to one that has made room.
        assert!(queue.again(0, now, &pace));
        queue.done(0);
        assert_eq!(queue.len(), MOST_WAITING);
    }
}
