//! Tokens whose signature was right, so that it is checked once and not with every request.

use core::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;
use sha2::{Digest, Sha256};

use super::Claims;
use crate::auth::keyring::Key;
use crate::time::UnixTime;

/// SHA-256 of a username: what differs in one bit is another token.
type TokenHash = [u8; 32];

/// By hashes, which are as random as a table can wish: whoever could choose their first bytes could choose among tokens
/// that an issuer has signed.
type Generation = HashMap<TokenHash, Entry, BuildHasherDefault<First>>;

/// The first eight bytes of what is a hash already.
#[derive(Default)]
struct First(u64);

impl Hasher for First {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length, which is always the same.
    fn write_usize(&mut self, _: usize) {}
}

struct Entry {
    claims: Arc<Claims>,
    /// Of the key that verified it: a keyring that changes makes the entry worthless.
    fingerprint: [u8; 16],
}

/// Verified tokens, the least recently used ones forgotten first, and never more than a bound. It has no clock.
///
/// Two generations make the order: what is asked for moves into the young one; when that has half the bound, the old
/// one is dropped and the young one becomes old. What was used within the last half of the bound is always there.
#[derive(Default)]
pub struct VerifiedTokens {
    young: Generation,
    old: Generation,
    half: usize,
}

impl VerifiedTokens {
    /// Room for `most` tokens, about 400 bytes each, more with outside peers. With less than 2 nothing is remembered.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        const EMPTY: Generation = Generation::with_hasher(BuildHasherDefault::new());
        Self { young: EMPTY, old: EMPTY, half: most / 2 }
    }

    /// The claims of a token that was verified with this very key. Whether they hold now is not checked.
    pub fn get(&mut self, username: &[u8], key: &Key) -> Option<Arc<Claims>> {
        let hash = TokenHash::from(Sha256::digest(username));
        let entry = match self.young.remove(&hash) {
            Some(entry) => entry,
            None => self.old.remove(&hash)?,
        };
        // Taken out and put back: an entry of another key is gone this way.
        let same = entry.fingerprint == key.fingerprint();
        let claims = same.then(|| Arc::clone(&entry.claims));
        if same {
            self.put(hash, entry);
        }
        claims
    }

    /// Remembers a token that was verified with this key. Those that have ended by `now` make room first.
    pub fn insert(&mut self, username: &[u8], key: &Key, claims: Arc<Claims>, now: UnixTime) {
        if self.half == 0 {
            return;
        }
        if self.young.len() >= self.half {
            self.forget_ended(now);
        }
        self.put(Sha256::digest(username).into(), Entry { claims, fingerprint: key.fingerprint() });
    }

    fn put(&mut self, hash: TokenHash, entry: Entry) {
        if self.young.len() >= self.half {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(hash, entry);
    }

    /// Drops tokens that have ended by `now`. Skew is no matter: a token that is still accepted is verified again.
    pub fn forget_ended(&mut self, now: UnixTime) {
        for generation in [&mut self.young, &mut self.old] {
            generation.retain(|_, entry| entry.claims.end > now);
        }
    }

    /// Forgets a token, whoever asks for it next.
    pub fn forget(&mut self, username: &[u8]) {
        let hash = TokenHash::from(Sha256::digest(username));
        self.young.remove(&hash);
        self.old.remove(&hash);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl core::fmt::Debug for VerifiedTokens {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "VerifiedTokens({})", self.len())
    }
}
