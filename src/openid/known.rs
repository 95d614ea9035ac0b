//! What is known of the provider, and for how long: one asks it, the others wait for what that one hears.

use core::time::Duration;
use std::sync::Arc;

use axum::body::Body;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::ACCEPT;

use super::Provider;
use super::failed::Failed;
use super::keys::Keys;
use super::metadata::{Metadata, PATH};
use crate::time::{Moment, Now};

/// How long what was heard is good: keys that a provider takes back are taken no longer than that.
const FRESH: Duration = Duration::from_secs(3600);
/// A provider that was not to be had is not asked again before.
const PAUSE: Duration = Duration::from_secs(10);
/// For a key that nobody knows it is asked once in this time: everybody can name one.
const UNKNOWN: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Default)]
pub(super) struct Known {
    metadata: Option<(Arc<Metadata>, Moment)>,
    keys: Option<(Arc<Keys>, Moment)>,
    failed: Option<(Failed, Moment)>,
}

impl Known {
    /// Whether the provider has just not been to be had.
    fn pause(&self, now: Moment) -> Result<(), Failed> {
        match self.failed {
            Some((why, at)) if now.since(at) < PAUSE => Err(why),
            _ => Ok(()),
        }
    }
}

fn fresh<T>(heard: Option<&(Arc<T>, Moment)>, now: Moment) -> Option<Arc<T>> {
    heard.filter(|(_, at)| now.since(*at) < FRESH).map(|(heard, _)| Arc::clone(heard))
}

impl Provider {
    /// What it says of itself.
    pub(super) async fn metadata(self: &Arc<Self>, now: Now) -> Result<Arc<Metadata>, Failed> {
        let provider = Arc::clone(self);
        self.waited(async move {
            let mut known = provider.known.lock().await;
            if let Some(metadata) = fresh(known.metadata.as_ref(), now.moment) {
                return Ok(metadata);
            }
            known.pause(now.moment)?;
            let heard = provider.get(&format!("{}{PATH}", provider.settings.issuer.trim_end_matches('/'))).await;
            let read = heard.and_then(|document| Metadata::read(&document, &provider.settings.issuer));
            let metadata = Arc::new(read.map_err(|why| known.not_had(why, now.moment))?);
            known.metadata = Some((Arc::clone(&metadata), now.moment));
            Ok(metadata)
        })
        .await
    }

    /// Its keys; asked for again if a key is named that they do not have, which they may have by then.
    pub(super) async fn keys(
        self: &Arc<Self>,
        metadata: &Arc<Metadata>,
        missing: Option<Option<String>>,
        now: Now,
    ) -> Result<Arc<Keys>, Failed> {
        let provider = Arc::clone(self);
        let metadata = Arc::clone(metadata);
        self.waited(async move {
            let mut known = provider.known.lock().await;
            if let Some(keys) = fresh(known.keys.as_ref(), now.moment) {
                let has = missing.is_none_or(|kid| keys.has(kid.as_deref()));
                let at = known.keys.as_ref().map_or(now.moment, |(_, at)| *at);
                if has || now.moment.since(at) < UNKNOWN {
                    return Ok(keys);
                }
            }
            known.pause(now.moment)?;
            let read = provider.get(&metadata.keys).await.and_then(|set| Keys::read(&set));
            let keys = Arc::new(read.map_err(|why| known.not_had(why, now.moment))?);
            known.keys = Some((Arc::clone(&keys), now.moment));
            Ok(keys)
        })
        .await
    }

    /// Waits for something with a place among those who may. It goes on to its end without whoever waits, so that hanging
    /// up keeps nobody from hearing; the place is taken as long, so that hanging up makes no more of them either.
    async fn waited<T: Send + 'static>(
        self: &Arc<Self>,
        asking: impl Future<Output = Result<T, Failed>> + Send + 'static,
    ) -> Result<T, Failed> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Failed::Busy)?;
        let asking = async {
            let heard = asking.await;
            drop(place);
            heard
        };
        tokio::spawn(asking).await.map_err(|_| Failed::Unavailable("the server stops"))?
    }

    async fn get(&self, address: &str) -> Result<Bytes, &'static str> {
        let request = Request::get(address).header(ACCEPT, "application/json").body(Body::empty());
        let request = request.map_err(|_| "its address is none")?;
        let unreachable =
            "it cannot be reached: see firewall, DNS, signal.openid.issuer and, for its certificate, signal.openid.ca";
        let response = self.https.ask(request).await.map_err(|_| unreachable)?;
        if response.status() != hyper::StatusCode::OK {
            return Err("it does not answer with what OpenID Connect has there: see signal.openid.issuer");
        }
        Ok(response.into_body())
    }
}

impl Known {
    fn not_had(&mut self, why: &'static str, now: Moment) -> Failed {
        let failed = Failed::Unavailable(why);
        self.failed = Some((failed, now));
        failed
    }
}
