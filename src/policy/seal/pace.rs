//! A rate with a burst (the generic cell rate algorithm): one number per rate, no timer.

use crate::time::Moment;
use crate::wire::keep::Keep;

/// How much may be spent, and how fast it comes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Units that come back in a second, at least 1.
    pub(super) per_second: u64,
    /// Units that may be spent at once.
    pub(super) burst: u64,
}

/// What has been spent of a [`Rate`], as the moment when all of it will have come back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace(u64);

impl Pace {
    /// Spends `units`; false, and nothing spent, when they are not there.
    pub(super) const fn spend(&mut self, units: u64, rate: Rate, now: Moment) -> bool {
        let interval = 1_000_000_000 / rate.per_second;
        let now = now.as_nanos();
        let from = if self.0 > now { self.0 } else { now };
        let until = from.saturating_add(units.saturating_mul(interval));
        if until - now > rate.burst.saturating_mul(interval) {
            return false;
        }
        self.0 = until;
        true
    }
}

impl Keep for Pace {
    fn keep(&self, to: &mut Vec<u8>) {
        self.0.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Keep::recall(from).map(Self)
    }
}
