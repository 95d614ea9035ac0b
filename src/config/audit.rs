//! `[audit]`: where the audit log is, with which keys, how long it is kept, and who gets a copy.

use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

use super::environment::Material;
use super::section::{Item, Section};
use super::server::choice;
use super::{Reader, reason};
use crate::audit::{Label, MasterKey, Rotation, SigningKey, WhenFailing, syslog};
use crate::listen::{Identity, PairFiles};

pub(super) const KEYS: [&str; 12] = [
    "directory",
    "node",
    "signing_key",
    "pseudonym_key",
    "when_failing",
    "segment_bytes",
    "segment_hours",
    "keep_days",
    "syslog",
    "syslog_ca",
    "syslog_certificate",
    "syslog_key",
];

const MIB: u32 = 1024 * 1024;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// A hundred years: longer than any law asks for.
const LONGEST_KEPT: u32 = 36_500;

/// What `[audit]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Where the log is; `None` for no log.
    pub directory: Option<PathBuf>,
    /// What the node is called in the log; `None` for the name of its host.
    pub node: Option<Label>,
    /// The file of the key that signs; `None` for one beside the directory, made when it is missing.
    pub signing_key: Option<PathBuf>,
    /// The file of the key behind the pseudonyms; `None` for one beside the directory, made when it is missing.
    pub pseudonym_key: Option<PathBuf>,
    /// What becomes of new allocations while nothing can be recorded.
    pub when_failing: WhenFailing,
    /// When files end, and when they go.
    pub rotation: Rotation,
    /// Who gets every record as well.
    pub syslog: Option<Syslog>,
    /// Whose certificates the receiver may have; `None` for the system's authorities.
    pub syslog_ca: Option<PathBuf>,
    /// What this relay shows to the receiver, if it asks.
    pub syslog_identity: Option<PairFiles>,
}

/// A syslog receiver over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Its name or address, which its certificate is for.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Audit {
    /// The files of the signing key and of the pseudonym key, for a log in a directory; they need not be there.
    #[must_use]
    pub fn key_files(&self, directory: &Path) -> [PathBuf; 2] {
        let beside = |named: &Option<PathBuf>, name: &str| {
            let other = || {
                let mut file = directory.file_name().unwrap_or_default().to_owned();
                file.push(name);
                directory.with_file_name(file)
            };
            named.clone().unwrap_or_else(other)
        };
        [beside(&self.signing_key, "-signing.pem"), beside(&self.pseudonym_key, "-pseudonym.key")]
    }
}

pub(super) fn read(reader: &Reader<'_>) -> Audit {
    let section = reader.section("audit", &KEYS);
    let directory = text(&section, "directory").map(|item| reader.path(item.value));
    let node = text(&section, "node").and_then(|Item { value, place }| {
        value.parse().map_err(|why| section.fault(place, "node", format!("is out of form; {why}"))).ok()
    });
    let whens = [WhenFailing::Continue, WhenFailing::Refuse].map(|when| (when.label(), when));
    let when_failing = choice(&section, "when_failing", WhenFailing::default(), &whens);
    let keep = section.number("keep_days", 0..=LONGEST_KEPT, 0);
    let rotation = Rotation {
        bytes: section.number("segment_bytes", MIB..=1024 * MIB, 64 * MIB).into(),
        seconds: u64::from(section.number("segment_hours", 1..=168, 24)).saturating_mul(HOUR),
        keep: (keep > 0).then(|| u64::from(keep).saturating_mul(DAY)),
    };
    let audit = Audit {
        directory,
        node,
        signing_key: text(&section, "signing_key").map(|item| reader.path(item.value)),
        pseudonym_key: text(&section, "pseudonym_key").map(|item| reader.path(item.value)),
        when_failing,
        rotation,
        syslog: receiver(&section),
        syslog_ca: authorities(reader, &section),
        syslog_identity: identity(reader, &section),
    };
    check_keys(reader, &section, &audit);
    audit
}

/// A string that is there and not empty.
fn text<'d>(section: &Section<'d>, key: &str) -> Option<Item<&'d str>> {
    section.text(key).filter(|item| !item.value.is_empty())
}

/// Whether the keys are what they should be. Those beside the directory may be missing: the relay makes them.
fn check_keys(reader: &Reader<'_>, section: &Section<'_>, audit: &Audit) {
    let beside = audit.directory.as_deref().map(|directory| audit.key_files(directory));
    let [signing, pseudonym] = beside.map_or([None, None], |files| files.map(Some));
    let files = [
        ("signing_key", &audit.signing_key, signing, (|bytes| SigningKey::from_pem(bytes).map(drop)) as Check),
        ("pseudonym_key", &audit.pseudonym_key, pseudonym, |bytes| MasterKey::from_text(bytes).map(drop)),
    ];
    for (key, named, beside, check) in files {
        let Some(path) = named.clone().or(beside) else { continue };
        let place = section.value(key).and_then(|item| item.place);
        let fault = |message: String| section.fault(place, key, format!("{} {message}", path.display()));
        match reader.environment.file(&path) {
            Ok(material) => {
                if let Some(open) = material.open_to_all() {
                    fault(open.to_string());
                }
                if let Err(why) = check(&material.bytes) {
                    fault(format!("is no such key: {why}"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {}
            Err(error) => fault(format!("cannot be read: {}", reason(&error))),
        }
    }
}

/// Reads the bytes of a key.
type Check = fn(&[u8]) -> io::Result<()>;

/// A name or address, and a port where it is another than that of RFC 5425.
fn receiver(section: &Section<'_>) -> Option<Syslog> {
    let Item { value, place } = text(section, "syslog")?;
    let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let (host, port) = match value.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (bare(host), port.parse().ok()),
        _ => (bare(value), Some(syslog::PORT)),
    };
    let port = port.filter(|port| *port != 0);
    if let Some(port) = port
        && ServerName::try_from(host.as_str()).is_ok()
    {
        return Some(Syslog { host, port });
    }
    let advice = "is no name of a host, with a port or without; write it as \"logs.example.org:6514\"";
    section.fault(place, "syslog", advice);
    None
}

fn authorities(reader: &Reader<'_>, section: &Section<'_>) -> Option<PathBuf> {
    let item = text(section, "syslog_ca")?;
    let (path, material) = file(reader, section, "syslog_ca", item)?;
    if !CertificateDer::pem_slice_iter(&material.bytes).any(|certificate| certificate.is_ok()) {
        let message = format!("{} has no certificate in it; it needs a BEGIN CERTIFICATE block", path.display());
        section.fault(item.place, "syslog_ca", message);
    }
    Some(path)
}

fn identity(reader: &Reader<'_>, section: &Section<'_>) -> Option<PairFiles> {
    let [certificate, key] = ["syslog_certificate", "syslog_key"].map(|key| text(section, key));
    let (certificate, key) = match (certificate, key) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(item), None) | (None, Some(item)) => {
            let missing = if key.is_none() { "syslog_key" } else { "syslog_certificate" };
            section.fault(item.place, missing, "is missing; a certificate and its key go together");
            return None;
        }
    };
    let (certificate_file, shown) = file(reader, section, "syslog_certificate", certificate)?;
    let (key_file, kept) = file(reader, section, "syslog_key", key)?;
    if let Some(open) = kept.open_to_all() {
        section.fault(key.place, "syslog_key", open.to_string());
    }
    if let Err(why) = Identity::from_pem(&shown.bytes, &kept.bytes) {
        let (place, name) = match why.is_of_certificate() {
            true => (certificate.place, "syslog_certificate"),
            false => (key.place, "syslog_key"),
        };
        section.fault(place, name, why.to_string());
    }
    Some(PairFiles { certificate: certificate_file, key: key_file })
}

/// A file that has to be there.
fn file(reader: &Reader<'_>, section: &Section<'_>, key: &str, item: Item<&str>) -> Option<(PathBuf, Material)> {
    let path = reader.path(item.value);
    match reader.environment.file(&path) {
        Ok(material) => Some((path, material)),
        Err(error) => {
            section.fault(item.place, key, format!("{} cannot be read: {}", path.display(), reason(&error)));
            None
        }
    }
}
