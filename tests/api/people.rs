//! Over the Unix socket: what is answered, and what is refused.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hilum::api::{Access, LARGEST_BODY, People, Person};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::world::{exchange, request, world};

/// A method, a target and a body; what is answered, and words of the message.
type Case<'c> = (&'c str, &'c str, Option<&'c str>, (u16, &'c str), &'c str);

/// A user of every system who is nobody.
const NOBODY: u32 = 65_534;

#[tokio::test]
async fn what_runs_is_shown_by_the_tokens_ids() {
    let world = world().await;
    let status = world.local("GET", "/v1/status", None).await;
    assert_eq!(status.status, 200);
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"), "region": "north", "seal": "enforce", "call_tokens": true, "ready": true,
        "allocations": 3, "revocations": 0, "started": "2026-11-27T16:49:11Z",
    });
    assert_eq!(status.body, expected);
    for header in ["content-type: application/json", "cache-control: no-store", "connection: close"] {
        assert!(status.head.contains(header), "{header}: {}", status.head);
    }

    let calls = world.local("GET", "/v1/calls", None).await.body;
    let call = json!({
        "issuer": "clinic", "call": "visit-7", "parties": ["a", "b"], "allocations": 2, "age_seconds": 70,
        "bytes_up": 2000, "bytes_down": 4000, "packets_up": 20, "packets_down": 40,
    });
    assert_eq!(calls, json!({ "total": 1, "calls": [call] }));

    let all = world.local("GET", "/v1/allocations", None).await.body;
    let parties: Vec<_> = all["allocations"].as_array().unwrap().iter().map(|one| &one["token"]["party"]).collect();
    assert_eq!(parties, [&json!("a"), &json!("b"), &json!(null)], "those without a token come last");
    let first = &all["allocations"][0];
    let token = json!({
        "issuer": "clinic", "call": "visit-7", "party": "a", "id": "token-of-a", "kid": "2026-11-27",
        "end": "2026-11-27T17:49:11Z",
    });
    assert_eq!((&first["token"], &first["families"]), (&token, &json!(["ipv4"])));

    let page = world.local("GET", "/v1/allocations?limit=1&offset=1", None).await.body;
    assert_eq!((&page["total"], &page["allocations"][0]["token"]["party"]), (&json!(3), &json!("b")));
    let of = |call: &'static str| world.local("GET", call, None);
    assert_eq!(of("/v1/allocations?call=clinic/visit-7").await.body["total"], 2);
    assert_eq!(of("/v1/allocations?call=clinic%2Fvisit-7").await.body["total"], 2);
    assert_eq!(of("/v1/allocations?call=clinic/visit-8").await.body["total"], 0);
}

#[tokio::test]
async fn a_revocation_says_what_it_did_and_who_did_it() {
    let world = world().await;
    let done = world.local("POST", "/v1/revocations", Some(r#"{"party":"clinic/visit-7/a"}"#)).await;
    assert_eq!((done.status, &done.body["party"], &done.body["ended"]), (200, &json!("clinic/visit-7/a"), &json!(1)));
    assert_eq!(done.body["since"], "2026-11-27T16:49:11Z");
    let until = r#"{"call":"clinic/visit-7","until":"2026-11-28"}"#;
    let done = world.local("POST", "/v1/revocations", Some(until)).await;
    assert_eq!((&done.body["until"], &done.body["ended"]), (&json!("2026-11-28T00:00:00Z"), &json!(2)));
    let listed = world.local("GET", "/v1/revocations", None).await.body;
    assert_eq!((&listed["total"], &listed["revocations"][0]["call"]), (&json!(2), &json!("clinic/visit-7")));

    let user = nix::unistd::geteuid();
    let deed = |what: &str| format!("uid:{user} as operator revoked a {what}");
    assert_eq!(world.deeds(), [deed("party"), deed("call")]);
    assert_eq!(world.counted("revoke", "ok"), 2);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_what_to_do() {
    let world = world().await;
    let revoke = "/v1/revocations";
    let large = format!("{{\"kid\":\"{}\"}}", "k".repeat(LARGEST_BODY));
    let cases: [Case<'_>; 11] = [
        ("GET", "/v1/nothing", None, (404, "not_found"), "/v1/calls"),
        ("GET", "/", None, (404, "not_found"), "known are"),
        ("DELETE", revoke, None, (405, "method_not_allowed"), "GET, POST"),
        ("GET", "/v1/calls?page=2", None, (400, "invalid"), "limit and offset"),
        ("GET", "/v1/status?all", None, (400, "invalid"), "no parameters"),
        ("GET", "/v1/allocations?limit=1001", None, (400, "invalid"), "1 to 1000"),
        ("POST", revoke, Some(r#"{"kid":"one","why":"x"}"#), (400, "invalid"), "unknown field `why`"),
        ("POST", revoke, Some("not JSON"), (400, "invalid"), "no JSON object"),
        ("POST", revoke, Some(r#"{"kid":"one","until":"2026-11-26"}"#), (400, "invalid"), "until: "),
        ("POST", revoke, Some(r#"{"kid":"one","until":"2036-11-26"}"#), (400, "invalid"), "366 days"),
        ("POST", revoke, Some(&large), (413, "too_large"), "16384 bytes"),
    ];
    for (method, target, body, error, says) in cases {
        let answer = world.local(method, target, body).await;
        assert_eq!(answer.error(), error, "{method} {target}: {answer:?}");
        assert!(answer.message().contains(says), "{method} {target}: {}", answer.message());
    }
    let foreign = request("POST", revoke, "Content-Type: text/plain\r\n", Some(r#"{"kid":"one"}"#));
    let stream = UnixStream::connect(&world.socket).await.unwrap();
    assert_eq!(exchange(stream, &foreign).await.unwrap().error(), (415, "unsupported_type"));
    // A body of unknown length is read no further than a known one.
    let chunk = format!("5000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x5000));
    let chunked = format!(
        "{}{chunk}",
        request("POST", revoke, "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", None)
    );
    let stream = UnixStream::connect(&world.socket).await.unwrap();
    assert_eq!(exchange(stream, &chunked).await.unwrap().error(), (413, "too_large"));

    assert!(world.deeds().iter().all(|deed| deed.contains("was refused revoke")), "{:?}", world.deeds());
    assert_eq!(world.deeds().len(), 7, "every attempt at a change is recorded");
    assert_eq!(world.local("GET", revoke, None).await.body["total"], 0, "and nothing has changed");
}

#[tokio::test]
async fn whoever_the_relay_has_no_role_for_gets_403_and_is_counted() {
    if !nix::unistd::geteuid().is_root() {
        // Whoever else runs the test is the relay's own user, and can become nobody else.
        eprintln!("only root can become somebody else: nothing is tested here");
        return;
    }
    let world = world().await;
    // The file system keeps others out already; what the relay says to them is asked behind that.
    let open =
        |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(world.socket.parent().unwrap(), 0o755);
    let run = |access: Access| {
        world.api.replace(Arc::new(access));
        let socket = world.socket.clone();
        tokio::task::spawn_blocking(move || {
            let ask = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                       b=b'{\"kid\":\"one\"}'\ns.sendall(b'POST /v1/revocations HTTP/1.1\\r\\nHost: relay\\r\\n\
                       Content-Type: application/json\\r\\nContent-Length: 13\\r\\n\\r\\n'+b)\n\
                       sys.stdout.buffer.write(s.makefile('rb').read())";
            let mut python = Command::new("python3");
            python.args(["-c", ask]).arg(socket).uid(NOBODY).gid(NOBODY);
            let output = python.output().expect("python3 is missing");
            String::from_utf8(output.stdout).unwrap()
        })
    };
    assert_eq!(run(Access::default()).await.unwrap(), "", "the mode of the socket keeps strangers out");
    open(&world.socket, 0o666);
    let answer = run(Access::default()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("your user has no role here"), "{answer}");
    let viewers = People { viewers: vec![Person::User(NOBODY)], ..People::default() };
    let answer = run(Access { people: viewers, ..Access::default() }).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("the role viewer may not"), "{answer}");
    let operators = People { operators: vec![Person::Group(NOBODY)], ..People::default() };
    let answer = run(Access { people: operators, ..Access::default() }).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let expected = [
        "nobody was refused revoke: forbidden".to_owned(),
        format!("uid:{NOBODY} as viewer was refused revoke: forbidden"),
        format!("uid:{NOBODY} as operator revoked a key"),
    ];
    assert_eq!(world.deeds(), expected);
    assert_eq!((world.counted("revoke", "forbidden"), world.counted("revoke", "ok")), (2, 1));
}

#[tokio::test]
async fn a_slow_visitor_is_sent_away_and_keeps_nobody_waiting() {
    let world = world().await;
    let mut slow = UnixStream::connect(&world.socket).await.unwrap();
    slow.write_all(b"GET /v1/status HTTP/1.1\r\nHo").await.unwrap();
    assert_eq!(world.local("GET", "/v1/status", None).await.status, 200);
    let mut rest = Vec::new();
    let end = timeout(Duration::from_secs(30), slow.read_to_end(&mut rest)).await.expect("the relay closes");
    assert!(end.is_err() || rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn visitors_beyond_the_places_wait_and_are_served() {
    let world = world().await;
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(UnixStream::connect(&world.socket).await.unwrap());
    }
    let waiting = world.local("GET", "/v1/status", None);
    let mut waiting = core::pin::pin!(waiting);
    assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err(), "there is no place");
    drop(idle);
    assert_eq!(waiting.await.status, 200);
}
