//! What callers and operators can ask a running log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::values::{Digest, Label};
use crate::time::UnixTime;

/// Reasons counted apart; they are constants of the program, and far fewer.
const MOST_REASONS: usize = 256;

/// What to do with new calls while nothing can be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFailing {
    /// Admit them, and raise the alarm.
    #[default]
    Continue,
    /// Refuse them. Calls that run go on.
    Refuse,
}

impl WhenFailing {
    /// As the configuration writes it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Refuse => "refuse",
        }
    }
}

/// Nothing can be recorded right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Since when.
    pub since: UnixTime,
    /// What the system said: `no storage space`, never a path.
    pub what: String,
}

/// The state of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditState {
    /// Why nothing can be recorded; None when all is well.
    pub alarm: Option<Alarm>,
    /// The last record that was handed to the system, and its hash.
    pub head: (u64, Digest),
    /// Facts lost since the start because they came too fast or the disk took nothing for too long.
    pub lost: u64,
    /// Records since the start that the syslog receiver did not get.
    pub syslog_lost: u64,
    /// Whether the syslog receiver is connected; None if there is none.
    pub syslog_connected: Option<bool>,
}

/// What the threads share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub stop: AtomicBool,
    /// Whether new calls are refused while it fails.
    pub refuses: AtomicBool,
    failing: AtomicBool,
    /// Lost and not yet in a gap record: too fast, and while the disk took nothing.
    overrun: AtomicU64,
    undelivered: AtomicU64,
    lost: AtomicU64,
    slow: Mutex<Slow>,
    pub syslog_lost: AtomicU64,
    pub syslog_connected: AtomicBool,
}

/// What is touched a few times a second.
#[derive(Debug, Default)]
struct Slow {
    alarm: Option<Alarm>,
    head: (u64, Digest),
    refusals: BTreeMap<Cow<'static, str>, u64>,
    /// Where the refusals happen.
    region: Label,
}

impl Shared {
    fn slow(&self) -> MutexGuard<'_, Slow> {
        // Every change under this lock is one assignment; a thread that died in between left nothing half.
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lose(&self, count: u64) {
        let failing = self.failing.load(Ordering::Relaxed);
        let counter = if failing { &self.undelivered } else { &self.overrun };
        counter.fetch_add(count, Ordering::Relaxed);
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// What was lost since the last time, by cause: too fast, and while the disk took nothing.
    pub fn take_lost(&self) -> [u64; 2] {
        [&self.overrun, &self.undelivered].map(|counter| counter.swap(0, Ordering::Relaxed))
    }

    pub fn set_region(&self, region: Label) {
        self.slow().region = region;
    }

    pub fn region(&self) -> Label {
        self.slow().region.clone()
    }

    pub fn refuse(&self, reason: Cow<'static, str>, count: u64) {
        let refusals = &mut self.slow().refusals;
        if refusals.len() < MOST_REASONS || refusals.contains_key(&reason) {
            *refusals.entry(reason).or_default() += count;
        }
    }

    pub fn take_refusals(&self) -> BTreeMap<String, u64> {
        let taken = core::mem::take(&mut self.slow().refusals);
        taken.into_iter().filter(|(_, count)| *count > 0).map(|(reason, count)| (reason.into_owned(), count)).collect()
    }

    pub fn fail(&self, since: UnixTime, error: &io::Error) {
        let what = error.kind().to_string();
        let mut slow = self.slow();
        match &mut slow.alarm {
            Some(alarm) => alarm.what = what,
            none => *none = Some(Alarm { since, what }),
        }
        self.failing.store(true, Ordering::Relaxed);
    }

    pub fn succeed(&self, head: (u64, Digest)) {
        let mut slow = self.slow();
        slow.alarm = None;
        slow.head = head;
        self.failing.store(false, Ordering::Relaxed);
    }

    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub fn state(&self, syslog: bool) -> AuditState {
        let slow = self.slow();
        AuditState {
            alarm: slow.alarm.clone(),
            head: slow.head,
            lost: self.lost.load(Ordering::Relaxed),
            syslog_lost: self.syslog_lost.load(Ordering::Relaxed),
            syslog_connected: syslog.then(|| self.syslog_connected.load(Ordering::Relaxed)),
        }
    }
}
