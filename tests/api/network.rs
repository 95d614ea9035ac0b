//! Over TLS: keys, certificates, roles.

use std::sync::Arc;
use std::time::Duration;

use hilum::api::{Access, Role};
use hilum::auth::token::{Token, Use};
use hilum::time::UnixTime;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{NOW, Shows, request, world};

const REVOKE: &str = r#"{"call":"clinic/visit-7"}"#;
const MINT: &str = r#"{"call":"visit-7","party":"a"}"#;

#[tokio::test]
async fn each_role_may_do_its_own_and_no_more() {
    let world = world().await;
    for (method, target, body, may) in [
        ("GET", "/v1/status", None, [200, 200, 403]),
        ("GET", "/v1/calls", None, [200, 200, 403]),
        ("GET", "/v1/allocations", None, [200, 200, 403]),
        ("GET", "/v1/revocations", None, [200, 200, 403]),
        ("POST", "/v1/revocations", Some(REVOKE), [403, 200, 403]),
        ("POST", "/v1/credentials", Some(MINT), [403, 403, 200]),
    ] {
        for (role, expected) in Role::ALL.into_iter().zip(may) {
            let answer = world.remote(role, method, target, body).await;
            assert_eq!(answer.status, expected, "{role:?} {method} {target}: {answer:?}");
            if expected == 403 {
                assert!(answer.message().contains(role.label()), "{}", answer.message());
            }
        }
    }
    let deeds = world.deeds();
    assert_eq!(deeds.len(), 6, "four refusals, a revocation, a token: {deeds:?}");
    assert!(deeds.iter().all(|deed| deed.starts_with("api-key:")), "{deeds:?}");
    assert_eq!(deeds.iter().filter(|deed| deed.contains("was refused")).count(), 4, "{deeds:?}");
}

#[tokio::test]
async fn without_the_right_key_nobody_gets_in() {
    let world = world().await;
    let right = world.keys[&Role::Operator].to_string();
    let other = world.keys[&Role::Viewer].to_string();
    let (id, _) = right.split_at("hk_01234567_".len());
    let mixed = format!("{id}{}", &other[id.len()..]);
    for (shown, says) in [
        (String::new(), "show an API key"),
        ("Authorization: Bearer \r\n".to_owned(), "not known"),
        (format!("Authorization: Basic {right}\r\n"), "not known"),
        (format!("Authorization: Bearer {right}A\r\n"), "not known"),
        (format!("Authorization: Bearer {mixed}\r\n"), "not known"),
    ] {
        let answer = world.shown(Shows::Nothing, &request("POST", "/v1/revocations", &shown, Some(REVOKE))).await;
        let answer = answer.unwrap();
        assert_eq!(answer.error(), (401, "unauthenticated"), "{shown}");
        assert!(answer.message().contains(says) && answer.head.contains("www-authenticate: bearer"), "{answer:?}");
    }
    assert_eq!(world.deeds(), vec!["nobody was refused revoke: unauthenticated"; 5]);
    assert_eq!(world.counted("revoke", "unauthenticated"), 5);
    // A path that is not there is nothing to a stranger either.
    let answer = world.shown(Shows::Nothing, &request("GET", "/nowhere", "", None)).await.unwrap();
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_certificate_has_the_role_of_its_name() {
    let world = world().await;
    let look = request("GET", "/v1/calls", "", None);
    let ours = world.shown(Shows::Ours("monitor.clinic.example"), &look).await.unwrap();
    assert_eq!(ours.status, 200);
    let revoke = request("POST", "/v1/revocations", "", Some(REVOKE));
    let ours = world.shown(Shows::Ours("monitor.clinic.example"), &revoke).await.unwrap();
    assert_eq!(ours.error(), (403, "forbidden"));
    assert_eq!(world.deeds(), ["certificate:monitor.clinic.example as viewer was refused revoke: forbidden"]);
    let unnamed = world.shown(Shows::Ours("printer.clinic.example"), &look).await.unwrap();
    assert!(unnamed.error() == (403, "forbidden") && unnamed.message().contains("no name of your certificate"));
    // In TLS 1.3 the client learns only afterwards that its certificate was refused.
    assert!(world.shown(Shows::Strange("monitor.clinic.example"), &look).await.is_none());
    // A key that is shown has to be right, whatever the certificate says.
    let wrong = request("GET", "/v1/calls", "Authorization: Bearer hk_1_2\r\n", None);
    let both = world.shown(Shows::Ours("monitor.clinic.example"), &wrong).await.unwrap();
    assert_eq!(both.status, 401);
    let key = format!("Authorization: Bearer {}\r\n", world.keys[&Role::Operator].as_str());
    let both = world.shown(Shows::Ours("printer.clinic.example"), &request("GET", "/v1/calls", &key, None)).await;
    assert_eq!(both.unwrap().status, 200);
}

#[tokio::test]
async fn a_reload_takes_roles_away_at_once() {
    let world = world().await;
    assert_eq!(world.remote(Role::Viewer, "GET", "/v1/status", None).await.status, 200);
    world.api.replace(Arc::new(Access::default()));
    assert_eq!(world.remote(Role::Viewer, "GET", "/v1/status", None).await.status, 401);
    let look = request("GET", "/v1/status", "", None);
    assert_eq!(world.shown(Shows::Ours("monitor.clinic.example"), &look).await.unwrap().status, 403);
    world.api.replace(world.access.clone());
    let refused = world.remote(Role::Issuer, "POST", "/v1/credentials", Some(MINT)).await;
    assert_eq!(refused.status, 200);
}

#[tokio::test]
async fn credentials_are_what_was_asked_for() {
    let world = world().await;
    let minted = world.remote(Role::Issuer, "POST", "/v1/credentials", Some(MINT)).await.body;
    assert_eq!(minted["iceServers"][0]["urls"], json!(["turn:turn.clinic.example:3478?transport=udp"]));
    assert_eq!((&minted["expires"], &minted["end"]), (&json!("2026-11-27T17:49:11Z"), &json!("2026-11-27T20:49:11Z")));
    let username = minted["iceServers"][0]["username"].as_str().unwrap();
    let minter = world.access.minter.as_ref().unwrap();
    let password = minter.password.password(username.as_bytes());
    assert_eq!(minted["iceServers"][0]["credential"], password.as_str());
    let token = Token::parse(username.as_bytes()).unwrap();
    assert!(minter.key.public().unwrap().verify(token.signed(), &token.signature().unwrap()));
    let claims = token.claims().unwrap();
    assert_eq!((claims.call.as_str(), claims.party.as_str()), ("visit-7", "a"));
    assert_eq!(
        (claims.issuer, claims.audience, claims.regions.clone()),
        (minter.issuer, minter.audience, minter.regions.clone())
    );
    assert_eq!(claims.check(Use::Begin, NOW, 0), Ok(()));

    let full = json!({
        "call": "visit-7", "party": "b", "regions": ["south", "north"], "not_before": "2026-11-28T08:00:00Z",
        "expires": "2026-11-28T08:10:00Z", "end": "2026-11-28T09:00:00Z", "limits": { "kbps": 2000, "allocations": 8 },
        "peers": ["10.20.0.0/16:5000-6000"],
    });
    let minted = world.remote(Role::Issuer, "POST", "/v1/credentials", Some(&full.to_string())).await.body;
    let other = minted["iceServers"][0]["username"].as_str().unwrap();
    let other = Token::parse(other.as_bytes()).unwrap().claims().unwrap();
    assert_ne!(other.id, claims.id, "each token has an id of its own");
    assert_eq!(other.not_before.as_secs(), 1_795_852_800);
    assert_eq!((other.limits.kbps, other.limits.allocations), (Some(2000), Some(8)));
    assert_eq!((other.regions.len(), other.peers[0].to_string().as_str()), (2, "10.20.0.0/16:5000-6000"));
    assert_eq!(other.end, UnixTime::from_secs(1_795_856_400));
}

#[tokio::test]
async fn credentials_that_no_relay_would_take_are_not_made() {
    let world = world().await;
    for (body, says) in [
        (r#"{"party":"a"}"#, "missing field `call`"),
        (r#"{"call":"visit 7","party":"a"}"#, "call: write 1 to 36"),
        (r#"{"call":"v","party":"a","name":"x"}"#, "unknown field `name`"),
        (r#"{"call":"v","party":"a","limits":{"mbps":1}}"#, "unknown field `mbps`"),
        (r#"{"call":"v","party":"a","limits":{"kbps":0}}"#, "lim.kbps"),
        (r#"{"call":"v","party":"a","expires":"2026-11-27T16:00:00Z"}"#, "expires: has passed"),
        (r#"{"call":"v","party":"a","end":"2026-12-27T16:00:00Z"}"#, "end"),
        (r#"{"call":"v","party":"a","regions":[]}"#, "reg"),
        (r#"{"call":"v","party":"a","peers":["everything"]}"#, "peers: "),
        (r#"{"call":"v","party":"a","expires":5}"#, "invalid type"),
    ] {
        let answer = world.remote(Role::Issuer, "POST", "/v1/credentials", Some(body)).await;
        assert_eq!(answer.error(), (400, "invalid"), "{body}: {answer:?}");
        assert!(answer.message().contains(says), "{body}: {}", answer.message());
    }
    let keys = world.access.keys.clone();
    world.api.replace(Arc::new(Access { keys, ..Access::default() }));
    let answer = world.remote(Role::Issuer, "POST", "/v1/credentials", Some(MINT)).await;
    assert!(answer.error() == (409, "not_configured") && answer.message().contains("[mint]"), "{answer:?}");
}

#[tokio::test]
async fn a_visitor_who_never_shakes_hands_is_sent_away_and_keeps_nobody_waiting() {
    let world = world().await;
    let mut silent = TcpStream::connect(world.network).await.unwrap();
    silent.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut slow = world.connect(Shows::Nothing).await.unwrap();
    slow.write_all(b"GET /v1/status").await.unwrap();
    assert_eq!(world.remote(Role::Viewer, "GET", "/v1/status", None).await.status, 200);
    let mut rest = Vec::new();
    let long = Duration::from_secs(30);
    timeout(long, silent.read_to_end(&mut rest)).await.expect("the relay closes").unwrap_or_default();
    timeout(long, slow.read_to_end(&mut rest)).await.expect("the relay closes").unwrap_or_default();
    assert!(rest.is_empty(), "{rest:?}");
}
