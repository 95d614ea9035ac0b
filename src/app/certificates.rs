//! The certificates of a running relay: read at the start and at reloads, looked at meanwhile.

use core::time::Duration;
use std::sync::Arc;

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use super::authority;
use super::record::Record;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::listen::{Fresh, Renewal, Renewed};

/// How often files are looked at. A renewed pair is shown after two looks; that costs two `stat` calls a certificate.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads the certificates, if there are any.
pub(super) fn open(config: &Config, clock: SystemClock) -> anyhow::Result<Option<Arc<Renewal>>> {
    authority::prepare(config, clock)?;
    let now = clock.now();
    let certificates = Renewal::open(&config.tls, now)?;
    if cfg!(feature = "fips") && certificates.is_some() {
        tracing::info!("TLS is that of AWS-LC's validated module; docs/crypto.md says what stays outside");
    }
    if let Some(certificates) = &certificates {
        // What stands in for a certificate is of no concern: the authority is about to be asked.
        let stand_in = usize::from(config.acme.as_ref().is_some_and(|acme| !acme.is_issued()));
        for (index, identity) in certificates.tls().identities().all().enumerate().skip(stand_in) {
            for concern in identity.concerns(now.unix) {
                tracing::warn!(certificate = number(index), "the certificate {concern}");
            }
        }
    }
    Ok(certificates.map(Arc::new))
}

/// Reads the pairs that a new configuration names.
pub(super) fn read(config: &Config, clock: SystemClock) -> anyhow::Result<Fresh> {
    authority::prepare(config, clock)?;
    Ok(Renewal::read(&config.tls, clock.now())?)
}

/// Looks at the files of the certificates until the result is dropped.
pub(super) fn watch(
    certificates: Option<Arc<Renewal>>,
    record: Option<Arc<Record>>,
    clock: SystemClock,
) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    let Some(certificates) = certificates else { return watching };
    watching.spawn(async move {
        let mut looks = interval(LOOK_EVERY);
        // A disk that hung is not to be asked for every look that it missed.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let looking = Arc::clone(&certificates);
            // A disk may be far away, and other clients are not to wait for it.
            let Ok(found) = spawn_blocking(move || looking.look(clock.now())).await else { return };
            note(&found, record.as_deref());
        }
    });
    watching
}

/// Logs and records what was found. Certificates are known by their number in the configuration, from 1 on, as in metrics.
pub(super) fn note(found: &[Renewed], record: Option<&Record>) {
    for renewed in found {
        match renewed {
            Renewed::Added(_) | Renewed::Removed(_) => tracing::info!("another number of certificates is shown"),
            Renewed::Replaced(index, _) => {
                tracing::info!(certificate = number(*index), "another certificate is shown to new clients");
            }
            Renewed::Refused(index, error) => tracing::warn!(
                certificate = number(*index),
                "the certificate's files have changed and are no pair yet; the old one stays: {} (`hilum check` names the \
                 file)",
                error.without_files()
            ),
            Renewed::Alarm(index) => tracing::error!(
                certificate = number(*index),
                "the certificate's files have been no pair for a minute; the old one stays: run `hilum check`"
            ),
            Renewed::Mended(index) => {
                tracing::info!(certificate = number(*index), "the certificate's files are a pair again");
            }
        }
        if let Some(record) = record {
            record.certificate(renewed);
        }
    }
}

const fn number(index: usize) -> usize {
    index.saturating_add(1)
}
