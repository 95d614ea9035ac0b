//! Policy's rules about peers equal the slow reference: random networks, every spelling, the edges of everything.

use std::net::{IpAddr, SocketAddr};

use hilum::addr::{PeerAddr, canonical_ip};
use hilum::policy::{Network, PeerRefusal, PeerRules};
use proptest::prelude::*;

use crate::addresses::{SPELLINGS, edges, network_around, networks, some_address, spelling};
use crate::reference::{self, Prefix, Rules, SPECIAL_V4, SPECIAL_V6, address, bits};

/// Rules as texts.
#[derive(Clone, Debug)]
struct Written {
    allow: Vec<String>,
    deny: Vec<String>,
    lowest_port: u16,
    own: Vec<IpAddr>,
}

/// The rules as the relay and as the reference reads them. Networks that the relay refuses to read are left out.
fn read(written: &mut Written) -> (PeerRules, Rules) {
    let parse = |texts: &mut Vec<String>| -> (Vec<Network>, Vec<Prefix>) {
        texts.retain(|text| text.parse::<Network>().is_ok());
        texts.iter().map(|text| (text.parse::<Network>().unwrap(), Prefix::new(text))).unzip()
    };
    let ((our_allow, allow), (our_deny, deny)) = (parse(&mut written.allow), parse(&mut written.deny));
    let (lowest_port, own) = (written.lowest_port, written.own.clone());
    (PeerRules::new(our_allow, our_deny, lowest_port, own.clone()), Rules { allow, deny, lowest_port, own })
}

fn written() -> impl Strategy<Value = Written> {
    let own = prop::collection::vec(some_address(), 0..3);
    let port = prop_oneof![Just(1024_u16), Just(0), Just(1), any::<u16>()];
    (networks(4), networks(4), port, own, any::<prop::sample::Index>(), any::<[u8; 3]>()).prop_map(
        |(mut allow, mut deny, lowest_port, own, index, [nested, prefix, named])| {
            // A network in a network, and the other way round: rules that speak of the same addresses.
            if nested < 128 && !allow.is_empty() {
                let around = edges(index.get::<String>(&allow))[1];
                deny.push(network_around(around, prefix % 33));
            }
            if named < 64
                && let Some(own) = own.first()
            {
                allow.push(network_around(canonical_ip(*own), if named < 32 { 128 } else { 31 }));
            }
            Written { allow, deny, lowest_port, own }
        },
    )
}

/// Addresses near the edges of what these rules speak of.
fn near(rules: &Written, draws: &[(usize, u8, u128)]) -> Vec<IpAddr> {
    let mut places: Vec<IpAddr> = rules.allow.iter().chain(&rules.deny).flat_map(|text| edges(text)).collect();
    places.extend(rules.own.iter().flat_map(|own| edges(&network_around(*own, 128))));
    let mut chosen = Vec::new();
    for (which, kind, fill) in draws {
        let Some(place) = places.get(which % places.len().max(1)) else { continue };
        chosen.push(match place {
            IpAddr::V4(v4) => spelling(*v4, *kind, *fill),
            IpAddr::V6(_) => *place,
        });
    }
    chosen
}

fn check(ours: &PeerRules, rules: &Rules, peer: SocketAddr) {
    let expected = rules.peer(peer);
    assert_eq!(ours.permits(PeerAddr::canonical(peer)), expected, "{peer} by {rules:?}");
    assert_eq!(ours.permits_ip(peer.ip()), rules.ip(peer.ip()), "{peer} by {rules:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    // Every spelling of an address and every network around it: the same answer as the slow reference.
    #[test]
    fn the_rules_equal_the_reference(
        mut written in written(),
        others in prop::collection::vec((some_address(), any::<u8>(), any::<u128>()), 3),
        draws in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u128>()), 6),
        ports in (any::<u16>(), -1_i32..=1),
    ) {
        let (ours, rules) = read(&mut written);
        let (random, around) = ports;
        let edge = u16::try_from((i32::from(rules.lowest_port) + around).clamp(0, 65_535)).unwrap();
        for peer in near(&written, &draws) {
            check(&ours, &rules, (peer, edge).into());
        }
        for (peer, kind, fill) in others {
            let peer = match peer {
                IpAddr::V4(v4) => spelling(v4, kind, fill),
                IpAddr::V6(_) => peer,
            };
            check(&ours, &rules, (peer, random).into());
        }
    }

    // A datagram goes to the address that was judged, and to no other spelling of it.
    #[test]
    fn an_address_has_one_spelling_and_it_is_the_references(v4 in any::<u32>(), kind in any::<u8>(), fill in any::<u128>()) {
        let spelled = spelling(v4.into(), kind, fill);
        let once = canonical_ip(spelled);
        prop_assert_eq!(bits(once), reference::canonical(&bits(spelled)), "{}", spelled);
        prop_assert_eq!(canonical_ip(once), once, "canonical is canonical");
        prop_assert_eq!(PeerAddr::canonical((spelled, 5000).into()).socket(), SocketAddr::new(once, 5000));
    }

    // What an operator can write down is never a network whose addresses only exist in another spelling.
    #[test]
    fn a_network_that_is_read_holds_what_it_says(place in some_address(), prefix in 0_u8..=128, inside in any::<u128>()) {
        let text = network_around(place, prefix);
        let network = Prefix::new(&text);
        let (length, beginning) = (network.length, &network.beginning);
        let random = format!("{inside:0128b}");
        let member = address(&format!("{beginning}{}", &random[beginning.len()..length]));
        let stays = reference::canonical(&bits(member)) == bits(member);
        match text.parse::<Network>() {
            Ok(network) => {
                prop_assert_eq!(network.contains(member), true);
                for edge in edges(&text) {
                    prop_assert_eq!(network.contains(edge), Prefix::new(&text).holds(&bits(edge)), "{} in {}", edge, text);
                }
            }
            // Refused is what has its first and last address among the embedded ones.
            Err(_) => {
                let [_, first, last, _] = edges(&text)[..] else { unreachable!() };
                let moves = |end: IpAddr| reference::canonical(&bits(end)) != bits(end) || bits(end) == "0".repeat(128);
                prop_assert!(moves(first) && moves(last), "{} is refused, member {} stays: {}", text, member, stays);
            }
        }
    }
}

#[test]
fn the_edges_of_every_registered_network_are_judged_alike_in_every_spelling() {
    let ours = PeerRules::default();
    let rules = Rules { allow: Vec::new(), deny: Vec::new(), lowest_port: 1024, own: Vec::new() };
    let (mut special, mut public) = (0, 0);
    for network in SPECIAL_V4.iter().chain(&SPECIAL_V6) {
        for edge in edges(network) {
            let spellings: Vec<IpAddr> = match edge {
                IpAddr::V4(v4) => {
                    (0..SPELLINGS).flat_map(|kind| [0, 1, u128::MAX].map(|fill| spelling(v4, kind, fill))).collect()
                }
                IpAddr::V6(_) => vec![edge],
            };
            for spelled in spellings {
                for port in [0, 1, 1023, 1024, u16::MAX] {
                    check(&ours, &rules, (spelled, port).into());
                }
                match ours.permits_ip(spelled) {
                    Err(PeerRefusal::Special) => special += 1,
                    other => public += usize::from(other.is_ok()),
                }
            }
        }
    }
    assert!(special > 500 && public > 200, "{special} special and {public} public ones");
}

#[test]
fn every_prefix_length_of_an_allowed_and_of_a_denied_network_ends_where_it_says() {
    for place in ["10.20.30.40", "198.18.77.1", "8.8.4.4", "2001:db8:1:2:3:4:5:6", "fd12:3456:789a::1", "2a00:1450::8"]
    {
        let place: IpAddr = place.parse().unwrap();
        for prefix in 0..=if place.is_ipv4() { 32 } else { 128 } {
            let network = vec![network_around(place, prefix)];
            for (allow, deny) in [(network.clone(), Vec::new()), (Vec::new(), network.clone())] {
                let mut written = Written { allow, deny, lowest_port: 1024, own: vec![place] };
                let (ours, rules) = read(&mut written);
                for edge in edges(&network[0]).into_iter().chain([place]) {
                    check(&ours, &rules, (edge, 5000).into());
                }
            }
        }
    }
}
