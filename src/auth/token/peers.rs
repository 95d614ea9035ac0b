//! Outside peers that a token names: a network and ports.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;
use core::str::FromStr;

use crate::addr::canonical_ip;

/// Ports below this one are reached only when they are named.
pub const LOWEST_UNNAMED_PORT: u16 = 1024;

/// Addresses and ports that a token lets its bearer reach beside the other parties of the call.
///
/// Written as `10.20.0.0/16`, `10.20.0.0/16:5000-6000`, `192.0.2.7:5004`, `2001:db8::/32` or
/// `[2001:db8::/32]:5000-6000`. Without ports it means 1024 to 65535. The address is canonical, see [`canonical_ip`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PeerRange {
    first: IpAddr,
    prefix: u8,
    ports: RangeInclusive<u16>,
}

impl PeerRange {
    /// The first address of the network.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The length of the network's prefix in bits: 0 to 32, or 0 to 128.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The ports, at least one.
    #[must_use]
    pub const fn ports(&self) -> &RangeInclusive<u16> {
        &self.ports
    }

    /// Whether a canonical address and a port are in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.ports.contains(&port) && self.covers(address)
    }

    /// Whether an address is in it, whatever the port.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => (first.to_bits() ^ address.to_bits()).leading_zeros() >= prefix,
            (IpAddr::V6(first), IpAddr::V6(address)) => (first.to_bits() ^ address.to_bits()).leading_zeros() >= prefix,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Why a text is no [`PeerRange`]. The issuer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidPeerRange {
    /// No IP address; names are not looked up.
    Address,
    /// No number from 0 to 32 or 128 after the slash.
    Prefix,
    /// Bits of the address are set after its prefix.
    HostBits,
    /// IPv6 addresses that embed IPv4 ones; peers are compared in their canonical form.
    Embedded,
    /// No port from 1 to 65535 after the colon, or no range of them.
    Ports,
}

impl fmt::Display for InvalidPeerRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Address => "is no IP address; write \"10.20.0.0/16:5000-6000\" or \"[2001:db8::/32]:5000-6000\"",
            Self::Prefix => "has no length of a prefix after the slash: 0 to 32 for IPv4, 0 to 128 for IPv6",
            Self::HostBits => "has bits set after its prefix; write the first address of the network",
            Self::Embedded => "holds IPv6 addresses that embed IPv4 ones; write the IPv4 network",
            Self::Ports => "has no ports after the colon; write one from 1 to 65535, or a range as \"5000-6000\"",
        })
    }
}

impl core::error::Error for InvalidPeerRange {}

/// A decimal number without a sign or zeros in front.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (decimal(low)?, decimal(high)?);
    (low >= 1 && low <= high).then_some(low..=high)
}

/// The network and the ports of a text, if it has ports. Brackets keep the colons of IPv6 apart from that of the ports.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (network, rest) = rest.split_once(']')?;
        return if rest.is_empty() { Some((network, None)) } else { Some((network, Some(rest.strip_prefix(':')?))) };
    }
    match text.split_once(':') {
        Some((network, ports)) if !ports.contains(':') => Some((network, Some(ports))),
        Some(_) | None => Some((text, None)),
    }
}

/// The bits of an address after its prefix, and whether the network lies among those that embed IPv4 addresses.
fn is_network(first: IpAddr, prefix: u8) -> Result<(), InvalidPeerRange> {
    let (length, after) = match first {
        IpAddr::V4(v4) => (32, v4.to_bits().checked_shl(prefix.into()).unwrap_or(0) != 0),
        IpAddr::V6(v6) => (128, v6.to_bits().checked_shl(prefix.into()).unwrap_or(0) != 0),
    };
    if prefix > length {
        return Err(InvalidPeerRange::Prefix);
    }
    if after {
        return Err(InvalidPeerRange::HostBits);
    }
    let IpAddr::V6(v6) = first else { return Ok(()) };
    let last = Ipv6Addr::from_bits(v6.to_bits() | u128::MAX.checked_shr(prefix.into()).unwrap_or(0));
    let embeds = [v6, last].map(|address| canonical_ip(IpAddr::V6(address)).is_ipv4());
    // `::` embeds nothing itself, but starts the IPv4-compatible addresses.
    let compatible = v6.is_unspecified() && (96..128).contains(&prefix);
    if embeds == [true, true] || compatible { Err(InvalidPeerRange::Embedded) } else { Ok(()) }
}

impl FromStr for PeerRange {
    type Err = InvalidPeerRange;

    fn from_str(text: &str) -> Result<Self, InvalidPeerRange> {
        let (network, listed) = split(text).ok_or(InvalidPeerRange::Address)?;
        let (address, prefix) = match network.split_once('/') {
            Some((address, prefix)) => (address, Some(decimal(prefix).ok_or(InvalidPeerRange::Prefix)?)),
            None => (network, None),
        };
        let first = match address.parse::<Ipv4Addr>() {
            Ok(v4) => IpAddr::V4(v4),
            Err(_) => IpAddr::V6(address.parse().map_err(|_| InvalidPeerRange::Address)?),
        };
        let prefix = prefix.unwrap_or(if first.is_ipv4() { 32 } else { 128 });
        is_network(first, prefix)?;
        let ports = match listed {
            Some(listed) => ports(listed).ok_or(InvalidPeerRange::Ports)?,
            None => LOWEST_UNNAMED_PORT..=u16::MAX,
        };
        Ok(Self { first, prefix, ports })
    }
}

impl fmt::Display for PeerRange {
    /// As it is read, the shortest way.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = self.prefix == if self.first.is_ipv4() { 32 } else { 128 };
        let has_ports = self.ports != (LOWEST_UNNAMED_PORT..=u16::MAX);
        let brackets = has_ports && self.first.is_ipv6();
        if brackets {
            formatter.write_str("[")?;
        }
        write!(formatter, "{}", self.first)?;
        if !single {
            write!(formatter, "/{}", self.prefix)?;
        }
        if brackets {
            formatter.write_str("]")?;
        }
        match (has_ports, self.ports.start(), self.ports.end()) {
            (false, ..) => Ok(()),
            (true, low, high) if low == high => write!(formatter, ":{low}"),
            (true, low, high) => write!(formatter, ":{low}-{high}"),
        }
    }
}

// An address of a hospital's network has no business in a log.
impl fmt::Debug for PeerRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PeerRange(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PeerRange, InvalidPeerRange> {
        text.parse()
    }

    #[test]
    fn a_range_is_written_as_it_is_read() {
        for text in [
            "10.20.0.0/16",
            "10.20.0.0/16:5000-6000",
            "192.0.2.7",
            "192.0.2.7:5004",
            "192.0.2.7:80",
            "0.0.0.0/0",
            "2001:db8::/32",
            "[2001:db8::/32]:5000-6000",
            "2001:db8::7",
            "[2001:db8::7]:443",
            "::/0",
            "::1",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        assert_eq!(read("[2001:db8::/32]").unwrap().to_string(), "2001:db8::/32");
        assert_eq!(read("192.0.2.7/32:1024-65535").unwrap().to_string(), "192.0.2.7");
    }

    #[test]
    fn each_fault_has_its_name() {
        use InvalidPeerRange::{Address, Embedded, HostBits, Ports, Prefix};
        for (text, fault) in [
            ("", Address),
            ("clinic.example", Address),
            ("10.0.0", Address),
            ("010.0.0.0/8", Address),
            ("[10.0.0.0/8", Address),
            ("[2001:db8::/32]5000", Address),
            ("10.0.0.0/33", Prefix),
            ("10.0.0.0/", Prefix),
            ("10.0.0.0/+8", Prefix),
            ("10.0.0.0/08", Prefix),
            ("2001:db8::/129", Prefix),
            ("10.0.0.1/8", HostBits),
            ("2001:db8::1/32", HostBits),
            ("::ffff:10.0.0.0/104", Embedded),
            ("64:ff9b::/96", Embedded),
            ("2002::/16", Embedded),
            ("::/96", Embedded),
            ("10.0.0.0/8:", Ports),
            ("10.0.0.0/8:0", Ports),
            ("10.0.0.0/8:65536", Ports),
            ("10.0.0.0/8:6000-5000", Ports),
            ("10.0.0.0/8:5000-", Ports),
            ("10.0.0.0/8:+5000", Ports),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn low_ports_are_reached_when_they_are_named() {
        let address = IpAddr::V4(Ipv4Addr::new(10, 20, 1, 2));
        let all = read("10.20.0.0/16").unwrap();
        assert!(all.contains(address, 1024) && all.contains(address, 65535) && !all.contains(address, 1023));
        let named = read("10.20.0.0/16:443").unwrap();
        assert!(named.contains(address, 443) && !named.contains(address, 444));
        assert!(!all.contains(IpAddr::V4(Ipv4Addr::new(10, 21, 1, 2)), 5000));
        assert!(!all.contains(IpAddr::V6(Ipv6Addr::LOCALHOST), 5000));
        assert!(read("0.0.0.0/0").unwrap().contains(address, 5000));
    }
}
