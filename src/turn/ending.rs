//! When the credentials of live allocations end: how many calls are about to be cut, to be told before they are.

use std::collections::BTreeMap;

use crate::time::UnixTime;

/// How long before the end an allocation counts, in seconds: time enough to look, too short to be every call.
const SOON: u64 = 300;

/// Allocations by the second in which their credential ends; at most as many entries as there are allocations.
#[derive(Debug, Default)]
pub(super) struct Ending(BTreeMap<UnixTime, u64>);

impl Ending {
    /// An allocation has begun whose credential ends then, if ever.
    pub(super) fn begun(&mut self, until: Option<UnixTime>) {
        if let Some(until) = until {
            *self.0.entry(until).or_default() += 1;
        }
    }

    /// Such an allocation is over.
    pub(super) fn over(&mut self, until: Option<UnixTime>) {
        let Some(until) = until else { return };
        match self.0.get_mut(&until) {
            Some(1) => {
                self.0.remove(&until);
            }
            Some(count) => *count = count.saturating_sub(1),
            None => {}
        }
    }

    /// Live allocations whose credential ends within five minutes, or has ended and they are in their grace. Looks at
    /// one entry a second of that time, however many allocations there are.
    pub(super) fn soon(&self, now: UnixTime) -> u64 {
        self.0.range(..=now.plus_secs(SOON)).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_within_five_minutes_is_counted_and_forgotten_with_its_allocation() {
        let at = |seconds| Some(UnixTime::from_secs(seconds));
        let mut ending = Ending::default();
        for until in [at(1300), at(1300), at(1301), at(999), None] {
            ending.begun(until);
        }
        let now = UnixTime::from_secs(1000);
        assert_eq!(ending.soon(now), 3, "two in five minutes, one in its grace");
        ending.over(at(1300));
        ending.over(at(999));
        ending.over(None);
        ending.over(at(5));
        assert_eq!(ending.soon(now), 1);
        ending.over(at(1300));
        ending.over(at(1301));
        assert!(ending.0.is_empty(), "nothing stays");
    }
}
