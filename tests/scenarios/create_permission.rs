//! CreatePermission and permissions (RFC 8656 §9, §10.2).

use std::time::Duration;

use hilum::turn::{Discard, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{
    BOB, Client, OTHER_PEER, Outcome, PEER, PEER_V6, RELAY_V4, Request, SAME_HOST, Setup, World, channel_data,
    send_indication,
};

const DROPPED: Outcome = Outcome::Discarded(Discard::NoPermission);

fn with_allocation() -> (World, Client, std::net::SocketAddr) {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    (world, client, relayed)
}

fn create() -> Request {
    Request::new(Method::CreatePermission)
}

// RFC 8656 §10.2: "The server then responds with a CreatePermission success response".
#[test]
fn a_permission_lets_data_pass_in_both_directions() {
    let (mut world, client, relayed) = with_allocation();
    let answer = world.request(&client, create().peer(PEER));
    answer.expect_success();
    assert!(answer.is_signed_for(&client));
    let bytes = send_indication(&mut world, PEER, b"up");
    assert_eq!(world.from_client(&client, &bytes).for_peer(), (relayed, PEER.parse().unwrap(), b"up".to_vec()));
    let data = world.from_peer(PEER, relayed, b"down").for_client(&client);
    assert_eq!(data.value(AttributeType::DATA), Some(b"down".to_vec()));
}

// RFC 8656 §9: "If no match is found, relaying is not permitted and the server silently discards".
#[test]
fn without_a_permission_data_is_dropped_in_both_directions() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[OTHER_PEER]);
    let bytes = send_indication(&mut world, PEER, b"up");
    assert_eq!(world.from_client(&client, &bytes), DROPPED);
    assert_eq!(world.from_peer(PEER, relayed, b"down"), DROPPED);
}

// RFC 8656 §9: "only addresses are compared and port numbers are not considered"; §10.2: "The port portion ... is ignored".
#[test]
fn a_permission_is_for_an_address_whatever_the_port() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &["203.0.113.5:0"]);
    world.from_peer(SAME_HOST, relayed, b"x").for_client(&client);
    let bytes = send_indication(&mut world, SAME_HOST, b"x");
    world.from_client(&client, &bytes).for_peer();
}

// RFC 8656 §9: "The Permission Lifetime MUST be 300 seconds".
#[test]
fn a_permission_lives_300_seconds_to_the_second() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[PEER]);
    world.advance(299);
    world.now.moment = world.now.moment + Duration::from_nanos(999_999_999);
    world.from_peer(PEER, relayed, b"x").for_client(&client);
    let bytes = send_indication(&mut world, PEER, b"x");
    world.from_client(&client, &bytes).for_peer();
    world.now.moment = world.now.moment + Duration::from_nanos(1);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
    let bytes = send_indication(&mut world, PEER, b"x");
    assert_eq!(world.from_client(&client, &bytes), DROPPED);
}

// RFC 8656 §9: "the time-to-expiry for that permission is reset to Permission Lifetime".
#[test]
fn a_permission_is_refreshed_by_the_same_request() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[PEER]);
    world.advance(299);
    world.permit(&client, &[SAME_HOST]);
    world.advance(299);
    world.from_peer(PEER, relayed, b"x").for_client(&client);
    world.advance(1);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
}

// RFC 8656 §9: "CreatePermission and ChannelBind requests may be freely intermixed on a permission".
#[test]
fn a_permission_is_refreshed_by_a_channel_bind() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[PEER]);
    world.advance(200);
    world.bind(&client, 0x4000, SAME_HOST);
    world.advance(299);
    world.from_peer(PEER, relayed, b"x").for_client(&client);
}

// RFC 8656 §11.2: "a Send indication never causes the server to refresh the permission".
#[test]
fn data_does_not_refresh_a_permission() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[PEER]);
    for _ in 0..2 {
        world.advance(149);
        let bytes = send_indication(&mut world, PEER, b"x");
        world.from_client(&client, &bytes).for_peer();
        world.from_peer(PEER, relayed, b"x").for_client(&client);
    }
    world.advance(2);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
}

// RFC 8656 §9: "If an allocation expires, all its permissions expire with it".
#[test]
fn permissions_end_with_their_allocation() {
    let (mut world, client, _) = with_allocation();
    world.permit(&client, &[PEER]);
    world.request(&client, Request::refresh(0)).expect_success();
    let relayed = world.allocate(&client);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
}

// RFC 8656 §10.2: "MAY contain multiple such attributes".
#[test]
fn several_peers_in_one_request() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[PEER, OTHER_PEER]);
    for peer in [PEER, OTHER_PEER] {
        world.from_peer(peer, relayed, b"x").for_client(&client);
    }
}

// RFC 8656 §10.2: "MUST contain at least one XOR-PEER-ADDRESS".
#[test]
fn without_a_peer_it_is_a_bad_request() {
    let (mut world, client, _) = with_allocation();
    world.request(&client, create()).expect_error(ErrorCode::BAD_REQUEST);
}

// RFC 8656 §10.2: "or if any of these attributes are invalid, then a 400".
#[test]
fn one_invalid_peer_makes_a_bad_request_and_no_permission_at_all() {
    let invalid: [&[u8]; 6] =
        [&[], &[0, 1, 0, 0], &[0, 1, 0, 0, 1, 2, 3], &[0, 2, 0, 0, 1, 2, 3, 4], &[0, 3, 0, 0, 1, 2, 3, 4], &[0; 24]];
    for value in invalid {
        let (mut world, client, relayed) = with_allocation();
        let request = create().peer(PEER).with(AttributeType::XOR_PEER_ADDRESS, value);
        world.request(&client, request).expect_error(ErrorCode::BAD_REQUEST);
        assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED, "{value:?}");
    }
}

// RFC 8656 §10.2: "the server MUST generate an error response with the 443".
#[test]
fn a_peer_of_another_family_is_a_mismatch_and_no_permission_at_all() {
    let (mut world, client, relayed) = with_allocation();
    let request = create().peer(PEER).peer(PEER_V6);
    world.request(&client, request).expect_error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
}

// RFC 8656 §10.2: "if a value is not allowed, the server rejects the request with a 403".
#[test]
fn one_forbidden_peer_makes_the_whole_request_forbidden() {
    for forbidden in ["127.0.0.1:7000", "10.0.0.1:7000", "169.254.169.254:80", "192.0.2.1:7000", "224.0.0.1:7000"] {
        let (mut world, client, relayed) = with_allocation();
        let answer = world.request(&client, create().peer(PEER).peer(forbidden));
        answer.expect_error(ErrorCode::FORBIDDEN);
        assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED, "{forbidden}");
        assert_eq!(world.from_peer(forbidden, relayed, b"x"), DROPPED, "{forbidden}");
    }
}

// A refused request changes nothing that was there either.
#[test]
fn a_refused_request_does_not_refresh_what_was_there() {
    let (mut world, client, relayed) = with_allocation();
    world.permit(&client, &[PEER]);
    world.advance(200);
    world.request(&client, create().peer(PEER).peer("10.0.0.1:1")).expect_error(ErrorCode::FORBIDDEN);
    world.advance(99);
    world.from_peer(PEER, relayed, b"x").for_client(&client);
    world.advance(1);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
}

// One spelling per address: a second one gets around no rule.
#[test]
fn a_second_spelling_of_a_forbidden_address_is_forbidden() {
    let embedded = ["[::ffff:10.0.0.1]:1", "[64:ff9b::10.0.0.1]:1", "[2002:a00:1::]:1", "[::ffff:0:10.0.0.1]:1"];
    for spelling in embedded {
        let (mut world, client, _) = with_allocation();
        world.request(&client, create().peer(spelling)).expect_error(ErrorCode::FORBIDDEN);
    }
}

// One spelling per address: it is the IPv4 address that it embeds, in both directions.
#[test]
fn an_embedded_ipv4_address_is_that_ipv4_address() {
    for spelling in ["[::ffff:203.0.113.5]:7000", "[64:ff9b::203.0.113.5]:7000", "[2002:cb00:7105::1]:7000"] {
        let (mut world, client, relayed) = with_allocation();
        world.permit(&client, &[spelling]);
        let data = world.from_peer(PEER, relayed, b"x").for_client(&client);
        assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(PEER.parse().unwrap()));
        let bytes = send_indication(&mut world, spelling, b"x");
        let (_, to, _) = world.from_client(&client, &bytes).for_peer();
        assert_eq!(to, PEER.parse().unwrap(), "{spelling}");
    }
}

// RFC 8656 §10.2: "due to some capacity limit or similar, then a 508".
#[test]
fn more_permissions_than_an_allocation_may_hold_are_refused() {
    let (mut world, client, relayed) = with_allocation();
    let peers: Vec<String> = (1..=65).map(|host| format!("203.0.113.{host}:7000")).collect();
    let first: Vec<&str> = peers.iter().take(63).map(String::as_str).collect();
    world.permit(&client, &first);
    let answer = world.request(&client, create().peer(&peers[63]).peer(&peers[64]));
    answer.expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.from_peer(&peers[63], relayed, b"x"), DROPPED, "all or nothing");
    world.permit(&client, &[&peers[63]]);
    world.permit(&client, &[&peers[0]]);
    world.request(&client, create().peer(&peers[64])).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
}

// RFC 8656 §9: what has expired is deleted, and makes room.
#[test]
fn expired_permissions_make_room() {
    let settings = Settings { max_permissions: 1, ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    let client = Client::usual();
    world.allocate(&client);
    world.permit(&client, &[PEER]);
    world.advance(299);
    world.request(&client, create().peer(OTHER_PEER)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    world.advance(1);
    world.permit(&client, &[OTHER_PEER]);
}

// RFC 8656 §5: 437 and 441.
#[test]
fn it_needs_an_allocation_of_ones_own() {
    let mut world = World::default();
    let client = Client::usual();
    world.request(&client, create().peer(PEER)).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    let relayed = world.allocate(&client);
    world.request(&client.clone().named(BOB), create().peer(PEER)).expect_error(ErrorCode::WRONG_CREDENTIALS);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), DROPPED);
}

// Two clients of this relay must reach each other.
#[test]
fn two_clients_relaying_through_us_reach_each_other() {
    let mut world = World::default();
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    let (a, b) = (world.allocate(&alice), world.allocate(&bob));
    world.permit(&alice, &[&b.to_string()]);
    world.permit(&bob, &[&a.to_string()]);
    let bytes = send_indication(&mut world, &b.to_string(), b"hello");
    let (from, to, payload) = world.from_client(&alice, &bytes).for_peer();
    assert_eq!((from, to), (a, b));
    let data = world.from_peer(&from.to_string(), to, &payload).for_client(&bob);
    assert_eq!(data.value(AttributeType::DATA), Some(b"hello".to_vec()));
    assert_eq!(data.address(AttributeType::XOR_PEER_ADDRESS), Some(a));
}

// On our own address only what is relayed may be reached, and only as long as it is.
#[test]
fn on_our_own_address_only_live_relayed_ports_are_reached() {
    let mut world = World::default();
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    let a = world.allocate(&alice);
    world.permit(&alice, &[&format!("{RELAY_V4}:1")]);
    let bytes = send_indication(&mut world, &format!("{RELAY_V4}:3478"), b"x");
    assert_eq!(world.from_client(&alice, &bytes), Outcome::Discarded(Discard::PeerForbidden));
    let b = world.allocate(&bob);
    assert_ne!(a, b);
    let bytes = send_indication(&mut world, &b.to_string(), b"x");
    world.from_client(&alice, &bytes).for_peer();
    world.request(&bob, Request::refresh(0)).expect_success();
    assert_eq!(world.from_client(&alice, &bytes), Outcome::Discarded(Discard::PeerForbidden));
}

// The same on a channel, which was bound while the port was relayed.
#[test]
fn a_channel_to_our_own_address_carries_nothing_when_its_port_is_no_longer_relayed() {
    let mut world = World::default();
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    world.allocate(&alice);
    let b = world.allocate(&bob);
    world.bind(&alice, 0x4000, &b.to_string());
    let (_, to, _) = world.from_client(&alice, &channel_data(0x4000, b"x")).for_peer();
    assert_eq!(to, b);
    world.request(&bob, Request::refresh(0)).expect_success();
    let outcome = world.from_client(&alice, &channel_data(0x4000, b"x"));
    assert_eq!(outcome, Outcome::Discarded(Discard::PeerForbidden));
}

// A relayed address that is deleted alone is no longer relayed, although its allocation lives on.
#[test]
fn a_relayed_address_that_is_deleted_alone_is_no_longer_reached() {
    let mut world = World::default();
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    world.allocate(&alice);
    let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let b = world.request(&bob, both).relayed()[0];
    world.permit(&alice, &[&b.to_string()]);
    let bytes = send_indication(&mut world, &b.to_string(), b"x");
    world.from_client(&alice, &bytes).for_peer();
    let delete = Request::refresh(0).with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0]);
    world.request(&bob, delete).expect_success();
    assert_eq!(world.from_client(&alice, &bytes), Outcome::Discarded(Discard::PeerForbidden));
}

// Our own IPv6 address, under the same rule.
#[test]
fn two_clients_reach_each_other_over_ipv6_too() {
    let mut world = World::new(Setup { allow: vec!["203.0.113.0/24"], ..Setup::default() });
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    let of_ipv6 = || Request::allocate().with(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let [a, b] = [&alice, &bob].map(|client| world.request(client, of_ipv6()).relayed()[0]);
    world.permit(&alice, &[&b.to_string()]);
    let bytes = send_indication(&mut world, &b.to_string(), b"x");
    let (from, to, _) = world.from_client(&alice, &bytes).for_peer();
    assert_eq!((from, to), (a, b));
    let elsewhere = send_indication(&mut world, &format!("[{}]:3478", b.ip()), b"x");
    assert_eq!(world.from_client(&alice, &elsewhere), Outcome::Discarded(Discard::PeerForbidden));
}

// The deny list comes before our own address: an operator may keep clients from each other.
#[test]
fn our_own_address_may_be_denied() {
    let mut world = World::new(Setup { deny: vec!["198.51.100.1/32"], ..Setup::default() });
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    world.allocate(&alice);
    let b = world.allocate(&bob).to_string();
    world.request(&alice, create().peer(&b)).expect_error(ErrorCode::FORBIDDEN);
    world.request(&alice, Request::bind(0x4000, &b)).expect_error(ErrorCode::FORBIDDEN);
}
