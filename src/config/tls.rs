//! `[tls]` and `[[tls.name]]`: the files of the certificates. `[tls.acme]` has a file of its own.

use std::path::PathBuf;

use super::environment::Material;
use super::fault::Place;
use super::section::{Item, Section, kind};
use super::{Reader, reason};
use crate::listen::{Identity, PairFiles};

pub(super) const KEYS: [&str; 4] = ["certificate", "key", "name", "acme"];
pub(super) const NAME: [&str; 2] = ["certificate", "key"];

/// Certificates beside the first: a relay has some names, and each certificate is looked at every second or so.
const MOST_NAMES: usize = 31;

/// Reads the tables. `listeners` is the key and the place of listeners that need a certificate, if there are any. The first
/// pair is the one of `[tls]`; without that table there is none. `issued` is the file of the pair that an authority issues,
/// if one is asked: it is the first then.
pub(super) fn read(
    reader: &Reader<'_>,
    section: &Section<'_>,
    listeners: Option<(&'static str, Place)>,
    issued: Option<PathBuf>,
) -> Vec<PairFiles> {
    if !section.is_present() {
        if let Some((key, place)) = listeners {
            let message = "needs a certificate and a key; name their files under [tls], or empty this list";
            reader.faults.add(place, key, message);
        }
        return Vec::new();
    }
    let first = match section.value("acme") {
        None => pair(reader, section),
        Some(_) => {
            for key in ["certificate", "key"] {
                if let Some(item) = section.value(key) {
                    let message =
                        "has no place beside [tls.acme], whose certificate is the first; put it under [[tls.name]]";
                    section.fault(item.place, key, message);
                }
            }
            issued.map(|file| PairFiles { certificate: file.clone(), key: file })
        }
    };
    let mut pairs: Vec<PairFiles> = first.into_iter().collect();
    let Some(Item { value, place }) = section.value("name") else { return pairs };
    let Some(list) = value.as_array() else {
        section.fault(place, "name", format!("is {}; start each further certificate with [[tls.name]]", kind(value)));
        return pairs;
    };
    if list.len() > MOST_NAMES {
        let message =
            format!("has {} entries; at most {MOST_NAMES}: put several names into one certificate", list.len());
        section.fault(place, "name", message);
    }
    for entry in list.iter().take(MOST_NAMES) {
        let place = Some(entry.span().start);
        match entry.get_ref().as_table() {
            Some(table) => {
                pairs.extend(pair(reader, &Section::of(Some(table), place, "tls.name", &NAME, reader.faults)))
            }
            None => {
                let found = kind(entry.get_ref());
                section.fault(
                    place,
                    "name",
                    format!("holds {found}; start each further certificate with [[tls.name]]"),
                );
            }
        }
    }
    pairs
}

/// `None` only with a fault noted.
fn pair(reader: &Reader<'_>, section: &Section<'_>) -> Option<PairFiles> {
    let certificate = file(reader, section, "certificate");
    let key = file(reader, section, "key");
    let (certificate, key) = (certificate?, key?);
    if let Some(open) = key.value.1.open_to_all() {
        section.fault(key.place, "key", open.to_string());
    }
    if let Err(why) = Identity::from_pem(&certificate.value.1.bytes, &key.value.1.bytes) {
        let of_certificate = why.is_of_certificate();
        let (place, name) = if of_certificate { (certificate.place, "certificate") } else { (key.place, "key") };
        section.fault(place, name, why.to_string());
    }
    Some(PairFiles { certificate: certificate.value.0, key: key.value.0 })
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
