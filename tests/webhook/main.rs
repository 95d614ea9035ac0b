//! Webhooks: what becomes of visits is told to somebody else's server, which may be slow, wrong, away or an impostor.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod document;
mod kept;
mod receiver;

use std::sync::Arc;
use std::time::Duration;

use hilum::client::{Trust, client_config};
use hilum::webhook::{Event, Pace, Receiver, Secrets};
use serde_json::{Value, json};

use receiver::{Habit, Played, QUICK, SECRET, Seen, Vouched, count, receiver, until, webhooks};

/// The id of an appointment, as the API makes them.
const APPOINTMENT: &str = "Zm9yLXRoZS1hcHBvaW50bQ";

fn appointment() -> hilum::signal::RoomId {
    APPOINTMENT.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_signed_as_standard_webhooks_has_it_and_names_the_appointment_alone() {
    let played = Played::start(&[]).await;
    let webhooks = webhooks(QUICK, &[played.url()]);
    let before = hilum::clock::SystemClock::start().now().unix.as_secs();
    for event in Event::ALL {
        webhooks.tell(event, &appointment());
    }
    until("all three are taken", || count(&webhooks, "delivered") == 3).await;
    let seen = played.seen();
    let types = ["call.started", "call.ended", "appointment.over"];
    for (one, expected) in seen.iter().zip(types) {
        assert!(one.is_signed_with(SECRET), "{one:?}");
        assert!(!one.is_signed_with("whsec_aGlsdW0gdGVsbHMgd2hhdCBpcyBub3Qgc28gYXQgYWxsLi4="));
        let at: u64 = one.header("webhook-timestamp").parse().unwrap();
        assert!((before..before + 60).contains(&at), "{at}");
        assert_eq!((one.uri.path(), one.header("content-type")), ("/hilum", "application/json"));
        assert_eq!(one.header("host"), played.address.to_string());
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        let timestamp = body["timestamp"].as_str().unwrap().to_owned();
        assert_eq!(body, json!({"type": expected, "timestamp": timestamp, "data": {"appointment": APPOINTMENT}}));
        assert!(timestamp.len() == 20 && timestamp.ends_with('Z'), "{timestamp}");
        // What else goes out tells nobody more than that it comes from Hilum.
        let mut names: Vec<&str> = one.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        let known = ["connection", "content-length", "content-type", "host", "user-agent"];
        assert_eq!(names, [&known[..], &["webhook-id", "webhook-signature", "webhook-timestamp"]].concat());
        assert_eq!(one.header("user-agent"), "hilum");
    }
    let ids: std::collections::BTreeSet<&str> = seen.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!((seen.len(), ids.len(), webhooks.waiting()), (3, 3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_tried_again_with_the_same_id_and_leads_nowhere_else() {
    let elsewhere = Played::start(&[]).await;
    let habits = [500, 404, 429].map(Habit::Status);
    let played = Played::start(&[&habits[..], &[Habit::Redirect(elsewhere.url()), Habit::Status(200)]].concat()).await;
    let webhooks = webhooks(QUICK, &[played.url()]);
    webhooks.tell(Event::CallEnded, &appointment());
    until("it is taken", || count(&webhooks, "delivered") == 1).await;
    let seen = played.seen();
    assert_eq!((seen.len(), count(&webhooks, "failed"), webhooks.waiting()), (5, 4, 0));
    for one in &seen {
        assert_eq!((one.header("webhook-id"), &one.body), (seen[0].header("webhook-id"), &seen[0].body));
        assert!(one.is_signed_with(SECRET));
    }
    assert!(elsewhere.seen().is_empty(), "a redirect is an answer like others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_later_gets_what_it_has_missed() {
    let gone = Played::start(&[]).await;
    let (address, url) = (gone.address, gone.url());
    drop(gone);
    let webhooks = webhooks(QUICK, &[url]);
    for event in Event::ALL {
        webhooks.tell(event, &appointment());
    }
    until("nobody is there", || count(&webhooks, "failed") >= 6).await;
    assert_eq!((webhooks.waiting(), count(&webhooks, "delivered")), (3, 0));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let late = Played::on(listener, &[], None);
    until("all are taken", || count(&webhooks, "delivered") == 3).await;
    assert_eq!((late.seen().len(), webhooks.waiting()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_says_gone_is_not_told_the_same_again() {
    let played = Played::start(&[Habit::Status(410)]).await;
    let webhooks = webhooks(QUICK, &[played.url()]);
    webhooks.tell(Event::CallStarted, &appointment());
    until("it is refused", || count(&webhooks, "refused") == 1).await;
    assert_eq!(webhooks.waiting(), 0);
    webhooks.tell(Event::CallEnded, &appointment());
    until("the next one is taken", || count(&webhooks, "delivered") == 1).await;
    assert_eq!((played.seen().len(), count(&webhooks, "failed")), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_answer_holds_up_nobody_else() {
    let silent = Played::start(&[Habit::Silence, Habit::Silence]).await;
    let other = Played::start(&[]).await;
    let pace = Pace { patience: Duration::from_millis(500), ..QUICK };
    let webhooks = webhooks(pace, &[silent.url(), other.url()]);
    webhooks.tell(Event::CallStarted, &appointment());
    until("the other one has it", || other.seen().len() == 1 && count(&webhooks, "delivered") == 1).await;
    assert_eq!(webhooks.waiting(), 1, "the silent one is still waited for");
    until("the silent one takes the third try", || count(&webhooks, "delivered") == 2).await;
    assert_eq!((silent.seen().len(), count(&webhooks, "failed")), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_is_told_nothing() {
    let (ours, other) = (Vouched::new(), Vouched::new());
    let played = Played::serve(&[], Some(ours.tls.clone())).await;
    let impostor = Played::serve(&[], Some(other.tls.clone())).await;
    let webhooks = webhooks(QUICK, &[]);
    let known = |played: &Played| {
        let tls = client_config(&Trust::File(ours.file())).unwrap();
        let mut tls = (*tls).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        (receiver(&format!("https://{}/hilum", played.address)), Some(Arc::new(tls)))
    };
    webhooks.set(vec![known(&played), known(&impostor)]);
    webhooks.tell(Event::AppointmentOver, &appointment());
    until("who is vouched for has it, and the impostor was asked", || {
        count(&webhooks, "delivered") == 1 && count(&webhooks, "failed") >= 2
    })
    .await;
    assert_eq!((played.seen().len(), impostor.seen().len(), webhooks.waiting()), (1, 0, 1));
    assert!(played.seen()[0].is_signed_with(SECRET));
    // Nor is anybody told without TLS whose URL has it.
    webhooks.set(vec![(receiver(&format!("https://{}/hilum", played.address)), None)]);
    let failed = count(&webhooks, "failed");
    webhooks.tell(Event::AppointmentOver, &appointment());
    until("that fails", || count(&webhooks, "failed") > failed).await;
    assert_eq!(played.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_what_it_wants_to_know_and_may_change_its_secret() {
    let played = Played::start(&[]).await;
    let webhooks = webhooks(QUICK, &[]);
    let new = "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlIHNhbWUgcmVjZWl2ZXI=";
    let secrets = Secrets::read(format!("{new}\n{SECRET}\n").as_bytes()).unwrap();
    let one = Receiver { secrets, events: vec![Event::CallEnded], ..receiver(&played.url()) };
    webhooks.set(vec![(one, None)]);
    for event in Event::ALL {
        webhooks.tell(event, &appointment());
    }
    until("it is taken", || count(&webhooks, "delivered") == 1).await;
    let [seen]: [Seen; 1] = played.seen().try_into().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&seen.body).unwrap()["type"], "call.ended");
    assert!(seen.is_signed_with(SECRET) && seen.is_signed_with(new));
    assert_eq!(webhooks.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_for_too_long_is_let_go() {
    let habits: Vec<Habit> = (0..1000).map(|_| Habit::Status(503)).collect();
    let played = Played::start(&habits).await;
    let webhooks = webhooks(Pace { within: Duration::from_millis(400), ..QUICK }, &[played.url()]);
    webhooks.tell(Event::CallEnded, &appointment());
    until("its time is over", || count(&webhooks, "expired") == 1).await;
    assert_eq!((webhooks.waiting(), count(&webhooks, "delivered")), (0, 0));
    assert!(count(&webhooks, "failed") >= 3);
}
