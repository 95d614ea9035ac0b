//! One timing wheel for all lifetimes, in whole seconds.

use crate::time::Moment;

/// Slots, one a second. Longer than the longest usual lifetime (3600 s), so that an entry is rarely touched twice; one
/// that lies further ahead is put at the far end and looked at again there.
const SLOTS: u64 = 4096;

/// When which allocation wants to be looked at. An entry may be stale: its owner knows which second counts.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<(u32, u64)>>,
    /// The last second that was turned over.
    at: u64,
    /// The earliest second with an entry.
    next: Option<u64>,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), at: 0, next: None }
    }

    /// The whole second at which something that ends at `moment` has ended.
    pub(super) fn second_of(moment: Moment) -> u64 {
        moment.as_nanos().div_ceil(1_000_000_000)
    }

    /// Enters an allocation; returns the second at which it will come up, which is `second` or earlier.
    pub(super) fn insert(&mut self, index: u32, second: u64) -> u64 {
        let second = second.clamp(self.at + 1, self.at + SLOTS - 1);
        if let Some(slot) = self.slot(second) {
            slot.push((index, second));
        }
        self.next = Some(self.next.map_or(second, |next| next.min(second)));
        second
    }

    /// Whether a second has yet to come up.
    pub(super) const fn is_ahead(&self, second: u64) -> bool {
        second > self.at
    }

    /// When `turn` has something to do.
    pub(super) fn next(&self) -> Option<Moment> {
        self.next.map(Moment::from_secs)
    }

    /// Turns to `now` and returns what came up: allocations and the seconds they were entered for.
    pub(super) fn turn(&mut self, now: Moment) -> Vec<(u32, u64)> {
        let now = now.as_secs();
        let mut due = Vec::new();
        if self.next.is_none_or(|next| now < next) {
            self.at = self.at.max(now);
            return due;
        }
        // After a long sleep every slot is due once, not once for every second slept.
        let first = (self.at + 1).max(now.saturating_sub(SLOTS - 1));
        for second in first..=now {
            if let Some(slot) = self.slot(second) {
                due.append(slot);
            }
        }
        self.at = now;
        self.next = (now + 1..now + SLOTS).find(|&second| self.slot(second).is_some_and(|slot| !slot.is_empty()));
        due
    }

    fn slot(&mut self, second: u64) -> Option<&mut Vec<(u32, u64)>> {
        self.slots.get_mut(usize::try_from(second % SLOTS).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_up_in_its_second_and_not_before() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.insert(7, 600), 600);
        assert_eq!(wheel.next(), Some(Moment::from_secs(600)));
        assert_eq!(wheel.turn(Moment::from_nanos(599_999_999_999)), []);
        assert_eq!(wheel.turn(Moment::from_secs(600)), [(7, 600)]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_far_entry_comes_up_early_to_be_entered_again() {
        let mut wheel = Wheel::new();
        let second = wheel.insert(1, 100_000);
        assert!(second < 100_000);
        assert_eq!(wheel.turn(Moment::from_secs(second)), [(1, second)]);
    }

    #[test]
    fn a_long_sleep_loses_nothing() {
        let mut wheel = Wheel::new();
        wheel.insert(1, 10);
        wheel.insert(2, 4000);
        let mut due = wheel.turn(Moment::from_secs(1_000_000));
        due.sort_unstable();
        assert_eq!(due, [(1, 10), (2, 4000)]);
        assert_eq!(wheel.insert(3, 5), 1_000_001, "the past comes up in the next second");
    }

    #[test]
    fn an_idle_wheel_follows_the_clock() {
        let mut wheel = Wheel::new();
        wheel.turn(Moment::from_secs(50_000));
        assert_eq!(wheel.insert(1, 50_600), 50_600);
        assert_eq!(wheel.turn(Moment::from_secs(50_600)), [(1, 50_600)]);
    }
}
