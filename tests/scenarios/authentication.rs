//! Who may ask (RFC 8656 §5, §7.2 check 1; RFC 8489 §9.2).

use hilum::turn::{Answer as Told, Event};
use hilum::wire::{
    AttributeType, Class, ErrorCode, IntegrityKey, IntegrityKind, MessageWriter, Method, PasswordAlgorithm,
};

use crate::world::{ALICE, Answer, BOB, Client, Outcome, PASSWORD, PEER, REALM, Request, Setup, World};

const METHODS: [Method; 4] = [Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind];

fn unauthenticated(world: &mut World, request: &Request) -> Answer {
    let transaction = world.transaction();
    let bytes = request.unauthenticated(transaction);
    world.expect_answer(&Client::usual(), &bytes)
}

/// An Allocate with these attributes of proof, signed with this key.
fn proof(world: &mut World, attributes: &[(AttributeType, &[u8])], kind: IntegrityKind, key: &IntegrityKey) -> Answer {
    let mut buffer = [0; 1024];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::Allocate, world.transaction());
    writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    let length = writer.integrity(kind, key).finish().unwrap();
    world.expect_answer(&Client::usual(), &buffer[..length])
}

// RFC 8656 §7.2, check 1: "the server MUST require that the request be authenticated"; RFC 8489 §9.2.4: realm and nonce.
#[test]
fn a_request_without_credentials_is_challenged() {
    for method in METHODS {
        let mut world = World::default();
        let answer = unauthenticated(&mut world, &Request::new(method).padding(80));
        answer.expect_error(ErrorCode::UNAUTHENTICATED);
        assert_eq!(answer.value(AttributeType::REALM), Some(REALM.as_bytes().to_vec()));
        assert!(answer.value(AttributeType::NONCE).unwrap().starts_with(b"obMatJos2"));
        let offer = answer.value(AttributeType::PASSWORD_ALGORITHMS);
        assert_eq!(offer, Some(PasswordAlgorithm::OFFER.to_vec()));
        assert!(!answer.message().has(AttributeType::MESSAGE_INTEGRITY));
        assert_eq!(world.relay.allocations(), 0);
        assert_eq!(world.tally().requests(method, Told::Error(ErrorCode::UNAUTHENTICATED)), 1);
    }
}

// RFC 8489 §9.2.4: before the credentials nothing else is looked at.
#[test]
fn a_challenge_comes_before_every_other_fault() {
    for request in [
        Request::new(Method::Allocate).padding(80),
        Request::allocate().with(AttributeType(0x7abc), &[0; 80]),
        Request::bind(0, PEER).padding(80),
    ] {
        unauthenticated(&mut World::default(), &request).expect_error(ErrorCode::UNAUTHENTICATED);
    }
}

// RFC 8489 §9.2.4: a challenge is never more than three times its request.
#[test]
fn a_challenge_is_no_amplifier() {
    for padding in (0..200).step_by(4) {
        let mut world = World::default();
        let transaction = world.transaction();
        let bytes = Request::allocate().padding(padding).unauthenticated(transaction);
        match world.from_client(&Client::usual(), &bytes) {
            Outcome::ToClient(_, answer) => assert!(answer.len() <= 3 * bytes.len()),
            Outcome::Discarded(_) => {}
            other => panic!("an answer or silence, and not {other:?}"),
        }
    }
}

// RFC 8489 §9.2.4: user, realm and password; which of them is wrong is not told.
#[test]
fn wrong_credentials_are_challenged() {
    let mut wrong_password = Client::usual();
    wrong_password.password = "another password".into();
    for client in [wrong_password, Client::usual().named("mallory"), Client::usual().named("")] {
        let mut world = World::default();
        let answer = world.request(&client, Request::allocate());
        answer.expect_error(ErrorCode::UNAUTHENTICATED);
        assert!(answer.message().has(AttributeType::NONCE) && answer.message().has(AttributeType::REALM));
        assert_eq!(world.relay.allocations(), 0);
    }
}

// RFC 8489 §9.2.4: "the request MUST use the realm".
#[test]
fn another_realm_is_challenged() {
    let mut world = World::default();
    let nonce = world.nonce(&Client::usual());
    let attributes = [
        (AttributeType::USERNAME, ALICE.as_bytes()),
        (AttributeType::REALM, b"elsewhere"),
        (AttributeType::NONCE, &nonce),
    ];
    let answer = proof(&mut world, &attributes, IntegrityKind::Sha1, &Client::usual().key());
    answer.expect_error(ErrorCode::UNAUTHENTICATED);
}

// RFC 8489 §9.2.4: integrity without USERNAME, REALM or NONCE is a bad request.
#[test]
fn a_proof_that_lacks_an_attribute_is_a_bad_request() {
    for missing in [AttributeType::USERNAME, AttributeType::REALM, AttributeType::NONCE] {
        let mut world = World::default();
        let nonce = world.nonce(&Client::usual());
        let all = [
            (AttributeType::USERNAME, ALICE.as_bytes()),
            (AttributeType::REALM, REALM.as_bytes()),
            (AttributeType::NONCE, nonce.as_slice()),
        ];
        let some: Vec<_> = all.into_iter().filter(|(kind, _)| *kind != missing).collect();
        let answer = proof(&mut world, &some, IntegrityKind::Sha1, &Client::usual().key());
        answer.expect_error(ErrorCode::BAD_REQUEST);
        assert_eq!(world.relay.allocations(), 0);
    }
}

// RFC 8656 §6: with SHA-256 chosen, the key and the answer's integrity are SHA-256's.
#[test]
fn a_client_that_chooses_sha256_is_answered_with_sha256() {
    let mut world = World::default();
    let nonce = world.nonce(&Client::usual());
    let names = (ALICE.as_bytes(), REALM.as_bytes(), PASSWORD.as_bytes());
    let key = IntegrityKey::long_term(PasswordAlgorithm::Sha256, names.0, names.1, names.2);
    let attributes = [
        (AttributeType::USERNAME, ALICE.as_bytes()),
        (AttributeType::REALM, REALM.as_bytes()),
        (AttributeType::NONCE, nonce.as_slice()),
        (AttributeType::PASSWORD_ALGORITHMS, &PasswordAlgorithm::OFFER),
        (AttributeType::PASSWORD_ALGORITHM, &[0, 2, 0, 0]),
    ];
    let answer = proof(&mut world, &attributes, IntegrityKind::Sha256, &key);
    answer.expect_success();
    assert!(key.verify(IntegrityKind::Sha256, &answer.message()));
}

// RFC 8489 §9.2.4: "438 (Stale Nonce)", with a new one that works.
#[test]
fn an_old_nonce_is_stale_and_its_answer_brings_a_new_one() {
    let mut world = World::default();
    let client = Client::usual();
    let nonce = world.nonce(&client);
    let bytes = |world: &mut World, nonce: &[u8]| Request::allocate().bytes(&client, world.transaction(), nonce);
    world.advance(601);
    let request = bytes(&mut world, &nonce);
    let answer = world.expect_answer(&client, &request);
    answer.expect_error(ErrorCode::STALE_NONCE);
    assert_eq!(answer.value(AttributeType::REALM), Some(REALM.as_bytes().to_vec()));
    let request = bytes(&mut world, &answer.value(AttributeType::NONCE).unwrap());
    world.expect_answer(&client, &request).expect_success();
}

// RFC 8656 §5: "expire the nonce at least once every hour": 600 s, whatever the operator says.
#[test]
fn a_nonce_lives_600_seconds_at_most() {
    let mut world = World::new(Setup { nonce_lifetime: hilum::time::Lifetime::from_secs(7200), ..Setup::default() });
    let client = Client::usual();
    let nonce = world.nonce(&client);
    world.advance(590);
    let request = Request::allocate().bytes(&client, world.transaction(), &nonce);
    world.expect_answer(&client, &request).expect_success();
    world.advance(12);
    let request = Request::refresh(600).bytes(&client, world.transaction(), &nonce);
    world.expect_answer(&client, &request).expect_error(ErrorCode::STALE_NONCE);
}

// RFC 8489 §9.2: a nonce is good where it was sent: another address or port has not received it.
#[test]
fn a_nonce_is_bound_to_the_clients_address_and_port() {
    let mut world = World::default();
    let nonce = world.nonce(&Client::usual());
    for elsewhere in [Client::udp("192.0.2.7:4001"), Client::udp("192.0.2.8:4000")] {
        let request = Request::allocate().bytes(&elsewhere, world.transaction(), &nonce);
        world.expect_answer(&elsewhere, &request).expect_error(ErrorCode::STALE_NONCE);
    }
}

// RFC 8489 §9.2.4: a nonce that was never issued.
#[test]
fn an_invented_nonce_is_stale() {
    for nonce in [&b""[..], b"x", b"obMatJos2AAAAAAAAAAAAAAAAAAA", &[0xff; 128]] {
        let mut world = World::default();
        let request = Request::allocate().bytes(&Client::usual(), world.transaction(), nonce);
        world.expect_answer(&Client::usual(), &request).expect_error(ErrorCode::STALE_NONCE);
    }
}

// RFC 8489 §9.2.4: every byte that is covered by the integrity counts.
#[test]
fn a_changed_request_proves_nothing() {
    let mut world = World::default();
    let client = Client::usual();
    let nonce = world.nonce(&client);
    let bytes = Request::allocate().bytes(&client, world.transaction(), &nonce);
    for at in 20..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Outcome::ToClient(_, answer) = world.from_client(&client, &changed) {
            assert_eq!(Answer(answer).message().class(), Class::Error, "byte {at}");
        }
        assert_eq!(world.relay.allocations(), 0, "byte {at}");
    }
    world.expect_answer(&client, &bytes).expect_success();
}

// RFC 8489 §9.2.4: what is proven is answered with integrity, errors too.
#[test]
fn answers_to_proven_requests_are_signed() {
    let mut world = World::default();
    let client = Client::usual();
    for request in [Request::refresh(600), Request::new(Method::Allocate), Request::allocate(), Request::bind(1, PEER)]
    {
        assert!(world.request(&client, request).is_signed_for(&client));
    }
}

// RFC 8489 §7.3, §14.7: an answer carries FINGERPRINT when the request did.
#[test]
fn fingerprint_is_answered_with_fingerprint() {
    let mut world = World::default();
    let client = Client::usual();
    for (request, expected) in [(Request::allocate().fingerprint(), true), (Request::refresh(600), false)] {
        let answer = world.request(&client, request);
        answer.expect_success();
        assert_eq!(answer.message().fingerprint(), expected.then_some(true));
    }
}

// RFC 8489 §6.3.1: "420 (Unknown Attribute)" with UNKNOWN-ATTRIBUTES, for those who have proven themselves.
#[test]
fn unknown_required_attributes_are_named() {
    for method in METHODS {
        let mut world = World::default();
        let client = Client::usual();
        let request = Request::new(method)
            .with(AttributeType(0x7abc), &[1])
            .with(AttributeType(0xfabc), &[])
            .with(AttributeType(0x0333), &[]);
        let answer = world.request(&client, request);
        answer.expect_error(ErrorCode::UNKNOWN_ATTRIBUTE);
        assert_eq!(answer.value(AttributeType::UNKNOWN_ATTRIBUTES), Some(vec![0x7a, 0xbc, 0x03, 0x33]));
        assert!(answer.is_signed_for(&client));
        assert_eq!(world.relay.allocations(), 0);
    }
}

// RFC 8656 §5: the same username may be used by more than one client.
#[test]
fn two_clients_may_share_a_user() {
    let mut world = World::default();
    world.allocate(&Client::number(1));
    world.allocate(&Client::number(2));
    world.allocate(&Client::number(3).named(BOB));
    assert_eq!(world.relay.allocations(), 3);
}

// RFC 8489 §9.2: answers to strangers are bounded per source and second, and silence is the answer beyond.
#[test]
fn strangers_have_a_budget_of_answers() {
    let mut world = World::new(Setup { challenges_per_second: 5, ..Setup::default() });
    let bytes = Request::allocate().padding(80).unauthenticated(world.transaction());
    let answered = |world: &mut World| {
        (0..20).filter(|_| matches!(world.from_client(&Client::usual(), &bytes), Outcome::ToClient(..))).count()
    };
    assert_eq!(answered(&mut world), 5);
    world.advance(1);
    assert_eq!(answered(&mut world), 5);
    assert_eq!(world.tally().rate_limited, 30);
}

// A refusal of a proven request is a fact; strangers make none, they would fill the log.
#[test]
fn only_refusals_of_proven_requests_are_facts() {
    let mut world = World::default();
    unauthenticated(&mut world, &Request::allocate().padding(80));
    assert_eq!(world.events(), []);
    world.request(&Client::usual(), Request::refresh(600));
    let client = Client::usual().five_tuple;
    let refused = Event::Refused { client, method: Method::Refresh, code: ErrorCode::ALLOCATION_MISMATCH };
    assert_eq!(world.events(), [refused]);
}
