//! Clients on TCP and TLS (RFC 8656 §3.1, §12.5).

use hilum::addr::Transport;
use hilum::turn::{Discard, EndCause};
use hilum::wire::{AttributeType, ErrorCode};

use crate::world::{Client, Outcome, PEER, Request, World, channel_data};

fn with_channel(transport: Transport) -> (World, Client, std::net::SocketAddr) {
    let mut world = World::default();
    let client = Client::stream("192.0.2.7:4000", 7, transport);
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    (world, client, relayed)
}

// RFC 8656 §5: "it SHOULD support the use of TCP, TLS-over-TCP".
#[test]
fn a_stream_client_allocates_and_is_counted_by_its_transport() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (world, _, _) = with_channel(transport);
        assert_eq!((world.tally().live(transport), world.tally().live(Transport::Udp)), (1, 0));
    }
}

// RFC 8656 §12.5: the padding of a stream is not application data.
#[test]
fn padding_from_the_client_is_not_relayed() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (mut world, client, _) = with_channel(transport);
        let mut bytes = channel_data(0x4000, b"voice");
        bytes.extend([0; 3]);
        assert_eq!(world.from_client(&client, &bytes).for_peer().2, b"voice");
    }
}

// RFC 8656 §12.5: "MUST be padded to a multiple of four bytes".
#[test]
fn padding_to_the_client_is_not_counted_in_the_length() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (mut world, client, relayed) = with_channel(transport);
        let bytes = world.from_peer(PEER, relayed, b"voice").for_client_bytes(&client);
        assert_eq!(bytes, [0x40, 0, 0, 5, b'v', b'o', b'i', b'c', b'e', 0, 0, 0]);
    }
}

// RFC 8656 §12.5: the largest datagram can be framed too.
#[test]
fn the_largest_datagram_is_padded() {
    let (mut world, client, relayed) = with_channel(Transport::Tcp);
    let bytes = world.from_peer(PEER, relayed, &vec![1; 65_507]).for_client_bytes(&client);
    assert_eq!(bytes.len(), 65_512);
}

// RFC 8656 §6: the five-tuple is gone with its connection, and nobody could refresh the allocation.
#[test]
fn an_allocation_ends_with_its_connection() {
    let (mut world, client, relayed) = with_channel(Transport::Tcp);
    world.connection_closed(&client);
    assert_eq!((world.relay.allocations(), world.closed.as_slice()), (0, [relayed].as_slice()));
    assert_eq!(world.tally().ended(EndCause::Disconnected), 1);
    assert_eq!(world.common.ledger().live(), 0);
}

// A connection that never allocated, or whose allocation has ended, closes without a trace.
#[test]
fn closing_a_connection_without_an_allocation_does_nothing() {
    let (mut world, client, _) = with_channel(Transport::Tcp);
    world.connection_closed(&Client::stream("192.0.2.7:4000", 8, Transport::Tcp));
    assert_eq!(world.relay.allocations(), 1);
    world.request(&client, Request::refresh(0)).expect_success();
    world.connection_closed(&client);
    world.connection_closed(&client);
    assert_eq!(world.tally().ended(EndCause::Disconnected), 0);
}

// RFC 8656 §2: the transport is part of the five-tuple.
#[test]
fn the_same_address_over_udp_and_two_connections_are_three_clients() {
    let mut world = World::default();
    let clients = [
        Client::udp("192.0.2.7:4000"),
        Client::stream("192.0.2.7:4000", 1, Transport::Tcp),
        Client::stream("192.0.2.7:4000", 2, Transport::Tcp),
    ];
    for client in &clients {
        world.allocate(client);
    }
    assert_eq!(world.relay.allocations(), 3);
    world.bind(&clients[1], 0x4000, PEER);
    let outcome = world.from_client(&clients[2], &channel_data(0x4000, b"x"));
    assert_eq!(outcome, Outcome::Discarded(Discard::NoChannel));
    world.connection_closed(&clients[1]);
    assert_eq!(world.relay.allocations(), 2);
}

// RFC 8656 §7.2: the mapped address of a stream client is the connection's.
#[test]
fn the_mapped_address_is_the_connections() {
    let mut world = World::default();
    let client = Client::stream("192.0.2.9:777", 1, Transport::Tls);
    let answer = world.request(&client, Request::allocate());
    assert_eq!(answer.address(AttributeType::XOR_MAPPED_ADDRESS), Some("192.0.2.9:777".parse().unwrap()));
    world.request(&client, Request::allocate()).expect_error(ErrorCode::ALLOCATION_MISMATCH);
}
