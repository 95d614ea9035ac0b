//! The only place that asks the system what time it is.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Moment, Now, UnixTime};

/// The system's two clocks. Copies share one origin, so that moments of different threads compare.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door that the ban points to")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// What time it is by both clocks. A wall clock before 1970 counts as 1970.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door that the ban points to")]
    pub fn now(&self) -> Now {
        let nanoseconds = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Now { moment: Moment::from_nanos(nanoseconds), unix: UnixTime::from_secs(unix) }
    }
}
