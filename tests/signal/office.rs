//! What operators who sign in are shown.

use hilum::signal::{Role, Roster};
use serde_json::{Value, json};

use crate::served::serve_with;
use crate::staff::{enrol, signed_in};

#[tokio::test]
async fn the_state_of_the_relay_is_shown_to_operators_alone_and_names_nobody() {
    let mut roster = Roster::default();
    let [clinician, operator] =
        [("dr.one", Role::Clinician), ("ops", Role::Operator)].map(|(name, role)| enrol(&mut roster, name, role));
    let served = serve_with(roster).await;
    let asked = served.raw("GET", "/v1/staff/status", "", "").await;
    assert_eq!((asked.status, &asked.body["error"]), (401, &json!("sign_in")));
    let asked = served.system("GET", "/v1/staff/status", Value::Null).await;
    assert_eq!(asked.status, 401, "a system has no page");
    let cookie = signed_in(&served, &clinician).await;
    let asked = served.staff(&cookie, "GET", "/v1/staff/status", Value::Null).await;
    assert_eq!((asked.status, &asked.body["error"]), (403, &json!("not_allowed")));

    let (room, links) = served.appointment(&["patient", "guest"]).await;
    let mut patient = served.enter(&links[0]).await;
    assert_eq!(patient.next().await.unwrap()["t"], "welcome");
    let mut guest = served.enter(&links[1]).await;
    assert_eq!(guest.next().await.unwrap()["t"], "welcome");
    let cookie = signed_in(&served, &operator).await;
    let shown = served.staff(&cookie, "GET", "/v1/staff/status", Value::Null).await;
    assert_eq!((shown.status, &shown.body["version"]), (200, &json!("1.2.3")), "{}", shown.body);
    let visits = json!({"appointments": 1, "rooms": 1, "calls": 0, "waiting": 2, "sockets": 2});
    assert_eq!(shown.body["visits"], visits);
    assert_eq!(shown.body["refused"], json!({"rtp_clear": 4, "description": 0}));
    assert_eq!((&shown.body["alarms"], &shown.body["draining"]), (&json!([]), &json!(false)));
    assert!(shown.body["now"].as_u64().unwrap() >= served.now() - 60);
    let text = shown.body.to_string();
    for never in [&room, &links[0], "physio", "Physiotherapy", "dr.one", "ops", "room 7", "127.0.0.1", "p1"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_an_alarm_until_it_does() {
    let mut roster = Roster::default();
    let operator = enrol(&mut roster, "ops", Role::Operator);
    let served = serve_with(roster).await;
    let cookie = signed_in(&served, &operator).await;
    served.puppet.full.store(true, std::sync::atomic::Ordering::SeqCst);
    let asked = json!({"clinic": "physio", "starts": served.now(), "minutes": 20, "people": [{"role": "patient"}]});
    assert_eq!(served.system("POST", "/v1/appointments", asked.clone()).await.status, 503);
    let shown = served.staff(&cookie, "GET", "/v1/staff/status", Value::Null).await;
    assert_eq!(shown.body["alarms"], json!(["store"]));
    served.puppet.full.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(served.system("POST", "/v1/appointments", asked).await.status, 201);
    let shown = served.staff(&cookie, "GET", "/v1/staff/status", Value::Null).await;
    assert_eq!(shown.body["alarms"], json!([]));
}
