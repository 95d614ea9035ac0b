//! The thread that writes the journal: what shards hand it, in frames, and now and then all of it anew, so that it does
//! not grow.

use core::time::Duration;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};

use super::format::{ENTRY, Entries, Identity, LONGEST_FRAME, Place, Signer, entries};
use super::{Letter, OURS, State};
use crate::clock::SystemClock;
use crate::time::Moment;

/// Bytes of a journal at most: a hundred thousand allocations have a fifth of it. It may lie in memory.
const LARGEST: u64 = 512 << 20;
/// Bytes of records that hold no more, beyond as many as hold: then the journal is written anew.
const SLACK: u64 = 4 << 20;
/// Bytes of a frame of a journal that is written anew.
const REWRITTEN: usize = 256 << 10;
/// How long after a failure the journal is begun anew.
const RETRY: Duration = Duration::from_secs(10);

/// What is in the journal that is not the shards'.
pub(super) type Own = Box<dyn Fn() -> Entries + Send>;

/// The writer, on its thread.
pub(super) struct Writer {
    pub(super) paths: Paths,
    pub(super) key: [u8; 32],
    pub(super) identity: Identity,
    pub(super) own: Own,
    pub(super) state: Arc<State>,
    pub(super) clock: SystemClock,
    /// The journal that is being written, or since when there is none.
    pub(super) open: Result<Open, Moment>,
    /// Which shards have handed over all they had at the start.
    pub(super) complete: Vec<bool>,
    /// Which shards have handed over all they had at their end.
    pub(super) ended: Vec<bool>,
}

/// Where the journal is, and where one in the making.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) whole: PathBuf,
    pub(super) unfinished: PathBuf,
}

impl Paths {
    /// Nothing is to go on from here. What cannot be removed is told.
    pub(super) fn remove(&self) {
        for path in [&self.whole, &self.unfinished] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(%error, "the journal cannot be removed");
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// A journal that is being written.
pub(super) struct Open {
    file: File,
    signer: Signer,
    /// The number of the next frame.
    number: u64,
    /// Bytes so far.
    length: u64,
    /// Where the record of each place stands, and its length.
    places: HashMap<Place, (u64, u32)>,
    /// Bytes of entries that hold.
    live: u64,
    /// It is complete and has its name.
    named: bool,
}

impl Open {
    /// Begins a journal, without its name.
    pub(super) fn begin(paths: &Paths, key: &[u8; 32], identity: &Identity) -> io::Result<Self> {
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| io::Error::other("the system has no randomness"))?;
        match fs::remove_file(&paths.unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create_new(true).mode(0o600).open(&paths.unfinished)?;
        let signer = Signer::new(key, salt);
        let header = signer.header(identity);
        file.write_all(&header)?;
        let length = u64::try_from(header.len()).unwrap_or(u64::MAX);
        Ok(Self { file, signer, number: 0, length, places: HashMap::new(), live: 0, named: false })
    }

    /// Writes entries, in several frames if one has no room for them. After an error the file is of no use.
    fn write(&mut self, gathered: &Entries) -> io::Result<()> {
        gathered.frames().try_for_each(|frame| self.write_frame(frame))
    }

    fn write_frame(&mut self, gathered: &[u8]) -> io::Result<()> {
        // Nobody reads a longer one, nor anything else of a journal that has one.
        if gathered.len() > LONGEST_FRAME {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let frame = self.signer.frame(self.number, gathered);
        self.file.write_all(&frame)?;
        self.number += 1;
        let mut at = self.length + 4;
        self.length += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        for (place, record) in entries(gathered).flatten() {
            let length = record.map(|record| u32::try_from(record.len()).unwrap_or(u32::MAX));
            let begins = at + entry_bytes(0);
            at = begins + u64::from(length.unwrap_or(0));
            let before = match length {
                Some(length) => self.places.insert(place, (begins, length)),
                None => self.places.remove(&place),
            };
            self.live += length.map_or(0, entry_bytes);
            self.live = self.live.saturating_sub(before.map_or(0, |(_, length)| entry_bytes(length)));
        }
        if self.live > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    }

    /// Gives it its name, if it has none yet.
    fn name(&mut self, paths: &Paths) -> io::Result<()> {
        if !self.named {
            fs::rename(&paths.unfinished, &paths.whole)?;
            self.named = true;
        }
        Ok(())
    }

    /// The same journal with nothing in it that does not hold any more.
    fn rewritten(&self, paths: &Paths, key: &[u8; 32], identity: &Identity) -> io::Result<Self> {
        let mut new = Self::begin(paths, key, identity)?;
        let mut gathered = Entries::default();
        for (&place, &(at, length)) in &self.places {
            let mut record = vec![0; usize::try_from(length).unwrap_or(0)];
            self.file.read_exact_at(&mut record, at)?;
            gathered.put(place, Some(&record));
            if gathered.bytes().len() >= REWRITTEN {
                new.write(&core::mem::take(&mut gathered))?;
            }
        }
        new.write(&gathered)?;
        new.name(paths)?;
        Ok(new)
    }
}

fn entry_bytes(length: u32) -> u64 {
    u64::from(length).saturating_add(u64::try_from(ENTRY).unwrap_or(0))
}

impl Writer {
    /// Writes what comes until told to finish, or until nobody is left who could tell.
    pub(super) fn run(mut self, letters: &Receiver<Letter>) {
        if self.open.is_ok() {
            let own = (self.own)();
            self.attempt(|open| open.write(&own));
        }
        loop {
            let letter = letters.recv_timeout(RETRY);
            self.state.made_room();
            if self.open.as_ref().is_err_and(|since| self.clock.now().moment >= *since + RETRY) {
                self.begin_anew();
            }
            match letter {
                Ok(Letter::Entries { generation, entries }) => {
                    if generation == self.state.generation() {
                        self.attempt(|open| open.write(&entries));
                    }
                }
                Ok(Letter::Complete { generation, shard }) => {
                    if generation == self.state.generation() {
                        self.completed(shard);
                    }
                }
                Ok(Letter::Ended { generation, shard }) => {
                    if generation == self.state.generation() {
                        self.completed(shard);
                        mark(&mut self.ended, shard);
                    }
                }
                Ok(Letter::Finish(reply)) => return answer(&reply, self.finish()),
                Ok(Letter::Remove(reply)) => {
                    self.paths.remove();
                    return answer(&reply, true);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.state.wrote(self.open.as_ref().map_or(0, |open| open.length), self.clock.now().moment);
        }
    }

    /// Does something with the journal. What fails leaves none behind: an old one must not be taken for a new one.
    fn attempt(&mut self, work: impl FnOnce(&mut Open) -> io::Result<()>) {
        let Ok(open) = &mut self.open else { return };
        let too_long = |open: &Open| open.named && open.length > 2 * open.live + SLACK;
        let worked = work(open).and_then(|()| match too_long(open) {
            true => open.rewritten(&self.paths, &self.key, &self.identity).map(|new| *open = new),
            false => Ok(()),
        });
        if let Err(error) = worked {
            tracing::error!(%error, "the journal cannot be written: a crash now would end the calls that run");
            self.paths.remove();
            self.open = Err(self.clock.now().moment);
            self.state.fail();
        }
    }

    /// Whether the next process finds all there is. What one of the shards has not handed in to its end is as old as that
    /// shard, and may go on; a journal without its name leaves that of an older process, from which nothing may.
    fn finish(&self) -> bool {
        let named = self.open.as_ref().is_ok_and(|open| open.named);
        if !named {
            self.paths.remove();
        }
        named && self.ended.iter().all(|ended| *ended)
    }

    fn completed(&mut self, shard: u16) {
        mark(&mut self.complete, shard);
        if self.complete.iter().all(|complete| *complete) {
            let paths = self.paths.clone();
            self.attempt(|open| open.name(&paths));
        }
    }

    /// Another try, for which the shards hand out everything again.
    fn begin_anew(&mut self) {
        self.open = Open::begin(&self.paths, &self.key, &self.identity).map_err(|_| self.clock.now().moment);
        if self.open.is_err() {
            // An old one may have stayed, if it could not be removed either.
            self.paths.remove();
        } else {
            tracing::info!("the journal is begun anew");
            self.complete.iter_mut().chain(&mut self.ended).for_each(|handed_in| *handed_in = false);
            self.state.next_generation();
            let own = (self.own)();
            self.attempt(|open| open.write(&own));
        }
    }
}

fn mark(shards: &mut [bool], shard: u16) {
    if let Some(place) = shards.get_mut(usize::from(shard)) {
        *place = true;
    }
}

/// Whoever asked may have stopped waiting.
fn answer(reply: &SyncSender<bool>, with: bool) {
    reply.try_send(with).ok();
}

/// A place that is not a shard's.
pub const fn own(key: [u8; 5]) -> Place {
    (OURS, key)
}
