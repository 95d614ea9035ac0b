//! How long visitors may take over what, in simulated time.

use core::net::SocketAddr;
use core::time::Duration;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::Request;
use axum::routing::{any, get, post};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::super::caps::Connections;
use super::*;
use crate::plane::Patience;

/// One visit: the visitor's end, the relay's counts and the task that serves it.
struct Visit {
    end: DuplexStream,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
    stop: watch::Sender<bool>,
    began: Instant,
}

fn pages() -> Pages {
    let secure = Router::new()
        .route("/", get(|| async { "the page" }))
        .route("/echo", post(|body: String| async move { body }))
        .route("/large", get(|| async { "x".repeat(1 << 20) }))
        .route("/never", get(|| async { core::future::pending::<&str>().await }))
        .route(
            "/socket",
            any(|upgrade: WebSocketUpgrade| async move {
                upgrade.on_upgrade(|mut socket| async move { while let Some(Ok(_)) = socket.recv().await {} })
            }),
        );
    Pages { secure, ..Pages::default() }
}

impl Visit {
    fn begin(version: Version) -> Self {
        let connections = Arc::new(Connections::new(10, 10));
        let client: SocketAddr = "192.0.2.1:4711".parse().unwrap();
        let admitted = connections.admit(client.ip(), Transport::Tls).unwrap();
        let shared = Arc::new(Shared {
            gates: Vec::new(),
            tls: None,
            connections,
            stranger_deadline: Duration::from_secs(10),
            proxies: Vec::new(),
            patience: Patience { bytes: 16_384, age: Duration::from_secs(1) },
            door: Door::new(pages()),
        });
        let (end, other) = duplex(4096);
        let (stop, told) = watch::channel(false);
        let own = Arc::clone(&shared);
        let serving =
            tokio::spawn(async move { visit(other, version, ClientAddr::new(client), admitted, &own, told).await });
        Self { end, shared, serving, stop, began: Instant::now() }
    }

    async fn says(&mut self, bytes: &[u8]) {
        self.end.write_all(bytes).await.unwrap();
    }

    /// Reads a head, and as many bytes of a body as it announces.
    async fn hears(&mut self) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            heard.push(self.end.read_u8().await.unwrap());
        }
        let head = String::from_utf8(heard).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.end.read_exact(&mut body).await.unwrap();
        head
    }

    /// Waits for the relay to close; returns what it said and how many seconds the visit took.
    async fn ends(&mut self) -> (Vec<u8>, u64) {
        let mut said = Vec::new();
        self.end.read_to_end(&mut said).await.ok();
        let took = self.began.elapsed();
        (&mut self.serving).await.unwrap();
        assert_eq!(self.shared.connections.visitors(), 0, "its room is free");
        (said, took.as_secs())
    }
}

/// How HTTP/2 begins: the preface, and settings that set nothing (RFC 9113 §3.4).
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PAGE: &[u8] = b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn headers_that_do_not_come_to_an_end_are_waited_for_ten_seconds() {
    for version in [Version::Http1, Version::Plain] {
        let mut visit = Visit::begin(version);
        // A byte now and then buys no time.
        let mut header = b"GET / HTTP/1.1\r\nHost: relay\r\nX: ".to_vec();
        header.extend([b'x'; 60]);
        for byte in header {
            if visit.end.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
        let (_, took) = visit.ends().await;
        assert!((10..=47).contains(&took), "{took}");
        assert_eq!(visit.shared.connections.door().answers().map(|(_, count)| count)[1], 0, "nothing was answered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_visitor_that_asks_nothing_more_is_let_go() {
    let mut silent = Visit::begin(Version::Http1);
    assert_eq!(silent.ends().await, (Vec::new(), 10));
    let mut visit = Visit::begin(Version::Http1);
    for _ in 0..3 {
        visit.says(PAGE).await;
        assert!(visit.hears().await.starts_with("HTTP/1.1 200 OK"));
        sleep(Duration::from_secs(5)).await;
    }
    // The last answer was at the tenth second. Over HTTP/1.1 it is ten more, over HTTP/2 thirty.
    assert_eq!(visit.ends().await, (Vec::new(), 20));
}

#[tokio::test(start_paused = true)]
async fn a_visitor_of_http_2_that_asks_nothing_is_let_go_however_often_it_says_that_it_is_there() {
    let mut visit = Visit::begin(Version::Http2);
    let (_, other) = duplex(1);
    let end = TokioIo::new(core::mem::replace(&mut visit.end, other));
    // It asks each second whether the relay is there, and says that it is when it is asked.
    let mut client = http2::Builder::new(TokioExecutor::new());
    client.timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(1)).keep_alive_while_idle(true);
    let (mut asking, connection) = client.handshake::<_, Body>(end).await.unwrap();
    let connection = tokio::spawn(connection);
    sleep(Duration::from_secs(5)).await;
    for _ in 0..3 {
        let request = Request::builder().uri("https://relay/").body(Body::empty()).unwrap();
        assert_eq!(asking.send_request(request).await.unwrap().status(), 200);
        sleep(Duration::from_secs(25)).await;
    }
    connection.await.unwrap().unwrap();
    assert_eq!(visit.began.elapsed().as_secs(), 5 + 2 * 25 + 30);
    (&mut visit.serving).await.unwrap();
    assert_eq!(visit.shared.connections.visitors(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_visitor_of_http_2_that_does_not_say_that_it_is_there_is_let_go_at_once() {
    let mut visit = Visit::begin(Version::Http2);
    visit.says(HELLO).await;
    // HEADERS with END_STREAM and END_HEADERS: GET, https, /, and `relay` as the authority.
    visit.says(b"\0\0\x0a\x01\x05\0\0\0\x01\x82\x87\x84\x01\x05relay").await;
    let (said, took) = visit.ends().await;
    assert!(said.windows(8).any(|eight| eight == b"the page"), "it was answered");
    assert!((20..=31).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_visitor_of_http_2_that_never_asks_is_let_go_after_ten_seconds() {
    // Neither what belongs to the greeting nor half of it is a question.
    for said in [&b""[..], &HELLO[..10], HELLO] {
        let mut visit = Visit::begin(Version::Http2);
        visit.says(said).await;
        let (_, took) = visit.ends().await;
        assert_eq!(took, 10, "{said:?}");
    }
    // Nor is a ping each second, whose answers are taken.
    let mut visit = Visit::begin(Version::Http2);
    visit.says(HELLO).await;
    let (mut hearing, mut saying) = tokio::io::split(core::mem::replace(&mut visit.end, duplex(1).0));
    let hearing = tokio::spawn(async move { hearing.read_to_end(&mut Vec::new()).await });
    while saying.write_all(b"\0\0\x08\x06\0\0\0\0\0whoisit?").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
        assert!(visit.began.elapsed().as_secs() <= 12);
    }
    hearing.await.unwrap().ok();
    (&mut visit.serving).await.unwrap();
    assert_eq!(visit.shared.connections.visitors(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_http_2_whose_headers_do_not_come_to_an_end_is_waited_for_ten_seconds() {
    let mut visit = Visit::begin(Version::Http2);
    visit.says(HELLO).await;
    // HEADERS without END_HEADERS, and then a byte of an endless CONTINUATION now and then, which buys no time.
    visit.says(b"\0\0\x03\x01\x01\0\0\0\x01\x82\x87\x84").await;
    visit.says(b"\0\x40\0\x09\0\0\0\0\x01").await;
    while visit.end.write_all(b"x").await.is_ok() {
        sleep(Duration::from_millis(500)).await;
        assert!(visit.began.elapsed().as_secs() <= 12);
    }
    let (_, took) = visit.ends().await;
    assert!((10..=11).contains(&took), "{took}");
    assert_eq!(visit.shared.connections.door().answers().map(|(_, count)| count), [0; 5], "nothing was answered");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_fifteen_seconds() {
    let mut visit = Visit::begin(Version::Http1);
    visit.says(b"POST /echo HTTP/1.1\r\nHost: relay\r\nContent-Length: 60\r\n\r\n").await;
    for _ in 0..20 {
        if visit.end.write_all(b"x").await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let (said, took) = visit.ends().await;
    assert!(said.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&said));
    assert!((15..=20).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_does_not_answer_is_given_up() {
    let mut visit = Visit::begin(Version::Http1);
    visit.says(b"GET /never HTTP/1.1\r\nHost: relay\r\n\r\n").await;
    let (said, took) = visit.ends().await;
    assert!(said.starts_with(b"HTTP/1.1 408 ") && took == 15, "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_visitor_that_takes_nothing_is_let_go() {
    let mut visit = Visit::begin(Version::Http1);
    visit.says(b"GET /large HTTP/1.1\r\nHost: relay\r\n\r\n").await;
    (&mut visit.serving).await.unwrap();
    let took = visit.began.elapsed().as_secs();
    assert!((60..=90).contains(&took), "{took}");
    assert_eq!(visit.shared.connections.visitors(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_still_ends_and_one_that_speaks_does_not() {
    let mut visit = Visit::begin(Version::Http1);
    visit
        .says(
            b"GET /socket HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .await;
    assert!(visit.hears().await.starts_with("HTTP/1.1 101"));
    (&mut visit.serving).await.unwrap();
    for _ in 0..20 {
        sleep(Duration::from_secs(20)).await;
        // A ping, masked with zeroes, and its echo.
        visit.says(&[0x89, 0x80, 0, 0, 0, 0]).await;
        assert_eq!(visit.end.read_u16().await.unwrap(), 0x8a00);
        assert_eq!(visit.shared.connections.visitors(), 1);
    }
    let still = Instant::now();
    let mut rest = Vec::new();
    visit.end.read_to_end(&mut rest).await.ok();
    assert_eq!(still.elapsed().as_secs(), 60);
    tokio::task::yield_now().await;
    assert_eq!(visit.shared.connections.visitors(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_relay_is_not_waited_out() {
    for version in [Version::Plain, Version::Http1, Version::Http2] {
        let mut visit = Visit::begin(version);
        if version == Version::Http2 {
            visit.says(HELLO).await;
        } else {
            visit.says(b"GET /never HTTP/1.1\r\nHost: relay\r\n\r\n").await;
        }
        sleep(Duration::from_secs(1)).await;
        visit.stop.send_replace(true);
        let (_, took) = visit.ends().await;
        assert!(took <= 2, "{version:?}: {took}");
    }
}
