//! What is revoked ends at once and is refused from then on; everything else goes on.

use std::net::SocketAddr;
use std::sync::Arc;

use hilum::addr::Transport;
use hilum::auth::{Revoked, USUAL_REVOCATION};
use hilum::turn::{Common, Discard, EndCause, Event, Families};
use hilum::wire::{AttributeType, ErrorCode, Method};

use super::world::*;

fn party(number: u16, call: &'static str, party: &'static str) -> Client {
    Client::number(number).holding(&Token::new(call, party))
}

fn token(id: &str) -> Revoked {
    Revoked::Token { issuer: "clinic".parse().unwrap(), id: id.parse().unwrap() }
}

fn call(call: &str) -> Revoked {
    Revoked::Call { issuer: "clinic".parse().unwrap(), call: call.parse().unwrap() }
}

fn party_of(call: &str, party: &str) -> Revoked {
    let (issuer, call, party) = ("clinic".parse().unwrap(), call.parse().unwrap(), party.parse().unwrap());
    Revoked::Party { issuer, call, party }
}

fn key(kid: &str) -> Revoked {
    Revoked::Key { kid: kid.parse().unwrap() }
}

/// Everything that revokes the token `a` of party `a` of the call `visit`.
fn all_four() -> [Revoked; 4] {
    [token("a"), party_of("visit", "a"), call("visit"), key(Token::KID)]
}

/// One request of each method, which a client in a call may make.
fn every_method(peer: SocketAddr) -> [Request; 4] {
    let peer = peer.to_string();
    [
        Request::allocate(),
        Request::refresh(600),
        Request::new(Method::CreatePermission).peer(&peer),
        Request::bind(0x4001, &peer),
    ]
}

/// The codes that a client gets for them.
fn codes(world: &mut World, client: &Client, peer: SocketAddr) -> Vec<Option<ErrorCode>> {
    every_method(peer).into_iter().map(|request| world.request(client, request).code()).collect()
}

/// Two parties of the call `visit` who talk, and their relayed addresses.
fn talking(world: &mut World) -> ([Client; 2], [SocketAddr; 2]) {
    let (ada, ben) = (party(1, "visit", "a"), party(2, "visit", "b"));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    world.bind(&ada, 0x4001, &of_ben.to_string());
    world.bind(&ben, 0x4002, &of_ada.to_string());
    let heard = world.from_client(&ada, &channel_data(0x4001, b"hello"));
    assert_eq!(heard, Outcome::ToClient(ben.five_tuple, channel_data(0x4002, b"hello")));
    ([ada, ben], [of_ada, of_ben])
}

#[test]
fn whatever_revokes_a_token_every_method_refuses_it() {
    for what in all_four() {
        let mut world = World::default();
        let (_, [_, of_ben]) = talking(&mut world);
        world.revoke(what);
        // At the five-tuple that had the allocation and at another one.
        for number in [1, 3] {
            let ada = party(number, "visit", "a");
            assert_eq!(codes(&mut world, &ada, of_ben), [Some(ErrorCode::FORBIDDEN); 4], "{}", what.label());
        }
        assert_eq!(world.tally().token_refusals("revoked"), 8);
    }
}

// The list is asked even where the allocation lives on: a shard that has not read its letter refuses all the same.
#[test]
fn a_shard_that_has_not_ended_it_refuses_it_already() {
    let mut world = World::default();
    let ([ada, ben], [of_ada, of_ben]) = talking(&mut world);
    let revocation = hilum::auth::Revocation::new(token("a"), world.now.unix, None);
    world.setup.revocations.add(&revocation, world.now).unwrap();
    assert_eq!(codes(&mut world, &ada, of_ben), [Some(ErrorCode::FORBIDDEN); 4]);
    assert_eq!(world.request(&ben, Request::bind(0x4002, &of_ada.to_string())).code(), None);
    assert_eq!((world.relay.allocations(), world.relay.revoke(&revocation, world.now)), (2, 1));
}

// RFC 8489 §9.2.5: a client heeds an answer to a proven request only if it is signed.
#[test]
fn the_refusal_is_signed_for_who_has_proven_the_token_and_nobody_else_learns_of_it() {
    let mut world = World::default();
    world.revoke(call("visit"));
    let ada = party(1, "visit", "a");
    let answer = world.request(&ada, Request::allocate());
    answer.expect_error(ErrorCode::FORBIDDEN);
    assert!(answer.is_signed_for(&ada));
    let mut guessing = ada;
    guessing.password = "a guess".into();
    world.request(&guessing, Request::allocate()).expect_error(ErrorCode::UNAUTHENTICATED);
    assert_eq!(world.tally().token_refusals("revoked"), 1);
}

#[test]
fn what_runs_ends_at_once_and_its_port_is_silent() {
    for what in all_four() {
        let mut world = World::default();
        let ([ada, ben], [of_ada, of_ben]) = talking(&mut world);
        world.events();
        let both = matches!(what, Revoked::Call { .. } | Revoked::Key { .. });
        assert_eq!(world.revoke(what), if both { 2 } else { 1 });
        let ended = world.events();
        let revoked = |event: &&Event| matches!(event, Event::Ended { cause: EndCause::Revoked, .. });
        assert_eq!(ended.iter().filter(revoked).count(), ended.len());
        assert_eq!(world.tally().ended(EndCause::Revoked), if both { 2 } else { 1 });
        assert_eq!(world.common.ledger().live(), if both { 0 } else { 1 });
        // Nothing of either reaches the other: not on channels, not in indications, to no address.
        let from_ada = world.from_client(&ada, &channel_data(0x4001, b"still there?"));
        assert_eq!(from_ada, Outcome::Discarded(Discard::NoAllocation));
        for (client, peer) in [(&ada, of_ben), (&ben, of_ada)] {
            let send = send_indication(&mut world, &peer.to_string(), b"still there?");
            assert!(matches!(world.from_client(client, &send), Outcome::Discarded(_)));
        }
        assert!(matches!(world.from_client(&ben, &channel_data(0x4002, b"still there?")), Outcome::Discarded(_)));
    }
}

#[test]
fn a_port_that_the_world_could_reach_is_closed_with_it() {
    let mut world = World::default();
    let ada = Client::number(1).holding(&Token { more: r#","peers":["203.0.113.0/24"]"#, ..Token::new("visit", "a") });
    let of_ada = world.allocate(&ada);
    world.permit(&ada, &[PEER]);
    assert!(matches!(world.from_peer(PEER, of_ada, b"hello"), Outcome::ToClient(..)));
    assert_eq!(world.revoke(token("a")), 1);
    assert_eq!(world.closed, [of_ada]);
}

#[test]
fn whoever_is_not_revoked_notices_nothing() {
    let others = [token("z"), party_of("visit", "z"), party_of("other", "a"), call("other"), key(Token::OTHER_KID)];
    let of_another_issuer = Revoked::Call { issuer: "hospital".parse().unwrap(), call: "visit".parse().unwrap() };
    let mut world = World::default();
    let ([ada, ben], [of_ada, of_ben]) = talking(&mut world);
    let alice = Client::number(9);
    let of_alice = world.allocate(&alice);
    world.permit(&alice, &[PEER]);
    for what in others.into_iter().chain([of_another_issuer]) {
        assert_eq!(world.revoke(what), 0, "{}", what.label());
    }
    assert_eq!(codes(&mut world, &ada, of_ben)[1..], [None; 3]);
    let heard = world.from_client(&ben, &channel_data(0x4002, b"hello"));
    assert_eq!(heard, Outcome::ToClient(ada.five_tuple, channel_data(0x4001, b"hello")));
    // One party of the call, and the other has nobody to talk to but may stay.
    assert_eq!(world.revoke(party_of("visit", "a")), 1);
    assert_eq!(world.request(&ben, Request::refresh(600)).code(), None);
    assert_eq!(world.request(&ben, Request::bind(0x4002, &of_ada.to_string())).code(), Some(ErrorCode::FORBIDDEN));
    assert!(matches!(world.from_peer(PEER, of_alice, b"hello"), Outcome::ToClient(..)));
}

#[test]
fn a_token_that_is_minted_later_is_refused_as_well() {
    let renewed = |world: &mut World, what| {
        world.revoke(what);
        world.advance(60);
        let later = Token { id: "later", ..Token::new("visit", "a") };
        world.request(&Client::number(1).holding(&later), Request::allocate()).code()
    };
    for what in [party_of("visit", "a"), call("visit"), key(Token::KID)] {
        assert_eq!(renewed(&mut World::default(), what), Some(ErrorCode::FORBIDDEN), "{}", what.label());
    }
    // One token is one token.
    assert_eq!(renewed(&mut World::default(), token("a")), None);
    // And another key is another key.
    let mut world = World::default();
    world.revoke(key(Token::KID));
    let other = Client::number(1).holding(&Token { kid: Token::OTHER_KID, ..Token::new("visit", "a") });
    world.allocate(&other);
}

#[test]
fn both_families_of_a_dual_allocation_end() {
    let mut world = World::default();
    let (ada, ben) = (party(1, "visit", "a"), party(2, "visit", "b"));
    let dual = || Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let [v4, v6] = world.request(&ada, dual()).relayed()[..] else { panic!("two addresses") };
    world.request(&ben, dual()).expect_success();
    world.bind(&ben, 0x4001, &v4.to_string());
    world.bind(&ben, 0x4002, &v6.to_string());
    assert_eq!(world.revoke(party_of("visit", "a")), 1);
    for number in [0x4001, 0x4002] {
        assert!(matches!(world.from_client(&ben, &channel_data(number, b"hello")), Outcome::Discarded(_)));
    }
    assert!(!world.common.is_live(hilum::addr::PeerAddr::canonical(v4)));
    assert!(!world.common.is_live(hilum::addr::PeerAddr::canonical(v6)));
}

#[test]
fn a_client_on_a_stream_ends_like_any_other() {
    let mut world = World::default();
    let ada = Client::stream("192.0.2.7:4000", 7, Transport::Tls).holding(&Token::new("visit", "a"));
    world.allocate(&ada);
    assert_eq!(world.revoke(call("visit")), 1);
    assert_eq!(world.tally().live(Transport::Tls), 0);
    assert_eq!(world.request(&ada, Request::allocate()).code(), Some(ErrorCode::FORBIDDEN));
}

#[test]
fn when_its_time_is_over_it_is_forgotten() {
    let mut world = World::default();
    world.revoke(call("visit"));
    let later = |world: &World| {
        let now = world.now.unix.as_secs();
        let token = Token { not_before: now - 60, expires: now + 600, end: now + 3600, ..Token::new("visit", "a") };
        Client::number(1).holding(&token)
    };
    world.advance(USUAL_REVOCATION - 1);
    let client = later(&world);
    assert_eq!(world.request(&client, Request::allocate()).code(), Some(ErrorCode::FORBIDDEN));
    world.advance(1);
    assert_eq!(world.request(&client, Request::allocate()).code(), None);
    assert_eq!(world.setup.revocations.forget(world.now), [call("visit")]);
}

// The wall clock is set a year ahead, and back again when somebody has noticed.
#[test]
fn a_clock_that_jumps_ahead_and_back_revives_no_token() {
    let mut world = World::default();
    world.revoke(call("visit"));
    let right = world.now.unix;
    world.now.unix = right.plus_secs(365 * 86_400);
    assert_eq!(world.setup.revocations.forget(world.now), []);
    world.now.unix = right;
    let answer = world.request(&party(1, "visit", "a"), Request::allocate());
    answer.expect_error(ErrorCode::FORBIDDEN);
}

#[test]
fn a_reload_keeps_what_was_revoked() {
    let mut world = World::default();
    world.revoke(call("visit"));
    let (lifetime, revocations) = (world.setup.nonce_lifetime, Arc::clone(&world.setup.revocations));
    let authenticator = Arc::new(authenticator_but_for(lifetime, revocations));
    world.relay.reload(world.setup.settings.clone(), authenticator, Arc::new(policy(&world.setup)));
    world.request(&party(1, "visit", "a"), Request::allocate()).expect_error(ErrorCode::FORBIDDEN);
}

#[test]
fn a_call_on_two_shards_ends_on_both() {
    let setup = Setup::default();
    let revocations = Arc::clone(&setup.revocations);
    let common = Common::new(setup.quota, &[RELAY_V4.parse().unwrap(), RELAY_V6.parse().unwrap()]);
    let mut one = World::shard(setup, Arc::clone(&common), 0);
    let mut two = World::shard(Setup { revocations, ..Setup::default() }, common, 1);
    let (ada, ben) = (party(1, "visit", "a"), party(2, "visit", "b"));
    let (of_ada, of_ben) = (one.allocate(&ada), two.allocate(&ben));
    one.bind(&ada, 0x4001, &of_ben.to_string());
    two.bind(&ben, 0x4001, &of_ada.to_string());
    let sent = one.from_client(&ada, &channel_data(0x4001, b"on its way"));
    let Outcome::ToShard { serial, .. } = sent else { panic!("something for the other shard, and not {sent:?}") };
    assert_eq!(one.revoke(call("visit")), 1);
    // The other shard has not turned yet: it ends its part, and what was under way to it arrives nowhere.
    assert_eq!(two.revoke(call("visit")), 1);
    assert!(matches!(two.from_shard(of_ada, of_ben, serial, b"on its way"), Outcome::Discarded(_)));
}

#[test]
fn a_survey_sees_what_lives_page_by_page_and_no_address() {
    let mut world = World::default();
    let ([ada, _], _) = talking(&mut world);
    let alice = Client::number(9);
    world.allocate(&alice);
    world.advance(10);
    let all = world.relay.survey(None, 0, 100, world.now);
    assert_eq!((all.allocations.len(), all.next), (3, None));
    let only = world.relay.survey(Some(&party_of("visit", "a")), 0, 100, world.now);
    let [seen] = &only.allocations[..] else { panic!("one of them: {only:?}") };
    let token = seen.token.as_ref().unwrap();
    assert_eq!((token.claims.party.as_str(), token.kid.as_str()), ("a", Token::KID));
    assert_eq!((seen.permissions, seen.channels, seen.carried.up.packets), (1, 1, 1));
    assert_eq!((seen.age.as_secs(), seen.left.as_secs(), seen.families), (10, 590, families_of_one()));
    assert!(all.allocations.iter().any(|other| other.token.is_none()), "Alice has no token");
    let shown = format!("{all:?}");
    assert!(!shown.contains("192.0.") && !shown.contains(RELAY_V4) && !shown.contains("visit"), "{shown}");

    let (mut from, mut seen) = (Some(0), 0);
    while let Some(at) = from {
        let page = world.relay.survey(None, at, 1, world.now);
        seen += page.allocations.len();
        from = page.next;
    }
    assert_eq!(seen, 3);
    // One that has ended or run out is not seen.
    world.request(&ada, Request::refresh(0)).expect_success();
    assert_eq!(world.relay.survey(None, 0, 100, world.now).allocations.len(), 2);
    world.now.moment = world.now.moment + std::time::Duration::from_secs(700);
    assert_eq!(world.relay.survey(None, 0, 100, world.now).allocations, []);
}

fn families_of_one() -> Families {
    Families::One(hilum::addr::Family::V4)
}
