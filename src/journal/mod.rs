//! The journal of what runs: records of allocations and of what belongs to them, half a second old, in a directory that
//! lasts as long as the system runs. The next process goes on from it after a restart, an upgrade or a crash.
//!
//! Shards hand their records over as [`Entries`], a few at a time and never waiting; one thread writes them. The file is
//! for its owner alone, and authenticated with a key that lies in a file of its own. It is good for one start of the
//! system, since moments count from there. It is removed when the relay ends as it should. Whatever its bytes are, reading
//! it stops no start: what cannot be read is left, and said.

mod directory;
mod format;
mod picture;
mod writer;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::clock::SystemClock;
use crate::time::Moment;

pub use directory::{Directory, DirectoryFault, boot};
pub use format::{Entries, Identity, Place, compose};
pub use picture::{Picture, Unreadable};
pub use writer::own;

use writer::{Open, Writer};

/// The number under which records stand that are not a shard's.
pub const OURS: u16 = u16::MAX;
/// Letters that may wait for the thread: each has what a shard gathers, some hundred records.
const WAITING: usize = 64;
/// How long the end of the journal may take.
const FINISHED_WITHIN: Duration = Duration::from_secs(5);
/// How long whoever hands something in waits for room: on a disk that turns, a batch takes a tenth of it. Beyond that the
/// disk hangs, and must hold back neither a revocation nor the end of a shard.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

/// What the thread is told.
enum Letter {
    Entries { generation: u64, entries: Entries },
    Complete { generation: u64, shard: u16 },
    Ended { generation: u64, shard: u16 },
    Finish(SyncSender<bool>),
    Remove(SyncSender<bool>),
}

/// What the thread shows.
#[derive(Debug, Default)]
struct State {
    /// Counts the times that the journal was begun anew.
    generation: AtomicU64,
    failing: AtomicBool,
    bytes: AtomicU64,
    /// In nanoseconds of the moment.
    written: AtomicU64,
    /// Tells who waits for it that there may be room for a letter.
    room: Condvar,
    waiting: Mutex<()>,
}

impl State {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.failing.store(false, Ordering::Relaxed);
    }

    fn fail(&self) {
        self.failing.store(true, Ordering::Relaxed);
    }

    /// A letter has been taken out.
    fn made_room(&self) {
        let _held = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.room.notify_all();
    }

    fn wrote(&self, bytes: u64, now: Moment) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.written.store(now.as_nanos(), Ordering::Relaxed);
    }
}

/// Sends a letter as soon as there is room; false when there is none in time, or nobody reads.
fn send(letters: &SyncSender<Letter>, state: &State, mut letter: Letter, within: Duration) -> bool {
    let clock = SystemClock::start();
    let until = clock.now().moment + within;
    // Held from the look to the wait, so that no room is made unheard in between.
    let mut held = state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        letter = match letters.try_send(letter) {
            Ok(()) => return true,
            Err(TrySendError::Disconnected(_)) => return false,
            Err(TrySendError::Full(letter)) => letter,
        };
        let left = until.since(clock.now().moment);
        if left.is_zero() {
            return false;
        }
        held = state.room.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// What a thread that hangs has not read.
#[cfg(test)]
pub(crate) struct Hung(Receiver<Letter>);

/// The journal of a running relay. Dropping it leaves the file as it is.
pub struct Journal {
    letters: SyncSender<Letter>,
    state: Arc<State>,
    /// The directory is ours as long as this is there.
    directory: Mutex<Option<Directory>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Journal").field("state", &self.state).finish_non_exhaustive()
    }
}

/// How the journal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// It cannot be written; a new try is made every ten seconds.
    pub failing: bool,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Journal {
    /// Begins the journal of this process. The one before stays until this one is complete, or cannot be written: then it
    /// would say what runs no more. `own` says what is to stand in it beside the records of the shards.
    ///
    /// # Errors
    /// The system gives no thread. A file that cannot be written is tried again.
    pub fn begin(
        directory: Directory,
        identity: Identity,
        clock: SystemClock,
        own: impl Fn() -> Entries + Send + 'static,
    ) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let (letters, receiver): (_, Receiver<Letter>) = sync_channel(WAITING);
        let (paths, key) = (directory.paths(), *directory.key());
        let open = Open::begin(&paths, &key, &identity).map_err(|error| {
            tracing::error!(%error, "the journal cannot be written: a crash now would end the calls that run");
            paths.remove();
            state.fail();
            clock.now().moment
        });
        let complete = vec![false; usize::from(identity.shards)];
        let (own, ended): (writer::Own, _) = (Box::new(own), complete.clone());
        let writer = Writer { paths, key, identity, own, state: Arc::clone(&state), clock, open, complete, ended };
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Self { letters, state, directory: Mutex::new(Some(directory)) })
    }

    /// A journal whose disk hangs, for tests: its letters lie there as long as the other value does.
    #[cfg(test)]
    pub(crate) fn hung() -> (Self, Hung) {
        let (letters, unread) = sync_channel(WAITING);
        let journal = Self { letters, state: Arc::default(), directory: Mutex::default() };
        while journal.pen(0).try_write(0, Entries::default()).is_ok() {}
        (journal, Hung(unread))
    }

    /// The way into it for a shard.
    #[must_use]
    pub fn pen(&self, shard: u16) -> Pen {
        Pen { shard, letters: self.letters.clone(), state: Arc::clone(&self.state) }
    }

    /// How it does.
    #[must_use]
    pub fn health(&self) -> Health {
        Health { failing: self.state.failing.load(Ordering::Relaxed), bytes: self.state.bytes.load(Ordering::Relaxed) }
    }

    /// All has been handed in: returns when it is written. `false`: not every shard has said that it was all, or it could
    /// not be written in time.
    #[must_use]
    pub fn finish(&self) -> bool {
        self.end(Letter::Finish, FINISHED_WITHIN)
    }

    /// Removes the file: nothing is to go on. `false`: it could not be done in time.
    #[must_use]
    pub fn remove(&self) -> bool {
        self.end(Letter::Remove, FINISHED_WITHIN)
    }

    fn end(&self, letter: impl FnOnce(SyncSender<bool>) -> Letter, within: Duration) -> bool {
        let (reply, answer) = sync_channel(1);
        let clock = SystemClock::start();
        let until = clock.now().moment + within;
        let done = send(&self.letters, &self.state, letter(reply), within)
            && answer.recv_timeout(until.since(clock.now().moment)).unwrap_or(false);
        // The next process may have it.
        self.directory.lock().unwrap_or_else(PoisonError::into_inner).take();
        done
    }
}

/// The way into the journal for one shard, or for records that are not a shard's.
#[derive(Clone)]
pub struct Pen {
    shard: u16,
    letters: SyncSender<Letter>,
    state: Arc<State>,
}

impl fmt::Debug for Pen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pen").field("shard", &self.shard).finish_non_exhaustive()
    }
}

impl Pen {
    /// Whose it is.
    #[must_use]
    pub const fn shard(&self) -> u16 {
        self.shard
    }

    /// How often the journal was begun anew. When this changes, everything is to be handed in again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.generation()
    }

    /// Hands entries in, of the generation in which they were gathered. Never waits.
    ///
    /// # Errors
    /// There is no room now; the entries come back.
    pub fn try_write(&self, generation: u64, entries: Entries) -> Result<(), Entries> {
        match self.letters.try_send(Letter::Entries { generation, entries }) {
            Err(TrySendError::Full(Letter::Entries { entries, .. })) => Err(entries),
            // Who ends the journal wants nothing more of it.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The same, and waits for room, a second at most. `false`: there was none, and nothing is handed in.
    #[must_use]
    pub fn write(&self, generation: u64, entries: Entries) -> bool {
        send(&self.letters, &self.state, Letter::Entries { generation, entries }, ROOM_WITHIN)
    }

    /// Says that all there was at the beginning of the generation has been handed in. `false`: there is no room now.
    #[must_use]
    pub fn try_complete(&self, generation: u64) -> bool {
        let letter = Letter::Complete { generation, shard: self.shard };
        !matches!(self.letters.try_send(letter), Err(TrySendError::Full(_)))
    }

    /// Says that all there is has been handed in, and that nothing more comes: the shard ends. Waits for room, a second at
    /// most. `false`: there was none.
    #[must_use]
    pub fn end(&self, generation: u64) -> bool {
        send(&self.letters, &self.state, Letter::Ended { generation, shard: self.shard }, ROOM_WITHIN)
    }
}

#[cfg(test)]
mod tests;
