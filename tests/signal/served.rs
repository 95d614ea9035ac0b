//! Signaling over HTTP and WebSocket, on a plain server on loopback, as a browser and a hospital's system see it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hilum::api::review::{Entry, Review};
use hilum::auth::token::Limits;
use hilum::clock::SystemClock;
use hilum::signal::message::Turn;
use hilum::signal::{
    Book, CertificateState, Condition, Deed, Outside, PersonId, RoomId, Roster, Settings, Signal, router,
};
use hilum::store::Shelf;
use hilum::time::{Now, UnixTime};
use hilum::webhook::Event;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use zeroize::Zeroizing;

use crate::hall_world::clinic;

/// Far more than anything here takes.
const AT_LAST: Duration = Duration::from_secs(30);
pub const ORIGIN: &str = "https://visit.clinic.example";
const KEY: &str = "hk_of_the_hospital";

/// The relay around it, as far as the test looks.
pub struct Puppet {
    clock: SystemClock,
    /// Seconds that its clock is ahead.
    pub ahead: AtomicU64,
    pub ended: Mutex<Vec<RoomId>>,
    pub deeds: Mutex<Vec<Deed>>,
    pub told: Mutex<Vec<(Event, RoomId)>>,
    pub kept: Mutex<Vec<(String, Option<Vec<u8>>)>>,
    pub staff: Mutex<Vec<(String, Option<Vec<u8>>)>>,
    /// What the next process is to know.
    pub onward: Mutex<BTreeMap<String, Vec<u8>>>,
    /// What the last credentials are good for.
    pub limits: Mutex<Limits>,
    /// Whether the disk takes nothing.
    pub full: AtomicBool,
    /// Where writes wait.
    pub disk: Gate,
    /// Where trials of wrong passwords wait for their end.
    pub trials: Gate,
}

/// Where threads wait while it is shut.
#[derive(Default)]
pub struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
    /// How many have come to it.
    came: AtomicUsize,
}

pub struct Shut<'g>(&'g Gate);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Gate {
    /// Shuts it, at the longest until what this gives is dropped: a test that fails leaves nobody waiting.
    pub fn shut(&self) -> Shut<'_> {
        *self.shut.lock().unwrap() = true;
        Shut(self)
    }

    pub fn open(&self) {
        *self.shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    pub fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        drop(self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap());
    }
}

impl Outside for Puppet {
    fn now(&self) -> Now {
        let (now, ahead) = (self.clock.now(), self.ahead.load(Ordering::SeqCst));
        Now { moment: now.moment + Duration::from_secs(ahead), unix: now.unix.plus_secs(ahead) }
    }

    fn turn(
        &self,
        (call, party): (&RoomId, &PersonId),
        limits: Limits,
        expires: UnixTime,
        _: UnixTime,
    ) -> Option<Turn> {
        *self.limits.lock().unwrap() = limits;
        Some(Turn {
            urls: vec!["turn:relay.example:443?transport=udp".to_owned()],
            username: format!("{}/{}", call.as_str(), party.as_str()),
            credential: "secret".to_owned(),
            expires: expires.as_secs(),
            region: "north".to_owned(),
        })
    }

    fn end_call(&self, call: &RoomId, _: UnixTime) {
        self.ended.lock().unwrap().push(*call);
    }

    fn keep(&self, shelf: Shelf, things: &[(String, Option<Vec<u8>>)]) -> Result<(), String> {
        self.disk.pass();
        if self.full.load(Ordering::SeqCst) {
            return Err("the disk is full".to_owned());
        }
        let kept = if shelf == Shelf::Appointments { &self.kept } else { &self.staff };
        kept.lock().unwrap().extend_from_slice(things);
        Ok(())
    }

    fn remember(&self, things: &[(String, Option<Vec<u8>>)]) {
        let mut onward = self.onward.lock().unwrap();
        for (name, thing) in things {
            match thing {
                Some(thing) => drop(onward.insert(name.clone(), thing.clone())),
                None => drop(onward.remove(name)),
            }
        }
    }

    fn key(&self, shown: &Zeroizing<String>) -> Option<String> {
        (shown.as_str() == KEY).then(|| "1f2e3d4c".to_owned())
    }

    fn condition(&self) -> Condition {
        Condition {
            version: "1.2.3",
            refused: [("rtp_clear", 4)].into(),
            certificates: vec![CertificateState { ends: 1_900_000_000, alarm: false }],
            ..Condition::default()
        }
    }

    fn review(&self, by: &str) -> Review {
        let entry = Entry { kind: "account".to_owned(), name: by.to_owned(), ..Entry::default() };
        Review::new(vec![entry], self.clock.now().unix)
    }

    fn tell(&self, event: Event, appointment: &RoomId) {
        self.told.lock().unwrap().push((event, *appointment));
    }

    fn record(&self, deed: &Deed) {
        if deed.action == "staff.signin.failed" {
            self.trials.pass();
        }
        self.deeds.lock().unwrap().push(deed.clone());
    }
}

pub struct Served {
    pub signal: Arc<Signal>,
    pub puppet: Arc<Puppet>,
    pub address: SocketAddr,
}

pub async fn serve() -> Served {
    serve_with(Roster::default()).await
}

pub async fn serve_with(roster: Roster) -> Served {
    serve_of(Puppet::new(), Book::default(), roster, &BTreeMap::new()).await
}

impl Puppet {
    pub fn new() -> Self {
        Self {
            clock: SystemClock::start(),
            ahead: AtomicU64::default(),
            ended: Mutex::default(),
            deeds: Mutex::default(),
            told: Mutex::default(),
            kept: Mutex::default(),
            staff: Mutex::default(),
            onward: Mutex::default(),
            limits: Mutex::default(),
            full: AtomicBool::default(),
            disk: Gate::default(),
            trials: Gate::default(),
        }
    }
}

/// Signaling with what was kept, and what the process before has left.
pub async fn serve_of(puppet: Puppet, book: Book, roster: Roster, left: &BTreeMap<String, Vec<u8>>) -> Served {
    let puppet = Arc::new(puppet);
    let settings = Settings {
        origins: vec![ORIGIN.to_owned()],
        opens_before: 900,
        closes_after: 900,
        credentials: 3600,
        clinics: [("physio".parse().unwrap(), clinic("Physiotherapy"))].into(),
        relays: vec!["127.0.0.1".parse().unwrap()],
        ..Settings::default()
    };
    let signal = Signal::new(Arc::clone(&puppet) as Arc<dyn Outside>, settings, book, roster).unwrap();
    let left: Vec<_> = left.iter().map(|(name, thing)| (name.clone(), thing.clone())).collect();
    // As where the next process finds it.
    *puppet.onward.lock().unwrap() = left.iter().cloned().collect();
    signal.go_on(&left);
    tokio::spawn(Arc::clone(&signal).run());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(Arc::clone(&signal)).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    Served { signal, puppet, address }
}

/// The status, the head and the body of an answer.
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    /// As it came.
    pub raw: String,
    pub body: Value,
}

impl Served {
    /// Asks with these headers, which end in CRLF.
    pub async fn raw(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        timeout(AT_LAST, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let raw = head.to_owned();
        Answer { status, head: head.to_ascii_lowercase(), raw, body: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    /// The head of the answer to who asks for another host.
    pub async fn at(&self, host: &str, method: &str, path: &str) -> String {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        String::from_utf8_lossy(&self.bytes(&request).await).to_ascii_lowercase()
    }

    /// The head of an answer whose body is no text.
    pub async fn head(&self, path: &str, headers: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let bytes = self.bytes(&request).await;
        let text = String::from_utf8_lossy(&bytes);
        text.split_once("\r\n\r\n").unwrap().0.to_ascii_lowercase()
    }

    /// The body of an answer that is no JSON.
    pub async fn text(&self, path: &str, headers: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let bytes = self.bytes(&request).await;
        String::from_utf8(bytes).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    async fn bytes(&self, request: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        timeout(AT_LAST, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    /// What time it is, in seconds since 1970.
    pub fn now(&self) -> u64 {
        self.puppet.now().unix.as_secs()
    }

    /// Asks as a page of ours does.
    pub async fn page(&self, path: &str, body: Value) -> Answer {
        let headers = format!("origin: {ORIGIN}\r\ncontent-type: application/json\r\n");
        self.raw("POST", path, &headers, &body.to_string()).await
    }

    /// Asks as the hospital's system does.
    pub async fn system(&self, method: &str, path: &str, body: Value) -> Answer {
        let headers = format!("authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n");
        self.raw(method, path, &headers, &body.to_string()).await
    }

    /// An appointment now, for these roles: its id and the secrets of its links.
    pub async fn appointment(&self, roles: &[&str]) -> (String, Vec<String>) {
        let people: Vec<Value> = roles.iter().map(|role| json!({"role": role})).collect();
        let starts = self.puppet.now().unix.as_secs();
        let asked = json!({"clinic": "physio", "label": "room 7", "starts": starts, "minutes": 30, "people": people});
        let made = self.system("POST", "/v1/appointments", asked).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let secret = |link: &Value| link["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let links = made.body["links"].as_array().unwrap().iter().map(secret).collect();
        (made.body["id"].as_str().unwrap().to_owned(), links)
    }

    pub async fn socket(&self, origin: &str, protocol: &str) -> Result<Socket, Error> {
        let mut request = format!("ws://{}/v1/signal", self.address).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
        if !protocol.is_empty() {
            headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        Ok(Socket(connect_async(request).await?.0))
    }

    /// Comes in by a link, as a browser does.
    pub async fn enter(&self, secret: &str) -> Socket {
        let joined = self.page("/v1/visit/join", json!({"secret": secret})).await;
        assert_eq!(joined.status, 200, "{}", joined.body);
        let mut socket = self.socket(ORIGIN, "hilum.v1").await.unwrap();
        socket.say(json!({"t": "hello", "v": 1, "ticket": joined.body["ticket"]})).await;
        socket
    }
}

pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message, or the number that it is closed with.
    pub async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match timeout(AT_LAST, self.0.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}

#[tokio::test]
async fn a_link_is_looked_at_without_end_and_used_by_one_press() {
    let served = serve().await;
    let (_, links) = served.appointment(&["patient"]).await;
    for _ in 0..20 {
        let looked = served.page("/v1/visit/look", json!({"secret": links[0]})).await;
        assert_eq!(
            (looked.status, &looked.body["state"], &looked.body["claimed"]),
            (200, &json!("open"), &json!(false))
        );
        assert_eq!(looked.body["clinic"]["name"], "Physiotherapy");
        assert!(looked.head.contains("cache-control: no-store"));
    }
    // Scanners ask with GET and HEAD.
    for method in ["GET", "HEAD"] {
        assert_eq!(served.raw(method, "/v1/visit/join", "", "").await.status, 405);
    }
    let mut patient = served.enter(&links[0]).await;
    let welcome = patient.next().await.unwrap();
    assert_eq!((&welcome["t"], &welcome["room"]["state"]), (&json!("welcome"), &json!("waiting")));
    let other = served.page("/v1/visit/join", json!({"secret": links[0]})).await;
    assert_eq!((other.status, &other.body["error"]), (409, &json!("in_use")));
    assert_eq!(served.page("/v1/visit/look", json!({"secret": links[0]})).await.body["claimed"], true);
    let kept = served.puppet.kept.lock().unwrap();
    assert!(kept.iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes.as_ref().unwrap()).contains(&links[0])));
}

#[tokio::test]
async fn who_guesses_links_is_slowed_and_learns_nothing() {
    let served = serve().await;
    let (_, links) = served.appointment(&["patient"]).await;
    for number in 0..10 {
        let looked = served.page("/v1/visit/look", json!({"secret": format!("guess-{number}")})).await;
        assert_eq!((looked.status, &looked.body["state"]), (200, &json!("unknown")));
    }
    let rating = json!({"secret": "guess", "browser": "x", "stars": 3});
    for (path, body) in [("look", json!({"secret": "guess"})), ("join", json!({"secret": "guess"})), ("rating", rating)]
    {
        let answer = served.page(&format!("/v1/visit/{path}"), body).await;
        assert_eq!((answer.status, &answer.body["error"]), (429, &json!("too_many")), "{path}");
    }
    // Whoever has a link, behind the same address, is not slowed by that.
    let looked = served.page("/v1/visit/look", json!({"secret": links[0]})).await;
    assert_eq!((looked.status, &looked.body["state"]), (200, &json!("open")));
    let joined = served.page("/v1/visit/join", json!({"secret": links[0]})).await;
    assert_eq!(joined.status, 200);
    let rating = json!({"secret": links[0], "browser": joined.body["browser"], "stars": 3});
    assert_eq!(served.page("/v1/visit/rating", rating).await.status, 204);
}

#[tokio::test]
async fn nothing_is_answered_to_other_pages_or_in_other_forms() {
    let served = serve().await;
    let (_, links) = served.appointment(&["patient"]).await;
    let body = json!({"secret": links[0]}).to_string();
    let json = "content-type: application/json\r\n";
    for (headers, body, status, error) in [
        (json.to_owned(), body.clone(), 403, "origin"),
        (format!("origin: https://evil.example\r\n{json}"), body.clone(), 403, "origin"),
        (format!("origin: {ORIGIN}.evil.example\r\n{json}"), body.clone(), 403, "origin"),
        (format!("origin: null\r\n{json}"), body.clone(), 403, "origin"),
        (format!("origin: {ORIGIN}\r\norigin: https://evil.example\r\n{json}"), body.clone(), 403, "origin"),
        (format!("origin: {ORIGIN}\r\ncontent-type: text/plain\r\n"), body.clone(), 415, "unsupported_type"),
        (format!("origin: {ORIGIN}\r\n{json}"), "{}".to_owned(), 400, "invalid"),
        (format!("origin: {ORIGIN}\r\n{json}"), body.replace('}', r#","more":1}"#), 400, "invalid"),
        (format!("origin: {ORIGIN}\r\n{json}"), format!("{{\"secret\":\"{}\"}}", "x".repeat(5000)), 413, "too_large"),
    ] {
        let answer = served.raw("POST", "/v1/visit/join", &headers, &body).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{headers}");
        assert!(answer.head.contains("cache-control: no-store"));
    }
    for (origin, protocol) in [("https://evil.example", "hilum.v1"), (ORIGIN, ""), (ORIGIN, "chat")] {
        let Err(Error::Http(answer)) = served.socket(origin, protocol).await.map(|_| ()) else { panic!("{origin}") };
        assert!([400, 403].contains(&answer.status().as_u16()));
    }
    assert_eq!(served.signal.counts().sockets, 0);
    let ticketless = served.socket(ORIGIN, "hilum.v1").await.unwrap().0;
    let mut socket = Socket(ticketless);
    socket.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(socket.closed().await, 4400);
    let mut socket = served.socket(ORIGIN, "hilum.v1").await.unwrap();
    socket.say(json!({"t": "hello", "v": 1, "ticket": "x".repeat(70_000)})).await;
    assert!([0, 1009].contains(&socket.closed().await), "too large");
}

#[tokio::test]
async fn an_appointment_has_a_life_of_its_own_for_whoever_has_a_key() {
    let served = serve().await;
    for headers in ["", "authorization: Bearer hk_wrong\r\n", "authorization: Basic eDp5\r\n"] {
        let answer = served.raw("GET", "/v1/appointments?clinic=physio", headers, "").await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (401, Some("sign_in")));
    }
    let (id, links) = served.appointment(&["patient", "guest"]).await;
    let listed = served.system("GET", "/v1/appointments?clinic=physio", json!(null)).await.body;
    let one = &listed["appointments"][0];
    assert_eq!((&one["id"], &one["label"], &one["state"]), (&json!(id), &json!("room 7"), &json!("open")));
    assert_eq!(
        one["people"],
        json!([
            {"id": "p1", "role": "patient", "claimed": false},
            {"id": "p2", "role": "guest", "claimed": false},
        ])
    );
    let added = served.system("POST", &format!("/v1/appointments/{id}/people"), json!({"role": "captioner"})).await;
    assert_eq!((added.status, &added.body["id"]), (201, &json!("p3")));
    assert!(added.body["text"].as_str().unwrap().contains(added.body["url"].as_str().unwrap()));

    let mut patient = served.enter(&links[0]).await;
    patient.next().await.unwrap();
    let released = served.system("POST", &format!("/v1/appointments/{id}/people/p1/release"), json!(null)).await;
    assert_eq!((released.status, patient.closed().await), (204, 4409));
    let mut patient = served.enter(&links[0]).await;
    patient.next().await.unwrap();

    assert_eq!(served.system("DELETE", &format!("/v1/appointments/{id}"), json!(null)).await.status, 204);
    let ended = patient.next().await.unwrap();
    assert_eq!((&ended["t"], &ended["why"]), (&json!("ended"), &json!("operator")));
    assert_eq!(patient.closed().await, 4410);
    let answer = served.page("/v1/visit/join", json!({"secret": links[1]})).await;
    let over = (answer.status, answer.body["error"].as_str().unwrap().to_owned());
    assert!(over == (403, "over".to_owned()), "{over:?}");
    // Its allocations end: the relay hears of it, in a moment.
    let wait = async {
        while served.puppet.ended.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(AT_LAST, wait).await.unwrap();
    assert_eq!(*served.puppet.ended.lock().unwrap(), [id.parse().unwrap()]);
    let deeds = served.puppet.deeds.lock().unwrap();
    let did: Vec<&str> = deeds.iter().map(|deed| deed.action.as_str()).collect();
    for wanted in ["appointment.make", "appointment.add", "appointment.release", "appointment.end", "visit.arrive"] {
        assert!(did.contains(&wanted), "{wanted} in {did:?}");
    }
    assert!(deeds.iter().any(|deed| deed.actor == "api-key:1f2e3d4c"));
}

#[tokio::test]
async fn what_cannot_be_an_appointment_says_why() {
    let served = serve().await;
    let now = served.puppet.now().unix.as_secs();
    let good = json!({"clinic": "physio", "label": "x", "starts": now, "minutes": 30, "people": [{"role": "patient"}]});
    for (key, value, error) in [
        ("clinic", json!("cardio"), "clinic"),
        ("clinic", json!("a clinic"), "clinic"),
        ("label", json!("<script>"), "label"),
        ("minutes", json!(0), "window"),
        ("minutes", json!(1441), "window"),
        ("starts", json!(1000), "window"),
        ("starts", json!(now + 367 * 86_400), "window"),
        ("starts", json!(u64::MAX), "window"),
        ("people", json!([]), "people"),
        ("people", json!([{"role": "clinician"}]), "people"),
        ("people", json!([{"role": "wizard"}]), "invalid"),
        ("more", json!(1), "invalid"),
    ] {
        let mut asked = good.clone();
        asked[key] = value.clone();
        let answer = served.system("POST", "/v1/appointments", asked).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (400, Some(error)), "{key}: {value}");
    }
    for (method, path) in
        [("DELETE", "/v1/appointments/nothing"), ("POST", "/v1/appointments/nothing/people/p1/release")]
    {
        assert_eq!(served.system(method, path, json!(null)).await.status, 404);
    }
}

#[tokio::test]
async fn a_device_check_gets_a_minute_and_a_rating_counts_once() {
    let served = serve().await;
    let checked = served.page("/v1/check", json!({})).await.body;
    assert_eq!(*served.puppet.limits.lock().unwrap(), Limits { kbps: Some(128), allocations: Some(12) }, "no call");
    let left = checked["turn"]["expires"].as_u64().unwrap() - served.puppet.now().unix.as_secs();
    assert!((55..=60).contains(&left), "{left}");
    let mut last = 200;
    for _ in 0..30 {
        last = served.page("/v1/check", json!({})).await.status;
    }
    assert_eq!(last, 429);

    let (_, links) = served.appointment(&["patient"]).await;
    let joined = served.page("/v1/visit/join", json!({"secret": links[0]})).await.body;
    let rating = |stars: u8| json!({"secret": links[0], "browser": joined["browser"], "stars": stars});
    assert_eq!(served.page("/v1/visit/rating", rating(0)).await.status, 400);
    assert_eq!(served.page("/v1/visit/rating", rating(4)).await.status, 204);
    assert_eq!(served.page("/v1/visit/rating", rating(5)).await.status, 403);
    assert!(served.signal.requests().contains(&(["stars", "4"], 1)));
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let served = serve().await;
    let (_, links) = served.appointment(&["patient"]).await;
    let mut patient = served.enter(&links[0]).await;
    patient.next().await.unwrap();
    served.signal.stop();
    assert_eq!(patient.closed().await, 4503);
}
