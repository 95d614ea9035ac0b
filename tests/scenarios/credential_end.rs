//! Time-limited credentials and the two clocks: a lifetime reaches past the end of its credential by the grace at most,
//! and is counted by the clock that does not step.

use hilum::time::Lifetime;
use hilum::turn::{EndCause, Settings};
use hilum::wire::ErrorCode;

use crate::world::{Client, PEER, Request, START, Setup, World};

fn client(seconds: u64) -> Client {
    Client::usual().ephemeral(START.plus_secs(seconds), "visit")
}

// RFC 8656 §7.2: the server may grant less than was asked; here it must.
#[test]
fn a_lifetime_ends_with_the_credential_and_its_grace() {
    let mut world = World::default();
    let answer = world.request(&client(100), Request::allocate().lifetime(3600));
    assert_eq!(answer.lifetime(), Some(130));
    world.advance(129);
    assert_eq!(world.relay.allocations(), 1);
    world.advance(1);
    assert_eq!(world.relay.allocations(), 0);
    assert_eq!(world.tally().ended(EndCause::CredentialEnded), 1);
}

#[test]
fn no_refresh_reaches_past_the_end_of_the_credential() {
    let mut world = World::default();
    let client = client(1000);
    world.request(&client, Request::allocate()).expect_success();
    world.advance(599);
    assert_eq!(world.request(&client, Request::refresh(3600)).lifetime(), Some(431));
    world.advance(400);
    assert_eq!(world.request(&client, Request::refresh(3600)).lifetime(), Some(31));
    world.advance(1);
    world.request(&client, Request::refresh(600)).expect_error(ErrorCode::UNAUTHENTICATED);
    world.advance(29);
    assert_eq!(world.relay.allocations(), 1);
    world.advance(1);
    assert_eq!(world.relay.allocations(), 0);
    assert_eq!(world.tally().ended(EndCause::CredentialEnded), 1);
}

#[test]
fn silence_is_told_from_the_end_of_a_credential() {
    let mut world = World::default();
    world.request(&client(100_000), Request::allocate()).expect_success();
    world.advance(600);
    assert_eq!((world.tally().ended(EndCause::Expired), world.tally().ended(EndCause::CredentialEnded)), (1, 0));
}

#[test]
fn without_grace_the_allocation_ends_with_the_credential() {
    let settings = Settings { grace: Lifetime::ZERO, ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    assert_eq!(world.request(&client(100), Request::allocate()).lifetime(), Some(100));
}

#[test]
fn an_ended_credential_is_challenged() {
    let mut world = World::default();
    let client = client(10);
    world.advance(10);
    world.request(&client, Request::allocate()).expect_error(ErrorCode::UNAUTHENTICATED);
}

#[test]
fn an_ended_credential_cannot_do_anything_with_a_living_allocation() {
    let mut world = World::default();
    let client = client(10);
    world.allocate(&client);
    world.advance(10);
    world.request(&client, Request::bind(0x4000, PEER)).expect_error(ErrorCode::UNAUTHENTICATED);
    assert_eq!(world.relay.allocations(), 1);
}

// RFC 8656 §5: another credential is another username, although it is the same person.
#[test]
fn another_credential_is_another_user() {
    let mut world = World::default();
    world.allocate(&client(100));
    world.request(&client(200), Request::refresh(600)).expect_error(ErrorCode::WRONG_CREDENTIALS);
}

#[test]
fn a_step_of_the_wall_clock_ends_no_allocation() {
    let mut world = World::default();
    let static_user = Client::number(1);
    let ephemeral = Client::number(2).ephemeral(START.plus_secs(10_000), "visit");
    world.allocate(&static_user);
    world.allocate(&ephemeral);
    world.now.unix = START.plus_secs(1_000_000);
    world.turn();
    assert_eq!(world.relay.allocations(), 2);
    world.permit(&static_user, &[PEER]);
    world.now.unix = hilum::time::UnixTime::from_secs(0);
    world.turn();
    world.permit(&ephemeral, &[PEER]);
    for _ in 0..599 {
        world.now.moment = world.now.moment + std::time::Duration::from_secs(1);
        world.turn();
        assert_eq!(world.relay.allocations(), 2);
    }
    world.now.moment = world.now.moment + std::time::Duration::from_secs(1);
    world.turn();
    assert_eq!(world.relay.allocations(), 0);
}

#[test]
fn a_step_back_does_not_lengthen_what_was_granted() {
    let mut world = World::default();
    let client = client(100);
    assert_eq!(world.request(&client, Request::allocate()).lifetime(), Some(130));
    world.now.unix = START;
    world.advance(130);
    assert_eq!(world.relay.allocations(), 0);
}
