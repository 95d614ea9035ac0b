//! The seal under any sequence of raw datagrams on several paths of several conversations; `seal.rs` makes better-formed
//! ones.
//!
//! An input is one byte of settings, then steps: a byte that says which path, which way and what kind of step; a byte of
//! time; a length of two bytes; the datagram.

use core::net::SocketAddr;
use core::time::Duration;

use hilum::auth::Party;
use hilum::policy::seal::{
    Conversations, Fact, Flow, Judgement, Local, Mode, Other, Profile, Profiles, Reason, Settings, Version, Way,
};
use hilum::time::{Lifetime, Moment};
use hilum::wire::dtls::{Fragments, Record, Records, handshake};
use hilum::wire::{AttributeType, Message};

/// The paths: whose allocation, which relayed address, who is at the other end and where.
const PATHS: [(&str, &str, &str, &str); 8] = [
    ("alice", "198.51.100.1:50001", "bob", "198.51.100.1:50002"),
    ("bob", "198.51.100.1:50002", "alice", "198.51.100.1:50001"),
    ("alice", "198.51.100.1:50003", "bob", "198.51.100.1:50002"),
    ("bob", "198.51.100.1:50002", "alice", "198.51.100.1:50003"),
    ("alice", "198.51.100.1:50001", "", "203.0.113.5:7000"),
    ("alice", "[2001:db8:1::1]:50001", "", "[2001:db8:2::5]:7000"),
    ("alice", "198.51.100.1:50001", "carol", "198.51.100.1:50004"),
    ("alice", "198.51.100.1:50001", "alice", "198.51.100.1:50005"),
];
/// Which conversation a path is of; the two addresses outside may turn out to be one agent.
const CONVERSATION: [usize; 8] = [0, 0, 0, 0, 1, 1, 2, 3];
/// Steps of one input.
const MOST_STEPS: usize = 400;
/// Below this, no path runs out of its budget for handshakes, however its fragments are cut.
const LITTLE: usize = 32 * 1024;

/// What the model knows of a conversation: whether a seal could be open at all.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    client_hello: bool,
    server_hello: bool,
    /// Encrypted records from either end.
    encrypted: [bool; 2],
    connection_ids: bool,
}

impl Known {
    fn could_be_open(self, path: usize) -> bool {
        // Two clients with one credential: which end is which is told by the hellos only.
        let both = if CONVERSATION[path] == 3 { self.encrypted.contains(&true) } else { self.encrypted == [true; 2] };
        self.client_hello && self.server_hello && both
    }

    fn see(&mut self, end: usize, dtls: &[u8]) {
        // The extension connection_id has number 54. With connection ids the model cannot tell where records end.
        self.connection_ids |= dtls.windows(2).any(|two| two == [0, 54]);
        for record in Records::new(dtls, 0) {
            match record {
                Ok(Record::Legacy { kind: 22, epoch: 0, body, .. }) => {
                    for fragment in Fragments::new(body).flatten() {
                        self.client_hello |= fragment.kind == handshake::CLIENT_HELLO;
                        self.server_hello |= fragment.kind == handshake::SERVER_HELLO;
                    }
                }
                Ok(Record::Legacy { epoch: 0, .. }) => {}
                Ok(_) => self.encrypted[end] = true,
                Err(_) if self.connection_ids => {
                    *self = Self { client_hello: true, server_hello: true, encrypted: [true; 2], connection_ids: true };
                }
                Err(_) => {}
            }
        }
    }
}

/// One step of a program.
struct Step<'a> {
    path: usize,
    way: Way,
    kind: u8,
    time: Duration,
    datagram: &'a [u8],
}

fn steps(mut bytes: &[u8]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    while let Some((&[head, time, high, low], rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (datagram, rest) = rest.split_at(length);
        bytes = rest;
        let time = match time {
            0..128 => Duration::from_millis(time.into()),
            _ => Duration::from_secs(u64::from(time - 128)),
        };
        let way = if head & 8 == 0 { Way::Up } else { Way::Down };
        steps.push(Step { path: usize::from(head & 7), way, kind: (head >> 4) & 3, time, datagram });
        if steps.len() == MOST_STEPS {
            break;
        }
    }
    steps
}

fn settings(byte: u8) -> Settings {
    let mode = [Mode::Enforce, Mode::Enforce, Mode::Report, Mode::Off][usize::from(byte & 3)];
    let min_version = if byte & 4 == 0 { Version::Dtls12 } else { Version::Dtls13 };
    let profiles = if byte & 16 == 0 { Profiles::default() } else { Profile::ALL.into_iter().collect() };
    Settings { mode, min_version, profiles, statistics: byte & 8 == 0, grace: Lifetime::from_secs(60) }
}

fn flow(conversations: &Conversations, path: usize, now: Moment) -> Result<Flow, Reason> {
    let (party, relayed, other, peer) = PATHS[path];
    let peer: SocketAddr = peer.parse().expect("an address");
    let other = if other.is_empty() { Other::Address(peer.ip()) } else { Other::Party(Party::of(other.as_bytes())) };
    let local = Local { party: Party::of(party.as_bytes()), relayed: relayed.parse().expect("an address") };
    conversations.flow(local, peer, other, now)
}

/// Runs a program. `cut`: every fragment of a handshake message is cut in two on its way.
fn run(settings: &Settings, steps: &[Step<'_>], cut: bool) -> Vec<Option<Reason>> {
    let conversations = Conversations::new([1, 2, 3, 4], 16);
    let mut now = Moment::from_secs(1000);
    let mut flows: [Option<Flow>; 8] = core::array::from_fn(|_| None);
    let mut known = [Known::default(); 4];
    let mut verdicts = Vec::with_capacity(steps.len());
    for step in steps {
        now = now + step.time;
        for fact in conversations.sweep(now, settings.grace) {
            assert!(matches!(fact, Fact::Closed { .. }), "sweeping only closes");
        }
        assert!(conversations.len() <= 16, "the table has a bound");
        if step.kind == 3 {
            flows[step.path] = None;
            continue;
        }
        if flows[step.path].is_none() {
            flows[step.path] = flow(&conversations, step.path, now).ok();
        }
        let Some(flow) = &mut flows[step.path] else { continue };
        let mut datagram = if cut { halved(step.datagram) } else { step.datagram.to_vec() };
        if step.kind == 2 {
            repair(&mut datagram);
        }
        let conversation = CONVERSATION[step.path];
        let of_client = usize::from(matches!(step.path, 1 | 3));
        let end = if step.way == Way::Up { of_client } else { 1 - of_client };
        known[conversation].see(end, &datagram);
        if let Ok(message) = Message::parse(&datagram) {
            let carried = message.attributes().filter(|attribute| attribute.kind == AttributeType(0xC070));
            carried.for_each(|attribute| known[conversation].see(end, attribute.value));
        }
        let judgement = conversations.judge(flow, step.way, &datagram, now, settings);
        check(settings, judgement, known[conversation].could_be_open(step.path), &datagram);
        verdicts.push(judgement.refused);
    }
    verdicts
}

fn check(settings: &Settings, judgement: Judgement, could_be_open: bool, datagram: &[u8]) {
    if settings.mode == Mode::Off {
        assert_eq!(judgement, Judgement::default(), "nothing is looked at");
        return;
    }
    let media = matches!(datagram.first(), Some(128..=191));
    if judgement.refused.is_none() {
        assert!(!media || could_be_open, "media without a handshake");
        assert!(matches!(datagram.first(), Some(0..=3 | 20..=63 | 128..=191)), "a class that nobody may send");
    }
    match judgement.fact {
        Some(Fact::Opened { version, profile, .. }) => {
            assert!(judgement.refused.is_none() && could_be_open, "opened without a handshake");
            assert!(version >= settings.min_version && profile.is_none_or(|profile| settings.profiles.has(profile)));
        }
        Some(Fact::Refused { reason }) => assert_eq!(judgement.refused, Some(reason)),
        Some(Fact::Closed { .. }) => panic!("a datagram closes nothing"),
        None => {}
    }
}

/// The same datagram, in which each fragment of a handshake message in the clear is two, in a record each.
fn halved(datagram: &[u8]) -> Vec<u8> {
    let mut halved = Vec::with_capacity(datagram.len() * 2);
    let mut rest = datagram;
    while let Some((&header, behind)) = rest.split_first_chunk::<13>() {
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let clear = header[0] == 22 && header[1] == 0xFE && header[3..5] == [0, 0];
        let Some((mut body, next)) =
            behind.split_at_checked(length).filter(|_| clear && (1..=16_384).contains(&length))
        else {
            break;
        };
        let mut record = |body: &[u8]| {
            halved.extend_from_slice(&header[..11]);
            halved.extend(u16::try_from(body.len()).expect("shorter than it was").to_be_bytes());
            halved.extend_from_slice(body);
        };
        while let Some(Ok(fragment)) = Fragments::new(body).next() {
            let (one, other) = fragment.body.split_at(fragment.body.len() / 2);
            let half = |offset: usize, part: &[u8]| {
                let offset = usize::try_from(fragment.offset).expect("24 bits") + offset;
                let three = |number: usize| u32::try_from(number).expect("24 bits").to_be_bytes();
                [&body[..6], &three(offset)[1..], &three(part.len())[1..], part].concat()
            };
            if !one.is_empty() {
                record(&half(0, one));
            }
            record(&half(one.len(), other));
            body = &body[12 + fragment.body.len()..];
        }
        if !body.is_empty() {
            record(body);
        }
        rest = next;
    }
    halved.extend_from_slice(rest);
    halved
}

/// Makes the length and the FINGERPRINT of what looks like STUN right, which no mutation would.
fn repair(datagram: &mut [u8]) {
    let length = datagram.len();
    if length < 28 || !length.is_multiple_of(4) {
        return;
    }
    let Ok(body) = u16::try_from(length - 20) else { return };
    datagram[2..4].copy_from_slice(&body.to_be_bytes());
    datagram[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
    let mut crc = u32::MAX;
    for byte in &datagram[..length - 8] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    datagram[length - 8..length - 4].copy_from_slice(&[0x80, 0x28, 0, 4]);
    datagram[length - 4..].copy_from_slice(&(!crc ^ 0x5354_554E).to_be_bytes());
}

/// A program of datagrams: it has answers, no media passes without a handshake, and how fragments are cut changes none.
pub fn seal_datagrams(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let (settings, steps) = (settings(first), steps(rest));
    let verdicts = run(&settings, &steps, false);
    if bytes.len() < LITTLE && steps.iter().all(|step| step.kind != 2) {
        assert_eq!(run(&settings, &steps, true), verdicts, "fragments that are cut change a verdict");
    }
}
