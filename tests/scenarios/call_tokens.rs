//! A call token opens one thing: the path to the other parties of its call, in its regions, in its window of time.

use hilum::policy::PeerRefusal;
use hilum::turn::{Discard, EndCause, Event};
use hilum::wire::{AttributeType, ErrorCode, Method};

use super::world::*;

const FORBIDDEN: Option<ErrorCode> = Some(ErrorCode::FORBIDDEN);

fn party(number: u16, call: &'static str, party: &'static str) -> Client {
    Client::number(number).holding(&Token::new(call, party))
}

/// Binds a channel to a peer; the code of the answer.
fn bind(world: &mut World, client: &Client, peer: &str) -> Option<ErrorCode> {
    world.request(client, Request::bind(0x4000, peer)).code()
}

fn permit(world: &mut World, client: &Client, peer: &str) -> Option<ErrorCode> {
    world.request(client, Request::new(Method::CreatePermission).peer(peer)).code()
}

/// ChannelData on the channel that [`bind`] binds.
fn channel_data(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0x40, 0x00][..], &length, data].concat()
}

#[test]
fn two_parties_of_one_call_reach_each_other() {
    let mut world = World::default();
    let (ada, ben) = (party(1, "visit", "a"), party(2, "visit", "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    assert_eq!(bind(&mut world, &ada, &of_ben.to_string()), None);
    assert_eq!(permit(&mut world, &ben, &of_ada.to_string()), None);
    let Outcome::ToClient(to, bytes) = world.from_client(&ada, &channel_data(b"hello")) else { panic!("it arrives") };
    assert_eq!(to, ben.five_tuple);
    let indication = Answer(bytes);
    assert_eq!(indication.value(AttributeType::DATA).as_deref(), Some(&b"hello"[..]));
    assert_eq!(indication.address(AttributeType::XOR_PEER_ADDRESS), Some(of_ada));
}

#[test]
fn a_party_of_another_call_is_out_of_reach_both_ways() {
    let mut world = World::default();
    let (ada, eve) = (party(1, "visit", "a"), party(2, "other", "b"));
    let (of_ada, of_eve) = (world.allocate(&ada), world.allocate(&eve));
    assert_eq!(bind(&mut world, &eve, &of_ada.to_string()), FORBIDDEN);
    assert_eq!(world.tally().peer_refusals(PeerRefusal::OtherCall), 1);
    // A permission is for an IP address, which is ours: it is given, and opens nothing.
    assert_eq!(permit(&mut world, &eve, &of_ada.to_string()), None);
    assert_eq!(permit(&mut world, &ada, &of_eve.to_string()), None);
    let send = send_indication(&mut world, &of_ada.to_string(), b"let me in");
    assert_eq!(world.from_client(&eve, &send), Outcome::Discarded(Discard::OtherCall));
    let send = send_indication(&mut world, &of_eve.to_string(), b"let me in");
    assert_eq!(world.from_client(&ada, &send), Outcome::Discarded(Discard::OtherCall));
}

#[test]
fn who_holds_no_token_does_not_reach_a_call_either() {
    let mut world = World::default();
    let (ada, alice) = (party(1, "visit", "a"), Client::number(2));
    let (of_ada, of_alice) = (world.allocate(&ada), world.allocate(&alice));
    assert_eq!(bind(&mut world, &alice, &of_ada.to_string()), FORBIDDEN);
    assert_eq!(bind(&mut world, &ada, &of_alice.to_string()), FORBIDDEN);
    world.permit(&alice, &[&of_ada.to_string()]);
    let send = send_indication(&mut world, &of_ada.to_string(), b"let me in");
    assert_eq!(world.from_client(&alice, &send), Outcome::Discarded(Discard::OtherCall));
}

#[test]
fn a_party_does_not_reach_itself() {
    let mut world = World::default();
    let one = party(1, "visit", "a");
    let two = Client::number(2).holding(&Token { id: "second", ..Token::new("visit", "a") });
    let (_, of_two) = (world.allocate(&one), world.allocate(&two));
    assert_eq!(bind(&mut world, &one, &of_two.to_string()), FORBIDDEN);
}

#[test]
fn the_world_outside_is_closed_to_a_token_that_does_not_name_it() {
    let mut world = World::default();
    let ada = party(1, "visit", "a");
    world.allocate(&ada);
    assert_eq!(permit(&mut world, &ada, PEER), FORBIDDEN);
    assert_eq!(bind(&mut world, &ada, PEER), FORBIDDEN);
    let send = send_indication(&mut world, PEER, b"hello");
    assert_eq!(world.from_client(&ada, &send), Outcome::Discarded(Discard::NoPermission));
}

#[test]
fn a_peer_outside_needs_the_token_and_the_configuration() {
    let mut world = World::default();
    let named = |peers| Client::number(1).holding(&Token { more: peers, ..Token::new("visit", "a") });
    let ada = named(r#","peers":["203.0.113.5:7000","10.0.0.0/8"]"#);
    world.allocate(&ada);
    assert_eq!(bind(&mut world, &ada, PEER), None);
    assert_eq!(world.request(&ada, Request::bind(0x4001, SAME_HOST)).code(), FORBIDDEN, "another port");
    assert_eq!(permit(&mut world, &ada, OTHER_PEER), FORBIDDEN, "another host");
    assert_eq!(permit(&mut world, &ada, "10.1.2.3:7000"), FORBIDDEN, "the configuration does not agree");
    // The permission is for the IP address; the other port of that host is closed all the same.
    let send = send_indication(&mut world, SAME_HOST, b"hello");
    assert_eq!(world.from_client(&ada, &send), Outcome::Discarded(Discard::OtherCall));
}

#[test]
fn a_relayed_address_in_other_hands_is_another_peer() {
    let mut world = World::default();
    let (ada, ben) = (party(1, "visit", "a"), party(2, "visit", "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    assert_eq!(bind(&mut world, &ada, &of_ben.to_string()), None);
    world.permit(&ben, &[&of_ada.to_string()]);
    assert!(matches!(world.from_client(&ada, &channel_data(b"to ben")), Outcome::ToClient(..)));
    world.request(&ben, Request::new(Method::Refresh).lifetime(0)).expect_success();
    assert_eq!(world.from_client(&ada, &channel_data(b"to nobody")), Outcome::Discarded(Discard::PeerForbidden));
}

#[test]
fn a_token_is_good_from_nbf_to_exp_for_new_allocations() {
    let allocate = |token: Token| {
        let mut world = World::default();
        let answer = world.request(&Client::number(1).holding(&token), Request::allocate());
        (answer.code(), world.tally().token_refusals("not_yet_valid"), world.tally().token_refusals("expired"))
    };
    let (start, token) = (START.as_secs(), Token::new("visit", "a"));
    let unauthenticated = Some(ErrorCode::UNAUTHENTICATED);
    assert_eq!(allocate(token.clone()), (None, 0, 0));
    // Clocks may be a minute apart.
    assert_eq!(allocate(Token { not_before: start + 60, ..token.clone() }), (None, 0, 0));
    assert_eq!(allocate(Token { not_before: start + 61, ..token.clone() }), (unauthenticated, 1, 0));
    assert_eq!(allocate(Token { expires: start - 59, ..token.clone() }), (None, 0, 0));
    let late = Token { not_before: start - 600, expires: start - 60, ..token };
    assert_eq!(allocate(late), (FORBIDDEN, 0, 1));
}

#[test]
fn a_running_allocation_goes_on_until_end_and_not_longer() {
    let mut world = World::default();
    let ada = party(1, "visit", "a");
    world.allocate(&ada);
    for _ in 0..6 {
        world.advance(590);
        world.request(&ada, Request::new(Method::Refresh).lifetime(600)).expect_success();
    }
    assert_eq!(
        world.request(&Client::number(2).holding(&Token::new("visit", "a")), Request::allocate()).code(),
        FORBIDDEN
    );
    world.events();
    // The end, and the grace of the settings.
    world.advance(60 + 30);
    let ended = |event: &Event| matches!(event, Event::Ended { cause: EndCause::CredentialEnded, .. });
    assert!(world.events().iter().any(ended), "the end of the token ends the allocation");
}

#[test]
fn the_facts_of_an_allocation_name_its_call() {
    let mut world = World::default();
    let (ada, clinic) = (party(1, "visit", "a"), Client::number(2));
    for client in [&ada, &clinic] {
        world.allocate(client);
        world.request(client, Request::new(Method::Refresh).lifetime(0)).expect_success();
    }
    let events = world.events();
    let calls = events.iter().filter_map(|event| match event {
        Event::Allocated { call, .. } | Event::Restored { call, .. } | Event::Ended { call, .. } => Some(call.as_ref()),
        Event::Refused { .. } | Event::Seal { .. } => None,
    });
    let calls: Vec<_> = calls.map(|call| call.map(|call| call.claims().call.as_str().to_owned())).collect();
    let visit = Some("visit".to_owned());
    assert_eq!(calls, [visit.clone(), visit, None, None]);
}

#[test]
fn an_altered_token_and_a_wrong_password_prove_nothing() {
    let mut world = World::default();
    let token = Token::new("visit", "a").username();
    let mut altered = token.clone().into_bytes();
    // The last character of the claims: another text, whose password its holder cannot know, and here does.
    let at = token.rfind('.').unwrap() - 1;
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    let altered = Client::number(1).with_username(String::from_utf8(altered).unwrap());
    assert_eq!(world.request(&altered, Request::allocate()).code(), Some(ErrorCode::UNAUTHENTICATED));
    let mut guessing = Client::number(2).with_username(token);
    guessing.password = "a guess".into();
    assert_eq!(world.request(&guessing, Request::allocate()).code(), Some(ErrorCode::UNAUTHENTICATED));
    let (signature, encoding) = (world.tally().token_refusals("signature"), world.tally().token_refusals("encoding"));
    assert_eq!(signature + encoding, 1);
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn a_token_of_another_region_is_sent_there_or_refused() {
    let setup = |other_regions| {
        let settings = hilum::turn::Settings {
            region: Some("south".parse().unwrap()),
            other_regions,
            ..hilum::turn::Settings::default()
        };
        World::new(Setup { settings, ..Setup::default() })
    };
    let ada = party(1, "visit", "a");
    let mut alone = setup(Vec::new());
    assert_eq!(alone.request(&ada, Request::allocate()).code(), FORBIDDEN);
    assert_eq!(alone.tally().wrong_region, 1);
    let north = ("north".parse().unwrap(), "198.51.100.9:3478".parse().unwrap());
    let answer = setup(vec![north]).request(&ada, Request::allocate());
    assert_eq!(answer.code(), Some(ErrorCode::TRY_ALTERNATE));
    let here = Client::number(1).holding(&Token { region: "south", ..Token::new("visit", "a") });
    setup(Vec::new()).allocate(&here);
}

#[test]
fn a_token_limits_its_allocations() {
    let mut world = World::default();
    let of =
        |number| Client::number(number).holding(&Token { more: r#","lim":{"alloc":2}"#, ..Token::new("visit", "a") });
    world.allocate(&of(1));
    world.allocate(&of(2));
    let refused = world.request(&of(3), Request::allocate()).code();
    assert_eq!(refused, Some(ErrorCode::ALLOCATION_QUOTA_REACHED));
}
