//! Certificates by ACME, from Let's Encrypt's own test authority (pebble): nobody here has written both sides.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod world;

use std::os::unix::fs::PermissionsExt as _;

use world::{Authority, Habits, Place, USUAL, failed, issued, metric, plainly, shake, shown, until};

const NAMES: &str = "[\"turn.clinic.example\", \"127.0.0.1\"]";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_relay_without_a_certificate_gets_one_and_keeps_it() {
    let place = Place::new();
    let authority = Authority::start(&place, USUAL).await;
    let app = place.serve(NAMES, "contacts = [\"mailto:operator@clinic.example\"]").await;
    // Until then something is shown, and nobody believes it.
    until("the order has gone through", async || (issued(&app).await == 1).then_some(())).await;
    let mut seen = Vec::new();
    for name in ["turn.clinic.example", "127.0.0.1"] {
        let stream = until("the certificate is shown", async || place.shake(&authority.root, name).await.ok()).await;
        seen.push(shown(&stream));
    }
    assert_eq!(seen[0], seen[1], "one certificate for all names");
    place.shake(&authority.root, "other.clinic.example").await.unwrap_err();
    assert_eq!(failed(&app).await, 0);
    assert_eq!(metric(&app, "hilum_certificate_alarm{certificate=\"1\"}").await, Some(0));
    for entry in std::fs::read_dir(place.kept()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
    }
    app.stop().await;

    // The next start has it at once and asks nobody: the authority is gone.
    let root = authority.root.clone();
    drop(authority);
    let app = place.serve(NAMES, "").await;
    assert_eq!(shown(&place.shake(&root, "turn.clinic.example").await.unwrap()), seen[0]);
    assert_eq!((issued(&app).await, failed(&app).await), (0, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_is_renewed_at_half_of_a_short_life() {
    let place = Place::new();
    let authority = Authority::start(&place, Habits { life: 16, ..USUAL }).await;
    let app = place.serve(NAMES, "").await;
    let first = until("the first is shown", async || {
        place.shake(&authority.root, "turn.clinic.example").await.ok().as_ref().map(shown)
    })
    .await;
    let account = std::fs::read(place.kept().join("account.json")).unwrap();
    until("another is shown", async || {
        let shown = place.shake(&authority.root, "turn.clinic.example").await.ok().as_ref().map(shown)?;
        (shown != first).then_some(())
    })
    .await;
    assert!(issued(&app).await >= 2);
    assert_eq!(std::fs::read(place.kept().join("account.json")).unwrap(), account, "by the same account");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_authority_that_wants_to_know_who_asks_is_told_by_a_reload() {
    let place = Place::new();
    let authority = Authority::start(&place, Habits { known_only: true, ..USUAL }).await;
    let mut app = place.serve(NAMES, "").await;
    until("the order is refused", async || (failed(&app).await == 1).then_some(())).await;
    let told = std::fs::read_to_string(place.kept().join("failure.txt")).unwrap();
    assert!(told.contains("externalAccountRequired: the authority asks for an account"), "{told}");
    place.shake(&authority.root, "turn.clinic.example").await.unwrap_err();

    let bound = place.configure(NAMES, "binding_id = \"clinic\"\nbinding_key = \"binding\"");
    app.reload(bound).unwrap();
    until("the certificate is shown", async || place.shake(&authority.root, "turn.clinic.example").await.ok()).await;
    assert_eq!((issued(&app).await, failed(&app).await), (1, 1));
    assert!(!place.kept().join("failure.txt").exists(), "what is mended is told no more");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_authority_that_has_forgotten_everything_is_met_anew() {
    let place = Place::new();
    let authority = Authority::start(&place, USUAL).await;
    let mut app = place.serve(NAMES, "").await;
    until("the first order has gone through", async || (issued(&app).await == 1).then_some(())).await;
    let first = std::fs::read(place.kept().join("account.json")).unwrap();
    drop(authority);
    let authority = Authority::start(&place, USUAL).await;
    // More names make another certificate necessary.
    let more = "[\"turn.clinic.example\", \"sip.clinic.example\"]";
    app.reload(place.configure(more, "")).unwrap();
    until("the account is refused", async || (failed(&app).await == 1).then_some(())).await;
    app.reload(place.configure(more, "")).unwrap();
    until("the certificate is shown", async || place.shake(&authority.root, "sip.clinic.example").await.ok()).await;
    assert_ne!(std::fs::read(place.kept().join("account.json")).unwrap(), first, "by another account");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_that_is_due_at_once_is_a_failure_and_the_authority_has_its_rest() {
    let place = Place::new();
    let authority = Authority::start(&place, Habits { life: 2, ..USUAL }).await;
    let config = place.configure(NAMES, "");
    let asked = config.acme.clone().unwrap();
    let app = place.serve(NAMES, "").await;
    until("the order has come to nothing", async || (failed(&app).await == 1).then_some(())).await;
    let told = std::fs::read_to_string(asked.failure()).unwrap();
    assert!(told.contains("see tls.acme.names and this host's clock"), "{told}");
    assert_eq!(issued(&app).await, 0);
    assert!(asked.is_issued(), "it is kept");
    app.stop().await;
    drop(authority);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_that_is_issued_is_no_failure_whatever_cannot_be_forgotten() {
    let place = Place::new();
    let authority = Authority::start(&place, USUAL).await;
    let asked = place.configure(NAMES, "").acme.unwrap();
    // A directory is not removed as a file is.
    std::fs::create_dir_all(asked.failure()).unwrap();
    let app = place.serve(NAMES, "").await;
    until("the order has gone through", async || (issued(&app).await == 1).then_some(())).await;
    until("it is shown", async || place.shake(&authority.root, "turn.clinic.example").await.ok()).await;
    assert_eq!((issued(&app).await, failed(&app).await), (1, 0));
    app.stop().await;
}

// Both proofs come through the one port; this one looks without TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_proven_by_a_page_on_the_door() {
    let place = Place::new();
    let authority = Authority::start(&place, USUAL).await;
    let app = place.serve(NAMES, "proof = \"http-01\"").await;
    until("the certificate is shown", async || place.shake(&authority.root, "turn.clinic.example").await.ok()).await;
    assert_eq!((issued(&app).await, failed(&app).await), (1, 0));
    // Nothing but the pages of an order that runs is shown without TLS.
    for (path, status) in [("/.well-known/acme-challenge/none", "404"), ("/", "308")] {
        let answer = plainly(place.relay, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    app.stop().await;
}

// A relay that has TLS on a port of its own proves its names there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_is_proven_by_a_handshake_without_a_door() {
    let place = Place { entrance: "tls", ..Place::new() };
    let authority = Authority::start(&place, USUAL).await;
    let app = place.serve(NAMES, "").await;
    until("the order has gone through", async || (issued(&app).await == 1).then_some(())).await;
    assert_eq!(metric(&app, "hilum_tls_handshakes_failed_total").await, Some(0), "the authority's was none of them");
    until("the certificate is shown", async || place.shake(&authority.root, "turn.clinic.example").await.ok()).await;
    assert_eq!(failed(&app).await, 0);
    app.stop().await;
}

// Where no order runs, an authority's protocol gets nothing; who offers it beside another speaks the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_an_order_nothing_is_proven() {
    let place = Place::new();
    let app = place.serve(NAMES, "").await;
    until("the authority is not there", async || (failed(&app).await == 1).then_some(())).await;
    let told = std::fs::read_to_string(place.kept().join("failure.txt")).unwrap();
    assert!(told.contains("cannot be reached over HTTPS"), "{told}");
    let root = rustls::pki_types::pem::PemObject::from_pem_file(place.path("ca.pem")).unwrap();
    let refused = shake(place.relay, &root, "turn.clinic.example", "acme-tls/1").await.unwrap_err();
    assert!(!refused.to_string().contains("UnknownIssuer"), "there is no certificate to look at: {refused}");
    let shown = shake(place.relay, &root, "turn.clinic.example", "stun.turn").await.unwrap_err();
    assert!(shown.to_string().contains("UnknownIssuer") || shown.to_string().contains("invalid"), "{shown}");
    app.stop().await;
}
