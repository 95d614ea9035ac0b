//! The thread that writes. Whoever records hands a fact over and goes on; all that can wait or fail happens here.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::Duration;

use super::fact::{ClockStepped, Fact, Gap, GapCause, Refusals};
use super::inbox;
use super::journal::{BUFFER, Journal};
use super::state::Shared;
use super::values::Stamp;
use super::{Clock, Letter};
use crate::time::{Moment, Now, UnixTime};

/// How often the writer looks around, syncs, and tries a disk again that took nothing.
const TICK: Duration = Duration::from_secs(1);
/// How long the first fact after a silence waits for others, so that they take one wake-up and one call to the disk.
const GATHER: Duration = Duration::from_millis(2);
/// How often refusals are summed up and a checkpoint is made, in seconds.
const MINUTE: u64 = 60;
/// How often old segments are looked for, in seconds.
const HOUR: u64 = 60 * 60;
/// The wall clock was set if it differs by this many seconds from where the other clock says it should be. Both are cut
/// to whole seconds, so one is nothing.
const STEP: i64 = 2;
/// A step forward by more than this could end the time of old segments by mistake.
const JUMP: i64 = 60 * 60;

pub(super) struct Writer {
    pub journal: Journal,
    pub shared: Arc<Shared>,
    pub clock: Arc<dyn Clock>,
    pub letters: Receiver<Letter>,
    pub path: PathBuf,
    pub times: Times,
}

/// What was done when, by the monotonic clock.
pub(super) struct Times {
    /// The wall clock minus the other one, in seconds.
    offset: i64,
    sync: Moment,
    inbox: Moment,
    minute: Moment,
    hour: Option<Moment>,
    refusals_since: UnixTime,
    syslog_lost: u64,
}

impl Times {
    pub fn new(now: Now) -> Self {
        Self {
            offset: offset(now),
            sync: now.moment,
            inbox: now.moment,
            minute: now.moment,
            hour: None,
            refusals_since: now.unix,
            syslog_lost: 0,
        }
    }
}

fn offset(now: Now) -> i64 {
    let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    seconds(now.unix.as_secs()).saturating_sub(seconds(now.moment.as_secs()))
}

impl Writer {
    pub fn run(mut self) {
        let mut waiters = Vec::new();
        loop {
            let stop = self.receive(&mut waiters);
            let now = self.clock.now();
            let done = self.look_around(now, stop).and_then(|()| self.write(now, !waiters.is_empty(), stop));
            if let Err(error) = &done {
                self.shared.fail(now.unix, error);
            }
            for waiter in waiters.drain(..) {
                // One who no longer waits needs no answer.
                _ = waiter.try_send(done.is_ok());
            }
            if stop {
                return;
            }
            if done.is_err() {
                // Nothing is taken from the queue meanwhile: what does not fit there is counted as lost.
                std::thread::park_timeout(TICK);
            }
        }
    }

    /// Takes what has come, waiting for it if there is nothing to do; tells whether it is time to stop.
    fn receive(&mut self, waiters: &mut Vec<SyncSender<bool>>) -> bool {
        if self.shared.is_failing() && !self.journal.waiting().is_empty() {
            return self.shared.stop.load(Ordering::Acquire);
        }
        let mut next = match self.letters.recv_timeout(TICK) {
            Ok(letter) => {
                // Whoever waits for the disk wakes this thread.
                if matches!(letter, Letter::Fact(..)) {
                    std::thread::park_timeout(GATHER);
                }
                Some(letter)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return true,
        };
        while let Some(letter) = next {
            match letter {
                Letter::Fact(now, fact) => self.take(now, &fact),
                Letter::Sync(waiter) => waiters.push(waiter),
                Letter::Wake => {}
            }
            if self.journal.waiting().len() >= BUFFER {
                return false;
            }
            next = match self.letters.try_recv() {
                Ok(letter) => Some(letter),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return true,
            };
        }
        self.shared.stop.load(Ordering::Acquire)
    }

    fn take(&mut self, now: Now, fact: &Fact) {
        self.watch_the_clock(now);
        if self.journal.append(now.unix, fact).is_err() {
            self.shared.lose(1);
        }
    }

    fn watch_the_clock(&mut self, now: Now) {
        let seconds = offset(now).saturating_sub(self.times.offset);
        if seconds.saturating_abs() < STEP {
            return;
        }
        self.times.offset = offset(now);
        if seconds > JUMP {
            self.journal.jumped(now.moment);
        }
        if self.journal.append(now.unix, &ClockStepped { seconds }.into()).is_err() {
            self.shared.lose(1);
        }
    }

    /// What is to be recorded without anybody asking for it.
    fn look_around(&mut self, now: Now, stop: bool) -> io::Result<()> {
        if self.shared.is_failing() && !self.journal.waiting().is_empty() {
            return Ok(());
        }
        self.watch_the_clock(now);
        for (lost, cause) in self.shared.take_lost().into_iter().zip([GapCause::Overrun, GapCause::Disk]) {
            if lost > 0 {
                self.journal.append(now.unix, &Gap { lost, cause }.into())?;
            }
        }
        if stop || now.moment.since(self.times.inbox) >= TICK {
            self.times.inbox = now.moment;
            self.empty_the_inbox(now)?;
        }
        if stop || now.moment.since(self.times.minute).as_secs() >= MINUTE {
            self.times.minute = now.moment;
            self.every_minute(now)?;
        }
        Ok(())
    }

    fn empty_the_inbox(&mut self, now: Now) -> io::Result<()> {
        let laid = inbox::take(&self.path);
        for (fact, _) in &laid {
            if self.journal.append(now.unix, fact).is_err() {
                self.shared.lose(1);
            }
        }
        if !laid.is_empty() {
            // Whoever laid them down goes on when the files are gone, so the disk has to have the facts first.
            self.journal.flush()?;
            self.journal.sync()?;
            laid.iter().for_each(|(_, taken)| taken.done());
        }
        Ok(())
    }

    fn every_minute(&mut self, now: Now) -> io::Result<()> {
        let reasons = self.shared.take_refusals();
        if !reasons.is_empty() {
            let body = Refusals { region: self.shared.region(), since: Stamp(self.times.refusals_since), reasons };
            self.journal.append(now.unix, &body.into())?;
        }
        self.times.refusals_since = now.unix;
        let all = self.shared.syslog_lost.load(Ordering::Relaxed);
        let lost = all.saturating_sub(self.times.syslog_lost);
        if lost > 0 {
            self.times.syslog_lost = all;
            self.journal.append(now.unix, &Gap { lost, cause: GapCause::Syslog }.into())?;
        }
        self.journal.checkpoint(now.unix)
    }

    /// Hands over to the disk what waits, and syncs once a second or when somebody waits for it.
    fn write(&mut self, now: Now, sync: bool, stop: bool) -> io::Result<()> {
        self.journal.flush()?;
        if sync || stop || (self.journal.is_dirty() && now.moment.since(self.times.sync) >= TICK) {
            self.journal.sync()?;
            self.times.sync = now.moment;
        }
        self.shared.succeed(self.journal.head());
        if stop {
            return Ok(());
        }
        let due = self.times.hour.is_none_or(|last| now.moment.since(last).as_secs() >= HOUR);
        if self.journal.rotate(now.unix)? || due {
            self.times.hour = Some(now.moment);
            self.journal.remove_old(now.unix, now.moment)?;
            self.journal.flush()?;
        }
        self.shared.succeed(self.journal.head());
        Ok(())
    }
}
