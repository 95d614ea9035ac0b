//! Signing in and out, and the way of staff to a waiting list.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::answer::{self, Problem};
use super::guard;
use super::visit::{finish, not_joined};
use crate::signal::hall::{ClinicId, Settings};
use crate::signal::role::Role;
use crate::signal::roster::{Account, NotSignedIn};
use crate::signal::service::{NoTicket, Signal};
use crate::signal::trial::{NotTried, Shown};

/// The name of the cookie: browsers take it over TLS only, for this host and all of its paths.
const NAME: &str = "__Host-hilum";

/// What becomes of a try to sign in that is one: the words that its count is kept by.
pub const SIGN_IN_OUTCOMES: [&str; 7] = [
    "success",
    Problem::WRONG.error(),
    Problem::CODE_NEEDED.error(),
    Problem::LOCKED.error(),
    Problem::TOO_MANY.error(),
    Problem::BUSY.error(),
    Problem::UNAVAILABLE.error(),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    password: String,
    code: Option<String>,
}

#[derive(Serialize)]
struct SignedIn {
    staff: Staff,
}

#[derive(Serialize)]
struct Staff {
    name: String,
    role: Role,
    clinics: Vec<Named>,
    /// There is one that can be changed here.
    password: bool,
}

#[derive(Serialize)]
struct Named {
    id: String,
    name: String,
}

impl Staff {
    fn of(account: &Account, settings: &Settings) -> Self {
        // A clinic that the configuration no longer has is none to go to.
        let named = |id: &ClinicId| {
            let name = settings.clinics.get(id)?.name.clone();
            Some(Named { id: id.as_str().to_owned(), name })
        };
        let clinics = account.clinics.iter().filter_map(named).collect();
        let name = account.shown.as_ref().unwrap_or(&account.name).clone();
        Self { name, role: account.role, clinics, password: account.has_password() }
    }
}

/// The secret of the session that a request shows.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    named_cookie(headers, NAME)
}

/// What a request shows under the name of a cookie.
pub(super) fn named_cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Whoever is signed in.
pub(super) fn account(signal: &Signal, headers: &HeaderMap) -> Result<Account, Problem> {
    let shown = cookie(headers).ok_or(Problem::SIGN_IN)?;
    let now = signal.now().unix;
    signal.roster().session(shown, now).cloned().ok_or(Problem::SIGN_IN)
}

/// `POST /v1/staff/signin`.
pub(super) async fn sign_in(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    let signed_in = signed_in(&signal, request).await;
    finish(&signal, "signin", signed_in)
}

async fn signed_in(signal: &Arc<Signal>, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let client = guard::client(request.extensions());
    let SignIn { name, password, code } = guard::body(request).await?;
    let shown = Shown { name, password: Zeroizing::new(password), code };
    let secret = signal.sign_in(client, shown).await.map_err(not_tried)?;
    let now = signal.now().unix;
    let settings = signal.settings();
    let staff = signal.roster().session(&secret, now).map(|account| Staff::of(account, &settings));
    let staff = staff.ok_or(Problem::WRONG)?;
    let mut response = answer::json(StatusCode::OK, &SignedIn { staff });
    let cookie = session_cookie(&secret).ok_or(Problem::UNAVAILABLE)?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// The cookie of a session.
pub(super) fn session_cookie(secret: &str) -> Option<HeaderValue> {
    let cookie = format!("{NAME}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict");
    let mut cookie = HeaderValue::from_str(&cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// The same for whoever shows a password.
pub(super) const fn not_tried(why: NotTried) -> Problem {
    match why {
        NotTried::TooMany => Problem::TOO_MANY,
        NotTried::TooBusy => Problem::BUSY,
        NotTried::Unavailable => Problem::UNAVAILABLE,
        NotTried::Refused(NotSignedIn::Wrong) => Problem::WRONG,
        NotTried::Refused(NotSignedIn::CodeNeeded) => Problem::CODE_NEEDED,
        NotTried::Refused(NotSignedIn::Locked(until)) => Problem::locked(until.as_secs()),
    }
}

/// `POST /v1/staff/signout`.
pub(super) async fn sign_out(State(signal): State<Arc<Signal>>, headers: HeaderMap) -> Response {
    let signed_out = guard::same_origin(&signal, &headers).map(|()| {
        if let Some(shown) = cookie(&headers) {
            signal.sign_out(shown);
        }
        let mut response = answer::done();
        let gone = HeaderValue::from_static("__Host-hilum=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
        response.headers_mut().insert(SET_COOKIE, gone);
        response
    });
    finish(&signal, "signout", signed_out)
}

/// `GET /v1/staff/me`.
pub(super) async fn me(State(signal): State<Arc<Signal>>, headers: HeaderMap) -> Response {
    let settings = signal.settings();
    let me = account(&signal, &headers)
        .map(|account| answer::json(StatusCode::OK, &SignedIn { staff: Staff::of(&account, &settings) }));
    finish(&signal, "me", me)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticket {
    clinic: String,
}

#[derive(Serialize)]
struct Ticketed {
    ticket: String,
}

/// `POST /v1/staff/ticket`: for the waiting list of a clinic.
pub(super) async fn ticket(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    let ticketed = ticketed(&signal, request).await;
    finish(&signal, "ticket", ticketed)
}

async fn ticketed(signal: &Signal, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let shown = cookie(request.headers()).ok_or(Problem::SIGN_IN)?.to_owned();
    // The account is looked at when the body is there: it may take a while, and bring a right that is no more.
    let Ticket { clinic } = guard::body(request).await?;
    let clinic: ClinicId = clinic.parse().map_err(|_| Problem::CLINIC)?;
    let ticket = signal.staff_ticket(&shown, clinic).map_err(no_ticket)?;
    Ok(answer::json(StatusCode::OK, &Ticketed { ticket }))
}

/// The same for whoever asks for a ticket.
pub(super) const fn no_ticket(why: NoTicket) -> Problem {
    match why {
        NoTicket::NotJoined(why) => not_joined(why),
        NoTicket::SignIn => Problem::SIGN_IN,
        NoTicket::NotAllowed => Problem::NOT_ALLOWED,
        NoTicket::Full => Problem::UNAVAILABLE,
    }
}
