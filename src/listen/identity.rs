//! The certificate and its key: what makes a pair, and what is said of two files that are none.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::time::UnixTime;

/// The largest file that is read: a chain of hundreds of certificates. A wrong path must not fill the memory.
const LARGEST_FILE: u64 = 1024 * 1024;
/// Names of one certificate that are looked at: public authorities put 100 into one at most.
const MOST_NAMES: usize = 256;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairFiles {
    /// The certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
}

/// A file with a secret in it that everybody on this host may use. The words follow the name of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenToAll(u32);

impl OpenToAll {
    /// `None` if the file's mode, as `stat(2)` tells it, keeps everybody out but its owner and its group.
    #[must_use]
    pub const fn of(mode: u32) -> Option<Self> {
        if mode & 0o007 == 0 { None } else { Some(Self(mode & 0o777)) }
    }
}

impl fmt::Display for OpenToAll {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "may be used by everyone on this host (mode {:03o}); chmod 640 it", self.0)
    }
}

/// Why two texts of PEM are not a certificate and its key. The words follow the name of the file at fault; none of them
/// quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPair {
    /// The certificate's text is not PEM or has no certificate.
    NoCertificate,
    /// The first certificate cannot be understood.
    BadCertificate,
    /// The key's text is not PEM or has no private key.
    NoKey,
    /// The key is of a kind that TLS does not sign with.
    BadKey,
    /// The key belongs to another certificate.
    Mismatch,
}

impl InvalidPair {
    /// Whether the fault is the certificate's; otherwise it is the key's.
    #[must_use]
    pub const fn is_of_certificate(self) -> bool {
        matches!(self, Self::NoCertificate | Self::BadCertificate)
    }
}

impl fmt::Display for InvalidPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoCertificate => {
                "has no certificate; it must hold PEM: the server's certificate first, then its chain"
            }
            Self::BadCertificate => {
                "has a first certificate that cannot be understood; see `openssl x509 -in FILE -text`"
            }
            Self::NoKey => "has no private key; it must hold PEM: PKCS#8, PKCS#1 or SEC1, without a pass phrase",
            Self::BadKey => {
                "has a key of a kind that TLS does not sign with; use RSA of 2048 bits or more, ECDSA or Ed25519"
            }
            Self::Mismatch => {
                "has a key that does not belong to the first certificate in the other file; give the pair that was issued \
                 together, the server's own certificate first"
            }
        })
    }
}

impl core::error::Error for InvalidPair {}

/// What is wrong with the files of a certificate and its key. Every text names the file and what to do.
#[derive(Debug)]
pub enum IdentityError {
    /// A file cannot be read.
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file is larger than a mebibyte.
    TooLarge(PathBuf),
    /// The key may be read by everybody on this host.
    Open(PathBuf, OpenToAll),
    /// The files are no pair.
    Invalid {
        /// The file at fault.
        file: PathBuf,
        /// The other one.
        other: PathBuf,
        /// What is wrong.
        why: InvalidPair,
    },
    /// The pair is sound, but its time is over or has not come, while that of the one it would replace is now.
    OutOfTime(PathBuf),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, cause } => write!(
                formatter,
                "cannot read {}: {cause}; the file must exist and be readable by the user that hilum runs as",
                file.display()
            ),
            Self::TooLarge(file) => write!(
                formatter,
                "{} is larger than 1 MiB, so it is no certificate or key; check the path",
                file.display()
            ),
            Self::Open(file, why) => write!(formatter, "{} {why}", file.display()),
            Self::Invalid { file, other, why } => match why {
                InvalidPair::Mismatch => write!(formatter, "{} {why} ({})", file.display(), other.display()),
                InvalidPair::NoCertificate | InvalidPair::BadCertificate | InvalidPair::NoKey | InvalidPair::BadKey => {
                    write!(formatter, "{} {why}", file.display())
                }
            },
            Self::OutOfTime(file) => write!(
                formatter,
                "{} holds a certificate that is not valid now, and the one in use is; see `openssl x509 -in FILE -dates` \
                 and this host's clock",
                file.display()
            ),
        }
    }
}

impl IdentityError {
    /// What is wrong, for a log: without the names of files, which may be those of people and places.
    #[must_use]
    pub fn without_files(&self) -> String {
        match self {
            Self::Unreadable { cause, .. } => format!("one of them cannot be read: {cause}"),
            Self::TooLarge(_) => "one of them is larger than 1 MiB".to_owned(),
            Self::Open(_, why) => format!("the key's file {why}"),
            Self::Invalid { why, .. } if why.is_of_certificate() => format!("the certificate's file {why}"),
            Self::Invalid { why, .. } => format!("the key's file {why}"),
            Self::OutOfTime(_) => "the certificate is not valid now, and the one in use is".to_owned(),
        }
    }
}

impl core::error::Error for IdentityError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::TooLarge(_) | Self::Open(..) | Self::Invalid { .. } | Self::OutOfTime(_) => None,
        }
    }
}

/// A certificate with its chain, and the key that belongs to it.
pub struct Identity {
    pub(super) pair: Arc<CertifiedKey>,
    begins: UnixTime,
    expires: UnixTime,
    names: Vec<String>,
}

impl fmt::Debug for Identity {
    /// Shows neither key nor names.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity {{ expires: {:?} }}", self.expires)
    }
}

impl Identity {
    /// Reads a pair of PEM files and checks that they belong together, and that not everybody may read the key. Blocks on
    /// the file system.
    ///
    /// # Errors
    /// [`IdentityError`], see there.
    pub fn load(files: &PairFiles) -> Result<Self, IdentityError> {
        let PairFiles { certificate, key } = files;
        let (shown, _) = read(certificate)?;
        let (kept, mode) = read(key)?;
        if let Some(why) = OpenToAll::of(mode) {
            return Err(IdentityError::Open(key.to_owned(), why));
        }
        Self::from_pem(&shown, &kept).map_err(|why| {
            let (file, other) = if why.is_of_certificate() { (certificate, key) } else { (key, certificate) };
            IdentityError::Invalid { file: file.to_owned(), other: other.to_owned(), why }
        })
    }

    /// A pair from two texts of PEM.
    ///
    /// # Errors
    /// Which of the two is wrong, and how.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, InvalidPair> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(InvalidPair::NoCertificate)?;
        let Facts { begins, expires, names } = chain.first().and_then(facts).ok_or(InvalidPair::BadCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| InvalidPair::NoKey)?;
        let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| InvalidPair::BadKey)?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) => Ok(Self { pair: Arc::new(pair), begins, expires, names }),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(InvalidPair::Mismatch),
            Err(_) => Err(InvalidPair::BadCertificate),
        }
    }

    /// SHA-256 of the server's own certificate.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.pair.cert.first().map_or([0; 32], |certificate| Sha256::digest(certificate).into())
    }

    /// The pair, for those who show it elsewhere.
    #[must_use]
    pub fn pair(&self) -> &Arc<CertifiedKey> {
        &self.pair
    }

    /// When the server's own certificate ceases to be valid.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// Whether the server's own certificate is valid at that time.
    #[must_use]
    pub fn is_valid_at(&self, time: UnixTime) -> bool {
        (self.begins..=self.expires).contains(&time)
    }

    /// Whether its time has yet to come.
    #[must_use]
    pub fn begins_after(&self, time: UnixTime) -> bool {
        self.begins > time
    }

    /// The DNS names that the server's own certificate is for, in lower case; a wildcard stands as `*.example.org`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether the other one would show clients just the same.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        // The same certificate has the same public key, and both keys belong to it.
        self.pair.cert == other.pair.cert
    }
}

/// What a file holds, and its mode.
fn read(file: &Path) -> Result<(Zeroizing<Vec<u8>>, u32), IdentityError> {
    let unreadable = |cause| IdentityError::Unreadable { file: file.to_owned(), cause };
    let opened = File::open(file).map_err(unreadable)?;
    // Of the file that is read: another one may have its name by now.
    let mode = opened.metadata().map_err(unreadable)?.mode();
    let mut bytes = Zeroizing::new(Vec::new());
    opened.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST_FILE) {
        Ok((bytes, mode))
    } else {
        Err(IdentityError::TooLarge(file.to_owned()))
    }
}

/// What is told of the server's own certificate.
struct Facts {
    begins: UnixTime,
    expires: UnixTime,
    names: Vec<String>,
}

/// Reads a certificate; a time before 1970 counts as 1970.
fn facts(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let time = |seconds| UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0));
    let alternatives = parsed.subject_alternative_name().ok()?;
    let named = alternatives.iter().flat_map(|names| &names.value.general_names);
    // A client asks for DNS names only (RFC 6066 §3).
    let names = named
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(name.to_ascii_lowercase()) } else { None });
    let names = names.take(MOST_NAMES).collect();
    let validity = parsed.validity();
    Some(Facts { begins: time(validity.not_before.timestamp()), expires: time(validity.not_after.timestamp()), names })
}
