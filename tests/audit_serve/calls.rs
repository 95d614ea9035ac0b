//! What a relay writes of calls.

use hilum::addr::Transport;
use hilum::audit::fact::{Refusals, SealResult, Transports, Unbound};
use hilum::audit::report::Report;
use hilum::audit::{Fact, MasterKey};
use hilum::wire::ErrorCode;

use crate::world::*;

const PACKETS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_on_record_with_what_it_carried_and_what_the_seal_saw() {
    let place = Place::new();
    let app = place.start("").await;
    let mut callers = meet(&place, &app, CALL).await;
    let [up, down] = talk(&mut callers, PACKETS).await;
    hang_up(callers).await;
    app.stop().await;

    let facts = good(&place.log());
    let kinds = kinds(&facts);
    assert_eq!(kinds.first(), Some(&"key-changed"), "the signing key is new");
    assert_eq!(kinds[1..5], ["node-started", "key-changed", "key-changed", "call-begun"]);
    assert_eq!(kinds.last(), Some(&"node-stopped"));
    let [call] = ended(&facts)[..] else { panic!("one call: {kinds:?}") };
    assert_eq!(call.region.as_str(), "eu-north");
    assert_eq!(call.transports, Transports { udp: 1, tcp: 1, tls: 0 });
    // What one sends goes up at one allocation and down at the other.
    assert_eq!((call.bytes_up, call.bytes_down), (up + down, up + down));
    assert_eq!((call.seal, call.refused, call.cause.as_str()), (SealResult::Sealed, 0, "deleted"));
    assert_eq!(call.handshakes.iter().map(|one| one.as_str()).collect::<Vec<_>>(), ["1.3/encrypted"]);
    assert!(call.seconds < 60);

    let mut report = Report::default();
    let (_, records) = read(&place.log());
    records.iter().for_each(|record| report.add(record));
    let region = &report.regions[&"eu-north".parse().unwrap()];
    assert_eq!((region.begun, region.ended, region.bytes), (1, 1, 2 * (up + down)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_key_finds_the_call_and_nobody_else_finds_anything() {
    let place = Place::new();
    let app = place.start("").await;
    let [mut ada, ben] = meet(&place, &app, CALL).await;
    let addresses = [ada.allocation, ben.allocation].map(|each| [each.relayed, each.mapped]).concat();
    // A peer that is refused, and a user who is not known to any call.
    soon(ada.client.create_permission(&["192.0.2.77:4000".parse().unwrap()])).await.unwrap_err();
    let other = allocate(app.addresses().udp[0], Transport::Udp, &shared("label-Qz7xKv")).await.unwrap();
    hang_up([ada, ben]).await;
    soon(other.client.close()).await.unwrap();
    app.stop().await;

    let facts = good(&place.log());
    let [call] = ended(&facts)[..] else { panic!("one call") };
    let key = MasterKey::read(&place.path("audit-pseudonym.key")).unwrap();
    assert_eq!(key.pseudonym(CALL.as_bytes(), call.call.day()), call.call);
    let text = text(&place.log());
    // The call, the tokens, the label of the other credential: each has these letters in it.
    for word in ["Qz7xKv", "clinic", "127.0.0", "192.0.2", "eyJ", SECRET] {
        assert!(!text.contains(word), "{word} is in the log");
    }
    for address in addresses {
        assert!(!text.contains(&address.to_string()), "an address is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_handshake_is_told_from_one_that_was_sealed() {
    let place = Place::new();
    let app = place.start("").await;
    let mut callers = meet(&place, &app, CALL).await;
    let [ada, _] = &mut callers;
    let clear = hilum::client::Rehearsal::new([7; 24]).unsealed(0, 172);
    let channel = hilum::wire::ChannelNumber::FIRST;
    for _ in 0..3 {
        soon(ada.client.send_channel(channel, &clear)).await.unwrap();
    }
    hang_up(callers).await;
    app.stop().await;
    let facts = good(&place.log());
    let [call] = ended(&facts)[..] else { panic!("one call") };
    assert_eq!((call.seal, call.bytes_up, call.handshakes.len()), (SealResult::NotOpened, 0, 0));
    assert_eq!(call.refused, 1, "for the first time on a flow");
    let refusals = refusals(&facts);
    assert_eq!(
        refusals.iter().find(|(reason, _)| reason == "seal/media_unsealed"),
        Some(&("seal/media_unsealed".into(), 3))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_seal_lets_through_unread_is_no_sealed_call() {
    let place = Place::new();
    let app = place.start("[seal]\nmode = \"report\"").await;
    let [mut ada, mut ben] = meet(&place, &app, CALL).await;
    let clear = hilum::client::Rehearsal::new([7; 24]).unsealed(0, 172);
    pass(&mut ada, &mut ben, &clear).await;
    hang_up([ada, ben]).await;
    app.stop().await;
    let facts = good(&place.log());
    assert_eq!(ended(&facts)[0].seal, SealResult::Unsealed);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_allocations_go_on_with_the_call_and_calls_that_run_end_with_the_node() {
    let place = Place::new();
    let app = place.start("").await;
    let mut callers = meet(&place, &app, CALL).await;
    talk(&mut callers, 1).await;
    hang_up(callers).await;
    // Under the seal of before: nobody shakes hands again.
    let [mut ada, mut ben] = meet(&place, &app, CALL).await;
    let packet = hilum::client::Rehearsal::new([7; 24]).sealed(1, 172);
    pass(&mut ada, &mut ben, &packet).await;
    let [_other, _party] = meet(&place, &app, "another").await;
    app.stop().await;
    let facts = good(&place.log());
    assert_eq!(kinds(&facts).iter().filter(|kind| **kind == "call-begun").count(), 2);
    let mut calls = ended(&facts);
    calls.sort_by_key(|call| call.transports.udp);
    let [other, call] = calls[..] else { panic!("two calls") };
    assert_eq!((call.transports, call.seal), (Transports { udp: 2, tcp: 2, tls: 0 }, SealResult::Sealed));
    assert_eq!((other.transports.udp, other.seal, other.cause.as_str()), (1, SealResult::NotOpened, "stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bound_to_no_call_and_what_is_refused_is_on_record_in_sums() {
    let place = Place::new();
    let app = place.start("").await;
    let server = app.addresses().udp[0];
    let mut clinic = allocate(server, Transport::Udp, &shared("ward")).await.unwrap();
    for _ in 0..2 {
        soon(clinic.client.create_permission(&["10.0.0.1:4000".parse().unwrap()])).await.unwrap_err();
    }
    soon(clinic.client.close()).await.unwrap();
    let strange = Place::new();
    let refused = allocate(server, Transport::Udp, &strange.token(CALL, "a")).await.err();
    assert_eq!(refused, Some(ErrorCode::UNAUTHENTICATED));
    app.stop().await;
    let facts = good(&place.log());
    let unbound = facts.iter().find_map(|fact| match fact {
        Fact::Unbound(Unbound { transports, region, .. }) => Some((*transports, region.as_str())),
        _ => None,
    });
    assert_eq!(unbound, Some((Transports { udp: 1, tcp: 0, tls: 0 }, "eu-north")));
    let refusals = refusals(&facts);
    assert!(refusals.contains(&("peer/special".into(), 2)), "{refusals:?}");
    assert!(refusals.iter().any(|(reason, _)| reason == "token/signature"), "{refusals:?}");
    assert_eq!(ended(&facts).len(), 0);
}

fn refusals(facts: &[Fact]) -> Vec<(String, u64)> {
    let reasons = facts.iter().filter_map(|fact| match fact {
        Fact::Refusals(Refusals { reasons, .. }) => Some(reasons.clone()),
        _ => None,
    });
    reasons.flatten().collect()
}
