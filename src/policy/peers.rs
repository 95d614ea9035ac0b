//! Which peers may be reached: nothing special, nothing of our own, no well-known port, unless an operator names it.

use core::net::IpAddr;

use crate::addr::PeerAddr;

use super::Network;
use super::special::is_special;

/// Why a peer may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerRefusal {
    /// The operator denies it.
    Denied,
    /// It is an address of this host.
    OwnAddress,
    /// It is private, loopback, multicast or otherwise not public.
    Special,
    /// The port is below the lowest one allowed.
    LowPort,
}

/// The rules. The first that speaks of an address decides: denied by the operator, allowed by the operator, our own,
/// special; what none of them speaks of is public and allowed.
#[derive(Clone, Debug)]
pub struct PeerRules {
    allow: Vec<Network>,
    deny: Vec<Network>,
    lowest_port: u16,
    own: Vec<IpAddr>,
}

impl Default for PeerRules {
    /// Nothing named, ports from 1024 on.
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), lowest_port: 1024, own: Vec::new() }
    }
}

impl PeerRules {
    /// Rules with the operator's networks, the lowest peer port, and every address of this host, also as it is seen
    /// from outside.
    #[must_use]
    pub const fn new(allow: Vec<Network>, deny: Vec<Network>, lowest_port: u16, own: Vec<IpAddr>) -> Self {
        Self { allow, deny, lowest_port, own }
    }

    /// Whether a permission may be given for an IP address. It must be in canonical spelling, as in a [`PeerAddr`].
    ///
    /// # Errors
    /// Why not.
    pub fn permits_ip(&self, peer: IpAddr) -> Result<(), PeerRefusal> {
        let names = |networks: &[Network]| networks.iter().any(|network| network.contains(peer));
        if names(&self.deny) {
            Err(PeerRefusal::Denied)
        } else if names(&self.allow) {
            Ok(())
        } else if self.own.contains(&peer) {
            Err(PeerRefusal::OwnAddress)
        } else if is_special(peer) {
            Err(PeerRefusal::Special)
        } else {
            Ok(())
        }
    }

    /// Whether a port may be reached at an address that may.
    ///
    /// # Errors
    /// [`PeerRefusal::LowPort`].
    pub const fn permits_port(&self, port: u16) -> Result<(), PeerRefusal> {
        if port < self.lowest_port { Err(PeerRefusal::LowPort) } else { Ok(()) }
    }

    /// Whether data may be sent to a peer.
    ///
    /// # Errors
    /// Why not; the address is judged before the port.
    pub fn permits(&self, peer: PeerAddr) -> Result<(), PeerRefusal> {
        self.permits_ip(peer.ip())?;
        self.permits_port(peer.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> PeerRules {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        PeerRules::new(networks(allow), networks(deny), 1024, vec!["93.184.215.14".parse().unwrap()])
    }

    fn judge(rules: &PeerRules, peer: &str) -> Result<(), PeerRefusal> {
        rules.permits(PeerAddr::canonical(peer.parse().unwrap()))
    }

    #[test]
    fn a_public_peer_may_be_reached_and_a_special_one_not() {
        let rules = rules(&[], &[]);
        assert_eq!(judge(&rules, "8.8.8.8:5000"), Ok(()));
        assert_eq!(judge(&rules, "[2606:4700::1]:5000"), Ok(()));
        for peer in ["127.0.0.1:5000", "10.1.2.3:5000", "169.254.169.254:5000", "[::1]:5000", "[fd00::1]:5000"] {
            assert_eq!(judge(&rules, peer), Err(PeerRefusal::Special), "{peer}");
        }
    }

    #[test]
    fn no_spelling_gets_around_a_rule() {
        let rules = rules(&[], &["8.8.8.0/24"]);
        for peer in ["[::ffff:127.0.0.1]:5000", "[64:ff9b::7f00:1]:5000", "[2002:7f00:1::]:5000", "[::127.0.0.1]:5000"]
        {
            assert_eq!(judge(&rules, peer), Err(PeerRefusal::Special), "{peer}");
        }
        assert_eq!(judge(&rules, "[::ffff:8.8.8.8]:5000"), Err(PeerRefusal::Denied));
    }

    #[test]
    fn our_own_address_is_refused_unless_named() {
        assert_eq!(judge(&rules(&[], &[]), "93.184.215.14:5000"), Err(PeerRefusal::OwnAddress));
        assert_eq!(judge(&rules(&["93.184.215.14"], &[]), "93.184.215.14:5000"), Ok(()));
    }

    #[test]
    fn deny_wins_over_allow() {
        let rules = rules(&["10.20.0.0/16"], &["10.20.30.0/24"]);
        assert_eq!(judge(&rules, "10.20.1.1:5000"), Ok(()));
        assert_eq!(judge(&rules, "10.20.30.1:5000"), Err(PeerRefusal::Denied));
        assert_eq!(judge(&rules, "10.21.1.1:5000"), Err(PeerRefusal::Special));
    }

    #[test]
    fn ports_below_the_lowest_are_refused_even_where_the_address_is_allowed() {
        let rules = rules(&["10.20.0.0/16"], &[]);
        assert_eq!(judge(&rules, "10.20.1.1:1023"), Err(PeerRefusal::LowPort));
        assert_eq!(judge(&rules, "10.20.1.1:1024"), Ok(()));
        assert_eq!(judge(&rules, "8.8.8.8:53"), Err(PeerRefusal::LowPort));
    }
}
