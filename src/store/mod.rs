//! What survives a restart: one file, `hilum.redb`, in the state directory.
//!
//! A change is on the disk when the call that makes it returns. One process has the file at a time. It is checked as a
//! whole when it is opened, so that a damaged one is told at the start and not met later.

mod error;
#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use crate::auth::{Revocation, Revoked, written};

pub use error::StoreError;

/// The file in the state directory.
pub const FILE: &str = "hilum.redb";
/// A file in the making: it gets its name when it is whole.
const UNFINISHED: &str = "hilum.redb.new";
/// The version of what stands in the tables. A file of a later one is refused.
const VERSION: u64 = 1;
/// Pages kept in memory, in bytes: a full list of revocations has some 10 MiB and is read once.
const CACHE: usize = 1 << 20;

const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
const REVOCATIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("revocations");

/// What others keep here under names of their own, as bytes that they alone read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Appointments, with the hashes of their links.
    Appointments,
    /// Accounts of staff.
    Staff,
    /// The days on which API keys were last used.
    ApiKeys,
    /// Webhooks that wait until they are taken.
    Webhooks,
}

impl Shelf {
    const ALL: [Self; 4] = [Self::Appointments, Self::Staff, Self::ApiKeys, Self::Webhooks];

    const fn table(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        match self {
            Self::Appointments => TableDefinition::new("appointments"),
            Self::Staff => TableDefinition::new("staff"),
            Self::ApiKeys => TableDefinition::new("api-keys"),
            Self::Webhooks => TableDefinition::new("webhooks"),
        }
    }
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Closed after a failure; the next change opens it again. The library takes nothing more from a database that
    /// once failed to write, and a full disk is emptied some day.
    database: Mutex<Option<Database>>,
    /// The directory, locked: held for what its end does.
    _lock: File,
}

impl Store {
    /// Opens the store in a directory, and makes both if they are not there.
    ///
    /// # Errors
    /// [`StoreError`], see there.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        let path = directory.join(FILE);
        let failed = |cause: io::Error| StoreError::Io { path: path.clone(), cause: cause.to_string() };
        if !path.try_exists().map_err(failed)? {
            let unfinished = directory.join(UNFINISHED);
            match std::fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                Ok(()) | Err(_) => {}
            }
            drop(open(&unfinished, true)?);
            std::fs::rename(&unfinished, &path).map_err(failed)?;
            // The name is on the disk as well.
            lock.sync_all().map_err(failed)?;
        }
        let database = open(&path, false)?;
        Ok(Self { path, database: Mutex::new(Some(database)), _lock: lock })
    }

    /// Every revocation that is kept, in no order that means anything.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    pub fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        self.with(|database| {
            let mut kept = Vec::new();
            for entry in database.begin_read()?.open_table(REVOCATIONS)?.iter()? {
                let (what, lasts) = entry?;
                let revocation = written::decode(what.value(), lasts.value());
                kept.push(revocation.ok_or(Failure::Foreign("it holds a revocation that is none"))?);
            }
            Ok(kept)
        })
    }

    /// Keeps a revocation. What is kept already stays so until the later of the two ends.
    ///
    /// # Errors
    /// [`StoreError::Io`]: nothing has changed, or it has and is not sure to be on the disk.
    pub fn keep(&self, revocation: &Revocation) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut table = transaction.open_table(REVOCATIONS)?;
            let key = written::key(&revocation.what);
            let kept = table.get(key.as_str())?.and_then(|lasts| written::decode(&key, lasts.value()));
            let lasting = kept.map_or(*revocation, |kept| Revocation {
                since: kept.since.min(revocation.since),
                until: kept.until.max(revocation.until),
                ..*revocation
            });
            table.insert(key.as_str(), written::value(&lasting).as_slice())?;
            Ok(())
        })
    }

    /// Forgets revocations; those that are not there are none.
    ///
    /// # Errors
    /// As [`Store::keep`].
    pub fn forget(&self, over: &[Revoked]) -> Result<(), StoreError> {
        if over.is_empty() {
            return Ok(());
        }
        self.change(|transaction| {
            let mut table = transaction.open_table(REVOCATIONS)?;
            for what in over {
                table.remove(written::key(what).as_str())?;
            }
            Ok(())
        })
    }

    /// Everything on a shelf, by name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    pub fn shelf(&self, shelf: Shelf) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.with(|database| {
            let mut kept = Vec::new();
            for entry in database.begin_read()?.open_table(shelf.table())?.iter()? {
                let (name, bytes) = entry?;
                kept.push((name.value().to_owned(), bytes.value().to_vec()));
            }
            Ok(kept)
        })
    }

    /// Puts things on a shelf in one go; `None` takes one away.
    ///
    /// # Errors
    /// As [`Store::keep`].
    pub fn put(&self, shelf: Shelf, things: &[(String, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        if things.is_empty() {
            return Ok(());
        }
        self.change(|transaction| {
            let mut table = transaction.open_table(shelf.table())?;
            for (name, bytes) in things {
                match bytes {
                    Some(bytes) => table.insert(name.as_str(), bytes.as_slice())?,
                    None => table.remove(name.as_str())?,
                };
            }
            Ok(())
        })
    }

    /// One transaction, forced to the disk.
    fn change(&self, change: impl FnOnce(&WriteTransaction) -> Result<(), Failure>) -> Result<(), StoreError> {
        self.with(|database| {
            // Immediate durability is the library's default: `commit` returns when the disk has it.
            let transaction = database.begin_write()?;
            change(&transaction)?;
            Ok(transaction.commit()?)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, StoreError> {
        let mut place = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let database = match place.take() {
            Some(database) => database,
            None => open(&self.path, false)?,
        };
        let done = work(&database).map_err(|why| why.at(&self.path))?;
        *place = Some(database);
        Ok(done)
    }
}

/// What can go wrong with an open file.
enum Failure {
    /// What the library says, whichever of its kinds of error it is.
    Library(redb::Error),
    /// The contents are of a later version.
    Newer(u64),
    /// The contents are none of ours.
    Foreign(&'static str),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Library(error.into())
    }
}

impl Failure {
    fn at(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Newer(version) => StoreError::Newer { path, version },
            Self::Foreign(what) => StoreError::Damaged { path, what: what.to_owned() },
            Self::Library(redb::Error::DatabaseAlreadyOpen) => StoreError::InUse { path },
            Self::Library(redb::Error::PreviousIo) => {
                StoreError::Io { path, cause: "an earlier write failed".to_owned() }
            }
            Self::Library(redb::Error::Io(cause)) if cause.kind() != io::ErrorKind::InvalidData => {
                StoreError::Io { path, cause: cause.to_string() }
            }
            // What is left is a file that does not hold together.
            Self::Library(other) => StoreError::Damaged { path, what: other.to_string() },
        }
    }
}

/// Takes the directory for this process.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let failed = |cause: io::Error| StoreError::Directory { path: directory.to_owned(), cause };
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let lock = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(directory).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Opens a file, for its owner alone; a new one gets its tables.
fn open(path: &Path, new: bool) -> Result<Database, StoreError> {
    let failed = |cause: io::Error| StoreError::Io { path: path.to_owned(), cause: cause.to_string() };
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(new).mode(0o600).open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    }
    // To the library an empty file is a new one; to us it is one that has lost everything.
    if !new && about.len() == 0 {
        return Err(StoreError::Damaged { path: path.to_owned(), what: "it is empty".to_owned() });
    }
    load(file, new).map_err(|why| why.at(path))
}

/// Shelves are there from the first start of a version that knows them.
fn make_shelves(database: &Database) -> Result<(), Failure> {
    let reading = database.begin_read()?;
    let there =
        |shelf: &Shelf| !matches!(reading.open_table(shelf.table()), Err(redb::TableError::TableDoesNotExist(_)));
    if Shelf::ALL.iter().all(there) {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    for shelf in Shelf::ALL {
        transaction.open_table(shelf.table())?;
    }
    Ok(transaction.commit()?)
}

fn load(file: File, new: bool) -> Result<Database, Failure> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    let database = builder.create_with_backend(FileBackend::new(file)?)?;
    if new {
        let transaction = database.begin_write()?;
        transaction.open_table(ABOUT)?.insert("version", VERSION)?;
        transaction.open_table(REVOCATIONS)?;
        transaction.commit()?;
    }
    let version = database.begin_read()?.open_table(ABOUT)?.get("version")?.map(|version| version.value());
    match version {
        Some(VERSION) => {
            make_shelves(&database)?;
            Ok(database)
        }
        Some(other) => Err(Failure::Newer(other)),
        None => Err(Failure::Foreign("it has no version")),
    }
}
