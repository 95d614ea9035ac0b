//! What staff change of their own accounts.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::answer::{self, Problem};
use super::guard;
use super::staff;
use super::visit::finish;
use crate::signal::own::NotChanged;
use crate::signal::service::Signal;
use crate::signal::trial::Shown;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    password: String,
    code: Option<String>,
    new: String,
}

/// `POST /v1/staff/password`: another password for the own account.
pub(super) async fn password(State(signal): State<Arc<Signal>>, request: Request) -> Response {
    finish(&signal, "password", changed(&signal, request).await)
}

async fn changed(signal: &Arc<Signal>, request: Request) -> Result<Response, Problem> {
    guard::same_origin(signal, request.headers())?;
    let session = Zeroizing::new(staff::cookie(request.headers()).ok_or(Problem::SIGN_IN)?.to_owned());
    let client = guard::client(request.extensions());
    let Change { password, code, new } = guard::body(request).await?;
    let (password, new) = (Zeroizing::new(password), Zeroizing::new(new));
    let now = signal.now().unix;
    let account = signal.roster().session(&session, now).cloned().ok_or(Problem::SIGN_IN)?;
    if !account.has_password() {
        return Err(Problem::ELSEWHERE);
    }
    let shown = Shown { name: account.name, password, code };
    signal.change_password(client, session, (shown, new)).await.map_err(|why| match why {
        NotChanged::NotTried(why) => staff::not_tried(why),
        NotChanged::New => Problem::PASSWORD,
        NotChanged::NotKept => Problem::UNAVAILABLE,
    })?;
    Ok(answer::done())
}
