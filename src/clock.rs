//! The only place that asks the system what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::time::{Moment, Now, UnixTime};

/// The system's two clocks. Moments count from the start of the system, so that those of different threads, and of the
/// process before this one, compare.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(());

impl SystemClock {
    /// The clocks; they have been running since the system started.
    #[must_use]
    pub const fn start() -> Self {
        Self(())
    }

    /// What time it is by both clocks. A wall clock before 1970 counts as 1970.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door that the ban points to")]
    pub fn now(&self) -> Now {
        // Every Linux has this clock; it stands still while the machine sleeps, and then no packet comes either.
        let nanoseconds = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
            let part = |number: i64, of: u64| u64::try_from(number).unwrap_or(0).saturating_mul(of);
            part(time.tv_sec(), 1_000_000_000).saturating_add(part(time.tv_nsec(), 1))
        });
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Now { moment: Moment::from_nanos(nanoseconds), unix: UnixTime::from_secs(unix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The system's uptime goes on while the machine sleeps, and this clock does not: it is never ahead.
    #[test]
    fn moments_count_from_the_start_of_the_system() {
        let before = SystemClock::start().now().moment;
        let uptime = nix::sys::sysinfo::sysinfo().unwrap().uptime();
        assert!(before.as_secs() > 0 && before.as_secs() <= uptime.as_secs() + 1, "{before:?} {uptime:?}");
        let after = SystemClock::start().now().moment;
        assert!(before <= after);
    }
}
