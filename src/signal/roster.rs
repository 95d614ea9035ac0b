//! The roster: accounts of staff, who is signed in, and who has failed too often. Without clock, chance or disk of its own.
//!
//! A password is kept as Argon2id makes it; the second factor is a time-based code (RFC 6238), each good once. Nobody
//! learns from an answer whether a name exists.

mod foreign;
mod onward;
mod own;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use totp_rs::TOTP;
use zeroize::Zeroizing;

use super::hall::ClinicId;
use super::role::Role;
use super::secret::{SecretHash, secret};
use crate::time::UnixTime;

pub use foreign::{Foreign, Granted, LONGEST_SUBJECT};
pub(super) use onward::KeptSession;
pub use own::{LONGEST_PASSWORD, SHORTEST_PASSWORD, can_be_chosen};

/// Accounts at once.
pub const MOST_ACCOUNTS: usize = 10_000;
/// Characters of a name: letters, digits, `.`, `-` and `_`.
pub const LONGEST_NAME: usize = 48;
/// Failures in a row after which a name is locked.
pub const FAILURES: u8 = 5;
/// Seconds for which it is.
pub const LOCKED: u64 = 900;
/// Seconds without a request after which somebody is signed out.
pub const IDLE: u64 = 2 * 3600;
/// Seconds after which somebody is signed out whatever they do: a working day.
pub const SESSION: u64 = 12 * 3600;
/// Sessions at once.
const MOST_SESSIONS: usize = 20_000;
/// Names without an account whose failures are remembered: with one budget for each source it takes hours to fill.
const MOST_STRANGERS: usize = 4096;
/// Seconds of one code, and codes of so many steps to either side are taken, for clocks that are apart.
const STEP: u64 = 30;
const SKEW: u64 = 1;
/// Argon2id: 19 MiB, twice, one lane, as OWASP asks at least.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// A password as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordHash {
    salt: [u8; 16],
    hash: [u8; 32],
    memory: u32,
    passes: u32,
}

impl core::fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("PasswordHash(redacted)")
    }
}

impl PasswordHash {
    /// That of a password, with a salt at random. It takes some tens of milliseconds and 19 MiB. `None` if it cannot be made.
    #[must_use]
    pub fn of(password: &str, salt: [u8; 16]) -> Option<Self> {
        let hash = stretch(password, &salt, (MEMORY, PASSES))?;
        Some(Self { salt, hash, memory: MEMORY, passes: PASSES })
    }

    /// One that nothing fits, and that takes as long to try.
    fn of_nobody() -> Self {
        Self { salt: [0; 16], hash: [0; 32], memory: MEMORY, passes: PASSES }
    }

    /// Whether a password is this one. It takes some tens of milliseconds and 19 MiB.
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        let found = stretch(password, &self.salt, (self.memory, self.passes));
        found.is_some_and(|found| found.ct_eq(&self.hash).into())
    }
}

fn stretch(password: &str, salt: &[u8; 16], (memory, passes): (u32, u32)) -> Option<[u8; 32]> {
    let params = Params::new(memory, passes, 1, Some(32)).ok()?;
    let mut hash = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut hash).ok()?;
    Some(hash)
}

/// One of the staff.
#[derive(Clone, Debug)]
pub struct Account {
    /// What they sign in with, and what the audit log calls them.
    pub name: String,
    /// Operator, admin or clinician.
    pub role: Role,
    /// Whose patients they receive; an operator has none.
    pub clinics: Vec<ClinicId>,
    /// When the account was made.
    pub created: UnixTime,
    /// Who gave it this role.
    pub granted_by: String,
    /// When they last signed in.
    pub used: Option<UnixTime>,
    /// Whom a provider knows, if they sign in there; then there is no password.
    pub foreign: Option<Foreign>,
    /// What the page calls them, if that is not the name.
    pub shown: Option<String>,
    password: Option<PasswordHash>,
    factor: Vec<u8>,
    /// The step of the last code: each is good once.
    step: u64,
    failures: u8,
    locked: Option<UnixTime>,
}

impl Account {
    /// One with nothing to sign in by.
    fn new(name: &str, (role, clinics): (Role, Vec<ClinicId>), (by, now): (&str, UnixTime)) -> Self {
        Self {
            name: name.to_owned(),
            role,
            clinics,
            created: now,
            granted_by: by.to_owned(),
            used: None,
            foreign: None,
            shown: None,
            password: None,
            factor: Vec::new(),
            step: 0,
            failures: 0,
            locked: None,
        }
    }

    /// Whether too many have failed to sign in with it, so that nobody may now.
    #[must_use]
    pub fn is_locked(&self, now: UnixTime) -> bool {
        self.locked.is_some_and(|until| now < until)
    }
}

/// What a new account is given, shown once.
#[derive(Debug)]
pub struct Issued {
    /// The password.
    pub password: Zeroizing<String>,
    /// The secret of the second factor, in base32, as authenticators take it.
    pub factor: Zeroizing<String>,
}

struct Session {
    name: String,
    /// Of somebody without an account.
    granted: Option<Account>,
    began: UnixTime,
    seen: UnixTime,
}

/// Why somebody is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSignedIn {
    /// The name, the password or the code is wrong.
    Wrong,
    /// The password is right, and the code is missing.
    CodeNeeded,
    /// There were too many failures.
    Locked(UnixTime),
}

/// Why an account is not made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEnrolled {
    /// The name is out of form.
    Name,
    /// There is one of this name, or for this subject.
    Taken,
    /// There is none.
    Unknown,
    /// The subject is out of form.
    Subject,
    /// No role of staff, or clinics that do not go with it.
    Role,
    /// There are too many, or no password could be made.
    Full,
}

/// See the module.
#[derive(Default)]
pub struct Roster {
    accounts: BTreeMap<String, Account>,
    strangers: HashMap<String, (u8, Option<UnixTime>)>,
    sessions: HashMap<SecretHash, Session>,
    /// What the next process has been told of sessions: when each was seen.
    told: HashMap<SecretHash, UnixTime>,
    /// Sessions that are over, until somebody asks.
    ended: Vec<SecretHash>,
    /// What has to be written, by name; each once, however long the disk takes nothing.
    changed: BTreeSet<String>,
}

impl core::fmt::Debug for Roster {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Roster({} accounts)", self.accounts.len())
    }
}

impl Roster {
    /// A roster of what was kept.
    ///
    /// # Errors
    /// An account cannot be read; its number, because names stay out of logs.
    pub fn read(kept: &[(String, Vec<u8>)]) -> Result<Self, usize> {
        let mut accounts = BTreeMap::new();
        for (number, (name, bytes)) in kept.iter().enumerate() {
            accounts.insert(name.clone(), decode(name, bytes).ok_or(number)?);
        }
        Ok(Self { accounts, ..Self::default() })
    }

    /// What has changed since the last time, as it is to be kept; `None` for what is no more.
    pub fn changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let changed = core::mem::take(&mut self.changed);
        let entry = |name: String| {
            let bytes = self.accounts.get(&name).map(encode);
            (name, bytes)
        };
        changed.into_iter().map(entry).collect()
    }

    /// These changes could not be kept: they are among the next ones, as they are by then.
    pub fn not_kept(&mut self, changes: &[(String, Option<Vec<u8>>)]) {
        self.changed.extend(changes.iter().map(|(name, _)| name.clone()));
    }

    /// Makes an account, with a password and a second factor of these random bytes. It takes some tens of milliseconds.
    ///
    /// # Errors
    /// [`NotEnrolled`]: nothing has changed.
    pub fn add(
        &mut self,
        name: &str,
        (role, clinics): (Role, Vec<ClinicId>),
        (by, now): (&str, UnixTime),
        random: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<Issued, NotEnrolled> {
        if !is_name(name) {
            return Err(NotEnrolled::Name);
        }
        if self.accounts.contains_key(name) {
            return Err(NotEnrolled::Taken);
        }
        if self.accounts.len() >= MOST_ACCOUNTS {
            return Err(NotEnrolled::Full);
        }
        suits(role, &clinics)?;
        let (password, _) = secret(random());
        let hash = PasswordHash::of(&password, random()).ok_or(NotEnrolled::Full)?;
        // 160 bits, as RFC 4226 §4 recommends.
        let factor: Vec<u8> = random().into_iter().chain(random().into_iter().take(4)).collect();
        let shown = code(&factor).ok_or(NotEnrolled::Full)?.get_secret_base32();
        let account = Account { password: Some(hash), factor, ..Account::new(name, (role, clinics), (by, now)) };
        self.accounts.insert(name.to_owned(), account);
        self.changed.insert(name.to_owned());
        Ok(Issued { password, factor: Zeroizing::new(shown) })
    }

    /// Gives an account another role and other clinics; whoever is signed in with it has them at once.
    ///
    /// # Errors
    /// [`NotEnrolled`]: nothing has changed.
    pub fn role(&mut self, name: &str, role: Role, clinics: Vec<ClinicId>, by: &str) -> Result<(), NotEnrolled> {
        suits(role, &clinics)?;
        let account = self.accounts.get_mut(name).ok_or(NotEnrolled::Unknown)?;
        (account.role, account.clinics, account.granted_by) = (role, clinics, by.to_owned());
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// Removes an account, and signs it out everywhere; somebody without one is signed out alone.
    ///
    /// # Errors
    /// [`NotEnrolled::Unknown`].
    pub fn remove(&mut self, name: &str) -> Result<(), NotEnrolled> {
        let removed = self.accounts.remove(name).is_some();
        if !removed && !self.sessions.values().any(|session| session.name == name) {
            return Err(NotEnrolled::Unknown);
        }
        self.end_sessions(|session| session.name == name);
        if removed {
            self.changed.insert(name.to_owned());
        }
        Ok(())
    }

    /// All accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The first half of signing in: what the password is to be tried against, away from whoever else waits.
    ///
    /// # Errors
    /// [`NotSignedIn::Locked`].
    pub fn begin(&self, name: &str, now: UnixTime) -> Result<PasswordHash, NotSignedIn> {
        let account = self.accounts.get(name);
        let stranger = || self.strangers.get(name).and_then(|(_, locked)| *locked);
        let locked = account.map_or_else(stranger, |account| account.locked);
        match locked.filter(|until| now < *until) {
            Some(until) => Err(NotSignedIn::Locked(until)),
            None => Ok(account.and_then(|one| one.password.clone()).unwrap_or_else(PasswordHash::of_nobody)),
        }
    }

    /// The second half: whether the password was right, and the code. The secret of the session.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn finish(
        &mut self,
        name: &str,
        (right, shown): (bool, Option<&str>),
        now: UnixTime,
        random: [u8; 16],
    ) -> Result<Zeroizing<String>, NotSignedIn> {
        self.prove(name, (right, shown), now)?;
        self.open(name, None, now, random).ok_or(NotSignedIn::Wrong)
    }

    /// Whether the password was right, and the code: failures count, and the code is used up.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn prove(
        &mut self,
        name: &str,
        (right, shown): (bool, Option<&str>),
        now: UnixTime,
    ) -> Result<(), NotSignedIn> {
        let Some(account) = self.accounts.get_mut(name) else { return Err(self.stranger(name, now)) };
        if let Some(until) = account.locked.filter(|until| now < *until) {
            return Err(NotSignedIn::Locked(until));
        }
        if right && shown.is_none() {
            return Err(NotSignedIn::CodeNeeded);
        }
        let step = shown.filter(|_| right).and_then(|shown| matching(&account.factor, shown, account.step, now));
        let Some(step) = step else {
            fail(&mut account.failures, &mut account.locked, now);
            return Err(NotSignedIn::Wrong);
        };
        (account.step, account.failures, account.locked, account.used) = (step, 0, None, Some(now));
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// A session of an account, or of somebody without one; `None` if there are too many.
    fn open(
        &mut self,
        name: &str,
        granted: Option<Account>,
        now: UnixTime,
        random: [u8; 16],
    ) -> Option<Zeroizing<String>> {
        if self.sessions.len() >= MOST_SESSIONS {
            self.end_sessions(|session| !alive(session, now));
        }
        if self.sessions.len() >= MOST_SESSIONS {
            return None;
        }
        let (text, hash) = secret(random);
        self.sessions.insert(hash, Session { name: name.to_owned(), granted, began: now, seen: now });
        Some(text)
    }

    /// What becomes of a try with a name that nobody has: the same as with one that somebody has.
    fn stranger(&mut self, name: &str, now: UnixTime) -> NotSignedIn {
        let locked = self.strangers.get(name).and_then(|(_, locked)| *locked);
        if let Some(until) = locked.filter(|until| now < *until) {
            return NotSignedIn::Locked(until);
        }
        // What no account can be called tells nothing of accounts.
        if !is_name(name) {
            return NotSignedIn::Wrong;
        }
        let room = self.strangers.len() < MOST_STRANGERS;
        if !room {
            self.strangers.retain(|_, (_, locked)| locked.is_some_and(|until| now < until));
        }
        if room || self.strangers.contains_key(name) {
            let (failures, locked) = self.strangers.entry(name.to_owned()).or_default();
            fail(failures, locked, now);
        }
        NotSignedIn::Wrong
    }

    /// Whoever is signed in with this secret.
    pub fn session(&mut self, shown: &str, now: UnixTime) -> Option<&Account> {
        let session = self.sessions.get_mut(&SecretHash::of(shown)).filter(|session| alive(session, now))?;
        session.seen = now;
        match &session.granted {
            Some(granted) => Some(granted),
            None => self.accounts.get(&session.name),
        }
    }

    /// Something was done in a session without a request: over a socket, in the last minute.
    pub fn active(&mut self, session: &SecretHash, now: UnixTime) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.seen = now;
        }
    }

    /// Signs out.
    pub fn sign_out(&mut self, shown: &str) {
        self.sessions.remove(&SecretHash::of(shown));
    }

    fn end_sessions(&mut self, which: impl Fn(&Session) -> bool) {
        let ended = self.sessions.extract_if(|_, session| which(session)).map(|(hash, _)| hash);
        self.ended.extend(ended);
    }

    /// Forgets sessions that are over: which ones are since the last time. To be called now and then.
    pub fn forget(&mut self, now: UnixTime) -> Vec<SecretHash> {
        self.end_sessions(|session| !alive(session, now));
        self.strangers.retain(|_, (_, locked)| locked.is_none_or(|until| now < until));
        core::mem::take(&mut self.ended)
    }
}

/// Whether an account can be called so.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}

fn suits(role: Role, clinics: &[ClinicId]) -> Result<(), NotEnrolled> {
    let suits = match role {
        Role::Operator => clinics.is_empty(),
        Role::Admin | Role::Clinician => !clinics.is_empty() && clinics.len() <= 64,
        Role::Patient | Role::Guest | Role::Captioner => false,
    };
    if suits { Ok(()) } else { Err(NotEnrolled::Role) }
}

fn alive(session: &Session, now: UnixTime) -> bool {
    now < session.began.plus_secs(SESSION) && now < session.seen.plus_secs(IDLE)
}

fn fail(failures: &mut u8, locked: &mut Option<UnixTime>, now: UnixTime) {
    *failures = failures.saturating_add(1);
    if *failures >= FAILURES {
        *failures = 0;
        *locked = Some(now.plus_secs(LOCKED));
    }
}

fn code(factor: &[u8]) -> Option<TOTP> {
    TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, STEP, factor.to_vec()).ok()
}

/// The step whose code this is, if it is one after the last that was used.
fn matching(factor: &[u8], shown: &str, last: u64, now: UnixTime) -> Option<u64> {
    let code = code(factor)?;
    let step = now.as_secs() / STEP;
    let fits = |step: &u64| bool::from(code.generate(step.saturating_mul(STEP)).as_bytes().ct_eq(shown.as_bytes()));
    (step.saturating_sub(SKEW)..=step.saturating_add(SKEW)).filter(|step| *step > last).find(fits)
}

/// How an account is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    v: u8,
    role: Role,
    clinics: Vec<String>,
    created: u64,
    granted_by: String,
    used: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    foreign: Option<Foreign>,
    password: Option<PasswordHash>,
    factor: Vec<u8>,
    step: u64,
}

fn encode(account: &Account) -> Vec<u8> {
    let kept = Kept {
        v: 1,
        role: account.role,
        clinics: account.clinics.iter().map(|clinic| clinic.as_str().to_owned()).collect(),
        created: account.created.as_secs(),
        granted_by: account.granted_by.clone(),
        used: account.used.map(UnixTime::as_secs),
        foreign: account.foreign.clone(),
        password: account.password.clone(),
        factor: account.factor.clone(),
        step: account.step,
    };
    // Nothing here has a form that JSON lacks.
    serde_json::to_vec(&kept).unwrap_or_default()
}

fn decode(name: &str, bytes: &[u8]) -> Option<Account> {
    let kept: Kept = serde_json::from_slice(bytes).ok().filter(|kept: &Kept| kept.v == 1)?;
    let clinics = kept.clinics.iter().map(|clinic| clinic.parse().ok()).collect::<Option<_>>()?;
    let made = (&*kept.granted_by, UnixTime::from_secs(kept.created));
    Some(Account {
        used: kept.used.map(UnixTime::from_secs),
        foreign: kept.foreign,
        password: kept.password,
        factor: kept.factor,
        step: kept.step,
        ..Account::new(name, (kept.role, clinics), made)
    })
}
