//! What every answer of the door says to a browser. The paths come from where the router is made, so that a new one is
//! asked as well.

use std::collections::{BTreeMap, BTreeSet};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::place::{AT_LAST, ORIGIN, Place};

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"];

/// One answer.
pub struct Seen {
    pub status: u16,
    /// By their names in lower case.
    pub headers: BTreeMap<String, Vec<String>>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a header that is there once; empty if it is not there.
    pub fn one(&self, name: &str) -> &str {
        match self.headers.get(name).map(Vec::as_slice) {
            None => "",
            Some([one]) => one,
            Some(many) => panic!("{name} is there {} times", many.len()),
        }
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Seen {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // An end without close_notify, or a reset behind an early answer, is one as well.
    timeout(AT_LAST, stream.read_to_end(&mut bytes)).await.unwrap().ok();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no answer: {request}"));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.entry(name.to_ascii_lowercase()).or_default().push(value.to_owned());
    }
    Seen { status: head.split(' ').nth(1).unwrap().parse().unwrap(), headers, body: bytes[end + 4..].to_vec() }
}

/// Asks over TLS, by the name that the pages have.
pub async fn asked(place: &Place, method: &str, path: &str, headers: &str, body: &str) -> Seen {
    let host = ORIGIN.strip_prefix("https://").unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    exchange(place.tls().await, &request).await
}

/// Everything that an answer must say, whatever it is.
fn check(what: &str, path: &str, secure: bool, seen: &Seen) {
    let policy = seen.one("content-security-policy");
    for wanted in
        ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
    {
        assert!(policy.contains(wanted), "{what} lacks {wanted}: {policy}");
    }
    assert!(policy.contains("trusted-types 'none'") && !policy.contains("unsafe-") && !policy.contains('*'), "{what}");
    let page = seen.status == 200 && seen.one("content-type").starts_with("text/html");
    let permissions = seen.one("permissions-policy");
    for closed in ["geolocation=()", "usb=()", "serial=()", "payment=()", "midi=()", "browsing-topics=()"] {
        assert!(permissions.contains(closed), "{what} lacks {closed}: {permissions}");
    }
    assert!(page || permissions.contains("camera=()") && permissions.contains("microphone=()"), "{what}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("strict-transport-security", if secure { "max-age=31536000" } else { "" }),
        ("server", ""),
        ("x-powered-by", ""),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(seen.one(name), value, "{what}: {name}");
    }
    let caching = seen.one("cache-control");
    if seen.status == 200 && path.starts_with("/assets/") {
        assert_eq!(caching, "public, max-age=31536000, immutable", "{what}");
    } else if seen.status == 200 && path.starts_with("/modules/") {
        assert_eq!(caching, "no-cache", "{what}");
    } else {
        assert_eq!(caching, "no-store", "{what}");
    }
    let cookies = seen.headers.get("set-cookie").into_iter().flatten();
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-") && cookie.contains("Secure; HttpOnly; SameSite="), "{what}: {cookie}");
    }
}

/// A path of a router, as somebody may ask for it.
pub fn filled(path: &str) -> String {
    path.replace("{id}", "none").replace("{person}", "p1").replace("{token}", "none").replace("{file}", "none.js")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_path_closes_what_browsers_would_leave_open() {
    let place = Place::start_open().await;
    let mut paths: Vec<String> = place.door_paths().into_iter().map(filled).collect();
    assert!(paths.len() > 30 && paths.iter().any(|path| path == "/v1/drain"), "{paths:?}");
    // What the page loads, and what is not there.
    let page = asked(&place, "GET", "/", "", "").await;
    let text = String::from_utf8(page.body).unwrap();
    let assets: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(assets.len() >= 2, "{text}");
    let more = assets.into_iter().chain(["/modules/rtc.js", "/nothing", "/v1/nothing", "/.well-known/security.txt"]);
    paths.extend(more.map(str::to_owned));
    let mut statuses = BTreeSet::new();
    let origin = format!("origin: {ORIGIN}\r\ncontent-type: application/json\r\n");
    for path in &paths {
        for method in METHODS {
            let seen = asked(&place, method, path, &origin, if method == "POST" { "{}" } else { "" }).await;
            check(&format!("{method} {path} {}", seen.status), path, true, &seen);
            statuses.insert(seen.status);
        }
    }
    // Too large for the door, too large for a page, no JSON, two hosts, somebody who may.
    let large = asked(&place, "POST", "/v1/visit/look", &origin, &"x".repeat(20_000)).await;
    let larger = asked(&place, "POST", "/v1/visit/look", &origin, &"x".repeat(5000)).await;
    let plain = asked(&place, "POST", "/v1/visit/look", &format!("origin: {ORIGIN}\r\n"), "{}").await;
    let twice = asked(&place, "GET", "/", "host: other\r\n", "").await;
    let bearer = format!("authorization: Bearer {}\r\n", place.bearer());
    let listed = asked(&place, "GET", "/v1/appointments?clinic=physio", &bearer, "").await;
    let forbidden = asked(&place, "GET", "/v1/status", &bearer, "").await;
    for (seen, status) in [(large, 413), (larger, 413), (plain, 415), (twice, 400), (listed, 200), (forbidden, 403)] {
        assert_eq!(seen.status, status);
        check(&format!("{status}"), "", true, &seen);
        statuses.insert(status);
    }
    assert!(
        [200, 303, 400, 401, 403, 404, 405, 413, 415].iter().all(|status| statuses.contains(status)),
        "{statuses:?}"
    );

    // Without TLS there is nothing but the way to TLS, and proofs for an authority.
    for path in &paths {
        let request = format!("GET {path} HTTP/1.1\r\nhost: visit.clinic.example\r\nconnection: close\r\n\r\n");
        let seen = exchange(TcpStream::connect(place.door()).await.unwrap(), &request).await;
        check(&format!("plain {path}"), "", false, &seen);
        let proof = path.starts_with("/.well-known/acme-challenge/");
        assert_eq!(seen.status, if proof { 404 } else { 308 }, "{path}");
        assert_eq!(seen.one("location"), if proof { String::new() } else { format!("{ORIGIN}{path}") });
    }
    place.stop().await;
}
