//! One spelling per address. Every filter that other relays got around was got around by a second spelling of an
//! address that it knew; so an address is reduced once, at the edge, and everything behind speaks of the result.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The canonical spelling of an address: an IPv6 address that embeds an IPv4 address is that IPv4 address.
///
/// | spelling | prefix | where the IPv4 address is | source |
/// |---|---|---|---|
/// | IPv4-mapped | `::ffff:0:0/96` | last 32 bits | RFC 4291 §2.5.5.2 |
/// | IPv4-translated | `::ffff:0:0:0/96` | last 32 bits | RFC 2765 §2.1 |
/// | IPv4-compatible | `::/96` without `::` and `::1` | last 32 bits | RFC 4291 §2.5.5.1 |
/// | NAT64, well known | `64:ff9b::/96` | last 32 bits | RFC 6052 §2.1 |
/// | NAT64, local | `64:ff9b:1::/48`, as a /96 | last 32 bits | RFC 8215 §5 |
/// | 6to4 | `2002::/16` | bits 16 to 47 | RFC 3056 §2 |
/// | Teredo | `2001::/32` | last 32 bits, inverted | RFC 4380 §4 |
#[inline]
#[must_use]
pub fn canonical_ip(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
    }
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let last = from_segments(g, h);
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0, 0, 0, 0, 0xffff, 0) => Some(last),
        // `::` and `::1` are themselves; every other address of ::/96 is the IPv4 address it ends in.
        (0, 0, 0, 0, 0, 0) if g != 0 || h > 1 => Some(last),
        (0x0064, 0xff9b, 0, 0, 0, 0) | (0x0064, 0xff9b, 1, _, _, _) => Some(last),
        (0x2002, ..) => Some(from_segments(b, c)),
        (0x2001, 0, ..) => Some(from_segments(!g, !h)),
        _ => None,
    }
}

const fn from_segments(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedding_is_the_address_it_embeds() {
        let v4 = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
        for spelling in [
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::127.0.0.1",
            "64:ff9b:1:2:3:4:127.0.0.1",
            "2002:7f00:1::",
            "2002:7f00:1:1:2:3:4:5",
            "2001:0:0102:0304:0:0:80ff:fffe",
        ] {
            let address: IpAddr = spelling.parse().unwrap();
            assert_eq!(canonical_ip(address), v4, "{spelling}");
        }
    }

    #[test]
    fn an_address_that_embeds_nothing_is_itself() {
        for spelling in ["::", "::1", "2001:db8::1", "fe80::1", "2001:4860:4860::8888", "64:ff9b:2::1", "192.0.2.1"] {
            let address: IpAddr = spelling.parse().unwrap();
            assert_eq!(canonical_ip(address), address, "{spelling}");
        }
    }
}
