//! Where the journal is: a directory for one process at a time, the key, and which start of the system this is.

use core::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::format::Identity;
use super::picture::{Picture, Unreadable};
use super::writer::Paths;

/// The files: the journal, one in the making, its key, and what the process that writes it holds locked.
const JOURNAL: &str = "hilum.journal";
const UNFINISHED: &str = "hilum.journal.new";
const KEY: &str = "journal.key";
const LOCK: &str = "journal.lock";
/// Bytes of a journal that is read at most: a little more than one that is written has.
const LARGEST: u64 = 2 << 30;
/// Where the system says which start of it this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// The same for a process that sees no such file: the unit sets it.
const BOOT_VARIABLE: &str = "HILUM_BOOT_ID";

/// Which start of the system this is, from the variable that the unit sets or from the system; `None`: nobody says.
#[must_use]
pub fn boot() -> Option<[u8; 16]> {
    let told = std::env::var(BOOT_VARIABLE).ok();
    let text = told.or_else(|| fs::read_to_string(BOOT).ok())?;
    let digits: Vec<u8> = text.trim().bytes().filter(|byte| *byte != b'-').collect();
    if digits.len() != 32 {
        return None;
    }
    let mut boot = [0; 16];
    for (byte, pair) in boot.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(boot)
}

/// The directory of a journal, taken by this process.
pub struct Directory {
    path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    _lock: File,
}

/// Why there is no journal.
#[derive(Debug)]
pub enum DirectoryFault {
    /// Another process has the directory.
    InUse(PathBuf),
    /// The system refuses.
    System {
        /// What.
        path: PathBuf,
        /// What it says.
        cause: io::Error,
    },
}

impl fmt::Display for DirectoryFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(
                formatter,
                "another relay runs already: it has {} (server.runtime); end it, or give this one another directory",
                path.display()
            ),
            Self::System { path, cause } => write!(
                formatter,
                "cannot use {} (server.runtime): {cause}; it must be writable for the user that hilum runs as",
                path.display()
            ),
        }
    }
}

impl core::error::Error for DirectoryFault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::System { cause, .. } => Some(cause),
            Self::InUse(_) => None,
        }
    }
}

impl Directory {
    /// Takes the directory, and makes it if it is not there. The key is in `keys`, or beside the journal if that is `None`,
    /// and is made when it is missing.
    ///
    /// # Errors
    /// [`DirectoryFault`], see there.
    pub fn take(path: &Path, keys: Option<&Path>) -> Result<Self, DirectoryFault> {
        let failed = |path: &Path, cause| DirectoryFault::System { path: path.to_owned(), cause };
        make(path).map_err(|cause| failed(path, cause))?;
        let locked = path.join(LOCK);
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(&locked);
        let lock = lock.map_err(|cause| failed(&locked, cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DirectoryFault::InUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => return Err(failed(&locked, cause)),
        }
        let keys = keys.unwrap_or(path);
        let key = make(keys).and_then(|()| key(&keys.join(KEY))).map_err(|cause| failed(&keys.join(KEY), cause))?;
        Ok(Self { path: path.to_owned(), key, _lock: lock })
    }

    /// Reads the journal that the process before this one has left. It stays where it is.
    ///
    /// # Errors
    /// [`Unreadable`]: why this start is a clean one.
    pub fn read(&self, identity: &Identity) -> Result<Picture, Unreadable> {
        let mut file = match File::open(self.path.join(JOURNAL)) {
            Ok(file) => file.take(LARGEST),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unreadable::Absent),
            Err(_) => return Err(Unreadable::System),
        };
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes).map_err(|_| Unreadable::System)?;
        Picture::read(&bytes, &self.key, identity)
    }

    /// Removes the journal that lies there: this process writes none, and leaves nothing to the next one.
    pub fn clear(&self) {
        self.paths().remove();
    }

    pub(super) fn paths(&self) -> Paths {
        Paths { whole: self.path.join(JOURNAL), unfinished: self.path.join(UNFINISHED) }
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Directory").field("path", &self.path).finish_non_exhaustive()
    }
}

fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The key in a file. One that is no key, or that others can read, is replaced: then the journal before is of no use.
fn key(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if let Ok(mut file) = File::open(path) {
        let about = file.metadata()?;
        if about.is_file() && about.len() == 32 && about.permissions().mode() & 0o077 == 0 {
            file.read_exact(&mut *key)?;
            return Ok(key);
        }
        tracing::warn!("the journal's key is none, or others can read it: a new one is made");
        fs::remove_file(path)?;
    }
    aws_lc_rs::rand::fill(&mut *key).map_err(|_| io::Error::other("the system has no randomness"))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&*key)?;
    Ok(key)
}
