//! What `hilum demo`, `hilum doctor` and the benches send instead of a call, before the seal that real calls go through.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::net::SocketAddr;

use hilum::auth::Party;
use hilum::client::{LARGEST_PACKET, Rehearsal, SMALLEST_PACKET, Side};
use hilum::policy::seal::{
    Conversations, Fact, Flow, Judgement, Local, Other, Profile, Reason, Settings, SuiteClass, Version, Way,
};
use hilum::time::Moment;

const NOW: Moment = Moment::from_secs(10);

/// Two allocations of one relay, and what each of them knows of the other.
struct World {
    conversations: Conversations,
    near: Flow,
    far: Flow,
    settings: Settings,
}

impl World {
    fn new(near: &[u8], far: &[u8], settings: Settings) -> Self {
        let conversations = Conversations::new([1, 2, 3, 4], 100);
        let [one, other]: [SocketAddr; 2] = ["192.0.2.1:50001", "192.0.2.1:50000"].map(|each| each.parse().unwrap());
        let (near, far) = (Party::of(near), Party::of(far));
        let flow = |party, relayed, peer, of| {
            conversations.flow(Local { party, relayed }, peer, Other::Party(of), NOW).unwrap()
        };
        let (near, far) = (flow(near, one, other, far), flow(far, other, one, near));
        Self { conversations, near, far, settings }
    }

    /// What the relay says when the datagram leaves one allocation, and when it comes to the other.
    fn relayed(&mut self, from: Side, datagram: &[u8]) -> [Judgement; 2] {
        let (first, second) = match from {
            Side::Client => (&mut self.near, &mut self.far),
            Side::Server => (&mut self.far, &mut self.near),
        };
        [(first, Way::Up), (second, Way::Down)]
            .map(|(flow, way)| self.conversations.judge(flow, way, datagram, NOW, &self.settings))
    }

    fn refused(&mut self, from: Side, datagram: &[u8]) -> Option<Reason> {
        self.relayed(from, datagram).into_iter().find_map(|judgement| judgement.refused)
    }
}

/// The strictest settings and the loosest.
fn settings() -> Vec<Settings> {
    let one = |profile| Settings { profiles: [profile].into_iter().collect(), ..Settings::default() };
    let newest = Settings { min_version: Version::Dtls13, ..Settings::default() };
    Profile::ALL.into_iter().map(one).chain([Settings::default(), newest]).collect()
}

#[test]
fn a_rehearsal_opens_every_seal_and_its_media_passes() {
    for settings in settings() {
        // Two parties; and one, as in the demo, whose two ends only the hello tells apart.
        for (near, far) in [("a", "b"), ("b", "a"), ("a", "a")] {
            let mut world = World::new(near.as_bytes(), far.as_bytes(), settings);
            let call = Rehearsal::new([7; 24]);
            let mut opened = Vec::new();
            for (side, datagram) in call.handshake() {
                for judgement in world.relayed(side, &datagram) {
                    assert_eq!(judgement.refused, None, "{near} {far} {settings:?}");
                    opened.extend(judgement.fact);
                }
            }
            assert!(
                matches!(
                    opened[..],
                    [Fact::Opened { version: Version::Dtls13, profile: None, suite: SuiteClass::Tls13, .. }]
                ),
                "{opened:?}"
            );
            for number in 0..2000 {
                let size = SMALLEST_PACKET + number as usize % (LARGEST_PACKET - SMALLEST_PACKET);
                for side in [Side::Client, Side::Server] {
                    assert_eq!(world.refused(side, &call.sealed(number, size)), None, "{number} of {size} bytes");
                }
            }
        }
    }
}

#[test]
fn without_its_handshake_nothing_of_a_rehearsal_passes() {
    let mut world = World::new(b"a", b"b", Settings::default());
    let call = Rehearsal::new([7; 24]);
    for number in 0..100 {
        assert_eq!(world.refused(Side::Client, &call.sealed(number, 172)), Some(Reason::MediaUnsealed));
        assert_eq!(world.refused(Side::Client, &call.unsealed(number, 172)), Some(Reason::MediaUnsealed));
    }
    let [hello, ..] = call.handshake();
    assert_eq!(world.refused(hello.0, &hello.1), None);
    assert_eq!(world.refused(Side::Server, &call.sealed(0, 172)), Some(Reason::MediaEarly));
}

#[test]
fn packets_are_of_their_call_and_have_their_number() {
    let (call, other) = (Rehearsal::new([7; 24]), Rehearsal::new([8; 24]));
    for number in [0, 1, 65_535, 65_536, 10_000_000] {
        for packet in [call.sealed(number, 100), call.unsealed(number, 100)] {
            assert_eq!(packet.len(), 100);
            assert_eq!((call.number(&packet), other.number(&packet)), (Some(number), None));
        }
    }
    assert_eq!(call.sealed(5, 100), Rehearsal::new([7; 24]).sealed(5, 100));
    assert_ne!(call.sealed(5, 100)[12..], call.sealed(6, 100)[12..]);
    assert_eq!(call.sealed(0, 0).len(), SMALLEST_PACKET);
    assert_eq!(call.number(b"\x80\x6f"), None);
}
