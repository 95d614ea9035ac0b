//! The written side of the log: lines wait in a buffer until the disk has them, segments follow each other, checkpoints
//! sign what stands, and the oldest segments go when their time is over.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Lines, Segment, segment};
use super::fact::Fact;
use super::keys::SigningKey;
use super::line::{Chain, Line};
use super::recovery::Tail;
use super::syslog::Outlet;
use super::values::Digest;
use crate::time::{Moment, UnixTime};

/// Records between two checkpoints, at most. Whoever changes the files without the key can touch no more than the last
/// of them unseen.
pub const CHECKPOINT_EVERY: u64 = 4096;
/// Lines that wait for the disk, in bytes; what comes beyond waits in the queue.
pub(super) const BUFFER: usize = 256 * 1024;
/// After a jump of the wall clock, old segments are spared for so many seconds: time to see that the clock is wrong.
const SPARE_AFTER_A_JUMP: u64 = 24 * 60 * 60;

/// When segments end, and when they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A segment that has this many bytes gets no more records.
    pub bytes: u64,
    /// A segment whose first record is this old, in seconds, gets no more records.
    pub seconds: u64,
    /// A segment goes when its last record is this old, in seconds. None keeps all of them.
    pub keep: Option<u64>,
}

impl Default for Rotation {
    /// 64 MiB or a day; all are kept.
    fn default() -> Self {
        Self { bytes: 64 * 1024 * 1024, seconds: 24 * 60 * 60, keep: None }
    }
}

pub(super) struct Journal {
    path: PathBuf,
    disk: Box<dyn Disk>,
    key: SigningKey,
    /// Gets every line that the disk has taken.
    outlet: Option<Outlet>,
    rotation: Rotation,
    chain: Chain,
    /// The segment that is written, and its first record.
    segment: Box<dyn Segment>,
    first: u64,
    /// When its first record was made; None as long as there is none.
    began: Option<UnixTime>,
    /// The segments before it: first record and its time.
    closed: VecDeque<(u64, UnixTime)>,
    /// What the segment has for certain, in bytes.
    length: u64,
    /// Whether something may stand behind that: the rest of a write that failed.
    torn: bool,
    /// What is written and not yet safe from a loss of power.
    dirty: bool,
    buffer: Vec<u8>,
    unsigned: u64,
    /// Since when the wall clock is believed, by the other one; None if it always was.
    jumped: Option<Moment>,
}

impl Journal {
    pub fn new(
        path: &Path,
        mut disk: Box<dyn Disk>,
        (key, outlet): (SigningKey, Option<Outlet>),
        rotation: Rotation,
        tail: &Tail,
    ) -> io::Result<Self> {
        let mut closed: VecDeque<_> = tail.began.iter().copied().collect();
        let (first, length) = tail.segment.unwrap_or((tail.chain.next, 0));
        let segment = match tail.segment {
            Some((first, length)) => disk.open(first, length)?,
            None => disk.create(first)?,
        };
        let began = closed.pop_back_if(|(last, _)| *last == first).map(|(_, at)| at);
        Ok(Self {
            path: path.to_path_buf(),
            disk,
            key,
            outlet,
            rotation,
            chain: tail.chain,
            segment,
            first,
            began,
            closed,
            length,
            torn: false,
            dirty: false,
            buffer: Vec::new(),
            // Unknown, and a signature too many does no harm.
            unsigned: u64::from(length > 0),
            jumped: None,
        })
    }

    /// The last record that the disk has or will have.
    pub const fn head(&self) -> (u64, Digest) {
        (self.chain.next.saturating_sub(1), self.chain.previous)
    }

    pub fn waiting(&self) -> &[u8] {
        &self.buffer
    }

    pub const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Takes a record into the buffer.
    pub fn append(&mut self, at: UnixTime, fact: &Fact) -> io::Result<()> {
        self.chain.append(at, fact, &mut self.buffer)?;
        self.began.get_or_insert(at);
        self.unsigned += 1;
        if self.unsigned >= CHECKPOINT_EVERY {
            self.checkpoint(at)?;
        }
        Ok(())
    }

    /// Signs what stands, if anything is unsigned.
    pub fn checkpoint(&mut self, at: UnixTime) -> io::Result<()> {
        if self.unsigned > 0 {
            self.chain.checkpoint(at, &self.key, &mut self.buffer)?;
            self.unsigned = 0;
        }
        Ok(())
    }

    /// Hands the buffer to the disk. After an error everything is still in the buffer and nothing half is left.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.torn {
            self.segment.cut(self.length)?;
            self.torn = false;
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.torn = true;
        self.segment.write(&self.buffer)?;
        self.torn = false;
        self.dirty = true;
        self.length += self.buffer.len() as u64;
        if let Some(outlet) = &self.outlet {
            outlet.pass(&self.buffer);
        }
        self.buffer.clear();
        Ok(())
    }

    /// Returns when what was flushed would survive a loss of power.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.segment.sync()?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Begins a new segment if this one is large or old enough.
    pub fn rotate(&mut self, at: UnixTime) -> io::Result<bool> {
        let Some(began) = self.began else { return Ok(false) };
        let large = self.length >= self.rotation.bytes;
        let old = at.as_secs().saturating_sub(began.as_secs()) >= self.rotation.seconds;
        if !large && !old {
            return Ok(false);
        }
        self.checkpoint(at)?;
        self.flush()?;
        self.sync()?;
        self.segment = self.disk.create(self.chain.next)?;
        self.closed.push_back((self.first, began));
        (self.first, self.began, self.length) = (self.chain.next, None, 0);
        Ok(true)
    }

    /// The wall clock jumped: for a while nothing is removed because of what it says.
    pub fn jumped(&mut self, moment: Moment) {
        self.jumped = Some(moment);
    }

    /// Removes the oldest segments whose time is over, the signed statement first. `jumped` spares them.
    pub fn remove_old(&mut self, at: UnixTime, moment: Moment) -> io::Result<()> {
        let Some(keep) = self.rotation.keep else { return Ok(()) };
        if self.jumped.is_some_and(|jumped| moment.since(jumped).as_secs() < SPARE_AFTER_A_JUMP) {
            return Ok(());
        }
        // A segment's last record is no younger than the first of the next one.
        let ends = self.closed.iter().skip(1).map(|(_, began)| *began).chain(self.began);
        let over = |end: &UnixTime| at.as_secs().saturating_sub(end.as_secs()) >= keep;
        let count = ends.take_while(over).count().min(self.closed.len());
        let Some(stays) = self.closed.iter().map(|(first, _)| *first).chain([self.first]).nth(count) else {
            return Ok(());
        };
        if count == 0 {
            return Ok(());
        }
        // The first record that stays tells the hash of the last one that goes.
        self.flush()?;
        let mut buffer = Vec::new();
        let line = Lines::from(&segment(&self.path, stays), 0)?.next(&mut buffer)?;
        let line = line.and_then(|line| line.strip_suffix(b"\n")).and_then(|line| Line::read(line).ok());
        let head = line.ok_or_else(|| io::Error::other("the first record that would stay is damaged"))?.previous;
        self.chain.removed(at, (stays.saturating_sub(1), head), &self.key, &mut self.buffer)?;
        self.began.get_or_insert(at);
        self.unsigned = 0;
        self.flush()?;
        self.sync()?;
        for _ in 0..count {
            if let Some((first, _)) = self.closed.front() {
                self.disk.remove(*first)?;
                self.closed.pop_front();
            }
        }
        Ok(())
    }
}
