//! Signing in at an OpenID Connect provider: the code flow (OpenID Connect Core 1.0 §3.1) with state, nonce and PKCE
//! (RFC 7636), up to an ID token that was verified. What the person may do is for others to say.
//!
//! Nothing is remembered of who has begun: what a browser comes back with is made of its cookie and of a key of this
//! process, so that nobody can fill a table by beginning.

mod exchange;
mod failed;
mod flow;
mod keys;
mod known;
mod metadata;
mod token;

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::https::Https;
use crate::time::Now;

pub use exchange::Returned;
pub use failed::{Failed, Fault};
pub use flow::BEGUN;
pub use metadata::is_issuer;
pub use token::Identity;

use flow::{Flow, Used};
use known::Known;

/// Bytes of an address, a name or a claim.
pub const LONGEST: usize = 255;
/// A request to the provider and its answer. Somebody waits for it before an empty page.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of an answer: the keys of large providers have some 20 KB, and a token with many groups as many.
const LARGEST: usize = 256 * 1024;
/// Those who wait for the provider at once: a shift that begins.
const WAITING: usize = 32;

/// Which provider, and as whom it knows us.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the provider calls itself, byte for byte: `https`, or `http` on this host.
    pub issuer: String,
    /// The certificates of authorities by which its server is believed; `None` for the system's.
    pub authorities: Option<PathBuf>,
    /// What it calls us.
    pub client_id: String,
    /// What proves to it that we are that.
    pub client_secret: Zeroizing<String>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that says who somebody is: one that is never given to another.
    pub account: String,
    /// The claim that holds the groups of somebody, as a text or a list.
    pub groups: String,
}

impl fmt::Debug for Settings {
    /// Shows no secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "openid::Settings({}, {})", self.issuer, self.client_id)
    }
}

/// Where a browser is to go, and the cookie that it has to come back with.
pub struct Begun {
    /// The provider's page.
    pub location: String,
    /// The value of the cookie, good for [`BEGUN`] seconds.
    pub cookie: Zeroizing<String>,
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Begun(redacted)")
    }
}

/// Somebody who is back, and has not been believed yet.
pub struct Back {
    flow: Flow,
    code: Zeroizing<String>,
    issuer: Option<String>,
}

impl fmt::Debug for Back {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Back(redacted)")
    }
}

/// The provider, as it is known here.
pub struct Provider {
    settings: Settings,
    https: Https,
    /// Behind what a browser comes back with; another one in each process.
    key: aws_lc_rs::hmac::Key,
    known: tokio::sync::Mutex<Known>,
    waiting: Arc<Semaphore>,
    used: Mutex<Used>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("openid::Provider")
    }
}

impl Provider {
    /// A provider of which nothing is known yet. The key is 32 random bytes.
    #[must_use]
    pub fn new(settings: Settings, tls: Arc<ClientConfig>, key: &[u8; 32]) -> Arc<Self> {
        let plain_here = settings.issuer.starts_with("http://");
        Arc::new(Self {
            https: Https { tls, deadline: DEADLINE, largest: LARGEST, plain_here },
            settings,
            key: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key),
            known: tokio::sync::Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING)),
            used: Mutex::default(),
        })
    }

    /// What it calls itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Begins: 16 random bytes become the cookie. `redirect` is where the browser comes back to.
    ///
    /// # Errors
    /// The provider is not to be had, or too many wait for it.
    pub async fn begin(self: &Arc<Self>, redirect: &str, random: [u8; 16], now: Now) -> Result<Begun, Failed> {
        let metadata = self.metadata(now).await?;
        let flow = Flow::begin(random, now.unix, &self.key);
        let location = self.page(&metadata, redirect, &flow)?;
        Ok(Begun { location, cookie: flow.cookie() })
    }

    /// What a browser brings back, with its cookie: it has begun here, not too long ago, and is back for the first time.
    ///
    /// # Errors
    /// [`Failed`]; nobody was asked.
    pub fn back(&self, cookie: &str, returned: Returned, now: Now) -> Result<Back, Failed> {
        let flow = Flow::of(cookie, now.unix, &self.key).ok_or(Failed::State)?;
        let first = flow.is_of(&returned.state) && {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.is_first(&flow, now.unix)
        };
        if !first {
            return Err(Failed::State);
        }
        Ok(Back { code: returned.code()?, issuer: returned.issuer, flow })
    }

    /// Who that is: the code is exchanged, and the ID token verified.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn finish(self: &Arc<Self>, redirect: &str, back: Back, now: Now) -> Result<Identity, Failed> {
        let Back { flow, code, issuer } = back;
        let metadata = self.metadata(now).await?;
        // Somebody else sends the browser back (RFC 9207).
        if issuer.map_or(metadata.names_itself, |issuer| issuer != self.settings.issuer) {
            return Err(Failed::Token(Fault::Issuer));
        }
        let token = self.exchange(&metadata, redirect, &flow, &code).await?;
        let expected = token::Expected { settings: &self.settings, nonce: flow.nonce(), now: now.unix };
        let keys = self.keys(&metadata, None, now).await?;
        match expected.verify(&token, &keys) {
            // The provider may have new keys since.
            Err(Fault::Key) => {
                let kid = token::kid(&token);
                let keys = self.keys(&metadata, Some(kid), now).await?;
                expected.verify(&token, &keys).map_err(Failed::Token)
            }
            verified => verified.map_err(Failed::Token),
        }
    }
}
