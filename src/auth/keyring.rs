//! The keys that call tokens are checked with: several at once, each with its own window of time.
//!
//! A relay's keyring holds public keys and password keys. Signing keys stay with the issuer, so a relay that is stolen
//! mints nothing.

use core::fmt;

use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest, Sha256};

use super::token::{Algorithm, Issuer, Kid, Password, PasswordKey, SIGNATURE, TokenRefusal};
use crate::time::UnixTime;

/// Keys of a keyring: one for each of some dozen issuers, and those that overlap while they are changed.
const MOST_KEYS: usize = 256;

/// The middle bytes of the points of order 8 on edwards25519: two of them and their negatives.
const EIGHTH: [u8; 30] = [
    0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
    0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03,
];
const OTHER_EIGHTH: [u8; 30] = [
    0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
    0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc,
];

/// Days after which a key should have been changed.
pub const KEY_IS_OLD: u64 = 90;

/// The public half of a signing key.
#[derive(Clone)]
pub struct PublicKey(Public);

#[derive(Clone)]
enum Public {
    EdDsa(ed25519_dalek::VerifyingKey),
    Es256(p256::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// Reads a key: 32 bytes for EdDSA (RFC 8032 §5.1.5); for ES256 a point as SEC 1 §2.3.3 encodes it, 65 bytes, or 33
    /// compressed.
    ///
    /// # Errors
    /// [`InvalidKey::Public`] if it is no such key, or one for which signatures prove nothing.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, InvalidKey> {
        let public = match algorithm {
            Algorithm::EdDsa => bytes
                .try_into()
                .ok()
                .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok())
                .filter(|key| !key.is_weak())
                .map(Public::EdDsa),
            Algorithm::Es256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok().map(Public::Es256),
        };
        public.map(Self).ok_or(InvalidKey::Public)
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Public::EdDsa(_) => Algorithm::EdDsa,
            Public::Es256(_) => Algorithm::Es256,
        }
    }

    /// The bytes that [`PublicKey::new`] reads, 32 or 65.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Public::EdDsa(key) => key.as_bytes().to_vec(),
            Public::Es256(key) => key.to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// Whether a signature is this key's over a message.
    ///
    /// Ed25519 is checked strictly: no key or R of small order, S below the group order; so there is one signature for
    /// each message and nonce. For ECDSA both S and n - S are good, as in RFC 7518: hardware makes either. Who turns
    /// one into the other has another username, and no password for it.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE]) -> bool {
        match &self.0 {
            Public::EdDsa(key) => {
                let signature = ed25519_dalek::Signature::from_bytes(signature);
                // `verify_strict` decompresses R to see whether its order is small, a ninth of all its work. `verify`
                // compares R as bytes with what it must be, so only a canonical one passes, and of those eight are small.
                !is_of_small_order(signature.r_bytes()) && key.verify(message, &signature).is_ok()
            }
            Public::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

/// Whether a compressed point in canonical form (RFC 8032 §5.1.2) is one of the eight of order 1, 2, 4 and 8.
fn is_of_small_order(point: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = point;
    // The highest bit is the sign of x, which tells a point from its negative.
    match (lowest, highest & 0x7f) {
        (0 | 1, 0) => *middle == [0; 30],
        (0xec, 0x7f) => *middle == [0xff; 30],
        (0xc7, 0x7a) => *middle == EIGHTH,
        (0x26, 0x05) => *middle == OTHER_EIGHTH,
        _ => false,
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.algorithm().label())
    }
}

/// When a key was made, and when tokens of it are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When it was made: its age counts from here.
    pub created: UnixTime,
    /// No token before this.
    pub not_before: UnixTime,
    /// No token from this on, running calls included; `None` while nobody has decided.
    pub not_after: Option<UnixTime>,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Before its window: relays have it, issuers do not use it yet.
    Next,
    /// In its window, without an end.
    Current,
    /// In its window, which ends.
    Retiring,
    /// After its window.
    Ended,
}

impl KeyState {
    /// The word for it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Retiring => "retiring",
            Self::Ended => "ended",
        }
    }
}

/// One key of a keyring.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Kid,
    public: PublicKey,
    password: PasswordKey,
    validity: Validity,
    issuer: Option<Issuer>,
    fingerprint: [u8; 16],
}

impl Key {
    /// A key. With an `issuer`, tokens of it must name that one, so that one tenant cannot speak for another.
    ///
    /// # Errors
    /// [`InvalidKey::Window`] if its window ends before it begins.
    pub fn new(
        kid: Kid,
        public: PublicKey,
        password: PasswordKey,
        validity: Validity,
        issuer: Option<Issuer>,
    ) -> Result<Self, InvalidKey> {
        if validity.not_after.is_some_and(|end| end < validity.not_before) {
            return Err(InvalidKey::Window);
        }
        let mut hash = Sha256::new();
        for part in [kid.as_str().as_bytes(), &[0], public.algorithm().label().as_bytes(), &public.to_bytes()] {
            hash.update(part);
        }
        hash.update(password.as_bytes());
        // Whoever speaks for another issuer now must be asked again.
        hash.update(issuer.as_ref().map_or("", |issuer| issuer.as_str()));
        let fingerprint = hash.finalize().first_chunk::<16>().copied().unwrap_or_default();
        Ok(Self { kid, public, password, validity, issuer, fingerprint })
    }

    /// The key's id.
    #[must_use]
    pub const fn kid(&self) -> Kid {
        self.kid
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What passwords are made with.
    #[must_use]
    pub const fn password_key(&self) -> &PasswordKey {
        &self.password
    }

    /// Its window, and when it was made.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// The only issuer whose tokens it signs, if it is bound to one.
    #[must_use]
    pub const fn issuer(&self) -> Option<Issuer> {
        self.issuer
    }

    /// Changes when anything of the key changes that a verified token depends on.
    pub(super) const fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// The password of a username under this key.
    #[must_use]
    pub fn password(&self, username: &[u8]) -> Password {
        self.password.password(username)
    }

    /// Whether tokens of this key are accepted now. Clocks may be `skew` seconds apart.
    ///
    /// # Errors
    /// [`TokenRefusal::KeyNotYetValid`] or [`TokenRefusal::KeyEnded`].
    pub fn check(&self, now: UnixTime, skew: u64) -> Result<(), TokenRefusal> {
        if now.plus_secs(skew) < self.validity.not_before {
            return Err(TokenRefusal::KeyNotYetValid);
        }
        match self.validity.not_after {
            Some(end) if now >= end.plus_secs(skew) => Err(TokenRefusal::KeyEnded),
            Some(_) | None => Ok(()),
        }
    }

    /// Where it is in its life, by this clock.
    #[must_use]
    pub fn state(&self, now: UnixTime) -> KeyState {
        match self.validity.not_after {
            Some(end) if now >= end => KeyState::Ended,
            _ if now < self.validity.not_before => KeyState::Next,
            Some(_) => KeyState::Retiring,
            None => KeyState::Current,
        }
    }

    /// Seconds since it was made; 0 if that is in the future.
    #[must_use]
    pub const fn age(&self, now: UnixTime) -> u64 {
        self.validity.created.seconds_until(now)
    }

    /// The same key with another end.
    ///
    /// # Errors
    /// [`InvalidKey::Window`] if that is before its window begins.
    pub fn ending(self, not_after: UnixTime) -> Result<Self, InvalidKey> {
        let validity = Validity { not_after: Some(not_after), ..self.validity };
        Self::new(self.kid, self.public, self.password, validity, self.issuer)
    }
}

/// Why something is no key, or no keyring. Whoever wrote the keyring is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    /// Not the bytes of a public key of the algorithm.
    Public,
    /// The window ends before it begins.
    Window,
    /// Two keys with one id.
    Twice {
        /// The id.
        kid: Kid,
    },
    /// More than 256 keys.
    TooMany,
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => formatter.write_str(
                "is no public key of its algorithm; write 32 bytes for EdDSA, a point of 65 or 33 bytes for ES256",
            ),
            Self::Window => formatter.write_str("ends before it begins; write a later not_after"),
            Self::Twice { kid } => {
                write!(formatter, "has the kid {} of an earlier key; give each its own", kid.as_str())
            }
            Self::TooMany => write!(formatter, "there are more than {MOST_KEYS} keys; remove those that have ended"),
        }
    }
}

impl core::error::Error for InvalidKey {}

/// The keys that are known, by id. Immutable; a change makes another one.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// In the order of their ids.
    keys: Vec<Key>,
}

impl Keyring {
    /// A keyring of these keys; it may be empty, then no token is accepted.
    ///
    /// # Errors
    /// [`InvalidKey::TooMany`] or [`InvalidKey::Twice`].
    pub fn new(mut keys: Vec<Key>) -> Result<Self, InvalidKey> {
        if keys.len() > MOST_KEYS {
            return Err(InvalidKey::TooMany);
        }
        keys.sort_by_key(Key::kid);
        let twice = keys.windows(2).find_map(|pair| match pair {
            [one, other] if one.kid == other.kid => Some(one.kid),
            _ => None,
        });
        match twice {
            Some(kid) => Err(InvalidKey::Twice { kid }),
            None => Ok(Self { keys }),
        }
    }

    /// The key of an id.
    #[must_use]
    pub fn get(&self, kid: &Kid) -> Option<&Key> {
        let at = self.keys.binary_search_by(|key| key.kid.cmp(kid)).ok()?;
        self.keys.get(at)
    }

    /// All keys, in the order of their ids.
    pub fn keys(&self) -> core::slice::Iter<'_, Key> {
        self.keys.iter()
    }

    /// Whether there is no key.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that are accepted now and have no end.
    pub fn current(&self, now: UnixTime) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.state(now) == KeyState::Current)
    }

    /// The age in seconds of the oldest key that is accepted now and has no end: what an alarm for old keys looks at.
    /// `None` without such a key.
    #[must_use]
    pub fn oldest(&self, now: UnixTime) -> Option<u64> {
        self.current(now).map(|key| key.age(now)).max()
    }
}
