//! A process ends in mid-visit, and the next one begins with the store and with what it was told: who was in a call is in
//! it, without a press; what no longer holds does not go on.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use hilum::signal::{Book, Role, Roster, SESSION};
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use crate::served::{ORIGIN, Puppet, Served, Socket, serve_of, serve_with};
use crate::staff::{Login, enrol, signed_in};

type Things = BTreeMap<String, Vec<u8>>;

/// What a disk holds that was written to one after the other.
fn on_disk(written: &[(String, Option<Vec<u8>>)]) -> Vec<(String, Vec<u8>)> {
    let mut last = BTreeMap::new();
    for (name, bytes) in written {
        last.insert(name.clone(), bytes.clone());
    }
    last.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))).collect()
}

impl Served {
    /// What the next process would find, once it says so.
    async fn told(&self, what: &str, is: impl Fn(&Things) -> bool) -> Things {
        let waiting = async {
            loop {
                let things = self.puppet.onward.lock().unwrap().clone();
                if is(&things) {
                    return things;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"))
    }

    /// Another process, with what this one has written and these things.
    async fn next_with(&self, left: &Things) -> Self {
        let puppet = Puppet::new();
        puppet.ahead.store(self.puppet.ahead.load(Ordering::SeqCst), Ordering::SeqCst);
        let (kept, staff) = (self.puppet.kept.lock().unwrap().clone(), self.puppet.staff.lock().unwrap().clone());
        let (book, roster) = (Book::read(&on_disk(&kept)).unwrap(), Roster::read(&on_disk(&staff)).unwrap());
        *puppet.kept.lock().unwrap() = kept;
        *puppet.staff.lock().unwrap() = staff;
        serve_of(puppet, book, roster, left).await
    }

    async fn next(&self) -> Self {
        let left = self.puppet.onward.lock().unwrap().clone();
        self.next_with(&left).await
    }

    async fn say_hello(&self, ticket: &Value) -> (Socket, Value) {
        let mut socket = self.socket(ORIGIN, "hilum.v1").await.unwrap();
        socket.say(json!({"t": "hello", "v": 1, "ticket": ticket})).await;
        let welcome = socket.until("welcome").await;
        (socket, welcome)
    }

    /// Comes back by the word of a welcome, or hears why not.
    async fn come_back(&self, welcome: &Value, last: u64) -> Result<(Socket, Value), u16> {
        let mut socket = self.socket(ORIGIN, "hilum.v1").await.unwrap();
        socket.say(json!({"t": "resume", "v": 1, "resume": welcome["resume"], "last": last})).await;
        let welcome = socket.next().await?;
        Ok((socket, welcome))
    }
}

impl Socket {
    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|code| panic!("{code} instead of {kind}"));
            if message["t"] == kind {
                return message;
            }
        }
    }
}

/// A patient and a clinician in a call, and everything that they know.
struct Call {
    served: Served,
    room: String,
    link: String,
    browser: Value,
    patient: Socket,
    patient_welcome: Value,
    clinician: Socket,
    clinician_welcome: Value,
    cookie: String,
    login: Login,
}

/// So many people are in the one call that the next process would know.
fn places(things: &Things) -> usize {
    let calls = things.iter().filter(|(name, _)| name.starts_with("call:"));
    calls.map(|(_, call)| serde_json::from_slice::<Value>(call).unwrap()["places"].as_array().unwrap().len()).sum()
}

impl Call {
    async fn begin() -> Self {
        let mut roster = Roster::default();
        let login = enrol(&mut roster, "dr.one", Role::Clinician);
        let served = serve_with(roster).await;
        let cookie = signed_in(&served, &login).await;
        let (room, links) = served.appointment(&["patient"]).await;
        let joined = served.page("/v1/visit/join", json!({"secret": links[0]})).await.body;
        let (mut patient, patient_welcome) = served.say_hello(&joined["ticket"]).await;
        let ticket = served.staff(&cookie, "POST", "/v1/staff/ticket", json!({"clinic": "physio"})).await.body;
        let (mut clinician, clinician_welcome) = served.say_hello(&ticket["ticket"]).await;
        clinician.say(json!({"t": "admit", "room": room})).await;
        patient.until("admitted").await;
        clinician.say(json!({"t": "join", "room": room})).await;
        clinician.until("joined").await;
        patient.until("peer").await;
        served.told("a call of two, and a session", |things| things.len() == 2 && places(things) == 2).await;
        let (link, browser) = (links[0].clone(), joined["browser"].clone());
        Self { served, room, link, browser, patient, patient_welcome, clinician, clinician_welcome, cookie, login }
    }

    /// The patient's page is loaded anew: its welcome.
    async fn reload(&self, served: &Served) -> Value {
        let asked = json!({"secret": self.link, "browser": self.browser});
        let joined = served.page("/v1/visit/join", asked).await;
        assert_eq!(joined.status, 200, "{}", joined.body);
        served.say_hello(&joined.body["ticket"]).await.1
    }
}

#[tokio::test]
async fn who_was_in_a_call_is_in_it_after_a_restart_as_after_a_lost_connection() {
    let mut call = Call::begin().await;
    // The pages have heard something, so that numbers count.
    call.clinician.say(json!({"t": "ping"})).await;
    let last = call.clinician.until("pong").await["s"].as_u64().unwrap();
    let next = call.served.next().await;
    let (mut patient, back) = next.come_back(&call.patient_welcome, 2).await.unwrap();
    assert_eq!((&back["resumed"], &back["room"]["state"]), (&json!(true), &json!("call")));
    assert_eq!((&back["self"], &back["peers"][0]["polite"]), (&json!("p1"), &json!(false)), "as before");
    assert_eq!(back["peers"][0]["id"], call.clinician_welcome["self"], "who has not come back yet has a place");
    let (mut clinician, again) = next.come_back(&call.clinician_welcome, last).await.unwrap();
    assert_eq!((&again["self"], &again["resumed"]), (&call.clinician_welcome["self"], &json!(true)));
    assert_eq!((&again["peers"][0]["id"], &again["peers"][0]["polite"]), (&json!("p1"), &json!(true)));
    let list = clinician.until("list").await;
    assert_eq!((&list["rooms"][0]["state"], &list["rooms"][0]["label"]), (&json!("call"), &json!("room 7")));

    // What they say goes on, in numbers that no page takes for old ones.
    let h = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    patient.say(json!({"t": "commit", "to": call.clinician_welcome["self"], "h": h})).await;
    let heard = clinician.until("commit").await;
    assert_eq!(heard["from"], "p1");
    assert!(heard["s"].as_u64().unwrap() > last && heard["s"].as_u64().unwrap() < 1 << 53);
    // Fresh credentials come soon, since nobody knows how long the old ones are good.
    assert_eq!(patient.until("turn").await["turn"]["username"], format!("{}/p1", call.room));
    assert!(next.puppet.deeds.lock().unwrap().is_empty(), "nobody has arrived or was admitted once more");

    // And it goes on as often as it has to.
    let third = next.next().await;
    assert_eq!(third.come_back(&back, 0).await.map(|(_, welcome)| welcome["room"]["state"].clone()), Ok(json!("call")));
    clinician.say(json!({"t": "end"})).await;
    assert_eq!(patient.until("ended").await["why"], "clinician");
}

#[tokio::test]
async fn a_page_that_is_loaded_anew_after_a_restart_is_in_the_call_by_its_link() {
    let call = Call::begin().await;
    let next = call.served.next().await;
    let refused = next.page("/v1/visit/join", json!({"secret": call.link})).await;
    assert_eq!(refused.body["error"], "in_use", "another browser does not come in");
    let welcome = call.reload(&next).await;
    assert_eq!((&welcome["room"]["state"], &welcome["resumed"]), (&json!("call"), &json!(false)));
    assert_eq!(welcome["turn"]["username"], format!("{}/p1", call.room));
    // Staff are signed in as before.
    let me = next.staff(&call.cookie, "GET", "/v1/staff/me", json!(null)).await;
    assert_eq!((me.status, &me.body["staff"]["name"]), (200, &json!("dr.one")));
}

#[tokio::test]
async fn who_waits_waits_on_after_a_restart() {
    let call = Call::begin().await;
    let path = format!("/v1/appointments/{}/people", call.room);
    let link = call.served.system("POST", &path, json!({"role": "guest"})).await.body["url"].clone();
    let secret = link.as_str().unwrap().split_once('#').unwrap().1;
    let joined = call.served.page("/v1/visit/join", json!({"secret": secret})).await.body;
    let (_guest, welcome) = call.served.say_hello(&joined["ticket"]).await;
    assert_eq!(welcome["room"]["state"], "waiting");
    let next = call.served.next().await;
    assert_eq!(next.come_back(&welcome, 0).await.err(), Some(4401));
    let asked = json!({"secret": secret, "browser": joined["browser"]});
    let joined = next.page("/v1/visit/join", asked).await.body;
    let welcome = next.say_hello(&joined["ticket"]).await.1;
    assert_eq!((&welcome["room"]["state"], &welcome["peers"]), (&json!("waiting"), &json!([])));
}

#[tokio::test]
async fn an_ended_call_stays_ended_even_if_the_next_process_was_told_of_it() {
    let call = Call::begin().await;
    let stale = call.served.puppet.onward.lock().unwrap().clone();
    let ended = call.served.system("DELETE", &format!("/v1/appointments/{}", call.room), json!(null)).await;
    assert_eq!(ended.status, 204);
    call.served.kept(&call.room, r#""over":true"#).await;
    let told = call.served.told("no call", |things| places(things) == 0).await;
    assert_eq!(told.len(), 1, "the session goes on");
    for left in [told, stale] {
        let next = call.served.next_with(&left).await;
        assert_eq!(next.come_back(&call.patient_welcome, 0).await.err(), Some(4401));
        let joined = next.page("/v1/visit/join", json!({"secret": call.link, "browser": call.browser})).await;
        assert_eq!((joined.status, &joined.body["error"]), (403, &json!("over")));
        assert_eq!(places(&next.puppet.onward.lock().unwrap()), 0, "and the one after it knows nothing of it");
    }
}

#[tokio::test]
async fn a_visit_whose_time_is_over_meanwhile_does_not_go_on() {
    let call = Call::begin().await;
    call.served.puppet.ahead.store(3600, Ordering::SeqCst);
    let next = call.served.next().await;
    assert_eq!(next.come_back(&call.patient_welcome, 0).await.err(), Some(4401));
}

#[tokio::test]
async fn a_released_link_and_a_removed_account_have_no_place_in_the_next_process() {
    let call = Call::begin().await;
    let stale = call.served.puppet.onward.lock().unwrap().clone();
    let path = format!("/v1/appointments/{}/people/p1/release", call.room);
    assert_eq!(call.served.system("POST", &path, json!(null)).await.status, 204);
    let next = call.served.next_with(&stale).await;
    assert_eq!(next.come_back(&call.patient_welcome, 0).await.err(), Some(4401));
    let (_, again) = next.come_back(&call.clinician_welcome, 0).await.unwrap();
    assert_eq!(again["peers"], json!([]), "the clinician's place is as good as before");

    call.served.signal.enrol(|roster| roster.remove("dr.one")).unwrap();
    let next = call.served.next_with(&stale).await;
    assert_eq!(next.come_back(&call.clinician_welcome, 0).await.err(), Some(4401));
    assert_eq!(next.staff(&call.cookie, "GET", "/v1/staff/me", json!(null)).await.status, 401);
    assert!(next.puppet.onward.lock().unwrap().is_empty());
}

#[tokio::test]
async fn who_has_left_or_signed_out_is_not_there_after_a_restart() {
    let mut call = Call::begin().await;
    call.patient.say(json!({"t": "bye"})).await;
    call.served.told("a call of one", |things| places(things) == 1).await;
    let next = call.served.next().await;
    assert_eq!(next.come_back(&call.patient_welcome, 0).await.err(), Some(4401));
    assert_eq!(call.reload(&next).await["room"]["state"], "waiting", "who has left is admitted again");

    let signed_out = call.served.staff(&call.cookie, "POST", "/v1/staff/signout", json!(null)).await;
    assert_eq!(signed_out.status, 204);
    assert!(call.served.puppet.onward.lock().unwrap().is_empty(), "at once");
    let next = call.served.next().await;
    assert_eq!(next.come_back(&call.clinician_welcome, 0).await.err(), Some(4401));
    assert_eq!(next.staff(&call.cookie, "GET", "/v1/staff/me", json!(null)).await.status, 401);
}

#[tokio::test]
async fn a_session_is_as_good_as_it_was_and_no_longer() {
    let call = Call::begin().await;
    call.served.signal.enrol(|roster| roster.role("dr.one", Role::Operator, Vec::new(), "uid:0")).unwrap();
    call.served.puppet.ahead.store(60, Ordering::SeqCst);
    let next = call.served.next().await;
    assert_eq!(next.come_back(&call.clinician_welcome, 0).await.err(), Some(4401), "an operator is in no call");
    let me = next.staff(&call.cookie, "GET", "/v1/staff/me", json!(null)).await;
    assert_eq!((me.status, &me.body["staff"]["role"]), (200, &json!("operator")));
    call.served.puppet.ahead.store(SESSION, Ordering::SeqCst);
    let later = call.served.next().await;
    assert_eq!(later.staff(&call.cookie, "GET", "/v1/staff/me", json!(null)).await.status, 401);
    // Whoever has to, signs in again.
    signed_in(&later, &call.login).await;
}

#[tokio::test]
async fn what_cannot_be_read_does_not_go_on_and_is_in_nobodys_way() {
    let call = Call::begin().await;
    let good = call.served.puppet.onward.lock().unwrap().clone();
    let mut left = good.clone();
    for name in ["call:", "call:unknown", "session:", "session:AAAA", "else"] {
        left.insert(name.to_owned(), b"{}".to_vec());
    }
    for (name, thing) in good.iter().filter(|(name, _)| name.starts_with("call:")) {
        let other = String::from_utf8(thing.clone()).unwrap().replacen(r#""v":1"#, r#""v":2"#, 1);
        left.insert(format!("{name}x"), other.into_bytes());
    }
    let next = call.served.next_with(&left).await;
    assert!(next.come_back(&call.patient_welcome, 0).await.is_ok());
    assert_eq!(next.puppet.onward.lock().unwrap().keys().collect::<Vec<_>>(), good.keys().collect::<Vec<_>>());
}
