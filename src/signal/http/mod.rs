//! The routes of signaling, for whatever leads to them.

mod answer;
mod appointments;
mod guard;
mod office;
mod openid;
mod own;
mod socket;
mod staff;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get, post};

use super::pages;
use super::service::Signal;

pub use answer::Problem;
pub use staff::SIGN_IN_OUTCOMES;

/// Bytes of a request's body: an appointment of sixteen people has less than one.
const LARGEST_BODY: usize = 4096;

/// A path, and what answers there to which methods.
pub(super) type Route = (&'static str, MethodRouter<Arc<Signal>>);

fn routes() -> Vec<Route> {
    let mut routes = vec![
        ("/v1/visit/look", post(visit::look)),
        ("/v1/visit/join", post(visit::join)),
        ("/v1/visit/rating", post(visit::rating)),
        ("/v1/check", post(visit::check)),
        ("/v1/appointments", get(appointments::list).post(appointments::make)),
        ("/v1/appointments/{id}", delete(appointments::end)),
        ("/v1/appointments/{id}/people", post(appointments::add)),
        ("/v1/appointments/{id}/people/{person}/release", post(appointments::release)),
        ("/v1/staff/signin", post(staff::sign_in)),
        ("/v1/staff/signout", post(staff::sign_out)),
        ("/v1/staff/me", get(staff::me)),
        ("/v1/staff/ticket", post(staff::ticket)),
        ("/v1/staff/status", get(office::status)),
        ("/v1/staff/review", get(office::review)),
        ("/v1/staff/password", post(own::password)),
        ("/v1/staff/openid", get(openid::offered)),
        ("/v1/staff/openid/begin", get(openid::begin)),
        ("/v1/staff/openid/return", get(openid::finish)),
        ("/v1/signal", get(socket::upgrade)),
    ];
    routes.extend(pages::routes());
    routes
}

/// Every path of [`router`], as it matches them: `/v1/appointments/{id}`.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}

/// Every route of signaling, and the pages. Requests bear who asks as `ConnectInfo<ClientAddr>` or `ConnectInfo<SocketAddr>`.
pub fn router(signal: Arc<Signal>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    router.layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(signal)
}
