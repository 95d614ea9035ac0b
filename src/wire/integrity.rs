//! MESSAGE-INTEGRITY-SHA256 and the choice between it and its predecessor, which lives in [`super::legacy`].

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::writer::with_length;
use super::{AttributeType, Message, PasswordAlgorithm, legacy};

/// Which of the two integrity attributes (RFC 8489 §14.5, §14.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntegrityKind {
    /// MESSAGE-INTEGRITY: HMAC-SHA-1, 20 bytes.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256: HMAC-SHA-256, 32 bytes or truncated to a multiple of four, 16 at least.
    Sha256,
}

impl IntegrityKind {
    /// The attribute that carries it.
    #[must_use]
    pub const fn attribute(self) -> AttributeType {
        match self {
            Self::Sha1 => AttributeType::MESSAGE_INTEGRITY,
            Self::Sha256 => AttributeType::MESSAGE_INTEGRITY_SHA256,
        }
    }

    /// The stronger of those that a message carries.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        if message.has(AttributeType::MESSAGE_INTEGRITY_SHA256) {
            Some(Self::Sha256)
        } else if message.has(AttributeType::MESSAGE_INTEGRITY) {
            Some(Self::Sha1)
        } else {
            None
        }
    }
}

/// An HMAC over a message, 20 or 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    bytes: [u8; 32],
    length: usize,
}

impl Tag {
    pub(super) fn new(value: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let length = value.len().min(32);
        if let (Some(place), Some(value)) = (bytes.get_mut(..length), value.get(..length)) {
            place.copy_from_slice(value);
        }
        Self { bytes, length }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The key of the message integrity: for long-term credentials a hash of username, realm and password.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct IntegrityKey {
    bytes: [u8; 64],
    length: usize,
}

impl IntegrityKey {
    /// A key of up to 64 bytes, as in the short-term mechanism (RFC 8489 §9.1.1); `None` for a longer one.
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        let mut bytes = [0; 64];
        bytes.get_mut(..key.len())?.copy_from_slice(key);
        Some(Self { bytes, length: key.len() })
    }

    /// The long-term key (RFC 8489 §18.5.1): MD5 or SHA-256 over `username ":" realm ":" password`.
    #[must_use]
    pub fn long_term(algorithm: PasswordAlgorithm, username: &[u8], realm: &[u8], password: &[u8]) -> Self {
        let parts: [&[u8]; 5] = [username, b":", realm, b":", password];
        match algorithm {
            PasswordAlgorithm::Md5 => Self::padded(&legacy::md5(&parts)),
            PasswordAlgorithm::Sha256 => {
                let mut hash = Sha256::new();
                for part in parts {
                    hash.update(part);
                }
                Self::padded(hash.finalize().as_slice())
            }
        }
    }

    fn padded(key: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let length = key.len().min(64);
        if let (Some(place), Some(key)) = (bytes.get_mut(..length), key.get(..length)) {
            place.copy_from_slice(key);
        }
        Self { bytes, length }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The tag over `before`, a message up to its integrity attribute, computed as if the header's length already
    /// counted that attribute at its full size.
    #[must_use]
    pub fn tag(&self, kind: IntegrityKind, before: &[u8]) -> Tag {
        self.tag_of_length(
            kind,
            before,
            match kind {
                IntegrityKind::Sha1 => 20,
                IntegrityKind::Sha256 => 32,
            },
        )
    }

    fn tag_of_length(&self, kind: IntegrityKind, before: &[u8], length: usize) -> Tag {
        let covered = with_length(before, 4 + length);
        match kind {
            IntegrityKind::Sha1 => Tag::new(&legacy::hmac_sha1(self.as_slice(), &covered.parts())),
            IntegrityKind::Sha256 => Tag::new(&hmac_sha256(self.as_slice(), &covered.parts())),
        }
    }

    /// Whether the message carries the integrity attribute and its tag is right, compared in constant time.
    #[must_use]
    pub fn verify(&self, kind: IntegrityKind, message: &Message<'_>) -> bool {
        let Some(attribute) = message.attribute(kind.attribute()) else { return false };
        let Some(before) = message.as_bytes().get(..attribute.offset) else { return false };
        let length = attribute.value.len();
        let allowed = match kind {
            IntegrityKind::Sha1 => length == 20,
            IntegrityKind::Sha256 => (16..=32).contains(&length) && length % 4 == 0,
        };
        let tag = self.tag_of_length(kind, before, length);
        allowed && tag.as_slice().get(..length).is_some_and(|tag| bool::from(tag.ct_eq(attribute.value)))
    }
}

impl core::fmt::Debug for IntegrityKey {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("IntegrityKey(redacted)")
    }
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // An HMAC key may have any length: the constructor does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
