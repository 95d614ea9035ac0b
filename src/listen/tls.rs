//! TLS: what is offered, and the certificate, which can be replaced while connections run.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::time::UnixTime;

/// The application protocol of TURN (RFC 7443 §3).
const TURN: &[u8] = b"stun.turn";
/// The largest file that is read: a chain of hundreds of certificates. A wrong path must not fill the memory.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What is wrong with a certificate or its key. Every text names the file and what to do.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file is larger than a mebibyte.
    TooLarge(PathBuf),
    /// The certificate file is not PEM or has no certificate.
    NoCertificate(PathBuf),
    /// The first certificate of the file cannot be understood.
    BadCertificate(PathBuf),
    /// The key file is not PEM or has no private key.
    NoKey(PathBuf),
    /// The key is of a kind that TLS does not sign with.
    BadKey(PathBuf),
    /// The key belongs to another certificate.
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The cryptographic library offers nothing that both versions of TLS need.
    Library(rustls::Error),
}

impl fmt::Display for TlsError {
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
            Self::NoCertificate(file) => write!(
                formatter,
                "{} has no certificate; it must hold PEM: the server's certificate first, then its chain",
                file.display()
            ),
            Self::BadCertificate(file) => write!(
                formatter,
                "the first certificate in {} cannot be understood; see `openssl x509 -in FILE -text`",
                file.display()
            ),
            Self::NoKey(file) => write!(
                formatter,
                "{} has no private key; it must hold PEM: PKCS#8, PKCS#1 or SEC1, without a pass phrase",
                file.display()
            ),
            Self::BadKey(file) => write!(
                formatter,
                "the key in {} is of a kind that TLS does not sign with; use RSA of 2048 bits or more, ECDSA or Ed25519",
                file.display()
            ),
            Self::Mismatch { certificate, key } => write!(
                formatter,
                "the key in {} does not belong to the first certificate in {}; give the pair that was issued together, \
                 the server's own certificate first",
                key.display(),
                certificate.display()
            ),
            Self::Library(cause) => write!(formatter, "TLS cannot be set up: {cause}; this is a fault of the build"),
        }
    }
}

impl core::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Unreadable { cause, .. } => Some(cause),
            Self::Library(cause) => Some(cause),
            Self::TooLarge(_)
            | Self::NoCertificate(_)
            | Self::BadCertificate(_)
            | Self::NoKey(_)
            | Self::BadKey(_)
            | Self::Mismatch { .. } => None,
        }
    }
}

/// A certificate with its chain, and the key that belongs to it.
pub struct Identity {
    pair: Arc<CertifiedKey>,
    expires: UnixTime,
}

impl fmt::Debug for Identity {
    /// Shows neither key nor names.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity {{ expires: {:?} }}", self.expires)
    }
}

impl Identity {
    /// Reads a pair of PEM files and checks that they belong together. Blocks on the file system.
    ///
    /// # Errors
    /// [`TlsError`], see there.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
        let expires = chain.first().and_then(expiry).ok_or_else(|| TlsError::BadCertificate(certificate.to_owned()))?;
        // The cause is not shown: it may quote the file.
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsError::NoKey(key.to_owned()))?;
        let secret = aws_lc_rs::sign::any_supported_type(&secret).map_err(|_| TlsError::BadKey(key.to_owned()))?;
        let pair = CertifiedKey::new(chain, secret);
        match pair.keys_match() {
            Ok(()) => Ok(Self { pair: Arc::new(pair), expires }),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() })
            }
            Err(_) => Err(TlsError::BadCertificate(certificate.to_owned())),
        }
    }

    /// When the server's own certificate ceases to be valid.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(file)
        .and_then(|opened| opened.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|cause| TlsError::Unreadable { file: file.to_owned(), cause })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST_FILE) {
        Ok(bytes)
    } else {
        Err(TlsError::TooLarge(file.to_owned()))
    }
}

/// The end of the validity of a certificate; a time before 1970 counts as 1970.
fn expiry(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let seconds = parsed.validity().not_after.timestamp();
    Some(UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The certificate of the moment, shown to every client whatever name it asks for: a relay is often reached by address.
struct Current(ArcSwap<Identity>);

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load().fmt(formatter)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().pair.clone())
    }
}

/// How TLS connections are accepted: TLS 1.3, and 1.2 with ephemeral key exchange and authenticated encryption only;
/// application protocol `stun.turn`, if the client offers any; no early data, which could be replayed.
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tls {{ {:?} }}", self.current)
    }
}

impl Tls {
    /// Shows `identity` to clients.
    ///
    /// # Errors
    /// [`TlsError::Library`]: the library was built without what is needed.
    pub fn new(identity: Identity) -> Result<Self, TlsError> {
        let current = Arc::new(Current(ArcSwap::from_pointee(identity)));
        // Its suites for TLS 1.2 are all ECDHE with AES-GCM or ChaCha20-Poly1305.
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(TlsError::Library)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![TURN.to_vec()];
        config.max_early_data_size = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// Shows `identity` to clients that connect from now on; connections that run go on.
    pub fn replace(&self, identity: Identity) {
        self.current.0.store(Arc::new(identity));
    }

    /// When the certificate that is shown now ceases to be valid.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.current.0.load().expires()
    }

    /// The server's side of a handshake. Bounded by nothing but the caller's patience.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }
}
