//! What an allocation reaches equals the slow reference: asked for by CreatePermission and ChannelBind, tried by sending,
//! and tried from the other side; for static users and for call tokens, with other parties behind the same relay.

use std::net::{IpAddr, SocketAddr};

use hilum::auth::token::PeerRange;
use hilum::policy::{Network, PeerRefusal};
use hilum::wire::{AttributeType, ErrorCode, Method};
use proptest::prelude::*;

use crate::addresses::{edges, network_around, networks, some_address, spelling};
use crate::reference::{Prefix, Reach, Rules, Who, address, bits, canonical};
use crate::scenario::{ALICE, BOB, Client, Outcome, RELAY_V4, RELAY_V6, Request, Setup, Token, World, send_indication};

/// Names and networks of a test live as long as its process.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A token's outside peers as they are drawn.
type Range = (IpAddr, u8, Option<(u16, u16)>);

/// One case.
#[derive(Clone, Debug)]
struct Case {
    allow: Vec<String>,
    deny: Vec<String>,
    /// The rules name our own relayed addresses.
    names_us: bool,
    /// With a token, the peers that it names; without one, a static user asks.
    token: Option<Vec<Range>>,
    targets: Vec<Target>,
}

/// Whom to try: where to look for an address, how to spell it, and a port.
#[derive(Clone, Copy, Debug)]
struct Target {
    place: Place,
    kind: u8,
    fill: u128,
    port: u16,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The relayed address of one of the others, or the port next to it.
    Relayed(usize, i8),
    /// Near an edge of what the rules or the token speak of.
    Edge(usize),
    Any(IpAddr),
}

fn target() -> impl Strategy<Value = Target> {
    let place = prop_oneof![
        4 => (any::<usize>(), prop_oneof![4 => Just(0_i8), 1 => -1_i8..=1]).prop_map(|(who, by)| Place::Relayed(who, by)),
        4 => any::<usize>().prop_map(Place::Edge),
        1 => some_address().prop_map(Place::Any),
    ];
    let port =
        prop_oneof![3 => prop::sample::select(&[1023_u16, 1024, 4999, 5000, 6000, 6001, 80][..]), 1 => any::<u16>()];
    (place, any::<u8>(), any::<u128>(), port).prop_map(|(place, kind, fill, port)| Target { place, kind, fill, port })
}

fn case() -> impl Strategy<Value = Case> {
    let address = prop_oneof![
        some_address(),
        prop::sample::select(&["203.0.113.5", "2001:db8:2::5", RELAY_V4, RELAY_V6][..])
            .prop_map(|text| text.parse::<IpAddr>().unwrap())
    ];
    let ports = prop_oneof![Just(None), Just(Some((5000, 6000))), Just(Some((80, 80))), Just(Some((1, 65_535)))];
    let range = (address, prop_oneof![Just(128_u8), 8_u8..=32, Just(0)], ports);
    let token = prop::option::weighted(0.75, prop::collection::vec(range, 0..=2));
    (networks(2), networks(2), any::<bool>(), token, prop::collection::vec(target(), 10))
        .prop_map(|(allow, deny, names_us, token, targets)| Case { allow, deny, names_us, token, targets })
}

/// The text of a range in a token, and what the reference makes of it.
fn range((address, prefix, ports): Range) -> Option<(String, (Prefix, u16, u16))> {
    let network = network_around(address, prefix);
    let text = match ports {
        None => network.clone(),
        Some((first, last)) if address.is_ipv4() => format!("{network}:{first}-{last}"),
        Some((first, last)) => format!("[{network}]:{first}-{last}"),
    };
    text.parse::<PeerRange>().ok()?;
    // Without ports a range is of those that are nobody's well-known service.
    let (first, last) = ports.unwrap_or((1024, 65_535));
    Some((text, (Prefix::new(&network), first, last)))
}

struct Stage {
    world: World,
    asks: Client,
    /// The asker's own relayed addresses, one of each family.
    own: Vec<SocketAddr>,
    reach: Reach,
    /// Peers, in canonical form, that a channel has been bound to.
    channels: Vec<SocketAddr>,
}

fn stage(case: &Case) -> Stage {
    let readable = |texts: &[String]| -> Vec<&'static str> {
        texts.iter().filter(|text| text.parse::<Network>().is_ok()).map(|text| leak(text.clone())).collect()
    };
    let mut setup = Setup::default();
    setup.allow = setup.allow.into_iter().map(|text| leak(text.to_owned())).chain(readable(&case.allow)).collect();
    setup.deny = readable(&case.deny);
    if case.names_us {
        setup.allow.extend(["198.51.100.1/32", "2001:db8:1::1/128"]);
    }
    let prefixes = |texts: &[&'static str]| texts.iter().map(|text| Prefix::new(text)).collect();
    let relays = [RELAY_V4, RELAY_V6].map(|text| text.parse().unwrap()).to_vec();
    let rules =
        Rules { allow: prefixes(&setup.allow), deny: prefixes(&setup.deny), lowest_port: 1024, own: relays.clone() };
    let mut world = World::new(setup);
    let mut named: Vec<_> = case.token.iter().flatten().filter_map(|drawn| range(*drawn)).collect();
    let token = loop {
        let texts: Vec<String> = named.iter().map(|(text, _)| format!("\"{text}\"")).collect();
        let more = if texts.is_empty() { String::new() } else { format!(",\"peers\":[{}]", texts.join(",")) };
        let token = Token { more: leak(more), ..Token::new("visit", "a") };
        // As long as a USERNAME may be.
        if token.username().len() <= 480 {
            break token;
        }
        named.pop();
    };
    let (asks, who) = match &case.token {
        Some(_) => (Client::number(1).holding(&token), Who { call: Some("visit"), party: "a" }),
        None => (Client::number(1).named(ALICE), Who { call: None, party: ALICE }),
    };
    let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let mut live = Vec::new();
    let mut allocate = |client: &Client, who: Who| {
        let answer = world.request(client, both.clone());
        answer.expect_success();
        live.extend(answer.relayed().into_iter().map(|relayed| (relayed, who)));
        answer.relayed()
    };
    let own = allocate(&asks, who);
    let second = Token { id: "second", ..Token::new("visit", "a") };
    let mut others = Vec::new();
    for (number, call, party, token) in [
        (2, Some("visit"), "b", Some(Token::new("visit", "b"))),
        (3, Some("visit"), "a", Some(second)),
        (4, Some("other"), "b", Some(Token::new("other", "b"))),
        (5, None, BOB, None),
    ] {
        let client = Client::number(number);
        let client = token.map_or_else(|| client.clone().named(BOB), |token| client.clone().holding(&token));
        allocate(&client, Who { call, party });
        others.push(client);
    }
    // What is sent is heard if it was let out: everybody hears whom they may.
    for client in &others {
        for relay in &relays {
            let permit = Request::new(Method::CreatePermission).peer(&SocketAddr::new(*relay, 1).to_string());
            let denied = rules.ip(*relay) == Err(PeerRefusal::Denied);
            assert_eq!(world.request(client, permit).code().is_some(), denied);
        }
    }
    let named = named.into_iter().map(|(_, range)| range).collect();
    let reach = Reach { rules, relays, live, asks: who, named };
    Stage { world, asks, own, reach, channels: Vec::new() }
}

impl Stage {
    fn address(&self, target: &Target) -> SocketAddr {
        let spell = |ip: IpAddr, port| match ip {
            IpAddr::V4(v4) => SocketAddr::new(spelling(v4, target.kind, target.fill), port),
            IpAddr::V6(_) => SocketAddr::new(ip, port),
        };
        match target.place {
            Place::Relayed(who, by) => {
                let (relayed, _) = self.reach.live[who % self.reach.live.len()];
                spell(relayed.ip(), relayed.port().wrapping_add_signed(by.into()))
            }
            Place::Edge(which) => {
                let rules = self.reach.rules.allow.iter().chain(&self.reach.rules.deny);
                let named = self.reach.named.iter().map(|(network, ..)| network);
                let places: Vec<IpAddr> = rules.chain(named).flat_map(|network| edges(network.text())).collect();
                spell(places[which % places.len()], target.port)
            }
            Place::Any(ip) => spell(ip, target.port),
        }
    }

    /// What a refused peer was counted as.
    fn refusals(&self) -> [u64; PeerRefusal::ALL.len()] {
        PeerRefusal::ALL.map(|refusal| self.world.tally().peer_refusals(refusal))
    }

    /// Asks for a peer; says whether it was granted, or why not.
    fn ask(&mut self, request: Request) -> Result<(), PeerRefusal> {
        let before = self.refusals();
        match self.world.request(&self.asks, request).code() {
            None => Ok(()),
            Some(ErrorCode::FORBIDDEN) => {
                let after = self.refusals();
                let mut counted =
                    PeerRefusal::ALL.into_iter().zip(before.iter().zip(after)).filter(|(_, (b, a))| *b < a);
                Err(counted.next().expect("a refusal is counted by its reason").0)
            }
            Some(code) => panic!("neither granted nor forbidden: {code:?}"),
        }
    }
}

fn passes(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Discarded(_))
}

#[derive(Debug, Default)]
struct Seen {
    reached: usize,
    refused: usize,
}

fn judge(case: &Case) -> Seen {
    let mut stage = stage(case);
    let (mut bound, mut seen) = (Vec::new(), Seen::default());
    for target in &case.targets {
        let peer = stage.address(target);
        let (permission, channel) = (stage.reach.permission(peer.ip()), stage.reach.channel(peer));
        let told = format!("{peer} for {:?}", stage.reach);
        // A permission for one port of an address is one for the address.
        let request = Request::new(Method::CreatePermission).peer(&peer.to_string());
        assert_eq!(stage.ask(request), permission, "permission: {told}");
        let send = send_indication(&mut stage.world, &peer.to_string(), b"up");
        let sent = stage.world.from_client(&stage.asks, &send);
        assert_eq!(passes(&sent), permission.is_ok() && channel.is_ok(), "{sent:?}: {told}");
        if let Outcome::ToPeer { to, .. } = &sent {
            assert_eq!(bits(to.ip()), canonical(&bits(peer.ip())), "what was judged is where it goes");
        }
        // A peer has one channel.
        let here = (canonical(&bits(peer.ip())), peer.port());
        if !bound.contains(&here) {
            bound.push(here);
            let number = 0x4000 + u16::try_from(bound.len()).unwrap();
            assert_eq!(stage.ask(Request::bind(number, &peer.to_string())), channel, "channel: {told}");
            if channel.is_ok() {
                stage.channels.push(SocketAddr::new(address(&canonical(&bits(peer.ip()))), peer.port()));
            }
        }
        match channel {
            Ok(()) => seen.reached += 1,
            Err(_) => seen.refused += 1,
        }
    }
    hears(&mut stage, case);
    seen
}

/// The other way: whoever may not be reached is not heard either. Where no call is asked for, a permission is all it
/// takes, and the port is not asked (RFC 8656 §9); a port of ours that nobody holds has nobody who could send.
fn hears(stage: &mut Stage, case: &Case) {
    let has_socket = stage.reach.asks.call.is_none() || !stage.reach.named.is_empty();
    if !has_socket {
        assert!(stage.world.open.values().all(|open| !stage.own.contains(&open.socket())), "a call has no socket");
        return;
    }
    for target in &case.targets {
        let peer = stage.address(target);
        let canonical = hilum::addr::canonical_ip(peer.ip());
        let here = SocketAddr::new(canonical, peer.port());
        let holder = stage.reach.live.iter().find(|(each, _)| *each == here).map(|(_, who)| *who);
        let ours = stage.reach.relays.contains(&canonical);
        // A call's addresses have no socket: what seems to come from one is forged.
        let forged = holder.is_some_and(|holder| holder.call.is_some());
        let Some(relayed) = stage.own.iter().find(|own| own.is_ipv4() == canonical.is_ipv4()).copied() else {
            continue;
        };
        if ours && (holder.is_none() || stage.own.contains(&here)) {
            continue;
        }
        let named = stage.reach.named.iter().any(|(network, first, last)| {
            network.holds(&bits(canonical)) && *first <= peer.port() && peer.port() <= *last
        });
        let asks = stage.reach.asks;
        // Once a channel is bound to a host outside, a token hears no other port of it.
        let mut there = stage.channels.iter().filter(|channel| channel.ip() == canonical).peekable();
        let strict = asks.call.is_some() && !ours && there.peek().is_some();
        let bound = !strict || there.any(|channel| *channel == here);
        let meets = match (asks.call, holder) {
            (Some(call), Some(holder)) => holder.call == Some(call) && holder.party != asks.party,
            (Some(_), None) => named,
            (None, holder) => holder.is_none_or(|holder| holder.call.is_none()),
        };
        let expected = stage.reach.permission(peer.ip()).is_ok() && meets && !forged && bound;
        let heard = stage.world.from_peer(&peer.to_string(), relayed, b"down");
        assert_eq!(passes(&heard), expected, "{heard:?}: {peer} to {relayed} for {:?}", stage.reach);
    }
}

#[test]
fn what_an_allocation_reaches_equals_the_reference() {
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let all = std::cell::RefCell::new(Seen::default());
    let outcome = runner.run(&case(), |case| {
        let seen = judge(&case);
        let mut all = all.borrow_mut();
        all.reached += seen.reached;
        all.refused += seen.refused;
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let all = all.into_inner();
    assert!(all.reached > 300 && all.refused > 300, "{all:?}");
}
