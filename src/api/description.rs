//! The description of everything that can be asked over HTTP, as OpenAPI 3.1: `docs/openapi.json`.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

/// Where it is. Nobody has to prove anything to read it.
pub const DESCRIPTION_PATH: &str = "/v1/openapi.json";
const DESCRIPTION: &str = include_str!("../../docs/openapi.json");

/// The route of the description.
pub fn description() -> Router {
    Router::new().route(DESCRIPTION_PATH, get(describe))
}

async fn describe() -> Response {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
