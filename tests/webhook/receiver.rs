//! A receiver of webhooks that is played: it writes down what comes, and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hilum::clock::SystemClock;
use hilum::webhook::{Event, Pace, Receiver, Secrets, Webhooks};
use hmac::{Hmac, Mac as _};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// What messages are signed with here.
pub const SECRET: &str = "whsec_aGlsdW0gdGVsbHMgd2hhdCBpcyBzbywgYW5kIG5vIG1vcmU=";
/// Longer than anything here takes; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// A night in a second or two.
pub const QUICK: Pace = Pace {
    first: Duration::from_millis(20),
    longest: Duration::from_millis(80),
    within: Duration::from_secs(60),
    patience: Duration::from_secs(10),
};

/// Waits until something is so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// What came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        let mut all = self.headers.get_all(name).iter();
        let one = all.next().unwrap_or_else(|| panic!("there is no {name}"));
        assert!(all.next().is_none(), "{name} is there twice");
        one.to_str().unwrap()
    }

    /// Whether it is signed with a secret: by the standard's words and RustCrypto, not by what has signed.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let [id, at] = ["webhook-id", "webhook-timestamp"].map(|name| self.header(name));
        mac.update(format!("{id}.{at}.{}", core::str::from_utf8(&self.body).unwrap()).as_bytes());
        let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|one| one == wanted)
    }
}

/// How it answers.
#[derive(Clone, Debug)]
pub enum Habit {
    Status(u16),
    /// Leads somewhere else.
    Redirect(String),
    /// Never.
    Silence,
}

/// See the module.
pub struct Played {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    habits: Arc<Mutex<VecDeque<Habit>>>,
    serving: JoinSet<()>,
}

impl Played {
    /// One without TLS that answers so, one after the other, and then 204.
    pub async fn start(habits: &[Habit]) -> Self {
        Self::serve(habits, None).await
    }

    pub async fn serve(habits: &[Habit], tls: Option<TlsAcceptor>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), habits, tls)
    }

    pub fn on(listener: TcpListener, habits: &[Habit], tls: Option<TlsAcceptor>) -> Self {
        let mut played = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            habits: Arc::new(Mutex::new(habits.iter().cloned().collect())),
            serving: JoinSet::new(),
        };
        let router = played.router();
        played.serving.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                match tls.clone() {
                    None => drop(talks.spawn(async move {
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
                    })),
                    Some(tls) => drop(talks.spawn(async move {
                        let Ok(stream) = tls.accept(stream).await else { return };
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
                    })),
                }
            }
        });
        played
    }

    fn router(&self) -> Router {
        let (seen, habits) = (Arc::clone(&self.seen), Arc::clone(&self.habits));
        let answer = async move |uri: Uri, headers: HeaderMap, body: Bytes| -> Response {
            seen.lock().unwrap().push(Seen { uri, headers, body });
            let habit = habits.lock().unwrap().pop_front().unwrap_or(Habit::Status(204));
            match habit {
                Habit::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
                Habit::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
                Habit::Silence => std::future::pending().await,
            }
        };
        Router::new().route("/hilum", post(answer))
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}/hilum", self.address)
    }
}

/// An authority, and a server of 127.0.0.1 that it vouches for.
pub struct Vouched {
    folder: TempDir,
    pub tls: TlsAcceptor,
}

impl Vouched {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut about = CertificateParams::new(Vec::new()).unwrap();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = about.self_signed(&key).unwrap();
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &Issuer::new(about, key)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let key = PrivateKeyDer::try_from(own_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        Self { folder, tls: TlsAcceptor::from(Arc::new(config)) }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// Somebody at a URL who wants to know everything.
pub fn receiver(url: &str) -> Receiver {
    let secrets = Secrets::read(SECRET.as_bytes()).unwrap();
    Receiver { url: url.parse().unwrap(), secrets, authorities: None, events: Event::ALL.to_vec() }
}

/// Webhooks that are kept nowhere, for these receivers without TLS.
pub fn webhooks(pace: Pace, urls: &[String]) -> Arc<Webhooks> {
    let webhooks = Webhooks::new(SystemClock::start(), pace, Vec::new(), Box::new(|_| Ok(())));
    webhooks.set(urls.iter().map(|url| (receiver(url), None)).collect());
    webhooks
}

/// One of the counts.
pub fn count(webhooks: &Webhooks, label: &str) -> u64 {
    let place = hilum::webhook::Counts::LABELS.iter().position(|known| *known == label).unwrap();
    webhooks.counts()[place]
}
