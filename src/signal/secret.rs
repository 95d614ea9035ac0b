//! Secrets of 128 random bits that are shown once and kept as hashes: links, tickets, what a browser comes back by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Random bytes of a secret. So many cannot be guessed, so one fast hash is enough to keep them.
const BYTES: usize = 16;
/// Characters of a secret in base64url.
pub const SECRET_LENGTH: usize = 22;

/// The hash of a secret: what is kept, and looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretHash([u8; 32]);

impl core::fmt::Debug for SecretHash {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("SecretHash(redacted)")
    }
}

impl SecretHash {
    /// The hash of what somebody shows, whatever it is. A look-up by it tells nothing of the secret by its time.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        Self(Sha256::digest(shown.as_bytes()).into())
    }

    /// The hash itself.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A secret of these random bytes, and its hash.
#[must_use]
pub fn secret(random: [u8; BYTES]) -> (Zeroizing<String>, SecretHash) {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(random));
    let hash = SecretHash::of(&text);
    (text, hash)
}

/// Whether a text is base64url of so many bytes, in its one spelling.
#[must_use]
pub fn is_encoded(text: &str, bytes: usize) -> bool {
    text.len() <= bytes.saturating_mul(2) && URL_SAFE_NO_PAD.decode(text).is_ok_and(|decoded| decoded.len() == bytes)
}

/// Fills bytes at random.
///
/// # Errors
/// The system has no randomness.
pub fn random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
}

/// The system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl core::fmt::Display for NoRandomness {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the system has no randomness")
    }
}

impl core::error::Error for NoRandomness {}
