//! The simulator: random lives of two shards, their clients, peers and networks, each from one seed, against a model
//! that was written independently. `HILUM_SIM_SEEDS` says how many seeds (200), `HILUM_SIM_SEED` which single one.
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails should say where"
)]

mod model;
#[allow(dead_code, clippy::wrong_self_convention, reason = "the scenarios use all of it, and it reads well there")]
#[path = "../scenarios/world.rs"]
mod scenario;
mod speech;
mod words;
mod world;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hilum::addr::{Family, Transport};
use hilum::turn::{Discard, EndCause};

use model::{Badge, Proof, SHARDS, Wish, Word};
use scenario::{ALICE, BOB, Client, START, Token};
use world::{Device, Packet, Report, Sim};

const STEPS: u64 = 400;
const SEEDS: u64 = 200;
const PEERS: [&str; 9] = [
    "203.0.113.5:7000",
    "203.0.113.5:7001",
    "203.0.113.6:7000",
    "203.0.113.6:80",
    "203.0.113.70:7000",
    "203.0.113.70:7001",
    "[2001:db8:2::5]:7000",
    "[2001:db8:2::6]:7000",
    // Nobody allowed it.
    "10.0.0.1:7000",
];

/// Where a UDP device may appear: a few places, so that one comes back to where it, or another, has been.
fn address(sim: &mut Sim, device: usize) -> SocketAddr {
    let port = 4000 + sim.below(6);
    let text =
        if device % 4 == 3 { format!("[2001:db8:9::{device}]:{port}") } else { format!("192.0.2.{device}:{port}") };
    text.parse().unwrap()
}

const TOKENS: [&str; 8] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];

fn people(sim: &mut Sim) {
    for (number, id) in TOKENS.into_iter().enumerate() {
        let at = address(sim, number).to_string();
        let place = match number {
            5 => Client::stream(&at, 105, Transport::Tcp),
            6 => Client::stream(&at, 106, Transport::Tls),
            _ => Client::udp(&at),
        };
        let (client, until, badge) = match sim.below(9) {
            0 | 1 => (place.named(ALICE), None, None),
            2 => (place.named(BOB), None, None),
            3 | 4 => {
                let until = START.plus_secs(300 + sim.below(6000));
                (place.ephemeral(until, &format!("guest{number}")), Some(until), None)
            }
            kind => {
                // Most are of one call, and some devices are the same party.
                let call = if kind == 5 { "other" } else { "visit" };
                let party = if kind == 6 { "a" } else { id };
                let expires = START.as_secs() + 300 + sim.below(6000);
                let end = expires + sim.below(3000);
                let token = Token { id, expires, end, ..Token::new(call, party) };
                let begins_until = hilum::time::UnixTime::from_secs(expires);
                let badge = Badge { call, party, begins_until };
                (place.holding(&token), Some(hilum::time::UnixTime::from_secs(end)), Some(badge))
            }
        };
        sim.devices.push(Device { client, until, badge, nonce: None, token: None, last: None });
    }
}

/// A peer for a device: one of those outside, or some client's relayed address, which is all that a call has.
fn peer_for(sim: &mut Sim, device: usize) -> SocketAddr {
    if sim.devices[device].badge.is_some() && !sim.one_in(8) {
        // Addresses of calls have other numbers than those with a socket.
        let of_calls: Vec<_> = sim.known.iter().copied().filter(|known| known.port() < 49_152).collect();
        if !of_calls.is_empty() {
            return sim.pick(&of_calls);
        }
    }
    peer(sim)
}

/// A peer: one of those outside, or some client's relayed address.
fn peer(sim: &mut Sim) -> SocketAddr {
    if !sim.known.is_empty() && sim.one_in(4) {
        let known = sim.known.clone();
        return sim.pick(&known);
    }
    sim.pick(&PEERS).parse().unwrap()
}

/// Most likely a peer at one of these IP addresses.
fn peer_among(sim: &mut Sim, addresses: &[IpAddr]) -> SocketAddr {
    let tries = if addresses.is_empty() || sim.one_in(6) { 0 } else { 30 };
    let peers = std::iter::repeat_with(|| peer(sim)).take(tries + 1).collect::<Vec<_>>();
    *peers.iter().find(|peer| addresses.contains(&peer.ip())).unwrap_or(&peers[0])
}

fn data(sim: &mut Sim) -> Vec<u8> {
    let length = if sim.one_in(10) { 1200 } else { sim.below(40) };
    (0..length).map(|_| u8::try_from(sim.below(256)).unwrap()).collect()
}

fn family(sim: &mut Sim) -> Family {
    if sim.one_in(3) { Family::V6 } else { Family::V4 }
}

fn lifetime(sim: &mut Sim) -> Option<u32> {
    let asked = [0, 1, 600, 700, 1800, 3600, 100_000, u32::MAX];
    sim.one_in(2).then(|| sim.pick(&asked[1..]))
}

fn word(sim: &mut Sim, device: usize) -> Word {
    let here = sim.devices[device].client.five_tuple;
    let second = sim.now.moment.as_secs();
    let fresh =
        |nonce: &model::Nonce| nonce.client == here.client.socket() && second - nonce.second <= model::NONCE_LIFETIME;
    let has_nonce = sim.devices[device].nonce.as_ref().is_some_and(fresh);
    let lives = sim.model.allocations.contains_key(&here);
    if (!has_nonce && !sim.one_in(5)) || sim.one_in(60) {
        return Word::Ask;
    }
    if !lives && !sim.one_in(4) || sim.one_in(40) {
        // Tokens are shown by those whom they were given to, and by others.
        let holder = if sim.one_in(3) { usize::try_from(sim.below(8)).unwrap() } else { device };
        let wish = match (sim.below(8), sim.devices[holder].token) {
            (0 | 1, _) => Wish::Both,
            (2, _) => Wish::EvenAndNext,
            (3 | 4, Some(token)) => Wish::Reserved(token),
            _ => Wish::One(family(sim)),
        };
        let lifetime = if sim.one_in(20) { Some(0) } else { lifetime(sim) };
        return Word::Allocate { wish, lifetime };
    }
    let (bound, permitted) = sim.model.reach(&here);
    let number = 0x4000 + u16::try_from(sim.below(5)).unwrap();
    match sim.below(24) {
        0 | 1 => {
            let lifetime = if sim.one_in(3) { Some(0) } else { lifetime(sim) };
            let family = sim.one_in(3).then(|| family(sim));
            Word::Refresh { lifetime, family }
        }
        2..=5 => {
            let count = 1 + sim.below(2);
            Word::Permit((0..count).map(|_| peer_for(sim, device)).collect())
        }
        6..=8 => Word::Bind(number, peer_for(sim, device)),
        9..=16 if !bound.is_empty() && !sim.one_in(8) => Word::Channel(sim.pick(&bound), data(sim)),
        9..=16 => Word::Channel(number, data(sim)),
        _ if sim.devices[device].badge.is_some() => Word::Send(peer_for(sim, device), data(sim)),
        _ => Word::Send(peer_among(sim, &permitted), data(sim)),
    }
}

/// A client says something, or says it again.
fn speak(sim: &mut Sim) {
    let count = sim.devices.len() as u64;
    let number = usize::try_from(sim.below(count)).unwrap();
    let repeat = sim.one_in(12).then(|| sim.devices[number].last.clone()).flatten();
    let mut speaker = sim.devices[number].client.clone();
    let (mut until, mut badge) = (sim.devices[number].until, sim.devices[number].badge);
    // Now and then somebody else speaks from the same place.
    if sim.one_in(40) {
        (speaker.username, speaker.password) = (BOB.into(), scenario::PASSWORD.into());
        (until, badge) = (None, None);
    }
    let packet = match repeat {
        Some(packet) => packet,
        None => {
            let word = word(sim, number);
            let nonce = sim.devices[number].nonce.clone();
            let genuine = !sim.one_in(50);
            let user = speaker.username.clone();
            let proof = nonce.map(|nonce| Proof { user, badge, until, genuine, nonce });
            let plain = matches!(word, Word::Ask | Word::Channel(..) | Word::Send(..));
            let word = if proof.is_none() && !plain { Word::Ask } else { word };
            sim.packet(&speaker, word, proof.filter(|_| !plain))
        }
    };
    sim.devices[number].last = Some(packet.clone());
    let here = matches!(&packet, Packet::FromClient { said, .. } if said.client == speaker.five_tuple);
    if !speaker.five_tuple.link.transport().is_stream() {
        sim.flying.push(packet);
    } else if here {
        // A stream neither loses nor reorders, and what was said on a closed connection is not said on the next one.
        sim.deliver(packet);
    }
}

/// Two clients who have allocations, whoever they are, let each other in and say something: in a call of eight random
/// people that is rare.
fn visit(sim: &mut Sim) {
    let live = |device: &&Device| sim.model.allocations.contains_key(&device.client.five_tuple);
    let here: Vec<usize> = (0..sim.devices.len()).filter(|at| live(&&sim.devices[*at])).collect();
    let closed: Vec<usize> = here.iter().copied().filter(|at| sim.devices[*at].badge.is_some()).collect();
    let among = if closed.len() > 1 && !sim.one_in(4) { closed } else { here };
    if among.len() < 2 {
        return;
    }
    let pair = [sim.pick(&among), sim.pick(&among)];
    for data in [None, Some(data(sim))] {
        for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
            let there = sim.devices[other].client.five_tuple;
            let Some(allocation) = sim.model.allocations.get(&there) else { return };
            let (peer, speaker) = (allocation.addresses()[0], sim.devices[one].client.clone());
            let Device { until, badge, nonce, .. } = &sim.devices[one];
            let (user, until, badge) = (speaker.username.clone(), *until, *badge);
            let proof = nonce.clone().map(|nonce| Proof { user, badge, until, genuine: true, nonce });
            let packet = match &data {
                Some(data) => sim.packet(&speaker, Word::Send(peer, data.clone()), None),
                None if proof.is_some() => sim.packet(&speaker, Word::Permit(vec![peer]), proof),
                None => return,
            };
            sim.deliver(packet);
        }
    }
}

fn peer_speaks(sim: &mut Sim) {
    let live: Vec<_> = sim.model.allocations.iter().map(|(client, each)| (*client, each.addresses())).collect();
    let (relayed, permitted) = if live.is_empty() || sim.one_in(5) {
        if sim.known.is_empty() {
            return;
        }
        let known = sim.known.clone();
        (sim.pick(&known), Vec::new())
    } else {
        let (client, mut addresses) = sim.pick(&live);
        if sim.one_in(8) {
            // A port that is open and nobody's, or somebody else's.
            addresses = sim.open_addresses();
        }
        (sim.pick(&addresses), sim.model.reach(&client).1)
    };
    let peer = peer_among(sim, &permitted);
    if peer.is_ipv4() == relayed.is_ipv4() {
        let data = data(sim);
        sim.flying.push(Packet::FromPeer { peer, relayed, data });
    }
}

/// The network delivers something, out of order, and maybe loses or repeats it.
fn network(sim: &mut Sim) {
    if sim.flying.is_empty() {
        return;
    }
    let index = usize::try_from(sim.below(sim.flying.len() as u64)).unwrap();
    let packet = sim.flying.swap_remove(index);
    match sim.below(20) {
        0 => sim.tell("a datagram is lost".into()),
        1 => {
            sim.flying.push(packet.clone());
            sim.deliver(packet);
        }
        _ => sim.deliver(packet),
    }
}

fn time_passes(sim: &mut Sim) {
    let mut expiries = sim.model.expiries();
    if !expiries.is_empty() && sim.one_in(20) {
        // To the very moment at which something runs out, or just before or after: the next ones count most.
        expiries.sort_unstable();
        expiries.truncate(4);
        let around = [0, 999_999_999, 1_000_000_000, 1_000_000_001, 1_100_000_000];
        let until = sim.pick(&expiries).as_nanos() + sim.pick(&around);
        let by = until.saturating_sub(sim.now.moment.as_nanos() + 1_000_000_000);
        return sim.advance(Duration::from_nanos(by));
    }
    let by = match sim.below(40) {
        0 => Duration::from_secs(2000 + sim.below(8000)),
        1..=3 => Duration::from_secs(300 + sim.below(400)),
        4..=9 => Duration::from_secs(30 + sim.below(120)),
        10..=20 => Duration::from_secs(sim.below(20)),
        21..=24 => Duration::from_nanos(sim.below(1_000_000_000)),
        _ => Duration::from_millis(sim.below(3000)),
    };
    sim.advance(by);
}

fn disturbance(sim: &mut Sim, step: u64) {
    let device = usize::try_from(sim.below(8)).unwrap();
    let shard = usize::try_from(sim.below(SHARDS as u64)).unwrap();
    match sim.below(26) {
        24 | 25 => sim.restart(),
        0..=7 if !(5..=6).contains(&device) => {
            let address = address(sim, device);
            sim.rebind(device, address);
        }
        8..=11 => {
            let next = 1000 + sim.below(1_000_000_000);
            let stream = 5 + device % 2;
            sim.close_connection(stream, next);
        }
        12..=15 | 22 | 23 => {
            let denying = !sim.model.rules[shard].denying;
            let live: Vec<_> = sim.model.allocations.iter().map(|(client, each)| (*client, each.addresses())).collect();
            sim.reload(shard, denying);
            // Those who lost their leave just now are the first to try.
            for (client, addresses) in live {
                let device = sim.devices.iter().find(|device| device.client.five_tuple == client);
                let Some(speaker) = device.map(|device| device.client.clone()) else { continue };
                let peer: SocketAddr = PEERS[4].parse().unwrap();
                let word = Word::Send(peer, data(sim));
                let packet = sim.packet(&speaker, word, None);
                sim.deliver(packet);
                for relayed in addresses.into_iter().filter(SocketAddr::is_ipv4) {
                    let data = data(sim);
                    sim.deliver(Packet::FromPeer { peer, relayed, data });
                }
            }
        }
        16..=19 => {
            let wall = START.as_secs() + sim.below(4000);
            sim.set_wall(wall);
        }
        20 => sim.end_all(shard),
        21 if step > STEPS * 3 / 4 => sim.drain(shard),
        _ => {}
    }
}

/// One life.
fn run(seed: u64) -> Report {
    let mut sim = Sim::new(seed);
    people(&mut sim);
    for step in 0..STEPS {
        match sim.below(80) {
            0..=49 => speak(&mut sim),
            50..=66 => peer_speaks(&mut sim),
            67..=76 => time_passes(&mut sim),
            77 | 78 => disturbance(&mut sim, step),
            _ => visit(&mut sim),
        }
        network(&mut sim);
    }
    sim.finish();
    sim.report()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn two_shards_do_what_the_model_says_in_every_random_life() {
    if let Some(seed) = number("HILUM_SIM_SEED") {
        run(seed);
        return;
    }
    let seeds = number("HILUM_SIM_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get()).min(8);
    let lives: Vec<Report> = std::thread::scope(|scope| {
        let live = |first| move || (first..seeds).step_by(threads).map(run).collect::<Vec<_>>();
        let threads: Vec<_> = (0..threads as u64).map(|first| scope.spawn(live(first))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the life that failed is told above")).collect()
    });
    let mut all = Report::default();
    lives.into_iter().for_each(|life| all.add(life));
    // A simulator that never lets anybody reach anybody, or in which nothing goes wrong, proves nothing.
    assert!(all.forwarded > seeds * 8, "only {} datagrams forwarded in {seeds} lives", all.forwarded);
    assert!(all.inside > seeds, "only {} datagrams inside in {seeds} lives", all.inside);
    assert!(all.restored > seeds / 2, "only {} allocations went on in another process", all.restored);
    if seeds >= SEEDS {
        assert_eq!(all.codes.iter().copied().collect::<Vec<_>>(), [0, 400, 401, 403, 437, 438, 441, 443, 486, 508]);
        // Nothing is revoked in these lives.
        let causes: Vec<_> = EndCause::ALL.into_iter().filter(|cause| *cause != EndCause::Revoked).collect();
        assert_eq!(all.causes.iter().copied().collect::<Vec<_>>(), causes);
        let reasons = [
            Discard::NoAllocation,
            Discard::NoChannel,
            Discard::NoPermission,
            Discard::PeerForbidden,
            Discard::OtherCall,
            Discard::PeerFamily,
            Discard::NoRelayedPort,
        ];
        assert_eq!(all.discards.iter().copied().collect::<Vec<_>>(), reasons);
    }
}

#[test]
fn the_same_seed_lives_the_same_life_and_another_seed_another_one() {
    for seed in [1, 7, 42] {
        let first = run(seed);
        assert_eq!(first, run(seed));
        assert_ne!(first, run(seed + 1));
    }
}
