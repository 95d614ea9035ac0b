//! Bounds on allocations (RFC 8656 §5, §7.2 checks 8 and 10).

use hilum::policy::{Exceeded, Quota};
use hilum::time::UnixTime;
use hilum::turn::Settings;
use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{BOB, Client, Request, Setup, World};

fn with_quota(total: usize, per_subject: usize) -> World {
    World::new(Setup { quota: Quota { total, per_subject }, ..Setup::default() })
}

fn with_ports(ports: usize) -> World {
    let settings = Settings { spare_ports: 2, spare_pairs: 0, ..Settings::default() };
    World::new(Setup { settings, ports: Some(ports), ..Setup::default() })
}

// RFC 8656 §7.2, check 10: by username "and not on the client's transport address".
#[test]
fn a_user_has_a_quota_wherever_its_clients_are() {
    let mut world = with_quota(100, 2);
    world.allocate(&Client::number(1));
    world.allocate(&Client::number(2));
    let answer = world.request(&Client::number(3), Request::allocate());
    answer.expect_error(ErrorCode::ALLOCATION_QUOTA_REACHED);
    assert_eq!(world.relay.allocations(), 2);
    assert_eq!(world.tally().quota_refusals(Exceeded::Subject), 1);
    world.allocate(&Client::number(3).named(BOB));
}

// RFC 8656 §7.2, check 10: "active at one time": what ends makes room.
#[test]
fn an_allocation_that_ends_makes_room_in_the_quota() {
    let mut world = with_quota(100, 1);
    world.allocate(&Client::number(1));
    world.request(&Client::number(2), Request::allocate()).expect_error(ErrorCode::ALLOCATION_QUOTA_REACHED);
    world.request(&Client::number(1), Request::refresh(0)).expect_success();
    world.allocate(&Client::number(2));
    world.advance(600);
    world.allocate(&Client::number(3));
}

// A failed Allocate holds no place in the quota.
#[test]
fn a_refused_allocate_uses_no_quota() {
    let mut world = with_quota(100, 1);
    let client = Client::usual();
    world.request(&client, Request::new(Method::Allocate)).expect_error(ErrorCode::BAD_REQUEST);
    let request = Request::allocate().with(AttributeType::RESERVATION_TOKEN, &[1; 8]);
    world.request(&client, request).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.common.ledger().live(), 0);
    world.allocate(&client);
}

// RFC 8656 §19: 508 when the server is at its own bound.
#[test]
fn the_process_has_a_bound_of_its_own() {
    let mut world = with_quota(2, 100);
    world.allocate(&Client::number(1));
    world.allocate(&Client::number(2).named(BOB));
    let answer = world.request(&Client::number(3), Request::allocate());
    answer.expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.tally().quota_refusals(Exceeded::Total), 1);
}

// RFC 8656 §7.2, check 8: "can allocate a relayed transport address".
#[test]
fn without_a_port_it_is_insufficient_capacity() {
    let mut world = with_ports(2);
    world.allocate(&Client::number(1));
    world.allocate(&Client::number(2));
    let answer = world.request(&Client::number(3), Request::allocate());
    answer.expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!((world.relay.allocations(), world.common.ledger().live()), (2, 2));
    world.setup.ports = Some(1);
    world.turn();
    world.allocate(&Client::number(3));
}

// Ports of one family do not help the other.
#[test]
fn without_a_port_of_the_requested_family_it_is_insufficient_capacity() {
    let mut world = with_ports(2);
    let request = Request::allocate().with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    world.request(&Client::usual(), request).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
}

// RFC 8656 §7.2: an even port may be the lower one of a spare pair, and the other one is not lost.
#[test]
fn an_even_port_may_come_from_a_pair() {
    let settings = Settings { spare_ports: 0, spare_pairs: 1, ..Settings::default() };
    let mut world =
        World::new(Setup { settings, families: vec![hilum::addr::Family::V4], ports: Some(2), ..Setup::default() });
    let answer = world.request(&Client::number(1), Request::allocate().with(AttributeType::EVEN_PORT, &[0]));
    let even = answer.relayed()[0];
    assert_eq!(even.port() % 2, 0);
    assert_eq!(world.allocate(&Client::number(2)).port(), even.port() + 1);
}

// No success before the fact: whatever is allocated is open, and whatever ends is given back once.
#[test]
fn every_port_is_open_while_it_is_used_and_given_back_after() {
    let mut world = with_quota(10_000, 10_000);
    let spare = world.open.len();
    for number in 0..1000 {
        let client = Client::number(number).ephemeral(UnixTime::from_secs(1_800_000_000), &number.to_string());
        let relayed = world.allocate(&client);
        assert!(world.open.values().any(|port| port.socket() == relayed));
    }
    assert_eq!(world.open.len(), spare + 1000);
    world.advance(600);
    assert_eq!((world.open.len(), world.closed.len()), (spare, 1000));
}

/// Nothing can be put on record, and the operator wants no allocation without a record.
#[test]
fn a_relay_that_admits_nothing_answers_508_and_lets_go_on_what_runs() {
    let mut world = with_quota(100, 100);
    let running = Client::number(1);
    world.allocate(&running);
    world.common.set_admits(false);
    world.request(&Client::number(2), Request::allocate()).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    world.request(&running, Request::refresh(600)).expect_success();
    world.common.set_admits(true);
    world.allocate(&Client::number(3));
}
