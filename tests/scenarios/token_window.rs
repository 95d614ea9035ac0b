//! The window of a call token, method by method: it is asked at every request and not only at the first.

use hilum::time::Lifetime;
use hilum::turn::{EndCause, Event, Settings};
use hilum::wire::{ErrorCode, Method};

use super::world::*;

fn ada() -> Client {
    Client::number(1).holding(&Token::new("visit", "a"))
}

/// Every method that asks something of a running allocation.
fn methods(peer: &str) -> [Request; 4] {
    let permission = Request::new(Method::CreatePermission).peer(peer);
    [Request::refresh(600), Request::refresh(0), permission, Request::bind(0x4000, peer)]
}

/// Two parties of one call with an allocation each; then only the wall clock goes to `unix`, so that no timer has ended
/// anything yet.
fn at(unix: u64) -> (World, String) {
    let mut world = World::default();
    world.allocate(&ada());
    let peer = world.allocate(&Client::number(2).holding(&Token::new("visit", "b"))).to_string();
    world.now.unix = hilum::time::UnixTime::from_secs(unix);
    (world, peer)
}

#[test]
fn every_method_is_heard_within_the_window() {
    let (start, end) = (START.as_secs(), START.as_secs() + 3600);
    // Clocks may be a minute apart: from nbf - 60 on. A second before the end is still within.
    for unix in [start - 60 - 60, start, end - 1] {
        let (mut world, peer) = at(unix);
        let [refresh, delete, permission, bind] = methods(&peer);
        for request in [refresh, permission, bind, delete] {
            world.request(&ada(), request).expect_success();
        }
    }
}

#[test]
fn no_method_is_heard_before_or_after_it() {
    let (before, after) = (START.as_secs() - 60 - 61, START.as_secs() + 3600 + 60);
    for (unix, reason) in [(before, "not_yet_valid"), (after, "ended")] {
        for number in 0..4 {
            let (mut world, peer) = at(unix);
            let [one, two, three, four] = methods(&peer);
            let request = [one, two, three, four].into_iter().nth(number).unwrap();
            world.request(&ada(), request).expect_error(ErrorCode::UNAUTHENTICATED);
            assert_eq!(world.tally().token_refusals(reason), 1, "{number}");
            assert_eq!(world.relay.allocations(), 2, "{number}: it changed nothing");
            let sent = world.from_client(&ada(), &channel_data(0x4000, b"x"));
            assert!(matches!(sent, Outcome::Discarded(_)), "{number}: no channel has come of it");
        }
    }
}

fn with_grace(seconds: u32) -> World {
    let settings = Settings { grace: Lifetime::from_secs(seconds), ..Settings::default() };
    World::new(Setup { settings, ..Setup::default() })
}

/// Nobody sends anything: the allocation lives to the last second of the grace, and not beyond it.
#[test]
fn the_timer_ends_it_at_the_end_and_the_grace() {
    for grace in [0, 5, 30] {
        let mut world = with_grace(grace);
        let token = Token { end: START.as_secs() + 601, ..Token::new("visit", "a") };
        let answer = world.request(&Client::number(1).holding(&token), Request::allocate().lifetime(3600));
        assert_eq!(answer.lifetime(), Some(601 + grace));
        world.events();
        world.advance(600 + u64::from(grace));
        assert_eq!(world.relay.allocations(), 1, "{grace}");
        world.advance(1);
        assert_eq!(world.relay.allocations(), 0, "{grace}");
        let ended = |event: &Event| matches!(event, Event::Ended { cause: EndCause::CredentialEnded, .. });
        assert!(world.events().iter().any(ended), "{grace}");
    }
}

/// The skew of clocks lets a token in for a minute after its end; a lifetime it does not give.
#[test]
fn no_lifetime_reaches_past_the_grace_whatever_the_skew() {
    for (late, left) in [(0, Some(30)), (29, Some(1)), (30, None), (59, None)] {
        let token = Token { expires: START.as_secs() + 600, end: START.as_secs() + 600, ..Token::new("visit", "a") };
        let client = Client::number(1).holding(&token);
        let mut world = World::default();
        world.allocate(&client);
        world.now.unix = START.plus_secs(600 + late);
        for (client, request) in
            [(client, Request::refresh(3600)), (Client::number(2).holding(&token), Request::allocate().lifetime(3600))]
        {
            let answer = world.request(&client, request);
            assert_eq!(answer.lifetime(), left, "{late}");
            assert_eq!(answer.code(), left.is_none().then_some(ErrorCode::FORBIDDEN), "{late}");
        }
        assert_eq!(world.tally().token_refusals("ended"), if left.is_none() { 2 } else { 0 }, "{late}");
    }
}

/// Five minutes before the end it is told, and until it is over; a credential without an end tells nothing.
#[test]
fn what_is_about_to_end_is_counted_before_it_does() {
    let mut world = World::default();
    world.allocate(&ada());
    world.allocate(&Client::number(2).ephemeral(START.plus_secs(3700), "visit"));
    world.allocate(&Client::number(3));
    let alive = |world: &mut World| {
        for client in [ada(), Client::number(2).ephemeral(START.plus_secs(3700), "visit"), Client::number(3)] {
            world.request(&client, Request::refresh(3600)).expect_success();
        }
    };
    let ending = |world: &mut World| {
        world.relay.count_ending(world.now.unix);
        world.tally().ending
    };
    for _ in 0..6 {
        world.advance(549);
        alive(&mut world);
    }
    assert_eq!((world.now.unix.seconds_until(START.plus_secs(3600)), ending(&mut world)), (306, 0));
    world.advance(6);
    assert_eq!(ending(&mut world), 1);
    world.advance(100);
    assert_eq!(ending(&mut world), 2);
    world.request(&Client::number(2).ephemeral(START.plus_secs(3700), "visit"), Request::refresh(0)).expect_success();
    assert_eq!(ending(&mut world), 1, "who has said good-bye is not cut");
    world.advance(200 + 29);
    assert_eq!(ending(&mut world), 1, "the grace runs");
    world.advance(1);
    assert_eq!((ending(&mut world), world.relay.allocations()), (0, 1));
}
