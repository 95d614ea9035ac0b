//! Static users by the hash of their name, which is how USERHASH asks for them, and USERNAME as well.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{Party, StaticUser, Subject};
use crate::wire::{IntegrityKey, PasswordAlgorithm};

/// SHA-256 over `username ":" realm` (RFC 8489 §14.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserHash(pub(super) [u8; 32]);

impl UserHash {
    pub(super) fn of(username: &[u8], realm: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [username, b":", realm] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// A static user with both keys computed in advance.
pub(super) struct Entry {
    hash: UserHash,
    pub(super) subject: Subject,
    pub(super) party: Party,
    md5: IntegrityKey,
    sha256: IntegrityKey,
}

impl Entry {
    fn new(name: &[u8], password: &[u8], realm: &[u8]) -> Self {
        Self {
            hash: UserHash::of(name, realm),
            subject: Subject::of(name),
            party: Party::of(name),
            md5: IntegrityKey::long_term(PasswordAlgorithm::Md5, name, realm, password),
            sha256: IntegrityKey::long_term(PasswordAlgorithm::Sha256, name, realm, password),
        }
    }

    pub(super) const fn key(&self, algorithm: PasswordAlgorithm) -> &IntegrityKey {
        match algorithm {
            PasswordAlgorithm::Md5 => &self.md5,
            PasswordAlgorithm::Sha256 => &self.sha256,
        }
    }
}

/// The table of static users.
pub(super) struct Users {
    sorted: Vec<Entry>,
    nobody: Entry,
}

impl Users {
    pub(super) fn new(users: &[StaticUser], realm: &[u8]) -> Self {
        let mut sorted: Vec<_> =
            users.iter().map(|user| Entry::new(user.name.as_bytes(), &user.password, realm)).collect();
        sorted.sort_unstable_by_key(|entry| entry.hash);
        Self { sorted, nobody: Entry::new(b"", b"", realm) }
    }

    /// The user with this hash and whether there is one. Without one, the entry is a neighbour's or nobody's, so that an
    /// unknown name costs what a known one costs: a search of the same length and one comparison with a key.
    pub(super) fn find(&self, hash: &UserHash) -> (&Entry, Choice) {
        let at = self.sorted.partition_point(|entry| entry.hash < *hash);
        let entry = self.sorted.get(at).unwrap_or(&self.nobody);
        let known = Choice::from(u8::from(!self.sorted.is_empty())) & entry.hash.0.ct_eq(&hash.0);
        (entry, known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(names: &[&str]) -> Users {
        let users: Vec<_> =
            names.iter().map(|name| StaticUser { name: (*name).into(), password: b"password".to_vec() }).collect();
        Users::new(&users, b"hilum")
    }

    #[test]
    fn every_user_is_found_by_hash_and_nobody_else_is() {
        let names: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = users(&names);
        for name in names {
            let (entry, known) = table.find(&UserHash::of(name.as_bytes(), b"hilum"));
            assert!(bool::from(known) && entry.subject == Subject::of(name.as_bytes()));
            assert!(!bool::from(table.find(&UserHash::of(name.as_bytes(), b"other")).1));
        }
        for stranger in [[0; 32], [0xff; 32]] {
            assert!(!bool::from(table.find(&UserHash(stranger)).1));
        }
    }

    #[test]
    fn nobody_is_no_user() {
        for table in [users(&[]), users(&["alice"])] {
            assert!(!bool::from(table.find(&UserHash::of(b"", b"hilum")).1));
        }
    }
}
