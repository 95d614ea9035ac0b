//! What the hospital's own systems are told of visits, and what they are not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::place::{Place, code, soon};
use super::waiting;

/// A system of the hospital's that writes down what it is told.
struct Records {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    /// Ids and bodies.
    told: Arc<Mutex<Vec<(String, String)>>>,
    _serving: JoinSet<()>,
}

impl Records {
    async fn start() -> Self {
        let (status, told) = (Arc::new(AtomicU16::new(204)), Arc::new(Mutex::new(Vec::new())));
        let (now, all) = (Arc::clone(&status), Arc::clone(&told));
        let take = async move |headers: HeaderMap, body: Bytes| {
            let id = headers["webhook-id"].to_str().unwrap().to_owned();
            all.lock().unwrap().push((id, String::from_utf8(body.to_vec()).unwrap()));
            StatusCode::from_u16(now.load(Ordering::SeqCst)).unwrap()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, Router::new().route("/", post(take))).await.unwrap() });
        Self { address, status, told, _serving: serving }
    }

    fn webhook(&self) -> String {
        format!("[[signal.webhook]]\nurl = \"http://{}/\"\nsecret_file = \"webhook-secret\"\n", self.address)
    }

    /// What it was told, and of which appointment.
    fn told(&self) -> Vec<(String, String)> {
        let told = self.told.lock().unwrap();
        let read = |(_, body): &(String, String)| {
            let body: Value = serde_json::from_str(body).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&body["type"]), text(&body["data"]["appointment"]))
        };
        told.iter().map(read).collect()
    }
}

fn event(name: &str, appointment: &str) -> (String, String) {
    (name.to_owned(), appointment.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hospitals_own_systems_are_told_of_a_visit_and_of_nobody() {
    let records = Records::start().await;
    let place = Place::start_with(&records.webhook()).await;
    let added = place
        .operator("POST", "/v1/accounts", &json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]}))
        .await;
    let code = code(added["authenticator"].as_str().unwrap(), place.now());
    let cookie = place.sign_in(&json!({"name": "dr.one", "password": added["password"], "code": code})).await;
    let (mut patient, mut clinician, room, secret) = waiting(&place, &cookie).await;
    clinician.say(json!({"t": "admit", "room": room})).await;
    patient.until("admitted").await;
    clinician.say(json!({"t": "join", "room": room})).await;
    clinician.until("joined").await;
    soon("the call has started", async || records.told() == [event("call.started", &room)]).await;
    clinician.say(json!({"t": "end"})).await;
    assert_eq!(patient.closed().await, 4410);
    let mut all = vec![event("call.started", &room), event("call.ended", &room), event("appointment.over", &room)];
    soon("it is over", async || records.told() == all).await;

    // Ended once more: it was over. And one to which nobody came.
    let path = format!("/v1/appointments/{room}");
    assert_eq!(place.key("DELETE", &path, &Value::Null).await.0, 204);
    let asked = json!({"clinic": "physio", "starts": place.now(), "minutes": 30, "people": [{"role": "patient"}]});
    let (_, made) = place.key("POST", "/v1/appointments", &asked).await;
    let other = made["id"].as_str().unwrap();
    assert_eq!(place.key("DELETE", &format!("/v1/appointments/{other}"), &Value::Null).await.0, 204);
    all.push(event("appointment.over", other));
    soon("the other one is over", async || records.told() == all).await;
    place.stop().await;
    for (_, body) in records.told.lock().unwrap().iter() {
        for never in ["room 7", "physio", "dr.one", &secret, "127.0.0.1", "patient"] {
            assert!(!body.contains(never), "{never}: {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_does_not_take_it_is_told_after_a_restart_as_well() {
    let records = Records::start().await;
    records.status.store(503, Ordering::SeqCst);
    let mut place = Place::start_with(&records.webhook()).await;
    let asked = json!({"clinic": "physio", "starts": place.now(), "minutes": 30, "people": [{"role": "patient"}]});
    let (_, made) = place.key("POST", "/v1/appointments", &asked).await;
    let id = made["id"].as_str().unwrap();
    place.key("DELETE", &format!("/v1/appointments/{id}"), &Value::Null).await;
    soon("it is not taken", async || records.told() == [event("appointment.over", id)]).await;
    records.status.store(200, Ordering::SeqCst);
    place.restart().await;
    soon("it is told again", async || records.told().len() == 2).await;
    let told = records.told.lock().unwrap().clone();
    assert_eq!(told[0], told[1], "the same message");
    place.stop().await;
}
