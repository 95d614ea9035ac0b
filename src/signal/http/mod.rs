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
use axum::routing::{delete, get, post};

use super::pages;
use super::service::Signal;

pub use answer::Problem;
pub use staff::SIGN_IN_OUTCOMES;

/// Bytes of a request's body: an appointment of sixteen people has less than one.
const LARGEST_BODY: usize = 4096;

/// Every route of signaling, and the pages. Requests bear who asks as `ConnectInfo<ClientAddr>` or `ConnectInfo<SocketAddr>`.
pub fn router(signal: Arc<Signal>) -> Router {
    Router::new()
        .route("/v1/visit/look", post(visit::look))
        .route("/v1/visit/join", post(visit::join))
        .route("/v1/visit/rating", post(visit::rating))
        .route("/v1/check", post(visit::check))
        .route("/v1/appointments", get(appointments::list).post(appointments::make))
        .route("/v1/appointments/{id}", delete(appointments::end))
        .route("/v1/appointments/{id}/people", post(appointments::add))
        .route("/v1/appointments/{id}/people/{person}/release", post(appointments::release))
        .route("/v1/staff/signin", post(staff::sign_in))
        .route("/v1/staff/signout", post(staff::sign_out))
        .route("/v1/staff/me", get(staff::me))
        .route("/v1/staff/ticket", post(staff::ticket))
        .route("/v1/staff/status", get(office::status))
        .route("/v1/staff/password", post(own::password))
        .route("/v1/staff/openid", get(openid::offered))
        .route("/v1/staff/openid/begin", get(openid::begin))
        .route("/v1/staff/openid/return", get(openid::finish))
        .route("/v1/staff/review", get(office::review))
        .route("/v1/signal", get(socket::upgrade))
        .merge(pages::routes())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(signal)
}
