//! `/metrics`, `/live` and `/ready`, on a listener of their own.

use core::future::IntoFuture;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::Metrics;
use crate::clock::SystemClock;
use crate::time::Moment;

/// A shard beats once a second; one that has not for so long hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Answers in the making at once. Prometheus and a supervisor ask one question at a time.
const AT_ONCE: usize = 8;

/// Whether the relay lives, and whether it wants new calls.
pub struct Health {
    clock: SystemClock,
    beats: Box<dyn Fn() -> Vec<u64> + Send + Sync>,
    seen: Mutex<Vec<(u64, Moment)>>,
    ready: AtomicBool,
}

impl core::fmt::Debug for Health {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Health").finish_non_exhaustive()
    }
}

impl Health {
    /// Watches the heartbeats that `beats` reads, one for each shard. Not ready yet.
    #[must_use]
    pub fn new(clock: SystemClock, beats: impl Fn() -> Vec<u64> + Send + Sync + 'static) -> Self {
        Self { clock, beats: Box::new(beats), seen: Mutex::default(), ready: AtomicBool::new(false) }
    }

    /// Says whether new calls are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Whether new calls are welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// The shards whose heart has not beaten for ten seconds, as far as this has been asked in between.
    #[must_use]
    pub fn hanging(&self) -> Vec<usize> {
        let now = self.clock.now().moment;
        let beats = (self.beats)();
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.resize(beats.len(), (u64::MAX, now));
        let mut hanging = Vec::new();
        for (shard, (beat, seen)) in beats.into_iter().zip(seen.iter_mut()).enumerate() {
            if seen.0 != beat {
                *seen = (beat, now);
            } else if now.since(seen.1) > PATIENCE {
                hanging.push(shard);
            }
        }
        hanging
    }
}

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    room: Arc<Semaphore>,
}

/// Answers on `listener` until the task is aborted.
#[must_use]
pub fn serve(listener: TcpListener, metrics: Arc<Metrics>, health: Arc<Health>) -> JoinHandle<std::io::Result<()>> {
    let shared = Shared { metrics, health, room: Arc::new(Semaphore::new(AT_ONCE)) };
    let router = Router::new()
        .route("/metrics", get(page))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .with_state(shared);
    tokio::spawn(axum::serve(listener, router).into_future())
}

/// Opens the listener.
///
/// # Errors
/// The address is taken, or not ours.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn page(State(shared): State<Shared>) -> Response {
    let Ok(_place) = shared.room.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once\n").into_response();
    };
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
