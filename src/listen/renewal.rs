//! Renewed certificates: their files are looked at again and again, and a pair that is whole takes the place of the old one.
//!
//! Files are compared by what the system says of them (`stat(2)`, behind symbolic links), not watched through inotify:
//! certbot moves a link, Kubernetes moves a link two directories up, others rename or write in place, and a network's file
//! system tells nothing. A changed file is read once it has rested from one look to the next, so that a key and a
//! certificate that are written one after the other meet, and half a chain is not taken for a whole one.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::identities::Identities;
use super::identity::{Identity, IdentityError, PairFiles};
use super::tls::Tls;
use crate::time::{Moment, Now, UnixTime};

/// How long files may be no pair before that is an alarm. Tools write a key and its certificate within a second, people
/// within some; a pair that is no pair after a minute will be none.
const PATIENCE: Duration = Duration::from_secs(60);

/// What metrics say of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When the one that is shown ceases to be valid.
    pub expires: UnixTime,
    /// Whether its files have been no pair for a minute; the old one is shown.
    pub alarm: bool,
}

/// How often files were read anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Another certificate was found and is shown.
    pub applied: u64,
    /// They were no pair, and the old one stayed; files that stay as they are count once.
    pub refused: u64,
}

/// What a look or a reload has brought, by the place of the certificate in the list of files.
#[derive(Debug)]
pub enum Renewed {
    /// There is one more certificate.
    Added(Arc<Identity>),
    /// Another one is shown in the place of an old one.
    Replaced(usize, Arc<Identity>),
    /// One is shown no more.
    Removed(Arc<Identity>),
    /// The files have changed and are no pair. The old one stays, and they are read again at every look.
    Refused(usize, IdentityError),
    /// They are still no pair after a minute.
    Alarm(usize),
    /// They are a pair again, perhaps the old one.
    Mended(usize),
}

/// The certificates of a relay and the files that they come from.
#[derive(Debug)]
pub struct Renewal {
    tls: Arc<Tls>,
    /// Held while files are read: one look at a time.
    watched: Mutex<Vec<Watched>>,
    /// For metrics, which do not wait for a disk.
    readings: ArcSwap<Vec<Reading>>,
    applied: AtomicU64,
    refused: AtomicU64,
}

impl Renewal {
    /// Reads the pairs, of which the first is shown where no name decides; `None` if there are no files. Blocks on the
    /// file system.
    ///
    /// # Errors
    /// A pair is none.
    pub fn open(files: &[PairFiles], now: Now) -> Result<Option<Self>, RenewalError> {
        let watched = files.iter().map(|files| Watched::open(files.clone(), now.moment));
        let watched = watched.collect::<Result<Vec<_>, _>>().map_err(RenewalError::Files)?;
        let Some(identities) = identities(&watched) else { return Ok(None) };
        let tls = Arc::new(Tls::new(identities).map_err(RenewalError::Library)?);
        let readings = ArcSwap::from_pointee(watched.iter().map(Watched::reading).collect());
        let (watched, applied, refused) = (Mutex::new(watched), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Some(Self { tls, watched, readings, applied, refused }))
    }

    /// How TLS connections are accepted with these certificates.
    #[must_use]
    pub const fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// What metrics say of each certificate, in the order of the files.
    #[must_use]
    pub fn readings(&self) -> Arc<Vec<Reading>> {
        self.readings.load_full()
    }

    /// How often files were read anew.
    #[must_use]
    pub fn reloads(&self) -> Reloads {
        Reloads { applied: self.applied.load(Ordering::Relaxed), refused: self.refused.load(Ordering::Relaxed) }
    }

    /// Looks at the files once. Blocks on the file system.
    pub fn look(&self, now: Now) -> Vec<Renewed> {
        let mut watched = self.lock();
        let found: Vec<Renewed> =
            watched.iter_mut().enumerate().flat_map(|(index, watched)| watched.look(index, now)).collect();
        self.show(&watched, &found);
        found
    }

    /// Reads the pairs of these files, whatever has become of them, for [`Self::take`]. Blocks on the file system.
    ///
    /// # Errors
    /// A pair is none; nothing has changed.
    pub fn read(files: &[PairFiles], now: Now) -> Result<Fresh, IdentityError> {
        files.iter().map(|files| Watched::open(files.clone(), now.moment)).collect::<Result<_, _>>().map(Fresh)
    }

    /// Shows these pairs from now on, and watches their files. Without any, everything stays as it is: listeners for TLS
    /// cannot do without.
    pub fn take(&self, fresh: Fresh) -> Vec<Renewed> {
        let mut watched = self.lock();
        if fresh.0.is_empty() {
            return Vec::new();
        }
        let old = core::mem::replace(&mut *watched, fresh.0);
        let mut found = Vec::new();
        for (index, new) in watched.iter_mut().enumerate() {
            match old.get(index) {
                None => found.push(Renewed::Added(Arc::clone(&new.shown))),
                Some(old) if old.shown.is_same_as(&new.shown) => {}
                Some(_) => found.push(Renewed::Replaced(index, Arc::clone(&new.shown))),
            }
        }
        found.extend(old.iter().skip(watched.len()).map(|old| Renewed::Removed(Arc::clone(&old.shown))));
        self.show(&watched, &found);
        found
    }

    fn show(&self, watched: &[Watched], found: &[Renewed]) {
        let count = |wanted: fn(&Renewed) -> bool| u64::try_from(found.iter().filter(|one| wanted(one)).count());
        let changed = count(|one| matches!(one, Renewed::Added(_) | Renewed::Replaced(..) | Renewed::Removed(_)));
        let refused = count(|one| matches!(one, Renewed::Refused(..)));
        if changed != Ok(0)
            && let Some(identities) = identities(watched)
        {
            self.tls.replace(identities);
        }
        self.applied.fetch_add(changed.unwrap_or(0), Ordering::Relaxed);
        self.refused.fetch_add(refused.unwrap_or(0), Ordering::Relaxed);
        self.readings.store(Arc::new(watched.iter().map(Watched::reading).collect()));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identities(watched: &[Watched]) -> Option<Identities> {
    let (first, more) = watched.split_first()?;
    Some(Identities::new(Arc::clone(&first.shown), more.iter().map(|one| Arc::clone(&one.shown)).collect()))
}

/// Pairs that were read and are not yet shown.
#[derive(Debug)]
pub struct Fresh(Vec<Watched>);

/// Why certificates cannot be shown at all.
#[derive(Debug)]
pub enum RenewalError {
    /// The files of one are no pair.
    Files(IdentityError),
    /// The library was built without what is needed: a fault of the build.
    Library(rustls::Error),
}

impl core::fmt::Display for RenewalError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Files(error) => error.fmt(formatter),
            Self::Library(error) => write!(formatter, "TLS cannot be had: {error}"),
        }
    }
}

impl core::error::Error for RenewalError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Files(error) => error.source(),
            Self::Library(error) => Some(error),
        }
    }
}

/// What the system says of a file; another content in the same place has another time of change, whatever a tool has made
/// of the time of modification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

impl Stamp {
    /// `None` if the file cannot be looked at.
    fn of(file: &Path) -> Option<Self> {
        let about = std::fs::metadata(file).ok()?;
        Some(Self {
            device: about.dev(),
            inode: about.ino(),
            length: about.size(),
            changed: (about.ctime(), about.ctime_nsec()),
            modified: (about.mtime(), about.mtime_nsec()),
        })
    }
}

type Stamps = [Option<Stamp>; 2];

fn stamps(files: &PairFiles) -> Stamps {
    [&files.certificate, &files.key].map(|file| Stamp::of(file))
}

/// One pair of files.
#[derive(Debug)]
struct Watched {
    files: PairFiles,
    shown: Arc<Identity>,
    /// As of the last look.
    seen: Stamps,
    /// Since when the files have differed from what was read last, or might.
    unread: Option<Moment>,
    /// What was read and is no pair.
    refused: Option<Stamps>,
    alarm: bool,
}

impl Watched {
    fn open(files: PairFiles, now: Moment) -> Result<Self, IdentityError> {
        let seen = stamps(&files);
        let shown = Arc::new(Identity::load(&files)?);
        // They may be being written just now, so they are read once more at rest.
        Ok(Self { files, shown, seen, unread: Some(now), refused: None, alarm: false })
    }

    fn reading(&self) -> Reading {
        Reading { expires: self.shown.expires(), alarm: self.alarm }
    }

    fn look(&mut self, index: usize, now: Now) -> Vec<Renewed> {
        let at_first = stamps(&self.files);
        if at_first != self.seen {
            self.seen = at_first;
            self.unread.get_or_insert(now.moment);
            return self.overdue(index, now.moment);
        }
        if self.unread.is_none() {
            return Vec::new();
        }
        match self.load(now.unix) {
            // Written while it was read.
            _ if stamps(&self.files) != at_first => self.overdue(index, now.moment),
            Ok(identity) => self.take(index, identity),
            Err(error) => {
                let told = self.refused == Some(at_first);
                self.refused = Some(at_first);
                let mut found: Vec<Renewed> = (!told).then_some(Renewed::Refused(index, error)).into_iter().collect();
                found.extend(self.overdue(index, now.moment));
                found
            }
        }
    }

    /// What is no longer, or not yet, valid takes the place of nothing that is.
    fn load(&self, now: UnixTime) -> Result<Identity, IdentityError> {
        let identity = Identity::load(&self.files)?;
        if !identity.is_valid_at(now) && self.shown.is_valid_at(now) && !identity.is_same_as(&self.shown) {
            return Err(IdentityError::OutOfTime(self.files.certificate.clone()));
        }
        Ok(identity)
    }

    fn take(&mut self, index: usize, identity: Identity) -> Vec<Renewed> {
        let mended = self.alarm || self.refused.is_some();
        (self.unread, self.refused, self.alarm) = (None, None, false);
        let mut found = Vec::new();
        if !identity.is_same_as(&self.shown) {
            self.shown = Arc::new(identity);
            found.push(Renewed::Replaced(index, Arc::clone(&self.shown)));
        }
        found.extend(mended.then_some(Renewed::Mended(index)));
        found
    }

    fn overdue(&mut self, index: usize, now: Moment) -> Vec<Renewed> {
        let late = self.unread.is_some_and(|since| now.since(since) >= PATIENCE);
        let rings = late && !self.alarm;
        self.alarm |= late;
        rings.then_some(Renewed::Alarm(index)).into_iter().collect()
    }
}
