//! `[tls]`: the files of the certificate.

use std::path::PathBuf;

use super::environment::Material;
use super::fault::Place;
use super::section::{Item, Section};
use super::{Reader, reason};
use crate::listen::Identity;

pub(super) const KEYS: [&str; 2] = ["certificate", "key"];

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
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
    if let Err(why) = Identity::from_pem(&certificate.value.1.bytes, &key.value.1.bytes) {
        let of_certificate = why.is_of_certificate();
        let (place, name) = if of_certificate { (certificate.place, "certificate") } else { (key.place, "key") };
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
