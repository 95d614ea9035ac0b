//! The special-purpose address ranges, which no peer may be in unless an operator names it. One row each, so that the
//! table can be read beside the IANA registries it comes from.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range that is not public unicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range<Bits> {
    /// The registry's name for it.
    pub(super) name: &'static str,
    /// The document that reserves it.
    pub(super) source: &'static str,
    /// The first address.
    pub(super) first: Bits,
    /// The last address.
    pub(super) last: Bits,
}

impl<Bits: PartialOrd> Range<Bits> {
    fn contains(&self, address: &Bits) -> bool {
        self.first <= *address && *address <= self.last
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32, name: &'static str, source: &'static str) -> Range<u32> {
    let first = Ipv4Addr::new(a, b, c, d).to_bits();
    let host = if prefix >= 32 { 0 } else { u32::MAX >> prefix };
    Range { name, source, first, last: first | host }
}

const fn v6(segments: [u16; 4], last: u16, prefix: u32, name: &'static str, source: &'static str) -> Range<u128> {
    let [a, b, c, d] = segments;
    let first = Ipv6Addr::new(a, b, c, d, 0, 0, 0, last).to_bits();
    let host = if prefix >= 128 { 0 } else { u128::MAX >> prefix };
    Range { name, source, first, last: first | host }
}

/// IPv4: the IANA special-purpose address registry, and multicast. The metadata services of cloud providers are in
/// 169.254.0.0/16.
pub(super) const SPECIAL_V4: &[Range<u32>] = &[
    v4(0, 0, 0, 0, 8, "this network", "RFC 791 §3.2"),
    v4(10, 0, 0, 0, 8, "private use", "RFC 1918"),
    v4(100, 64, 0, 0, 10, "shared address space", "RFC 6598"),
    v4(127, 0, 0, 0, 8, "loopback", "RFC 1122 §3.2.1.3"),
    v4(169, 254, 0, 0, 16, "link local", "RFC 3927"),
    v4(172, 16, 0, 0, 12, "private use", "RFC 1918"),
    v4(192, 0, 0, 0, 24, "IETF protocol assignments", "RFC 6890 §2.1"),
    v4(192, 0, 2, 0, 24, "documentation (TEST-NET-1)", "RFC 5737"),
    v4(192, 31, 196, 0, 24, "AS112-v4", "RFC 7535"),
    v4(192, 52, 193, 0, 24, "AMT", "RFC 7450"),
    v4(192, 88, 99, 0, 24, "deprecated 6to4 relay anycast", "RFC 7526"),
    v4(192, 168, 0, 0, 16, "private use", "RFC 1918"),
    v4(192, 175, 48, 0, 24, "direct delegation AS112 service", "RFC 7534"),
    v4(198, 18, 0, 0, 15, "benchmarking", "RFC 2544"),
    v4(198, 51, 100, 0, 24, "documentation (TEST-NET-2)", "RFC 5737"),
    v4(203, 0, 113, 0, 24, "documentation (TEST-NET-3)", "RFC 5737"),
    v4(224, 0, 0, 0, 4, "multicast", "RFC 5771"),
    v4(240, 0, 0, 0, 4, "reserved", "RFC 1112 §4"),
    v4(255, 255, 255, 255, 32, "limited broadcast", "RFC 919 §7"),
];

/// IPv6: the IANA special-purpose address registry, multicast and deprecated site-local addresses. A peer's address is
/// canonical, so those that embed an IPv4 address do not get here as such; they stand here for completeness.
pub(super) const SPECIAL_V6: &[Range<u128>] = &[
    v6([0; 4], 0, 128, "unspecified", "RFC 4291 §2.5.2"),
    v6([0; 4], 1, 128, "loopback", "RFC 4291 §2.5.3"),
    Range { name: "IPv4-mapped", source: "RFC 4291 §2.5.5.2", first: 0xffff_0000_0000, last: 0xffff_ffff_ffff },
    v6([0x64, 0xff9b, 0, 0], 0, 96, "IPv4-IPv6 translation", "RFC 6052"),
    v6([0x64, 0xff9b, 1, 0], 0, 48, "local-use IPv4-IPv6 translation", "RFC 8215"),
    v6([0x100, 0, 0, 0], 0, 64, "discard only", "RFC 6666"),
    v6([0x100, 0, 0, 1], 0, 64, "dummy prefix", "RFC 9780"),
    v6([0x2001, 0, 0, 0], 0, 23, "IETF protocol assignments", "RFC 2928"),
    v6([0x2001, 0xdb8, 0, 0], 0, 32, "documentation", "RFC 3849"),
    v6([0x2002, 0, 0, 0], 0, 16, "6to4", "RFC 3056"),
    v6([0x2620, 0x4f, 0x8000, 0], 0, 48, "direct delegation AS112 service", "RFC 7534"),
    v6([0x3fff, 0, 0, 0], 0, 20, "documentation", "RFC 9637"),
    v6([0x5f00, 0, 0, 0], 0, 16, "segment routing SIDs", "RFC 9602"),
    v6([0xfc00, 0, 0, 0], 0, 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0], 0, 10, "link local", "RFC 4291 §2.5.6"),
    v6([0xfec0, 0, 0, 0], 0, 10, "deprecated site local", "RFC 3879"),
    v6([0xff00, 0, 0, 0], 0, 8, "multicast", "RFC 4291 §2.7"),
];

/// Global unicast addresses are in 2000::/3; nothing else is assigned to hosts on the Internet (RFC 4291 §2.4, IANA IPv6
/// address space registry).
const GLOBAL_UNICAST_V6: Range<u128> =
    v6([0x2000, 0, 0, 0], 0, 3, "global unicast", "IANA IPv6 address space registry");

/// Whether a canonical address is in a special-purpose range.
pub(super) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            SPECIAL_V4.iter().any(|range| range.contains(&bits))
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            !GLOBAL_UNICAST_V6.contains(&bits) || SPECIAL_V6.iter().any(|range| range.contains(&bits))
        }
    }
}

/// Whether an address can be no peer at all, whatever an operator allows: a datagram to one of these goes to many hosts,
/// or to this one under a false name (0.0.0.0 and :: reach the local host).
pub(super) fn is_no_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first == 0 || v4.is_multicast() || v4.is_broadcast()
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_every_range_are_special() {
        for range in SPECIAL_V4 {
            for bits in [range.first, range.last] {
                assert!(is_special(IpAddr::V4(Ipv4Addr::from_bits(bits))), "{} ({})", range.name, range.source);
            }
        }
        for range in SPECIAL_V6 {
            for bits in [range.first, range.last] {
                assert!(is_special(IpAddr::V6(Ipv6Addr::from_bits(bits))), "{} ({})", range.name, range.source);
            }
        }
    }

    // The rows are written as address and prefix; the far ends, written out by hand, show that the prefixes are right.
    #[test]
    fn the_last_addresses_are_those_of_the_registry() {
        let last: Vec<String> = SPECIAL_V4.iter().map(|range| Ipv4Addr::from_bits(range.last).to_string()).collect();
        assert_eq!(
            last,
            [
                "0.255.255.255",
                "10.255.255.255",
                "100.127.255.255",
                "127.255.255.255",
                "169.254.255.255",
                "172.31.255.255",
                "192.0.0.255",
                "192.0.2.255",
                "192.31.196.255",
                "192.52.193.255",
                "192.88.99.255",
                "192.168.255.255",
                "192.175.48.255",
                "198.19.255.255",
                "198.51.100.255",
                "203.0.113.255",
                "239.255.255.255",
                "255.255.255.255",
                "255.255.255.255",
            ]
        );
        let ends: Vec<(Ipv6Addr, Ipv6Addr)> = SPECIAL_V6
            .iter()
            .map(|range| (Ipv6Addr::from_bits(range.first), Ipv6Addr::from_bits(range.last)))
            .collect();
        let written: Vec<(Ipv6Addr, Ipv6Addr)> = [
            ("::", "::"),
            ("::1", "::1"),
            ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
            ("64:ff9b::", "64:ff9b::ffff:ffff"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("100::", "100::ffff:ffff:ffff:ffff"),
            ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
            ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ]
        .map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()))
        .to_vec();
        assert_eq!(ends, written);
    }

    #[test]
    fn the_neighbours_of_special_ranges_are_not() {
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.31.195.255",
            "192.31.197.0",
            "192.52.192.255",
            "192.52.194.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "192.175.47.255",
            "192.175.49.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
            "2000::",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::1",
            "2620:4f:7fff::1",
            "2620:4f:8001::",
            "3ffe:ffff::1",
            "3fff:1000::",
            "2606:4700::1111",
        ] {
            assert!(!is_special(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_is_outside_global_unicast_is_special() {
        for address in ["::2:3:4:5:6", "200::1", "1fff:ffff::1", "4000::", "5eff::1", "8000::1", "e000::1", "fb00::1"] {
            assert!(is_special(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_no_host_is_special_too() {
        for address in ["0.0.0.0", "0.1.2.3", "224.0.0.251", "239.255.255.250", "255.255.255.255", "::", "ff02::fb"] {
            let address = address.parse().unwrap();
            assert!(is_no_host(address) && is_special(address), "{address}");
        }
        for host in ["127.0.0.1", "10.0.0.255", "240.0.0.1", "::1", "fe80::1"] {
            assert!(!is_no_host(host.parse().unwrap()), "{host}");
        }
    }
}
