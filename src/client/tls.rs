//! Whom a client believes over TLS: the system's authorities, those of a file, or, for tests only, anybody.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The protocol name of TURN over TLS (RFC 7443).
pub const ALPN: &[u8] = b"stun.turn";

/// Where distributions keep the certificates of authorities: Debian, Fedora, SUSE, and Alpine, the BSDs and macOS.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Which certificates a client accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of the system's authorities: the file that `SSL_CERT_FILE` names, or the distribution's bundle.
    System,
    /// Those of the authorities in this PEM file, and the certificates in it themselves, for a self-signed server.
    File(PathBuf),
    /// Any. It protects against nobody; to find out whether only the certificate is wrong.
    Anyone,
}

/// Why a client has nothing to trust. The operator of the client is at fault.
#[derive(Debug)]
pub enum TrustError {
    /// None of the places has a bundle.
    NoBundle,
    /// A file cannot be read or is no PEM.
    File(PathBuf, io::Error),
    /// There is no certificate in the file.
    Empty(PathBuf),
    /// The TLS library refused.
    Tls(String),
}

impl fmt::Display for TrustError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBundle => formatter.write_str(
                "this system has no certificates of authorities; install ca-certificates or name a file with --ca",
            ),
            Self::File(path, error) => {
                write!(formatter, "cannot read certificates from {}: {error}; it has to be PEM", path.display())
            }
            Self::Empty(path) => {
                write!(formatter, "no certificate in {}; it needs a BEGIN CERTIFICATE block", path.display())
            }
            Self::Tls(error) => write!(formatter, "TLS cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for TrustError {}

/// TLS 1.3 and 1.2 towards a server, with ALPN `stun.turn`.
///
/// # Errors
/// [`TrustError`] when there is nothing to trust.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = match trust {
        Trust::Anyone => Arc::new(Verifier { trusted: Trusted::Anyone, provider: Arc::clone(&provider) }),
        Trust::System => pinned(&system_bundle()?, &provider)?,
        Trust::File(path) => pinned(path, &provider)?,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn system_bundle() -> Result<PathBuf, TrustError> {
    if let Some(named) = std::env::var_os("SSL_CERT_FILE") {
        return Ok(PathBuf::from(named));
    }
    BUNDLES.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_path_buf).ok_or(TrustError::NoBundle)
}

fn pinned(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<Verifier>, TrustError> {
    let unreadable =
        |error: rustls::pki_types::pem::Error| TrustError::File(path.to_path_buf(), io::Error::other(error));
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        certificates.push(certificate.map_err(unreadable)?);
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(TrustError::Empty(path.to_path_buf()));
    }
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| TrustError::Tls(error.to_string()))?;
    Ok(Arc::new(Verifier { trusted: Trusted::Named { authorities, certificates }, provider: Arc::clone(provider) }))
}

/// Whom a client believes.
#[derive(Debug)]
enum Trusted {
    /// Authorities, and certificates that are trusted as they are: `openssl req -x509` makes servers' certificates that
    /// claim to be authorities, which no chain may end in.
    Named { authorities: Arc<WebPkiServerVerifier>, certificates: Vec<CertificateDer<'static>> },
    /// Everybody.
    Anyone,
}

/// Checks a server's certificate by whom the client believes, and always that the server holds its key.
#[derive(Debug)]
struct Verifier {
    trusted: Trusted,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.trusted {
            Trusted::Named { authorities, certificates } if !certificates.contains(end_entity) => {
                authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Trusted::Named { .. } => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                verify_validity(end_entity, now)?;
                Ok(ServerCertVerified::assertion())
            }
            Trusted::Anyone => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn verify_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let invalid = |error| Err(rustls::Error::InvalidCertificate(error));
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
        return invalid(CertificateError::BadEncoding);
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < parsed.validity().not_before.timestamp() {
        return invalid(CertificateError::NotValidYet);
    }
    if now > parsed.validity().not_after.timestamp() {
        return invalid(CertificateError::Expired);
    }
    Ok(())
}
