//! The audit log: what the node did, on record, in a form that shows when somebody has changed it.
//!
//! A record is a line of JSON that holds the hash of the line before ([`mod@line`]). Signed checkpoints say at least once a
//! minute that all this stood when the node held its key. [`verify`] finds whatever was changed, taken out, moved or
//! cut; only the very end of a log can be cut unseen, down to the last head that was written down elsewhere.
//!
//! [`Audit::record`] never waits: facts go through a bounded queue to a thread, and what does not fit is counted, and
//! the count is recorded. Calls, tokens and parties stand in the log under [`Pseudonym`]s.

pub mod damage;
pub mod disk;
pub mod export;
pub mod fact;
pub mod inbox;
mod journal;
mod keys;
pub mod line;
mod pseudonym;
mod recovery;
pub mod report;
pub mod reveal;
mod state;
pub mod syslog;
pub mod values;
pub mod verify;
mod writer;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use disk::{Disk, Lock, Segment};
pub use fact::Fact;
pub use journal::{CHECKPOINT_EVERY, Rotation};
pub use keys::{PublicKey, SigningKey};
pub use pseudonym::{DayKey, MasterKey, Pseudonym};
pub use state::{Alarm, AuditState, WhenFailing};
pub use values::{Day, Digest, Label, Stamp};

use crate::clock::SystemClock;
use crate::time::Now;
use fact::{KeyChange, KeyChanged};
use journal::Journal;
use state::Shared;
use syslog::Outlet;
use writer::{Times, Writer};

/// Facts on their way to the writer: a second of a busy node, about 2 MB.
const QUEUE: usize = 8192;
/// How long [`Audit::sync`] waits for the disk, in looks of [`LOOK`].
const LOOKS: u32 = 200;
const LOOK: Duration = Duration::from_millis(50);
/// A log that was silent for longer than this, in seconds, may have been woken by a clock that is wrong.
const LONG_SILENCE: u64 = 24 * 60 * 60;

/// Asked for the time by whoever records and by the writer.
pub trait Clock: Send + Sync {
    /// What time it is.
    fn now(&self) -> Now;
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Self::now(self)
    }
}

/// What a log needs.
#[derive(Debug)]
pub struct Settings {
    /// Where the log is.
    pub directory: PathBuf,
    /// The region of this node, for the refusals.
    pub region: Label,
    /// Signs the checkpoints.
    pub key: SigningKey,
    /// When segments end, and when they go.
    pub rotation: Rotation,
    /// What to do with new calls while nothing can be recorded.
    pub when_failing: WhenFailing,
    /// Where every record is sent as well.
    pub syslog: Option<syslog::Settings>,
}

enum Letter {
    Fact(Now, Fact),
    /// Answer when all that came before is on the disk; false if it is not.
    Sync(SyncSender<bool>),
    /// Look whether it is time to stop.
    Wake,
}

/// The log, as those see it who record. Copies are the same log.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    letters: SyncSender<Letter>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    syslog: bool,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the log in a directory, makes its end good if it was torn, and starts the thread that writes.
    ///
    /// # Errors
    /// The directory cannot be read or written, or another process writes there. Damage is no error: it is recorded.
    pub fn open(settings: Settings) -> io::Result<Self> {
        let disk = disk::Directory::new(&settings.directory)?;
        Self::open_with(settings, Arc::new(SystemClock::start()), Box::new(disk))
    }

    /// The same by another clock and on another disk. The directory has to exist; it is read without `disk`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(settings: Settings, clock: Arc<dyn Clock>, disk: Box<dyn Disk>) -> io::Result<Self> {
        let Settings { directory, region, key, rotation, when_failing, syslog } = settings;
        let lock = Lock::take(&directory)?;
        inbox::prepare(&directory)?;
        let tail = recovery::recover(&directory)?;
        let changed = publish(&directory, key.public())?;
        let shared = Arc::new(Shared::default());
        shared.refuses.store(when_failing == WhenFailing::Refuse, Ordering::Relaxed);
        shared.set_region(region);
        let with_syslog = syslog.is_some();
        let outlet = syslog.map(|settings| Outlet::open(settings, &shared)).transpose()?;
        let mut journal = Journal::new(&directory, disk, (key, outlet), rotation, &tail)?;
        let now = clock.now();
        if tail.last.is_some_and(|last| last.seconds_until(now.unix) > LONG_SILENCE) {
            journal.jumped(now.moment);
        }
        let found = tail.recovered.map(Fact::from).into_iter().chain(changed.map(Fact::from));
        for fact in found {
            journal.append(now.unix, &fact)?;
        }
        shared.succeed(journal.head());
        let (letters, receiver) = sync_channel(QUEUE);
        let inner = Inner {
            letters,
            shared: Arc::clone(&shared),
            clock: Arc::clone(&clock),
            syslog: with_syslog,
            writer: Mutex::new(None),
        };
        let times = Times::new(now);
        let writer = Writer { journal, shared, clock, letters: receiver, path: directory, times };
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            writer.run();
            drop(lock);
        })?;
        *inner.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self(Arc::new(inner)))
    }

    /// Records a fact. It never waits: if the queue is full, the fact is lost, and counted, and the count is recorded.
    pub fn record(&self, fact: impl Into<Fact>) {
        self.record_at(self.0.clock.now(), fact);
    }

    /// The same for those who have just asked for the time.
    pub fn record_at(&self, now: Now, fact: impl Into<Fact>) {
        match self.0.letters.try_send(Letter::Fact(now, fact.into())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.0.shared.lose(1),
        }
    }

    /// Counts refusals for a reason, one of a few hundred that the program knows; they are recorded once a minute. It
    /// takes a lock: call it with sums, not for each refusal.
    pub fn refused(&self, reason: impl Into<Cow<'static, str>>, count: u64) {
        self.0.shared.refuse(reason.into(), count);
    }

    /// Counts facts that were lost before they came here; the count is recorded.
    pub fn lost(&self, count: u64) {
        self.0.shared.lose(count);
    }

    /// The region of the refusals from now on.
    pub fn set_region(&self, region: Label) {
        self.0.shared.set_region(region);
    }

    /// What to do with new calls from now on while nothing can be recorded.
    pub fn set_when_failing(&self, when: WhenFailing) {
        self.0.shared.refuses.store(when == WhenFailing::Refuse, Ordering::Relaxed);
    }

    /// Whether what was recorded is being written, and how far.
    #[must_use]
    pub fn state(&self) -> AuditState {
        self.0.shared.state(self.0.syslog)
    }

    /// Whether new calls may begin: always, unless nothing can be recorded and the operator wants none then.
    #[must_use]
    pub fn admits_calls(&self) -> bool {
        !self.0.shared.refuses.load(Ordering::Relaxed) || !self.0.shared.is_failing()
    }

    /// Waits until all that was recorded before would survive a loss of power; false if the disk takes nothing, or not
    /// all within ten seconds.
    #[must_use]
    pub fn sync(&self) -> bool {
        let (sender, answer) = sync_channel(1);
        let taken = self.0.letters.try_send(Letter::Sync(sender)).is_ok();
        // A writer that has given up on the disk for a second tries it once more.
        self.0.wake();
        if !taken {
            std::thread::park_timeout(LOOK);
            return false;
        }
        for _ in 0..LOOKS {
            match answer.recv_timeout(LOOK) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) if self.0.shared.is_failing() => return false,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        false
    }

    /// Writes what has come so far, signs it, and ends the thread. Nothing can be recorded afterwards.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn wake(&self) {
        if let Some(thread) = &*self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.thread().unpark();
        }
    }

    fn close(&self) {
        self.shared.stop.store(true, Ordering::Release);
        // A full queue keeps the writer awake without this letter.
        drop(self.letters.try_send(Letter::Wake));
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            // A writer that has died has nothing more to say.
            drop(thread.join());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl core::fmt::Debug for Audit {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_tuple("Audit").field(&self.state()).finish()
    }
}

/// Adds the key to the public ones beside the log; tells whether it took over from another.
fn publish(directory: &Path, key: &PublicKey) -> io::Result<Option<KeyChanged>> {
    let path = directory.join(disk::PUBLIC_KEYS);
    let known = if path.exists() { PublicKey::read(&path)? } else { Vec::new() };
    if known.contains(key) {
        return Ok(None);
    }
    let all: String = known.iter().chain([key]).map(PublicKey::pem).collect();
    let new = directory.join(format!("{}.new", disk::PUBLIC_KEYS));
    std::fs::write(&new, all)?;
    std::fs::rename(new, path)?;
    let purpose = "audit".parse().map_err(io::Error::other)?;
    let change = if known.is_empty() { KeyChange::Added } else { KeyChange::Rotated };
    Ok(Some(KeyChanged { purpose, key: key.id().clone(), change }))
}

/// Records one fact in a log that no node holds right now, without a signature: the next node signs it with the rest.
///
/// # Errors
/// The log cannot be written, or a process holds it ([`io::ErrorKind::WouldBlock`]); then [`inbox::lay`] is the way.
pub fn record_alone(directory: &Path, fact: &Fact) -> io::Result<()> {
    let _lock = Lock::take(directory)?;
    let mut tail = recovery::recover(directory)?;
    let mut disk = disk::Directory::new(directory)?;
    let (first, length) = tail.segment.unwrap_or((tail.chain.next, 0));
    let mut segment = if length > 0 { disk.open(first, length)? } else { disk.create(first)? };
    let now = SystemClock::start().now().unix;
    let mut lines = Vec::new();
    if let Some(recovered) = tail.recovered.take() {
        tail.chain.append(now, &recovered.into(), &mut lines)?;
    }
    tail.chain.append(now, fact, &mut lines)?;
    segment.write(&lines)?;
    segment.sync()
}
