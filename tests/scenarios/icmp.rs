//! What the network says about datagrams to peers (RFC 8656 §11.5).

use std::net::SocketAddr;

use hilum::turn::Discard;
use hilum::wire::attribute::Icmp;
use hilum::wire::{AttributeType, Class, Method};

use crate::world::{Client, OTHER_PEER, Outcome, PEER, PEER_V6, Request, SAME_HOST, World, channel_data};

const UNREACHABLE: Icmp = Icmp { kind: 3, code: 3, data: 0 };

fn with_permission(family: u8, peer: &str) -> (World, Client, SocketAddr) {
    let mut world = World::default();
    let client = Client::usual();
    let request = Request::allocate().with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
    let relayed = world.request(&client, request).relayed()[0];
    world.permit(&client, &[peer]);
    (world, client, relayed)
}

// RFC 8656 §11.5: "The Data indication MUST contain both an XOR-PEER-ADDRESS and an ICMP attribute".
#[test]
fn a_data_indication_tells_peer_type_code_and_data() {
    let (mut world, client, relayed) = with_permission(1, PEER);
    let icmp = Icmp { kind: 3, code: 4, data: 1400 };
    let data = world.icmp(PEER, relayed, icmp).for_client(&client);
    assert_eq!((data.message().class(), data.message().method()), (Class::Indication, Method::Data));
    assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(PEER.parse().unwrap()));
    assert_eq!(Icmp::decode(&data.value(AttributeType::ICMP).unwrap()), Ok(icmp));
    assert!(!data.message().has(AttributeType::DATA));
}

// RFC 8656 §11.5: "the type is either 3 or 11 for an ICMPv4".
#[test]
fn of_icmpv4_types_3_and_11_are_passed_on() {
    for kind in 0..=127 {
        let (mut world, _, relayed) = with_permission(1, PEER);
        let outcome = world.icmp(PEER, relayed, Icmp { kind, code: 0, data: 0 });
        let passed = matches!(outcome, Outcome::ToClient(..));
        assert_eq!(passed, matches!(kind, 3 | 11), "type {kind}");
        assert!(passed || outcome == Outcome::Discarded(Discard::IcmpType));
    }
}

// RFC 8656 §11.5: "or either 1, 2, or 3 for an ICMPv6".
#[test]
fn of_icmpv6_types_1_to_3_are_passed_on() {
    for kind in 0..=127 {
        let (mut world, _, relayed) = with_permission(2, PEER_V6);
        let outcome = world.icmp(PEER_V6, relayed, Icmp { kind, code: 0, data: 1280 });
        let passed = matches!(outcome, Outcome::ToClient(..));
        assert_eq!(passed, matches!(kind, 1..=3), "type {kind}");
    }
}

// RFC 8656 §11.5: the encapsulated destination is what is compared with the permissions.
#[test]
fn without_a_permission_for_the_destination_it_is_discarded() {
    let (mut world, _, relayed) = with_permission(1, PEER);
    assert_eq!(world.icmp(OTHER_PEER, relayed, UNREACHABLE), Outcome::Discarded(Discard::NoPermission));
}

// RFC 8656 §11.5: "only addresses are compared and port numbers are not considered".
#[test]
fn the_port_of_the_destination_does_not_matter() {
    let (mut world, client, relayed) = with_permission(1, PEER);
    let data = world.icmp(SAME_HOST, relayed, UNREACHABLE).for_client(&client);
    assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(SAME_HOST.parse().unwrap()));
}

// RFC 8656 §9: a permission that has expired is none.
#[test]
fn with_an_expired_permission_it_is_discarded() {
    let (mut world, _, relayed) = with_permission(1, PEER);
    world.advance(300);
    assert_eq!(world.icmp(PEER, relayed, UNREACHABLE), Outcome::Discarded(Discard::NoPermission));
}

// RFC 8656 §11.5: "If no such allocation exists, the packet is silently dropped".
#[test]
fn without_an_allocation_it_is_discarded() {
    let (mut world, _, relayed) = with_permission(1, PEER);
    let spare = world.open.values().map(|port| port.socket()).find(|port| *port != relayed && port.is_ipv4()).unwrap();
    assert_eq!(world.icmp(PEER, spare, UNREACHABLE), Outcome::Discarded(Discard::NoRelayedPort));
}

// RFC 8656 §12.5: "even if a channel has been bound to the peer".
#[test]
fn it_is_told_by_data_indication_although_a_channel_is_bound() {
    let (mut world, client, relayed) = with_permission(1, PEER);
    world.bind(&client, 0x4000, PEER);
    world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
    let data = world.icmp(PEER, relayed, UNREACHABLE).for_client(&client);
    assert!(data.message().has(AttributeType::ICMP));
}
