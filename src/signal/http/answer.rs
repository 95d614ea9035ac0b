//! Answers: JSON that nobody keeps, and problems with a word for machines and a sentence for people.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => (status, HEADERS, [(CONTENT_TYPE, "application/json")], text).into_response(),
        // No type here has a form that JSON lacks.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// An answer that is no JSON.
pub(super) fn text(kind: &'static str, text: String) -> Response {
    (StatusCode::OK, HEADERS, [(CONTENT_TYPE, kind)], text).into_response()
}

/// Done, and nothing to say.
pub(super) fn done() -> Response {
    (StatusCode::NO_CONTENT, HEADERS).into_response()
}

/// A request that gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    error: &'static str,
    message: &'static str,
    /// For how long.
    until: Option<u64>,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $error:literal, $message:literal;)*) => {
        impl Problem {
            $($(#[$doc])* pub(super) const $name: Self =
                Self { status: StatusCode::$status, error: $error, message: $message, until: None };)*

            /// Every word that `error` may be, with its status.
            pub const ALL: &'static [(u16, &'static str)] = &[$((StatusCode::$status.as_u16(), $error)),*];
        }
    };
}

problems! {
    /// The request is wrong.
    INVALID = BAD_REQUEST, "invalid", "the request is not as docs/signaling-protocol.md says";
    /// The body is larger than allowed.
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too_large", "the body has more than 4096 bytes; nothing here needs as many";
    /// Not said to be JSON.
    TYPE = UNSUPPORTED_MEDIA_TYPE, "unsupported_type", "say Content-Type: application/json, and send JSON";
    /// Another page asks.
    ORIGIN = FORBIDDEN, "origin", "the request does not come from a page of this server; signal.origins names them";
    /// Nobody is signed in.
    SIGN_IN = UNAUTHORIZED, "sign_in", "sign in first, or show an API key as Authorization: Bearer hk_...";
    /// Not in this role, or not in this clinic.
    NOT_ALLOWED = FORBIDDEN, "not_allowed", "your role, or your clinics, do not allow this";
    /// No such thing.
    NOT_FOUND = NOT_FOUND, "unknown", "there is no such appointment or person";
    /// No such clinic.
    CLINIC = BAD_REQUEST, "clinic", "there is no such clinic; [[signal.clinic]] names them";
    /// The label is out of form.
    LABEL = BAD_REQUEST, "label", "a label has at most 24 letters, digits, spaces, dots, hyphens and underscores";
    /// The window is out of form.
    WINDOW = BAD_REQUEST, "window",
        "an appointment lasts from 1 to 1440 minutes, ends later than now and begins within a year";
    /// The people are out of form.
    PEOPLE = BAD_REQUEST, "people", "an appointment has 1 to 16 people, each a patient, guest or captioner";
    /// There is no room.
    FULL = INSUFFICIENT_STORAGE, "full", "there are too many appointments in all or of this clinic; end some";
    /// No such link.
    UNKNOWN_LINK = FORBIDDEN, "unknown", "this link is not known";
    /// Before its time.
    EARLY = FORBIDDEN, "early", "this link is not good yet";
    /// After its time.
    OVER = FORBIDDEN, "over", "this appointment has ended";
    /// Another browser has it.
    IN_USE = CONFLICT, "in_use", "another browser has used this link; the clinic can release it";
    /// Not the name, the password or the code.
    WRONG = UNAUTHORIZED, "wrong", "the name, the password or the code is wrong";
    /// The password is right.
    CODE_NEEDED = UNAUTHORIZED, "code_needed", "enter the code of your authenticator as well";
    /// Too many failures of this name.
    LOCKED = TOO_MANY_REQUESTS, "locked", "too many attempts failed; wait until then";
    /// Too many wrong ones.
    TOO_MANY = TOO_MANY_REQUESTS, "too_many", "too many attempts came from your network; wait a minute";
    /// Too many wait.
    BUSY = SERVICE_UNAVAILABLE, "busy", "too many sign in at this moment; try again in a few seconds";
    /// The new password is none.
    PASSWORD = BAD_REQUEST, "password",
        "a new password has 12 characters or more, at most 256 bytes, and is neither the old one nor mostly the name";
    /// There is no password to change.
    ELSEWHERE = CONFLICT, "elsewhere", "this account signs in at the hospital's own provider; change the password there";
    /// Not the subprotocol, or no WebSocket.
    UPGRADE = BAD_REQUEST, "upgrade", "this is a WebSocket with the subprotocol hilum.v1";
    /// It cannot now.
    UNAVAILABLE = SERVICE_UNAVAILABLE, "unavailable", "the server cannot do this now; try again in a minute";
}

impl Problem {
    /// [`Problem::LOCKED`] until a time.
    pub(super) const fn locked(until: u64) -> Self {
        Self { until: Some(until), ..Self::LOCKED }
    }

    /// The word for machines, as a metric label as well.
    pub(super) const fn error(&self) -> &'static str {
        self.error
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        json(self.status, &Body { error: self.error, message: self.message, until: self.until })
    }
}
