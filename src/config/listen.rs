//! `[listen]`: where clients reach the relay, and what connections may cost.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use super::fault::Place;
use super::host::Host;
use super::section::{Item, Section};
use crate::listen::Settings;
use crate::policy::Network;

pub(super) const KEYS: [&str; 10] = [
    "udp",
    "tcp",
    "tls",
    "door",
    "proxies",
    "stranger_deadline",
    "connections_per_source",
    "connections",
    "send_queue",
    "send_age",
];

/// Networks of load balancers: each connection is compared with all of them.
const MOST_PROXIES: usize = 64;

/// Both families, each with a socket of its own, so that IPv4 never arrives as mapped IPv6.
const EVERYWHERE: [&str; 2] = ["0.0.0.0:3478", "[::]:3478"];

pub(super) const NOT_OURS: &str =
    "is not an address of this host; write one that `ip address` shows, or 0.0.0.0 or [::] for every one";

/// [`Settings`], and the first list that needs a certificate: its key, and where it stands.
pub(super) struct Read {
    pub(super) settings: Settings,
    pub(super) secured: Option<(&'static str, Place)>,
}

/// Reads the listeners: those for UDP, and the rest.
pub(super) fn read(section: &Section<'_>, host: &Host) -> (Vec<SocketAddr>, Read) {
    let listed = |key: &'static str, default: &[&'static str]| -> Vec<Listener> {
        match section.texts(key) {
            Some(texts) => parse(section, key, &texts, host),
            None => parse(
                section,
                key,
                &default.iter().map(|value| Item { value: *value, place: None }).collect::<Vec<_>>(),
                host,
            ),
        }
    };
    let udp = listed("udp", &EVERYWHERE);
    let tcp = listed("tcp", &EVERYWHERE);
    let tls = listed("tls", &[]);
    let door = listed("door", &[]);
    if [&udp, &tcp, &tls, &door].iter().all(|list| list.is_empty()) && section.is_present() {
        let message =
            "there is no listener; name an address in udp, tcp, tls or door, or leave the keys out for every address";
        section.faults.add(section.place(), "listen", message);
    }
    refuse_duplicates(section, &[("tcp", &tcp), ("tls", &tls), ("door", &door)]);
    // Datagrams come through the door as well. One address is one fault.
    let datagrams = [("udp", udp.as_slice()), ("door", door.as_slice())];
    let beside = if section.faults.is_empty() { 2 } else { 1 };
    refuse_duplicates(section, datagrams.get(..beside).unwrap_or_default());
    let secured = [("listen.tls", &tls), ("listen.door", &door)];
    let secured = secured.into_iter().find_map(|(key, list)| Some((key, list.first()?.place)));
    let settings = Settings {
        tcp: concrete(tcp, host),
        tls: concrete(tls, host),
        door: concrete(door, host),
        proxies: proxies(section),
        // Long enough for a slow mobile network and three round trips, short enough to shed the idle.
        stranger_deadline: Duration::from_secs(section.number("stranger_deadline", 1..=60, 10).into()),
        connections_per_source: section.count("connections_per_source", 1..=100_000, 512),
        connections: section.count("connections", 1..=1_000_000, 20_000),
        // From some packets to a second of 128 Mbit/s.
        send_queue: section.count("send_queue", 16_384..=16_777_216, 262_144),
        // From a packet of voice to what an interview can bear; by default what a call can bear one way (ITU-T G.114) less
        // what the rest of the path takes.
        send_age: Duration::from_millis(section.number("send_age", 20..=10_000, 250).into()),
    };
    let mut udp = concrete(udp, host);
    udp.extend(&settings.door);
    let none = udp.is_empty() && settings.tcp.is_empty() && settings.tls.is_empty();
    if none && section.faults.is_empty() {
        let message = "there is no listener, since this host has no address that the wildcards stand for; name one";
        section.faults.add(section.place(), "listen", message);
    }
    (udp, Read { settings, secured })
}

/// Who may say whose a connection is.
fn proxies(section: &Section<'_>) -> Vec<Network> {
    let texts = section.texts("proxies").unwrap_or_default();
    if let Some(text) = texts.get(MOST_PROXIES) {
        section.fault(text.place, "proxies", format!("has more than {MOST_PROXIES} entries; name networks"));
    }
    let mut networks = Vec::new();
    for (index, text) in texts.into_iter().take(MOST_PROXIES).enumerate() {
        let key = format!("proxies[{index}]");
        match text.value.parse::<Network>() {
            // A network of prefix 0 can be written with that prefix only.
            Ok(_) if text.value.split_once('/').is_some_and(|(_, prefix)| prefix.parse() == Ok(0)) => {
                let message =
                    "lets everybody choose an address, and closes out who sends none; name the load balancers";
                section.fault(text.place, &key, message);
            }
            Ok(network) => networks.push(network),
            Err(why) => section.fault(text.place, &key, why.to_string()),
        }
    }
    networks
}

/// One entry of a list, as written.
struct Listener {
    index: usize,
    address: SocketAddr,
    place: Place,
}

fn parse(section: &Section<'_>, key: &str, texts: &[Item<&str>], host: &Host) -> Vec<Listener> {
    let mut listeners = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match address(text.value) {
            Ok(address) => {
                if !address.ip().is_unspecified() && !host.has(address.ip()) {
                    section.fault(text.place, &format!("{key}[{index}]"), NOT_OURS);
                }
                listeners.push(Listener { index, address, place: text.place });
            }
            Err(why) => section.fault(text.place, &format!("{key}[{index}]"), why),
        }
    }
    listeners
}

/// An address with a port that can be listened on. Port 0 stands for any free port.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let Ok(address) = text.parse::<SocketAddr>() else {
        return Err("is not an address with a port; write it as \"192.0.2.1:3478\" or \"[2001:db8::1]:3478\"");
    };
    match address.ip() {
        ip if ip.is_multicast() => Err("is a multicast address; write an address of this host"),
        IpAddr::V4(ip) if ip.is_broadcast() => Err("is the broadcast address; write an address of this host"),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => Err("is IPv4 written as IPv6; write the IPv4 address"),
        IpAddr::V4(_) | IpAddr::V6(_) => Ok(address),
    }
}

/// Whether two addresses cannot both be bound: they are the same, or one is a wildcard that covers the other. Port 0 is
/// another free port each time.
pub(super) fn exclude(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// The same address twice, or one beside a wildcard that covers it, cannot both be bound.
fn refuse_duplicates(section: &Section<'_>, lists: &[(&str, &[Listener])]) {
    let mut seen: Vec<SocketAddr> = Vec::new();
    let mut all: Vec<(&str, &Listener)> = Vec::new();
    for (key, listeners) in lists {
        all.extend(listeners.iter().map(|listener| (*key, listener)));
    }
    // Wildcards first, so that what they cover is refused wherever it stands.
    all.sort_by_key(|(_, listener)| !listener.address.ip().is_unspecified());
    for (key, Listener { index, address, place }) in all {
        match seen.iter().find(|other| exclude(**other, *address)) {
            Some(other) if other == address => {
                section.fault(*place, &format!("{key}[{index}]"), "is listened on already; name each address once");
            }
            Some(_) => {
                let message = "is covered by the wildcard with the same port; name one of the two";
                section.fault(*place, &format!("{key}[{index}]"), message);
            }
            None => seen.push(*address),
        }
    }
}

/// The addresses to bind: each wildcard becomes every address of its family. A host without IPv6 has none for `[::]`.
fn concrete(listeners: Vec<Listener>, host: &Host) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for Listener { address, .. } in listeners {
        if address.ip().is_unspecified() {
            addresses.extend(host.of_family(address.ip()).map(|ip| SocketAddr::new(ip, address.port())));
        } else {
            addresses.push(address);
        }
    }
    addresses
}
