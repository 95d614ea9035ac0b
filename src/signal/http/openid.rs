//! The way of staff to the hospital's provider and back. Both ends of it are pages that a browser goes to, so what comes of
//! it is told to the page for staff, by one word after `#`, which no server sees.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, LOCATION, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use zeroize::Zeroizing;

use super::answer;
use super::guard;
use super::staff;
use crate::listen::CLOSED_POLICY;
use crate::openid::{BEGUN, Failed, Returned};
use crate::signal::openid::NotEntered;
use crate::signal::random;
use crate::signal::service::Signal;

/// The cookie of a way that has begun. It comes back with a page of another site, so it is not as strict as a session's.
const NAME: &str = "__Host-hilum-openid";
/// Where staff are.
const PAGE: &str = "/staff";
/// The headers of an answer that leads elsewhere and that nobody keeps.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(CLOSED_POLICY)),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

#[derive(Serialize)]
struct Offered {
    offered: bool,
}

/// `GET /v1/staff/openid`: whether staff can sign in at a provider.
pub(super) async fn offered(State(signal): State<Arc<Signal>>) -> Response {
    signal.count("openid", "success");
    answer::json(StatusCode::OK, &Offered { offered: signal.openid().is_some() })
}

/// `GET /v1/staff/openid/begin`.
pub(super) async fn begin(State(signal): State<Arc<Signal>>, headers: HeaderMap) -> Response {
    let begun = begun(&signal, &headers).await;
    signal.count("openid_begin", begun.as_ref().map_or_else(|why| why.label(), |_| "success"));
    begun.unwrap_or_else(back_with)
}

async fn begun(signal: &Arc<Signal>, headers: &HeaderMap) -> Result<Response, NotEntered> {
    let openid = signal.openid().ok_or(NotEntered::Unknown)?;
    let mut bytes = [0; 16];
    random(&mut bytes).map_err(|_| NotEntered::Unavailable)?;
    let begun = openid.provider.begin(&redirect(signal, headers), bytes, signal.now()).await;
    let begun = begun.map_err(NotEntered::Failed)?;
    let cookie = Zeroizing::new(format!(
        "{NAME}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={BEGUN}",
        begun.cookie.as_str()
    ));
    let mut response = to(&begun.location).ok_or(NotEntered::Unavailable)?;
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|_| NotEntered::Unavailable)?;
    cookie.set_sensitive(true);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// `GET /v1/staff/openid/return`: the provider sends the browser here.
pub(super) async fn finish(State(signal): State<Arc<Signal>>, RawQuery(query): RawQuery, request: Request) -> Response {
    let entered = finished(&signal, query.as_deref(), request).await;
    signal.count("openid_return", entered.as_ref().map_or_else(|why| why.label(), |_| "success"));
    let mut response = entered.unwrap_or_else(back_with);
    // The way is over, whatever came of it.
    let gone = HeaderValue::from_static("__Host-hilum-openid=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    response.headers_mut().append(SET_COOKIE, gone);
    response
}

async fn finished(signal: &Arc<Signal>, query: Option<&str>, request: Request) -> Result<Response, NotEntered> {
    let openid = signal.openid().ok_or(NotEntered::Unknown)?;
    let state = NotEntered::Failed(Failed::State);
    let cookie = staff::named_cookie(request.headers(), NAME).ok_or(state)?;
    let returned = query.and_then(Returned::read).ok_or(state)?;
    let back = openid.provider.back(cookie, returned, signal.now()).map_err(NotEntered::Failed)?;
    // Only who has begun is charged: a page of another site makes browsers ask, and they show no cookie then.
    let client = guard::client(request.extensions());
    if !signal.may_sign_in(client) {
        return Err(NotEntered::Failed(Failed::Busy));
    }
    let redirect = redirect(signal, request.headers());
    let secret = signal.enter(&openid, &redirect, back).await?;
    signal.signed_in(client);
    let mut response = to(PAGE).ok_or(NotEntered::Unavailable)?;
    let cookie = staff::session_cookie(&secret).ok_or(NotEntered::Unavailable)?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// Where the provider sends browsers back to: to the name of ours that this one came by, where its cookie is.
fn redirect(signal: &Signal, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let settings = signal.settings();
    let came_by = settings.origins.iter().find(|origin| origin.strip_prefix("https://") == Some(host));
    let origin = came_by.or_else(|| settings.origins.first()).map(String::as_str).unwrap_or_default();
    format!("{origin}/v1/staff/openid/return")
}

fn to(location: &str) -> Option<Response> {
    let location = HeaderValue::from_str(location).ok()?;
    Some((StatusCode::SEE_OTHER, HEADERS, [(LOCATION, location)]).into_response())
}

/// Back to the page for staff, with the one of its words that says most to them.
fn back_with(why: NotEntered) -> Response {
    why.tell();
    let word = match why {
        NotEntered::Failed(Failed::State | Failed::Cancelled) => "/staff#openid=again",
        NotEntered::Failed(Failed::Refused(_) | Failed::Token(_)) => "/staff#openid=failed",
        NotEntered::Failed(Failed::Unavailable(_) | Failed::Busy) | NotEntered::Unavailable => {
            "/staff#openid=unavailable"
        }
        NotEntered::Unknown => "/staff#openid=unknown",
    };
    (StatusCode::SEE_OTHER, HEADERS, [(LOCATION, HeaderValue::from_static(word))]).into_response()
}
