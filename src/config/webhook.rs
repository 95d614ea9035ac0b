//! `[[signal.webhook]]`: who is told what becomes of visits.

use core::net::IpAddr;
use std::path::PathBuf;

use hyper::Uri;
use toml::Spanned;
use toml::de::DeValue;

use super::acme::authorities;
use super::section::{Item, Section, kind};
use super::{Reader, reason};
use crate::webhook::{Event, MOST_RECEIVERS, Receiver, Secrets};

pub(super) const KEYS: [&str; 4] = ["url", "secret_file", "ca", "events"];

/// Bytes of a URL.
const LONGEST: usize = 255;

/// Reads the tables. What is wrong is left out, with a fault noted.
pub(super) fn read(reader: &Reader<'_>) -> Vec<Receiver> {
    let section = reader.section("signal", &super::signal::KEYS);
    let Some(Item { value, place }) = section.value("webhook") else { return Vec::new() };
    let Some(list) = value.as_array() else {
        section.fault(place, "webhook", format!("is {}; start each receiver with [[signal.webhook]]", kind(value)));
        return Vec::new();
    };
    if list.len() > MOST_RECEIVERS {
        section.fault(place, "webhook", format!("has {} entries; at most {MOST_RECEIVERS}", list.len()));
    }
    let mut receivers: Vec<Receiver> = Vec::new();
    for entry in list.iter().take(MOST_RECEIVERS) {
        let Some((receiver, place)) = receiver(reader, &section, entry) else { continue };
        if receivers.iter().any(|other| other.url == receiver.url) {
            reader.faults.add(place, "signal.webhook.url", "is there already; one receiver gets each event once");
        } else {
            receivers.push(receiver);
        }
    }
    receivers
}

fn receiver(
    reader: &Reader<'_>,
    signal: &Section<'_>,
    entry: &Spanned<DeValue<'_>>,
) -> Option<(Receiver, super::fault::Place)> {
    let place = Some(entry.span().start);
    let Some(table) = entry.get_ref().as_table() else {
        let message = format!("holds {}; start each receiver with [[signal.webhook]]", kind(entry.get_ref()));
        signal.fault(place, "webhook", message);
        return None;
    };
    let section = Section::of(Some(table), place, "signal.webhook", &KEYS, reader.faults);
    let url = url(&section);
    let secrets = secrets(reader, &section);
    let authorities = authorities(reader, &section);
    let events = events(&section);
    let Item { value: url, place } = url?;
    Some((Receiver { url, secrets: secrets?, authorities, events }, place))
}

fn url(section: &Section<'_>) -> Option<Item<Uri>> {
    let Some(Item { value, place }) = section.text("url") else {
        if section.value("url").is_none() {
            section.fault(section.place(), "url", "is missing; write where messages are sent, as \"https://...\"");
        }
        return None;
    };
    let fault = |message: &str| {
        section.fault(place, "url", message);
        None
    };
    let Some(url) = value.parse::<Uri>().ok().filter(|_| value.len() <= LONGEST && !value.contains('#')) else {
        return fault(&format!("is no URL of {LONGEST} bytes at most"));
    };
    let Some(host) = url.host().filter(|host| !host.is_empty()) else {
        return fault("names no host; write it whole, as \"https://records.clinic.example/hilum\"");
    };
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return fault("holds a password; who asks is known by the signature");
    }
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if is_of_this_host(host) => {}
        _ => {
            return fault(
                "has to begin with \"https://\"; \"http://\" is for this host alone, as \"http://127.0.0.1\"",
            );
        }
    }
    Some(Item { value: url, place })
}

fn is_of_this_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn secrets(reader: &Reader<'_>, section: &Section<'_>) -> Option<Secrets> {
    let file = section.text("secret_file").filter(|text| !text.value.is_empty());
    let Some(Item { value, place }) = file else {
        let message = "is missing; name the file with what messages are signed with, as \
                       (umask 077; echo \"whsec_$(openssl rand -base64 32)\" > webhook-secret) makes it";
        section.fault(section.place(), "secret_file", message);
        return None;
    };
    let path: PathBuf = reader.path(value);
    let fault = |message: String| section.fault(place, "secret_file", format!("{} {message}", path.display()));
    let material = match reader.environment.file(&path) {
        Err(error) => {
            fault(format!("cannot be read: {}", reason(&error)));
            return None;
        }
        Ok(material) => material,
    };
    if let Some(open) = material.open_to_all() {
        fault(open.to_string());
    }
    let secrets = Secrets::read(&material.bytes);
    if secrets.is_none() {
        fault("holds something else than one or two lines, each whsec_ and 24 to 64 bytes in base64".to_owned());
    }
    secrets
}

/// All of them, if the key is not there.
fn events(section: &Section<'_>) -> Vec<Event> {
    let Some(texts) = section.texts("events") else { return Event::ALL.to_vec() };
    let mut events = Vec::new();
    for (index, Item { value, place }) in texts.iter().enumerate() {
        match Event::named(value) {
            None => {
                let known: Vec<String> = Event::ALL.iter().map(|one| format!("\"{}\"", one.name())).collect();
                let message = format!("is unknown; write one of {}", known.join(", "));
                section.fault(*place, &format!("events[{index}]"), message);
            }
            Some(event) if events.contains(&event) => {
                section.fault(*place, &format!("events[{index}]"), "is there already");
            }
            Some(event) => events.push(event),
        }
    }
    if texts.is_empty() {
        let place = section.value("events").and_then(|item| item.place);
        section.fault(place, "events", "is empty; name one at least, or leave it out for all");
    }
    events
}
