//! Properties: how a handshake is cut into fragments, and in which order they come, changes no verdict; and whatever
//! comes, the seal answers.

use std::net::SocketAddr;
use std::time::Duration;

use hilum::auth::Party;
use hilum::policy::seal::{Conversations, Fact, Flow, Judgement, Local, Mode, Other, Reason, Settings, Version, Way};
use hilum::time::{Lifetime, Moment};
use proptest::prelude::*;

use crate::bytes::ciphertext;
use crate::bytes::dtls::{Hello, fragment, random, record};
use crate::memory::handshake_of;

/// What is chosen about a pair of hellos.
#[derive(Clone, Debug)]
struct Talk {
    new: bool,
    suites: Vec<u16>,
    suite: u16,
    srtp: Option<Vec<u16>>,
    profile: Option<u16>,
    key_share: usize,
}

fn talks() -> impl Strategy<Value = Talk> {
    let suite = || prop::sample::select(vec![0xC02B_u16, 0xC02F, 0x1301, 0x1303, 0x0001, 0x002F, 0xC013]);
    let profile = || prop::sample::select(vec![0x0007_u16, 0x0008, 0x0001, 0x0002, 0x0005]);
    (
        any::<bool>(),
        prop::collection::vec(suite(), 1..4),
        suite(),
        prop::option::weighted(0.9, prop::collection::vec(profile(), 1..4)),
        prop::option::weighted(0.8, profile()),
        prop::sample::select(vec![0_usize, 32, 1184]),
    )
        .prop_map(|(new, suites, suite, srtp, profile, key_share)| Talk {
            new,
            suites,
            suite,
            srtp,
            profile,
            key_share,
        })
}

impl Talk {
    fn hellos(&self) -> [Vec<u8>; 2] {
        let hello = Hello {
            random: random(1),
            legacy: 0xFEFD,
            versions: self.new.then(|| vec![0xFEFC, 0xFEFD]),
            suites: self.suites.clone(),
            srtp: self.srtp.clone(),
            mki: Vec::new(),
            cookie: Vec::new(),
            connection_id: None,
            compression: vec![0],
            key_share: self.key_share,
        };
        let answer = Hello {
            random: random(2),
            versions: self.new.then(|| vec![0xFEFC]),
            suites: vec![self.suite],
            srtp: self.profile.map(|profile| vec![profile]),
            key_share: 32,
            ..hello.clone()
        };
        [hello.client(), answer.server()]
    }
}

/// Where a message is cut, and in which order and how often its fragments come.
#[derive(Clone, Debug)]
struct Cuts {
    at: Vec<prop::sample::Index>,
    order: Vec<prop::sample::Index>,
    /// How many fragments share a datagram.
    packed: usize,
}

fn cuts() -> impl Strategy<Value = Cuts> {
    (
        prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        1..4_usize,
    )
        .prop_map(|(at, order, packed)| Cuts { at, order, packed })
}

impl Cuts {
    /// All fragments once, in some order, after some that will come again.
    fn datagrams(&self, kind: u8, message: &[u8]) -> Vec<Vec<u8>> {
        let mut ends: Vec<usize> = self.at.iter().map(|index| index.index(message.len())).collect();
        ends.extend([0, message.len()]);
        ends.sort_unstable();
        ends.dedup();
        let mut fragments: Vec<Vec<u8>> =
            ends.windows(2).map(|two| fragment(kind, 0, message.len(), two[0], &message[two[0]..two[1]])).collect();
        let mut order = self.order.iter();
        for end in (1..fragments.len()).rev() {
            if let Some(index) = order.next() {
                fragments.swap(end, index.index(end + 1));
            }
        }
        // What comes twice comes before the message is whole: a message that comes again is judged again.
        let last = fragments.pop().unwrap();
        let again: Vec<Vec<u8>> = order
            .filter(|_| !fragments.is_empty())
            .map(|index| fragments[index.index(fragments.len())].clone())
            .collect();
        fragments.extend(again);
        fragments.push(last);
        let mut number = 0;
        let records: Vec<Vec<u8>> = (fragments.iter())
            .map(|fragment| {
                number += 1;
                record(22, 0xFEFD, 0, number, fragment)
            })
            .collect();
        records.chunks(self.packed).map(|chunk| chunk.concat()).collect()
    }
}

fn flow(conversations: &Conversations) -> Flow {
    let local = Local { party: Party::of(b"alice"), relayed: "198.51.100.1:50001".parse().unwrap() };
    let peer: SocketAddr = "198.51.100.1:50002".parse().unwrap();
    conversations.flow(local, peer, Other::Party(Party::of(b"bob")), Moment::from_secs(1000)).unwrap()
}

/// The verdicts that matter: of each hello once it is whole, of what finishes the handshake, and of media.
fn verdicts(talk: &Talk, of_client: &Cuts, of_server: &Cuts) -> (Vec<Option<Reason>>, Vec<Version>) {
    let conversations = Conversations::new([1, 2, 3, 4], 10);
    let mut flow = flow(&conversations);
    let mut opened = Vec::new();
    let mut judge = |way, datagram: &[u8]| -> Option<Reason> {
        let judgement: Judgement =
            conversations.judge(&mut flow, way, datagram, Moment::from_secs(1000), &Settings::default());
        if let Some(Fact::Opened { version, .. }) = judgement.fact {
            opened.push(version);
        }
        judgement.refused
    };
    let [hello, answer] = talk.hellos();
    let mut seen = Vec::new();
    for (way, kind, message, cuts) in [(Way::Up, 1, hello, of_client), (Way::Down, 2, answer, of_server)] {
        let datagrams = cuts.datagrams(kind, &message);
        let (last, before) = datagrams.split_last().unwrap();
        for datagram in before {
            assert_eq!(judge(way, datagram), None, "a part of a message is no reason");
        }
        seen.push(judge(way, last));
    }
    for way in [Way::Up, Way::Down] {
        let finished: Vec<u8> = if talk.new {
            crate::bytes::dtls::unified(2, 0, &[], &ciphertext(1, 61))
        } else {
            [record(20, 0xFEFD, 0, 90, &[1]), record(22, 0xFEFD, 1, 0, &ciphertext(1, 40))].concat()
        };
        seen.push(judge(way, &finished));
    }
    let media = [[0x80, 111].as_slice(), &ciphertext(3, 100)].concat();
    seen.extend([judge(Way::Up, &media), judge(Way::Down, &media)]);
    (seen, opened)
}

const WHOLE: Cuts = Cuts { at: Vec::new(), order: Vec::new(), packed: 1 };

// Issue 3: "verdicts independent of how a datagram is split across fragments".
proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cutting_a_handshake_into_fragments_changes_no_verdict(talk in talks(), one in cuts(), other in cuts()) {
        prop_assert_eq!(verdicts(&talk, &one, &other), verdicts(&talk, &WHOLE, &WHOLE));
    }
}

/// A datagram of any kind: good ones, good ones that are broken, and noise.
fn datagrams() -> impl Strategy<Value = Vec<u8>> {
    let good: Vec<Vec<u8>> = ["1.2 cookie", "1.3 retry", "1.2 connection-ids", "1.3 connection-ids", "1.2 pieces=40"]
        .iter()
        .flat_map(|options| handshake_of(options, 3))
        .map(|(_, datagram)| datagram)
        .collect();
    let good = prop::sample::select(good);
    prop_oneof![
        4 => good.clone(),
        2 => (good.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => (good, any::<prop::sample::Index>()).prop_map(|(mut bytes, at)| {
            bytes.truncate(at.index(bytes.len()));
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..80),
        1 => (0x80..0xC0_u8, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(first, mut rest)| {
            rest.insert(0, first);
            rest
        }),
        1 => (20..64_u8, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(first, mut rest)| {
            rest.splice(0..0, [first, 0xFE, 0xFD]);
            rest
        }),
    ]
}

/// A flow, a way, milliseconds, a datagram.
type Step = (usize, bool, u64, Vec<u8>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        (0..5_usize, any::<bool>(), prop::sample::select(vec![0, 0, 0, 50, 40_000]), datagrams()),
        0..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    // RFC 7983 and every parser below it: any sequence of datagrams has an answer, and without both hellos no media.
    #[test]
    fn any_sequence_of_datagrams_is_answered(steps in steps(), mode in prop::sample::select(Mode::ALL.to_vec())) {
        let conversations = Conversations::new([1, 2, 3, 4], 10);
        let settings = Settings { mode, grace: Lifetime::from_secs(60), ..Settings::default() };
        let mut now = Moment::from_secs(1000);
        let peers = ["198.51.100.1:2", "198.51.100.1:3", "203.0.113.5:4", "[2001:db8::5]:4", "198.51.100.1:1"];
        let others = [
            Other::Party(Party::of(b"bob")),
            Other::Party(Party::of(b"bob")),
            Other::Address("203.0.113.5".parse().unwrap()),
            Other::Address("2001:db8::5".parse().unwrap()),
            Other::Party(Party::of(b"alice")),
        ];
        let local = Local { party: Party::of(b"alice"), relayed: "198.51.100.1:1000".parse().unwrap() };
        let mut flows: Vec<Flow> = (peers.iter().zip(others))
            .map(|(peer, other)| conversations.flow(local, peer.parse().unwrap(), other, now).unwrap())
            .collect();
        for (index, up, milliseconds, datagram) in steps {
            now = now + Duration::from_millis(milliseconds);
            let way = if up { Way::Up } else { Way::Down };
            let judgement = conversations.judge(&mut flows[index], way, &datagram, now, &settings);
            prop_assert!(mode != Mode::Off || judgement == Judgement::default());
            match judgement.fact {
                Some(Fact::Opened { .. }) => prop_assert_eq!(judgement.refused, None),
                Some(Fact::Refused { reason }) => prop_assert_eq!(judgement.refused, Some(reason)),
                Some(Fact::Closed { .. }) => prop_assert!(false, "a datagram closes nothing"),
                None => {}
            }
            conversations.sweep(now, settings.grace);
        }
    }
}
