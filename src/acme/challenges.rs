//! What is shown to an authority that looks whether a name is ours: a page under `/.well-known/` (HTTP-01, RFC 8555
//! §8.3) or a certificate in a handshake of its own protocol (TLS-ALPN-01, RFC 8737).

use core::fmt;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::name::Name;

/// The application protocol in which an authority asks for a certificate that proves a name (RFC 8737 §3). Nothing is
/// said in it: the connection is over with the handshake.
pub const ALPN: &[u8] = b"acme-tls/1";

/// Where an authority looks for a page.
/// The path of the pages of proofs.
pub const PAGES: &str = "/.well-known/acme-challenge/{token}";

/// The answers of the moment: one for each name of an order, while the order runs.
#[derive(Default)]
pub struct Challenges {
    /// By token: what stands on the page.
    pages: RwLock<HashMap<String, String>>,
    /// By the server name of the handshake.
    certificates: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Challenges {
    /// Shows no token and no name.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Challenges")
    }
}

impl Challenges {
    /// The certificate for a handshake in [`ALPN`] that asks for this server name.
    #[must_use]
    pub fn certificate(&self, server_name: &str) -> Option<Arc<CertifiedKey>> {
        let certificates = self.certificates.read().unwrap_or_else(PoisonError::into_inner);
        certificates.get(&server_name.to_ascii_lowercase()).cloned()
    }

    /// What stands on the page of a token.
    #[must_use]
    pub fn page(&self, token: &str) -> Option<String> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// The pages, for a server of HTTP. They hold nothing secret, and nobody has to prove anything to read them.
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new().route(PAGES, get(page)).with_state(self)
    }

    /// Shows a page until the result is dropped.
    pub(super) fn show_page(self: &Arc<Self>, token: &str, text: &str) -> Shown {
        let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        pages.insert(token.to_owned(), text.to_owned());
        Shown { challenges: Arc::clone(self), what: What::Page(token.to_owned()) }
    }

    /// Shows a certificate until the result is dropped. `digest` is SHA-256 of the key authorization.
    ///
    /// # Errors
    /// A fault of the library.
    pub(super) fn show_certificate(self: &Arc<Self>, name: &Name, digest: &[u8]) -> Result<Shown, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut about = CertificateParams::new(vec![name.to_string()])?;
        about.distinguished_name = DistinguishedName::new();
        about.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = about.self_signed(&key)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = any_ecdsa_type(&key).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        let pair = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key));
        let server_name = server_name(name);
        let mut certificates = self.certificates.write().unwrap_or_else(PoisonError::into_inner);
        certificates.insert(server_name.clone(), pair);
        Ok(Shown { challenges: Arc::clone(self), what: What::Certificate(server_name) })
    }
}

/// The name in the handshake: an address as in reverse DNS (RFC 8738 §6).
fn server_name(name: &Name) -> String {
    match name {
        Name::Dns(name) => name.clone(),
        Name::Address(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Name::Address(IpAddr::V6(address)) => {
            let digits = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            digits.map(|digit| format!("{digit:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

async fn page(State(challenges): State<Arc<Challenges>>, Path(token): Path<String>) -> Response {
    challenges.page(&token).map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |text| ([(header::CONTENT_TYPE, "application/octet-stream")], text).into_response(),
    )
}

/// An answer that is shown as long as this lives.
#[derive(Debug)]
pub(super) struct Shown {
    challenges: Arc<Challenges>,
    what: What,
}

#[derive(Debug)]
enum What {
    Page(String),
    Certificate(String),
}

impl Drop for Shown {
    fn drop(&mut self) {
        match &self.what {
            What::Page(token) => {
                self.challenges.pages.write().unwrap_or_else(PoisonError::into_inner).remove(token);
            }
            What::Certificate(name) => {
                self.challenges.certificates.write().unwrap_or_else(PoisonError::into_inner).remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    #[test]
    fn an_answer_is_shown_as_long_as_the_question_is_open() {
        let challenges = Arc::new(Challenges::default());
        let name = "turn.clinic.example".parse().unwrap();
        assert!(challenges.page("t0ken").is_none());
        let page = challenges.show_page("t0ken", "t0ken.thumb");
        let certificate = challenges.show_certificate(&name, &[7; 32]).unwrap();
        assert_eq!(challenges.page("t0ken").unwrap(), "t0ken.thumb");
        assert!(challenges.certificate("TURN.clinic.example").is_some());
        assert!(challenges.certificate("www.clinic.example").is_none());
        drop((page, certificate));
        assert!(challenges.page("t0ken").is_none());
        assert!(challenges.certificate("turn.clinic.example").is_none());
    }

    #[test]
    fn the_certificate_is_for_one_name_and_holds_the_digest() {
        let challenges = Arc::new(Challenges::default());
        let shown = challenges.show_certificate(&"turn.clinic.example".parse().unwrap(), &[0xab; 32]).unwrap();
        let pair = challenges.certificate("turn.clinic.example").unwrap();
        let (_, certificate) = X509Certificate::from_der(&pair.cert[0]).unwrap();
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 1);
        let acme = certificate.extensions().iter().find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31").unwrap();
        assert!(acme.critical);
        assert_eq!(acme.value, [&[4, 32][..], &[0xab; 32]].concat(), "an OCTET STRING of 32 bytes");
        drop(shown);
    }

    #[test]
    fn an_address_is_asked_for_by_its_name_in_reverse_dns() {
        let asked = |name: &str| server_name(&name.parse().unwrap());
        assert_eq!(asked("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(asked("2001:db8::1"), v6);
        assert_eq!(asked("turn.clinic.example"), "turn.clinic.example");
    }
}
