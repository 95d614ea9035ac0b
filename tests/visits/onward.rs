//! A relay that is restarted, or killed, in mid-visit: the allocations go on, and those in the call are in it.

use hilum::addr::Transport;
use hilum::signal::SecretHash;
use serde_json::{Value, json};

use crate::place::{Place, allocate, code, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_goes_on_in_the_next_process_and_after_its_end_in_none() {
    let place = Place::lasting().await;
    let account = json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]});
    let added = place.operator("POST", "/v1/accounts", &account).await;
    let code = code(added["authenticator"].as_str().unwrap(), place.now());
    let cookie = place.sign_in(&json!({"name": "dr.one", "password": added["password"], "code": code})).await;
    let asked = json!({"clinic": "physio", "starts": place.now(), "minutes": 30, "people": [{"role": "patient"}]});
    let (_, made) = place.key("POST", "/v1/appointments", &asked).await;
    let secret = made["links"][0]["url"].as_str().unwrap().split_once('#').unwrap().1;
    let (_, joined) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    let mut patient = place.socket().await;
    let mut welcome = patient.greeted(&joined["ticket"]).await;
    let (_, ticket) = place.page("/v1/staff/ticket", &cookie, &json!({"clinic": "physio"})).await;
    let mut clinician = place.socket().await;
    let mut greeted = clinician.greeted(&ticket["ticket"]).await;
    clinician.say(json!({"t": "admit", "room": made["id"]})).await;
    clinician.say(json!({"t": "join", "room": made["id"]})).await;
    let turns = [patient.until("admitted").await, clinician.until("joined").await];
    let one = allocate(place.udp(), Transport::Udp, &turns[0]["turn"]).await;
    let other = allocate(place.udp(), Transport::Udp, &turns[1]["turn"]).await;
    assert!(one.is_ok() && other.is_ok());

    for killed in [false, true] {
        if killed {
            // What the process before has told last is in the journal.
            let word = |welcome: &Value| SecretHash::of(welcome["resume"].as_str().unwrap());
            let words = [word(&welcome), word(&greeted)].map(|word| serde_json::to_vec(&word).unwrap());
            soon("the journal has it", async || words.iter().all(|word| place.journal_has(word))).await;
            place.crash().await;
        } else {
            place.hand_over().await;
        }
        assert_eq!(place.allocations(), 2, "media goes on");
        patient = place.socket().await;
        welcome = patient.resume(&welcome).await;
        assert_eq!((&welcome["resumed"], &welcome["room"]["state"]), (&json!(true), &json!("call")));
        clinician = place.socket().await;
        greeted = clinician.resume(&greeted).await;
        assert_eq!(greeted["peers"][0]["id"], "p1");
        assert_eq!(patient.until("turn").await["turn"]["region"], "eu-north", "fresh credentials");
    }
    // The clinician is signed in, and ends the visit.
    let (status, _) = place.page("/v1/staff/ticket", &cookie, &json!({"clinic": "physio"})).await;
    assert_eq!(status, 200);
    clinician.say(json!({"t": "end"})).await;
    assert_eq!(patient.until("ended").await["why"], "clinician");
    soon("the allocations end", async || place.allocations() == 0).await;
    place.hand_over().await;
    let back = json!({"secret": secret, "browser": joined["browser"]});
    let (status, answer) = place.page("/v1/visit/join", "", &back).await;
    assert_eq!((status, &answer["error"]), (403, &json!("over")));
    assert!(!place.journal_has(b"call:"), "nothing of it is left");
    place.stop().await;
    assert!(!place.path("run/hilum.journal").exists());
}
