//! An IP address in two words, for tables that are read for every packet.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The upper half of the low word of an IPv4 address (RFC 4291 §2.5.5.2).
const MAPPED: u64 = 0xffff;

/// An IP address, IPv4 mapped into IPv6. Addresses of clients and peers are never written so elsewhere; so for them it
/// is one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedIp {
    high: u64,
    low: u64,
}

impl PackedIp {
    /// Of nobody.
    pub(crate) const NONE: Self = Self { high: 0, low: 0 };

    #[inline]
    pub(crate) const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self { high: 0, low: MAPPED << 32 | ip.to_bits() as u64 },
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, low @ ..] = ip.to_bits().to_be_bytes();
                Self { high: u64::from_be_bytes([a, b, c, d, e, f, g, h]), low: u64::from_be_bytes(low) }
            }
        }
    }

    #[inline]
    pub(crate) fn ip(self) -> IpAddr {
        match u32::try_from(self.low ^ MAPPED << 32) {
            Ok(bits) if self.high == 0 => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(u128::from(self.high) << 64 | u128::from(self.low))),
        }
    }

    /// The two words.
    #[inline]
    pub(crate) const fn words(self) -> [u64; 2] {
        [self.high, self.low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_address_is_the_address() {
        for address in ["192.0.2.7", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "fe80::1", "::ffff:0:0:1"] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(PackedIp::of(address).ip(), address);
        }
    }
}
