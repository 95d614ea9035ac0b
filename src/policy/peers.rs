//! Which peers may be reached. A relay is a way around every firewall it stands behind; these rules are what keeps it
//! from being one to places that nobody named.

use core::net::IpAddr;

use super::Network;
use super::special::{is_no_host, is_special};
use crate::addr::{PeerAddr, canonical_ip};

/// Well-known services, which could be attacked or made to reflect, live below this port.
const LOWEST_PORT: u16 = 1024;

/// Why a peer may not be reached (403).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerRefusal {
    /// Its address is in a special-purpose range that no operator allowed, or is that of no single host.
    Special,
    /// The operator denied its network.
    Denied,
    /// It is this host. A relayed address of ours is the exception that the caller may make.
    OwnAddress,
    /// Its port is below the lowest one.
    LowPort,
    /// The credential is bound to a call, and this is not another party of it; or it is a party of a call, and the
    /// credential is bound to none.
    OtherCall,
    /// It is outside, and the credential reaches other clients of this relay only.
    Outside,
}

impl PeerRefusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Special, Self::Denied, Self::OwnAddress, Self::LowPort, Self::OtherCall, Self::Outside];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Special => "special",
            Self::Denied => "denied",
            Self::OwnAddress => "own_address",
            Self::LowPort => "low_port",
            Self::OtherCall => "other_call",
            Self::Outside => "outside",
        }
    }
}

/// Which peers may be reached: an immutable snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRules {
    allow: Vec<Network>,
    deny: Vec<Network>,
    lowest_port: u16,
    own: Vec<IpAddr>,
}

impl Default for PeerRules {
    /// Public addresses and ports from 1024.
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new(), LOWEST_PORT, Vec::new())
    }
}

impl PeerRules {
    /// Rules made of networks that are allowed although special, networks that are denied although public or allowed,
    /// the lowest port, and the addresses of this host, internal and external ones.
    #[must_use]
    pub fn new(allow: Vec<Network>, deny: Vec<Network>, lowest_port: u16, own: Vec<IpAddr>) -> Self {
        let mut own: Vec<IpAddr> = own.into_iter().map(canonical_ip).collect();
        own.sort_unstable();
        own.dedup();
        Self { allow, deny, lowest_port: lowest_port.max(1), own }
    }

    /// Whether a peer at this address may be reached. The first rule that applies decides: what is denied, what is no
    /// single host, what is our own unless it is allowed as a single address, what is allowed, what is special; the
    /// rest is public.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_ip(&self, peer: IpAddr) -> Result<(), PeerRefusal> {
        let peer = canonical_ip(peer);
        if self.deny.iter().any(|network| network.contains(peer)) {
            return Err(PeerRefusal::Denied);
        }
        if is_no_host(peer) {
            return Err(PeerRefusal::Special);
        }
        let mut allowing = self.allow.iter().filter(|network| network.contains(peer));
        if self.own.binary_search(&peer).is_ok() {
            // A network that happens to hold this host was not meant to open this host's own services.
            return if allowing.any(Network::is_single) { Ok(()) } else { Err(PeerRefusal::OwnAddress) };
        }
        if allowing.next().is_some() {
            return Ok(());
        }
        if is_special(peer) {
            return Err(PeerRefusal::Special);
        }
        Ok(())
    }

    /// Whether a peer's port may be reached. Allowed networks make no exception.
    ///
    /// # Errors
    /// [`PeerRefusal::LowPort`].
    pub const fn permits_port(&self, port: u16) -> Result<(), PeerRefusal> {
        if port < self.lowest_port { Err(PeerRefusal::LowPort) } else { Ok(()) }
    }

    /// Whether a peer may be reached, address first.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, peer: PeerAddr) -> Result<(), PeerRefusal> {
        self.permits_ip(peer.ip())?;
        self.permits_port(peer.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn rules(allow: &[&str], deny: &[&str], own: &[&str]) -> PeerRules {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        PeerRules::new(networks(allow), networks(deny), 1024, own.iter().map(|text| ip(text)).collect())
    }

    #[test]
    fn public_addresses_are_permitted_by_default() {
        for address in ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "2606:4700::1111"] {
            assert_eq!(PeerRules::default().permits_ip(ip(address)), Ok(()), "{address}");
        }
    }

    #[test]
    fn special_addresses_are_refused_in_every_spelling() {
        for v4 in ["127.0.0.1", "0.0.0.0", "10.1.2.3", "169.254.169.254", "192.168.1.1", "224.0.0.1", "255.255.255.255"]
        {
            let v4: Ipv4Addr = v4.parse().unwrap();
            let bits = u128::from(v4.to_bits());
            for spelling in [
                0xffff_0000_0000 | bits,
                0xffff_0000_0000_0000 | bits,
                bits,
                (0x64_ff9b << 96) | bits,
                (0x64_ff9b_0001 << 80) | bits,
                (0x64_ff9b_0001_1234 << 64) | (0x5678 << 32) | bits,
                (0x2002 << 112) | (bits << 80),
                (0x2002 << 112) | (bits << 80) | 0x1234_5678,
                (0x2001 << 112) | (0x0808_0808 << 64) | (bits ^ 0xffff_ffff),
            ] {
                let spelling = IpAddr::V6(Ipv6Addr::from_bits(spelling));
                assert_eq!(PeerRules::default().permits_ip(spelling), Err(PeerRefusal::Special), "{spelling}");
            }
            assert_eq!(PeerRules::default().permits_ip(IpAddr::V4(v4)), Err(PeerRefusal::Special), "{v4}");
        }
    }

    #[test]
    fn a_private_network_is_reached_only_where_it_is_named() {
        let rules = rules(&["10.20.0.0/16", "fd00:1::/32"], &[], &[]);
        for (address, expected) in [
            ("10.20.3.4", Ok(())),
            ("::ffff:10.20.3.4", Ok(())),
            ("10.21.0.1", Err(PeerRefusal::Special)),
            ("fd00:1::5", Ok(())),
            ("fd00:2::5", Err(PeerRefusal::Special)),
        ] {
            assert_eq!(rules.permits_ip(ip(address)), expected, "{address}");
        }
    }

    #[test]
    fn deny_wins_over_allow_and_over_public() {
        let rules = rules(&["10.0.0.0/8"], &["10.9.0.0/16", "8.8.8.0/24"], &[]);
        assert_eq!(rules.permits_ip(ip("10.8.0.1")), Ok(()));
        for address in ["10.9.0.1", "::ffff:10.9.0.1", "8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert_eq!(rules.permits_ip(ip(address)), Err(PeerRefusal::Denied), "{address}");
        }
    }

    #[test]
    fn our_own_addresses_are_refused_as_such_even_if_private() {
        let rules = rules(&[], &[], &["198.211.1.1", "::ffff:10.0.0.5", "2a01:db8::5"]);
        for address in ["198.211.1.1", "2002:c6d3:101::", "10.0.0.5", "2a01:db8::5"] {
            assert_eq!(rules.permits_ip(ip(address)), Err(PeerRefusal::OwnAddress), "{address}");
        }
        assert_eq!(rules.permits_ip(ip("198.211.1.2")), Ok(()));
    }

    #[test]
    fn an_own_address_that_is_named_is_allowed() {
        assert_eq!(rules(&["127.0.0.1"], &[], &["127.0.0.1"]).permits_ip(ip("127.0.0.1")), Ok(()));
        let network = rules(&["127.0.0.0/8"], &[], &["127.0.0.1"]);
        assert_eq!(network.permits_ip(ip("127.0.0.1")), Err(PeerRefusal::OwnAddress));
        assert_eq!(network.permits_ip(ip("127.0.0.2")), Ok(()));
    }

    #[test]
    fn no_operator_can_name_what_is_no_single_host() {
        let rules = rules(&["0.0.0.0/0", "::/0"], &[], &[]);
        for address in ["0.0.0.0", "::", "224.0.0.251", "255.255.255.255", "ff02::1", "::ffff:0.0.0.0"] {
            assert_eq!(rules.permits_ip(ip(address)), Err(PeerRefusal::Special), "{address}");
        }
        assert_eq!(rules.permits_ip(ip("10.0.0.1")), Ok(()));
    }

    #[test]
    fn low_ports_are_refused_even_in_allowed_networks() {
        let rules = rules(&["10.0.0.0/8"], &[], &[]);
        let peer = |port| PeerAddr::canonical((ip("10.0.0.1"), port).into());
        assert_eq!(rules.permits(peer(1023)), Err(PeerRefusal::LowPort));
        assert_eq!(rules.permits(peer(1024)), Ok(()));
        assert_eq!(rules.permits(PeerAddr::canonical((ip("127.0.0.1"), 53).into())), Err(PeerRefusal::Special));
        let lowest = PeerRules::new(Vec::new(), Vec::new(), 0, Vec::new());
        assert_eq!(lowest.permits_port(0), Err(PeerRefusal::LowPort));
        assert_eq!(lowest.permits_port(1), Ok(()));
    }

    /// The registry once more, in another form: what the standard library and a few masks say.
    fn reference_is_special(address: Ipv4Addr) -> bool {
        let [a, b, c, _] = address.octets();
        a == 0
            || address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_documentation()
            || a >= 224
            || (a == 100 && b & 0xc0 == 64)
            || (a == 198 && b & 0xfe == 18)
            || (a == 192 && matches!((b, c), (0, 0) | (31, 196) | (52, 193) | (88, 99) | (175, 48)))
    }

    // No range of the registry but 255.255.255.255/32 is smaller than a /24, and only 192/8, 198/8 and 203/8 hold any
    // that is smaller than a /16.
    #[test]
    fn the_rules_agree_with_a_reference_at_both_ends_of_every_network_of_ipv4() {
        let rules = PeerRules::default();
        let judge = |bits: u32| {
            let address = Ipv4Addr::from_bits(bits);
            let expected = if reference_is_special(address) { Err(PeerRefusal::Special) } else { Ok(()) };
            assert_eq!(rules.permits_ip(IpAddr::V4(address)), expected, "{address}");
        };
        for high in 0..=0xffff_u32 {
            judge(high << 16);
            judge((high << 16) | 0xffff);
            for first in [192, 198, 203] {
                judge((first << 24) | (high << 8));
                judge((first << 24) | (high << 8) | 0xff);
            }
        }
    }
}
