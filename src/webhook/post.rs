//! One try to hand a message over.

use core::fmt;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use hyper::header::{CONNECTION, CONTENT_TYPE, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Duration;

use super::message::Message;
use super::secret::Secrets;
use crate::https::{Failure, Https};
use crate::time::UnixTime;

/// Bytes of an answer's body, which means nothing: a page of a server that has one for everything.
const LARGEST: usize = 65_536;

/// What has come of it.
pub(super) enum Outcome {
    /// The receiver has it.
    Taken,
    /// The receiver wants no such message any more (410).
    Refused,
    /// It has to be tried again.
    Failed(Trouble),
}

/// Why. What is shown names nobody.
pub(super) enum Trouble {
    Connection(io::ErrorKind),
    Tls,
    Http,
    Late,
    Status(StatusCode),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(kind) => write!(formatter, "there is no connection ({kind})"),
            Self::Tls => formatter.write_str("TLS fails: see the receiver's certificate and signal.webhook.ca"),
            Self::Http => formatter.write_str("what answers does not speak HTTP"),
            Self::Late => formatter.write_str("there is no answer in time"),
            Self::Status(status) if status.is_redirection() => {
                write!(formatter, "the answer is {}, and redirects are not followed", status.as_u16())
            }
            Self::Status(status) => write!(formatter, "the answer is {}", status.as_u16()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(why: Failure) -> Self {
        match why.downcast_ref::<io::Error>() {
            Some(cause) if cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Self::Tls,
            Some(cause) if cause.kind() == io::ErrorKind::TimedOut => Self::Late,
            Some(cause) => Self::Connection(cause.kind()),
            None => Self::Http,
        }
    }
}

/// How a receiver is asked, which has so long to answer. Without `tls` nobody's certificate is believed.
pub(super) fn way(url: &Uri, tls: Option<Arc<ClientConfig>>, patience: Duration) -> Option<Https> {
    let nobody = || {
        let known = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let known = known.with_safe_default_protocol_versions().ok()?;
        Some(Arc::new(known.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
    };
    let plain_here = url.scheme_str() == Some("http");
    Some(Https { tls: tls.or_else(nobody)?, deadline: patience, largest: LARGEST, plain_here })
}

/// Sends a message. The signature is of this try, by its time; the id is the message's.
pub(super) async fn post(way: &Https, (url, secrets): (&Uri, &Secrets), message: &Message, now: UnixTime) -> Outcome {
    let body = message.body();
    let request = Request::post(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "hilum")
        .header(CONNECTION, "close")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", now.as_secs())
        .header("webhook-signature", secrets.sign(&message.id, now, &body))
        .body(Body::from(body));
    let Ok(request) = request else { return Outcome::Failed(Trouble::Http) };
    match way.ask(request).await.map(|answer| answer.status()) {
        Err(why) => Outcome::Failed(why.into()),
        Ok(status) if status.is_success() => Outcome::Taken,
        Ok(StatusCode::GONE) => Outcome::Refused,
        Ok(status) => Outcome::Failed(Trouble::Status(status)),
    }
}
