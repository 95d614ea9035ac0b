//! What every request is asked before anything else: from which page it comes, from which network, and in which form.

use core::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest as _, Request};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{Extensions, HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::answer::Problem;
use crate::addr::ClientAddr;
use crate::signal::book::Book;
use crate::signal::service::Signal;

/// Who asks. Without a name all are one.
pub(super) fn client(extensions: &Extensions) -> ClientAddr {
    let known = extensions.get::<ConnectInfo<ClientAddr>>().map(|info| info.0);
    let plain = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| ClientAddr::new(info.0));
    known.or(plain).unwrap_or_else(|| ClientAddr::new(SocketAddr::from(([0, 0, 0, 0], 0))))
}

/// Whether a page of ours asks: browsers say so themselves, and no page of another can make them lie.
pub(super) fn same_origin(signal: &Signal, headers: &HeaderMap) -> Result<(), Problem> {
    let mut shown = headers.get_all(ORIGIN).iter();
    let (first, second) = (shown.next().and_then(|origin| origin.to_str().ok()), shown.next());
    let settings = signal.settings();
    let ours = first.is_some_and(|first| settings.origins.iter().any(|origin| origin == first));
    if ours && second.is_none() { Ok(()) } else { Err(Problem::ORIGIN) }
}

/// The body, in JSON and nothing else.
pub(super) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::TYPE);
    }
    let bytes = Bytes::from_request(request, &()).await.map_err(|why| match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TOO_LARGE,
        _ => Problem::INVALID,
    })?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::INVALID)
}

/// Runs what waits for the disk away from the threads that serve connections.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::UNAVAILABLE)
}

/// Writes what was just changed in the book, or takes it back: also for somebody who has hung up meanwhile. `drawn` is
/// whether there was randomness for it.
pub(super) async fn kept(
    signal: &Arc<Signal>,
    drawn: bool,
    take_back: impl FnOnce(&mut Book) + Send + 'static,
) -> Result<(), Problem> {
    let signal = Arc::clone(signal);
    let work = move || {
        let kept = drawn && signal.write();
        if !kept {
            take_back(&mut signal.book());
        }
        kept
    };
    if blocking(work).await? { Ok(()) } else { Err(Problem::UNAVAILABLE) }
}

/// 16 random bytes at a time; zeros never leave, because `failed` is looked at first.
pub(super) struct Chance {
    pub(super) failed: bool,
}

impl Chance {
    pub(super) fn draw(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.failed |= crate::signal::random(&mut bytes).is_err();
        bytes
    }
}
