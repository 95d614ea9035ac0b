//! What was revoked is revoked after a restart.

use hilum::addr::Transport;
use hilum::auth::Revocation;
use hilum::time::UnixTime;
use hilum::wire::ErrorCode;

use crate::world::{Place, allocate};
use crate::{call, file, revoke, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_call_is_refused_after_a_restart_and_others_are_not() {
    let place = Place::new();
    let token = place.token("visit", "a");
    let app = start(&place, "state").await.unwrap();
    let before = allocate(app.addresses().udp[0], Transport::Udp, &token).await;
    assert!(before.is_ok());
    assert_eq!(revoke(&app, call("visit")).unwrap().ended, 1);
    let listed = app.control().revocations();
    app.stop().await;

    let app = start(&place, "state").await.unwrap();
    let udp = app.addresses().udp[0];
    assert_eq!(allocate(udp, Transport::Udp, &token).await.err(), Some(ErrorCode::FORBIDDEN));
    assert!(allocate(udp, Transport::Udp, &place.token("other", "a")).await.is_ok());
    assert_eq!(app.control().revocations(), listed);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_state_directory_it_works_and_says_that_it_is_not_kept() {
    let place = Place::new();
    let app = start(&place, "").await.unwrap();
    let done = revoke(&app, call("visit")).unwrap();
    assert!(done.warning.is_some_and(|warning| warning.contains("server.state")), "{done:?}");
    let refused = allocate(app.addresses().udp[0], Transport::Udp, &place.token("visit", "a")).await;
    assert_eq!(refused.err(), Some(ErrorCode::FORBIDDEN));
    app.stop().await;
    let app = start(&place, "").await.unwrap();
    assert!(allocate(app.addresses().udp[0], Transport::Udp, &place.token("visit", "a")).await.is_ok());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_at_the_start_is_dropped_from_the_file_as_well() {
    let place = Place::new();
    let store = hilum::store::Store::open(&place.path("state")).unwrap();
    let (since, until) = (UnixTime::from_secs(1_700_000_000), UnixTime::from_secs(1_700_000_600));
    store.keep(&Revocation { what: call("long-ago"), since, until }).unwrap();
    drop(store);
    let app = start(&place, "state").await.unwrap();
    assert_eq!(app.control().revocations(), []);
    app.stop().await;
    let store = hilum::store::Store::open(&place.path("state")).unwrap();
    assert_eq!(store.revocations().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_does_not_start_on_what_another_one_has_or_what_is_damaged() {
    let place = Place::new();
    let store = hilum::store::Store::open(&place.path("state")).unwrap();
    let taken = start(&place, "state").await.unwrap_err().to_string();
    assert!(taken.contains("in use by another hilum") && taken.contains("server.state"), "{taken}");
    drop(store);
    std::fs::write(file(&place), "somebody has written into it").unwrap();
    let damaged = start(&place, "state").await.unwrap_err().to_string();
    assert!(damaged.contains("hilum.redb is damaged") && damaged.contains("backup"), "{damaged}");
    assert_eq!(std::fs::read(file(&place)).unwrap(), b"somebody has written into it", "it is left as it is");
}
