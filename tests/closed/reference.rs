//! The peer decision once more, from the documents and not from `hilum::policy`: addresses are texts of zeros and ones,
//! networks are what such a text begins with, and every list is read from its first row to its last.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use hilum::policy::PeerRefusal;

/// Networks in which an IPv6 address is another spelling of an IPv4 one: the network, the bit at which the IPv4 address
/// begins, and whether it is written with its bits turned over.
const EMBEDDINGS: [(&str, usize, bool); 7] = [
    // RFC 4291 §2.5.5.1, RFC 4291 §2.5.5.2, RFC 2765 §2.1
    ("::/96", 96, false),
    ("::ffff:0:0/96", 96, false),
    ("::ffff:0:0:0/96", 96, false),
    // RFC 6052 §2.1, RFC 8215
    ("64:ff9b::/96", 96, false),
    ("64:ff9b:1::/48", 96, false),
    // RFC 3056 §2, RFC 4380 §4
    ("2002::/16", 16, false),
    ("2001::/32", 96, true),
];

/// Inside `::/96`, but no spelling of an IPv4 address: the unspecified address and loopback (RFC 4291 §2.5.2, §2.5.3).
const NO_EMBEDDINGS: [&str; 2] = ["::/128", "::1/128"];

/// The IANA IPv4 special-purpose address registry, every row of it, and the multicast addresses (RFC 5771).
pub const SPECIAL_V4: [&str; 27] = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.88.99.2/32",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// The IANA IPv6 special-purpose address registry, multicast (RFC 4291 §2.7) and site-local addresses (RFC 3879).
pub const SPECIAL_V6: [&str; 30] = [
    "::1/128",
    "::/128",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    // Not a row, but the two halves of what is outside of global unicast, as far as one prefix can say it.
    "4000::/2",
    "8000::/1",
    "::/3",
];

/// What no operator can allow: this network and multicast and broadcast reach many hosts, or this one.
const NO_HOST: [&str; 5] = ["0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8"];

/// An address as its bits: 32 or 128 characters.
pub fn bits(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    octets.into_iter().map(|octet| format!("{octet:08b}")).collect()
}

/// The address of such a text.
pub fn address(bits: &str) -> IpAddr {
    match bits.len() {
        32 => Ipv4Addr::from(u32::from_str_radix(bits, 2).unwrap()).into(),
        _ => Ipv6Addr::from(u128::from_str_radix(bits, 2).unwrap()).into(),
    }
}

/// A network as its bits: how long an address of it is, and what it begins with.
#[derive(Clone)]
pub struct Prefix {
    text: String,
    pub length: usize,
    pub beginning: String,
}

impl Prefix {
    pub fn new(text: &str) -> Self {
        let (first, prefix) = text.split_once('/').expect("a network has a prefix");
        let bits = bits(first.parse().unwrap());
        let beginning = bits[..prefix.parse().unwrap()].to_owned();
        Self { text: text.to_owned(), length: bits.len(), beginning }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn holds(&self, address: &str) -> bool {
        address.len() == self.length && address.starts_with(&self.beginning)
    }
}

impl std::fmt::Debug for Prefix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

type Prefixes = LazyLock<Vec<Prefix>>;

fn read(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| Prefix::new(text)).collect()
}

static EMBEDDING: LazyLock<Vec<(Prefix, usize, bool)>> =
    LazyLock::new(|| EMBEDDINGS.iter().map(|(text, at, turned)| (Prefix::new(text), *at, *turned)).collect());
static NOT_EMBEDDING: Prefixes = LazyLock::new(|| read(&NO_EMBEDDINGS));
static SPECIAL: Prefixes = LazyLock::new(|| read(&[&SPECIAL_V4[..], &SPECIAL_V6[..]].concat()));
static NOBODY: Prefixes = LazyLock::new(|| read(&NO_HOST));

fn any_holds(networks: &[Prefix], address: &str) -> bool {
    networks.iter().any(|network| network.holds(address))
}

/// The one spelling that counts.
pub fn canonical(address: &str) -> String {
    if any_holds(&NOT_EMBEDDING, address) {
        return address.to_owned();
    }
    match EMBEDDING.iter().find(|(network, ..)| network.holds(address)) {
        None => address.to_owned(),
        Some((_, at, turned)) => {
            let turn = |bit| if bit == '0' { '1' } else { '0' };
            address[*at..at + 32].chars().map(|bit| if *turned { turn(bit) } else { bit }).collect()
        }
    }
}

/// The rules as an operator writes them.
#[derive(Clone, Debug)]
pub struct Rules {
    pub allow: Vec<Prefix>,
    pub deny: Vec<Prefix>,
    pub lowest_port: u16,
    pub own: Vec<IpAddr>,
}

impl Rules {
    pub fn ip(&self, peer: IpAddr) -> Result<(), PeerRefusal> {
        let peer = canonical(&bits(peer));
        let is_own = self.own.iter().any(|own| canonical(&bits(*own)) == peer);
        let names_it = self.allow.iter().any(|network| network.beginning == peer);
        if any_holds(&self.deny, &peer) {
            Err(PeerRefusal::Denied)
        } else if any_holds(&NOBODY, &peer) {
            Err(PeerRefusal::Special)
        } else if is_own {
            if names_it { Ok(()) } else { Err(PeerRefusal::OwnAddress) }
        } else if any_holds(&self.allow, &peer) {
            Ok(())
        } else if any_holds(&SPECIAL, &peer) {
            Err(PeerRefusal::Special)
        } else {
            Ok(())
        }
    }

    pub fn peer(&self, peer: SocketAddr) -> Result<(), PeerRefusal> {
        self.ip(peer.ip())?;
        // Port 0 is nobody's, whatever the operator says.
        if peer.port() == 0 || peer.port() < self.lowest_port { Err(PeerRefusal::LowPort) } else { Ok(()) }
    }
}

/// Peers outside that a token names: networks with a first and a last port.
pub type Named = Vec<(Prefix, u16, u16)>;

/// Who has a relayed address of ours, and who asks: their call, if their credential is bound to one, and their party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    pub call: Option<&'static str>,
    pub party: &'static str,
}

/// What one allocation may reach, by the words: the other parties of its call and what token and operator both
/// name; without a call, what the operator's rules say and those who have no call either.
#[derive(Clone, Debug)]
pub struct Reach {
    pub rules: Rules,
    /// Our relayed IP addresses.
    pub relays: Vec<IpAddr>,
    /// The live relayed addresses and whose they are.
    pub live: Vec<(SocketAddr, Who)>,
    pub asks: Who,
    pub named: Named,
}

impl Reach {
    fn is_relay(&self, peer: IpAddr) -> bool {
        self.relays.iter().any(|relay| bits(*relay) == canonical(&bits(peer)))
    }

    fn holder(&self, peer: SocketAddr) -> Option<Who> {
        let same = |each: SocketAddr| bits(each.ip()) == canonical(&bits(peer.ip())) && each.port() == peer.port();
        self.live.iter().find(|(each, _)| same(*each)).map(|(_, who)| *who)
    }

    /// A permission is for an IP address.
    pub fn permission(&self, peer: IpAddr) -> Result<(), PeerRefusal> {
        match self.rules.ip(peer) {
            Err(PeerRefusal::OwnAddress) if self.is_relay(peer) => return Ok(()),
            Err(refusal) => return Err(refusal),
            Ok(()) => {}
        }
        let names = |(network, ..): &(Prefix, u16, u16)| network.holds(&canonical(&bits(peer)));
        if self.asks.call.is_none() || self.is_relay(peer) || self.named.iter().any(names) {
            Ok(())
        } else {
            Err(PeerRefusal::OtherCall)
        }
    }

    /// A channel, or data that is sent, is for an IP address and a port.
    pub fn channel(&self, peer: SocketAddr) -> Result<(), PeerRefusal> {
        let holder = self.holder(peer);
        match self.rules.peer(peer) {
            Err(PeerRefusal::OwnAddress) if holder.is_some() => {}
            Err(refusal) => return Err(refusal),
            Ok(()) => {}
        }
        let here = canonical(&bits(peer.ip()));
        let names = |(network, first, last): &(Prefix, u16, u16)| {
            network.holds(&here) && *first <= peer.port() && peer.port() <= *last
        };
        let reached = match (self.asks.call, holder) {
            (Some(call), Some(holder)) => holder.call == Some(call) && holder.party != self.asks.party,
            (Some(_), None) => !self.is_relay(peer.ip()) && self.named.iter().any(names),
            (None, Some(holder)) => holder.call.is_none(),
            (None, None) => true,
        };
        if reached { Ok(()) } else { Err(PeerRefusal::OtherCall) }
    }
}
