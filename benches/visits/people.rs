//! Who comes: people with a link, who wait, and clinicians, who let them in.

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, interval, interval_at, timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::PEOPLE;
use super::hospital::{Hospital, ORIGIN, ask, name, page};

/// How often a page says that it is there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Nothing takes as long.
const AT_LAST: Duration = Duration::from_secs(60);
/// What Chromium said and answered in a call with sound, pictures and data.
static RECORDED: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/signal/offers/chromium-all.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

/// How long it took somebody to come in, from the moment at which they wanted to.
pub struct Arrival {
    /// Until the press was answered: a connection, TLS, and the disk has it that this browser has the link.
    pub pressed: Duration,
    /// Until `welcome` came: another connection, TLS, and the WebSocket.
    pub welcome: Duration,
}

/// How long it took to set a call up, from the press on Admit.
pub struct Held {
    /// Until the clinician was in the room, with credentials and the others' names.
    pub joined: Duration,
    /// Until a browser's offer had gone to the patient and the answer had come back.
    pub answered: Duration,
}

type Stream = WebSocketStream<TlsStream<TcpStream>>;

/// Somebody who waits. The socket is worked until the end.
pub struct Guest(JoinHandle<()>);

impl Guest {
    /// Comes in by a link, and waits.
    pub async fn come(hospital: Arc<Hospital>, link: String, due: Instant) -> (Self, Arrival) {
        let mut visitor = hospital.visitor().await;
        let request = page("/v1/visit/join", "").body(Body::from(json!({ "secret": link }).to_string())).unwrap();
        let joined = ask(&mut visitor, request).await;
        let pressed = due.elapsed();
        drop(visitor);
        let mut stream = open(&hospital, &joined["ticket"]).await;
        let welcome = until(&mut stream, "welcome").await;
        let arrival = Arrival { pressed, welcome: due.elapsed() };
        assert_eq!(welcome["room"]["state"], "waiting");
        (Self(tokio::spawn(wait(stream))), arrival)
    }

    /// The socket has closed.
    pub fn is_gone(&self) -> bool {
        self.0.is_finished()
    }
}

/// Says that it is there, and answers whoever offers.
async fn wait(mut stream: Stream) {
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    loop {
        let said = tokio::select! {
            _ = pings.tick() => json!({"t": "ping"}),
            heard = stream.next() => match heard {
                Some(Ok(Message::Text(text))) if text.contains("\"offer\"") => {
                    let offer: Value = serde_json::from_str(&text).unwrap();
                    description(&offer["from"], "first-answer")
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
        };
        if stream.send(Message::text(said.to_string())).await.is_err() {
            return;
        }
    }
}

/// One of the staff at one clinic: looks at its list, and holds visits once told to.
pub struct Clinician {
    begin: oneshot::Sender<(Vec<String>, Interval)>,
    desk: JoinHandle<Vec<Held>>,
}

impl Clinician {
    pub async fn enter(hospital: &Hospital, cookie: &str, clinic: usize) -> Self {
        let asked = json!({ "clinic": name(clinic) });
        let request = page("/v1/staff/ticket", cookie).body(Body::from(asked.to_string())).unwrap();
        let ticket = ask(&mut hospital.visitor().await, request).await;
        let mut stream = open(hospital, &ticket["ticket"]).await;
        until(&mut stream, "welcome").await;
        let (begin, told) = oneshot::channel();
        let pings = interval(PING_EVERY);
        let mut desk = Desk { stream, pings };
        let desk = tokio::spawn(async move {
            let (rooms, visits) = desk.look_on(told).await.unwrap();
            desk.hold(rooms, visits).await
        });
        Self { begin, desk }
    }

    /// Holds visits in these rooms, one after the other, and looks at the list in between.
    pub async fn hold(self, rooms: Vec<String>, first: Duration, every: Duration) -> Vec<Held> {
        self.begin.send((rooms, interval_at(Instant::now() + first, every))).ok().unwrap();
        self.desk.await.unwrap()
    }
}

struct Desk {
    stream: Stream,
    pings: Interval,
}

impl Desk {
    async fn hold(&mut self, rooms: Vec<String>, mut visits: Interval) -> Vec<Held> {
        let mut held = Vec::new();
        for room in rooms {
            let due = self.look_on(visits.tick()).await;
            self.say(json!({"t": "admit", "room": room})).await;
            self.say(json!({"t": "join", "room": room})).await;
            let joined = until(&mut self.stream, "joined").await;
            let (took, peers) = (due.elapsed(), joined["peers"].as_array().unwrap().clone());
            assert_eq!(peers.len(), PEOPLE);
            self.say(description(&peers[0]["id"], "first-offer")).await;
            let answer = until(&mut self.stream, "sdp").await;
            assert_eq!(answer["desc"]["type"], "answer");
            held.push(Held { joined: took, answered: due.elapsed() });
            self.say(json!({"t": "bye"})).await;
        }
        held
    }

    /// Reads lists until something else comes.
    async fn look_on<T>(&mut self, something: impl Future<Output = T>) -> T {
        let mut something = pin!(something);
        loop {
            tokio::select! {
                it = &mut something => return it,
                _ = self.pings.tick() => self.say(json!({"t": "ping"})).await,
                list = self.stream.next() => assert!(matches!(list, Some(Ok(_))), "the list is lost: {list:?}"),
            }
        }
    }

    async fn say(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }
}

fn description(to: &Value, of: &str) -> Value {
    let all = RECORDED["descriptions"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == of).unwrap();
    json!({"t": "sdp", "to": to, "desc": {"type": one["type"], "sdp": one["sdp"]}})
}

/// A socket, and the first message on it.
async fn open(hospital: &Hospital, ticket: &Value) -> Stream {
    let mut request = "wss://localhost/v1/signal".into_client_request().unwrap();
    request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "hilum.v1".parse().unwrap());
    let (mut stream, _) = client_async(request, hospital.connect().await).await.unwrap();
    stream.send(Message::text(json!({"t": "hello", "v": 1, "ticket": ticket}).to_string())).await.unwrap();
    stream
}

/// The next message of a type.
async fn until(stream: &mut Stream, kind: &str) -> Value {
    let marked = format!("\"t\":\"{kind}\"");
    let mut pings = interval(PING_EVERY);
    let heard = async {
        loop {
            tokio::select! {
                _ = pings.tick() => stream.send(Message::text(r#"{"t":"ping"}"#)).await.unwrap(),
                heard = stream.next() => match heard {
                    Some(Ok(Message::Text(text))) if text.contains(&marked) => return serde_json::from_str(&text).unwrap(),
                    Some(Ok(Message::Text(text))) => assert!(!text.contains("\"t\":\"refused\""), "{text}"),
                    other => panic!("{kind} is waited for, and there is {other:?}"),
                },
            }
        }
    };
    timeout(AT_LAST, heard).await.unwrap_or_else(|_| panic!("{kind} never came"))
}
