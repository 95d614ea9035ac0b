//! The same request twice (RFC 8489 §6.3.1, RFC 8656 §5): over UDP an answer may be lost, and the client asks again.

use hilum::turn::EndCause;
use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{Answer, BOB, Client, PEER, PEER_V6, Request, World};

/// A request's bytes, to be sent as often as one likes.
fn bytes_of(world: &mut World, client: &Client, request: Request) -> Vec<u8> {
    let (nonce, transaction) = (world.nonce(client), world.transaction());
    request.bytes(client, transaction, &nonce)
}

fn twice(world: &mut World, client: &Client, request: Request) -> [Answer; 2] {
    let bytes = bytes_of(world, client, request);
    [(); 2].map(|()| world.expect_answer(client, &bytes))
}

// RFC 8656 §7.2: "so that retransmissions do not cause multiple allocations to be created".
#[test]
fn a_retransmitted_allocate_gets_the_same_answer_and_no_second_allocation() {
    let mut world = World::default();
    let [first, second] = twice(&mut world, &Client::usual(), Request::allocate());
    first.expect_success();
    assert_eq!(first, second);
    assert_eq!((world.relay.allocations(), world.tally().allocated), (1, 1));
}

// RFC 8656 §7.2: "an indication of any reservation token returned in the original response".
#[test]
fn a_retransmitted_allocate_gets_the_same_token() {
    let mut world = World::default();
    let request = Request::allocate().with(AttributeType::EVEN_PORT, &[0x80]);
    let [first, second] = twice(&mut world, &Client::usual(), request);
    assert!(first.value(AttributeType::RESERVATION_TOKEN).is_some());
    assert_eq!(first, second);
    let token = first.value(AttributeType::RESERVATION_TOKEN).unwrap();
    let request = Request::allocate().with(AttributeType::RESERVATION_TOKEN, &token);
    let [third, fourth] = twice(&mut world, &Client::number(9), request);
    third.expect_success();
    assert_eq!(third, fourth);
}

// RFC 8656 §7.2, check 2: another transaction is another Allocate.
#[test]
fn another_transaction_is_an_allocation_mismatch() {
    let mut world = World::default();
    world.allocate(&Client::usual());
    world.request(&Client::usual(), Request::allocate()).expect_error(ErrorCode::ALLOCATION_MISMATCH);
}

// The transaction id alone proves nothing: the user must be the same.
#[test]
fn another_users_same_transaction_is_an_allocation_mismatch() {
    let mut world = World::default();
    let transaction = world.transaction();
    let request = Request::allocate().transaction(transaction);
    world.request(&Client::usual(), request.clone()).expect_success();
    world.request(&Client::usual().named(BOB), request).expect_error(ErrorCode::ALLOCATION_MISMATCH);
}

// RFC 8656 §8.2: "Retransmitted Refresh requests with a non-zero 'desired lifetime' will simply refresh".
#[test]
fn a_retransmitted_refresh_refreshes_again() {
    let mut world = World::default();
    world.allocate(&Client::usual());
    let [first, second] = twice(&mut world, &Client::usual(), Request::refresh(900));
    assert_eq!((first.lifetime(), first), (Some(900), second));
}

// RFC 8489 §6.3.1: the same answer for 40 s; RFC 8656 §8.2 would allow 437.
#[test]
fn a_retransmitted_deletion_is_answered_as_the_first_one_was() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    let bytes = bytes_of(&mut world, &client, Request::refresh(0));
    let first = world.expect_answer(&client, &bytes);
    first.expect_success();
    world.advance(39);
    assert_eq!(world.expect_answer(&client, &bytes), first);
    world.advance(1);
    world.expect_answer(&client, &bytes).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    assert_eq!(world.tally().ended(EndCause::Deleted), 1);
}

// A late copy of the deletion is not about the allocation that has come since.
#[test]
fn a_retransmitted_deletion_does_not_delete_the_next_allocation() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    let bytes = bytes_of(&mut world, &client, Request::refresh(0));
    world.expect_answer(&client, &bytes).expect_success();
    world.allocate(&client);
    world.expect_answer(&client, &bytes).expect_success();
    assert_eq!(world.relay.allocations(), 1);
    world.request(&client, Request::refresh(0)).expect_success();
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8489 §6.3.1: the deletion of one family of two, likewise.
#[test]
fn a_retransmitted_deletion_of_one_family_is_answered_as_the_first_one_was() {
    let mut world = World::default();
    let client = Client::usual();
    let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    world.request(&client, both).expect_success();
    let request = Request::refresh(0).with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    let [first, second] = twice(&mut world, &client, request);
    first.expect_success();
    assert_eq!(first, second);
    world.permit(&client, &[PEER_V6]);
}

// RFC 8656 §8.1: one family may go before the other; nobody is told of an address that is gone.
#[test]
fn a_retransmitted_allocate_tells_only_the_family_that_is_left() {
    let mut world = World::default();
    let client = Client::usual();
    let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let bytes = bytes_of(&mut world, &client, both);
    let first = world.expect_answer(&client, &bytes).relayed();
    let one = Request::refresh(0).with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    world.request(&client, one).expect_success();
    assert_eq!(world.expect_answer(&client, &bytes).relayed(), first[1..]);
}

// RFC 8656 §10.2: "Retransmitted CreatePermission requests will simply refresh the permissions".
#[test]
fn a_retransmitted_create_permission_refreshes_again() {
    let mut world = World::default();
    let relayed = world.allocate(&Client::usual());
    let [first, second] = twice(&mut world, &Client::usual(), Request::new(Method::CreatePermission).peer(PEER));
    first.expect_success();
    assert_eq!(first, second);
    world.from_peer(PEER, relayed, b"x").for_client(&Client::usual());
}

// RFC 8656 §12.2: "Retransmitted ChannelBind requests will simply refresh the channel binding".
#[test]
fn a_retransmitted_channel_bind_refreshes_again() {
    let mut world = World::default();
    world.allocate(&Client::usual());
    let [first, second] = twice(&mut world, &Client::usual(), Request::bind(0x4000, PEER));
    first.expect_success();
    assert_eq!(first, second);
}

// RFC 8656 §7.2: an Allocate that failed may be tried again.
#[test]
fn a_retransmitted_allocate_that_failed_may_succeed() {
    let mut world = World::new(crate::world::Setup { ports: Some(0), ..Default::default() });
    let bytes = bytes_of(&mut world, &Client::usual(), Request::allocate());
    world.expect_answer(&Client::usual(), &bytes).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    world.setup.ports = Some(1);
    world.turn();
    world.expect_answer(&Client::usual(), &bytes).expect_success();
}
