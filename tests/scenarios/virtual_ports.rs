//! The relayed addresses of a closed call are virtual: no socket, and what two clients of the relay send each other never
//! leaves it. Each end is checked as if it had.

use std::net::SocketAddr;
use std::sync::Arc;

use hilum::addr::{Family, Transport};
use hilum::turn::{Common, Direction, Discard};
use hilum::wire::{AttributeType, ErrorCode, Method};

use super::world::*;

fn party(number: u16, party: &'static str) -> Client {
    Client::number(number).holding(&Token::new("visit", party))
}

fn dual() -> Request {
    Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
}

/// Two parties of a call with a channel to each other.
fn call(world: &mut World) -> ([Client; 2], [SocketAddr; 2]) {
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    world.bind(&ada, 0x4001, &of_ben.to_string());
    world.bind(&ben, 0x4002, &of_ada.to_string());
    ([ada, ben], [of_ada, of_ben])
}

#[test]
fn no_port_is_opened_for_a_closed_call() {
    let mut world = World::default();
    let spare = world.open.len();
    let ([ada, _], relayed) = call(&mut world);
    assert_eq!(world.relay.take_owned(), None);
    assert_eq!(world.open.len(), spare);
    assert!(world.open.values().all(|open| !relayed.contains(&open.socket())));
    world.request(&ada, Request::refresh(0)).expect_success();
    assert_eq!(world.closed, []);
}

// The channel number is the receiver's; the message is otherwise as it came.
#[test]
fn a_channel_message_becomes_the_channel_message_of_the_other_end() {
    let mut world = World::default();
    let ([ada, ben], _) = call(&mut world);
    let sent = world.from_client(&ada, &channel_data(0x4001, b"hello"));
    assert_eq!(sent, Outcome::ToClient(ben.five_tuple, channel_data(0x4002, b"hello")));
    let answered = world.from_client(&ben, &channel_data(0x4002, b"hello"));
    assert_eq!(answered, Outcome::ToClient(ada.five_tuple, channel_data(0x4001, b"hello")));
    assert_eq!(world.tally().traffic(Transport::Udp, Direction::Inside).packets, 2);
    assert_eq!(world.tally().traffic(Transport::Udp, Direction::ToPeer).packets, 0);
}

#[test]
fn an_indication_crosses_as_well() {
    let mut world = World::default();
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    world.permit(&ada, &[&of_ben.to_string()]);
    world.permit(&ben, &[&of_ada.to_string()]);
    let send = send_indication(&mut world, &of_ben.to_string(), b"hello");
    let heard = world.from_client(&ada, &send).for_client(&ben);
    assert_eq!(heard.value(AttributeType::DATA).as_deref(), Some(&b"hello"[..]));
    assert_eq!(heard.address(AttributeType::XOR_PEER_ADDRESS), Some(of_ada));
}

// RFC 8656 §9: what a client may send, and whom it hears, are two permissions of two allocations.
#[test]
fn the_receiver_must_have_given_a_permission_too() {
    let mut world = World::default();
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    world.bind(&ada, 0x4001, &of_ben.to_string());
    let message = channel_data(0x4001, b"hello");
    assert_eq!(world.from_client(&ada, &message), Outcome::Discarded(Discard::NoPermission));
    world.permit(&ben, &[&of_ada.to_string()]);
    assert!(matches!(world.from_client(&ada, &message), Outcome::ToClient(..)));
    // It runs out after five minutes, however lively the sender is.
    world.advance(299);
    assert!(matches!(world.from_client(&ada, &message), Outcome::ToClient(..)));
    world.advance(1);
    world.bind(&ada, 0x4001, &of_ben.to_string());
    assert_eq!(world.from_client(&ada, &message), Outcome::Discarded(Discard::NoPermission));
}

#[test]
fn a_stream_client_gets_whole_words() {
    let mut world = World::default();
    let ada = party(1, "a");
    let ben = Client::stream("192.0.2.9:4000", 7, Transport::Tls).holding(&Token::new("visit", "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    world.bind(&ada, 0x4001, &of_ben.to_string());
    world.bind(&ben, 0x4002, &of_ada.to_string());
    let mut expected = channel_data(0x4002, b"hello");
    expected.extend([0; 3]);
    let sent = world.from_client(&ada, &channel_data(0x4001, b"hello"));
    assert_eq!(sent, Outcome::ToClient(ben.five_tuple, expected));
}

#[test]
fn a_dual_allocation_has_a_virtual_address_of_each_family() {
    let mut world = World::default();
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let of_ada = world.request(&ada, dual()).relayed();
    let of_ben = world.request(&ben, dual()).relayed();
    for ((number, from), to) in (0x4001..).zip(&of_ada).zip(&of_ben) {
        world.bind(&ada, number, &to.to_string());
        world.bind(&ben, number, &from.to_string());
        let sent = world.from_client(&ada, &channel_data(number, b"hello"));
        assert_eq!(sent, Outcome::ToClient(ben.five_tuple, channel_data(number, b"hello")));
    }
    assert_eq!(of_ada.len(), 2);
    let v4 = World::new(Setup { families: vec![Family::V4], ..Setup::default() }).request(&ada, dual());
    assert_eq!(v4.relayed().len(), 1);
}

// RFC 8656 §7.2, checks 5 and 8.
#[test]
fn virtual_ports_can_be_even_and_reserved() {
    let mut world = World::default();
    let pair = Request::allocate().with(AttributeType::EVEN_PORT, &[0x80]);
    let answer = world.request(&party(1, "a"), pair.clone());
    let (even, token) = (answer.relayed()[0], answer.value(AttributeType::RESERVATION_TOKEN).unwrap());
    assert_eq!(even.port() % 2, 0);
    let claim = Request::allocate().with(AttributeType::RESERVATION_TOKEN, &token);
    let odd = world.request(&party(2, "a"), claim.clone()).relayed()[0];
    assert_eq!(odd, SocketAddr::new(even.ip(), even.port() + 1));
    // Nobody comes for this one: after half a minute it is free, and nothing of it is closed.
    let token = world.request(&party(3, "a"), pair).value(AttributeType::RESERVATION_TOKEN).unwrap();
    world.advance(30);
    let claim = Request::allocate().with(AttributeType::RESERVATION_TOKEN, &token);
    world.request(&party(4, "a"), claim).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.closed, []);
}

#[test]
fn numbers_of_virtual_and_opened_ports_are_never_the_same() {
    let mut world = World::default();
    for number in 0..200 {
        let id = Box::leak(format!("t{number}").into_boxed_str());
        let client = Client::number(number).holding(&Token { id, ..Token::new("visit", "a") });
        assert!(world.allocate(&client).port() < 49_152);
    }
}

#[test]
fn an_ended_allocation_is_heard_no_more_and_its_address_serves_another_call() {
    let setup = Setup::default();
    let common = Common::with_addresses(setup.quota, &[RELAY_V4.parse().unwrap()], &(1026..=65_535), &[]);
    let mut world = World::shard(setup, common, 0);
    let ([ada, ben], [of_ada, of_ben]) = call(&mut world);
    world.request(&ben, Request::refresh(0)).expect_success();
    let message = channel_data(0x4001, b"hello");
    assert_eq!(world.from_client(&ada, &message), Outcome::Discarded(Discard::PeerForbidden));
    let eve = Client::number(3).holding(&Token::new("other", "e"));
    assert_eq!(world.allocate(&eve), of_ben);
    world.permit(&eve, &[&of_ada.to_string()]);
    assert_eq!(world.from_client(&ada, &message), Outcome::Discarded(Discard::OtherCall));
}

#[test]
fn when_all_numbers_are_taken_there_is_no_capacity() {
    let setup = Setup { families: vec![Family::V4], ..Setup::default() };
    let relayed = [RELAY_V4.parse().unwrap()];
    let common = Common::with_addresses(setup.quota, &relayed, &(1026..=65_535), &[]);
    let mut world = World::shard(setup, common, 0);
    let (one, two) = (world.allocate(&party(1, "a")), world.allocate(&party(2, "b")));
    assert_ne!(one, two);
    world.request(&party(3, "c"), Request::allocate()).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    world.request(&party(1, "a"), Request::refresh(0)).expect_success();
    assert_eq!(world.allocate(&party(3, "c")), one);
}

#[test]
fn without_credentials_for_peers_outside_no_port_is_opened() {
    let settings = hilum::turn::Settings { opens_ports: false, ..hilum::turn::Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    assert!(world.open.is_empty());
    call(&mut world);
    assert!(world.open.is_empty());
}

// A token that names a peer outside has an opened port, and reaches the parties of its call as well.
#[test]
fn an_opened_port_and_a_virtual_one_meet() {
    let mut world = World::default();
    let ada = Client::number(1).holding(&Token { more: r#","peers":["203.0.113.5"]"#, ..Token::new("visit", "a") });
    let ben = party(2, "b");
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    assert!(of_ada.port() >= 49_152 && of_ben.port() < 49_152);
    world.bind(&ada, 0x4001, &of_ben.to_string());
    world.bind(&ben, 0x4002, &of_ada.to_string());
    let sent = world.from_client(&ada, &channel_data(0x4001, b"hello"));
    assert_eq!(sent, Outcome::ToClient(ben.five_tuple, channel_data(0x4002, b"hello")));
    let sent = world.from_client(&ben, &channel_data(0x4002, b"hello"));
    assert_eq!(sent, Outcome::ToClient(ada.five_tuple, channel_data(0x4001, b"hello")));
    world.bind(&ada, 0x4003, PEER);
    assert!(matches!(world.from_client(&ada, &channel_data(0x4003, b"hello")), Outcome::ToPeer { .. }));
}

// Nothing bears the address of a virtual port on the wire; whatever does is forged.
#[test]
fn who_forges_a_virtual_address_on_the_network_is_not_heard() {
    let mut world = World::default();
    let ada = Client::number(1).holding(&Token { more: r#","peers":["203.0.113.5"]"#, ..Token::new("visit", "a") });
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&party(2, "b")));
    world.bind(&ada, 0x4001, &of_ben.to_string());
    let heard = world.from_peer(&of_ben.to_string(), of_ada, b"hello");
    assert_eq!(heard, Outcome::Discarded(Discard::PeerForbidden));
}

#[test]
fn an_allocation_on_another_shard_is_reached_through_that_shard() {
    let one = World::default();
    let common = Arc::clone(&one.common);
    let (mut one, mut two) = (one, World::shard(Setup::default(), common, 1));
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let (of_ada, of_ben) = (one.allocate(&ada), two.allocate(&ben));
    one.bind(&ada, 0x4001, &of_ben.to_string());
    two.bind(&ben, 0x4002, &of_ada.to_string());
    let sent = one.from_client(&ada, &channel_data(0x4001, b"hello"));
    // Hers is the first use of a relayed address, his the second.
    assert_eq!(sent, Outcome::ToShard { shard: 1, from: of_ada, to: of_ben, serial: 2, bytes: b"hello".to_vec() });
    let heard = two.from_shard(of_ada, of_ben, 2, b"hello");
    assert_eq!(heard, Outcome::ToClient(ben.five_tuple, channel_data(0x4002, b"hello")));
    // Too late: it has gone meanwhile, or the address is another shard's.
    two.request(&ben, Request::refresh(0)).expect_success();
    assert_eq!(two.from_shard(of_ada, of_ben, 2, b"hello"), Outcome::Discarded(Discard::NoRelayedPort));
    assert_eq!(two.from_shard(of_ben, of_ada, 1, b"hello"), Outcome::Discarded(Discard::NoRelayedPort));
}

// The call was asked for when the datagram set out; what the seal takes for media is not judged again.
#[test]
fn a_datagram_between_shards_reaches_nobody_who_has_the_address_by_then() {
    let report = hilum::policy::seal::Settings { mode: hilum::policy::seal::Mode::Report, ..Default::default() };
    let setup = || Setup { seal: report, families: vec![Family::V4], ..Setup::default() };
    let common = Common::with_addresses(setup().quota, &[RELAY_V4.parse().unwrap()], &(1026..=65_535), &[]);
    let (mut one, mut two) = (World::shard(setup(), Arc::clone(&common), 0), World::shard(setup(), common, 1));
    let (ada, ben) = (party(1, "a"), party(2, "b"));
    let (of_ada, of_ben) = (one.allocate(&ada), two.allocate(&ben));
    one.bind(&ada, 0x4001, &of_ben.to_string());
    two.permit(&ben, &[&of_ada.to_string()]);
    let media = [&[0x80, 96][..], &[7; 40]].concat();
    let sent = one.from_client(&ada, &channel_data(0x4001, &media));
    let Outcome::ToShard { from, to, serial, bytes, .. } = sent else { panic!("{sent:?}") };
    assert!(matches!(two.from_shard(from, to, serial, &bytes), Outcome::ToClient(..)));
    two.request(&ben, Request::refresh(0)).expect_success();
    let eve = Client::number(3).holding(&Token::new("other", "e"));
    assert_eq!(two.allocate(&eve), of_ben);
    two.permit(&eve, &[&of_ada.to_string()]);
    assert_eq!(two.from_shard(from, to, serial, &bytes), Outcome::Discarded(Discard::NoRelayedPort));
}

// Without a permission of the receiver nothing arrives, whichever shard it is on.
#[test]
fn another_shard_checks_the_permission_as_well() {
    let mut one = World::default();
    let mut two = World::shard(Setup::default(), Arc::clone(&one.common), 1);
    let (of_ada, of_ben) = (one.allocate(&party(1, "a")), two.allocate(&party(2, "b")));
    assert_eq!(two.from_shard(of_ada, of_ben, 2, b"hello"), Outcome::Discarded(Discard::NoPermission));
}

#[test]
fn a_client_that_is_bound_to_a_call_reaches_no_socket_even_at_our_own_address() {
    let mut world = World::default();
    let ada = party(1, "a");
    world.allocate(&ada);
    let service = format!("{RELAY_V4}:3478");
    let request = Request::bind(0x4001, &service);
    assert_eq!(world.request(&ada, request).code(), Some(ErrorCode::FORBIDDEN));
    world.request(&ada, Request::new(Method::CreatePermission).peer(&service)).expect_success();
    let send = send_indication(&mut world, &service, b"hello");
    assert_eq!(world.from_client(&ada, &send), Outcome::Discarded(Discard::PeerForbidden));
}
