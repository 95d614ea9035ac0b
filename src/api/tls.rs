//! TLS of the API: the relay's own certificate, and certificates of clients if an authority for them is named.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, version};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Names of a certificate that are looked at; more would only be names without a role.
const MOST_NAMES: usize = 16;

/// How connections are accepted: TLS 1.3, and 1.2 with ephemeral keys and authenticated encryption; HTTP/1.1; no early
/// data, which could be replayed. A certificate of the client is verified if it shows one, and needed by nobody who
/// shows an API key. Without `authorities` none is asked for.
///
/// # Errors
/// An authority's certificate cannot be used.
pub fn server_config(
    certificate: Arc<dyn ResolvesServerCert>,
    authorities: &[CertificateDer<'static>],
) -> Result<ServerConfig, UnusableAuthority> {
    // Its suites for TLS 1.2 are all ECDHE with AES-GCM or ChaCha20-Poly1305.
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|_| UnusableAuthority)?;
    let builder = if authorities.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.clone()).map_err(|_| UnusableAuthority)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.allow_unauthenticated().build().map_err(|_| UnusableAuthority)?;
        builder.with_client_cert_verifier(verifier)
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(config)
}

/// An authority's certificate that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusableAuthority;

impl core::fmt::Display for UnusableAuthority {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .write_str("holds a certificate that cannot be used as an authority; see `openssl x509 -in FILE -text`")
    }
}

impl core::error::Error for UnusableAuthority {}

/// The DNS names of the first of these certificates, which the handshake has verified.
pub(super) fn names(certificates: Option<&[CertificateDer<'_>]>) -> Vec<String> {
    let Some(first) = certificates.and_then(<[_]>::first) else { return Vec::new() };
    let Ok((_, certificate)) = X509Certificate::from_der(first) else { return Vec::new() };
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    let named =
        alternatives.value.general_names.iter().filter_map(|name| {
            if let GeneralName::DNSName(name) = name { Some(name.to_ascii_lowercase()) } else { None }
        });
    named.take(MOST_NAMES).collect()
}
