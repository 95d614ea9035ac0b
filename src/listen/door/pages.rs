//! What the door shows to browsers.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const FRONT: &str = include_str!("front.html");
/// Nothing but the page itself, from nowhere, in nobody's frame; its colours are a style of its own, known by its hash.
const POLICY: &str = "default-src 'none'; style-src 'sha256-XckjxKZ04sG5GHVM0r8O4rv6IPN4s6bDWOkToS88eZk='; base-uri \
                      'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

/// What the door answers to HTTP. Each request bears who asks as
/// [`ConnectInfo`](axum::extract::ConnectInfo)`<`[`ClientAddr`](crate::addr::ClientAddr)`>`.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// Over TLS.
    pub secure: Router,
    /// Without TLS: what must be there for somebody who has no certificate yet. Everything else is sent to TLS.
    pub plain: Router,
}

/// The page at `/` of a relay that has no client of its own: that there is a relay, and nothing about it.
pub fn front_page() -> Router {
    Router::new().route("/", get(front))
}

async fn front() -> Response {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)];
    (headers, FRONT).into_response()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_knows_the_style_of_the_page() {
        let style = FRONT.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(style));
        assert!(POLICY.contains(&format!("style-src 'sha256-{hash}';")), "{hash}");
    }
}
