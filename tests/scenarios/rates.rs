//! How much a credential may send and ask for: what is beyond it is dropped without a word, large packets first.

use std::num::NonZeroU32;
use std::time::Duration;

use hilum::policy::{Exceeded, RateLimit};
use hilum::turn::{Discard, Settings};
use hilum::wire::{ErrorCode, Method};

use super::world::*;

const CHANNEL: u16 = 0x4000;
/// Packets of 20 ms: ten of video, which are 5000 kbit/s, and one of voice.
const TURN: Duration = Duration::from_millis(20);
const VIDEO: [u8; 1250] = [0x80; 1250];
const VOICE: [u8; 160] = [0x80; 160];

fn kbps(kbps: u32) -> RateLimit {
    RateLimit { kbps: NonZeroU32::new(kbps), packets: None }
}

fn with(settings: Settings) -> World {
    World::new(Setup { settings, ..Setup::default() })
}

/// A client with a channel to [`PEER`], as whom it holds the token of that peer; its relayed address.
fn ready(world: &mut World, client: &Client) -> std::net::SocketAddr {
    let relayed = world.allocate(client);
    world.bind(client, CHANNEL, PEER);
    relayed
}

/// A holder of a token that may reach [`PEER`], with these limits.
fn holder(number: u16, id: &'static str, limits: &'static str) -> Client {
    let more = match limits {
        "1000" => r#","peers":["203.0.113.5"],"lim":{"kbps":1000}"#,
        "400" => r#","peers":["203.0.113.5"],"lim":{"kbps":400}"#,
        _ => r#","peers":["203.0.113.5"]"#,
    };
    Client::number(number).holding(&Token { id, more, ..Token::new("visit", "a") })
}

/// Sends so many packets at once; how many arrive.
fn burst(world: &mut World, client: &Client, packet: &[u8], count: usize) -> usize {
    let message = channel_data(CHANNEL, packet);
    (0..count).filter(|_| matches!(world.from_client(client, &message), Outcome::ToPeer { .. })).count()
}

/// Time for the clock that rates go by, less than a second.
fn pass(world: &mut World, time: Duration) {
    world.now.moment = world.now.moment + time;
}

/// Sends video and voice for half a minute; the bits that arrive in a second, and the packets of voice that do not.
fn talk(world: &mut World, client: &Client) -> (usize, usize) {
    let (mut arrived, mut unheard) = (0, 0);
    for _ in 0..1500 {
        arrived += burst(world, client, &VIDEO, 10) * VIDEO.len() * 8;
        let heard = burst(world, client, &VOICE, 1);
        arrived += heard * VOICE.len() * 8;
        unheard += 1 - heard;
        pass(world, TURN);
    }
    (arrived / 30, unheard)
}

#[test]
fn a_token_of_1000_kbit_a_second_that_sends_5000_gets_1000_through_and_its_voice_whole() {
    let mut world = World::default();
    let ada = holder(1, "ada", "1000");
    ready(&mut world, &ada);
    let (rate, unheard) = talk(&mut world, &ada);
    // Half a second of burst on top, over half a minute.
    assert!((980_000..=1_020_000).contains(&rate), "{rate}");
    assert_eq!(unheard, 0);
    assert!(world.tally().discards(Discard::Rate) > 10_000);
    assert_eq!(world.tally().discards(Discard::RateSmall), 0);
}

#[test]
fn what_peers_send_has_a_rate_of_its_own() {
    let mut world = World::default();
    let ada = holder(1, "ada", "1000");
    let relayed = ready(&mut world, &ada);
    burst(&mut world, &ada, &VIDEO, 1000);
    let down = (0..1000).filter(|_| matches!(world.from_peer(PEER, relayed, &VIDEO), Outcome::ToClient(..))).count();
    // Half a second of the rate.
    assert_eq!(down, 62_500 / VIDEO.len());
    assert!(matches!(world.from_peer(PEER, relayed, &VOICE), Outcome::ToClient(..)));
    assert_eq!(world.from_peer(PEER, relayed, &VIDEO), Outcome::Discarded(Discard::Rate));
}

#[test]
fn send_indications_count_as_channel_data_does() {
    let mut world = World::default();
    let ada = holder(1, "ada", "1000");
    ready(&mut world, &ada);
    burst(&mut world, &ada, &VIDEO, 1000);
    let send = send_indication(&mut world, PEER, &VIDEO);
    assert_eq!(world.from_client(&ada, &send), Outcome::Discarded(Discard::Rate));
}

// Two parties of one call: what one sends is charged to both tokens, and the narrower one decides.
#[test]
fn inside_a_call_the_rates_of_both_ends_count() {
    let mut world = World::default();
    let of = |number, party, more| Client::number(number).holding(&Token { more, ..Token::new("visit", party) });
    let (ada, ben) = (of(1, "a", r#","lim":{"kbps":1000}"#), of(2, "b", r#","lim":{"kbps":400}"#));
    let (of_ada, of_ben) = (world.allocate(&ada), world.allocate(&ben));
    world.bind(&ada, CHANNEL, &of_ben.to_string());
    world.bind(&ben, CHANNEL, &of_ada.to_string());
    let arrive = |world: &mut World, from| {
        let message = channel_data(CHANNEL, &VIDEO);
        (0..1000).filter(|_| matches!(world.from_client(from, &message), Outcome::ToClient(..))).count()
    };
    // Half a second of 400 kbit/s, both ways.
    assert_eq!(arrive(&mut world, &ada), 20);
    assert_eq!(arrive(&mut world, &ben), 20);
}

#[test]
fn voice_beyond_all_of_the_rate_is_dropped_and_counted_by_itself() {
    let mut world = World::default();
    let ada = holder(1, "ada", "1000");
    ready(&mut world, &ada);
    let passed = burst(&mut world, &ada, &VOICE, 1000);
    assert_eq!(passed, 93_750 / VOICE.len());
    assert_eq!(world.tally().discards(Discard::RateSmall), 1000 - 585);
}

#[test]
fn two_allocations_of_one_token_share_one_rate_and_two_tokens_do_not() {
    let mut world = World::default();
    let (one, two, other) = (holder(1, "ada", "1000"), holder(2, "ada", "1000"), holder(3, "other", "1000"));
    for client in [&one, &two, &other] {
        ready(&mut world, client);
    }
    assert_eq!(burst(&mut world, &one, &VIDEO, 1000), 50);
    assert_eq!(burst(&mut world, &two, &VIDEO, 1000), 0);
    assert_eq!(burst(&mut world, &other, &VIDEO, 1000), 50);
    pass(&mut world, Duration::from_millis(100));
    assert_eq!(burst(&mut world, &two, &VIDEO, 1000), 10);
    assert_eq!(burst(&mut world, &one, &VIDEO, 1000), 0);
}

#[test]
fn an_allocation_that_ends_and_begins_again_has_no_new_burst() {
    let mut world = World::default();
    let ada = holder(1, "ada", "1000");
    ready(&mut world, &ada);
    assert_eq!(burst(&mut world, &ada, &VIDEO, 1000), 50);
    world.request(&ada, Request::refresh(0)).expect_success();
    ready(&mut world, &ada);
    assert_eq!(burst(&mut world, &ada, &VIDEO, 1000), 0);
}

#[test]
fn a_token_can_narrow_the_limit_of_the_configuration_and_not_widen_it() {
    let rate_of = |limits| {
        let mut world = with(Settings { token_rate: kbps(800), ..Settings::default() });
        let ada = holder(1, "ada", limits);
        ready(&mut world, &ada);
        talk(&mut world, &ada).0 / 20_000
    };
    assert_eq!((rate_of("1000"), rate_of("none"), rate_of("400")), (40, 40, 20));
}

#[test]
fn users_and_tokens_have_limits_of_their_own() {
    let mut world = with(Settings { token_rate: kbps(800), ..Settings::default() });
    let alice = Client::number(1);
    ready(&mut world, &alice);
    assert_eq!(burst(&mut world, &alice, &VIDEO, 10_000), 10_000, "users have none by default");
    let mut world = with(Settings { user_rate: kbps(800), ..Settings::default() });
    let (alice, bob) = (Client::number(1), Client::number(2).named(BOB));
    ready(&mut world, &alice);
    ready(&mut world, &bob);
    assert_eq!(burst(&mut world, &alice, &VIDEO, 10_000), 40);
    assert_eq!(burst(&mut world, &bob, &VIDEO, 10_000), 40);
}

#[test]
fn packets_have_a_limit_however_small_they_are() {
    let limit = RateLimit { kbps: NonZeroU32::new(20_000), packets: NonZeroU32::new(5000) };
    let mut world = with(Settings { token_rate: limit, ..Settings::default() });
    let ada = holder(1, "ada", "none");
    ready(&mut world, &ada);
    assert_eq!(burst(&mut world, &ada, b"", 10_000), 5000 * 3 / 4);
    assert_eq!(world.tally().discards(Discard::RateSmall), 10_000 - 3750);
}

#[test]
fn a_new_limit_holds_for_allocations_that_live() {
    let mut world = with(Settings { token_rate: kbps(800), ..Settings::default() });
    let ada = holder(1, "ada", "none");
    ready(&mut world, &ada);
    for (limit, passes) in [(kbps(800), 40), (kbps(8000), 400), (RateLimit::NONE, 5000)] {
        let settings = Settings { token_rate: limit, ..Settings::default() };
        let (authenticator, policy) = (authenticator(world.setup.nonce_lifetime), policy(&world.setup));
        world.relay.reload(settings, authenticator.into(), policy.into());
        pass(&mut world, Duration::from_secs(1));
        assert_eq!(burst(&mut world, &ada, &VIDEO, 5000), passes);
    }
}

#[test]
fn what_is_dropped_is_not_counted_as_carried() {
    let mut world = World::default();
    let ada = holder(1, "ada", "1000");
    ready(&mut world, &ada);
    burst(&mut world, &ada, &VIDEO, 1000);
    world.request(&ada, Request::refresh(0)).expect_success();
    let carried = world.events().into_iter().find_map(|event| match event {
        hilum::turn::Event::Ended { carried, .. } => Some(carried.up),
        _ => None,
    });
    assert_eq!(carried.map(|up| (up.packets, up.bytes)), Some((50, 62_500)));
}

/// Asks for permissions until there is silence; how often there was an answer.
fn asks(world: &mut World, client: &Client, most: usize) -> usize {
    let nonce = world.nonce(client);
    let mut answered = 0;
    for _ in 0..most {
        let transaction = world.transaction();
        let bytes = Request::new(Method::CreatePermission).peer(PEER).bytes(client, transaction, &nonce);
        match world.from_client(client, &bytes) {
            Outcome::ToClient(..) => answered += 1,
            Outcome::Discarded(reason) => {
                assert_eq!(reason, Discard::RequestRate);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    answered
}

// RFC 8489 §6.2.1: a client that hears nothing asks again, after twice as long each time.
#[test]
fn a_credential_that_asks_too_often_hears_nothing_until_it_slows_down() {
    let mut world = with(Settings { requests_per_second: 50, ..Settings::default() });
    let ada = holder(1, "ada", "none");
    world.allocate(&ada);
    assert_eq!(asks(&mut world, &ada, 1000), 199, "four seconds' worth, with the Allocate");
    assert_eq!(world.tally().discards(Discard::RequestRate), 1);
    // Where it asks from does not matter, and who else asks does not either.
    assert_eq!(asks(&mut world, &holder(2, "ada", "none"), 10), 0);
    assert_eq!(asks(&mut world, &holder(3, "other", "none"), 10), 10);
    pass(&mut world, Duration::from_millis(500));
    assert_eq!(asks(&mut world, &ada, 1000), 25);
}

#[test]
fn who_has_proven_nothing_spends_nobodys_requests() {
    let mut world = with(Settings { requests_per_second: 1, ..Settings::default() });
    let mut guessing = Client::number(2);
    guessing.password = "a guess".into();
    let nonce = world.nonce(&guessing);
    for _ in 0..100 {
        let transaction = world.transaction();
        let bytes = Request::allocate().bytes(&guessing, transaction, &nonce);
        assert!(matches!(world.from_client(&guessing, &bytes), Outcome::ToClient(..)));
    }
    world.allocate(&Client::number(1));
}

// RFC 8656 §7.2, check 10: the quota of 486 is by user "and not on the client's transport address"; a source is held to
// what the relay can do.
#[test]
fn a_source_has_a_bound_on_allocations_whoever_is_there() {
    let mut world = with(Settings { allocations_per_source: 2, ..Settings::default() });
    let at = |port: u16| Client::udp(&format!("192.0.2.7:{port}"));
    world.allocate(&at(1));
    world.allocate(&at(2).named(BOB));
    let ada = at(3).holding(&Token::new("visit", "a"));
    world.request(&ada, Request::allocate()).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    assert_eq!(world.tally().quota_refusals(Exceeded::Source), 1);
    world.allocate(&Client::udp("192.0.2.8:1"));
    world.request(&at(1), Request::refresh(0)).expect_success();
    world.allocate(&ada);
}

#[test]
fn a_64_of_ipv6_is_one_source() {
    let mut world = with(Settings { allocations_per_source: 1, ..Settings::default() });
    world.allocate(&Client::udp("[2001:db8:7:1::1]:1"));
    let neighbour = Client::udp("[2001:db8:7:1:ffff::2]:1");
    world.request(&neighbour, Request::allocate()).expect_error(ErrorCode::INSUFFICIENT_CAPACITY);
    world.allocate(&Client::udp("[2001:db8:7:2::1]:1"));
}
