//! Cipher suites that encrypt, authenticate the server and forget their keys (RFC 9325 §4.2, RFC 8446 §B.4).

use super::Version;
use crate::wire::keep::Keep;

/// What kind a cipher suite is, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuiteClass {
    /// Of TLS 1.3: all of them authenticate what they encrypt.
    Tls13,
    /// Of TLS 1.2 with GCM, CCM or ChaCha20-Poly1305.
    Aead,
    /// Of TLS 1.2 with CBC and HMAC. Sound in DTLS when the stack is, and what older endpoints still choose.
    Cbc,
}

impl Keep for SuiteClass {
    fn keep(&self, to: &mut Vec<u8>) {
        to.push(*self as u8);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::from(u8::recall(from)?)).copied()
    }
}

impl SuiteClass {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Tls13, Self::Aead, Self::Cbc];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tls13 => "tls13",
            Self::Aead => "aead",
            Self::Cbc => "cbc",
        }
    }

    /// The class of an acceptable suite; `None` for every other one: NULL and integrity-only, anonymous, export, static
    /// RSA and pre-shared keys without (EC)DHE, RC4 and 3DES, and all that this list does not know.
    #[must_use]
    pub const fn of(suite: u16) -> Option<Self> {
        match suite {
            // AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305, AES-128-CCM, AES-128-CCM-8.
            0x1301..=0x1305 => Some(Self::Tls13),
            // ECDHE-ECDSA and ECDHE-RSA with AES-GCM; with ChaCha20-Poly1305, and DHE-RSA with it.
            0xc02b | 0xc02c | 0xc02f | 0xc030 | 0xcca8..=0xccaa
            // DHE-RSA with AES-GCM; with AES-CCM (16-byte and 8-byte tags).
            | 0x009e | 0x009f | 0xc09e | 0xc09f | 0xc0a2 | 0xc0a3
            // ECDHE-ECDSA with AES-CCM.
            | 0xc0ac..=0xc0af => Some(Self::Aead),
            // ECDHE-ECDSA and ECDHE-RSA with AES-CBC and SHA-1, SHA-256 or SHA-384.
            0xc009 | 0xc00a | 0xc013 | 0xc014 | 0xc023 | 0xc024 | 0xc027 | 0xc028
            // DHE-RSA with AES-CBC.
            | 0x0033 | 0x0039 | 0x0067 | 0x006b => Some(Self::Cbc),
            _ => None,
        }
    }

    /// Whether it belongs to this version: the suites of 1.3 are of no use in 1.2, and the other way round.
    #[must_use]
    pub const fn belongs_to(self, version: Version) -> bool {
        matches!((self, version), (Self::Tls13, Version::Dtls13) | (Self::Aead | Self::Cbc, Version::Dtls12))
    }
}
