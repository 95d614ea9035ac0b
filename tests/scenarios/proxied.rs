//! Clients behind a load balancer that puts a PROXY header in front of each datagram. The headers are written by another's
//! code.

use std::net::SocketAddr;

use hilum::addr::{ClientAddr, FiveTuple, Link};
use hilum::policy::Quota;
use hilum::turn::{Discard, EndCause, Event, NotRestored, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method, decode_xor_address};
use ppp::v2;

use super::world::*;

/// The balancer's address, with the port that it has for the client of most scenarios, and one that it has later.
const BALANCER: &str = "10.0.0.7:30001";
const BALANCER_LATER: &str = "10.0.0.7:30002";
const CLIENT: &str = "192.0.2.7:4000";

fn header(command: v2::Command, protocol: v2::Protocol, client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let server = if client.is_ipv4() { "192.0.2.1:443" } else { "[2001:db8::1]:443" }.parse().unwrap();
    let addresses: (SocketAddr, SocketAddr) = (client, server);
    let builder = v2::Builder::with_addresses(v2::Version::Two | command, protocol, addresses);
    builder.write_tlv(v2::Type::UniqueId, &[7; 10]).unwrap().build().unwrap()
}

/// What the balancer says of a client's datagrams.
fn of(client: &str) -> Vec<u8> {
    header(v2::Command::Proxy, v2::Protocol::Datagram, client)
}

fn settings() -> Settings {
    let proxies = ["10.0.0.0/24", "2001:db8:77::/64"].map(|network| network.parse().unwrap()).to_vec();
    Settings { proxies, ..Settings::default() }
}

/// A relay behind a balancer, and its client, who seems to be where the balancer is.
fn behind_a_balancer() -> (World, Client) {
    let mut world = World::new(Setup { settings: settings(), ..Setup::default() });
    world.header = of(CLIENT);
    (world, Client::udp(BALANCER))
}

fn known_as(client: &str) -> FiveTuple {
    FiveTuple { client: ClientAddr::new(client.parse().unwrap()), link: Link::Proxied(0) }
}

/// Whom the relay takes the sender for.
fn mapped(world: &mut World, client: &Client) -> SocketAddr {
    let binding = Request::new(Method::Binding).unauthenticated(world.transaction());
    let answer = world.expect_answer(client, &binding);
    decode_xor_address(&answer.value(AttributeType::XOR_MAPPED_ADDRESS).unwrap(), answer.message().transaction())
        .unwrap()
}

#[test]
fn a_client_is_known_by_the_address_that_the_balancer_says_and_answered_through_it() {
    let (mut world, client) = behind_a_balancer();
    assert_eq!(mapped(&mut world, &client), CLIENT.parse().unwrap());
    let answer = world.request(&client, Request::allocate());
    answer.expect_success();
    assert_eq!(answer.address(AttributeType::XOR_MAPPED_ADDRESS), Some(CLIENT.parse().unwrap()));
    let began = world.events();
    assert!(matches!(began[..], [Event::Allocated { client, .. }] if client == known_as(CLIENT)));
}

#[test]
fn a_balancer_and_its_clients_may_be_of_different_families() {
    let (mut world, _) = behind_a_balancer();
    for (balancer, client) in [(BALANCER, "[2001:db8::5]:4711"), ("[2001:db8:77::1]:30001", CLIENT)] {
        world.header = of(client);
        assert_eq!(mapped(&mut world, &Client::udp(balancer)), client.parse().unwrap());
    }
}

#[test]
fn data_passes_both_ways_and_finds_its_client_through_the_balancer() {
    let (mut world, client) = behind_a_balancer();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    let up = world.from_client(&client, &channel_data(0x4000, b"up")).for_peer();
    assert_eq!(up, (relayed, PEER.parse().unwrap(), b"up".to_vec()));
    let indication = send_indication(&mut world, PEER, b"up");
    assert_eq!(world.from_client(&client, &indication).for_peer().2, b"up");
    for _ in 0..2 {
        let down = world.from_peer(PEER, relayed, b"down").for_client_bytes(&client);
        assert_eq!(down, channel_data(0x4000, b"down"));
    }
    world.permit(&client, &[OTHER_PEER]);
    let data = world.from_peer(OTHER_PEER, relayed, b"down").for_client(&client);
    assert_eq!(data.value(AttributeType::DATA).unwrap(), b"down");
}

#[test]
fn two_clients_of_one_balancer_reach_each_other_and_each_is_answered_at_its_own_port() {
    let (mut world, ada) = behind_a_balancer();
    let ben = Client::udp("10.0.0.8:30009").named(BOB);
    let of_ada = world.allocate(&ada);
    world.header = of("192.0.2.8:4000");
    let of_ben = world.allocate(&ben);
    world.bind(&ben, 0x4002, &of_ada.to_string());
    world.header = of(CLIENT);
    world.bind(&ada, 0x4001, &of_ben.to_string());
    let (from, to, bytes) = world.from_client(&ada, &channel_data(0x4001, b"hello")).for_peer();
    assert_eq!((from, to), (of_ada, of_ben));
    let heard = world.from_peer(&of_ada.to_string(), of_ben, &bytes);
    assert_eq!(heard.for_client_bytes(&ben), channel_data(0x4002, b"hello"));
}

#[test]
fn two_parties_of_a_call_behind_a_balancer_meet_inside_of_the_relay() {
    let (mut world, ada) = behind_a_balancer();
    let ada = ada.holding(&Token::new("visit", "a"));
    let ben = Client::udp("10.0.0.8:30009").holding(&Token::new("visit", "b"));
    let of_ada = world.allocate(&ada);
    world.header = of("192.0.2.8:4000");
    let of_ben = world.allocate(&ben);
    world.bind(&ben, 0x4002, &of_ada.to_string());
    world.header = of(CLIENT);
    world.bind(&ada, 0x4001, &of_ben.to_string());
    let heard = world.from_client(&ada, &channel_data(0x4001, b"hello"));
    assert_eq!(heard.for_client_bytes(&ben), channel_data(0x4002, b"hello"));
    world.header = of("192.0.2.8:4000");
    let heard = world.from_client(&ben, &channel_data(0x4002, b"and back"));
    assert_eq!(heard.for_client_bytes(&ada), channel_data(0x4001, b"and back"));
}

// Another process must answer where this one would have, before the client has said a word to it.
#[test]
fn the_way_through_the_balancer_outlives_the_process() {
    let (mut world, client) = behind_a_balancer();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    let mut journal = std::collections::BTreeMap::new();
    world.follow(&mut journal);
    let later = Client { five_tuple: Client::udp(BALANCER_LATER).five_tuple, ..client };
    world.from_client(&later, &channel_data(0x4000, b"up")).for_peer();
    assert_eq!(world.follow(&mut journal).len(), 1, "another way is another record");
    assert!(world.restart().iter().all(Result::is_ok));
    let down = world.from_peer(PEER, relayed, b"down").for_client_bytes(&later);
    assert_eq!(down, channel_data(0x4000, b"down"));
}

// What is for him would go to a stranger, and what he sends would be read as if he were the balancer.
#[test]
fn a_client_of_a_balancer_that_is_none_of_ours_any_more_does_not_go_on() {
    let (mut world, client) = behind_a_balancer();
    world.allocate(&client);
    world.events();
    world.setup.settings.proxies.remove(0);
    let restorations = world.restart();
    assert!(restorations.contains(&Err(NotRestored::Proxy)), "{restorations:?}");
    assert!(matches!(world.events()[..], [Event::Ended { cause: EndCause::Stopped, .. }]));
    assert_eq!((world.relay.allocations(), world.common.ledger().live()), (0, 0));
}

#[test]
fn a_client_whom_the_balancer_gives_another_port_is_answered_there() {
    let (mut world, client) = behind_a_balancer();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    let later = Client::udp(BALANCER_LATER);
    world.from_client(&later, &channel_data(0x4000, b"up")).for_peer();
    world.from_peer(PEER, relayed, b"down").for_client_bytes(&later);
    world.request(&client, Request::refresh(600)).expect_success();
    world.from_peer(PEER, relayed, b"down").for_client_bytes(&client);
    // What is discarded moves nobody.
    let outcome = world.from_client(&later, &channel_data(0x4001, b"up"));
    assert_eq!(outcome, Outcome::Discarded(Discard::NoChannel));
    world.from_peer(PEER, relayed, b"down").for_client_bytes(&client);
}

#[test]
fn who_sends_from_a_clients_address_without_the_balancer_is_somebody_else() {
    let (mut world, client) = behind_a_balancer();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    let header = std::mem::take(&mut world.header);
    let direct = Client::udp(CLIENT);
    let outcome = world.from_client(&direct, &channel_data(0x4000, b"up"));
    assert_eq!(outcome, Outcome::Discarded(Discard::NoAllocation));
    world.allocate(&direct);
    world.from_peer(PEER, relayed, b"down").for_client_bytes(&client);
    world.request(&direct, Request::refresh(0)).expect_success();
    world.header = header;
    world.from_client(&client, &channel_data(0x4000, b"up")).for_peer();
}

#[test]
fn a_balancers_datagram_without_a_header_is_discarded_and_counted() {
    let (mut world, client) = behind_a_balancer();
    world.allocate(&client);
    let good = of(CLIENT);
    let bad = [
        Vec::new(),
        header(v2::Command::Proxy, v2::Protocol::Stream, CLIENT),
        of("0.0.0.0:4000"),
        of("192.0.2.7:0"),
        b"PROXY UDP4 192.0.2.7 192.0.2.1 4000 443\r\n".to_vec(),
    ];
    for (times, header) in (1..).zip(bad) {
        world.header = header;
        let binding = Request::new(Method::Binding).unauthenticated(world.transaction());
        assert_eq!(world.from_client(&client, &binding), Outcome::Discarded(Discard::ProxyHeader));
        assert_eq!(world.tally().discards(Discard::ProxyHeader), times);
    }
    world.header = good[..good.len() - 1].to_vec();
    assert_eq!(world.from_client(&client, &[]), Outcome::Discarded(Discard::ProxyHeader));
    world.header = good;
    assert_eq!(mapped(&mut world, &client), CLIENT.parse().unwrap());
    // Only one header is read, and nothing may hide behind it.
    let twice = [of("192.0.2.8:4000"), channel_data(0x4000, b"up")].concat();
    assert_eq!(world.from_client(&client, &twice), Outcome::Discarded(Discard::ProxyUnknown));
    assert_eq!(world.from_client(&client, &[]), Outcome::Discarded(Discard::NotStun));
}

#[test]
fn a_header_from_anybody_else_names_nobody() {
    let (mut world, _) = behind_a_balancer();
    let stranger = Client::udp("10.0.1.7:4000");
    let binding = Request::new(Method::Binding).unauthenticated(world.transaction());
    assert_eq!(world.from_client(&stranger, &binding), Outcome::Discarded(Discard::ProxyUnknown));
    // Nor without any balancer, which is the default.
    let mut world = World::default();
    world.header = of(CLIENT);
    assert_eq!(world.from_client(&stranger, &binding), Outcome::Discarded(Discard::ProxyUnknown));
    world.header = Vec::new();
    assert_eq!(mapped(&mut world, &stranger), "10.0.1.7:4000".parse().unwrap());
}

#[test]
fn a_balancer_that_speaks_for_itself_is_answered_as_itself() {
    let (mut world, client) = behind_a_balancer();
    world.header = header(v2::Command::Local, v2::Protocol::Datagram, CLIENT);
    assert_eq!(mapped(&mut world, &client), BALANCER.parse().unwrap());
}

#[test]
fn budgets_and_quotas_are_the_clients_and_not_the_balancers() {
    let quota = Quota { total: 100, per_subject: 100 };
    let settings = Settings { allocations_per_source: 1, ..settings() };
    let mut world = World::new(Setup { settings, quota, challenges_per_second: 3, ..Setup::default() });
    for number in 1..=4 {
        world.header = of(&format!("192.0.2.{number}:4000"));
        world.allocate(&Client::udp(&format!("10.0.0.7:{}", 30_000 + number)));
    }
    world.header = of("192.0.2.1:4001");
    let again = Client::udp("10.0.0.7:30099");
    world.request(&again, Request::allocate()).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    let binding = Request::new(Method::Binding).unauthenticated(world.transaction());
    let answered = (0..10).filter(|_| matches!(world.from_client(&again, &binding), Outcome::ToClient(..))).count();
    assert!(answered < 3, "{answered} answers beyond the budget of a client");
}

#[test]
fn a_balancer_that_is_no_longer_named_brings_nothing_and_a_new_one_does() {
    let (mut world, client) = behind_a_balancer();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    let reload = |world: &mut World, settings: Settings| {
        let rules = std::sync::Arc::new(policy(&world.setup));
        let authenticator = authenticator(world.setup.nonce_lifetime);
        world.relay.reload(settings, std::sync::Arc::new(authenticator), rules);
    };
    reload(&mut world, Settings::default());
    let outcome = world.from_client(&client, &channel_data(0x4000, b"up"));
    assert_eq!(outcome, Outcome::Discarded(Discard::ProxyUnknown));
    reload(&mut world, settings());
    world.from_client(&client, &channel_data(0x4000, b"up")).for_peer();
    world.from_peer(PEER, relayed, b"down").for_client_bytes(&client);
}

#[test]
fn an_allocation_that_is_over_leaves_nothing_behind() {
    let (mut world, client) = behind_a_balancer();
    for _ in 0..3 {
        let relayed = world.allocate(&client);
        world.bind(&client, 0x4000, PEER);
        world.request(&client, Request::refresh(0)).expect_success();
        assert!(world.closed.contains(&relayed));
        let outcome = world.from_client(&client, &channel_data(0x4000, b"up"));
        assert_eq!(outcome, Outcome::Discarded(Discard::NoAllocation));
        let ended = world.events().pop();
        assert!(
            matches!(ended, Some(Event::Ended { client, cause: EndCause::Deleted, .. }) if client == known_as(CLIENT))
        );
    }
    // The place is another client's now, and not the balancer's.
    world.header = Vec::new();
    let direct = Client::usual();
    let relayed = world.allocate(&direct);
    world.bind(&direct, 0x4000, PEER);
    world.from_peer(PEER, relayed, b"down").for_client_bytes(&direct);
}

#[test]
fn another_way_through_the_balancer_makes_a_new_record_and_the_same_one_does_not() {
    let (mut world, client) = behind_a_balancer();
    world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    let records = |world: &mut World| {
        let mut count = 0;
        world.relay.changed(world.now, 100, |_, _| count += 1);
        count
    };
    records(&mut world);
    world.from_client(&client, &channel_data(0x4000, b"up")).for_peer();
    assert_eq!(records(&mut world), 0);
    world.from_client(&Client::udp(BALANCER_LATER), &channel_data(0x4000, b"up")).for_peer();
    assert_eq!(records(&mut world), 1);
}
