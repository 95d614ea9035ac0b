//! A network as an operator writes it: "10.20.0.0/16".

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::addr::canonical_ip;

/// A network: an address without host bits and the length of its prefix. Never one of IPv6 addresses that embed IPv4
/// ones, because peers are compared in canonical form and none would match.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether a canonical address is in this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()) & !host_bits_v4(self.prefix) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()) & !host_bits_v6(self.prefix) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether it is one address.
    #[must_use]
    pub const fn is_single(&self) -> bool {
        self.prefix == if self.first.is_ipv4() { 32 } else { 128 }
    }

    /// The network that an address is in, by the length of its prefix.
    fn around(address: IpAddr, prefix: u8) -> Self {
        let first = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !host_bits_v4(prefix))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !host_bits_v6(prefix))),
        };
        Self { first, prefix }
    }

    /// The network of IPv4 addresses that this network of IPv6 addresses embeds, if it embeds any.
    fn embedded(&self) -> Option<Self> {
        let IpAddr::V6(first) = self.first else { return None };
        let last = Ipv6Addr::from_bits(first.to_bits() | host_bits_v6(self.prefix));
        let first = match canonical_ip(IpAddr::V6(first)) {
            IpAddr::V4(v4) => v4,
            // `::` embeds nothing, but it starts networks of IPv4-compatible addresses.
            IpAddr::V6(v6) if v6.is_unspecified() && self.prefix >= 96 => Ipv4Addr::UNSPECIFIED,
            IpAddr::V6(_) => return None,
        };
        let IpAddr::V4(last) = canonical_ip(IpAddr::V6(last)) else { return None };
        let common = (first.to_bits() ^ last.to_bits()).leading_zeros();
        Some(Self::around(IpAddr::V4(first), u8::try_from(common).unwrap_or(32)))
    }
}

const fn host_bits_v4(prefix: u8) -> u32 {
    match u32::MAX.checked_shr(prefix as u32) {
        Some(bits) => bits,
        None => 0,
    }
}

const fn host_bits_v6(prefix: u8) -> u128 {
    match u128::MAX.checked_shr(prefix as u32) {
        Some(bits) => bits,
        None => 0,
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a text is no network. The operator is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidNetwork {
    /// What stands before the slash is no IP address. Names are not looked up.
    NotAnAddress,
    /// What stands after the slash is no number from 0 to `longest`.
    NotAPrefix {
        /// 32 or 128.
        longest: u8,
    },
    /// The address has bits set after its prefix.
    HostBits {
        /// The network that the address is in.
        network: Network,
    },
    /// IPv6 addresses that embed IPv4 addresses.
    Embedded {
        /// The embedded network, which is what a peer is compared with.
        network: Network,
    },
}

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAddress => {
                formatter.write_str("is no IP address; write a network as \"10.20.0.0/16\" or \"2001:db8::/32\"")
            }
            Self::NotAPrefix { longest } => {
                write!(
                    formatter,
                    "has no number from 0 to {longest} after the slash; write the length of the prefix there"
                )
            }
            Self::HostBits { network } => write!(
                formatter,
                "has bits set after its prefix; write \"{network}\", or a longer prefix for fewer addresses"
            ),
            Self::Embedded { network } => write!(
                formatter,
                "holds IPv6 addresses that embed IPv4 ones, and peers are judged by those; write \"{network}\""
            ),
        }
    }
}

impl core::error::Error for InvalidNetwork {}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads `address/prefix`; an address alone is a network of one.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::NotAnAddress)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            // `parse` would also take "+8".
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|&prefix| prefix <= longest).ok_or(InvalidNetwork::NotAPrefix { longest })?
            }
            Some(_) => return Err(InvalidNetwork::NotAPrefix { longest }),
        };
        let network = Self::around(address, prefix);
        if let Some(network) = network.embedded() {
            return Err(InvalidNetwork::Embedded { network });
        }
        if network.first != address {
            return Err(InvalidNetwork::HostBits { network });
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_prints_as_it_is_written() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "::/0", "::1/128", "2001:db8::/32", "2000::/3"] {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("10.1.2.3"), network("10.1.2.3/32"));
        assert_eq!(network("fd00::1"), network("fd00::1/128"));
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_not_their_neighbours() {
        for (text, inside, outside) in [
            ("10.20.0.0/16", ["10.20.0.0", "10.20.255.255"], ["10.19.255.255", "10.21.0.0"]),
            ("192.0.2.7/32", ["192.0.2.7", "192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.0"]),
            ("fd00:1::/32", ["fd00:1::", "fd00:1:ffff:ffff:ffff:ffff:ffff:ffff"], ["fd00::1", "fd00:2::"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::1"]),
            ("::/0", ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], ["0.0.0.0", "10.0.0.1"]),
        ] {
            for address in inside {
                assert!(network(text).contains(address.parse().unwrap()), "{address} in {text}");
            }
            for address in outside {
                assert!(!network(text).contains(address.parse().unwrap()), "{address} not in {text}");
            }
        }
    }

    #[test]
    fn host_bits_are_refused_with_the_network_meant() {
        let error = "10.20.3.4/16".parse::<Network>().unwrap_err();
        assert_eq!(error, InvalidNetwork::HostBits { network: network("10.20.0.0/16") });
        assert!(error.to_string().contains("\"10.20.0.0/16\""));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "/8", "hospital.example", "10.0.0/8", "10.0.0.0.0/8", "10.0.0.0 /8", "[::1]/128", "010.0.0.0/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::NotAnAddress), "{text}");
        }
        for text in ["10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::NotAPrefix { longest: 32 }), "{text}");
        }
        assert_eq!("fd00::/129".parse::<Network>(), Err(InvalidNetwork::NotAPrefix { longest: 128 }));
    }

    #[test]
    fn an_embedding_network_is_refused_with_the_ipv4_network_it_means() {
        for (text, meant) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:10.0.0.0/104", "10.0.0.0/8"),
            ("::10.0.0.0/104", "10.0.0.0/8"),
            ("::/96", "0.0.0.0/0"),
            ("64:ff9b::192.0.2.1/128", "192.0.2.1/32"),
            ("64:ff9b:1::/48", "0.0.0.0/0"),
            ("2002:a00::/24", "10.0.0.0/8"),
            ("2002:a01:203::/48", "10.1.2.3/32"),
            ("2001:0:1:2:3:4:f5ff:ffff", "10.0.0.0/32"),
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert_eq!(error, InvalidNetwork::Embedded { network: network(meant) }, "{text}");
        }
    }
}
