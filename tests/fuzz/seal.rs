//! A program of datagrams, waits and new allocations on six flows of four conversations, played against the seal beside a
//! model that only remembers which hellos and encrypted records have passed.
//!
//! A step begins with a byte: three bits for the flow, one for the way, four for what is done; see [`Play::step`].

use core::net::SocketAddr;
use std::time::Duration;

use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Fact, Flow, Judgement, Local, Mode, Other, Settings, Version, Way};
use hilum::time::{Lifetime, Moment};
use hilum::wire::{AttributeType, Class, IntegrityKey, IntegrityKind, MessageWriter, Method, TransactionId};

#[path = "../wire/hellos.rs"]
pub mod hellos;

use hellos::{Client, Server, fragment, handshake, record, unified};

const FLOWS: usize = 6;
/// More steps prove nothing new and cost time.
const MOST_STEPS: usize = 400;

/// What has passed in one conversation.
#[derive(Clone, Copy, Debug, Default)]
struct Model {
    client_hello: bool,
    server_hello: bool,
    /// Records that look encrypted, by the way they went relative to the conversation's first flow.
    encrypted: [bool; 2],
    opened: bool,
}

struct Play<'a> {
    program: &'a [u8],
    conversations: Conversations,
    flows: Vec<Flow>,
    models: [Model; 4],
    now: Moment,
    settings: Settings,
}

/// Which conversation a flow is in, and whether its client is the conversation's other end.
const IN: [(usize, bool); FLOWS] = [(0, false), (0, true), (1, false), (2, false), (2, true), (3, false)];

fn address(last: u8) -> SocketAddr {
    ([198, 51, 100, last], 50_000).into()
}

fn flow(conversations: &Conversations, index: usize, now: Moment) -> Flow {
    let party = |name: &str| Party::of(name.as_bytes());
    let (local, relayed, peer, other) = match index {
        0 => ("alice", 1, 2, Other::Party(party("bob"))),
        1 => ("bob", 2, 1, Other::Party(party("alice"))),
        2 => ("alice", 1, 9, Other::Address([198, 51, 100, 9].into())),
        3 => ("carol", 3, 4, Other::Party(party("carol"))),
        4 => ("carol", 4, 3, Other::Party(party("carol"))),
        _ => ("bob", 2, 8, Other::Address([198, 51, 100, 8].into())),
    };
    let local = Local { party: party(local), relayed: address(relayed) };
    conversations.flow(local, address(peer), other, now).expect("six flows are not too many")
}

/// The target.
pub fn seal(program: &[u8]) {
    run(program);
}

/// Plays a program; says which conversations it has opened.
pub fn run(program: &[u8]) -> [bool; 4] {
    let conversations = Conversations::new([1, 2, 3, 4], 100);
    let now = Moment::from_secs(1000);
    let flows = (0..FLOWS).map(|index| flow(&conversations, index, now)).collect();
    let settings = Settings::default();
    let mut play = Play { program, conversations, flows, models: [Model::default(); 4], now, settings };
    for _ in 0..MOST_STEPS {
        if play.step().is_none() {
            break;
        }
    }
    play.models.map(|model| model.opened)
}

impl Play<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.program.split_first()?;
        self.program = rest;
        Some(first)
    }

    fn step(&mut self) -> Option<()> {
        let operation = self.byte()?;
        let index = usize::from(operation & 7) % FLOWS;
        let way = if operation & 8 == 0 { Way::Up } else { Way::Down };
        match operation >> 4 {
            // Bytes as they are; with a FINGERPRINT that is made right.
            kind @ 0..=5 => {
                let length = usize::from(u16::from_be_bytes([self.byte()?, self.byte()?]));
                let (bytes, rest) = self.program.split_at(length.min(self.program.len()));
                self.program = rest;
                let mut datagram = bytes.to_vec();
                if kind >= 4 {
                    mend(&mut datagram);
                }
                self.judge(index, way, &datagram);
            }
            // A sound datagram, perhaps with one byte changed.
            6..=10 => {
                let (which, at, change) = (self.byte()?, self.byte()?, self.byte()?);
                let mut datagram = sound(which);
                let at = usize::from(at) * datagram.len() / 256;
                if let Some(byte) = datagram.get_mut(at) {
                    *byte ^= change;
                }
                mend(&mut datagram);
                self.judge(index, way, &datagram);
            }
            11 | 12 => {
                let wait = Duration::from_micros(1 << (self.byte()? % 32));
                self.now = self.now + wait;
            }
            // A new allocation: what was agreed on is in the conversation.
            13 => self.flows[index] = flow(&self.conversations, index, self.now),
            14 => drop(self.conversations.sweep(self.now, Lifetime::from_secs(60))),
            _ => {
                self.settings.statistics = way == Way::Up;
                self.settings.mode = if index == 5 { Mode::Report } else { Mode::Enforce };
                self.settings.min_version = if index == 4 { Version::Dtls13 } else { Version::Dtls12 };
            }
        }
        Some(())
    }

    fn judge(&mut self, index: usize, way: Way, datagram: &[u8]) {
        let (conversation, turned) = IN[index];
        let judgement = self.conversations.judge(&mut self.flows[index], way, datagram, self.now, &self.settings);
        let Judgement { refused, fact } = judgement;
        let model = &mut self.models[conversation];
        if let Some(Fact::Refused { reason }) = fact {
            assert_eq!(refused, Some(reason), "a refusal is the fact of its own datagram");
        }
        if refused.is_none() {
            let side = usize::from((way == Way::Down) != turned);
            model.remember(datagram, side);
        }
        if matches!(fact, Some(Fact::Opened { .. })) {
            assert!(refused.is_none(), "what opens a seal passes");
            assert!(model.client_hello && model.server_hello, "a seal without both hellos");
            // With one credential at both ends the sides may be confused, and both ways count as one.
            let [one, other] = model.encrypted;
            assert!(one && other || conversation == 2 && (one || other), "a seal before both have finished");
            model.opened = true;
        }
        if refused.is_none() && datagram.first().is_some_and(|&first| first & 0xc0 == 0x80) {
            assert!(model.opened, "media without a seal");
        }
    }
}

impl Model {
    /// Looks for the signs of a handshake anywhere in the datagram: a reading that can only see too much.
    fn remember(&mut self, datagram: &[u8], side: usize) {
        for at in 0..datagram.len() {
            let rest = &datagram[at..];
            let clear = rest.len() > 25 && rest[0] == 22 && rest[1] == 0xfe && rest[3..5] == [0, 0];
            // A message may come behind another one in its record, or in fragments: its type is in front of each.
            self.client_hello |= clear && rest[13..].contains(&1);
            self.server_hello |= clear && rest[13..].contains(&2);
            let encrypted_12 = rest.len() > 13 && matches!(rest[0], 22 | 25) && rest[1] == 0xfe && rest[3..5] != [0, 0];
            let encrypted_13 = rest.len() > 16 && rest[0] & 0xe0 == 0x20;
            self.encrypted[side] |= encrypted_12 || encrypted_13;
        }
    }
}

/// Makes the FINGERPRINT at the end of what may be STUN right: no fuzzer guesses it.
fn mend(datagram: &mut [u8]) {
    let length = datagram.len();
    if length < 28 || datagram[0] > 3 || datagram[length - 8..length - 4] != [0x80, 0x28, 0, 4] {
        return;
    }
    let value = crc32(&datagram[..length - 8]) ^ 0x5354_554e;
    datagram[length - 4..].copy_from_slice(&value.to_be_bytes());
}

/// The polynomial of RFC 8489 §14.7, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 0 { sum >> 1 } else { (sum >> 1) ^ 0xEDB8_8320 })
    })
}

fn check(class: Class, inside: &[u8]) -> Vec<u8> {
    let transaction = TransactionId([7; 12]);
    let mut buffer = vec![0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, class, Method::Binding, transaction);
    match class {
        Class::Request => {
            writer.attribute(AttributeType::USERNAME, b"abcd:efgh");
        }
        Class::Success | Class::Error | Class::Indication => {
            writer.xor_address(AttributeType::XOR_MAPPED_ADDRESS, address(2), transaction);
        }
    }
    if !inside.is_empty() {
        writer.attribute(AttributeType(0xc070), inside);
    }
    let key = IntegrityKey::from_bytes(b"a password of ICE").expect("it is short");
    let length = writer.integrity(IntegrityKind::Sha1, &key).fingerprint().finish().expect("it fits");
    buffer.truncate(length);
    buffer
}

/// What honest ends send, by number.
pub fn sound(which: u8) -> Vec<u8> {
    const DTLS_1_2: u16 = 0xFEFD;
    let client = Client::modern();
    let hello = client.encode();
    let (first, second) = hello.split_at(70);
    let in_part = |offset, body| record(22, 0xFEFF, 0, 0, &fragment(1, hello.len(), 0, offset, body));
    let server = Server::of_1_2();
    let noise: Vec<u8> = (0..120_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 21).to_be_bytes()[3]).collect();
    let rtp = |second: u8, length: usize| {
        let head = [0x80, second, 0x12, 0x34, 0, 0, 0, 1, 0xA1, 0xA2, 0xA3, 0xA4];
        [&head[..], &noise[..length]].concat()
    };
    match which % 24 {
        0 => record(22, DTLS_1_2, 0, 0, &handshake(1, 0, &hello)),
        1 => in_part(0, first),
        2 => in_part(70, second),
        3 => record(22, DTLS_1_2, 0, 0, &handshake(2, 0, &server.encode())),
        4 => record(22, DTLS_1_2, 0, 0, &handshake(2, 0, &Server::of_1_3().encode())),
        5 => record(22, DTLS_1_2, 0, 0, &handshake(3, 0, &[0xFE, 0xFF, 4, 1, 2, 3, 4])),
        6 => record(22, DTLS_1_2, 0, 1, &[handshake(11, 1, &[5; 50]), handshake(14, 2, &[])].concat()),
        7 => record(20, DTLS_1_2, 0, 3, &[1]),
        8 => record(22, DTLS_1_2, 1, 0, &noise[..40]),
        9 => unified(2, &[], true, true, &noise[..61]),
        10 => unified(3, &[], true, true, &noise[..40]),
        11 => record(23, DTLS_1_2, 1, 5, &noise[..60]),
        12 => record(21, DTLS_1_2, 0, 5, &[2, 40]),
        13 => rtp(111, 80),
        14 => [&[0x81, 200, 0, 6, 0, 0, 0, 9][..], &noise[..40], &[0x80, 0, 0, 1], &noise[..10]].concat(),
        15 => [&[0x81, 201, 0, 1, 0, 0, 0, 9][..], &noise[..16], &[0x80, 0, 0, 1]].concat(),
        16 => vec![0x80, 201, 0, 1, 0, 0, 0, 10],
        17 => check(Class::Request, &[]),
        18 => check(Class::Success, &[]),
        19 => check(Class::Request, &record(22, DTLS_1_2, 0, 0, &handshake(1, 0, &hello))),
        20 => check(Class::Success, &unified(2, &[], true, true, &noise[..61])),
        21 => {
            let other = Client { random: [9; 32], ..client };
            record(22, DTLS_1_2, 0, 0, &handshake(1, 0, &other.encode()))
        }
        22 => {
            let flight = [record(20, DTLS_1_2, 0, 3, &[1]), record(22, DTLS_1_2, 1, 0, &noise[..40])];
            flight.concat()
        }
        _ => record(26, DTLS_1_2, 0, 9, &[0, 0]),
    }
}

/// Programs with a meaning: handshakes, and what may and may not follow them.
#[allow(dead_code, reason = "the seeds are made by the tests, not by libFuzzer")]
pub fn programs() -> Vec<(&'static str, Vec<u8>)> {
    /// A sound datagram on flow `flow`.
    fn up(flow: u8, which: u8) -> Vec<u8> {
        vec![0x60 | flow, which, 0, 0]
    }
    fn down(flow: u8, which: u8) -> Vec<u8> {
        vec![0x68 | flow, which, 0, 0]
    }
    let complete_12 = |flow| [up(flow, 0), down(flow, 3), down(flow, 6), up(flow, 22), down(flow, 22)].concat();
    let complete_13 = |flow| [up(flow, 1), up(flow, 2), down(flow, 4), down(flow, 9), up(flow, 9)].concat();
    let raw = |flow: u8, bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).expect("it is short").to_be_bytes();
        [&[flow][..], &length, bytes].concat()
    };
    vec![
        ("nothing", Vec::new()),
        ("media_first", up(0, 13)),
        ("handshake_1_2_then_media", [complete_12(0), up(0, 13), down(0, 14), up(0, 11)].concat()),
        ("handshake_1_3_then_media", [complete_13(2), up(2, 13), down(2, 15), up(2, 10)].concat()),
        ("handshake_of_others", [complete_13(0), up(2, 13), up(3, 13)].concat()),
        ("handshake_of_two_alike", [complete_12(3), up(4, 13), down(4, 13)].concat()),
        (
            "both_legs",
            [up(0, 0), down(1, 0), up(1, 4), down(0, 4), up(1, 9), down(0, 9), up(0, 9), down(1, 9)].concat(),
        ),
        ("another_path", [complete_13(0), vec![0xD0], up(0, 13), up(0, 10)].concat()),
        ("checks", [up(2, 17), down(2, 18), up(5, 17), down(5, 18)].concat()),
        ("handshake_in_checks", [up(0, 19), down(0, 4), down(0, 20), up(0, 9), up(0, 13)].concat()),
        ("again", [complete_12(0), up(0, 21), down(0, 4), up(0, 13), down(0, 9), up(0, 9), up(0, 13)].concat()),
        ("forgotten", [complete_12(0), vec![0xD0, 0xD1, 0xBF, 27, 0xE0, 0xBF, 27, 0xE0], up(0, 13)].concat()),
        (
            "clear",
            [complete_12(0), raw(0, &[&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0xFF; 60]].concat())].concat(),
        ),
        ("other_protocols", [raw(0, b"GET / HTTP/1.1\r\n"), raw(8, &[0x10; 20]), raw(0, &[0x40, 1, 0, 0])].concat()),
    ]
}
