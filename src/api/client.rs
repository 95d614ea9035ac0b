//! Asking over the operator's socket, as the commands do.

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long a question may take: longer than the relay's own patience.
const PATIENCE: Duration = Duration::from_secs(15);
/// The largest answer: a page of a thousand allocations has less than half of it.
const LARGEST_ANSWER: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Nobody can be reached there.
    Unreachable {
        /// Where.
        socket: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Somebody is there and does not answer in time, or answers with something else than this API.
    Silent,
    /// The relay refuses, in its own words.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Whose fault it is, the bound, what to do.
        message: String,
    },
}

impl NoAnswer {
    /// Whether what was asked is wrong, so that asking again changes nothing.
    #[must_use]
    pub const fn is_of_caller(&self) -> bool {
        matches!(self, Self::Refused { status: 400, .. })
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { socket, cause } => {
                let advice = if cause.kind() == io::ErrorKind::NotFound {
                    "is the relay running, and does operator.socket name this file?"
                } else if cause.kind() == io::ErrorKind::PermissionDenied {
                    "root, the relay's user and the group of the file may use it"
                } else {
                    "is the relay running?"
                };
                write!(formatter, "cannot reach a relay at {}: {cause}; {advice}", socket.display())
            }
            Self::Silent => formatter.write_str("the relay does not answer as it should; look at its log"),
            Self::Refused { message, .. } => write!(formatter, "refused: {message}"),
        }
    }
}

impl core::error::Error for NoAnswer {}

/// Asks the relay behind a socket: `target` is a path with its parameters, `body` what to send.
///
/// # Errors
/// [`NoAnswer`].
pub async fn ask(socket: &Path, method: Method, target: &str, body: Option<&Value>) -> Result<Value, NoAnswer> {
    timeout(PATIENCE, exchange(socket, method, target, body)).await.unwrap_or(Err(NoAnswer::Silent))
}

async fn exchange(socket: &Path, method: Method, target: &str, body: Option<&Value>) -> Result<Value, NoAnswer> {
    let unreachable = |cause| NoAnswer::Unreachable { socket: socket.to_owned(), cause };
    let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| NoAnswer::Silent)?;
    let request = Request::builder().method(method).uri(target).header(HOST, "relay");
    let request = match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    };
    let request = request.map_err(|_| NoAnswer::Silent)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|_| NoAnswer::Silent)?;
        let status = response.status();
        let bytes = to_bytes(Body::new(response.into_body()), LARGEST_ANSWER).await.map_err(|_| NoAnswer::Silent)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| NoAnswer::Silent)?;
        if status == StatusCode::OK {
            return Ok(value);
        }
        let message = value.get("message").and_then(Value::as_str).ok_or(NoAnswer::Silent)?.to_owned();
        Err(NoAnswer::Refused { status: status.as_u16(), message })
    };
    // The connection carries the answer; when it ends first, sending has failed and says so.
    let mut connection = core::pin::pin!(connection);
    let mut answer = core::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}
