//! A visit through a whole relay: accounts over the operator's socket, links, signaling and credentials over the door, and
//! the end of it, which ends the allocations.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod canaries;
mod described;
mod headers;
mod onward;
mod place;
mod review;
mod sockets;
mod told;

use hilum::addr::Transport;
use hilum::wire::ErrorCode;
use serde_json::{Value, json};

use place::{Place, Socket, allocate, code, soon};

/// A patient who waits, a clinician who looks at the list, and the room.
async fn waiting(place: &Place, cookie: &str) -> (Socket, Socket, String, String) {
    let starts = place.now();
    let asked = json!({"clinic": "physio", "label": "room 7", "starts": starts, "minutes": 30, "people": [{"role": "patient"}]});
    let (status, made) = place.key("POST", "/v1/appointments", &asked).await;
    assert_eq!(status, 201, "{made}");
    let link = made["links"][0]["url"].as_str().unwrap();
    let secret = link.strip_prefix(&format!("{}/j#", place::ORIGIN)).unwrap().to_owned();
    let (status, joined) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    assert_eq!(status, 200, "{joined}");
    let mut patient = place.socket().await;
    patient.hello(&joined["ticket"]).await;
    let (_, ticket) = place.page("/v1/staff/ticket", cookie, &json!({"clinic": "physio"})).await;
    let mut clinician = place.socket().await;
    clinician.hello(&ticket["ticket"]).await;
    (patient, clinician, made["id"].as_str().unwrap().to_owned(), secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_from_an_account_to_its_end_and_what_is_left_of_it() {
    let place = Place::start().await;
    let added = place
        .operator("POST", "/v1/accounts", &json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]}))
        .await;
    let code = code(added["authenticator"].as_str().unwrap(), place.now());
    let asked = json!({"name": "dr.one", "password": added["password"], "code": code});
    let cookie = place.sign_in(&asked).await;
    let (mut patient, mut clinician, room, secret) = waiting(&place, &cookie).await;
    clinician.say(json!({"t": "admit", "room": room})).await;
    clinician.say(json!({"t": "join", "room": room})).await;
    let admitted = patient.until("admitted").await;
    let joined = clinician.until("joined").await;
    assert_eq!(admitted["turn"]["region"], "eu-north");

    // The credentials are good at the relay, for each of the two.
    let one = allocate(place.udp(), Transport::Udp, &admitted["turn"]).await;
    let other = allocate(place.udp(), Transport::Udp, &joined["turn"]).await;
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(place.allocations(), 2);

    // What operators see of it: numbers of the relay itself.
    let added = place.operator("POST", "/v1/accounts", &json!({"name": "ops", "role": "operator"})).await;
    let code = place::code(added["authenticator"].as_str().unwrap(), place.now());
    let operator = place.sign_in(&json!({"name": "ops", "password": added["password"], "code": code})).await;
    soon("the allocations are shown", async || place.status(&operator).await["allocations"]["now"] == 2).await;
    let status = place.status(&operator).await;
    assert_eq!((&status["paths"]["udp"], &status["visits"]["calls"]), (&json!(2), &json!(1)), "{status}");
    assert_eq!(status["listeners"], json!({"udp": 1, "tcp": 0, "tls": 0, "door": 1}));
    assert!(status["refused"]["rtp_clear"] == 0 && status["refused"]["region"] == 0, "{status}");
    assert!(status["certificates"][0]["ends"].as_u64().unwrap() > place.now());
    assert_eq!((&status["keys"]["accepted"], &status["audit"]["writing"]), (&json!(1), &json!(true)));
    assert_eq!((&status["alarms"], &status["draining"]), (&json!([]), &json!(false)));

    let began = place.clock();
    clinician.say(json!({"t": "end"})).await;
    assert_eq!(patient.until("ended").await["why"], "clinician");
    assert_eq!(patient.closed().await, 4410);
    soon("the allocations end", async || place.allocations() == 0).await;
    assert!(place.clock() - began < 5, "within five seconds");
    for turn in [&admitted["turn"], &joined["turn"]] {
        assert_eq!(allocate(place.udp(), Transport::Udp, turn).await.err(), Some(ErrorCode::FORBIDDEN));
    }
    let (status, answer) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    assert_eq!((status, &answer["error"]), (403, &json!("over")));

    // What is on record names nobody who came by a link, no label and no secret.
    place.stop().await;
    let log = place.log();
    for wanted in [
        "staff.add:dr.one:clinician",
        "staff.signin",
        "appointment.make",
        "visit.arrive",
        "visit.admit",
        "visit.end",
        "staff:dr.one",
    ] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
    for never in ["room 7", &secret, &room] {
        assert!(!log.contains(never), "{never}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_no_appointment_no_browser_and_no_account() {
    let mut place = Place::start().await;
    let added =
        place.operator("POST", "/v1/accounts", &json!({"name": "adm", "role": "admin", "clinics": ["physio"]})).await;
    let starts = place.now();
    let asked = json!({"clinic": "physio", "starts": starts, "minutes": 30, "people": [{"role": "patient"}]});
    let (_, made) = place.key("POST", "/v1/appointments", &asked).await;
    let secret = made["links"][0]["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let (_, joined) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    place.restart().await;
    let (status, other) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    assert_eq!((status, &other["error"]), (409, &json!("in_use")));
    let (status, _) = place.page("/v1/visit/join", "", &json!({"secret": secret, "browser": joined["browser"]})).await;
    assert_eq!(status, 200);
    let code = code(added["authenticator"].as_str().unwrap(), place.now());
    place.sign_in(&json!({"name": "adm", "password": added["password"], "code": code})).await;
    let accounts = place.operator("GET", "/v1/accounts", &Value::Null).await;
    assert_eq!(
        (&accounts["accounts"][0]["name"], &accounts["accounts"][0]["granted_by"]),
        (&json!("adm"), &json!(format!("uid:{}", place::uid())))
    );
    let removed = place.operator("POST", "/v1/accounts/remove", &json!({"name": "adm"})).await;
    assert_eq!(removed["name"], "adm");
    let again = place.operator("POST", "/v1/accounts/remove", &json!({"name": "adm"})).await;
    assert_eq!(again["error"], "invalid");
    place.stop().await;
}
