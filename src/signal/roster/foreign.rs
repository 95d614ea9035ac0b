//! Those who sign in at a provider: by an account that is bound to whom the provider knows, or without one, by a rule.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Account, MOST_ACCOUNTS, NotEnrolled, Roster, is_name, suits};
use crate::signal::hall::ClinicId;
use crate::signal::role::Role;
use crate::time::UnixTime;

/// Bytes of a subject.
pub const LONGEST_SUBJECT: usize = 255;
/// Bytes of a subject that stands in a record as it is.
const SHORT: usize = 48;
/// Hexadecimal digits of the hash that stands for another one.
const DIGITS: usize = 40;

/// Whom a provider knows. A subject is one of this provider's alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// The provider.
    pub issuer: String,
    /// What it calls the person.
    pub subject: String,
}

/// What somebody without an account has by the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Operator, admin or clinician.
    pub role: Role,
    /// Whose patients they receive.
    pub clinics: Vec<ClinicId>,
    /// What the page calls them.
    pub shown: Option<String>,
}

impl Foreign {
    /// What records call somebody without an account: what the provider does, or what stands for it.
    #[must_use]
    pub fn name(&self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.subject.len() <= SHORT && self.subject.bytes().all(plain) {
            return format!("openid:{}", self.subject);
        }
        let hash = Sha256::digest(self.subject.as_bytes());
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("openid:#{}", digits.get(..DIGITS).unwrap_or_default())
    }
}

impl Roster {
    /// Makes an account without a password, for whom a provider knows.
    ///
    /// # Errors
    /// [`NotEnrolled`]: nothing has changed.
    pub fn bind(
        &mut self,
        name: &str,
        (role, clinics): (Role, Vec<ClinicId>),
        foreign: Foreign,
        (by, now): (&str, UnixTime),
    ) -> Result<(), NotEnrolled> {
        if !is_name(name) {
            return Err(NotEnrolled::Name);
        }
        let subject = &foreign.subject;
        if !(1..=LONGEST_SUBJECT).contains(&subject.len()) || !subject.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotEnrolled::Subject);
        }
        if self.accounts.contains_key(name) || self.bound(&foreign).is_some() {
            return Err(NotEnrolled::Taken);
        }
        if self.accounts.len() >= MOST_ACCOUNTS {
            return Err(NotEnrolled::Full);
        }
        suits(role, &clinics)?;
        let account = Account { foreign: Some(foreign), ..Account::new(name, (role, clinics), (by, now)) };
        self.accounts.insert(name.to_owned(), account);
        self.changed.insert(name.to_owned());
        Ok(())
    }

    fn bound(&self, foreign: &Foreign) -> Option<&Account> {
        self.accounts.values().find(|account| account.foreign.as_ref() == Some(foreign))
    }

    /// Lets in whom a provider has proven: by the account that is bound to them, else by what the rules grant. Their name on
    /// record, and the secret of the session; `None` if they have neither, or there are too many sessions.
    pub fn enter(
        &mut self,
        foreign: &Foreign,
        granted: Option<Granted>,
        now: UnixTime,
        random: [u8; 16],
    ) -> Option<(String, Zeroizing<String>)> {
        let bound = self.bound(foreign).map(|account| account.name.clone());
        if let Some(name) = bound {
            let secret = self.open(&name, None, now, random)?;
            self.accounts.get_mut(&name)?.used = Some(now);
            self.changed.insert(name.clone());
            return Some((name, secret));
        }
        let Granted { role, clinics, shown } = granted?;
        suits(role, &clinics).ok()?;
        let name = foreign.name();
        let account = Account { shown, ..Account::new(&name, (role, clinics), ("signal.openid", now)) };
        let secret = self.open(&name, Some(account), now, random)?;
        Some((name, secret))
    }

    /// Signs out everybody who is in by the rules: they are others now.
    pub fn dismiss_granted(&mut self) {
        self.end_sessions(|session| session.granted.is_some());
    }
}
