//! Refresh (RFC 8656 §8.2).

use hilum::turn::{Discard, EndCause};
use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{BOB, Client, Outcome, PEER, Request, Setup, World, channel_data, send_indication};

const V4: [u8; 4] = [1, 0, 0, 0];
const V6: [u8; 4] = [2, 0, 0, 0];

fn with_allocation() -> (World, Client) {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    (world, client)
}

fn of_family(lifetime: u32, family: [u8; 4]) -> Request {
    Request::refresh(lifetime).with(AttributeType::REQUESTED_ADDRESS_FAMILY, &family)
}

// RFC 8656 §8.2: "A LIFETIME attribute containing the current value of the time-to-expiry timer".
#[test]
fn a_success_response_tells_the_lifetime() {
    let (mut world, client) = with_allocation();
    let answer = world.request(&client, Request::refresh(1800));
    answer.expect_success();
    assert_eq!(answer.lifetime(), Some(1800));
    assert!(answer.is_signed_for(&client));
}

// RFC 8656 §8.2: the desired lifetime.
#[test]
fn the_desired_lifetime_is_within_default_and_maximum() {
    let (mut world, client) = with_allocation();
    for (asked, granted) in [(1, 600), (599, 600), (601, 601), (3600, 3600), (3601, 3600), (u32::MAX, 3600)] {
        assert_eq!(world.request(&client, Request::refresh(asked)).lifetime(), Some(granted), "asked for {asked}");
    }
    assert_eq!(world.request(&client, Request::new(Method::Refresh)).lifetime(), Some(600));
}

// RFC 8656 §8.2: "the allocation's time-to-expiry is set to the 'desired lifetime'".
#[test]
fn the_time_to_expiry_is_set_to_the_second() {
    let (mut world, client) = with_allocation();
    world.advance(500);
    world.request(&client, Request::refresh(700)).expect_success();
    world.advance(699);
    assert_eq!(world.relay.allocations(), 1);
    world.advance(1);
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8656 §8.2: the lifetime is set, not added; a Refresh may shorten it.
#[test]
fn a_refresh_may_shorten_the_time_to_expiry() {
    let mut world = World::default();
    let client = Client::usual();
    world.request(&client, Request::allocate().lifetime(3600)).expect_success();
    world.request(&client, Request::refresh(600)).expect_success();
    world.advance(599);
    assert_eq!(world.relay.allocations(), 1);
    world.advance(1);
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8656 §8.2: many refreshes in a row.
#[test]
fn an_allocation_lives_as_long_as_it_is_refreshed() {
    let (mut world, client) = with_allocation();
    for _ in 0..300 {
        world.advance(599);
        world.request(&client, Request::refresh(600)).expect_success();
    }
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8656 §8.2: "the request succeeds and the allocation is deleted".
#[test]
fn lifetime_zero_deletes() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    let answer = world.request(&client, Request::refresh(0));
    answer.expect_success();
    assert_eq!(answer.lifetime(), Some(0));
    assert_eq!(world.relay.allocations(), 0);
    assert_eq!(world.closed, [relayed]);
    assert_eq!(world.tally().ended(EndCause::Deleted), 1);
    assert_eq!(world.common.ledger().live(), 0);
}

// RFC 8656 §8.2: deleted is deleted, with the very next datagram.
#[test]
fn deletion_is_immediate() {
    let (mut world, client) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    world.request(&client, Request::refresh(0)).expect_success();
    let bytes = send_indication(&mut world, PEER, b"x");
    assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::NoAllocation));
    let bytes = channel_data(0x4000, b"x");
    assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::NoAllocation));
    world.request(&client, Request::refresh(600)).expect_error(ErrorCode::ALLOCATION_MISMATCH);
}

// RFC 8656 §8.2: after a deletion the five-tuple is free.
#[test]
fn a_five_tuple_may_be_used_again_after_deletion() {
    let (mut world, client) = with_allocation();
    world.request(&client, Request::refresh(0)).expect_success();
    world.allocate(&client);
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8656 §5: "the message MUST either be rejected with a 437".
#[test]
fn without_an_allocation_it_is_an_allocation_mismatch() {
    let mut world = World::default();
    for request in [
        Request::refresh(600),
        Request::refresh(0),
        of_family(600, [9, 0, 0, 0]),
        Request::new(Method::Refresh).with(AttributeType::LIFETIME, &[1]),
    ] {
        world.request(&Client::usual(), request).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    }
}

// RFC 8656 §5: "MUST be rejected with a 441 (Wrong Credentials)".
#[test]
fn another_users_allocation_needs_that_users_credentials() {
    let (mut world, client) = with_allocation();
    for lifetime in [0, 600] {
        let answer = world.request(&client.clone().named(BOB), Request::refresh(lifetime));
        answer.expect_error(ErrorCode::WRONG_CREDENTIALS);
    }
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8656 §8.2: "MUST reply with a 443 (Peer Address Family Mismatch)".
#[test]
fn a_family_that_the_allocation_lacks_is_a_mismatch() {
    let (mut world, client) = with_allocation();
    for family in [V6, [0; 4], [3, 0, 0, 0]] {
        for lifetime in [0, 600] {
            let answer = world.request(&client, of_family(lifetime, family));
            answer.expect_error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
    }
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8656 §8.2: the family of the allocation.
#[test]
fn the_family_of_the_allocation_may_be_named() {
    let (mut world, client) = with_allocation();
    assert_eq!(world.request(&client, of_family(900, V4)).lifetime(), Some(900));
    world.request(&client, of_family(0, V4)).expect_success();
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8656 §18.2, §18.6: both have four bytes.
#[test]
fn malformed_attributes_are_a_bad_request() {
    let (mut world, client) = with_allocation();
    for kind in [AttributeType::LIFETIME, AttributeType::REQUESTED_ADDRESS_FAMILY] {
        for value in [&[][..], &[1, 0, 0], &[1, 0, 0, 0, 0]] {
            let answer = world.request(&client, Request::new(Method::Refresh).with(kind, value));
            answer.expect_error(ErrorCode::BAD_REQUEST);
        }
    }
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8656 §8: a Refresh is about the allocation; permissions and channels have their own time.
#[test]
fn a_refresh_refreshes_neither_permissions_nor_channels() {
    let mut world = World::new(Setup::default());
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.permit(&client, &[PEER]);
    world.advance(299);
    world.request(&client, Request::refresh(600)).expect_success();
    world.advance(1);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
}
