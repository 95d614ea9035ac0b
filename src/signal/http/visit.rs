//! What somebody with a link asks, and the device check.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::answer::{self, Problem};
use super::guard::{self, Chance};
use super::staff;
use crate::signal::book::{NotJoined, Window};
use crate::signal::hall::Pass;
use crate::signal::message::{Clinic, Turn};
use crate::signal::role::Role;
use crate::signal::service::Signal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    secret: String,
}

#[derive(Serialize)]
struct Looked {
    state: &'static str,
    opens: u64,
    ends: u64,
    now: u64,
    clinic: Clinic,
    role: Role,
    claimed: bool,
}

/// `POST /v1/visit/look`: what a link is good for. It uses nothing up.
pub(super) async fn look(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    finish(&signal, "look", looked(&signal, request).await)
}

async fn looked(signal: &Signal, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let client = guard::client(request.extensions());
    let asked: Look = guard::body(request).await?;
    let now = signal.now().unix;
    let settings = signal.settings();
    let book = signal.book();
    let answer = match book.look(&asked.secret) {
        Some((appointment, person)) => Looked {
            state: match appointment.window(now) {
                Window::Early => "early",
                Window::Open => "open",
                Window::Over => "over",
            },
            opens: appointment.opens.as_secs(),
            ends: appointment.ends.as_secs(),
            now: now.as_secs(),
            clinic: settings.clinics.get(&appointment.clinic).cloned().unwrap_or_default(),
            role: person.role,
            claimed: person.browser.is_some(),
        },
        None => {
            // Only who shows no link of ours is slowed: others behind the same address guess, and a good one stays good.
            if !signal.guessed(client) {
                return Err(Problem::TOO_MANY);
            }
            // Where there is one clinic only, its phone number helps whoever has a link that is no more.
            let only = (settings.clinics.len() == 1).then(|| settings.clinics.values().next().cloned()).flatten();
            let clinic = only.unwrap_or_default();
            Looked {
                state: "unknown",
                opens: 0,
                ends: 0,
                now: now.as_secs(),
                clinic,
                role: Role::Patient,
                claimed: false,
            }
        }
    };
    Ok(answer::json(StatusCode::OK, &answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    secret: String,
    browser: Option<String>,
}

#[derive(Serialize)]
struct Joined<'j> {
    ticket: &'j str,
    browser: &'j str,
}

/// `POST /v1/visit/join`: the press.
pub(super) async fn join(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    let joined = joined(&signal, request).await;
    finish(&signal, "join", joined)
}

async fn joined(signal: &Arc<Signal>, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let client = guard::client(request.extensions());
    let Join { secret, browser: shown } = guard::body(request).await?;
    let mut chance = Chance { failed: false };
    let now = signal.now().unix;
    let joined = signal.book().join(&secret, shown.as_deref(), now, &mut || chance.draw());
    if matches!(joined, Err(NotJoined::InUse)) {
        // The clinic sees it, and may release the link.
        signal.second(&secret);
    }
    let (pass, browser) = joined.map_err(|why| match why {
        NotJoined::Unknown if !signal.guessed(client) => Problem::TOO_MANY,
        NotJoined::Unknown | NotJoined::Early | NotJoined::Over | NotJoined::InUse => not_joined(why),
    })?;
    // That this browser has the link survives a restart, or it has not got it.
    if let Pass::Guest { room, person, .. } = &pass
        && shown.as_deref() != Some(browser.as_str())
    {
        let (room, person, browser) = (*room, *person, browser.clone());
        guard::kept(signal, !chance.failed, move |book| book.let_go(&room, &person, &browser)).await?;
    }
    let ticket = signal.guest_ticket(pass, &browser).map_err(staff::no_ticket)?;
    Ok(answer::json(StatusCode::OK, &Joined { ticket: &ticket, browser: &browser }))
}

pub(super) const fn not_joined(why: NotJoined) -> Problem {
    match why {
        NotJoined::Unknown => Problem::UNKNOWN_LINK,
        NotJoined::Early => Problem::EARLY,
        NotJoined::Over => Problem::OVER,
        NotJoined::InUse => Problem::IN_USE,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rating {
    secret: String,
    browser: String,
    stars: u8,
}

/// `POST /v1/visit/rating`: how it was, from 1 to 5. It is counted, and nobody knows whose it was.
pub(super) async fn rating(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    finish(&signal, "rating", rated(&signal, request).await)
}

async fn rated(signal: &Signal, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let client = guard::client(request.extensions());
    let Rating { secret, browser, stars } = guard::body(request).await?;
    let label = match stars {
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 => "5",
        _ => return Err(Problem::INVALID),
    };
    if !signal.rate(&secret, &browser, label) {
        return Err(if signal.guessed(client) { Problem::UNKNOWN_LINK } else { Problem::TOO_MANY });
    }
    Ok(answer::done())
}

#[derive(Serialize)]
struct Checked {
    turn: Turn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /v1/check`: credentials for a minute, to try the way to the relay.
pub(super) async fn check(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    finish(&signal, "check", checked(&signal, request).await)
}

async fn checked(signal: &Signal, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let client = guard::client(request.extensions());
    let Nothing {} = guard::body(request).await?;
    let turn = signal.check(client).ok_or(Problem::TOO_MANY)?;
    Ok(answer::json(StatusCode::OK, &Checked { turn }))
}

/// Counts what came of a request.
pub(super) fn finish(signal: &Signal, endpoint: &'static str, answer: Result<Response, Problem>) -> Response {
    signal.count(endpoint, answer.as_ref().map_or_else(Problem::error, |_| "success"));
    answer.unwrap_or_else(Problem::into_response)
}
