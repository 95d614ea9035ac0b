//! Webhooks in a running relay: who is told, and where what waits is kept.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::ClientConfig;

use super::control::Control;
use crate::client::{Trust, client_config};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::store::Shelf;
use crate::webhook::{Pace, Receiver, Webhooks};

/// Those who are told, each with the TLS by which it is believed.
pub(super) type Receivers = Vec<(Receiver, Option<Arc<ClientConfig>>)>;

/// What the configuration says of them.
///
/// # Errors
/// There is no way to know the server of one.
pub(super) fn receivers(config: &Config) -> anyhow::Result<Receivers> {
    let with_tls = |receiver: &Receiver| {
        let secured = receiver.url.scheme_str() == Some("https");
        let tls = secured.then(|| known(receiver)).transpose()?;
        Ok((receiver.clone(), tls))
    };
    config.webhooks.iter().map(with_tls).collect()
}

fn known(receiver: &Receiver) -> anyhow::Result<Arc<ClientConfig>> {
    let trust = receiver.authorities.clone().map_or(Trust::System, Trust::File);
    let mut known = (*client_config(&trust).context("the server of a webhook (signal.webhook.ca)")?).clone();
    known.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(known))
}

/// Webhooks that nobody is told of yet, with what was kept of them.
pub(super) fn begin(clock: SystemClock, kept: Vec<(String, Vec<u8>)>, control: &Arc<Control>) -> Arc<Webhooks> {
    let control = Arc::clone(control);
    Webhooks::new(clock, Pace::default(), kept, Box::new(move |things| control.keep(Shelf::Webhooks, things)))
}
