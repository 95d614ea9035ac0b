//! `[relay]`: where relayed ports are opened.

use core::ops::RangeInclusive;
use std::net::IpAddr;

use toml::de::DeValue;

use super::fault::Place;
use super::host::Host;
use super::section::{Item, Section, kind};
use crate::plane::RelayAddress;

pub(super) const KEYS: [&str; 4] = ["addresses", "external", "ports", "closed_addresses"];

/// The dynamic ports (RFC 6335 §6), which RFC 8656 §7.2 asks for.
const PORTS: RangeInclusive<u16> = 49_152..=65_535;
/// Ports are drawn at random and closed ones rest: a smaller range would run dry, and could be guessed.
const FEWEST_PORTS: u16 = 64;

/// Numbers from 1024 on.
const NUMBERS: u32 = 64_512;
/// Numbers that calls with tokens need: they are drawn at random, and should be hard to guess.
const FEWEST_NUMBERS: u32 = 1024;
/// Each has a table of its ports, of half a megabyte. Sixteen have numbers for a million allocations.
const MOST_CLOSED: usize = 16;

/// Where relayed ports are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// One address of each family at most, and one at least.
    pub addresses: Vec<RelayAddress>,
    /// The numbers of relayed ports.
    pub ports: RangeInclusive<u16>,
    /// More addresses for relayed ports that are never opened.
    pub closed: Vec<IpAddr>,
}

pub(super) fn read(section: &Section<'_>, host: &Host) -> Relay {
    let locals = addresses(section, host);
    let externals = external(section, &locals);
    let addresses = locals
        .into_iter()
        .map(|local| {
            let external = externals.iter().find(|(from, _)| *from == local.value).map_or(local.value, |(_, to)| *to);
            RelayAddress { local: local.value, external }
        })
        .collect();
    Relay { addresses, ports: ports(section), closed: closed(section) }
}

/// Addresses that no packet bears: two clients of this relay know them, and nobody else.
fn closed(section: &Section<'_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for (index, Item { value, place }) in section.texts("closed_addresses").unwrap_or_default().into_iter().enumerate()
    {
        let fault = |message: &str| section.fault(place, &format!("closed_addresses[{index}]"), message);
        let Ok(address) = value.parse::<IpAddr>() else {
            fault("is not an IP address; write it without a port, as \"192.0.2.1\" or \"2001:db8::1\"");
            continue;
        };
        if let Some(message) = unfit(address) {
            fault(message);
        } else if addresses.contains(&address) {
            fault("stands there twice; once is enough");
        } else if addresses.len() >= MOST_CLOSED {
            fault("is one too many; sixteen have numbers for a million allocations");
            break;
        } else {
            addresses.push(address);
        }
    }
    addresses
}

fn addresses(section: &Section<'_>, host: &Host) -> Vec<Item<IpAddr>> {
    let texts = section.texts("addresses").unwrap_or_default();
    if texts.is_empty() {
        let place = section.value("addresses").and_then(|item| item.place);
        if host.default_sources.is_empty() {
            let message = "must name an address, since this host has no default route that would tell one";
            section.fault(place, "addresses", message);
        }
        return host.default_sources.iter().map(|value| Item { value: *value, place }).collect();
    }
    let mut addresses: Vec<Item<IpAddr>> = Vec::new();
    for (index, Item { value, place }) in texts.into_iter().enumerate() {
        let fault = |message: &str| section.fault(place, &format!("addresses[{index}]"), message);
        let Ok(address) = value.parse::<IpAddr>() else {
            fault("is not an IP address; write it without a port, as \"192.0.2.1\" or \"2001:db8::1\"");
            continue;
        };
        if let Some(message) = unfit(address) {
            fault(message);
        } else if addresses.iter().any(|other| other.value.is_ipv4() == address.is_ipv4()) {
            fault("is the second address of its family; name one of IPv4 and one of IPv6 at most");
        } else {
            if !host.has(address) {
                fault(
                    "is not an address of this host; write one that `ip address` shows, and what a NAT makes of it \
                       under external",
                );
            }
            addresses.push(Item { value: address, place });
        }
    }
    addresses
}

fn unfit(address: IpAddr) -> Option<&'static str> {
    match address {
        address if address.is_unspecified() => Some("is a wildcard; name the address that peers are to see"),
        address if address.is_multicast() => Some("is a multicast address; name an address of this host"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => Some("is IPv4 written as IPv6; write the IPv4 address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("is link-local, which no peer elsewhere can reach"),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

fn external(section: &Section<'_>, locals: &[Item<IpAddr>]) -> Vec<(IpAddr, IpAddr)> {
    let Some(Item { value, place }) = section.value("external") else { return Vec::new() };
    let Some(table) = value.as_table() else {
        let message = format!("is {}; write a table, as {{ \"10.0.0.5\" = \"203.0.113.5\" }}", kind(value));
        section.fault(place, "external", message);
        return Vec::new();
    };
    let mut pairs = Vec::with_capacity(table.len());
    for (key, value) in table {
        let place: Place = Some(key.span().start);
        let fault = |message: &str| section.fault(place, "external", message);
        let local = key.get_ref().parse::<IpAddr>().ok();
        let external = DeValue::as_str(value.get_ref()).and_then(|text| text.parse::<IpAddr>().ok());
        let (Some(local), Some(external)) = (local, external) else {
            fault("holds something that is not a pair of IP addresses; write \"10.0.0.5\" = \"203.0.113.5\"");
            continue;
        };
        if !locals.iter().any(|item| item.value == local) {
            fault("maps an address that is not a relay address; name it under addresses, too");
        } else if local.is_ipv4() != external.is_ipv4() {
            fault("maps an address to one of the other family; a NAT keeps the family");
        } else if let Some(message) = unfit(external) {
            fault(&format!("maps to an address that {message}"));
        } else {
            pairs.push((local, external));
        }
    }
    pairs
}

/// Closed calls need numbers that no opened port can have.
pub(super) fn leaves_numbers(section: &Section<'_>, relay: &Relay) {
    let opened = u32::from(*relay.ports.end()) - u32::from(*relay.ports.start()) + 1;
    let left = NUMBERS.saturating_sub(opened);
    if relay.closed.is_empty() && left < FEWEST_NUMBERS {
        let place = section.value("ports").and_then(|item| item.place);
        let message = format!(
            "leaves {left} numbers to calls with tokens, whose ports are not opened; leave {FEWEST_NUMBERS} of {NUMBERS}, \
             or name more addresses under closed_addresses"
        );
        section.fault(place, "ports", message);
    }
}

fn ports(section: &Section<'_>) -> RangeInclusive<u16> {
    let Some(text) = section.text("ports") else { return PORTS };
    let range = text.value.split_once('-').and_then(|(first, last)| {
        let port = |text: &str| text.trim().parse::<u16>().ok();
        Some((port(first)?, port(last)?))
    });
    let message = match range {
        None => "is not a range of ports; write it as \"49152-65535\"".to_owned(),
        Some((first, _)) if first < 1024 => {
            format!("starts at {first}; start at 1024 or above, where no well-known service lives")
        }
        Some((first, last)) if last < first => format!("ends at {last} before it starts at {first}; swap the two"),
        Some((first, last)) if last.saturating_sub(first) < FEWEST_PORTS.saturating_sub(1) => {
            let count = last.saturating_sub(first).saturating_add(1);
            format!("has {count} ports; give it at least {FEWEST_PORTS}, so that ports cannot be guessed")
        }
        Some((first, last)) => return first..=last,
    };
    section.fault(text.place, "ports", message);
    PORTS
}
