//! Address families, one or both (RFC 8656 §7.2, checks 6 to 9; §8.2).

use hilum::addr::Family;
use hilum::turn::{Discard, Event, Families};
use hilum::wire::{AttributeType, ErrorCode};

use crate::world::{Answer, Client, Outcome, PEER, PEER_V6, Request, Setup, World, channel_data};

const REQUESTED: AttributeType = AttributeType::REQUESTED_ADDRESS_FAMILY;
const ADDITIONAL: AttributeType = AttributeType::ADDITIONAL_ADDRESS_FAMILY;
const V4: [u8; 4] = [1, 0, 0, 0];
const V6: [u8; 4] = [2, 0, 0, 0];

fn only(family: Family) -> World {
    World::new(Setup { families: vec![family], ..Setup::default() })
}

fn ask(world: &mut World, kind: AttributeType, family: [u8; 4]) -> Answer {
    world.request(&Client::usual(), Request::allocate().with(kind, &family))
}

/// A dual allocation and its two relayed addresses.
fn dual() -> (World, Client, [std::net::SocketAddr; 2]) {
    let mut world = World::default();
    let answer = ask(&mut world, ADDITIONAL, V6);
    answer.expect_success();
    let relayed = answer.relayed().try_into().unwrap();
    (world, Client::usual(), relayed)
}

fn refresh(lifetime: u32, family: [u8; 4]) -> Request {
    Request::refresh(lifetime).with(REQUESTED, &family)
}

// RFC 8656 §7.2, check 7: the requested family.
#[test]
fn the_requested_family_is_allocated() {
    assert!(ask(&mut World::default(), REQUESTED, V4).relayed()[0].is_ipv4());
    assert!(ask(&mut World::default(), REQUESTED, V6).relayed()[0].is_ipv6());
}

// RFC 8656 §7.2, check 7: "it MUST include an ERROR-CODE attribute with the 440".
#[test]
fn a_requested_family_that_is_not_relayed_is_not_supported() {
    ask(&mut only(Family::V4), REQUESTED, V6).expect_error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
    ask(&mut only(Family::V6), REQUESTED, V4).expect_error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
}

// RFC 8656 §7.2, check 7: a family nobody knows.
#[test]
fn an_unknown_family_is_not_supported() {
    for family in [0, 3, 255] {
        for kind in [REQUESTED, ADDITIONAL] {
            let answer = ask(&mut World::default(), kind, [family, 0, 0, 0]);
            answer.expect_error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
        }
    }
}

// RFC 8656 §7.2, check 7: "absent and the server does not support the IPv4 address family ... 440".
#[test]
fn without_ipv4_a_request_that_names_no_family_is_not_supported() {
    let mut world = only(Family::V6);
    let answer = world.request(&Client::usual(), Request::allocate());
    answer.expect_error(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
}

// RFC 8656 §18.6, §18.11: both have four bytes.
#[test]
fn a_malformed_family_is_a_bad_request() {
    for kind in [REQUESTED, ADDITIONAL] {
        for value in [&[][..], &[2], &[2, 0, 0], &[2, 0, 0, 0, 0]] {
            let answer = World::default().request(&Client::usual(), Request::allocate().with(kind, value));
            answer.expect_error(ErrorCode::BAD_REQUEST);
        }
    }
}

// RFC 8656 §7.2, check 6.
#[test]
fn requested_and_additional_family_exclude_each_other() {
    for family in [V4, V6] {
        let request = Request::allocate().with(REQUESTED, &family).with(ADDITIONAL, &V6);
        World::default().request(&Client::usual(), request).expect_error(ErrorCode::BAD_REQUEST);
    }
}

// RFC 8656 §7.2, check 8.
#[test]
fn an_additional_family_excludes_a_reserved_port() {
    let request = Request::allocate().with(ADDITIONAL, &V6).with(AttributeType::EVEN_PORT, &[0x80]);
    World::default().request(&Client::usual(), request).expect_error(ErrorCode::BAD_REQUEST);
}

// RFC 8656 §7.2, check 8: only the R bit is in the way.
#[test]
fn both_ports_of_a_dual_allocation_may_be_even() {
    let request = Request::allocate().with(ADDITIONAL, &V6).with(AttributeType::EVEN_PORT, &[0]);
    let answer = World::default().request(&Client::usual(), request);
    answer.expect_success();
    assert!(answer.relayed().iter().all(|relayed| relayed.port() % 2 == 0));
}

// RFC 8656 §7.2, check 9: "the attribute value is 0x01 ... 400".
#[test]
fn an_additional_ipv4_is_a_bad_request() {
    ask(&mut World::default(), ADDITIONAL, V4).expect_error(ErrorCode::BAD_REQUEST);
}

// RFC 8656 §7.2, check 9: "in two XOR-RELAYED-ADDRESS attributes".
#[test]
fn a_dual_allocation_has_one_address_of_each_family() {
    let mut world = World::default();
    let answer = ask(&mut world, ADDITIONAL, V6);
    let relayed = answer.relayed();
    assert_eq!(relayed.len(), 2);
    assert!(relayed[0].is_ipv4() && relayed[1].is_ipv6());
    assert!(!answer.message().has(AttributeType::ADDRESS_ERROR_CODE));
    assert_eq!(world.relay.allocations(), 1);
    let begun =
        world.events().into_iter().any(|event| matches!(event, Event::Allocated { families: Families::Both, .. }));
    assert!(begun);
}

// RFC 8656 §7.2, check 9: a partial success tells why, 440.
#[test]
fn a_family_that_is_not_relayed_is_told_in_the_success() {
    for (family, missing) in [(Family::V4, 2), (Family::V6, 1)] {
        let answer = ask(&mut only(family), ADDITIONAL, V6);
        answer.expect_success();
        assert_eq!(answer.relayed().len(), 1);
        let told = answer.value(AttributeType::ADDRESS_ERROR_CODE).unwrap();
        assert_eq!(told[..4], [missing, 0, 4, 40]);
    }
}

// RFC 8656 §7.2, check 9: a partial success tells why, 508.
#[test]
fn a_family_without_a_port_is_told_in_the_success() {
    let settings = hilum::turn::Settings { spare_ports: 1, spare_pairs: 0, ..Default::default() };
    let mut world = World::new(Setup { settings, ports: Some(1), ..Setup::default() });
    let answer = ask(&mut world, ADDITIONAL, V6);
    answer.expect_success();
    assert!(answer.relayed().len() == 1 && answer.relayed()[0].is_ipv4());
    assert_eq!(answer.value(AttributeType::ADDRESS_ERROR_CODE).unwrap()[..4], [2, 0, 5, 8]);
}

// RFC 8656 §7.2, check 9: "If the server cannot satisfy the request ... 508".
#[test]
fn without_any_port_a_dual_allocation_is_refused() {
    let mut world = World::new(Setup { ports: Some(0), ..Setup::default() });
    ask(&mut world, ADDITIONAL, V6).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
}

// RFC 8656 §11.2: each peer is reached from the relayed address of its family.
#[test]
fn data_leaves_from_the_address_of_the_peers_family() {
    let (mut world, client, [v4, v6]) = dual();
    world.bind(&client, 0x4000, PEER);
    world.bind(&client, 0x4001, PEER_V6);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")).for_peer().0, v4);
    assert_eq!(world.from_client(&client, &channel_data(0x4001, b"x")).for_peer().0, v6);
    assert_eq!(world.from_peer(PEER, v4, b"x").for_client_bytes(&client), channel_data(0x4000, b"x"));
    assert_eq!(world.from_peer(PEER_V6, v6, b"x").for_client_bytes(&client), channel_data(0x4001, b"x"));
}

// RFC 8656 §10.2: in a dual allocation peers of both families may be named.
#[test]
fn permissions_of_both_families_in_one_request() {
    let (mut world, client, [v4, v6]) = dual();
    world.permit(&client, &[PEER, PEER_V6]);
    world.from_peer(PEER, v4, b"x").for_client(&client);
    world.from_peer(PEER_V6, v6, b"x").for_client(&client);
}

// RFC 8656 §8: without a family a Refresh is about both.
#[test]
fn a_refresh_without_a_family_is_about_both() {
    let (mut world, client, _) = dual();
    world.advance(500);
    world.request(&client, Request::refresh(600)).expect_success();
    world.advance(599);
    world.permit(&client, &[PEER, PEER_V6]);
    world.request(&client, Request::refresh(0)).expect_success();
    assert_eq!((world.relay.allocations(), world.closed.len()), (0, 2));
}

// RFC 8656 §8.1: a Refresh with a family is about that relayed address only.
#[test]
fn each_family_has_its_own_time() {
    let (mut world, client, [v4, v6]) = dual();
    world.request(&client, refresh(1200, V6)).expect_success();
    world.permit(&client, &[PEER, PEER_V6]);
    world.advance(600);
    assert_eq!((world.relay.allocations(), world.closed.as_slice()), (1, [v4].as_slice()));
    let request = Request::new(hilum::wire::Method::CreatePermission).peer(PEER);
    world.request(&client, request).expect_error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
    world.permit(&client, &[PEER_V6]);
    world.from_peer(PEER_V6, v6, b"x").for_client(&client);
    world.advance(600);
    assert_eq!((world.relay.allocations(), world.closed.as_slice()), (0, [v4, v6].as_slice()));
}

// RFC 8656 §8.2: lifetime zero with a family deletes that relayed address and what hangs on it.
#[test]
fn one_family_may_be_deleted_alone() {
    let (mut world, client, [v4, v6]) = dual();
    world.bind(&client, 0x4000, PEER);
    world.bind(&client, 0x4001, PEER_V6);
    world.request(&client, refresh(0, V4)).expect_success();
    assert_eq!(world.closed, [v4]);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoChannel));
    world.from_client(&client, &channel_data(0x4001, b"x")).for_peer();
    world.request(&client, refresh(600, V4)).expect_error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
    world.request(&client, refresh(0, V6)).expect_success();
    assert_eq!((world.relay.allocations(), world.closed.as_slice()), (0, [v4, v6].as_slice()));
}
