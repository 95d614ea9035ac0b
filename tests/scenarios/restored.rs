//! What runs goes on in another process: the same client, the same relayed address, the same peers, until the same
//! moment; and nothing that this process would not allow.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use hilum::addr::Transport;
use hilum::auth::{Revocation, Revoked};
use hilum::policy::{Quota, RateLimit};
use hilum::turn::{Discard, EndCause, Event, NotRestored, Port, PortKey, RecordKey, Restored, Settings};
use hilum::wire::{AttributeType, ErrorCode, Method};
use proptest::prelude::*;

use super::world::*;

const CHANNEL: u16 = 0x4000;

fn allocation(key: &RecordKey) -> bool {
    matches!(key, RecordKey::Allocation(_))
}

/// A client with a channel to [`PEER`] and a permission for [`OTHER_PEER`]; its relayed address.
fn ready(world: &mut World, client: &Client) -> std::net::SocketAddr {
    let relayed = world.allocate(client);
    world.bind(client, CHANNEL, PEER);
    world.permit(client, &[OTHER_PEER]);
    relayed
}

/// What became of the allocations, and why those ended that did not go on.
fn outcome(restorations: &[Result<Restored, NotRestored>], world: &mut World) -> (Vec<NotRestored>, Vec<EndCause>) {
    let why = restorations.iter().filter_map(|restored| restored.err()).collect();
    let causes = world.events().into_iter().filter_map(|event| match event {
        Event::Ended { cause, .. } => Some(cause),
        _ => None,
    });
    (why, causes.collect())
}

#[test]
fn a_restart_is_nothing_to_a_client_and_its_peers() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = ready(&mut world, &client);
    world.advance(100);
    assert!(world.restart().iter().all(Result::is_ok));
    let sent = world.from_client(&client, &channel_data(CHANNEL, b"hello"));
    let to = PEER.parse().unwrap();
    assert_eq!(sent, Outcome::ToPeer { from: relayed, to, bytes: b"hello".to_vec(), dont_fragment: false });
    let answered = world.from_peer(PEER, relayed, b"hello");
    assert_eq!(answered, Outcome::ToClient(client.five_tuple, channel_data(CHANNEL, b"hello")));
    assert!(matches!(world.from_peer(OTHER_PEER, relayed, b"words"), Outcome::ToClient(..)));
    // What has been carried before counts, and so does the time.
    world.request(&client, Request::refresh(0)).expect_success();
    let events = world.events();
    assert!(matches!(events.as_slice(), [
        Event::Restored { age, .. },
        Event::Ended { age: whole, carried, cause: EndCause::Deleted, .. }
    ] if age == whole && age.as_secs() == 100 && carried.up.packets == 1 && carried.down.packets == 2));
    assert_eq!(world.common.ledger().live(), 0);
}

#[test]
fn whatever_ends_ends_when_it_would_have() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = ready(&mut world, &client);
    world.advance(250);
    world.restart();
    world.advance(49);
    assert!(matches!(world.from_peer(OTHER_PEER, relayed, b"words"), Outcome::ToClient(..)));
    world.advance(1);
    world.restart();
    assert_eq!(world.from_peer(OTHER_PEER, relayed, b"words"), Outcome::Discarded(Discard::NoPermission));
    world.permit(&client, &[OTHER_PEER]);
    world.advance(299);
    assert_eq!(world.relay.allocations(), 1);
    world.restart();
    world.advance(1);
    assert_eq!(world.relay.allocations(), 0, "after 600 seconds");
    let (_, causes) = outcome(&[], &mut world);
    assert_eq!(causes, [EndCause::Expired]);
    assert!(world.closed.contains(&relayed), "the socket is given back");
}

#[test]
fn a_retransmitted_allocate_is_answered_as_before() {
    let mut world = World::default();
    let client = Client::usual();
    let transaction = world.transaction();
    let allocate = || Request::allocate().transaction(transaction);
    let first = world.request(&client, allocate());
    world.restart();
    assert_eq!(world.request(&client, allocate()).relayed(), first.relayed());
    world.request(&client, Request::allocate()).expect_error(ErrorCode::ALLOCATION_MISMATCH);
    world.request(&client.clone().named(BOB), Request::refresh(600)).expect_error(ErrorCode::WRONG_CREDENTIALS);
}

#[test]
fn the_parties_of_a_call_meet_again_and_nobody_else() {
    let mut world = World::default();
    let party = |number, call, party| Client::number(number).holding(&Token { id: party, ..Token::new(call, party) });
    let (ada, ben, eve) = (party(1, "visit", "a"), party(2, "visit", "b"), party(3, "other", "c"));
    let [of_ada, of_ben, of_eve] = [&ada, &ben, &eve].map(|client| world.allocate(client));
    world.bind(&ada, CHANNEL, &of_ben.to_string());
    world.bind(&ben, CHANNEL, &of_ada.to_string());
    world.permit(&eve, &[&of_ada.to_string()]);
    let hello = channel_data(CHANNEL, b"hello");
    assert_eq!(world.from_client(&ada, &hello), Outcome::ToClient(ben.five_tuple, hello.clone()));
    assert!(world.restart().iter().all(Result::is_ok));
    assert_eq!(world.from_client(&ada, &hello), Outcome::ToClient(ben.five_tuple, hello.clone()));
    assert_eq!(world.from_client(&ben, &hello), Outcome::ToClient(ada.five_tuple, hello));
    let words = send_indication(&mut world, &of_ada.to_string(), b"words");
    assert_eq!(world.from_client(&eve, &words), Outcome::Discarded(Discard::OtherCall));
    // Numbers of virtual ports are taken; a new one is another.
    let of_dan = world.allocate(&party(4, "visit", "d"));
    assert!(![of_ada, of_ben, of_eve].contains(&of_dan));
    // The address in other hands is another peer, although its number comes again.
    world.request(&ben, Request::refresh(0)).expect_success();
    world.restart();
    assert_eq!(world.from_client(&ada, &channel_data(CHANNEL, b"x")), Outcome::Discarded(Discard::PeerForbidden));
}

#[test]
fn stream_clients_reconnect() {
    let mut world = World::default();
    let client = Client::stream("192.0.2.9:4000", 5, Transport::Tls);
    world.allocate(&client);
    let mut fresh = World::default();
    for record in world.records().values() {
        let restored = fresh.relay.restore(record, fresh.now, |_| panic!("nobody asks for its port"));
        assert!(matches!(restored, Ok(Restored::Seal) | Err(NotRestored::Stream)), "{restored:?}");
    }
    let restorations = world.restart();
    assert_eq!(outcome(&restorations, &mut world), (vec![NotRestored::Stream], vec![EndCause::Disconnected]));
    assert_eq!((world.relay.allocations(), world.common.ledger().live()), (0, 0));
}

#[test]
fn what_has_run_out_meanwhile_ends_with_its_cause() {
    let mut world = World::default();
    ready(&mut world, &Client::number(1));
    let guest = Client::number(2).ephemeral(START.plus_secs(100), "guest");
    world.request(&guest, Request::allocate().lifetime(3600)).expect_success();
    let records = world.records();
    world.now.moment = world.now.moment + Duration::from_secs(601);
    let restorations = world.start_again(records.values());
    let (why, causes) = outcome(&restorations, &mut world);
    assert_eq!(why, [NotRestored::Expired; 2]);
    assert_eq!(causes, [EndCause::Expired, EndCause::CredentialEnded]);
}

#[test]
fn of_two_families_one_goes_on_alone() {
    let mut world = World::default();
    let client = Client::usual();
    let dual = Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
    let relayed = world.request(&client, dual).relayed();
    world.permit(&client, &[PEER, PEER_V6]);
    world.open.retain(|_, open| open.socket() != relayed[0]);
    assert!(world.restart().iter().all(Result::is_ok));
    assert!(matches!(world.from_peer(PEER_V6, relayed[1], b"words"), Outcome::ToClient(..)));
    world
        .request(&client, Request::new(Method::CreatePermission).peer(PEER))
        .expect_error(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
}

#[test]
fn without_its_port_an_allocation_ends_and_another_port_is_given_back() {
    let mut world = World::default();
    ready(&mut world, &Client::usual());
    let records = world.records();
    world.open.clear();
    let restorations = world.start_again(records.values());
    assert_eq!(outcome(&restorations, &mut world), (vec![NotRestored::Port], vec![EndCause::Stopped]));
    let other = hilum::addr::RelayedAddr::new("198.51.100.1:7".parse().unwrap());
    let mut fresh = World::default();
    for record in records.values() {
        let restored = fresh.relay.restore(record, fresh.now, |_| Some(Port::new(PortKey(9999), other)));
        assert!(matches!(restored, Ok(Restored::Seal) | Err(NotRestored::Port)), "{restored:?}");
    }
    assert_eq!(fresh.relay.take_closed().map(|port| port.relayed()), Some(other));
    assert_eq!((fresh.relay.allocations(), fresh.common.ledger().live()), (0, 0));
}

#[test]
fn nothing_is_restored_twice() {
    let mut world = World::default();
    let client = Client::number(1).holding(&Token::new("visit", "a"));
    world.allocate(&client);
    let records = world.records();
    assert!(world.restart().iter().all(Result::is_ok));
    for record in records.values() {
        assert_eq!(world.relay.restore(record, world.now, |_| None), Err(NotRestored::Taken));
    }
    assert_eq!(world.relay.allocations(), 1);
}

#[test]
fn what_was_revoked_meanwhile_does_not_go_on() {
    let mut world = World::default();
    world.allocate(&Client::number(1).holding(&Token::new("visit", "a")));
    world.allocate(&Client::number(2).holding(&Token { id: "b", ..Token::new("other", "b") }));
    let what = Revoked::Call { issuer: "clinic".parse().unwrap(), call: "visit".parse().unwrap() };
    world.setup.revocations.add(&Revocation::new(what, world.now.unix, None), world.now).unwrap();
    let restorations = world.restart();
    assert_eq!(outcome(&restorations, &mut world), (vec![NotRestored::Revoked], vec![EndCause::Revoked]));
    assert_eq!(world.relay.allocations(), 1);
}

#[test]
fn narrower_rules_hold_for_what_goes_on() {
    let mut world = World::default();
    let client = Client::usual();
    let relayed = ready(&mut world, &client);
    world.setup.deny = vec!["203.0.113.5/32"];
    assert!(world.restart().iter().all(Result::is_ok));
    assert_eq!(world.from_peer(PEER, relayed, b"words"), Outcome::Discarded(Discard::NoPermission));
    assert_eq!(world.from_client(&client, &channel_data(CHANNEL, b"x")), Outcome::Discarded(Discard::NoChannel));
    assert!(matches!(world.from_peer(OTHER_PEER, relayed, b"words"), Outcome::ToClient(..)));
}

#[test]
fn only_the_bound_of_the_whole_relay_keeps_anybody_out() {
    let mut world = World::default();
    for number in 1..=3 {
        world.allocate(&Client::number(number));
    }
    world.setup.quota = Quota { total: 2, per_subject: 1 };
    let restorations = world.restart();
    assert_eq!(outcome(&restorations, &mut world), (vec![NotRestored::Full], vec![EndCause::Stopped]));
    assert_eq!((world.relay.allocations(), world.common.ledger().live()), (2, 2));
    world.request(&Client::number(9), Request::allocate()).expect_error(ErrorCode::ALLOCATION_QUOTA_REACHED);
}

#[test]
fn a_reserved_port_waits_on() {
    for holder in [Client::number(1), Client::number(1).holding(&Token::new("visit", "a"))] {
        let mut world = World::default();
        let answer = world.request(&holder, Request::allocate().with(AttributeType::EVEN_PORT, &[0x80]));
        let (first, token) = (answer.relayed()[0], answer.value(AttributeType::RESERVATION_TOKEN).unwrap());
        world.advance(20);
        assert!(world.restart().iter().all(Result::is_ok));
        let other = Client { five_tuple: Client::number(2).five_tuple, ..holder.clone() };
        let records = world.records();
        let reserved = || Request::allocate().with(AttributeType::RESERVATION_TOKEN, &token);
        assert_eq!(world.request(&other, reserved()).relayed()[0].port(), first.port() + 1);
        world.advance(10);
        let restorations = world.start_again(records.values());
        assert!(restorations.contains(&Err(NotRestored::Expired)), "{restorations:?}");
    }
}

// Ending and beginning again must not win a burst, nor must the end of a process.
#[test]
fn a_token_wins_no_burst_by_a_restart() {
    let limit = RateLimit { kbps: NonZeroU32::new(1000), packets: None };
    let settings = Settings { user_rate: limit, ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    let client = Client::usual();
    ready(&mut world, &client);
    let large = channel_data(CHANNEL, &[0x80; 1250]);
    let sent = |world: &mut World| {
        (0..100).filter(|_| matches!(world.from_client(&client, &large), Outcome::ToPeer { .. })).count()
    };
    assert!(sent(&mut world) > 10);
    world.restart();
    assert_eq!(sent(&mut world), 0);
    world.advance(1);
    assert!(sent(&mut world) > 10);
}

#[test]
fn every_change_is_handed_out_and_nothing_else() {
    let mut world = World::default();
    let mut journal = BTreeMap::new();
    let first: BTreeSet<_> = world.follow(&mut journal).into_iter().collect();
    assert_eq!(first, BTreeSet::from([RecordKey::Seal]));
    let (client, party) = (Client::number(1), Client::number(2).holding(&Token::new("visit", "a")));
    let media = |world: &mut World| {
        for _ in 0..50 {
            let sent = world.from_client(&Client::number(1), &channel_data(CHANNEL, b"media"));
            assert!(matches!(sent, Outcome::ToPeer { .. }));
        }
    };
    let even = |world: &mut World| {
        let pair = Request::allocate().with(AttributeType::EVEN_PORT, &[0x80]);
        world.request(&Client::number(3), pair).expect_success();
    };
    let noise = |world: &mut World| {
        assert!(matches!(world.from_client(&client, b"\xffnoise"), Outcome::Discarded(_)));
    };
    type Act<'a> = &'a dyn Fn(&mut World);
    let acts: [(usize, Act<'_>); 9] = [
        (1, &|world| assert!(world.allocate(&client).is_ipv4())),
        (1, &|world| assert!(world.allocate(&party).is_ipv4())),
        (1, &|world| world.permit(&client, &[PEER])),
        (1, &|world| world.bind(&client, CHANNEL, PEER)),
        (1, &|world| world.request(&client, Request::refresh(900)).expect_success()),
        (2, &even),
        (0, &media),
        (0, &noise),
        (1, &|world| world.request(&client, Request::refresh(0)).expect_success()),
    ];
    for (number, (most, act)) in acts.into_iter().enumerate() {
        act(&mut world);
        let changed = world.follow(&mut journal);
        assert_eq!(changed.len(), most, "act {number}: {changed:?}");
        assert!((6..=7).contains(&number) || journal == world.records(), "act {number}");
    }
    assert_eq!(journal.keys().filter(|key| allocation(key)).count(), 2);
    world.request(&party, Request::refresh(0)).expect_success();
    // The reservation runs out by itself.
    world.advance(31);
    world.follow(&mut journal);
    assert_eq!((journal.keys().filter(|key| allocation(key)).count(), journal.len()), (1, 2));
}

#[test]
fn counters_are_handed_out_once_a_minute_and_of_whom_they_have_changed() {
    let mut world = World::default();
    let (busy, silent) = (Client::number(1), Client::number(2));
    for client in [&busy, &silent] {
        ready(&mut world, client);
    }
    let mut journal = BTreeMap::new();
    world.follow(&mut journal);
    let mut handed_out = 0;
    for _ in 0..250 {
        world.from_client(&busy, &channel_data(CHANNEL, b"media"));
        world.advance(1);
        handed_out += world.follow(&mut journal).iter().filter(|key| allocation(key)).count();
    }
    assert!((4..=5).contains(&handed_out), "{handed_out} times in 250 seconds");
    world.advance(60);
    world.follow(&mut journal);
    world.advance(60);
    world.follow(&mut journal);
    assert_eq!(journal, world.records(), "and after silence nothing is missing");
}

// A restart right after a minute's media must not forget it, nor give a rate its burst again.
#[test]
fn the_last_records_of_a_process_have_all_that_was_carried() {
    let limit = RateLimit { kbps: NonZeroU32::new(1000), packets: None };
    let settings = Settings { user_rate: limit, ..Settings::default() };
    let mut world = World::new(Setup { settings, ..Setup::default() });
    // The silent one is another user, with a rate of its own.
    let clients = [Client::number(1), Client::number(2), Client::number(3).named("bob")];
    for client in &clients {
        ready(&mut world, client);
    }
    let mut journal = BTreeMap::new();
    world.follow(&mut journal);
    for client in clients.iter().take(2) {
        let outcome = world.from_client(client, &channel_data(CHANNEL, b"media"));
        assert!(matches!(outcome, Outcome::ToPeer { .. }));
    }
    assert!(world.follow(&mut journal).is_empty());
    assert_ne!(journal, world.records(), "media alone has changed nothing yet");
    world.relay.list_carried();
    assert_eq!(world.follow(&mut journal).len(), 2, "of whom it has changed");
    assert_eq!(journal, world.records());
}

#[test]
fn another_shard_hands_out_its_allocations_alone() {
    let mut world = World::default();
    let answer = world.request(&Client::number(1), Request::allocate().with(AttributeType::EVEN_PORT, &[0x80]));
    answer.expect_success();
    let mut other = World::shard(Setup::default(), std::sync::Arc::clone(&world.common), 1);
    other.allocate(&Client::number(2).holding(&Token::new("visit", "a")));
    let mut journal = BTreeMap::new();
    other.follow(&mut journal);
    assert!(journal.keys().all(allocation) && journal.len() == 1 && journal == other.records());
    assert_eq!(world.records().len(), 3, "the seal, the reservation and an allocation");
}

#[test]
fn records_of_other_versions_and_no_records_are_told_apart() {
    let mut world = World::default();
    let mut restore = |record: &[u8]| world.relay.restore(record, world.now, |_| None);
    assert_eq!(restore(&[]), Err(NotRestored::Malformed));
    assert_eq!(restore(&[hilum::turn::RECORD_VERSION + 1, 3]), Err(NotRestored::Version));
    assert_eq!(restore(&[hilum::turn::RECORD_VERSION, 3]), Err(NotRestored::Malformed));
    assert_eq!(restore(&[hilum::turn::RECORD_VERSION, 4]), Err(NotRestored::Malformed));
    for key in [RecordKey::Seal, RecordKey::Conversation(7), RecordKey::Reservation(1), RecordKey::Allocation(u32::MAX)]
    {
        assert_eq!(RecordKey::decode(key.encode()), Some(key));
    }
    assert_eq!(RecordKey::decode([0, 0, 0, 0, 1]), None);
    for why in NotRestored::ALL {
        assert!(!why.label().is_empty() && !why.to_string().is_empty());
    }
    let labels: BTreeSet<_> = NotRestored::ALL.into_iter().map(NotRestored::label).collect();
    assert_eq!(labels.len(), NotRestored::ALL.len());
}

/// What a world may go through before its process ends.
#[derive(Clone, Copy, Debug)]
enum Act {
    Allocate(u16),
    Dual(u16),
    Permit(u16, usize),
    Bind(u16, u16, usize),
    Send(u16, u16),
    Refresh(u16, u32),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let number = 1..5_u16;
    prop_oneof![
        number.clone().prop_map(Act::Allocate),
        number.clone().prop_map(Act::Dual),
        (number.clone(), 0..4_usize).prop_map(|(number, peer)| Act::Permit(number, peer)),
        (number.clone(), 0..3_u16, 0..4_usize).prop_map(|(number, channel, peer)| Act::Bind(number, channel, peer)),
        (number.clone(), 0..3_u16).prop_map(|(number, channel)| Act::Send(number, channel)),
        (number, prop_oneof![Just(0), Just(700), Just(3600)])
            .prop_map(|(number, seconds)| Act::Refresh(number, seconds)),
        (1..400_u64).prop_map(Act::Pass),
    ]
}

fn person(number: u16) -> Client {
    match number {
        1 => Client::number(1),
        2 => Client::number(2).named(BOB),
        3 => Client::number(3).ephemeral(START.plus_secs(3000), "guest"),
        _ => Client::number(number).holding(&Token { more: r#","peers":["203.0.113.5"]"#, ..Token::new("visit", "a") }),
    }
}

fn perform(world: &mut World, act: Act) {
    let peers = [PEER, SAME_HOST, OTHER_PEER, PEER_V6];
    let request = match act {
        Act::Allocate(number) => (number, Request::allocate()),
        Act::Dual(number) => {
            (number, Request::allocate().with(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]))
        }
        Act::Permit(number, peer) => (number, Request::new(Method::CreatePermission).peer(peers[peer])),
        Act::Bind(number, channel, peer) => (number, Request::bind(CHANNEL + channel, peers[peer])),
        Act::Refresh(number, seconds) => (number, Request::refresh(seconds)),
        Act::Send(number, channel) => {
            world.from_client(&person(number), &channel_data(CHANNEL + channel, b"media"));
            return;
        }
        Act::Pass(seconds) => return world.advance(seconds),
    };
    world.request(&person(request.0), request.1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    // Two worlds live the same life, and one of them changes its process in between.
    #[test]
    fn whatever_came_before_what_comes_after_is_the_same(
        before in prop::collection::vec(act(), 1..30),
        after in prop::collection::vec(act(), 1..20),
    ) {
        let (mut one, mut other) = (World::default(), World::default());
        let mut journal = BTreeMap::new();
        for act in before {
            perform(&mut one, act);
            perform(&mut other, act);
            other.follow(&mut journal);
        }
        let records = other.records();
        prop_assert_eq!(journal.keys().collect::<Vec<_>>(), records.keys().collect::<Vec<_>>());
        prop_assert!(other.restart().iter().all(Result::is_ok));
        let again: BTreeSet<_> = other.records().into_values().collect();
        prop_assert_eq!(again, records.into_values().collect::<BTreeSet<_>>());
        for act in after {
            perform(&mut one, act);
            perform(&mut other, act);
            prop_assert_eq!(one.relay.allocations(), other.relay.allocations());
        }
        for (number, peer) in [(1, PEER), (2, OTHER_PEER), (3, SAME_HOST), (4, PEER)] {
            let client = person(number);
            for datagram in [channel_data(CHANNEL, b"a"), channel_data(CHANNEL + 1, b"b"), send_indication(&mut one, peer, b"c")] {
                let said = [&mut one, &mut other].map(|world| match world.from_client(&client, &datagram) {
                    // Ports are drawn anew by each world.
                    Outcome::ToPeer { to, bytes, dont_fragment, .. } => format!("{to} {bytes:?} {dont_fragment}"),
                    outcome => format!("{outcome:?}"),
                });
                prop_assert_eq!(&said[0], &said[1]);
            }
        }
    }

    // Damaged records are refused or taken in, and the books are right.
    #[test]
    fn damaged_records_do_no_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut world = World::default();
        for act in [Act::Dual(1), Act::Bind(1, 0, 0), Act::Permit(1, 3), Act::Allocate(4), Act::Bind(4, 1, 1), Act::Allocate(3)] {
            perform(&mut world, act);
        }
        let mut records: Vec<Vec<u8>> = world.records().into_values().collect();
        for (record, at, byte) in damage {
            let record = record.get_mut(&mut records);
            if !record.is_empty() {
                *at.get_mut(record) ^= byte;
            }
        }
        if let Some(cut) = cut {
            let length = cut.index(records[0].len());
            records[0].truncate(length);
        }
        world.start_again(&records);
        prop_assert_eq!(world.relay.allocations(), world.common.ledger().live());
        world.advance(4000);
        world.restart();
        prop_assert!(world.relay.allocations() <= 3);
    }
}
