//! What an operator can do to a running relay: revoke, and look.

use core::fmt;
use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::succession::RevocationPen;
use crate::auth::{InvalidRevocation, Revocation, Revocations, Revoked};
use crate::clock::SystemClock;
use crate::plane::{Mail, ShardHandle};
use crate::store::{Shelf, Store, StoreError};
use crate::turn::AllocationView;

/// How long shards may take to answer, all together. They turn within microseconds; one that does not is broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoking {
    /// Live allocations that ended.
    pub ended: usize,
    /// What the operator should know although it worked: that nothing is kept for the next start.
    pub warning: Option<&'static str>,
}

/// Why something is not revoked, or not altogether.
#[derive(Debug)]
pub enum RevokeError {
    /// It is out of bounds, or the list is full. Nothing has changed.
    Invalid(InvalidRevocation),
    /// It is in force, and its allocations have ended, but the disk did not take it: it is forgotten with the next
    /// restart.
    NotKept {
        /// Live allocations that ended.
        ended: usize,
        /// What went wrong.
        cause: StoreError,
    },
    /// It is in force for new requests; these shards did not answer, so what runs on them may go on.
    Hanging {
        /// Live allocations that ended on the others.
        ended: usize,
        /// Their numbers.
        shards: Vec<usize>,
    },
}

/// Shards that did not answer in time, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hanging(pub Vec<usize>);

/// The hold on a running relay that operators act through. Its calls block for two seconds at most, and a revocation for
/// one more and for what its store takes; from an async task they belong into `spawn_blocking`.
#[derive(Debug)]
pub struct Control {
    shards: Vec<ShardHandle>,
    revocations: Arc<Revocations>,
    clock: SystemClock,
    /// Held while something is revoked: what was checked still holds when it is written.
    store: Mutex<Option<Store>>,
    /// Where revocations go that no store keeps.
    pen: Option<RevocationPen>,
    /// One survey at a time: shards have few places for letters.
    surveying: Mutex<()>,
    /// Whether the relay is ending. Held while shards are told to drain, so that the last word is the one that holds.
    ending: Mutex<bool>,
}

impl Control {
    pub(super) fn new(
        shards: Vec<ShardHandle>,
        revocations: Arc<Revocations>,
        store: Option<Store>,
        clock: SystemClock,
    ) -> Self {
        Self {
            shards,
            revocations,
            clock,
            store: Mutex::new(store),
            pen: None,
            surveying: Mutex::default(),
            ending: Mutex::default(),
        }
    }

    /// The same, where the journal keeps what no store does.
    pub(super) fn with_pen(mut self, pen: Option<RevocationPen>) -> Self {
        self.pen = pen;
        self
    }

    /// Revokes: first on disk, then for new requests, then for what runs, then in the journal where nothing else keeps it.
    /// When this returns, all of it is done.
    ///
    /// # Errors
    /// [`RevokeError`] says how far it came.
    pub fn revoke(&self, revocation: &Revocation) -> Result<Revoking, RevokeError> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let over = self.revocations.forget(now);
        self.revocations.check(revocation, now).map_err(RevokeError::Invalid)?;
        let kept = store.as_ref().map(|store| store.forget(&over).and_then(|()| store.keep(revocation)));
        // From here on no request is granted. One that was granted before is in a shard's table before that shard reads
        // the letter: nothing slips in between. A disk that fails is no reason to let a call go on.
        self.revocations.add(revocation, now).map_err(RevokeError::Invalid)?;
        let (answers, shards) = self.ask(|reply| Mail::Revoke { revocation: *revocation, reply });
        let ended = answers.into_iter().map(|(_, ended)| ended).sum();
        // A renewed one may have begun earlier and last longer than this one says.
        let whole = self.revocations.of(&revocation.what, now).unwrap_or(*revocation);
        // Last: it may have to wait for a disk, and calls must not go on meanwhile.
        let warning = match &self.pen {
            None => NOTHING_IS_KEPT,
            Some(pen) if pen.write(&whole, &over) => A_STOP_FORGETS_IT,
            Some(_) => THE_JOURNAL_IS_BEHIND,
        };
        if !shards.is_empty() {
            return Err(RevokeError::Hanging { ended, shards });
        }
        match kept {
            Some(Ok(())) => Ok(Revoking { ended, warning: None }),
            Some(Err(cause)) => Err(RevokeError::NotKept { ended, cause }),
            None => Ok(Revoking { ended, warning: Some(warning) }),
        }
    }

    /// Has every shard refuse new allocations, or take them again; says how many run. Nothing takes it back once the relay
    /// is ending.
    ///
    /// # Errors
    /// The shards that did not answer; of a relay that is ending, all of them.
    pub fn drain(&self, draining: bool) -> Result<usize, Hanging> {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if *ending {
            return Err(Hanging((0..self.shards.len()).collect()));
        }
        self.tell_to_drain(draining)
    }

    /// Has every shard refuse new allocations for good.
    ///
    /// # Errors
    /// The shards that did not answer; they are stopped with the others.
    pub(super) fn end(&self) -> Result<usize, Hanging> {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.tell_to_drain(true)
    }

    fn tell_to_drain(&self, draining: bool) -> Result<usize, Hanging> {
        let (answers, hanging) = self.ask(|reply| Mail::Drain { draining, reply });
        if hanging.is_empty() {
            Ok(answers.into_iter().map(|(_, running)| running).sum())
        } else {
            Err(Hanging(hanging))
        }
    }

    /// Keeps what must survive a restart, beside the revocations.
    ///
    /// # Errors
    /// What the disk says, or that there is no store any more: nothing is kept.
    pub(super) fn keep(&self, shelf: Shelf, things: &[(String, Option<Vec<u8>>)]) -> Result<(), String> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = store.as_ref().ok_or_else(|| "the relay is ending".to_owned())?;
        store.put(shelf, things).map_err(|why| why.to_string())
    }

    /// Closes the store: the relay stops, and the next one may have it.
    pub(super) fn close(&self) {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What is revoked, in no order.
    #[must_use]
    pub fn revocations(&self) -> Vec<Revocation> {
        self.revocations.all(self.clock.now())
    }

    /// The live allocations that `of` would revoke, or all of them; each with the number of its shard. They are looked
    /// at some thousands at a time, while calls go on.
    ///
    /// # Errors
    /// Some shards did not answer.
    pub fn survey(&self, of: Option<&Revoked>) -> Result<Vec<(usize, AllocationView)>, Hanging> {
        let _one = self.surveying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        let mut from: Vec<_> = (0..self.shards.len()).map(|shard| (shard, 0)).collect();
        while !from.is_empty() {
            let asked =
                from.iter().map(|&(shard, from)| (shard, move |reply| Mail::Survey { of: of.copied(), from, reply }));
            let (pages, hanging) = self.ask_some(asked);
            if !hanging.is_empty() {
                return Err(Hanging(hanging));
            }
            from = pages.iter().filter_map(|(shard, page)| Some((*shard, page.next?))).collect();
            for (shard, page) in pages {
                found.extend(page.allocations.into_iter().map(|allocation| (shard, allocation)));
            }
        }
        Ok(found)
    }

    /// Asks every shard; their answers, and the shards that gave none.
    fn ask<T>(&self, mail: impl Fn(SyncSender<T>) -> Mail + Copy) -> (Vec<(usize, T)>, Vec<usize>) {
        self.ask_some((0..self.shards.len()).map(|shard| (shard, mail)))
    }

    fn ask_some<T, M>(&self, asked: impl Iterator<Item = (usize, M)>) -> (Vec<(usize, T)>, Vec<usize>)
    where
        M: Fn(SyncSender<T>) -> Mail,
    {
        let (mut answers, mut hanging) = (Vec::new(), Vec::new());
        let deadline = self.clock.now().moment + ANSWER_WITHIN;
        let waiting: Vec<(usize, Option<Receiver<T>>)> = asked
            .map(|(shard, mail)| {
                let (reply, answer) = sync_channel(1);
                let sent = self.shards.get(shard).is_some_and(|handle| handle.send(mail(reply)).is_ok());
                (shard, sent.then_some(answer))
            })
            .collect();
        for (shard, answer) in waiting {
            let left = deadline.since(self.clock.now().moment);
            match answer.and_then(|answer| answer.recv_timeout(left).ok()) {
                Some(answer) => answers.push((shard, answer)),
                None => hanging.push(shard),
            }
        }
        (answers, hanging)
    }
}

/// The warnings of a relay without a state directory: without a journal as well,
const NOTHING_IS_KEPT: &str =
    "no state directory is configured (server.state): what is revoked will be good again after a restart";
/// with one,
const A_STOP_FORGETS_IT: &str = "no state directory is configured (server.state): the journal keeps what is revoked \
     over a restart or a crash of the relay, but after a stop or a new start of the system it will be good again";
/// and with one that hangs.
const THE_JOURNAL_IS_BEHIND: &str = "no state directory is configured (server.state), and the journal (server.runtime) \
     does not take it now: what is revoked will be good again after a restart";

impl fmt::Display for RevokeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => fmt::Display::fmt(why, formatter),
            Self::NotKept { ended, cause } => write!(
                formatter,
                "revoked, and {ended} allocations ended, but it could not be written and will be good again after a \
                 restart: {cause}. Then revoke again"
            ),
            Self::Hanging { ended, shards } => write!(
                formatter,
                "revoked for new requests, and {ended} allocations ended; shards {shards:?} do not answer, and what runs \
                 there may go on: restart the relay"
            ),
        }
    }
}

impl core::error::Error for RevokeError {}

impl fmt::Display for Hanging {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "shards {:?} do not answer; restart the relay", self.0)
    }
}

impl core::error::Error for Hanging {}
