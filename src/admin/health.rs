//! Whether the relay lives, and whether it wants new calls.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use crate::time::Moment;

/// A shard beats once a second; one that has not for so long hangs. A busy host may delay a beat, not ten.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state of health.
pub struct Health {
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    beats: Box<dyn Fn() -> Vec<u64> + Send + Sync>,
    /// By shard: its last beat, and since when that is its last.
    seen: Mutex<Vec<(u64, Moment)>>,
    ready: AtomicBool,
}

impl core::fmt::Debug for Health {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Health").finish_non_exhaustive()
    }
}

impl Health {
    /// Watches the heartbeats that `beats` reads, one for each shard, by the monotonic `clock`. Not ready yet.
    #[must_use]
    pub fn new(
        clock: impl Fn() -> Moment + Send + Sync + 'static,
        beats: impl Fn() -> Vec<u64> + Send + Sync + 'static,
    ) -> Self {
        let ready = AtomicBool::new(false);
        Self { clock: Box::new(clock), beats: Box::new(beats), seen: Mutex::default(), ready }
    }

    /// Says whether new calls are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Whether new calls are welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// The shards whose heart has not beaten for ten seconds, as far as this has been asked in between.
    /// [`super::serve`] asks once a second, so that a shard that hangs is known before the first supervisor asks.
    #[must_use]
    pub fn hanging(&self) -> Vec<usize> {
        let now = (self.clock)();
        let beats = (self.beats)();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.resize(beats.len(), (u64::MAX, now));
        let mut hanging = Vec::new();
        for (shard, (beat, seen)) in beats.into_iter().zip(seen.iter_mut()).enumerate() {
            if seen.0 != beat {
                *seen = (beat, now);
            } else if now.since(seen.1) > PATIENCE {
                hanging.push(shard);
            }
        }
        hanging
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU64;
    use std::sync::Arc;

    #[test]
    fn a_shard_that_stands_still_hangs_and_one_that_turns_again_does_not() {
        let now = Arc::new(AtomicU64::new(0));
        let beats = Arc::new([AtomicU64::new(1), AtomicU64::new(1)]);
        let (clock, read) = (now.clone(), beats.clone());
        let health = Health::new(
            move || Moment::from_secs(clock.load(Ordering::Relaxed)),
            move || read.iter().map(|beat| beat.load(Ordering::Relaxed)).collect(),
        );
        for _ in 0..=PATIENCE.as_secs() {
            assert!(health.hanging().is_empty());
            now.fetch_add(1, Ordering::Relaxed);
            beats[0].fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(health.hanging(), [1]);
        beats[1].fetch_add(1, Ordering::Relaxed);
        assert!(health.hanging().is_empty());
    }
}
