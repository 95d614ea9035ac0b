//! Which certificate a client is shown: the one for the name that it asks for, else the first.

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use arc_swap::ArcSwap;

use super::identity::Identity;
use crate::acme::{self, Challenges};

/// Certificates that one relay shows, at least one, by the names that stand in them.
pub struct Identities {
    first: Arc<Identity>,
    more: Vec<Arc<Identity>>,
    /// Names in lower case, a wildcard as `*.example.org`; bounded by the certificates and the names of each.
    names: HashMap<String, Arc<Identity>>,
}

impl fmt::Debug for Identities {
    /// Shows no names.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.all()).finish()
    }
}

impl From<Identity> for Identities {
    fn from(identity: Identity) -> Self {
        Self::new(Arc::new(identity), Vec::new())
    }
}

impl Identities {
    /// `first` is shown to clients that ask for no name, or for one that no certificate is for: a relay is often reached
    /// by its address. A name that stands in several belongs to the earliest.
    #[must_use]
    pub fn new(first: Arc<Identity>, more: Vec<Arc<Identity>>) -> Self {
        let mut names = HashMap::new();
        for identity in core::iter::once(&first).chain(&more) {
            for name in identity.names() {
                names.entry(name.to_owned()).or_insert_with(|| Arc::clone(identity));
            }
        }
        Self { first, more, names }
    }

    /// All of them, the first one first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Identity>> {
        core::iter::once(&self.first).chain(&self.more)
    }

    /// The one for a name: a name spelt out goes before a wildcard, which stands for one label (RFC 6125 §6.4.3).
    fn of(&self, name: Option<&str>) -> &Arc<Identity> {
        let Some(name) = name else { return &self.first };
        let name = name.to_ascii_lowercase();
        let wildcard = || Some(format!("*.{}", name.split_once('.')?.1));
        self.names.get(&name).or_else(|| self.names.get(&wildcard()?)).unwrap_or(&self.first)
    }
}

/// The certificates of the moment.
pub(super) struct Current {
    pub(super) shown: ArcSwap<Identities>,
    pub(super) challenges: Arc<Challenges>,
}

impl Current {
    pub(super) fn new(shown: Identities) -> Self {
        Self { shown: ArcSwap::from_pointee(shown), challenges: Arc::default() }
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.load().fmt(formatter)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An authority that looks for a proof offers its own protocol and no other (RFC 8737 §3), and gets that or nothing.
        if hello.alpn().is_some_and(|mut offered| offered.next() == Some(acme::ALPN) && offered.next().is_none()) {
            return self.challenges.certificate(hello.server_name()?);
        }
        Some(Arc::clone(self.shown.load().of(hello.server_name()).pair()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: &[&str]) -> Arc<Identity> {
        let made = rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
            .unwrap();
        let key = made.signing_key.serialize_pem();
        Arc::new(Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap())
    }

    #[test]
    fn a_name_chooses_its_certificate_and_anything_else_the_first() {
        let first = pair(&["turn.clinic.example", "192.0.2.1"]);
        let wild = pair(&["*.Clinic.example", "clinic.example"]);
        let third = pair(&["turn.clinic.example", "sip.clinic.example", "*.example"]);
        let all = Identities::new(Arc::clone(&first), vec![Arc::clone(&wild), Arc::clone(&third)]);
        for (name, expected) in [
            (None, &first),
            (Some("turn.clinic.example"), &first),
            (Some("TURN.clinic.Example"), &first),
            (Some("www.clinic.example"), &wild),
            (Some("clinic.example"), &wild),
            (Some("sip.clinic.example"), &third),
            (Some("other.example"), &third),
            (Some("a.www.clinic.example"), &first),
            (Some("192.0.2.1"), &first),
            (Some("example"), &first),
            (Some("localhost"), &first),
            (Some(""), &first),
            (Some("."), &first),
        ] {
            assert!(Arc::ptr_eq(all.of(name), expected), "{name:?}");
        }
    }
}
