//! A network, as operators write it: `10.20.0.0/16`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::addr::canonical_ip;

/// An IPv4 or IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// A constant IPv4 network.
    pub(super) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// A constant IPv6 network, by its first 64 bits.
    pub(super) const fn v6(segments: [u16; 4], prefix: u8) -> Self {
        let [a, b, c, d] = segments;
        Self { base: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), prefix }
    }

    /// The network's first address and prefix length, in bits.
    #[must_use]
    pub const fn parts(&self) -> (IpAddr, u8) {
        (self.base, self.prefix)
    }

    /// Whether an address lies inside.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => (u32::from(base) ^ u32::from(ip)) & mask_v4(self.prefix) == 0,
            (IpAddr::V6(base), IpAddr::V6(ip)) => (u128::from(base) ^ u128::from(ip)) & mask_v6(self.prefix) == 0,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.base, self.prefix)
    }
}

/// Why a text is not a network. The operator is at fault; the text says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidNetwork {
    /// Not an address with an optional prefix length.
    Syntax,
    /// A prefix longer than the address: 32 or 128 bits at most.
    Prefix(u8),
    /// Bits behind the prefix; the network meant is this one.
    HostBits(Network),
    /// An IPv6 spelling of an IPv4 address; it is always judged as this one.
    EmbedsV4(Ipv4Addr),
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => formatter.write_str("is not a network; write one as 10.20.0.0/16 or 2001:db8::/32"),
            Self::Prefix(longest) => write!(formatter, "has a prefix that is too long; the longest is /{longest}"),
            Self::HostBits(network) => write!(formatter, "has bits set behind its prefix; write {network}"),
            Self::EmbedsV4(v4) => {
                write!(formatter, "is an IPv6 spelling of an IPv4 address; write the IPv4 network around {v4}")
            }
        }
    }
}

impl core::error::Error for InvalidNetwork {}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads `ADDRESS/PREFIX`, or `ADDRESS` for a single one.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| InvalidNetwork::Syntax)?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(InvalidNetwork::Syntax);
            }
            Some(digits) => digits.parse().map_err(|_| InvalidNetwork::Prefix(longest))?,
        };
        if prefix > longest {
            return Err(InvalidNetwork::Prefix(longest));
        }
        if let (IpAddr::V6(_), IpAddr::V4(v4)) = (base, canonical_ip(base)) {
            return Err(InvalidNetwork::EmbedsV4(v4));
        }
        let masked = match base {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask_v4(prefix))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask_v6(prefix))),
        };
        let network = Self { base: masked, prefix };
        if masked == base { Ok(network) } else { Err(InvalidNetwork::HostBits(network)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_contains_what_its_prefix_says() {
        assert!(network("10.20.0.0/16").contains("10.20.255.255".parse().unwrap()));
        assert!(!network("10.20.0.0/16").contains("10.21.0.0".parse().unwrap()));
        assert!(network("0.0.0.0/0").contains("8.8.8.8".parse().unwrap()));
        assert!(!network("0.0.0.0/0").contains("2606:4700::1".parse().unwrap()));
        assert!(network("192.0.2.1").contains("192.0.2.1".parse().unwrap()));
        assert!(!network("192.0.2.1").contains("192.0.2.2".parse().unwrap()));
        assert!(network("2001:db8::/32").contains("2001:db8:ffff::1".parse().unwrap()));
    }

    #[test]
    fn a_wrong_network_is_told_what_to_write() {
        let fault = |text: &str| text.parse::<Network>().unwrap_err();
        assert_eq!(fault("10.20.0.1/16"), InvalidNetwork::HostBits(network("10.20.0.0/16")));
        assert_eq!(fault("10.0.0.0/33"), InvalidNetwork::Prefix(32));
        assert_eq!(fault("10.0.0.0/999"), InvalidNetwork::Prefix(32));
        assert_eq!(fault("::ffff:10.0.0.0/104"), InvalidNetwork::EmbedsV4(Ipv4Addr::new(10, 0, 0, 0)));
        for text in ["", "/", "10.0.0.0/", "10.0.0.0/+8", "ten", "10.0.0/8"] {
            assert_eq!(fault(text), InvalidNetwork::Syntax, "{text}");
        }
    }
}
