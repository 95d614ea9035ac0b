//! Binding: where a client's packets come from (RFC 8489 §7.3), for anyone and without a trace.

use hilum::turn::Discard;
use hilum::wire::{AttributeType, Class, ErrorCode, Method};

use crate::world::{Client, Outcome, Request, Setup, World};

fn ask(world: &mut World, client: &Client, request: &Request) -> crate::world::Answer {
    let bytes = request.unauthenticated(world.transaction());
    world.expect_answer(client, &bytes)
}

// RFC 8489 §7.3.1: XOR-MAPPED-ADDRESS is the source of the request.
#[test]
fn anyone_is_told_where_they_come_from() {
    for address in ["192.0.2.7:4000", "[2001:db8:9::1]:4000"] {
        let mut world = World::default();
        let answer = ask(&mut world, &Client::udp(address), &Request::new(Method::Binding));
        answer.expect_success();
        assert_eq!(answer.address(AttributeType::XOR_MAPPED_ADDRESS), Some(address.parse().unwrap()));
        assert!(!answer.message().has(AttributeType::MESSAGE_INTEGRITY));
        assert!(answer.message().fingerprint().is_none());
    }
}

// RFC 8489 §14.7.
#[test]
fn fingerprint_is_answered_with_fingerprint() {
    let answer = ask(&mut World::default(), &Client::usual(), &Request::new(Method::Binding).fingerprint());
    assert_eq!(answer.message().fingerprint(), Some(true));
}

// RFC 8489 §6.3.1: 420 and what was unknown, also without credentials.
#[test]
fn unknown_required_attributes_are_named() {
    let request = Request::new(Method::Binding).with(AttributeType(0x7abc), &[]);
    let answer = ask(&mut World::default(), &Client::usual(), &request);
    answer.expect_error(ErrorCode::UNKNOWN_ATTRIBUTE);
    assert_eq!(answer.value(AttributeType::UNKNOWN_ATTRIBUTES), Some(vec![0x7a, 0xbc]));
}

// RFC 8445 §7.1: what ICE agents put into their checks is no reason to refuse.
#[test]
fn attributes_of_ice_are_ignored() {
    let request = Request::new(Method::Binding)
        .with(AttributeType::PRIORITY, &[0, 0, 0, 1])
        .with(AttributeType::USE_CANDIDATE, &[])
        .with(AttributeType::ICE_CONTROLLING, &[0; 8]);
    ask(&mut World::default(), &Client::usual(), &request).expect_success();
}

// RFC 8489 §6.3.2: a Binding indication is a keep-alive and has no answer.
#[test]
fn an_indication_is_not_answered() {
    let mut world = World::default();
    let mut bytes = Request::new(Method::Binding).unauthenticated(world.transaction());
    bytes[..2].copy_from_slice(&Class::Indication.message_type(Method::Binding).to_be_bytes());
    assert_eq!(world.from_client(&Client::usual(), &bytes), Outcome::Discarded(Discard::BindingIndication));
}

// Three times the request is the most that anyone gets for a forged source address.
#[test]
fn an_answer_is_no_amplifier() {
    for unknown in 0..200 {
        let request = (0..unknown).fold(Request::new(Method::Binding).fingerprint(), |request, number| {
            request.with(AttributeType(0x7000 + number), &[])
        });
        let mut world = World::default();
        let bytes = request.unauthenticated(world.transaction());
        let answer = world.expect_answer(&Client::udp("[2001:db8:9::1]:4000"), &bytes);
        assert!(answer.0.len() <= 3 * bytes.len());
    }
}

// Strangers have a budget, whatever they ask.
#[test]
fn answers_are_bounded_per_source_and_second() {
    let mut world = World::new(Setup { challenges_per_second: 3, ..Setup::default() });
    let bytes = Request::new(Method::Binding).unauthenticated(world.transaction());
    let outcomes: Vec<_> = (0..4).map(|_| world.from_client(&Client::usual(), &bytes)).collect();
    assert!(outcomes[..3].iter().all(|outcome| matches!(outcome, Outcome::ToClient(..))));
    assert_eq!(outcomes[3], Outcome::Discarded(Discard::ChallengeBudget));
}

// RFC 8656 §5: a Binding is no matter of allocations.
#[test]
fn it_works_beside_an_allocation_and_changes_nothing() {
    let mut world = World::default();
    world.allocate(&Client::usual());
    ask(&mut world, &Client::usual(), &Request::new(Method::Binding)).expect_success();
    world.advance(600);
    assert_eq!(world.relay.allocations(), 0);
}
