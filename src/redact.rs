//! Addresses and names as keyed short hashes: the same patient's lines can be found together, the patient cannot.

use core::fmt;
use core::hash::Hash;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The key of the pseudonyms in one process; a new one at every start makes pseudonyms of two starts unrelated.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// Wraps 32 bytes of the system's randomness.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The pseudonym of a value: 32 bits of HMAC-SHA-256 over what the value hashes.
    #[must_use]
    pub fn pseudonym<T: Hash>(&self, value: &T) -> Redacted {
        struct Feed(Hmac<Sha256>);
        impl core::hash::Hasher for Feed {
            fn finish(&self) -> u64 {
                0
            }
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
        }
        // An HMAC key may have any length, so the constructor's error cannot occur; the match keeps that free of panics.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return Redacted(0);
        };
        let mut feed = Feed(mac);
        value.hash(&mut feed);
        let tag = feed.0.finalize().into_bytes();
        Redacted(tag.iter().take(4).fold(0, |sum, &byte| (sum << 8) | u32::from(byte)))
    }
}

/// A pseudonym, printed as eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Redacted(u32);

impl fmt::Display for Redacted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "~{:08x}", self.0)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_value_and_key() {
        let (one, other) = (PseudonymKey::new([1; 32]), PseudonymKey::new([2; 32]));
        let address: core::net::SocketAddr = "192.0.2.1:5000".parse().unwrap();
        assert_eq!(one.pseudonym(&address), one.pseudonym(&address));
        assert_ne!(one.pseudonym(&address), other.pseudonym(&address));
        assert!(!one.pseudonym(&address).to_string().contains("192"));
    }
}
