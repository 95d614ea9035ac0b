//! The authority that issues this relay's certificate, if there is one: asked whenever a certificate is due.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::view::View;
use crate::acme::{Client, Outcome, Status};
use crate::client::{Trust, client_config};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::listen::Renewal;

/// Sees to it that there is a pair of files to begin with.
///
/// # Errors
/// The state directory cannot be written to.
pub(super) fn prepare(config: &Config, clock: SystemClock) -> anyhow::Result<()> {
    let Some(settings) = &config.acme else { return Ok(()) };
    settings
        .prepare(clock.now().unix)
        .context("the state directory cannot hold a certificate (server.state, [tls.acme])")
}

/// Asks for certificates until the result is dropped. The proofs are shown by whoever shows the certificates.
///
/// # Errors
/// There is no way to know the authority's server.
pub(super) fn ask(config: &Config, shown: Option<&Renewal>, view: &View) -> anyhow::Result<JoinSet<()>> {
    let mut asking = JoinSet::new();
    let (Some(settings), Some(shown)) = (&config.acme, shown) else {
        view.acme.rest();
        return Ok(asking);
    };
    let trust = settings.authorities.clone().map_or(Trust::System, Trust::File);
    let mut known = (*client_config(&trust).context("the authority's server (tls.acme.ca)")?).clone();
    known.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = Client {
        settings: settings.clone(),
        tls: Arc::new(known),
        challenges: Arc::clone(shown.tls().challenges()),
        status: Arc::clone(&view.acme),
        clock: view.clock,
    };
    let status = Arc::clone(&view.acme);
    asking.spawn(client.run(move |outcome| note(&outcome, &status)));
    Ok(asking)
}

/// The certificate is the first: it is known by that number, as in metrics.
fn note(outcome: &Outcome, status: &Status) {
    match outcome {
        Outcome::Issued => tracing::info!(certificate = 1, "the authority has issued a certificate"),
        Outcome::Failed { why, failures, pause } if status.alarm() => tracing::error!(
            certificate = 1,
            failures,
            again_in_seconds = pause.as_secs(),
            "no certificate is issued: {why}; `hilum check` tells all that the authority says"
        ),
        Outcome::Failed { why, failures, pause } => tracing::warn!(
            certificate = 1,
            failures,
            again_in_seconds = pause.as_secs(),
            "no certificate was issued: {why}"
        ),
    }
}
