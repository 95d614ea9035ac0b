//! The Ed25519 keys of checkpoints (RFC 8032), in the files that OpenSSL reads and writes (RFC 8410).

use core::fmt;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use super::values::{Digest, Label};

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410 §4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Digits of a key's id: 128 bits of the digest of its SubjectPublicKeyInfo.
const ID_DIGITS: usize = 32;
/// Characters on a line of PEM (RFC 7468 §2).
const PEM_LINE: usize = 64;

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, character) in STANDARD.encode(der).chars().enumerate() {
        if at > 0 && at.is_multiple_of(PEM_LINE) {
            text.push('\n');
        }
        text.push(character);
    }
    text + &format!("\n-----END {label}-----\n")
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A key that checks checkpoints.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: Label,
    bytes: [u8; 32],
}

impl PublicKey {
    fn new(bytes: [u8; 32]) -> io::Result<Self> {
        let digits: String = Self::fingerprint_of(&bytes).to_string().chars().take(ID_DIGITS).collect();
        Ok(Self { id: digits.parse().map_err(io::Error::other)?, bytes })
    }

    fn der(bytes: &[u8; 32]) -> Vec<u8> {
        [SPKI.as_slice(), bytes].concat()
    }

    fn fingerprint_of(bytes: &[u8; 32]) -> Digest {
        Digest::of(&Self::der(bytes))
    }

    /// Every key in a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, holds none, or holds something else.
    pub fn read(path: &Path) -> io::Result<Vec<Self>> {
        let mut keys = Vec::new();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(&std::fs::read(path)?) {
            let der = der.map_err(|_| bad("not a PEM file"))?;
            let bytes = der.strip_prefix(SPKI.as_slice()).and_then(|bytes| bytes.try_into().ok());
            keys.push(Self::new(bytes.ok_or_else(|| bad("not an Ed25519 public key"))?)?);
        }
        if keys.is_empty() {
            return Err(bad("no public key in it; it needs a BEGIN PUBLIC KEY block"));
        }
        Ok(keys)
    }

    /// As PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &Self::der(&self.bytes))
    }

    /// Its id in checkpoints: the first 32 digits of its fingerprint.
    #[must_use]
    pub const fn id(&self) -> &Label {
        &self.id
    }

    /// SHA-256 of its SubjectPublicKeyInfo, to compare with what was written down elsewhere.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Self::fingerprint_of(&self.bytes)
    }

    /// Whether it made this signature over these bytes.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.bytes).verify(text, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.id)
    }
}

/// The key that signs checkpoints.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    fn new(pair: Ed25519KeyPair) -> io::Result<Self> {
        let bytes = pair.public_key().as_ref().try_into().map_err(|_| bad("not an Ed25519 key"))?;
        Ok(Self { pair, public: PublicKey::new(bytes)? })
    }

    /// A new one, by the system's randomness.
    ///
    /// # Errors
    /// There is none.
    pub fn generate() -> io::Result<Self> {
        Self::new(Ed25519KeyPair::generate().map_err(|_| io::Error::other("the system has no randomness"))?)
    }

    /// The key in a PEM file (PKCS #8).
    ///
    /// # Errors
    /// The file cannot be read or holds something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::from_pem(&zeroize::Zeroizing::new(std::fs::read(path)?))
    }

    /// The key in the text of such a file.
    ///
    /// # Errors
    /// It holds something else.
    pub fn from_pem(pem: &[u8]) -> io::Result<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| bad("no BEGIN PRIVATE KEY block in it"))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        Self::new(
            pair.map_err(|_| bad("not an Ed25519 private key; make one with: openssl genpkey -algorithm ed25519"))?,
        )
    }

    /// The key in a PEM file; a new one, readable by its owner only, if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds something else.
    pub fn read_or_make(path: &Path) -> io::Result<Self> {
        if path.exists() {
            return Self::read(path);
        }
        let key = Self::generate()?;
        let der = key.pair.to_pkcs8v1().map_err(|_| io::Error::other("the key cannot be written"))?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(zeroize::Zeroizing::new(pem("PRIVATE KEY", der.as_ref())).as_bytes())?;
        file.sync_all()?;
        Ok(key)
    }

    /// The other half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signature, as checkpoints write it.
    pub(super) fn sign(&self, text: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(text))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_signs_what_its_public_half_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.pem");
        let key = SigningKey::read_or_make(&path).unwrap();
        let again = SigningKey::read_or_make(&path).unwrap();
        assert_eq!(key.public(), again.public());
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);

        let public = directory.path().join("audit.pub");
        std::fs::write(&public, key.public().pem() + &SigningKey::generate().unwrap().public().pem()).unwrap();
        let [first, other] = PublicKey::read(&public).unwrap().try_into().unwrap();
        assert_eq!(&first, key.public());
        let signature = key.sign(b"text");
        assert!(first.verifies(b"text", &signature));
        assert!(!first.verifies(b"texT", &signature));
        assert!(!first.verifies(b"text", ""));
        assert!(!other.verifies(b"text", &signature));
    }
}
