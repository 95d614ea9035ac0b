//! `[signal]`: visits, and the clinics whose they are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Reader;
use super::openid::{self, OpenId};
use super::section::{Item, Section, kind};
use super::tokens::word;
use crate::signal::message::{Clinic, Conduct};
use crate::signal::{ClinicId, Settings};

pub(super) const KEYS: [&str; 9] =
    ["origins", "opens_before", "closes_after", "credentials", "screen", "files", "clinic", "openid", "webhook"];
pub(super) const CLINIC: [&str; 6] = ["id", "name", "phone", "help", "language", "wait"];

/// Seconds for which credentials of a call begin something. The longest is why they are renewed at all; in the shortest a
/// client has four seconds between the new ones and the end of the old ones.
const CREDENTIALS: core::ops::RangeInclusive<u32> = 20..=LONGEST_CREDENTIALS;
const LONGEST_CREDENTIALS: u32 = 3600;
/// Clinics of one relay.
const MOST_CLINICS: usize = 256;
/// Names by which one server is reached.
const MOST_ORIGINS: usize = 8;
/// Characters of what patients are told about a clinic.
const LONGEST_TEXT: usize = 200;

/// What else has to be there.
pub(super) struct Around {
    pub(super) door: bool,
    pub(super) state: bool,
    pub(super) minter: bool,
    pub(super) region: bool,
    pub(super) relays: Vec<IpAddr>,
}

impl Around {
    /// Whether there are a door and a directory, and what the other tables say.
    pub(super) fn new(
        [door, state]: [bool; 2],
        api: &super::Api,
        tokens: &super::Tokens,
        relay: &super::Relay,
    ) -> Self {
        let external = relay.addresses.iter().map(|one| one.external);
        Self {
            door,
            state,
            minter: api.access.minter.is_some(),
            region: tokens.region.is_some(),
            relays: external.chain(relay.closed.iter().copied()).collect(),
        }
    }
}

/// Reads the tables. Signaling is off while there is no origin.
pub(super) fn read(reader: &Reader<'_>, around: Around) -> (Settings, Option<OpenId>) {
    let section = reader.section("signal", &KEYS);
    let minutes = |key, default| u64::from(section.number(key, 0..=1440, default)).saturating_mul(60);
    let settings = Settings {
        origins: origins(&section),
        opens_before: minutes("opens_before", 15),
        closes_after: minutes("closes_after", 15),
        credentials: section.number("credentials", CREDENTIALS, LONGEST_CREDENTIALS).into(),
        clinics: clinics(reader, &section),
        conduct: Conduct { relay_only: true, screen: section.flag("screen", true), files: section.flag("files", true) },
        relays: around.relays,
    };
    let openid = openid::read(reader, &section, &|clinic| settings.clinics.contains_key(clinic));
    if !settings.origins.is_empty() {
        let place = section.value("origins").and_then(|item| item.place);
        let needs = [
            (around.door, "needs a door, where browsers find the pages; name its address under [listen] door"),
            (around.state, "needs a directory that appointments survive a restart in; name it under [server] state"),
            (around.minter, "needs a signing key for the people of a visit; name its file under [mint] key"),
            (around.region, "needs to know where this relay stands; write the region under [tokens] region"),
            (!settings.clinics.is_empty(), "needs a clinic; add one with [[signal.clinic]]"),
        ];
        // A key that cannot be read is a fault of its own already.
        let quiet = reader.faults.is_empty();
        for (_, message) in needs.iter().filter(|(there, _)| !there && quiet) {
            section.fault(place, "origins", *message);
        }
    }
    (settings, openid)
}

/// `https://visit.clinic.example`, with a port if it is another than 443: what browsers send as `Origin`.
fn origins(section: &Section<'_>) -> Vec<String> {
    let mut origins = Vec::new();
    for (index, Item { value, place }) in section.texts("origins").unwrap_or_default().into_iter().enumerate() {
        let key = format!("origins[{index}]");
        if index == MOST_ORIGINS {
            section.fault(place, &key, format!("is one too many; a server has {MOST_ORIGINS} names at most"));
        } else if is_origin(value) {
            origins.push(value.to_owned());
        } else {
            let message = "is no origin; write https:// and a host in small letters, and a port if it is not 443, as \
                           \"https://visit.clinic.example\"";
            section.fault(place, &key, message);
        }
    }
    origins
}

fn is_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    // An IPv6 address stands in brackets and has colons of its own.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.len() <= 253 && host.bytes().all(of_name),
    };
    let spelled = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port && number != 443);
    host && port.is_none_or(spelled)
}

fn clinics(reader: &Reader<'_>, section: &Section<'_>) -> BTreeMap<ClinicId, Clinic> {
    let mut clinics = BTreeMap::new();
    let Some(Item { value, place }) = section.value("clinic") else { return clinics };
    let Some(list) = value.as_array() else {
        section.fault(place, "clinic", format!("is {}; start each clinic with [[signal.clinic]]", kind(value)));
        return clinics;
    };
    if list.len() > MOST_CLINICS {
        section.fault(place, "clinic", format!("has {} entries; at most {MOST_CLINICS}", list.len()));
    }
    for entry in list.iter().take(MOST_CLINICS) {
        let place = Some(entry.span().start);
        let Some(table) = entry.get_ref().as_table() else {
            let message = format!("holds {}; start each clinic with [[signal.clinic]]", kind(entry.get_ref()));
            section.fault(place, "clinic", message);
            continue;
        };
        let section = Section::of(Some(table), place, "signal.clinic", &CLINIC, reader.faults);
        let Some(id) = word::<16>(&section, "id") else {
            section.fault(place, "id", "is missing or out of form; write a short word, as \"physio\"");
            continue;
        };
        if clinics.insert(id, clinic(&section)).is_some() {
            section.fault(place, "id", "is the id of two clinics; each has its own");
        }
    }
    clinics
}

fn clinic(section: &Section<'_>) -> Clinic {
    let text = |key: &str| {
        let Item { value, place } = section.text(key)?;
        if value.len() > LONGEST_TEXT || value.chars().any(char::is_control) {
            section.fault(place, key, format!("is out of form; write {LONGEST_TEXT} bytes at most, in one line"));
        }
        Some(value.to_owned())
    };
    let name = text("name").unwrap_or_default();
    if name.is_empty() {
        section.fault(section.place(), "name", "is missing; write what patients call the clinic");
    }
    let language = text("language").unwrap_or_else(|| "en".to_owned());
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !language.split('-').all(subtag) {
        let place = section.value("language").and_then(|item| item.place);
        section.fault(place, "language", "is no language; write it as \"en\" or \"de-AT\"");
    }
    Clinic {
        name,
        phone: text("phone").unwrap_or_default(),
        help: text("help").unwrap_or_default(),
        language,
        wait_minutes: section.number("wait", 0..=240, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for good in ["https://visit.clinic.example", "https://a:8443", "https://[2001:db8::1]", "https://[::1]:8443"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "http://a",
            "https://A",
            "https://a/",
            "https://a:443",
            "https://a:08443",
            "https://a:",
            "https://a:x",
            "https://a b",
            "https://[::1",
            "https://*.clinic.example",
            "null",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
