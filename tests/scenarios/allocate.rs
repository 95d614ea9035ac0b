//! Allocate (RFC 8656 §7.2).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use hilum::addr::Family;
use hilum::time::Lifetime;
use hilum::turn::{Discard, EndCause, Event, Families, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method};

use crate::world::{Client, OTHER_PEER, Outcome, PEER, Request, Setup, World, channel_data, send_indication};

fn answer_to(request: Request) -> Option<ErrorCode> {
    let mut world = World::default();
    let answer = world.request(&Client::usual(), request);
    assert_eq!(world.relay.allocations(), usize::from(answer.code().is_none()), "an error leaves nothing behind");
    answer.code()
}

fn granted(asked: Option<u32>) -> Option<u32> {
    let request = asked.map_or(Request::allocate(), |seconds| Request::allocate().lifetime(seconds));
    let answer = World::default().request(&Client::usual(), request);
    answer.expect_success();
    answer.lifetime()
}

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
    assert!(!answer.message().has(AttributeType::RESERVATION_TOKEN));
}

// RFC 8656 §7.2, check 2.
#[test]
fn a_five_tuple_in_use_is_an_allocation_mismatch() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.request(&client, Request::allocate()).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    assert_eq!(world.relay.allocations(), 1);
    world.permit(&client, &[PEER]);
    world.from_peer(PEER, relayed, b"still there").for_client(&client);
}

// RFC 8656 §7.2, check 2, comes before check 3.
#[test]
fn a_five_tuple_in_use_is_told_before_a_bad_attribute() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    world.request(&client, Request::new(Method::Allocate)).expect_error(ErrorCode::ALLOCATION_MISMATCH);
}

// RFC 8656 §7.2, check 2: it is the five-tuple that counts, not the user.
#[test]
fn another_users_five_tuple_is_an_allocation_mismatch() {
    let mut world = World::default();
    world.allocate(&Client::usual());
    let answer = world.request(&Client::usual().named("bob"), Request::allocate());
    answer.expect_error(ErrorCode::ALLOCATION_MISMATCH);
}

// RFC 8656 §7.2, check 3.
#[test]
fn without_requested_transport_it_is_a_bad_request() {
    let mut world = World::default();
    let client = Client::udp("192.0.2.7:4000");
    world.request(&client, Request::new(Method::Allocate)).expect_error(ErrorCode::BAD_REQUEST);
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8656 §7.2, check 3.
#[test]
fn a_malformed_requested_transport_is_a_bad_request() {
    for value in [&[][..], &[17], &[17, 0, 0], &[17, 0, 0, 0, 0]] {
        let request = Request::new(Method::Allocate).with(AttributeType::REQUESTED_TRANSPORT, value);
        assert_eq!(answer_to(request), Some(ErrorCode::BAD_REQUEST), "{value:?}");
    }
}

// RFC 8656 §7.2, check 3.
#[test]
fn any_transport_but_udp_is_unsupported() {
    for protocol in (0..=255).filter(|&protocol| protocol != 17) {
        let request = Request::new(Method::Allocate).with(AttributeType::REQUESTED_TRANSPORT, &[protocol, 0, 0, 0]);
        assert_eq!(answer_to(request), Some(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL), "protocol {protocol}");
    }
}

// RFC 8656 §18.8: the reserved bytes are ignored on reception.
#[test]
fn reserved_bytes_of_requested_transport_are_ignored() {
    let request = Request::new(Method::Allocate).with(AttributeType::REQUESTED_TRANSPORT, &[17, 1, 2, 3]);
    assert_eq!(answer_to(request), None);
}

// RFC 8656 §7.2, check 4: DONT-FRAGMENT is supported.
#[test]
fn dont_fragment_is_accepted() {
    assert_eq!(answer_to(Request::allocate().with(AttributeType::DONT_FRAGMENT, &[])), None);
}

// RFC 8656 §18.9: "This attribute has no value part".
#[test]
fn dont_fragment_with_a_value_is_a_bad_request() {
    let request = Request::allocate().with(AttributeType::DONT_FRAGMENT, &[1]);
    assert_eq!(answer_to(request), Some(ErrorCode::BAD_REQUEST));
}

// RFC 8656 §7.2, check 7: "If the REQUESTED-ADDRESS-FAMILY attribute is absent ... MUST allocate an IPv4".
#[test]
fn without_a_requested_family_it_is_ipv4() {
    let mut world = World::default();
    assert!(world.allocate(&Client::udp("[2001:db8:9::1]:4000")).is_ipv4());
}

// RFC 8656 §7.2: the time-to-expiry is at least the default.
#[test]
fn a_lifetime_below_the_default_becomes_the_default() {
    assert_eq!([None, Some(0), Some(1), Some(599), Some(600)].map(granted), [Some(600); 5]);
}

// RFC 8656 §7.2: the minimum of the proposed lifetime and the server's maximum.
#[test]
fn a_lifetime_between_default_and_maximum_is_granted() {
    assert_eq!([Some(601), Some(3599), Some(3600)].map(granted), [Some(601), Some(3599), Some(3600)]);
}

// RFC 8656 §7.2: "no more than 3600 seconds".
#[test]
fn a_lifetime_above_the_maximum_becomes_the_maximum() {
    assert_eq!([Some(3601), Some(u32::MAX)].map(granted), [Some(3600); 2]);
}

// RFC 8656 §7.2: the maximum is the server's own.
#[test]
fn the_maximum_lifetime_is_the_operators() {
    let settings = Settings { max_lifetime: Lifetime::from_secs(900), ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    let answer = world.request(&Client::usual(), Request::allocate().lifetime(3600));
    assert_eq!(answer.lifetime(), Some(900));
}

// RFC 8656 §18.2: LIFETIME has four bytes.
#[test]
fn a_malformed_lifetime_is_a_bad_request() {
    for value in [&[][..], &[0, 0, 2], &[0, 0, 0, 2, 88]] {
        let request = Request::allocate().with(AttributeType::LIFETIME, value);
        assert_eq!(answer_to(request), Some(ErrorCode::BAD_REQUEST), "{value:?}");
    }
}

// RFC 8656 §6: "The time-to-expiry ... ticks down towards zero".
#[test]
fn an_allocation_ends_when_its_lifetime_has_passed_and_not_before() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.advance(599);
    assert_eq!(world.relay.allocations(), 1);
    world.advance(1);
    assert_eq!(world.relay.allocations(), 0);
    assert_eq!(world.closed, [relayed]);
    assert_eq!(world.tally().ended(EndCause::Expired), 1);
}

// RFC 8656 §6: the moment counts, not the wheel that turns in whole seconds.
#[test]
fn an_expired_allocation_is_gone_although_nobody_ticked() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    world.permit(&client, &[PEER]);
    world.advance(298);
    world.permit(&client, &[PEER]);
    world.advance(298);
    world.permit(&client, &[PEER]);
    world.now.moment = world.now.moment + Duration::from_millis(3999);
    let bytes = send_indication(&mut world, PEER, b"in time");
    world.from_client(&client, &bytes).for_peer();
    world.now.moment = world.now.moment + Duration::from_millis(1);
    let bytes = send_indication(&mut world, PEER, b"too late");
    assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::NoAllocation));
}

// RFC 8656 §6: "sending data to a peer does not refresh an allocation".
#[test]
fn data_does_not_refresh_an_allocation() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    for _ in 0..3 {
        world.bind(&client, 0x4000, PEER);
        world.advance(199);
        world.from_client(&client, &channel_data(0x4000, b"up")).for_peer();
        world.from_peer(PEER, relayed, b"down").for_client_bytes(&client);
    }
    assert_eq!(world.relay.allocations(), 1);
    world.advance(3);
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8656 §6: "The relayed transport address MUST be unique across all allocations".
#[test]
fn relayed_addresses_are_unique() {
    let mut world = World::default();
    let mut seen = HashSet::new();
    for number in 0..500 {
        let client =
            Client::number(number).ephemeral(hilum::time::UnixTime::from_secs(1_800_000_000), &number.to_string());
        assert!(seen.insert(world.allocate(&client)));
    }
    assert_eq!(world.relay.allocations(), 500);
}

// RFC 8656 §7.2: "the list of permissions and the list of channels are initially empty".
#[test]
fn a_new_allocation_has_neither_permissions_nor_channels() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    world.request(&client, Request::refresh(0)).expect_success();
    let relayed = world.allocate(&client);
    assert_eq!(world.from_peer(PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
    let outcome = world.from_client(&client, &channel_data(0x4000, b"x"));
    assert_eq!(outcome, Outcome::Discarded(Discard::NoChannel));
}

// RFC 8656 §9: "The permissions for one allocation are totally unrelated to the permissions for a different allocation".
#[test]
fn allocations_know_nothing_of_each_other() {
    let mut world = World::default();
    let (one, two) = (Client::number(1), Client::number(2));
    let (from_one, from_two) = (world.allocate(&one), world.allocate(&two));
    world.bind(&one, 0x4000, PEER);
    world.bind(&two, 0x4000, OTHER_PEER);
    assert_eq!(world.from_peer(PEER, from_two, b"x"), Outcome::Discarded(Discard::NoPermission));
    let (from, to, _) = world.from_client(&one, &channel_data(0x4000, b"x")).for_peer();
    assert_eq!((from, to), (from_one, PEER.parse().unwrap()));
    let (from, to, _) = world.from_client(&two, &channel_data(0x4000, b"x")).for_peer();
    assert_eq!((from, to), (from_two, OTHER_PEER.parse().unwrap()));
}

// RFC 8656 §5: "The server SHOULD include the SOFTWARE attribute in all Allocate and Refresh responses".
#[test]
fn answers_to_allocate_and_refresh_name_the_software_to_those_who_have_proven_themselves() {
    let mut world = World::default();
    let client = Client::usual();
    for request in [Request::allocate(), Request::allocate(), Request::refresh(600), Request::refresh(0)] {
        let answer = world.request(&client, request);
        assert_eq!(answer.value(AttributeType::SOFTWARE), Some(b"hilum".to_vec()));
    }
}

// An allocation is a fact with a beginning and an end.
#[test]
fn beginning_and_end_are_facts() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    world.from_client(&client, &channel_data(0x4000, b"12345")).for_peer();
    world.advance(10);
    world.request(&client, Request::refresh(0)).expect_success();
    let events = world.events();
    let [Event::Allocated { client: began, families, .. }, Event::Ended { client: ended, cause, age, carried, .. }] =
        events.as_slice()
    else {
        panic!("two facts, and not {events:?}");
    };
    assert_eq!((*began, *families), (client.five_tuple, Families::One(Family::V4)));
    assert_eq!((*ended, *cause, *age), (client.five_tuple, EndCause::Deleted, Duration::from_secs(10)));
    assert_eq!((carried.up.packets, carried.up.bytes, carried.down.packets), (1, 5, 0));
}
