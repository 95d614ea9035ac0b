//! Unproven senders cost no memory: a hundred thousand of them leave the relay as small as it was. A counting allocator
//! is the witness, and it is why this test has a binary of its own.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    reason = "a test that fails should say where"
)]

mod counting;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hilum::addr::{ClientAddr, FiveTuple, Link};
use hilum::auth::{Authenticator, Credentials, NonceKey, StaticUser};
use hilum::policy::{PeerRules, Policy, Quota};
use hilum::time::{Lifetime, Moment, Now, UnixTime};
use hilum::turn::{Common, Discard, Origin, Relay, Settings, Slot, Verdict};
use hilum::wire::{
    AttributeType, Class, ErrorCode, IntegrityKey, IntegrityKind, Message, MessageWriter, Method, PasswordAlgorithm,
    TransactionId,
};

/// Strangers of one soak.
const STRANGERS: u32 = 100_000;
/// What they may leave behind: 1 MiB, ten bytes for each. A single table entry would be more.
const BOUND: i64 = 1 << 20;

struct World {
    relay: Relay,
    slot: Slot,
    now: Now,
    answered: u64,
}

impl World {
    fn new() -> Self {
        let quota = Quota::default();
        let user = StaticUser { name: "alice".into(), password: b"a long enough password".to_vec() };
        let credentials = Credentials::new(vec![user], Vec::new()).unwrap();
        let authenticator = Authenticator::new("hilum", credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600));
        let policy = Policy {
            peers: PeerRules::default(),
            quota,
            challenges_per_second: 20,
            seal: hilum::policy::seal::Settings { mode: hilum::policy::seal::Mode::Off, ..Default::default() },
        };
        let common = Common::new(quota, &[Ipv4Addr::new(198, 51, 100, 1).into()]);
        Self {
            relay: Relay::new(Settings::default(), Arc::new(authenticator), Arc::new(policy), common, [42; 32]),
            slot: Slot::new(),
            now: Now { moment: Moment::from_secs(1000), unix: UnixTime::from_secs(1_700_000_000) },
            answered: 0,
        }
    }

    /// One datagram from a stranger of its own, one every 100 µs.
    fn hear(&mut self, number: u32, bytes: &[u8]) -> Verdict {
        let source = SocketAddr::new(Ipv4Addr::from(0x0100_0000 + number * 7).into(), 4000);
        let client = FiveTuple { client: ClientAddr::new(source), link: Link::Udp(0) };
        self.now.moment = Moment::from_nanos(self.now.moment.as_nanos() + 100_000);
        self.slot.fill_from(bytes, Origin::Client(client));
        self.relay.handle(&mut self.slot, self.now);
        self.relay.tick(self.now);
        self.answered += u64::from(matches!(self.slot.verdict(), Verdict::ToClient(_)));
        self.slot.verdict()
    }
}

fn request(number: u32, method: Method, write: impl FnOnce(&mut MessageWriter<'_>)) -> ([u8; 512], usize) {
    let mut buffer = [0; 512];
    let mut id = [0; 12];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, TransactionId(id));
    write(&mut writer);
    let length = writer.finish().unwrap();
    (buffer, length)
}

/// By how many live bytes a soak makes this thread grow, after a warm-up of the same kind.
fn growth(world: &mut World, mut stranger: impl FnMut(&mut World, u32)) -> i64 {
    for number in 0..STRANGERS / 10 {
        stranger(world, number);
    }
    let soak = || {
        for number in 0..STRANGERS {
            stranger(world, number);
        }
    };
    counting::count(soak).1
}

#[test]
fn a_hundred_thousand_unauthenticated_allocates_cost_less_than_a_mebibyte() {
    let mut world = World::new();
    let (buffer, length) = request(1, Method::Allocate, |writer| {
        writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        writer.attribute(AttributeType::SOFTWARE, b"a stranger who allocates without end");
    });
    let grown = growth(&mut world, |world, number| {
        let verdict = world.hear(number, &buffer[..length]);
        if matches!(verdict, Verdict::ToClient(_)) {
            let answer = Message::parse(world.slot.message()).unwrap();
            let code = answer.value(AttributeType::ERROR_CODE).unwrap();
            assert_eq!(ErrorCode::decode(code).unwrap().0, ErrorCode::UNAUTHENTICATED);
        } else {
            assert_eq!(verdict, Verdict::Discard(Discard::ChallengeBudget));
        }
    });
    assert!(grown < BOUND, "grew by {grown} bytes");
    assert!(world.answered > u64::from(STRANGERS / 2), "most are challenged: {}", world.answered);
    assert_eq!(world.relay.allocations(), 0);
    assert!(world.relay.take_event().is_none(), "strangers make no facts");
}

#[test]
fn a_hundred_thousand_bindings_cost_less_than_a_mebibyte() {
    let mut world = World::new();
    let (buffer, length) = request(1, Method::Binding, |_| ());
    let grown = growth(&mut world, |world, number| {
        world.hear(number, &buffer[..length]);
    });
    assert!(grown < BOUND, "grew by {grown} bytes");
    assert!(world.answered > u64::from(STRANGERS / 2));
}

#[test]
fn a_hundred_thousand_invented_nonces_cost_less_than_a_mebibyte() {
    let mut world = World::new();
    let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, b"alice", b"hilum", b"a long enough password");
    let (buffer, length) = request(1, Method::Allocate, |writer| {
        writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
        writer.attribute(AttributeType::USERNAME, b"alice").attribute(AttributeType::REALM, b"hilum");
        writer.attribute(AttributeType::NONCE, b"obMatJos2gAAAinvented nonce!").integrity(IntegrityKind::Sha1, &key);
    });
    let grown = growth(&mut world, |world, number| {
        world.hear(number, &buffer[..length]);
    });
    assert!(grown < BOUND, "grew by {grown} bytes");
    assert_eq!(world.relay.allocations(), 0);
}

// The witness itself: an allocation that stays is seen.
#[test]
fn the_allocator_sees_what_stays() {
    let mut kept = Vec::new();
    assert!(counting::count(|| kept = vec![0_u8; 2 << 20]).1 > BOUND);
    assert_eq!(counting::count(|| drop(kept)).1, -(2 << 20));
}
