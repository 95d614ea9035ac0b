//! Allocate (RFC 8656 §7.2).

use std::net::SocketAddr;

use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{Client, Request, World};

// RFC 8656 §7.2: "The success response contains: XOR-RELAYED-ADDRESS, LIFETIME, XOR-MAPPED-ADDRESS".
#[test]
fn a_success_response_tells_relayed_address_lifetime_and_mapped_address() {
    let mut world = World::default();
    let client = Client::udp("192.0.2.7:4000");
    let answer = world.request(&client, Request::allocate());
    answer.expect_success();
    let relayed = answer.relayed();
    assert_eq!(relayed.len(), 1);
    assert!(relayed[0].is_ipv4());
    assert_eq!(answer.lifetime(), Some(600));
    let mapped: SocketAddr = "192.0.2.7:4000".parse().unwrap();
    assert_eq!(answer.address(AttributeType::XOR_MAPPED_ADDRESS), Some(mapped));
    assert!(answer.is_signed_for(&client));
}

// RFC 8656 §7.2, check 3.
#[test]
fn without_requested_transport_it_is_a_bad_request() {
    let mut world = World::default();
    let client = Client::udp("192.0.2.7:4000");
    world.request(&client, Request::new(Method::Allocate)).expect_error(ErrorCode::BAD_REQUEST);
    assert_eq!(world.relay.allocations(), 0);
}
