//! What the process before has left, and what this one leaves: the journal, read at the start and written until the end.

mod onward;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::admin::SuccessionReading;
use crate::auth::{Revocation, Revocations, Revoked, written};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::journal::{self, Directory, Entries, Identity, Journal, OURS, Pen, Picture, Unreadable};
use crate::manager;
use crate::plane::{self, Resumed};
use crate::store::Store;
use crate::turn::{NotRestored, RECORD_VERSION};

pub(super) use onward::Onward;

/// The place of the key of nonces. A nonce of the process before is good in the next one, or clients would have to ask
/// twice.
const NONCE_KEY: [u8; 5] = [0; 5];
/// The places of revocations: those that there are at the beginning, and those that come.
const REVOKED: u8 = 1;
const REVOKED_LATER: u8 = 2;

/// The journal's directory, and what was in it.
pub(super) struct Inheritance {
    directory: Option<Directory>,
    /// Who writes a journal there; `None`: nobody.
    identity: Option<Identity>,
    /// Records of what ran; empty if there are none.
    pub(super) picture: Picture,
    /// Why there are none.
    unreadable: Option<Unreadable>,
}

impl Inheritance {
    /// Takes the directory that the configuration names, so that no other relay runs in it, and reads the journal.
    ///
    /// # Errors
    /// Another relay has it, or the system refuses. What stands in the journal is no reason for one.
    pub(super) fn take(config: &Config) -> anyhow::Result<Self> {
        let nothing = Self { directory: None, identity: None, picture: Picture::default(), unreadable: None };
        let Some(path) = &config.runtime else { return Ok(nothing) };
        let directory = Directory::take(path, config.state.as_deref())?;
        let Some(identity) = identity(config) else {
            // Calls run from here on that an old journal knows nothing of: whoever reads it later must not find it.
            directory.clear();
            return Ok(Self { directory: Some(directory), ..nothing });
        };
        let (picture, unreadable) = match directory.read(&identity) {
            Ok(picture) => (picture, None),
            Err(why) => (Picture::default(), Some(why)),
        };
        match unreadable {
            None => tracing::info!(records = picture.len(), "what ran before this start is known from the journal"),
            Some(Unreadable::Absent) => tracing::info!("a clean start: {}", Unreadable::Absent),
            Some(why) => tracing::warn!("a clean start, running calls have to begin anew: {why}"),
        }
        Ok(Self { directory: Some(directory), identity: Some(identity), picture, unreadable })
    }

    /// Opens the store, and begins the journal of this process.
    ///
    /// # Errors
    /// The store cannot be opened, or the system refuses what the journal needs.
    pub(super) fn open(self, config: &Config, clock: SystemClock) -> anyhow::Result<Estate> {
        let nonce_key = self.nonce_key().map_or_else(plane::seed, Ok).context("the system has no randomness")?;
        let (store, revocations) = kept(config, clock)?;
        self.revoke(&revocations, clock);
        let Self { directory, identity, picture, unreadable } = self;
        let mut legacy = Legacy { unreadable, ..Legacy::default() };
        match (directory, identity) {
            (Some(directory), Some(identity)) => {
                legacy.keeps_revocations = store.is_none();
                let unkept = store.is_none().then(|| Arc::clone(&revocations));
                if !config.signal.origins.is_empty() {
                    legacy.onward = Arc::new(Onward::of(&picture));
                }
                let onward = Arc::clone(&legacy.onward);
                let own = move || {
                    let mut entries = entries(&nonce_key, unkept.as_deref(), clock);
                    onward.add_to(&mut entries);
                    entries
                };
                let journal = Journal::begin(directory, identity, clock, own)?;
                legacy.onward.write_with(journal.pen(OURS));
                legacy.journal = Some(journal);
            }
            (directory, _) => legacy.directory = Mutex::new(directory),
        }
        Ok(Estate { nonce_key, store, revocations, picture, legacy })
    }

    /// The key of nonces that the process before has used.
    fn nonce_key(&self) -> Option<[u8; 32]> {
        let (_, key) = self.picture.of(OURS).find(|(place, _)| *place == NONCE_KEY)?;
        key.try_into().ok()
    }

    /// What was revoked while the process before ran, and no store has kept.
    fn revoke(&self, revocations: &Revocations, clock: SystemClock) {
        let now = clock.now();
        for (_, record) in self.picture.of(OURS).filter(|([kind, ..], _)| matches!(*kind, REVOKED | REVOKED_LATER)) {
            let Some((times, words)) = record.split_first_chunk::<{ written::TIMES }>() else { continue };
            let read = core::str::from_utf8(words).ok().and_then(|words| written::decode(words, times));
            if let Some(revocation) = read.filter(|revocation| revocation.until > now.unix)
                && let Err(why) = revocations.restore(&revocation, now)
            {
                tracing::error!("a revocation of the process before does not hold any more: {why}");
            }
        }
    }
}

/// What this process begins with.
pub(super) struct Estate {
    pub(super) nonce_key: [u8; 32],
    pub(super) store: Option<Store>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) picture: Picture,
    pub(super) legacy: Legacy,
}

/// What stands in the journal beside the records of the shards.
fn entries(nonce_key: &[u8; 32], unkept: Option<&Revocations>, clock: SystemClock) -> Entries {
    let mut entries = Entries::default();
    entries.put(journal::own(NONCE_KEY), Some(nonce_key));
    let revoked = unkept.map(|revocations| revocations.all(clock.now())).unwrap_or_default();
    for (number, revocation) in (0_u32..).zip(&revoked) {
        entries.put(place(REVOKED, number), Some(&record(revocation)));
    }
    entries
}

/// The store, if there is a directory for it, and what it says is revoked.
fn kept(config: &Config, clock: SystemClock) -> anyhow::Result<(Option<Store>, Arc<Revocations>)> {
    let revocations = Arc::new(Revocations::new());
    let store = config.state.as_deref().map(Store::open).transpose()?;
    if let Some(store) = &store {
        let now = clock.now();
        let (over, holding): (Vec<_>, Vec<_>) =
            store.revocations()?.into_iter().partition(|kept| kept.until <= now.unix);
        store.forget(&over.iter().map(|kept| kept.what).collect::<Vec<_>>())?;
        for revocation in &holding {
            revocations.restore(revocation, now)?;
        }
        tracing::info!(revocations = holding.len(), forgotten = over.len(), "the store is open");
    }
    Ok((store, revocations))
}

/// What this process leaves to the next one; nothing without a runtime directory.
#[derive(Debug, Default)]
pub(super) struct Legacy {
    pub(super) journal: Option<Journal>,
    /// The directory in which this process writes no journal: it is ours all the same until the end.
    directory: Mutex<Option<Directory>>,
    unreadable: Option<Unreadable>,
    /// What visits leave.
    pub(super) onward: Arc<Onward>,
    /// There is no store for revocations.
    keeps_revocations: bool,
}

impl Legacy {
    /// The way into the journal for revocations, if no store keeps them.
    pub(super) fn pen(&self) -> Option<RevocationPen> {
        let pen = self.journal.as_ref().filter(|_| self.keeps_revocations)?.pen(OURS);
        Some(RevocationPen::new(pen))
    }

    /// The shards have ended. `left`: sockets of what goes on in the next process, and who keeps them; `None`: nothing
    /// goes on.
    pub(super) fn end(&self, left: Option<(Vec<OwnedFd>, manager::Store)>) {
        let Some(journal) = &self.journal else {
            self.directory.lock().unwrap_or_else(PoisonError::into_inner).take();
            return;
        };
        match left {
            None => {
                if !journal.remove() {
                    tracing::error!("the journal is not removed in time");
                }
            }
            Some((sockets, store)) => {
                let ports = sockets.len();
                if let Err(error) = store.hand_over(&sockets) {
                    tracing::warn!(%error, "the service manager does not say that it has the relayed ports");
                }
                if journal.finish() {
                    tracing::info!(ports, "the journal is complete for the next process");
                } else {
                    tracing::error!("the journal is not complete: the next process will not know all calls");
                }
            }
        }
    }

    /// What there is to tell about it.
    pub(super) fn reading(&self, resumed: &Resumed) -> Option<SuccessionReading> {
        let health = self.journal.as_ref()?.health();
        Some(SuccessionReading {
            start: self.unreadable.map_or("resumed", Unreadable::label),
            resumed: resumed.allocations,
            lost: NotRestored::ALL.iter().map(|why| why.label()).zip(resumed.lost).collect(),
            journal_failing: health.failing,
            journal_bytes: health.bytes,
        })
    }
}

/// Puts revocations into the journal.
#[derive(Debug)]
pub(super) struct RevocationPen {
    pen: Pen,
    places: Mutex<Places>,
}

/// Which place each revocation has that came after the beginning; there are as many as are in force, which is bounded
/// ([`crate::auth::MOST_REVOCATIONS`]).
#[derive(Debug, Default)]
struct Places {
    of: HashMap<Revoked, u32>,
    next: u32,
}

impl RevocationPen {
    pub(super) fn new(pen: Pen) -> Self {
        Self { pen, places: Mutex::default() }
    }

    /// Puts a revocation in, in its own place if it is renewed, and takes out what is over. Waits a second at most while
    /// the journal is behind; false: it has no room for it.
    #[must_use]
    pub(super) fn write(&self, revocation: &Revocation, over: &[Revoked]) -> bool {
        let mut entries = Entries::default();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for number in over.iter().filter_map(|what| places.of.remove(what)) {
            entries.put(place(REVOKED_LATER, number), None);
        }
        let next = places.next;
        let number = *places.of.entry(revocation.what).or_insert(next);
        if number == next {
            places.next = next.wrapping_add(1);
        }
        entries.put(place(REVOKED_LATER, number), Some(&record(revocation)));
        self.pen.write(self.pen.generation(), entries)
    }
}

const fn place(kind: u8, number: u32) -> journal::Place {
    let [a, b, c, d] = number.to_be_bytes();
    journal::own([kind, a, b, c, d])
}

fn record(revocation: &Revocation) -> Vec<u8> {
    [&written::value(revocation)[..], written::key(&revocation.what).as_bytes()].concat()
}

/// Which process this is to be; `None`: nobody says which start of the system this is, or clients cannot find the next
/// process, since it is at another port.
fn identity(config: &Config) -> Option<Identity> {
    if config.udp.iter().any(|address| address.port() == 0) {
        tracing::warn!("listen.udp has a port that the system chooses: nothing goes on after a restart");
        return None;
    }
    let Some(boot) = journal::boot() else {
        tracing::warn!(
            "nothing says which start of the system this is (HILUM_BOOT_ID): nothing goes on after a restart"
        );
        return None;
    };
    let mut configuration = Sha256::new();
    // In this order they have their numbers.
    for address in config.udp.iter().chain(&config.listen.door) {
        configuration.update(address.to_string());
        configuration.update([0]);
    }
    let shards = u16::try_from(config.shards).unwrap_or(u16::MAX);
    Some(Identity { records: RECORD_VERSION, shards, boot, configuration: configuration.finalize().into() })
}

#[cfg(test)]
mod tests;
