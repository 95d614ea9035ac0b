//! `[tls]`: the files of the certificate.

use std::path::PathBuf;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::environment::Material;
use super::fault::Place;
use super::section::{Item, Section};
use super::{Reader, reason};

pub(super) const KEYS: [&str; 2] = ["certificate", "key"];

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
}

/// What is wrong with a certificate or its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPair {
    /// The certificate file is not PEM, or has no certificate.
    Certificate,
    /// The key file is not PEM, or has no private key.
    Key,
    /// The key is of a kind that TLS does not sign with.
    KeyKind,
    /// The key belongs to another certificate.
    Mismatch,
}

impl core::fmt::Display for InvalidPair {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(match self {
            Self::Certificate => "holds no certificate in PEM; name the file that starts with BEGIN CERTIFICATE",
            Self::Key => "holds no private key in PEM; name the file that starts with BEGIN PRIVATE KEY, not encrypted",
            Self::KeyKind => "holds a key that TLS cannot sign with; make one of RSA, ECDSA or Ed25519",
            Self::Mismatch => "does not belong to the certificate; name the key that the certificate was made for",
        })
    }
}

impl core::error::Error for InvalidPair {}

/// A certificate with its chain and its key, as TLS needs it, from two texts of PEM.
///
/// # Errors
/// Which of the two is wrong.
pub fn certified_key(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, InvalidPair> {
    let chain: Result<Vec<CertificateDer<'static>>, PemError> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(InvalidPair::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| InvalidPair::Key)?;
    let signing = aws_lc_rs::default_provider().key_provider.load_private_key(key).map_err(|_| InvalidPair::KeyKind)?;
    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => Err(InvalidPair::Mismatch),
        Err(_) => Err(InvalidPair::Certificate),
    }
}

/// Reads the table. `listeners` is where the TLS listeners stand, if there are any.
pub(super) fn read(reader: &Reader<'_>, section: &Section<'_>, listeners: Option<Place>) -> Option<TlsFiles> {
    if !section.is_present() {
        if let Some(place) = listeners {
            let message = "needs a certificate and a key; name their files under [tls], or empty this list";
            reader.faults.add(place, "listen.tls", message);
        }
        return None;
    }
    let certificate = file(reader, section, "certificate");
    let key = file(reader, section, "key");
    let (certificate, key) = (certificate?, key?);
    if key.value.1.mode & 0o007 != 0 {
        let message =
            format!("may be used by everyone on this host (mode {:03o}); chmod 640 it", key.value.1.mode & 0o777);
        section.fault(key.place, "key", message);
    }
    if let Err(why) = certified_key(&certificate.value.1.bytes, &key.value.1.bytes) {
        let (place, name) = match why {
            InvalidPair::Certificate => (certificate.place, "certificate"),
            InvalidPair::Key | InvalidPair::KeyKind | InvalidPair::Mismatch => (key.place, "key"),
        };
        section.fault(place, name, why.to_string());
    }
    Some(TlsFiles { certificate: certificate.value.0, key: key.value.0 })
}

fn file(reader: &Reader<'_>, section: &Section<'_>, key: &str) -> Option<Item<(PathBuf, Material)>> {
    let Some(text) = section.text(key) else {
        if section.value(key).is_none() {
            section.fault(section.place(), key, "is missing; a certificate and its key go together");
        }
        return None;
    };
    let path = reader.path(text.value);
    match reader.environment.file(&path) {
        Ok(material) => Some(Item { value: (path, material), place: text.place }),
        Err(error) => {
            section.fault(text.place, key, format!("{} cannot be read: {}", path.display(), reason(&error)));
            None
        }
    }
}
