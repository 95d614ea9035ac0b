//! What operators who sign in are shown: the state of the relay, and who has access.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::answer::{self, Problem};
use super::guard;
use super::staff;
use super::visit::finish;
use crate::signal::condition::{Alarm, Condition};
use crate::signal::role::Action;
use crate::signal::roster::Account;
use crate::signal::service::Signal;

/// Whoever is signed in, if they may see the relay.
fn operator(signal: &Signal, headers: &HeaderMap) -> Result<Account, Problem> {
    let account = staff::account(signal, headers)?;
    if account.role.may(Action::Operate) { Ok(account) } else { Err(Problem::NOT_ALLOWED) }
}

#[derive(Serialize)]
struct Shown {
    now: u64,
    #[serde(flatten)]
    relay: Condition,
    visits: Visits,
}

#[derive(Serialize)]
struct Visits {
    appointments: usize,
    rooms: u64,
    calls: u64,
    waiting: u64,
    sockets: u64,
}

/// `GET /v1/staff/status`.
pub(super) async fn status(State(signal): State<Arc<Signal>>, headers: HeaderMap) -> Response {
    let shown = operator(&signal, &headers).map(|_| answer::json(StatusCode::OK, &shown(&signal)));
    finish(&signal, "status", shown)
}

fn shown(signal: &Signal) -> Shown {
    let mut relay = signal.outside.condition();
    let counts = signal.counts();
    let refused: u64 = counts.refused.iter().filter(|(code, _)| is_of_a_rule(code)).map(|(_, count)| count).sum();
    relay.refused.insert("description", refused);
    if signal.is_refused() {
        relay.alarms.push(Alarm::Store);
    }
    let visits = Visits {
        appointments: signal.appointments(),
        rooms: counts.rooms,
        calls: counts.calls,
        waiting: counts.waiting,
        sockets: counts.sockets,
    };
    Shown { now: signal.now().unix.as_secs(), relay, visits }
}

/// Whether a refusal is one by the rules of descriptions and candidates.
fn is_of_a_rule(code: &str) -> bool {
    code.starts_with("sdp_") || code.starts_with("ice_")
}

/// `GET /v1/staff/review`, and `?format=csv` for a spreadsheet.
pub(super) async fn review(
    State(signal): State<Arc<Signal>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let reviewed = reviewed(&signal, query.as_deref(), &headers).await;
    finish(&signal, "review", reviewed)
}

async fn reviewed(signal: &Arc<Signal>, query: Option<&str>, headers: &HeaderMap) -> Result<Response, Problem> {
    let account = operator(signal, headers)?;
    let csv = match query {
        None | Some("format=json") => false,
        Some("format=csv") => true,
        Some(_) => return Err(Problem::INVALID),
    };
    let asked = Arc::clone(signal);
    let review = guard::blocking(move || asked.outside.review(&account.name)).await?;
    if !csv {
        return Ok(answer::json(StatusCode::OK, &review));
    }
    let mut response = answer::text("text/csv; charset=utf-8", review.csv());
    let name = HeaderValue::from_static("attachment; filename=\"hilum-access.csv\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}
