//! What is answered instead of what was asked for: a word for machines, and a sentence that says whose fault it is, the
//! bound, and what to do.

use axum::http::header::{ALLOW, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A request that gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) message: String,
    pub(super) allow: Option<&'static str>,
}

#[derive(Serialize)]
struct Body<'p> {
    error: &'static str,
    message: &'p str,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $error:literal;)*) => {
        impl Problem {
            $($(#[$doc])* pub(super) fn $name(message: impl Into<String>) -> Self {
                Self { status: StatusCode::$status, error: $error, message: message.into(), allow: None }
            })*

            /// Every word that `error` may be, with its status.
            pub const ALL: &'static [(u16, &'static str)] = &[$((StatusCode::$status.as_u16(), $error)),*];
        }
    };
}

problems! {
    /// The request is wrong.
    invalid = BAD_REQUEST, "invalid";
    /// Nobody is known by this.
    unauthenticated = UNAUTHORIZED, "unauthenticated";
    /// The caller is known, and may not.
    forbidden = FORBIDDEN, "forbidden";
    /// There is no such path.
    not_found = NOT_FOUND, "not_found";
    /// The path has another method.
    method_not_allowed = METHOD_NOT_ALLOWED, "method_not_allowed";
    /// The body is larger than allowed.
    too_large = PAYLOAD_TOO_LARGE, "too_large";
    /// The body is not said to be JSON.
    unsupported_type = UNSUPPORTED_MEDIA_TYPE, "unsupported_type";
    /// The relay is set up without it.
    not_configured = CONFLICT, "not_configured";
    /// It was done for the most part; the message says what is left to do.
    incomplete = INTERNAL_SERVER_ERROR, "incomplete";
    /// There is no room.
    full = INSUFFICIENT_STORAGE, "full";
    /// The relay cannot now.
    unavailable = SERVICE_UNAVAILABLE, "unavailable";
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body { error: self.error, message: &self.message };
        let mut response = (self.status, super::answer::json(&body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hilum\""));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}
