//! ChannelBind and channel bindings (RFC 8656 §12, §12.2).

use std::net::SocketAddr;
use std::time::Duration;

use hilum::turn::{Discard, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{
    BOB, Client, OTHER_PEER, Outcome, PEER, PEER_V6, RELAY_V4, Request, SAME_HOST, Setup, World, channel_data,
};

const UNBOUND: Outcome = Outcome::Discarded(Discard::NoChannel);

fn with_allocation() -> (World, Client, SocketAddr) {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    (world, client, relayed)
}

// RFC 8656 §12.2: "creates or refreshes the channel binding".
#[test]
fn a_channel_carries_data_in_both_directions() {
    let (mut world, client, relayed) = with_allocation();
    let answer = world.request(&client, Request::bind(0x4000, PEER));
    answer.expect_success();
    assert!(answer.is_signed_for(&client));
    let sent = world.from_client(&client, &channel_data(0x4000, b"up")).for_peer();
    assert_eq!(sent, (relayed, PEER.parse().unwrap(), b"up".to_vec()));
    let received = world.from_peer(PEER, relayed, b"down");
    assert_eq!(received, Outcome::ToClient(client.five_tuple, channel_data(0x4000, b"down")));
}

// RFC 8656 §12.2: "The server also installs or refreshes a permission for the IP address".
#[test]
fn a_channel_bind_installs_a_permission_for_the_address() {
    let (mut world, client, relayed) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    let data = world.from_peer(SAME_HOST, relayed, b"x").for_client(&client);
    assert_eq!(data.message().method(), Method::Data);
}

// RFC 8656 §12.2: "The request contains both a CHANNEL-NUMBER and an XOR-PEER-ADDRESS attribute".
#[test]
fn without_number_or_peer_it_is_a_bad_request() {
    let (mut world, client, _) = with_allocation();
    let number = Request::new(Method::ChannelBind).with(AttributeType::CHANNEL_NUMBER, &[0x40, 0, 0, 0]);
    for request in [number, Request::new(Method::ChannelBind).peer(PEER), Request::new(Method::ChannelBind)] {
        world.request(&client, request).expect_error(ErrorCode::BAD_REQUEST);
    }
}

// RFC 8656 §12.2: "The channel number is in the range 0x4000 through 0x4FFF (inclusive)".
#[test]
fn the_channel_number_is_within_its_range() {
    for (number, valid) in [
        (0x0000, false),
        (0x3fff, false),
        (0x4000, true),
        (0x4fff, true),
        (0x5000, false),
        (0x7fff, false),
        (0xffff, false),
    ] {
        let (mut world, client, relayed) = with_allocation();
        let answer = world.request(&client, Request::bind(number, PEER));
        assert_eq!(answer.code(), (!valid).then_some(ErrorCode::BAD_REQUEST), "{number:#x}");
        let passes = matches!(world.from_peer(PEER, relayed, b"x"), Outcome::ToClient(..));
        assert_eq!(passes, valid, "no permission without a channel: {number:#x}");
    }
}

// RFC 8656 §18.1: the reserved bytes are ignored; the length is four.
#[test]
fn a_malformed_channel_number_is_a_bad_request() {
    let (mut world, client, _) = with_allocation();
    for value in [&[][..], &[0x40, 0], &[0x40, 0, 0], &[0x40, 0, 0, 0, 0]] {
        let request = Request::new(Method::ChannelBind).with(AttributeType::CHANNEL_NUMBER, value).peer(PEER);
        world.request(&client, request).expect_error(ErrorCode::BAD_REQUEST);
    }
    let request = Request::new(Method::ChannelBind).with(AttributeType::CHANNEL_NUMBER, &[0x40, 0, 9, 9]).peer(PEER);
    world.request(&client, request).expect_success();
}

// RFC 8656 §12.2: the peer's address is well-formed.
#[test]
fn a_malformed_peer_is_a_bad_request() {
    let (mut world, client, _) = with_allocation();
    for value in [&[][..], &[0, 1, 0, 0], &[0, 2, 0, 0, 1, 2, 3, 4], &[0, 7, 0, 0, 1, 2, 3, 4]] {
        let request = Request::new(Method::ChannelBind)
            .with(AttributeType::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
            .with(AttributeType::XOR_PEER_ADDRESS, value);
        world.request(&client, request).expect_error(ErrorCode::BAD_REQUEST);
    }
}

// RFC 8656 §12.2: "not currently bound to a different transport address".
#[test]
fn a_bound_number_takes_no_other_peer() {
    let (mut world, client, _) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    for other in [OTHER_PEER, SAME_HOST] {
        world.request(&client, Request::bind(0x4000, other)).expect_error(ErrorCode::BAD_REQUEST);
    }
    let (_, to, _) = world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
    assert_eq!(to, PEER.parse().unwrap());
}

// RFC 8656 §12.2: "The transport address is not currently bound to a different channel number".
#[test]
fn a_bound_peer_takes_no_other_number() {
    let (mut world, client, _) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    world.request(&client, Request::bind(0x4001, PEER)).expect_error(ErrorCode::BAD_REQUEST);
    assert_eq!(world.from_client(&client, &channel_data(0x4001, b"x")), UNBOUND);
}

// One spelling per address: an IPv4 address inside an IPv6 address is the same peer.
#[test]
fn a_bound_peer_takes_no_other_number_under_another_spelling() {
    let (mut world, client, _) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    let answer = world.request(&client, Request::bind(0x4001, "[::ffff:203.0.113.5]:7000"));
    answer.expect_error(ErrorCode::BAD_REQUEST);
}

// RFC 8656 §12.2: a conflict on both sides.
#[test]
fn two_bindings_cannot_be_swapped() {
    let (mut world, client, _) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    world.bind(&client, 0x4001, OTHER_PEER);
    world.request(&client, Request::bind(0x4000, OTHER_PEER)).expect_error(ErrorCode::BAD_REQUEST);
    world.request(&client, Request::bind(0x4001, PEER)).expect_error(ErrorCode::BAD_REQUEST);
}

// RFC 8656 §12: the peer of a channel is a transport address; two ports are two peers.
#[test]
fn two_ports_of_one_address_are_two_channels() {
    let (mut world, client, relayed) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    world.bind(&client, 0x4001, SAME_HOST);
    let received = world.from_peer(SAME_HOST, relayed, b"x");
    assert_eq!(received, Outcome::ToClient(client.five_tuple, channel_data(0x4001, b"x")));
}

// A refused ChannelBind does not refresh the permission either.
#[test]
fn a_refused_bind_leaves_everything_as_it_was() {
    let (mut world, client, relayed) = with_allocation();
    world.bind(&client, 0x4000, PEER);
    world.advance(200);
    world.request(&client, Request::bind(0x4001, PEER)).expect_error(ErrorCode::BAD_REQUEST);
    world.request(&client, Request::bind(0x4000, OTHER_PEER)).expect_error(ErrorCode::BAD_REQUEST);
    assert_eq!(world.from_peer(OTHER_PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
    world.advance(100);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
}

// RFC 8656 §12: "A channel binding lasts for 10 minutes unless refreshed".
#[test]
fn a_channel_lives_600_seconds_to_the_second() {
    let (mut world, client, relayed) = with_allocation();
    world.request(&client, Request::refresh(3600)).expect_success();
    world.bind(&client, 0x4000, PEER);
    world.advance(599);
    world.permit(&client, &[PEER]);
    world.now.moment = world.now.moment + Duration::from_nanos(999_999_999);
    world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
    world.now.moment = world.now.moment + Duration::from_nanos(1);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND);
    let data = world.from_peer(PEER, relayed, b"x").for_client(&client);
    assert_eq!(data.message().method(), Method::Data, "the permission is still there, the channel is not");
}

// RFC 8656 §12: "Refreshing the binding ... resets the time-to-expiry timer back to 10 minutes".
#[test]
fn the_same_bind_again_refreshes_channel_and_permission() {
    let (mut world, client, relayed) = with_allocation();
    world.request(&client, Request::refresh(3600)).expect_success();
    world.bind(&client, 0x4000, PEER);
    for _ in 0..5 {
        world.advance(299);
        world.from_peer(PEER, relayed, b"x").for_client_bytes(&client);
        world.bind(&client, 0x4000, PEER);
    }
    world.advance(299);
    world.permit(&client, &[PEER]);
    world.advance(299);
    world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
}

// RFC 8656 §12: "Once unbound, the channel number can be bound to a different transport address".
#[test]
fn an_expired_number_may_stand_for_another_peer() {
    let (mut world, client, _) = with_allocation();
    world.request(&client, Request::refresh(3600)).expect_success();
    world.bind(&client, 0x4000, PEER);
    world.advance(599);
    world.request(&client, Request::bind(0x4000, OTHER_PEER)).expect_error(ErrorCode::BAD_REQUEST);
    world.advance(1);
    world.bind(&client, 0x4000, OTHER_PEER);
    let (_, to, _) = world.from_client(&client, &channel_data(0x4000, b"x")).for_peer();
    assert_eq!(to, OTHER_PEER.parse().unwrap());
}

// RFC 8656 §12: "and the transport address can be bound to a different channel number".
#[test]
fn an_expired_peer_may_have_another_number() {
    let (mut world, client, relayed) = with_allocation();
    world.request(&client, Request::refresh(3600)).expect_success();
    world.bind(&client, 0x4000, PEER);
    world.advance(600);
    world.bind(&client, 0x4001, PEER);
    let received = world.from_peer(PEER, relayed, b"x");
    assert_eq!(received, Outcome::ToClient(client.five_tuple, channel_data(0x4001, b"x")));
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND);
}

// RFC 8656 §12.2: "MUST generate an error response with the 443".
#[test]
fn a_peer_of_another_family_is_a_mismatch() {
    let (mut world, client, _) = with_allocation();
    let answer = world.request(&client, Request::bind(0x4000, PEER_V6));
    answer.expect_error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND);
}

// RFC 8656 §12.2: "if a value is not allowed, the server rejects the request with a 403".
#[test]
fn a_forbidden_peer_or_port_is_refused() {
    let closed_port_of_ours = format!("{RELAY_V4}:3478");
    for peer in ["127.0.0.1:7000", "10.1.2.3:7000", "203.0.113.5:53", "203.0.113.5:1023", &closed_port_of_ours] {
        let (mut world, client, _) = with_allocation();
        world.request(&client, Request::bind(0x4000, peer)).expect_error(ErrorCode::FORBIDDEN);
        assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND, "{peer}");
    }
}

// RFC 8656 §12.2: "due to some capacity limit or similar ... 508".
#[test]
fn more_channels_than_an_allocation_may_hold_are_refused() {
    let settings = Settings { max_channels: 2, ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.request(&client, Request::refresh(3600)).expect_success();
    world.bind(&client, 0x4000, PEER);
    world.bind(&client, 0x4001, SAME_HOST);
    world.request(&client, Request::bind(0x4002, OTHER_PEER)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.from_peer(OTHER_PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
    world.bind(&client, 0x4000, PEER);
    world.advance(600);
    world.bind(&client, 0x4002, OTHER_PEER);
}

// RFC 8656 §12.2: no room for the permission is no room for the channel.
#[test]
fn without_room_for_its_permission_a_channel_is_refused() {
    let settings = Settings { max_permissions: 1, ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    let client = Client::usual();
    world.allocate(&client);
    world.permit(&client, &[PEER]);
    world.request(&client, Request::bind(0x4000, OTHER_PEER)).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND);
}

// RFC 8656 §5: 437 and 441.
#[test]
fn it_needs_an_allocation_of_ones_own() {
    let mut world = World::default();
    let client = Client::usual();
    world.request(&client, Request::bind(0x4000, PEER)).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    world.allocate(&client);
    let answer = world.request(&client.clone().named(BOB), Request::bind(0x4000, PEER));
    answer.expect_error(ErrorCode::WRONG_CREDENTIALS);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND);
}

// RFC 8656 §12: "If an allocation expires, all its channel bindings expire with it".
#[test]
fn channels_end_with_their_allocation() {
    let (mut world, client, _) = with_allocation();
    world.advance(300);
    world.bind(&client, 0x4000, PEER);
    world.advance(300);
    world.allocate(&client);
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), UNBOUND);
}
