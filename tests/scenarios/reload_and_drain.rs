//! What the operator does while calls run: new rules, draining, the end.

use std::sync::Arc;

use hilum::auth::{Authenticator, Credentials, NonceKey, StaticUser};
use hilum::time::Lifetime;
use hilum::turn::{Discard, EndCause, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method, decode_address};

use crate::world::{
    BOB, Client, OTHER_PEER, Outcome, PASSWORD, PEER, REALM, Request, Setup, World, authenticator, channel_data,
    policy, send_indication,
};

fn reload(world: &mut World, setup: &Setup) {
    let policy = Arc::new(policy(setup));
    world.relay.reload(setup.settings.clone(), Arc::new(authenticator(setup.nonce_lifetime)), policy);
}

fn draining(alternate: &[&str]) -> World {
    let alternate = alternate.iter().map(|server| server.parse().unwrap()).collect();
    World::new(Setup { settings: Settings { alternate, ..Settings::default() }, ..Setup::default() })
}

fn alternate_of(world: &mut World, client: &Client) -> std::net::SocketAddr {
    let answer = world.request(client, Request::allocate());
    answer.expect_error(ErrorCode::TRY_ALTERNATE);
    assert!(answer.is_signed_for(client));
    decode_address(&answer.value(AttributeType::ALTERNATE_SERVER).unwrap()).unwrap()
}

#[test]
fn a_reload_takes_permissions_and_channels_that_it_denies() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.bind(&client, 0x4000, PEER);
    world.bind(&client, 0x4001, OTHER_PEER);
    reload(&mut world, &Setup { deny: vec!["203.0.113.5/32"], ..Setup::default() });
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoChannel));
    assert_eq!(world.from_peer(PEER, relayed, b"x"), Outcome::Discarded(Discard::NoPermission));
    let bytes = send_indication(&mut world, PEER, b"x");
    assert_eq!(world.from_client(&client, &bytes), Outcome::Discarded(Discard::NoPermission));
    world.from_client(&client, &channel_data(0x4001, b"x")).for_peer();
}

#[test]
fn a_reload_takes_channels_to_ports_that_are_now_too_low() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    world.bind(&client, 0x4000, "203.0.113.5:1500");
    world.bind(&client, 0x4001, PEER);
    let mut rules = policy(&Setup::default());
    rules.peers = hilum::policy::PeerRules::new(vec!["203.0.113.0/24".parse().unwrap()], Vec::new(), 2000, Vec::new());
    let authenticator = Arc::new(authenticator(Lifetime::from_secs(600)));
    world.relay.reload(Settings::default(), authenticator, Arc::new(rules));
    assert_eq!(world.from_client(&client, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoChannel));
    world.from_client(&client, &channel_data(0x4001, b"x")).for_peer();
}

#[test]
fn a_reload_lets_running_allocations_run() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.permit(&client, &[PEER]);
    let settings = Settings { default_lifetime: Lifetime::from_secs(60), ..Settings::default() };
    reload(&mut world, &Setup { settings, ..Setup::default() });
    world.advance(299);
    world.from_peer(PEER, relayed, b"x").for_client(&client);
    assert_eq!(world.request(&client, Request::refresh(1)).lifetime(), Some(60));
}

#[test]
fn a_reload_makes_no_nonce_stale() {
    let mut world = World::default();
    let client = Client::usual();
    let nonce = world.nonce(&client);
    reload(&mut world, &Setup::default());
    let request = Request::allocate().bytes(&client, world.transaction(), &nonce);
    world.expect_answer(&client, &request).expect_success();
}

#[test]
fn a_user_who_is_taken_away_can_ask_for_nothing_more() {
    let mut world = World::default();
    let client = Client::usual();
    world.allocate(&client);
    let users = vec![StaticUser { name: BOB.into(), password: PASSWORD.into() }];
    let credentials = Credentials::new(users, Vec::new()).unwrap();
    let without_alice = Authenticator::new(REALM, credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600));
    world.relay.reload(Settings::default(), Arc::new(without_alice), Arc::new(policy(&Setup::default())));
    world.request(&client, Request::refresh(600)).expect_error(ErrorCode::UNAUTHENTICATED);
    world.advance(600);
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8656 §7.2, check 11: "the server MAY choose to reject the request with a 300".
#[test]
fn while_draining_clients_are_sent_to_another_server() {
    let mut world = draining(&["192.0.2.250:3478"]);
    world.relay.drain(true);
    assert_eq!(alternate_of(&mut world, &Client::usual()), "192.0.2.250:3478".parse().unwrap());
    assert_eq!(world.relay.allocations(), 0);
}

// RFC 8489 §14.15: the alternate server's family is the one the client uses.
#[test]
fn the_alternate_server_is_of_the_clients_family() {
    let mut world = draining(&["192.0.2.250:3478", "[2001:db8:1::250]:3478"]);
    world.relay.drain(true);
    assert!(alternate_of(&mut world, &Client::usual()).is_ipv4());
    assert!(alternate_of(&mut world, &Client::udp("[2001:db8:9::1]:4000")).is_ipv6());
}

// RFC 8656 §19: without an alternate, 508.
#[test]
fn while_draining_without_an_alternate_it_is_insufficient_capacity() {
    for alternate in [&[][..], &["[2001:db8:1::250]:3478"]] {
        let mut world = draining(alternate);
        world.relay.drain(true);
        let answer = world.request(&Client::usual(), Request::allocate());
        answer.expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    }
}

#[test]
fn a_relay_that_drains_no_more_takes_allocations_again() {
    let mut world = draining(&["192.0.2.250:3478"]);
    world.relay.drain(true);
    alternate_of(&mut world, &Client::usual());
    world.relay.drain(false);
    world.allocate(&Client::usual());
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8489 §10: only who has proven a credential is redirected.
#[test]
fn while_draining_strangers_are_challenged_as_ever() {
    let mut world = draining(&["192.0.2.250:3478"]);
    world.relay.drain(true);
    let bytes = Request::allocate().padding(80).unauthenticated(world.transaction());
    world.expect_answer(&Client::usual(), &bytes).expect_error(ErrorCode::UNAUTHENTICATED);
}

#[test]
fn while_draining_running_allocations_go_on() {
    let mut world = draining(&["192.0.2.250:3478"]);
    let client = Client::usual();
    let relayed = world.allocate(&client);
    world.relay.drain(true);
    world.bind(&client, 0x4000, PEER);
    world.from_peer(PEER, relayed, b"x").for_client_bytes(&client);
    assert_eq!(world.request(&client, Request::refresh(900)).lifetime(), Some(900));
    world.request(&client, Request::refresh(0)).expect_success();
}

// RFC 8489 §6.3.1: a retransmission is not a new Allocate.
#[test]
fn while_draining_a_retransmitted_allocate_gets_its_answer() {
    let mut world = draining(&["192.0.2.250:3478"]);
    let client = Client::usual();
    let nonce = world.nonce(&client);
    let bytes = Request::allocate().bytes(&client, world.transaction(), &nonce);
    let first = world.expect_answer(&client, &bytes);
    world.relay.drain(true);
    assert_eq!(world.expect_answer(&client, &bytes), first);
}

#[test]
fn the_end_of_all_is_immediate_and_complete() {
    for cause in [EndCause::Stopped, EndCause::Ended] {
        let mut world = World::default();
        let clients = [1, 2, 3].map(Client::number);
        for client in &clients {
            world.allocate(client);
        }
        let both = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
        world.request(&Client::number(4), both).expect_success();
        world.relay.end_all(cause, world.now);
        world.turn();
        assert_eq!((world.relay.allocations(), world.closed.len(), world.common.ledger().live()), (0, 5, 0));
        assert_eq!(world.tally().ended(cause), 4);
        world.request(&clients[0], Request::new(Method::Refresh)).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    }
}
