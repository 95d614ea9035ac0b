//! Certificates from an authority that issues them by itself: a client of ACME (RFC 8555) that proves names by
//! TLS-ALPN-01 (RFC 8737) or HTTP-01, and keeps the account, the certificate and its key in the state directory.
//!
//! What it has issued lies in a file, and whoever shows certificates looks at that file as at any other: there is one
//! way by which a renewed certificate comes to clients.

mod challenges;
mod failure;
mod files;
mod https;
mod name;
mod order;
mod schedule;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::clock::SystemClock;
use crate::time::{UnixTime, date};
use failure::Failure;
use files::{Files, is_for};

pub use challenges::{ALPN, Challenges, PAGES};
pub use name::{InvalidName, Name};
pub use order::binding_key;

/// Names of one certificate: what public authorities put into one.
pub const MOST_NAMES: usize = 100;
/// An order as a whole. Authorities look again and again for a minute or so.
const ATTEMPT: Duration = Duration::from_secs(300);
/// The wall clock may step, and files may go: what is due is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Failures in a row that are an alarm: the first may be the network's, and at the third a quarter of an hour has passed.
const ALARM: u32 = 3;

/// How names are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a certificate in a handshake with port 443.
    TlsAlpn01,
    /// By a page under port 80, or where a redirect from there leads to.
    Http01,
}

impl Proof {
    /// Both, by the words of the configuration.
    pub const ALL: [(&'static str, Self); 2] = [("tls-alpn-01", Self::TlsAlpn01), ("http-01", Self::Http01)];
}

/// An account that the authority has given out beforehand (RFC 8555 §7.3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// What the authority calls the key.
    pub id: String,
    /// The key, for HMAC-SHA-256.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Binding {
    /// Shows nothing of the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Binding")
    }
}

/// Whom to ask for which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The URL of the authority's directory.
    pub directory: String,
    /// The certificates of authorities by which its server is believed; `None` for the system's.
    pub authorities: Option<PathBuf>,
    /// What the certificate is for, 1 to [`MOST_NAMES`].
    pub names: Vec<Name>,
    /// Where the authority writes to when something is wrong, as URLs.
    pub contacts: Vec<String>,
    /// How names are proven.
    pub proof: Proof,
    /// Which of the authority's kinds of certificates, if it has several.
    pub profile: Option<String>,
    /// The account that the authority has given out, if it asks for one.
    pub binding: Option<Binding>,
    /// Where the account and the certificate are kept.
    pub state: PathBuf,
}

impl Settings {
    /// The file that holds the certificate with its chain, and its key.
    #[must_use]
    pub fn pair(&self) -> PathBuf {
        self.files().pair()
    }

    /// The file that says in full why the last order failed; it is not there when the last one succeeded.
    #[must_use]
    pub fn failure(&self) -> PathBuf {
        self.files().failure()
    }

    /// Whether the file of the certificate holds one that the authority has issued, for whatever names. Blocks on the file
    /// system.
    #[must_use]
    pub fn is_issued(&self) -> bool {
        self.files().kept().is_some_and(|kept| !kept.stand_in)
    }

    fn files(&self) -> Files {
        Files::of(&self.state, &self.directory)
    }

    /// Sees to it that the file of the certificate holds a pair: one that was issued, or one that stands in until then.
    /// Blocks on the file system.
    ///
    /// # Errors
    /// The state directory cannot be written to.
    pub fn prepare(&self, now: UnixTime) -> io::Result<()> {
        self.files().prepare(&self.names, now)
    }
}

/// What has become of the orders, for metrics.
#[derive(Debug, Default)]
pub struct Status {
    issued: AtomicU64,
    failed: AtomicU64,
    alarm: AtomicBool,
}

impl Status {
    /// Certificates that were issued.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// Orders that came to nothing.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Nobody is asked, any more or until a certificate is due, so there is nothing to be alarmed about.
    pub fn rest(&self) {
        self.alarm.store(false, Ordering::Relaxed);
    }

    /// Whether the last three or more came to nothing.
    #[must_use]
    pub fn alarm(&self) -> bool {
        self.alarm.load(Ordering::Relaxed)
    }
}

/// What has become of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A certificate was issued and is in its file.
    Issued,
    /// None was. The reason names nobody; [`Settings::failure`] has all of it.
    Failed {
        /// Why.
        why: String,
        /// How many failures that makes in a row.
        failures: u32,
        /// After what time the next attempt is made.
        pause: Duration,
    },
}

/// The client.
pub struct Client {
    /// Whom it asks, and for what.
    pub settings: Settings,
    /// How it believes the authority's server.
    pub tls: Arc<ClientConfig>,
    /// Where it shows its proofs.
    pub challenges: Arc<Challenges>,
    /// Where it counts.
    pub status: Arc<Status>,
    /// What time it is.
    pub clock: SystemClock,
}

impl fmt::Debug for Client {
    /// Shows no names.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("acme::Client")
    }
}

impl Client {
    /// Orders whenever a certificate is due, and tells what came of it. Ends with the runtime only, which must have time and
    /// I/O.
    pub async fn run(self, mut tell: impl FnMut(Outcome)) {
        let files = self.settings.files();
        let mut failures = 0_u32;
        loop {
            let Some(wait) = self.wait(&files).await else { return };
            if !wait.is_zero() {
                // Whatever was wrong is mended: by an order, or by a reload that asks for other names.
                failures = 0;
                self.settle(&files).await;
                sleep(wait.min(LOOK_EVERY)).await;
                continue;
            }
            match self.attempt(&files).await {
                Ok(()) => {
                    self.status.issued.fetch_add(1, Ordering::Relaxed);
                    tell(Outcome::Issued);
                }
                Err(why) => {
                    failures = failures.saturating_add(1);
                    let pause = schedule::pause(failures);
                    self.note(&files, &why).await;
                    self.status.failed.fetch_add(1, Ordering::Relaxed);
                    self.status.alarm.store(failures >= ALARM, Ordering::Relaxed);
                    tell(Outcome::Failed { why: why.to_string(), failures, pause });
                    sleep(pause).await;
                }
            }
        }
    }

    /// After what time the next order is due: at once, unless an authority has issued for the names that are wanted.
    /// `None` when the runtime ends.
    async fn wait(&self, files: &Files) -> Option<Duration> {
        let kept = files.work(|files| Ok(files.kept())).await.ok()?;
        let kept = kept.filter(|kept| !kept.stand_in && is_for(&kept.names, &self.settings.names));
        let due = kept.map_or(UnixTime::from_secs(0), |kept| kept.due);
        Some(Duration::from_secs(due.as_secs().saturating_sub(self.clock.now().unix.as_secs())))
    }

    async fn attempt(&self, files: &Files) -> Result<(), Failure> {
        let ordering =
            order::Ordering { settings: &self.settings, tls: &self.tls, challenges: &self.challenges, files };
        timeout(ATTEMPT, ordering.carry_out()).await.unwrap_or(Err(Failure::Late))?;
        self.judge(files).await
    }

    /// Whether what was issued will do for a while. If not, it is kept, since it is better than what stands in; but an
    /// authority whose certificates are due at once is not to be asked without end, and somebody has to hear of it.
    async fn judge(&self, files: &Files) -> Result<(), Failure> {
        if self.wait(files).await.is_some_and(|wait| wait.is_zero()) {
            return Err(Failure::Unusable(
                "a certificate for other names, or one that is due to be renewed already: see tls.acme.names and this \
                 host's clock",
            ));
        }
        Ok(())
    }

    /// There is nothing to complain of. A disk that keeps the old complaint is asked again at the next look.
    async fn settle(&self, files: &Files) {
        self.status.rest();
        files.work(Files::forget_failure).await.ok();
    }

    /// Keeps what was said for the operator. A disk that does not take it shows in other ways.
    async fn note(&self, files: &Files, why: &Failure) {
        let text = format!("{}\n{}", date::to_rfc3339(self.clock.now().unix), why.details());
        let forgotten = why.is_of_account();
        let keep = move |files: &Files| {
            if forgotten {
                files.forget_account()?;
            }
            files.keep_failure(&text)
        };
        files.work(keep).await.ok();
    }
}

#[cfg(test)]
mod tests;
