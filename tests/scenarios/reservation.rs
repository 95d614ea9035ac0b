//! EVEN-PORT and RESERVATION-TOKEN (RFC 8656 §7.2, checks 5 and 8).

use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::turn::Discard;
use hilum::wire::{AttributeType, ErrorCode};

use crate::world::{BOB, Client, Outcome, PEER, Request, Setup, World};

const EVEN: [u8; 1] = [0];
const EVEN_AND_NEXT: [u8; 1] = [0x80];

fn even(flags: [u8; 1]) -> Request {
    Request::allocate().with(AttributeType::EVEN_PORT, &flags)
}

fn with_token(token: &[u8]) -> Request {
    Request::allocate().with(AttributeType::RESERVATION_TOKEN, token)
}

/// An allocation that has reserved the next port, its relayed address and the token.
fn reserve(world: &mut World) -> (SocketAddr, Vec<u8>) {
    let answer = world.request(&Client::number(1), even(EVEN_AND_NEXT));
    answer.expect_success();
    (answer.relayed()[0], answer.value(AttributeType::RESERVATION_TOKEN).unwrap())
}

// RFC 8656 §7.2: "with the R bit set to 0, then the server allocates a relayed transport address with an even port".
#[test]
fn an_even_port_is_even_and_reserves_nothing() {
    let mut world = World::default();
    for number in 0..20 {
        let answer = world.request(&Client::number(number), even(EVEN));
        assert_eq!(answer.relayed()[0].port() % 2, 0);
        assert!(!answer.message().has(AttributeType::RESERVATION_TOKEN));
    }
}

// RFC 8656 §18.7: the seven bits beside R are ignored.
#[test]
fn the_other_bits_of_even_port_are_ignored() {
    let answer = World::default().request(&Client::usual(), even([0x7f]));
    answer.expect_success();
    assert!(!answer.message().has(AttributeType::RESERVATION_TOKEN));
}

// RFC 8656 §18.7: EVEN-PORT has one byte.
#[test]
fn a_malformed_even_port_is_a_bad_request() {
    for value in [&[][..], &[0, 0], &[0x80, 0, 0, 0]] {
        let request = Request::allocate().with(AttributeType::EVEN_PORT, value);
        World::default().request(&Client::usual(), request).expect_error(ErrorCode::BAD_REQUEST);
    }
}

// RFC 8656 §7.2: "Port N is used in the current allocation, while ... port N+1 is assigned a token and reserved".
#[test]
fn a_token_stands_for_the_next_higher_port() {
    let mut world = World::default();
    let (first, token) = reserve(&mut world);
    assert_eq!((first.port() % 2, token.len()), (0, 8));
    let answer = world.request(&Client::number(2), with_token(&token));
    answer.expect_success();
    assert_eq!(answer.relayed(), [SocketAddr::new(first.ip(), first.port() + 1)]);
    assert!(!answer.message().has(AttributeType::RESERVATION_TOKEN));
}

// RFC 8656 §7.2: "The server MUST hold this reservation for at least 30 seconds".
#[test]
fn a_reservation_is_held_for_30_seconds() {
    let mut world = World::default();
    let (_, token) = reserve(&mut world);
    world.advance(29);
    world.now.moment = world.now.moment + std::time::Duration::from_nanos(999_999_999);
    world.turn();
    world.request(&Client::number(2), with_token(&token)).expect_success();
}

// RFC 8656 §7.2, check 5: "has not expired".
#[test]
fn an_expired_token_is_refused_and_its_port_closed() {
    let mut world = World::default();
    let (first, token) = reserve(&mut world);
    world.advance(30);
    assert_eq!(world.closed, [SocketAddr::new(first.ip(), first.port() + 1)]);
    world.request(&Client::number(2), with_token(&token)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.relay.allocations(), 1);
}

// The driver sleeps until something is due: a reservation's end is something.
#[test]
fn the_end_of_a_reservation_is_a_deadline() {
    let mut world = World::default();
    reserve(&mut world);
    let due = world.now.moment + std::time::Duration::from_secs(30);
    assert_eq!(world.relay.deadline(), Some(due));
}

// RFC 8656 §7.2, check 5: "the corresponding relayed transport address is still available".
#[test]
fn a_token_is_good_for_one_allocation() {
    let mut world = World::default();
    let (_, token) = reserve(&mut world);
    world.request(&Client::number(2), with_token(&token)).expect_success();
    world.request(&Client::number(3), with_token(&token)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
}

// RFC 8656 §7.2, check 5: a token nobody was given.
#[test]
fn an_unknown_token_is_refused() {
    let mut world = World::default();
    let (_, mut token) = reserve(&mut world);
    token[0] ^= 1;
    world.request(&Client::number(2), with_token(&token)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
}

// A token is worth nothing to another user, and stays good for its own.
#[test]
fn another_users_token_is_refused() {
    let mut world = World::default();
    let (_, token) = reserve(&mut world);
    let bob = Client::number(2).named(BOB);
    world.request(&bob, with_token(&token)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    world.request(&Client::number(2), with_token(&token)).expect_success();
}

// RFC 8656 §7.2: "it can use a different client IP address and port, a different transport protocol".
#[test]
fn a_token_may_be_used_from_any_five_tuple() {
    let mut world = World::default();
    let (_, token) = reserve(&mut world);
    let client = Client::stream("[2001:db8:9::1]:9", 1, Transport::Tls);
    world.request(&client, with_token(&token)).expect_success();
}

// RFC 8656 §7.2: the reservation is the server's, not the allocation's.
#[test]
fn a_reservation_outlives_the_allocation_that_made_it() {
    let mut world = World::default();
    let (_, token) = reserve(&mut world);
    world.request(&Client::number(1), Request::refresh(0)).expect_success();
    world.request(&Client::number(2), with_token(&token)).expect_success();
}

// RFC 8656 §7.2, check 5: token beside EVEN-PORT or a family.
#[test]
fn a_token_stands_alone() {
    let families = [AttributeType::REQUESTED_ADDRESS_FAMILY, AttributeType::ADDITIONAL_ADDRESS_FAMILY];
    let mut world = World::default();
    let (_, token) = reserve(&mut world);
    let client = Client::number(2);
    for flags in [EVEN, EVEN_AND_NEXT] {
        let request = with_token(&token).with(AttributeType::EVEN_PORT, &flags);
        world.request(&client, request).expect_error(ErrorCode::BAD_REQUEST);
    }
    for (kind, family) in families.into_iter().flat_map(|kind| [1, 2, 9].map(|family| (kind, family))) {
        let request = with_token(&token).with(kind, &[family, 0, 0, 0]);
        world.request(&client, request).expect_error(ErrorCode::BAD_REQUEST);
    }
    world.request(&client, with_token(&token)).expect_success();
}

// RFC 8656 §18.10: RESERVATION-TOKEN has eight bytes.
#[test]
fn a_malformed_token_is_a_bad_request() {
    for value in [&[][..], &[1; 7], &[1; 9]] {
        World::default().request(&Client::usual(), with_token(value)).expect_error(ErrorCode::BAD_REQUEST);
    }
}

// RFC 8656 §11.3: a reserved port is not "currently allocated".
#[test]
fn data_for_a_reserved_port_is_discarded() {
    let mut world = World::default();
    let (first, _) = reserve(&mut world);
    world.permit(&Client::number(1), &[PEER]);
    let reserved = SocketAddr::new(first.ip(), first.port() + 1);
    assert_eq!(world.from_peer(PEER, reserved, b"x"), Outcome::Discarded(Discard::NoRelayedPort));
}

// RFC 8656 §7.2, check 8: "If the server cannot satisfy the request ... 508".
#[test]
fn without_a_pair_it_is_insufficient_capacity() {
    let mut world = World::new(Setup { ports: Some(1), ..Setup::default() });
    world.request(&Client::usual(), even(EVEN_AND_NEXT)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
}

// RFC 8656 §7.2, check 8, with a family.
#[test]
fn a_pair_may_be_of_ipv6() {
    let mut world = World::default();
    let request = even(EVEN_AND_NEXT).with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let answer = world.request(&Client::number(1), request);
    let token = answer.value(AttributeType::RESERVATION_TOKEN).unwrap();
    let second = world.request(&Client::number(2), with_token(&token));
    assert_eq!(second.relayed()[0].port(), answer.relayed()[0].port() + 1);
    assert!(second.relayed()[0].is_ipv6());
}

// However many tokens are asked for, ports that wait are bounded; more are refused, and what waited comes back.
#[test]
fn reservations_are_bounded() {
    let mut world = World::default();
    let mut refused = 0;
    for number in 0..1100 {
        let client = Client::number(number);
        match world.request(&client, even(EVEN_AND_NEXT)).code() {
            None => world.request(&client, Request::refresh(0)).expect_success(),
            Some(code) => {
                assert_eq!(code, ErrorCode::INSUFFICIENT_CAPACITY);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1100 - 1024);
    world.advance(30);
    assert_eq!(world.closed.len(), 2 * 1024);
    world.request(&Client::usual(), even(EVEN_AND_NEXT)).expect_success();
}
