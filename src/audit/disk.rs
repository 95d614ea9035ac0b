//! The files of a log, and the seam through which tests make a disk full.
//!
//! A directory holds segments, `audit-000000000001.jsonl`, each named by its first record; `audit.pub`, the keys that
//! check the signatures; `lock`, held by the one process that writes; and `inbox`, through which commands hand over
//! what is to be recorded while a node runs.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::line::LONGEST_LINE;

/// The file with the public keys.
pub const PUBLIC_KEYS: &str = "audit.pub";
/// The file whose lock the writer holds.
const LOCK: &str = "lock";
/// Owner and group may read the log, nobody else.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// How often a lock that is taken is tried again, and how long after each attempt.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(20);

/// Where segments are written.
pub trait Disk: Send {
    /// A new segment, empty, whose first record will have this sequence.
    ///
    /// # Errors
    /// The disk is full, or there is such a file with something in it.
    fn create(&mut self, first: u64) -> io::Result<Box<dyn Segment>>;

    /// A segment that has `length` bytes, to go on behind them.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&mut self, first: u64, length: u64) -> io::Result<Box<dyn Segment>>;

    /// Removes a segment. One that is gone already is no error.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&mut self, first: u64) -> io::Result<()>;
}

/// A file that grows.
pub trait Segment: Send {
    /// Appends bytes; after an error some of them may have been written.
    ///
    /// # Errors
    /// The disk is full or broken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts off what stands behind `length` bytes; what is written next stands there.
    ///
    /// # Errors
    /// The disk is broken.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Returns when what was written would survive a loss of power.
    ///
    /// # Errors
    /// The disk is full or broken.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the system's.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at a path, made if there is none.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
        Ok(Self(path.to_path_buf()))
    }

    fn settle(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl Disk for Directory {
    fn create(&mut self, first: u64) -> io::Result<Box<dyn Segment>> {
        let path = segment(&self.0, first);
        let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path)?;
        if file.metadata()?.len() > 0 {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.settle()?;
        Ok(Box::new(file))
    }

    fn open(&mut self, first: u64, length: u64) -> io::Result<Box<dyn Segment>> {
        let mut file = OpenOptions::new().append(true).open(segment(&self.0, first))?;
        file.cut(length)?;
        Ok(Box::new(file))
    }

    fn remove(&mut self, first: u64) -> io::Result<()> {
        match std::fs::remove_file(segment(&self.0, first)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => self.settle(),
        }
    }
}

impl Segment for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The path of a segment.
#[must_use]
pub fn segment(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("audit-{first:012}.jsonl"))
}

/// The segments in a directory, oldest first: their first record and their path.
///
/// # Errors
/// The directory cannot be read.
pub fn segments(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let first = name.strip_prefix("audit-").and_then(|name| name.strip_suffix(".jsonl"));
        let Some(first) = first.and_then(|digits| digits.parse().ok()) else { continue };
        if segment(directory, first) == path {
            found.push((first, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The right to write; it ends with the process, however that ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holding it is its use")] File);

impl Lock {
    /// Takes the right to write into a directory.
    ///
    /// # Errors
    /// Another process has it ([`io::ErrorKind::WouldBlock`]), or the file cannot be made.
    pub fn take(directory: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(FILE_MODE).open(directory.join(LOCK))?;
        for _ in 0..LOOKS {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                // Perhaps only one who looks whether it is taken.
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOOK),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "another process writes this audit log"))
    }

    /// Whether a process writes into a directory right now.
    #[must_use]
    pub fn is_taken(directory: &Path) -> bool {
        let file = File::open(directory.join(LOCK));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// The lines of a segment one after another, never more than one in memory.
pub struct Lines(BufReader<File>);

impl Lines {
    /// From a place in a file on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn from(path: &Path, place: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(place))?;
        Ok(Self(BufReader::with_capacity(2 * LONGEST_LINE, file)))
    }

    /// The next line with its end, or what there is of it: a line has no end if the file stops or it is too long.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn next<'l>(&mut self, line: &'l mut Vec<u8>) -> io::Result<Option<&'l [u8]>> {
        line.clear();
        let read = (&mut self.0).take(LONGEST_LINE as u64).read_until(b'\n', line)?;
        Ok((read > 0).then_some(line.as_slice()))
    }
}
