//! What has been revoked: tokens, calls, parties and keys that are refused although all else about them is right.

use core::fmt;
use core::time::Duration;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ahash::RandomState;
use hashbrown::HashMap;

use super::CallId;
use super::token::{Call, Claims, Issuer, Kid, LONGEST_CALL, PartyLabel, TokenId};
use crate::time::{Moment, Now, UnixTime};

/// Revocations at once: 12 MiB when full. One key or call stands for all of its tokens, so a clinic that revokes every
/// call by itself comes to a few thousand.
pub const MOST_REVOCATIONS: usize = 65_536;
/// Seconds that a revocation lasts when nobody knows when what it revokes ends: the longest token and the largest skew of
/// clocks, 7 days and 10 minutes. A token that was minted ahead lives longer: its revocation has to last until its `end`.
pub const USUAL_REVOCATION: u64 = LONGEST_CALL + 600;
/// Seconds that a revocation may last: 366 days. Appointments are made for the year ahead, hardly for a later one.
pub const LONGEST_REVOCATION: u64 = 366 * 86_400;

/// What a revocation is about. All but a key belong to an issuer, so that one tenant cannot revoke for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revoked {
    /// One token.
    Token {
        /// Who minted it: `iss`.
        issuer: Issuer,
        /// Which one: `jti`.
        id: TokenId,
    },
    /// A call: every token of it, those minted later included.
    Call {
        /// Whose call: `iss`.
        issuer: Issuer,
        /// Which one: `call`.
        call: Call,
    },
    /// A party of a call: every token of it, those minted later included.
    Party {
        /// Whose call: `iss`.
        issuer: Issuer,
        /// Which one: `call`.
        call: Call,
        /// Who of it: `party`.
        party: PartyLabel,
    },
    /// A key: every token that it signed.
    Key {
        /// Its id.
        kid: Kid,
    },
}

impl Revoked {
    /// Everything that, if revoked, revokes a token of these claims under this key.
    #[must_use]
    pub const fn of(claims: &Claims, kid: Kid) -> [Self; 4] {
        let (issuer, id, call, party) = (claims.issuer, claims.id, claims.call, claims.party);
        [
            Self::Token { issuer, id },
            Self::Call { issuer, call },
            Self::Party { issuer, call, party },
            Self::Key { kid },
        ]
    }

    /// Whether a token of these claims under this key is revoked by it.
    #[must_use]
    pub fn covers(&self, claims: &Claims, kid: Kid) -> bool {
        match self {
            Self::Token { issuer, id } => *issuer == claims.issuer && *id == claims.id,
            Self::Call { issuer, call } => *issuer == claims.issuer && *call == claims.call,
            Self::Party { issuer, call, party } => {
                *issuer == claims.issuer && *call == claims.call && *party == claims.party
            }
            Self::Key { kid: revoked } => *revoked == kid,
        }
    }

    /// The call that it is all about; `None` when it may be about several.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::Call { issuer, call } | Self::Party { issuer, call, .. } => Some(CallId::named(issuer, call)),
            Self::Token { .. } | Self::Key { .. } => None,
        }
    }

    /// `token`, `call`, `party` or `key`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::Call { .. } => "call",
            Self::Party { .. } => "party",
            Self::Key { .. } => "key",
        }
    }
}

/// Something that is revoked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub what: Revoked,
    /// Since when, by the clock of the relay that was told.
    pub since: UnixTime,
    /// When it may be forgotten: nothing that it revokes is good from then on. Later than `since`, by
    /// [`LONGEST_REVOCATION`] at most.
    pub until: UnixTime,
}

impl Revocation {
    /// A revocation from now on for [`USUAL_REVOCATION`], or until the `end` of the token if that is known and later.
    #[must_use]
    pub fn new(what: Revoked, now: UnixTime, end: Option<UnixTime>) -> Self {
        let usual = now.plus_secs(USUAL_REVOCATION);
        // Clocks are apart by ten minutes at most.
        let until = end.map_or(usual, |end| end.plus_secs(600).max(usual));
        Self { what, since: now, until }
    }

    /// Whether its time is in bounds.
    ///
    /// # Errors
    /// [`InvalidRevocation::Over`] or [`InvalidRevocation::TooLong`].
    pub fn validate(&self) -> Result<(), InvalidRevocation> {
        match self.since.seconds_until(self.until) {
            0 => Err(InvalidRevocation::Over),
            seconds if seconds > LONGEST_REVOCATION => Err(InvalidRevocation::TooLong),
            _ => Ok(()),
        }
    }
}

/// Why something cannot be revoked. Whoever asked is at fault, or the list is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidRevocation {
    /// It ends before it begins.
    Over,
    /// It lasts longer than [`LONGEST_REVOCATION`].
    TooLong,
    /// There are [`MOST_REVOCATIONS`] already.
    Full,
}

impl fmt::Display for InvalidRevocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => formatter.write_str("the revocation ends before it begins; name a time in the future"),
            Self::TooLong => {
                let days = LONGEST_REVOCATION / 86_400;
                write!(formatter, "the revocation would last longer than {days} days; name an earlier time")
            }
            Self::Full => write!(
                formatter,
                "{MOST_REVOCATIONS} revocations are in force and there is room for no more; revoke a call or a key \
                 instead of single tokens, or wait until older ones have run out"
            ),
        }
    }
}

impl core::error::Error for InvalidRevocation {}

/// A revocation as it is held.
#[derive(Clone, Copy)]
struct Entry {
    since: UnixTime,
    until: UnixTime,
    /// The same end by the other clock.
    until_moment: Moment,
}

/// The revocations that are in force: one list for all shards. It is asked with every request of a call token.
///
/// A revocation is forgotten when both clocks say that it is over. So a wall clock that is set ahead and back again
/// brings no revoked token to life, and one that is set back keeps its revocation as long as the token is good.
pub struct Revocations {
    entries: RwLock<HashMap<Revoked, Entry, RandomState>>,
    most: usize,
}

impl Revocations {
    /// An empty list with room for [`MOST_REVOCATIONS`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_room(MOST_REVOCATIONS)
    }

    /// An empty list with room for `most`.
    #[must_use]
    pub fn with_room(most: usize) -> Self {
        // Only operators put something in, so nobody can choose words that collide.
        Self { entries: RwLock::new(HashMap::with_hasher(RandomState::with_seeds(0, 0, 0, 0))), most }
    }

    /// Whether a revocation could be added.
    ///
    /// # Errors
    /// As [`Revocations::add`].
    pub fn check(&self, revocation: &Revocation, now: Now) -> Result<(), InvalidRevocation> {
        revocation.validate()?;
        let entries = self.read();
        let room = entries.len() < self.most
            || entries.contains_key(&revocation.what)
            || entries.values().any(|entry| entry.is_over(now));
        if room { Ok(()) } else { Err(InvalidRevocation::Full) }
    }

    /// Puts a revocation in force. What is revoked already stays so, until the later of the two ends.
    ///
    /// # Errors
    /// [`InvalidRevocation`]: nothing has changed.
    pub fn add(&self, revocation: &Revocation, now: Now) -> Result<(), InvalidRevocation> {
        revocation.validate()?;
        self.restore(revocation, now)
    }

    /// Puts a revocation in force that was in force before a restart: one that was renewed may last for longer than a
    /// new one.
    ///
    /// # Errors
    /// [`InvalidRevocation::Full`]: nothing has changed.
    pub fn restore(&self, revocation: &Revocation, now: Now) -> Result<(), InvalidRevocation> {
        let mut entries = self.write();
        if entries.len() >= self.most && !entries.contains_key(&revocation.what) {
            entries.retain(|_, entry| !entry.is_over(now));
            if entries.len() >= self.most {
                return Err(InvalidRevocation::Full);
            }
        }
        let left = Duration::from_secs(now.unix.seconds_until(revocation.until));
        let new = Entry { since: revocation.since, until: revocation.until, until_moment: now.moment + left };
        let entry = entries.entry(revocation.what).or_insert(new);
        // What is over says nothing about this one.
        if entry.is_over(now) {
            *entry = new;
        }
        entry.since = entry.since.min(new.since);
        entry.until = entry.until.max(new.until);
        entry.until_moment = entry.until_moment.max(new.until_moment);
        Ok(())
    }

    /// Whether a token of these claims under this key is revoked now: four look-ups by hash.
    #[must_use]
    pub fn covers(&self, claims: &Claims, kid: Kid, now: Now) -> bool {
        let entries = self.read();
        let holds = |what| entries.get(what).is_some_and(|entry| !entry.is_over(now));
        !entries.is_empty() && Revoked::of(claims, kid).iter().any(holds)
    }

    /// Forgets what is over by both clocks; says what that was.
    pub fn forget(&self, now: Now) -> Vec<Revoked> {
        self.write().extract_if(|_, entry| entry.is_over(now)).map(|(what, _)| what).collect()
    }

    /// What is in force of something that is revoked: its first beginning and its last end.
    #[must_use]
    pub fn of(&self, what: &Revoked, now: Now) -> Option<Revocation> {
        let entries = self.read();
        let entry = entries.get(what).filter(|entry| !entry.is_over(now))?;
        Some(Revocation { what: *what, since: entry.since, until: entry.until })
    }

    /// All that are in force, in no order.
    #[must_use]
    pub fn all(&self, now: Now) -> Vec<Revocation> {
        let revocation =
            |(&what, entry): (&Revoked, &Entry)| Revocation { what, since: entry.since, until: entry.until };
        self.read().iter().filter(|(_, entry)| !entry.is_over(now)).map(revocation).collect()
    }

    /// How many there are, those included that are over and not yet forgotten.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each change is one insertion or removal, so a list left behind by a thread that died is still right.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Revoked, Entry, RandomState>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Revoked, Entry, RandomState>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_over(&self, now: Now) -> bool {
        self.until <= now.unix && self.until_moment <= now.moment
    }
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Revocations({})", self.len())
    }
}
