//! Signing in: what is asked is paid for, whatever becomes of the request, and only so many are tried at once.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hilum::signal::{Role, Roster, router};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

use crate::served::{ORIGIN, Served, serve_with};
use crate::staff::enrol;

/// A request to sign in, from a source of this number.
fn asks(served: &Served, source: u8, body: &Value) -> BoxFuture<'static, Response> {
    request(served, source, "/v1/staff/signin", body)
}

/// A request that can be dropped at any moment.
pub fn request(served: &Served, source: u8, path: &str, body: &Value) -> BoxFuture<'static, Response> {
    let service = TowerToHyperService::new(router(served.signal.clone()));
    let mut request = Request::post(path).header("origin", ORIGIN);
    request = request.header("content-type", "application/json");
    let mut request = request.body(Body::from(Bytes::from(body.to_string()))).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, source], 5000))));
    async move { service.call(request).await.unwrap() }.boxed()
}

fn wrong() -> Value {
    json!({"name": "nobody", "password": "wrong"})
}

#[tokio::test]
async fn whoever_hangs_up_has_guessed_all_the_same() {
    let served = serve_with(Roster::default()).await;
    for number in 0..20 {
        let asked = asks(&served, 1, &json!({"name": format!("name-{number}"), "password": "wrong"}));
        // It is looked at once, and dropped: the trial has begun, or waits.
        assert!(asked.now_or_never().is_none(), "{number}");
    }
    assert_eq!(asks(&served, 1, &wrong()).await.status(), 429);
    assert_eq!(asks(&served, 2, &wrong()).await.status(), 401, "another source is not charged for it");
}

#[tokio::test]
async fn a_trial_keeps_its_place_when_its_request_is_gone_and_no_more_than_32_wait() {
    let served = serve_with(Roster::default()).await;
    let _shut = served.puppet.trials.shut();
    for source in 0..2 {
        assert!(asks(&served, source, &wrong()).now_or_never().is_none());
    }
    let mut waiting: Vec<_> = (2..34).map(|source| asks(&served, source, &wrong())).collect();
    for asked in &mut waiting {
        assert!(asked.now_or_never().is_none());
    }
    let answer = asks(&served, 34, &wrong()).now_or_never();
    assert_eq!(answer.map(|answer| answer.status().as_u16()), Some(503), "at once");
    // Whoever hangs up while waiting makes room.
    drop(waiting.pop());
    assert!(asks(&served, 34, &wrong()).now_or_never().is_none());
    served.puppet.trials.open();
    let mut statuses = Vec::new();
    for asked in waiting {
        statuses.push(asked.await.status().as_u16());
    }
    // All with one name: it is locked in the end, and everybody hears the same of it.
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn the_right_password_costs_nothing() {
    let mut roster = Roster::default();
    let login = enrol(&mut roster, "dr.one", Role::Clinician);
    let served = serve_with(roster).await;
    for _ in 0..30 {
        let asked = json!({"name": "dr.one", "password": login.password});
        assert_eq!(served.page("/v1/staff/signin", asked).await.body["error"], "code_needed");
    }
}
