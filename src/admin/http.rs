//! `/metrics`, `/live` and `/ready`, on a listener of their own.

use core::future::IntoFuture;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::door::Door;
use super::{Health, Metrics};

/// How often the shards' hearts are listened to: as often as they beat.
const LISTEN_EVERY: Duration = Duration::from_secs(1);
#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

/// Answers on `listener`, and listens to the shards' hearts meanwhile, until the task is aborted.
#[must_use]
pub fn serve(listener: TcpListener, metrics: Arc<Metrics>, health: Arc<Health>) -> JoinHandle<std::io::Result<()>> {
    let hearts = watch(Arc::clone(&health));
    let router = Router::new()
        .route("/metrics", get(page))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .layer(map_response(close))
        .with_state(Shared { metrics, health });
    let serving = axum::serve(Door::new(listener), router).into_future();
    tokio::spawn(async {
        tokio::select! {
            served = serving => served,
            () = hearts => Ok(()),
        }
    })
}

/// Never completes.
async fn watch(health: Arc<Health>) {
    let mut ticks = interval(LISTEN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // What it finds it remembers.
        drop(health.hanging());
    }
}

/// Opens the listener.
///
/// # Errors
/// The address is taken, or not ours.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// One answer per connection, whatever it is: the next visitor must not wait for one that keeps its place.
async fn close(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn page(State(shared): State<Shared>) -> Response {
    match shared.metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response(),
    }
}

async fn live(State(shared): State<Shared>) -> Response {
    let hanging = shared.health.hanging();
    if hanging.is_empty() {
        "live\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("these shards hang: {hanging:?}\n")).into_response()
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    if shared.health.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or draining\n").into_response()
    }
}
