//! The special-purpose address ranges, which no peer may be in unless an operator names it.

use super::Network;

/// Ranges that are not public unicast, from the IANA special-purpose address registries (RFC 6890, RFC 8190 and the
/// documents named) and the multicast registries. IPv6 outside `2000::/3` is not global unicast at all (RFC 4291 §2.4)
/// and is refused by [`is_special`] without an entry here; spellings that embed an IPv4 address never get this far,
/// because an address is canonical before it is judged.
const SPECIAL: &[Network] = &[
    Network::v4([0, 0, 0, 0], 8),               // "this network", RFC 791
    Network::v4([10, 0, 0, 0], 8),              // private, RFC 1918
    Network::v4([100, 64, 0, 0], 10),           // shared between carriers and their customers, RFC 6598
    Network::v4([127, 0, 0, 0], 8),             // loopback, RFC 1122
    Network::v4([169, 254, 0, 0], 16),          // link-local and the clouds' metadata services, RFC 3927
    Network::v4([172, 16, 0, 0], 12),           // private, RFC 1918
    Network::v4([192, 0, 0, 0], 24),            // IETF protocol assignments, RFC 6890
    Network::v4([192, 0, 2, 0], 24),            // documentation, RFC 5737
    Network::v4([192, 31, 196, 0], 24),         // AS112, RFC 7535
    Network::v4([192, 52, 193, 0], 24),         // AMT, RFC 7450
    Network::v4([192, 88, 99, 0], 24),          // 6to4 relay anycast, RFC 7526
    Network::v4([192, 168, 0, 0], 16),          // private, RFC 1918
    Network::v4([192, 175, 48, 0], 24),         // AS112, RFC 7534
    Network::v4([198, 18, 0, 0], 15),           // benchmarking, RFC 2544
    Network::v4([198, 51, 100, 0], 24),         // documentation, RFC 5737
    Network::v4([203, 0, 113, 0], 24),          // documentation, RFC 5737
    Network::v4([224, 0, 0, 0], 4),             // multicast, RFC 5771
    Network::v4([240, 0, 0, 0], 4),             // reserved, and limited broadcast, RFC 1112, RFC 919
    Network::v6([0x2001, 0, 0, 0], 23),         // IETF protocol assignments with Teredo, ORCHID and AMT, RFC 2928
    Network::v6([0x2001, 0xdb8, 0, 0], 32),     // documentation, RFC 3849
    Network::v6([0x2002, 0, 0, 0], 16),         // 6to4, RFC 3056
    Network::v6([0x2620, 0x4f, 0x8000, 0], 48), // AS112, RFC 7534
    Network::v6([0x3fff, 0, 0, 0], 20),         // documentation, RFC 9637
];

/// Global unicast, all of it (RFC 4291 §2.4).
const GLOBAL_UNICAST: Network = Network::v6([0x2000, 0, 0, 0], 3);

/// Whether an address is in a special-purpose range.
pub(super) fn is_special(ip: core::net::IpAddr) -> bool {
    (ip.is_ipv6() && !GLOBAL_UNICAST.contains(ip)) || SPECIAL.iter().any(|range| range.contains(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_is_special_to_its_edges() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.1",
            "192.168.255.255",
            "192.175.48.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:1ff:ffff::",
            "2001:db8::1",
            "2002::1",
            "2620:4f:8000::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_special(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_lies_beside_a_special_range_is_public() {
        for address in [
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
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1",
            "3ffe::1",
            "3fff:1000::1",
        ] {
            assert!(!is_special(address.parse().unwrap()), "{address}");
        }
    }
}
