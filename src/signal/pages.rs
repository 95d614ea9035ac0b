//! The pages: one file for all of them, and what it loads, each with headers that let it do no more than it must.

#[path = "web/assets.rs"]
mod assets;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::http::Route;
use super::service::Signal;
use assets::{ASSETS, Asset};

/// Where the one page is.
const PAGE: &str = "/index.html";
/// The pages that it is: the start, a patient's, the staff's, the device check, the check for IT, the operator's.
pub const PAGES: [&str; 6] = ["/", "/j", "/staff", "/test", "/it", "/status"];
/// Hashed files never change.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// What a page may ask of a device: camera, microphone, a screen, and to stay awake; nothing else that browsers know.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), \
     accelerometer=(), autoplay=(self), browsing-topics=(), clipboard-read=(), encrypted-media=(), fullscreen=(self), \
     geolocation=(), gyroscope=(), hid=(), identity-credentials-get=(), idle-detection=(), local-fonts=(), \
     magnetometer=(), midi=(), payment=(), picture-in-picture=(self), publickey-credentials-get=(), serial=(), \
     speaker-selection=(self), storage-access=(), usb=(), xr-spatial-tracking=()";

/// The routes of the pages.
pub(super) fn routes() -> impl Iterator<Item = Route> {
    let pages = PAGES.into_iter().map(|page| (page, get(page_of)));
    pages.chain([("/assets/{file}", get(asset_of)), ("/modules/{file}", get(module_of))])
}

async fn page_of(State(signal): State<Arc<Signal>>, headers: HeaderMap) -> Response {
    let Some(page) = find(PAGE) else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = encoded(page, &headers, "no-store");
    let policy = policy(&signal, &headers);
    let added = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        added.insert(CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        added.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn asset_of(uri: Uri, headers: HeaderMap) -> Response {
    match find(uri.path()) {
        Some(asset) => encoded(asset, &headers, FOR_GOOD),
        None => (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")]).into_response(),
    }
}

/// What hospitals build pages of their own with: they fetch it once and serve it themselves, beside their page.
async fn module_of(uri: Uri, headers: HeaderMap) -> Response {
    match find(uri.path()) {
        Some(module) => encoded(module, &headers, "no-cache"),
        None => (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")]).into_response(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// What a page may load and where it may connect: this server, and nothing inline. A WebSocket is named with its scheme,
/// because older browsers do not take it for their own origin.
fn policy(signal: &Signal, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // Only a name that the configuration has goes back to whoever sent it.
    let settings = signal.settings();
    let ours = settings.origins.iter().filter_map(|origin| origin.strip_prefix("https://"));
    let sockets: Vec<String> = ours.filter(|ours| *ours == host).map(|ours| format!(" wss://{ours}")).collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
         connect-src 'self'{}; font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        sockets.concat()
    )
}

/// The file, in the best of the forms that the browser takes.
fn encoded(asset: &'static Asset, headers: &HeaderMap, caching: &'static str) -> Response {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A weight of zero refuses; browsers send none.
    let takes = |name: &str| {
        accepted.split(',').filter_map(|one| one.trim().split(';').next()).any(|one| one.eq_ignore_ascii_case(name))
    };
    let refused = accepted.contains("q=0,") || accepted.ends_with("q=0");
    let (bytes, encoding) = if takes("br") && !refused {
        (asset.brotli, Some("br"))
    } else if takes("gzip") && !refused {
        (asset.gzip, Some("gzip"))
    } else {
        (asset.plain, None)
    };
    let fixed = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, caching),
        (VARY, "Accept-Encoding"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = (fixed, bytes).into_response();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}
