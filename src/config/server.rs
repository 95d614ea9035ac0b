//! `[server]`, `[admin]` and `[log]`.

use core::time::Duration;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use tracing::Level;

use super::host::Host;
use super::section::{Item, Section};
use super::{Reader, listen};
use crate::log::{Format, Settings};
use crate::plane::Tuning;

pub(super) const SERVER: [&str; 8] = ["realm", "shards", "pin", "busy_poll", "drain", "alternate", "state", "runtime"];
pub(super) const ADMIN: [&str; 1] = ["listen"];
pub(super) const LOG: [&str; 2] = ["format", "level"];

/// A realm travels in every answer to a stranger, which may have three times the bytes of the question: a longer realm
/// would make some questions unanswerable.
const LONGEST_REALM: usize = 32;
/// More shards than the CPUs of the largest machines bring nothing.
const MOST_SHARDS: u32 = 256;
/// In microseconds. Who polls longer than a millisecond has a thread that never sleeps.
const LONGEST_POLL: u32 = 1000;

pub(super) struct Server {
    pub(super) realm: String,
    pub(super) shards: usize,
    pub(super) tuning: Tuning,
    pub(super) drain: Duration,
    pub(super) alternate: Vec<SocketAddr>,
    pub(super) state: Option<PathBuf>,
    pub(super) runtime: Option<PathBuf>,
}

pub(super) fn server(reader: &Reader<'_>, section: &Section<'_>, host: &Host) -> Server {
    let realm =
        section.text("realm").map_or("hilum", |realm| {
            let graphic = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && byte != b'"' && byte != b'\\';
            if realm.value.is_empty() || realm.value.len() > LONGEST_REALM {
                section.fault(realm.place, "realm", format!(
                "has {} bytes; write 1 to {LONGEST_REALM} of them, since every answer to a stranger carries them",
                realm.value.len()
            ));
            } else if !realm.value.bytes().all(graphic) {
                let message =
                    "has a character that is not printable ASCII, or a quote or backslash; write letters, digits, dots";
                section.fault(realm.place, "realm", message);
            }
            realm.value
        });
    let most = usize::try_from(MOST_SHARDS).unwrap_or(usize::MAX);
    let shards = match section.count("shards", 0..=MOST_SHARDS, 0) {
        0 => host.cpus.clamp(1, most),
        shards => shards,
    };
    let drain = Duration::from_secs(section.number("drain", 0..=3600, 10).into());
    let tuning = tuning(section, host, shards);
    Server {
        realm: realm.to_owned(),
        shards,
        tuning,
        drain,
        alternate: alternate(section),
        state: directory(reader, section, "state", "STATE_DIRECTORY"),
        runtime: directory(reader, section, "runtime", "RUNTIME_DIRECTORY"),
    }
}

fn tuning(section: &Section<'_>, host: &Host, shards: usize) -> Tuning {
    let busy_poll = u16::try_from(section.number("busy_poll", 0..=LONGEST_POLL, 0)).unwrap_or(0);
    if !section.flag("pin", false) {
        return Tuning { busy_poll, ..Tuning::default() };
    }
    let cores: Vec<usize> = host.cores.iter().copied().take(shards).collect();
    if cores.len() < shards {
        let message = format!(
            "would put {shards} shards on {} CPUs, which are all that this process may use; lower shards, allow it more \
             CPUs, or set it to false",
            cores.len()
        );
        section.fault(section.value("pin").and_then(|item| item.place), "pin", message);
    }
    Tuning { cores, busy_poll }
}

/// Where what must survive a restart is kept, or a process: the directory that is named, else the one that systemd gives the
/// service (`StateDirectory=`, `RuntimeDirectory=`), else nowhere.
fn directory(reader: &Reader<'_>, section: &Section<'_>, key: &'static str, variable: &'static str) -> Option<PathBuf> {
    if let Some(Item { value, .. }) = section.text(key).filter(|text| !text.value.is_empty()) {
        return Some(reader.path(value));
    }
    let given = reader.environment.variable(variable)?;
    // Several directories of a unit are told with colons between; the first one is ours.
    let first = given.split(|&byte| byte == b':').next().filter(|path| !path.is_empty())?;
    Some(PathBuf::from(OsStr::from_bytes(first)))
}

/// Where clients are sent while this relay drains: one address of each family at most.
fn alternate(section: &Section<'_>) -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = Vec::new();
    for (index, Item { value, place }) in section.texts("alternate").unwrap_or_default().into_iter().enumerate() {
        let fault = |message: &str| section.fault(place, &format!("alternate[{index}]"), message);
        match listen::address(value) {
            Err(why) => fault(why),
            Ok(address) if address.ip().is_unspecified() || address.port() == 0 => {
                fault("must be the address and port of another relay, as clients reach it");
            }
            Ok(address) if servers.iter().any(|other| other.is_ipv4() == address.is_ipv4()) => {
                fault("is the second address of its family; name one of IPv4 and one of IPv6 at most");
            }
            Ok(address) => servers.push(address),
        }
    }
    servers
}

/// Where metrics are found. An empty string turns them off.
pub(super) fn admin(section: &Section<'_>, host: &Host) -> Item<Option<SocketAddr>> {
    let Some(text) = section.text("listen") else {
        return Item { value: Some(SocketAddr::from(([127, 0, 0, 1], 9478))), place: None };
    };
    if text.value.is_empty() {
        return Item { value: None, place: text.place };
    }
    let value = match listen::address(text.value) {
        Ok(address) => {
            // A wildcard may stay one here: over TCP an answer always leaves from the address that was asked.
            if !address.ip().is_unspecified() && !host.has(address.ip()) {
                section.fault(text.place, "listen", listen::NOT_OURS);
            }
            Some(address)
        }
        Err(why) => {
            section.fault(text.place, "listen", why);
            None
        }
    };
    Item { value, place: text.place }
}

pub(super) fn log(section: &Section<'_>) -> Settings {
    let format = choice(section, "format", Format::Text, &[("text", Format::Text), ("json", Format::Json)]);
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    Settings { format, level: choice(section, "level", Level::INFO, &levels) }
}

/// One of some words; `default` if it is absent or none of them.
pub(super) fn choice<T: Copy>(section: &Section<'_>, key: &str, default: T, choices: &[(&str, T)]) -> T {
    let Some(text) = section.text(key) else { return default };
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
        return *value;
    }
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    section.fault(text.place, key, format!("is none of the choices; write one of {}", names.join(", ")));
    default
}
