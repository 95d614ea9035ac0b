//! `[tls.acme]`: an authority that issues the first certificate by itself.

use std::path::{Path, PathBuf};

use hyper::Uri;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use toml::de::DeValue;

use super::section::{Item, Section, kind};
use super::{Reader, reason};
use crate::acme::{Binding, MOST_NAMES, Name, Proof, Settings, binding_key};
use crate::listen;

pub(super) const KEYS: [&str; 9] =
    ["directory", "ca", "names", "contacts", "terms_agreed", "proof", "profile", "binding_id", "binding_key"];

/// Addresses of the operator: authorities take some.
const MOST_CONTACTS: usize = 8;
/// Bytes of an URL or a word.
const LONGEST: usize = 255;

/// Reads the table; `None` if there is none, or with a fault noted.
pub(super) fn read(
    reader: &Reader<'_>,
    tls: &Section<'_>,
    state: Option<&Path>,
    listeners: &listen::Settings,
) -> Option<Settings> {
    let Item { value, place } = tls.value("acme")?;
    let Some(table) = value.as_table() else {
        tls.fault(place, "acme", format!("is {}; it must be a table, started with [tls.acme]", kind(value)));
        return None;
    };
    let section = Section::of(Some(table), place, "tls.acme", &KEYS, reader.faults);
    let directory = directory(&section);
    let names = names(&section);
    let contacts = contacts(&section);
    if !section.flag("terms_agreed", false) {
        let place = section.value("terms_agreed").map_or(place, |item| item.place);
        let message = "must be true: read the authority's terms of service, to which an account agrees";
        section.fault(place, "terms_agreed", message);
    }
    let binding = binding(reader, &section);
    let authorities = authorities(reader, &section);
    let proof = proof(&section, listeners);
    let profile = word(&section, "profile");
    let Some(state) = state else {
        let message = "needs a place for its account and certificate; set server.state, as \"/var/lib/hilum\"";
        reader.faults.add(place, "tls.acme", message);
        return None;
    };
    Some(Settings {
        directory: directory?,
        authorities,
        names: names?,
        contacts,
        proof,
        profile,
        binding,
        state: state.to_owned(),
    })
}

fn directory(section: &Section<'_>) -> Option<String> {
    let Some(Item { value, place }) = section.text("directory") else {
        if section.value("directory").is_none() {
            let message = "is missing; write the URL that the authority gives for ACME";
            section.fault(section.place(), "directory", message);
        }
        return None;
    };
    let good = value.parse::<Uri>().is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    if !good || value.len() > LONGEST {
        let message = format!(
            "is no URL that an authority has; write one of {LONGEST} bytes at most that begins with \"https://\""
        );
        section.fault(place, "directory", message);
        return None;
    }
    Some(value.to_owned())
}

fn names(section: &Section<'_>) -> Option<Vec<Name>> {
    let place = section.value("names").map_or(section.place(), |item| item.place);
    let texts = section.texts("names").unwrap_or_default();
    if texts.is_empty() || texts.len() > MOST_NAMES {
        let message = format!("has {} entries; write 1 to {MOST_NAMES} names of this relay", texts.len());
        section.fault(place, "names", message);
        return None;
    }
    let mut names = Vec::new();
    for (index, Item { value, place }) in texts.into_iter().enumerate() {
        let key = format!("names[{index}]");
        match value.parse::<Name>() {
            Err(why) => section.fault(place, &key, why.to_string()),
            Ok(name) if names.contains(&name) => section.fault(place, &key, "is there already"),
            Ok(name) => names.push(name),
        }
    }
    Some(names)
}

fn contacts(section: &Section<'_>) -> Vec<String> {
    let texts = section.texts("contacts").unwrap_or_default();
    if texts.len() > MOST_CONTACTS {
        let place = section.value("contacts").and_then(|item| item.place);
        section.fault(place, "contacts", format!("has {} entries; at most {MOST_CONTACTS}", texts.len()));
    }
    for (index, Item { value, place }) in texts.iter().enumerate() {
        let address = value.strip_prefix("mailto:").filter(|address| address.is_ascii() && address.contains('@'));
        if address.is_none() || value.len() > LONGEST {
            let message = "is no address that an authority writes to; write \"mailto:operator@example.org\"";
            section.fault(*place, &format!("contacts[{index}]"), message);
        }
    }
    texts.into_iter().map(|text| text.value.to_owned()).collect()
}

fn proof(section: &Section<'_>, listeners: &listen::Settings) -> Proof {
    let (_, default) = Proof::ALL[0];
    let word = section.text("proof");
    let place = word.map_or(section.place(), |item| item.place);
    let Some((_, proof)) = Proof::ALL.iter().find(|(known, _)| word.is_none_or(|word| word.value == *known)) else {
        let words: Vec<String> = Proof::ALL.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        section.fault(place, "proof", format!("is unknown; write one of {}", words.join(", ")));
        return default;
    };
    // An order would fail again and again, since nobody shows the proof.
    let message = match proof {
        Proof::Http01 if listeners.door.is_empty() => {
            "needs a door; name an address that the authority comes to under [listen] door, or write \"tls-alpn-01\""
        }
        Proof::TlsAlpn01 if listeners.door.is_empty() && listeners.tls.is_empty() => {
            "needs TLS, in which names are proven; name an address that the authority comes to under [listen] door or tls"
        }
        Proof::Http01 | Proof::TlsAlpn01 => return *proof,
    };
    section.fault(place, "proof", message);
    *proof
}

/// What an authority calls something; empty for nothing.
fn word(section: &Section<'_>, key: &str) -> Option<String> {
    let Item { value, place } = section.text(key).filter(|text| !text.value.is_empty())?;
    if value.len() > LONGEST || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        section.fault(place, key, format!("must be up to {LONGEST} letters of ASCII without spaces"));
    }
    Some(value.to_owned())
}

/// The file of authorities that `ca` names.
pub(super) fn authorities(reader: &Reader<'_>, section: &Section<'_>) -> Option<PathBuf> {
    let Item { value, place } = section.text("ca").filter(|text| !text.value.is_empty())?;
    let path = reader.path(value);
    match reader.environment.file(&path) {
        Err(error) => section.fault(place, "ca", format!("{} cannot be read: {}", path.display(), reason(&error))),
        Ok(material) => {
            let mut certificates = CertificateDer::pem_slice_iter(&material.bytes);
            if !matches!(certificates.next(), Some(Ok(_))) {
                section.fault(place, "ca", "has no certificate; it must hold PEM: BEGIN CERTIFICATE");
            }
        }
    }
    Some(path)
}

/// An account that was given out: its name and its key, which go together.
fn binding(reader: &Reader<'_>, section: &Section<'_>) -> Option<Binding> {
    let id = word(section, "binding_id");
    let file = section.text("binding_key").filter(|text| !text.value.is_empty());
    let (id, file) = match (id, file) {
        (None, None) => return None,
        (Some(id), Some(file)) => (id, file),
        (id, _) => {
            let (has, lacks) = if id.is_some() { ("binding_id", "binding_key") } else { ("binding_key", "binding_id") };
            let place = section.value(has).and_then(|item: Item<&DeValue<'_>>| item.place);
            section.fault(place, lacks, "is missing; an account's name and its key go together");
            return None;
        }
    };
    let path = reader.path(file.value);
    let fault = |message: String| section.fault(file.place, "binding_key", message);
    let material = match reader.environment.file(&path) {
        Err(error) => {
            fault(format!("{} cannot be read: {}", path.display(), reason(&error)));
            return None;
        }
        Ok(material) => material,
    };
    if let Some(open) = material.open_to_all() {
        fault(format!("{} {open}", path.display()));
    }
    let key = binding_key(&material.bytes);
    if key.is_none() {
        fault("holds no key; it must hold what the authority gave out, in base64url".to_owned());
    }
    Some(Binding { id, key: key? })
}
