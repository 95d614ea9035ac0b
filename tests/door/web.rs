//! HTTP through the door: versions, bounds, headers, WebSockets, and who comes without TLS.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Version};
use hilum::listen::{Arrival, LARGEST_BODY, Settings};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::world::{BODIES, NAME, PATIENCE, World, ask, eventually, generous, head, mapped, until_closed};

const PAGE: &str = "GET / HTTP/1.1\r\nHost: relay.clinic.example\r\n";

#[tokio::test]
async fn a_page_is_served_with_what_every_answer_has_and_without_a_banner() {
    let world = World::start(&generous());
    for offered in [&["http/1.1"][..], &["stun.nat-discovery", "http/1.1"], &[]] {
        let mut stream = world.shake(offered, NAME).await.unwrap();
        let answer = ask(&mut stream, PAGE).await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, "the page"), "{offered:?}");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!((answer.header("server"), answer.header("x-powered-by")), (None, None));
    }
    world.arrived(Arrival::Http1, 3).await;
    let missing = world.asks(NAME, "GET /missing HTTP/1.1\r\nHost: relay.clinic.example\r\n").await;
    assert_eq!((missing.status(), missing.header("x-content-type-options")), (404, Some("nosniff")));
    let answers = world.connections.door().answers();
    assert_eq!(answers.map(|(_, count)| count), [0, 3, 0, 1, 0]);
}

#[tokio::test]
async fn a_browser_remembers_nothing_about_names_that_are_not_ours_alone() {
    let world = World::start(&generous());
    for host in ["localhost", "LocalHost:443", "hilum.localhost", "127.0.0.1", "127.0.0.1:8443", "[::1]:443", ""] {
        let answer = world.asks(NAME, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n")).await;
        assert_eq!(answer.header("strict-transport-security"), None, "{host:?}");
    }
}

async fn http2(world: &World) -> http2::SendRequest<Body> {
    let stream = world.shake(&["h2", "http/1.1"], NAME).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn asked(path: &str) -> axum::http::request::Builder {
    Request::builder().uri(format!("https://relay.clinic.example{path}"))
}

#[tokio::test]
async fn http_2_is_spoken_with_whoever_prefers_it() {
    let world = World::start(&generous());
    let mut sender = http2(&world).await;
    // Several at once on one connection.
    let asking: Vec<_> = (0..16).map(|_| sender.send_request(asked("/version").body(Body::empty()).unwrap())).collect();
    for answer in asking {
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
        assert_eq!(to_bytes(Body::new(answer), 100).await.unwrap(), "HTTP/2.0");
    }
    // Pages hear which name was meant, whatever else stands beside it.
    for request in [asked("/host"), asked("/host").header("host", "other.example")] {
        let answer = sender.send_request(request.body(Body::empty()).unwrap());
        let answer = timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(to_bytes(Body::new(answer), 100).await.unwrap(), "\"relay.clinic.example\"");
    }
    world.arrived(Arrival::Http2, 1).await;
    assert_eq!(world.connections.visitors(), 1);
    drop(sender);
    world.empties().await;
}

#[tokio::test]
async fn a_request_with_too_much_of_anything_is_refused() {
    let world = World::start(&generous());
    let many = "X-Header: 1\r\n".repeat(100);
    let long = format!("X-Header: {}\r\n", "x".repeat(20_000));
    let path = format!("GET /{} HTTP/1.1\r\nHost: relay\r\n", "x".repeat(70_000));
    for (refused, status) in
        [(format!("{PAGE}{many}"), &[431][..]), (format!("{PAGE}{long}"), &[431]), (path, &[414, 431])]
    {
        let answer = world.asks(NAME, &refused).await;
        assert!(status.contains(&answer.status()), "{}", answer.head);
    }
    for (length, status) in BODIES {
        let body = "x".repeat(length);
        let head = "POST /echo HTTP/1.1\r\nHost: relay.clinic.example\r\nConnection: close\r\n";
        let mut stream = world.shake(&["http/1.1"], NAME).await.unwrap();
        let told = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        // It may be refused before all of it has come.
        stream.write_all(told.as_bytes()).await.ok();
        let said = until_closed(&mut stream).await;
        assert!(said.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{length} told");
        let mut stream = world.shake(&["http/1.1"], NAME).await.unwrap();
        let untold = format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
        stream.write_all(untold.as_bytes()).await.ok();
        let said = until_closed(&mut stream).await;
        assert!(said.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{length} untold");
    }
    world.empties().await;
}

#[tokio::test]
async fn a_request_of_http_2_with_too_much_of_anything_is_refused() {
    let world = World::start(&generous());
    let mut sender = http2(&world).await;
    let large = asked("/echo").method("POST").body(Body::from(vec![b'x'; LARGEST_BODY + 1])).unwrap();
    let answer = timeout(PATIENCE, sender.send_request(large)).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let long = asked("/").header("x-header", "x".repeat(20_000)).body(Body::empty()).unwrap();
    let answer = timeout(PATIENCE, sender.send_request(long)).await.unwrap();
    assert!(answer.is_err() || answer.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    // The connection or a new one works.
    let mut sender = http2(&world).await;
    let answer = timeout(PATIENCE, sender.send_request(asked("/").body(Body::empty()).unwrap())).await.unwrap();
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_http_gets_its_answer_and_the_end() {
    let world = World::start(&generous());
    for wrong in [
        "GET / HTTP/1.1\r\nHost : relay\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/9.9\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: relay\r\nHost: other\r\n",
        "POST /echo HTTP/1.1\r\nHost: relay\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "POST /echo HTTP/1.1\r\nHost: relay\r\nContent-Length: +1\r\n",
    ] {
        assert_eq!(world.asks(NAME, wrong).await.status(), 400, "{wrong:?}");
    }
    world.empties().await;
}

#[tokio::test]
async fn a_request_for_no_path_of_ours_finds_nothing() {
    let world = World::start(&generous());
    for asked in [
        "CONNECT relay.clinic.example:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET //../../etc/passwd HTTP/1.1",
        "GET http://other.example/missing HTTP/1.1",
        "GET /%ff%00 HTTP/1.1",
        "TRACE /missing HTTP/1.1",
    ] {
        let answer = world.asks(NAME, &format!("{asked}\r\nHost: relay.clinic.example\r\n")).await;
        assert!([400, 404, 405].contains(&answer.status()), "{asked}: {answer:?}");
    }
    assert_eq!(world.asks(NAME, PAGE).await.status(), 200);
}

#[tokio::test]
async fn half_of_all_connections_is_kept_for_calls() {
    let world = World::start(&Settings { connections: 4, ..generous() });
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = world.shake(&["http/1.1"], NAME).await.unwrap();
        stream.write_all(format!("{PAGE}\r\n").as_bytes()).await.unwrap();
        head(&mut stream).await;
        held.push(stream);
    }
    let mut third = world.shake(&["http/1.1"], NAME).await.unwrap();
    assert_eq!(until_closed(&mut third).await, b"");
    assert_eq!((world.connections.visitors(), world.connections.refused()), (2, 1));
    let mut call = world.shake(&["stun.turn"], NAME).await.unwrap();
    assert!(mapped(&mut call, 1).await.is_some());
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let world = World::start(&generous());
    let mut stream = world.shake(&["http/1.1"], NAME).await.unwrap();
    for _ in 0..5 {
        stream.write_all(format!("{PAGE}\r\n").as_bytes()).await.unwrap();
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
        let mut body = [0; 8];
        timeout(PATIENCE, stream.read_exact(&mut body)).await.unwrap().unwrap();
        assert_eq!(&body, b"the page");
    }
    world.arrived(Arrival::Http1, 1).await;
}

#[tokio::test]
async fn each_request_bears_the_address_of_who_asks() {
    let world = World::start(&generous());
    let mut stream = world.shake(&["http/1.1"], NAME).await.unwrap();
    let own = stream.get_ref().0.local_addr().unwrap();
    assert_eq!(ask(&mut stream, "GET /who HTTP/1.1\r\nHost: relay\r\n").await.body, own.to_string());
}

/// The handshake of RFC 6455 §1.3.
const UPGRADE: &str = "GET /socket HTTP/1.1\r\nHost: relay.clinic.example\r\nUpgrade: websocket\r\n\
                       Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Version: 13\r\n\r\n";
/// "Hello" with the mask and the bytes of RFC 6455 §5.7, and without a mask.
const MASKED: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
const UNMASKED: [u8; 7] = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];

#[tokio::test]
async fn a_connection_becomes_a_websocket_and_keeps_its_place_until_it_ends() {
    let world = World::start(&generous());
    for offered in [&["http/1.1"][..], &[]] {
        let mut stream = world.shake(offered, NAME).await.unwrap();
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        for _ in 0..3 {
            stream.write_all(&MASKED).await.unwrap();
            let mut heard = [0; 7];
            timeout(PATIENCE, stream.read_exact(&mut heard)).await.unwrap().unwrap();
            assert_eq!(heard, UNMASKED);
        }
        assert_eq!(world.connections.visitors(), 1);
        drop(stream);
        world.empties().await;
    }
}

#[tokio::test]
async fn without_tls_http_is_told_to_use_it() {
    let world = World::start(&generous());
    for (host, target) in [
        ("relay.clinic.example", "https://relay.clinic.example/a?b=c"),
        ("relay.clinic.example:80", "https://relay.clinic.example/a?b=c"),
        ("relay.clinic.example:4433", "https://relay.clinic.example:4433/a?b=c"),
        ("192.0.2.1:443", "https://192.0.2.1:443/a?b=c"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]:443/a?b=c"),
    ] {
        let mut stream = world.connect().await;
        let answer = ask(&mut stream, &format!("GET /a?b=c HTTP/1.1\r\nHost: {host}\r\n")).await;
        assert_eq!((answer.status(), answer.header("location")), (308, Some(target)));
        assert_eq!(answer.header("strict-transport-security"), None, "it means nothing there (RFC 6797 §7.2)");
    }
    for other in [
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1\r\nHost: a@b/c\r\n",
        "GET / HTTP/1.1\r\nHost: \r\n",
        "POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\n",
    ] {
        let mut stream = world.connect().await;
        let answer = ask(&mut stream, other).await;
        assert_eq!((answer.status(), answer.body.as_str()), (400, "Use https here.\n"), "{other:?}");
    }
    world.arrived(Arrival::HttpPlain, 9).await;
}

#[tokio::test]
async fn what_must_be_there_without_tls_is() {
    let world = World::start(&generous());
    let mut stream = world.connect().await;
    let challenge = "GET /.well-known/acme-challenge/abc HTTP/1.1\r\nHost: relay.clinic.example\r\n";
    let answer = ask(&mut stream, challenge).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "the answer"));
    assert_eq!(world.asks(NAME, challenge).await.status(), 404, "pages of one kind are not pages of the other");
}

#[tokio::test]
async fn the_end_of_the_relay_ends_visits_websockets_and_calls() {
    let mut world = World::start(&generous());
    let mut socket = world.shake(&["http/1.1"], NAME).await.unwrap();
    socket.write_all(UPGRADE.as_bytes()).await.unwrap();
    head(&mut socket).await;
    let mut idle = world.shake(&["http/1.1"], NAME).await.unwrap();
    idle.write_all(format!("{PAGE}\r\n").as_bytes()).await.unwrap();
    head(&mut idle).await;
    let _second = http2(&world).await;
    let mut turn = world.connect().await;
    mapped(&mut turn, 1).await.unwrap();
    let mut undecided = world.connect().await;
    eventually("all are there", || world.connections.visitors() == 3).await;
    timeout(PATIENCE, world.running.take().unwrap().stop()).await.expect("an end");
    until_closed(&mut socket).await;
    until_closed(&mut idle).await;
    until_closed(&mut turn).await;
    until_closed(&mut undecided).await;
    world.empties().await;
}

#[tokio::test]
async fn a_large_page_arrives_whole_while_others_are_served() {
    let world = World::start(&generous());
    let asking = world.asks(NAME, "GET /large HTTP/1.1\r\nHost: relay.clinic.example\r\n");
    let (answer, other) = tokio::join!(asking, world.asks(NAME, PAGE));
    assert_eq!((answer.body.len(), other.body.as_str()), (8 << 20, "the page"));
}
