//! A member of staff gives the own account another password.

use super::{Account, PasswordHash, Roster};
use crate::signal::secret::SecretHash;

/// Characters of a password that somebody chooses, with a second factor beside it: NIST SP 800-63B-4 asks for 8.
pub const SHORTEST_PASSWORD: usize = 12;
/// Bytes of one: a sentence.
pub const LONGEST_PASSWORD: usize = 256;

/// Whether a password may be chosen in the place of another.
#[must_use]
pub fn can_be_chosen(new: &str, old: &str, name: &str) -> bool {
    let long = new.chars().count() >= SHORTEST_PASSWORD && new.len() <= LONGEST_PASSWORD;
    let mut letters: Vec<char> = new.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    // What is the name and a little, or the same few letters again and again, is guessed first.
    let told = new.to_lowercase().replace(&name.to_lowercase(), "").chars().count() < SHORTEST_PASSWORD / 2;
    long && letters.len() > 4 && new != old && !told
}

impl Roster {
    /// Gives an account another password; the one before.
    pub fn set_password(&mut self, name: &str, new: PasswordHash) -> Option<PasswordHash> {
        let old = self.accounts.get_mut(name)?.password.replace(new);
        self.changed.insert(name.to_owned());
        old
    }

    /// Signs an account out everywhere but in the session of this secret.
    pub fn end_others(&mut self, name: &str, shown: &str) {
        let own = SecretHash::of(shown);
        let ended = self.sessions.extract_if(|hash, session| session.name == name && *hash != own);
        self.ended.extend(ended.map(|(hash, _)| hash));
    }
}

impl Account {
    /// Whether it has a password of ours, which can be changed here.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }
}
