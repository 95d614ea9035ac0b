//! What static users and time-limited credentials may reach, and where: the terms that the operator gives them.

use std::sync::Arc;

use hilum::auth::{Destinations, Terms};
use hilum::policy::PeerRefusal;
use hilum::turn::{Discard, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method};

use super::world::*;

/// Credentials that reach clients of this relay only.
fn closed() -> Setup {
    let terms = Terms { reach: Destinations::Clients, ..Terms::default() };
    Setup { terms, ..Setup::default() }
}

/// The other kinds of credential that say nothing of themselves.
fn kinds(number: u16) -> [Client; 2] {
    let client = Client::number(number);
    [client.clone(), client.ephemeral(START.plus_secs(10_000), "visit")]
}

fn permit(world: &mut World, client: &Client, peer: &str) -> Option<ErrorCode> {
    world.request(client, Request::new(Method::CreatePermission).peer(peer)).code()
}

fn bind(world: &mut World, client: &Client, peer: &str) -> Option<ErrorCode> {
    world.request(client, Request::bind(0x4000, peer)).code()
}

const FORBIDDEN: Option<ErrorCode> = Some(ErrorCode::FORBIDDEN);

#[test]
fn who_reaches_clients_only_reaches_nobody_outside() {
    for client in kinds(1) {
        let mut world = World::new(closed());
        world.allocate(&client);
        assert_eq!(permit(&mut world, &client, PEER), FORBIDDEN);
        assert_eq!(bind(&mut world, &client, PEER), FORBIDDEN);
        assert_eq!(world.tally().peer_refusals(PeerRefusal::Outside), 2);
        let send = send_indication(&mut world, PEER, b"hello");
        assert_eq!(world.from_client(&client, &send), Outcome::Discarded(Discard::NoPermission));
    }
}

#[test]
fn clients_reach_each_other_whichever_kind_of_credential_they_have() {
    for (one, other) in kinds(1).into_iter().zip(kinds(2).into_iter().rev()) {
        let mut world = World::new(closed());
        let (of_one, of_other) = (world.allocate(&one), world.allocate(&other));
        assert_eq!(bind(&mut world, &one, &of_other.to_string()), None);
        assert_eq!(permit(&mut world, &other, &of_one.to_string()), None);
        // No port is opened for them, and what they say does not leave the relay.
        let heard = world.from_client(&one, &channel_data(0x4000, b"hello")).for_client(&other);
        assert_eq!(heard.address(AttributeType::XOR_PEER_ADDRESS), Some(of_one));
        assert_eq!(heard.value(AttributeType::DATA).as_deref(), Some(&b"hello"[..]));
        let send = send_indication(&mut world, &of_one.to_string(), b"hello");
        let heard = world.from_client(&other, &send);
        assert_eq!(heard, Outcome::ToClient(one.five_tuple, channel_data(0x4000, b"hello")));
    }
}

#[test]
fn a_port_of_ours_that_nobody_has_is_no_client() {
    // Not even where the operator has allowed our own address by name.
    for allow in [Vec::new(), vec![RELAY_V4]] {
        let mut world = World::new(Setup { allow, ..closed() });
        let client = Client::number(1);
        world.allocate(&client);
        let free = format!("{RELAY_V4}:9000");
        assert_eq!(bind(&mut world, &client, &free), FORBIDDEN);
        // A permission is for the address; the port is asked for with each datagram.
        assert_eq!(permit(&mut world, &client, &free), None);
        let send = send_indication(&mut world, &free, b"hello");
        assert_eq!(world.from_client(&client, &send), Outcome::Discarded(Discard::PeerForbidden));
    }
}

#[test]
fn a_party_of_a_call_is_no_client_of_theirs() {
    let mut world = World::new(closed());
    let (alice, ada) = (Client::number(1), Client::number(2).holding(&Token::new("visit", "a")));
    let (of_alice, of_ada) = (world.allocate(&alice), world.allocate(&ada));
    assert_eq!(bind(&mut world, &alice, &of_ada.to_string()), FORBIDDEN);
    assert_eq!(bind(&mut world, &ada, &of_alice.to_string()), FORBIDDEN);
    assert_eq!(world.tally().peer_refusals(PeerRefusal::OtherCall), 2);
}

fn reload(world: &mut World, reach: Destinations) {
    let terms = Terms { reach, ..Terms::default() };
    let authenticator = authenticator(world.setup.nonce_lifetime).with_terms(terms);
    world.relay.reload(world.setup.settings.clone(), Arc::new(authenticator), Arc::new(policy(&world.setup)));
}

#[test]
fn a_reload_that_closes_ends_what_leads_outside_at_once_and_nothing_else() {
    let mut world = World::default();
    let (one, other) = (Client::number(1), Client::number(2));
    let (_, of_other) = (world.allocate(&one), world.allocate(&other));
    world.bind(&one, 0x4000, PEER);
    world.bind(&one, 0x4001, &of_other.to_string());
    reload(&mut world, Destinations::Clients);
    assert_eq!(world.from_client(&one, &channel_data(0x4000, b"x")), Outcome::Discarded(Discard::NoChannel));
    let send = send_indication(&mut world, PEER, b"x");
    assert_eq!(world.from_client(&one, &send), Outcome::Discarded(Discard::NoPermission));
    assert_eq!(permit(&mut world, &one, PEER), FORBIDDEN);
    assert_eq!(world.from_client(&one, &channel_data(0x4001, b"x")).for_peer().1, of_other);
}

/// It was given no way outside when it began.
#[test]
fn a_reload_that_opens_is_for_allocations_that_begin_after_it() {
    let mut world = World::new(closed());
    let (early, late) = (Client::number(1), Client::number(2));
    world.allocate(&early);
    reload(&mut world, Destinations::Anywhere);
    assert_eq!(permit(&mut world, &early, PEER), FORBIDDEN);
    world.allocate(&late);
    assert_eq!(permit(&mut world, &late, PEER), None);
}

/// One has a port and the other none: they are clients of one relay all the same.
#[test]
fn who_began_before_such_a_reload_and_who_began_after_it_reach_each_other() {
    let mut world = World::new(closed());
    let (early, late) = (Client::number(1), Client::number(2));
    let of_early = world.allocate(&early);
    reload(&mut world, Destinations::Anywhere);
    let of_late = world.allocate(&late);
    world.bind(&early, 0x4000, &of_late.to_string());
    world.bind(&late, 0x4001, &of_early.to_string());
    let heard = world.from_client(&early, &channel_data(0x4000, b"x")).for_client_bytes(&late);
    assert_eq!(heard, channel_data(0x4001, b"x"));
    let heard = world.from_client(&late, &channel_data(0x4001, b"y")).for_client_bytes(&early);
    assert_eq!(heard, channel_data(0x4000, b"y"));
}

#[test]
fn a_reload_leaves_a_token_what_it_says() {
    let mut world = World::default();
    let more = r#","peers":["203.0.113.5:7000"]"#;
    let ada = Client::number(1).holding(&Token { more, ..Token::new("visit", "a") });
    world.allocate(&ada);
    world.bind(&ada, 0x4000, PEER);
    reload(&mut world, Destinations::Clients);
    assert_eq!(world.from_client(&ada, &channel_data(0x4000, b"x")).for_peer().1.to_string(), PEER);
}

#[test]
fn a_credential_holds_in_its_regions_and_is_sent_there_from_others() {
    let world = |regions: &[&str], other_regions| {
        let settings = Settings { region: Some("south".parse().unwrap()), other_regions, ..Settings::default() };
        let regions = regions.iter().map(|region| region.parse().unwrap()).collect();
        let terms = Terms { regions, ..Terms::default() };
        World::new(Setup { settings, terms, ..Setup::default() })
    };
    let north = || vec![("north".parse().unwrap(), "198.51.100.9:3478".parse().unwrap())];
    for client in kinds(1) {
        let mut alone = world(&["north"], Vec::new());
        assert_eq!(alone.request(&client, Request::allocate()).code(), FORBIDDEN);
        assert_eq!(alone.tally().wrong_region, 1);
        let answer = world(&["north"], north()).request(&client, Request::allocate());
        assert_eq!(answer.code(), Some(ErrorCode::TRY_ALTERNATE));
        for here in [&["north", "south"][..], &[]] {
            world(here, north()).allocate(&client);
        }
    }
}
