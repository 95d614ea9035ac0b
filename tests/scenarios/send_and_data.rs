//! Send and Data indications (RFC 8656 §11.2, §11.3, §13, §14).

use std::net::SocketAddr;

use hilum::addr::Transport;
use hilum::turn::Discard;
use hilum::wire::{AttributeType, Class, Method};

use crate::world::{Client, OTHER_PEER, Outcome, PEER, PEER_V6, Request, Setup, World, indication, send_indication};

fn with_permission() -> (World, Client, SocketAddr) {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.permit(&client, &[PEER]);
    (world, client, relayed)
}

fn outcome(peer: Option<&str>, data: Option<&[u8]>, more: &[(AttributeType, &[u8])]) -> Outcome {
    let (mut world, client, _) = with_permission();
    let bytes = indication(&mut world, peer, data, more);
    world.from_client(&client, &bytes)
}

fn dont_fragment(client: &Client, family: u8, peer: &str) -> bool {
    let mut world = World::default();
    let request = Request::allocate().with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[family, 0, 0, 0]);
    world.request(client, request).expect_success();
    world.permit(client, &[peer]);
    let bytes = indication(&mut world, Some(peer), Some(b"x"), &[(AttributeType::DONT_FRAGMENT, &[])]);
    match world.from_client(client, &bytes) {
        Outcome::ToPeer { dont_fragment, .. } => dont_fragment,
        other => panic!("something for the peer, and not {other:?}"),
    }
}

// RFC 8656 §11.2: source, destination and data of the datagram.
#[test]
fn data_leaves_from_the_relayed_address_to_the_named_peer() {
    let (mut world, client, relayed) = with_permission();
    let bytes = send_indication(&mut world, PEER, b"voice");
    let expected =
        Outcome::ToPeer { from: relayed, to: PEER.parse().unwrap(), bytes: b"voice".to_vec(), dont_fragment: false };
    assert_eq!(world.from_client(&client, &bytes), expected);
}

// RFC 8656 §11.2: padding is not data.
#[test]
fn data_of_every_length_arrives_without_padding() {
    for length in 0..=9 {
        let data = vec![0xaa; length];
        assert_eq!(outcome(Some(PEER), Some(&data), &[]).for_peer().2, data);
    }
}

// RFC 8656 §11.2: "the DATA attribute is allowed to contain zero bytes of data".
#[test]
fn empty_data_is_sent_as_an_empty_datagram() {
    assert_eq!(outcome(Some(PEER), Some(b""), &[]).for_peer().2, b"");
}

// RFC 8656 §11.2: "MUST contain both an XOR-PEER-ADDRESS attribute and a DATA attribute".
#[test]
fn without_peer_or_data_it_is_discarded() {
    let missing = Outcome::Discarded(Discard::MissingAttribute);
    assert_eq!(outcome(None, Some(b"x"), &[]), missing);
    assert_eq!(outcome(Some(PEER), None, &[]), missing);
    assert_eq!(outcome(None, None, &[]), missing);
}

// RFC 8656 §11.2: "missing or invalid, then the message is discarded".
#[test]
fn an_invalid_peer_is_discarded() {
    for value in [&[][..], &[0, 1, 0, 0, 1, 2, 3], &[0, 2, 0, 0, 1, 2, 3, 4], &[0, 9, 0, 0, 1, 2, 3, 4]] {
        let outcome = outcome(None, Some(b"x"), &[(AttributeType::XOR_PEER_ADDRESS, value)]);
        assert_eq!(outcome, Outcome::Discarded(Discard::Malformed), "{value:?}");
    }
}

// RFC 8656 §11.2: "If no such permission exists, the message is discarded".
#[test]
fn without_a_permission_it_is_discarded() {
    let dropped = outcome(Some(OTHER_PEER), Some(b"x"), &[]);
    assert_eq!(dropped, Outcome::Discarded(Discard::NoPermission));
}

// RFC 8656 §11.2: "restrictions on the IP address and port values ... silently discards".
#[test]
fn a_port_that_is_not_allowed_is_discarded() {
    for (port, allowed) in [(0, false), (1, false), (53, false), (1023, false), (1024, true), (65535, true)] {
        let outcome = outcome(Some(&format!("203.0.113.5:{port}")), Some(b"x"), &[]);
        assert_eq!(outcome == Outcome::Discarded(Discard::PeerForbidden), !allowed, "port {port}: {outcome:?}");
    }
}

// RFC 8656 §11.2: the peer's family is the allocation's.
#[test]
fn a_peer_of_another_family_is_discarded() {
    assert_eq!(outcome(Some(PEER_V6), Some(b"x"), &[]), Outcome::Discarded(Discard::PeerFamily));
}

// RFC 8489 §6.3.2: an indication with an unknown comprehension-required attribute is discarded.
#[test]
fn an_unknown_required_attribute_discards_and_an_optional_one_does_not() {
    let dropped = outcome(Some(PEER), Some(b"x"), &[(AttributeType(0x7abc), &[])]);
    assert_eq!(dropped, Outcome::Discarded(Discard::UnknownAttribute));
    outcome(Some(PEER), Some(b"x"), &[(AttributeType(0xfabc), &[])]).for_peer();
}

// RFC 8656 §5: "be silently ignored (if it is an indication".
#[test]
fn without_an_allocation_it_is_ignored() {
    let mut world = World::default();
    let bytes = send_indication(&mut world, PEER, b"x");
    assert_eq!(world.from_client(&Client::usual(), &bytes), Outcome::Discarded(Discard::NoAllocation));
}

// RFC 8656 §14: "a Send indication containing the DONT-FRAGMENT attribute, then set the outgoing UDP packet to not
// fragment"; without it the DF bit is not set.
#[test]
fn dont_fragment_is_passed_on_from_ipv4_to_ipv4() {
    assert!(dont_fragment(&Client::usual(), 1, PEER));
}

// RFC 8656 §13.1 to §13.3: "the DONT-FRAGMENT attribute MUST be ignored by the server".
#[test]
fn dont_fragment_is_ignored_when_ipv6_is_on_either_side() {
    let v6 = Client::udp("[2001:db8:9::1]:4000");
    assert!(!dont_fragment(&Client::usual(), 2, PEER_V6));
    assert!(!dont_fragment(&v6, 2, PEER_V6));
    assert!(!dont_fragment(&v6, 1, PEER));
}

// RFC 8656 §15: over a stream "the server relies on the presence of the DONT-FRAGMENT attribute".
#[test]
fn dont_fragment_is_heeded_from_streams() {
    for address in ["192.0.2.7:4000", "[2001:db8:9::1]:4000"] {
        assert!(dont_fragment(&Client::stream(address, 1, Transport::Tcp), 1, PEER));
        assert!(dont_fragment(&Client::stream(address, 1, Transport::Tls), 2, PEER_V6));
    }
}

// RFC 8656 §18.9: the attribute has no value.
#[test]
fn dont_fragment_with_a_value_is_discarded() {
    let outcome = outcome(Some(PEER), Some(b"x"), &[(AttributeType::DONT_FRAGMENT, &[1])]);
    assert_eq!(outcome, Outcome::Discarded(Discard::Malformed));
}

// RFC 8656 §11.3: "The Data indication MUST contain both an XOR-PEER-ADDRESS and a DATA attribute".
#[test]
fn a_data_indication_tells_peer_and_data() {
    let (mut world, client, relayed) = with_permission();
    for length in [0, 1, 2, 3, 4, 5, 1200] {
        let bytes = vec![0xaa; length];
        let data = world.from_peer(PEER, relayed, &bytes).for_client(&client);
        assert_eq!((data.message().class(), data.message().method()), (Class::Indication, Method::Data));
        assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(PEER.parse().unwrap()));
        assert_eq!(data.value(AttributeType::DATA), Some(bytes));
    }
}

// RFC 8489 §5: transaction ids of indications are random too.
#[test]
fn data_indications_have_different_transaction_ids() {
    let (mut world, client, relayed) = with_permission();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let data = world.from_peer(PEER, relayed, b"x").for_client(&client);
        assert!(seen.insert(data.message().transaction()));
    }
}

// RFC 8656 §11.3 with IPv6: the XOR is over cookie and transaction id.
#[test]
fn a_data_indication_tells_an_ipv6_peer() {
    let mut world = World::default();
    let client = Client::usual();
    let request = Request::allocate().with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let relayed = world.request(&client, request).relayed()[0];
    world.permit(&client, &[PEER_V6]);
    let data = world.from_peer(PEER_V6, relayed, b"x").for_client(&client);
    assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(PEER_V6.parse().unwrap()));
}

// RFC 8656 §9: "the server silently discards the UDP datagram".
#[test]
fn a_peer_without_a_permission_is_discarded() {
    let (mut world, _, relayed) = with_permission();
    assert_eq!(world.from_peer(OTHER_PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
}

// RFC 8656 §11.3: "at a currently allocated relayed transport address": a spare port belongs to nobody.
#[test]
fn data_for_a_port_that_nobody_has_is_discarded() {
    let (mut world, _, relayed) = with_permission();
    let spare = world.open.values().map(|port| port.socket()).find(|port| *port != relayed && port.is_ipv4()).unwrap();
    assert_eq!(world.from_peer(PEER, spare, b"x"), Outcome::Discarded(Discard::NoRelayedPort));
}

// A datagram so large that DATA and its neighbours do not fit a STUN message is dropped, not cut.
#[test]
fn a_datagram_too_large_for_an_indication_is_discarded() {
    let (mut world, client, relayed) = with_permission();
    // 65,532 bytes of body hold XOR-PEER-ADDRESS (12), DATA's header (4) and 65,516 bytes.
    let data = world.from_peer(PEER, relayed, &vec![1; 65_516]).for_client(&client);
    assert_eq!(data.value(AttributeType::DATA).map(|data| data.len()), Some(65_516));
    assert_eq!(world.from_peer(PEER, relayed, &vec![1; 65_517]), Outcome::Discarded(Discard::TooLarge));
}

// Only clients send Send, and only servers send Data.
#[test]
fn a_data_indication_from_a_client_is_discarded() {
    let (mut world, client, _) = with_permission();
    let mut bytes = send_indication(&mut world, PEER, b"x");
    bytes[..2].copy_from_slice(&Class::Indication.message_type(Method::Data).to_be_bytes());
    assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::NotForServers));
    bytes[..2].copy_from_slice(&Class::Request.message_type(Method::Send).to_be_bytes());
    assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::NotForServers));
}

// RFC 8656 §10.2: "The server MAY impose restrictions on the IP address".
#[test]
fn a_denied_network_is_never_reached() {
    let mut world = World::new(Setup { deny: vec!["203.0.113.0/30"], ..Setup::default() });
    let client = Client::usual();
    world.allocate(&client);
    let request = Request::new(Method::CreatePermission).peer("203.0.113.1:7000");
    world.request(&client, request).expect_error(hilum::wire::ErrorCode::FORBIDDEN);
    world.permit(&client, &[PEER]);
}
