//! A stranger's authority (Let's Encrypt's pebble, which Debian packages) with its DNS, and a relay that asks it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hilum::app::{self, App};
use hilum::clock::SystemClock;
use hilum::config;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything here takes; only a failure waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What an authority gives out to whom it knows, in base64url.
pub const BINDING: [&str; 2] = ["clinic", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"];

/// A free port of loopback. Somebody else may take it before it is used; then the test fails and says so.
pub fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until something is so.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what}, in {PATIENCE:?}"))
}

/// What an authority is like.
#[derive(Clone, Copy)]
pub struct Habits {
    /// Seconds that its certificates are good.
    pub life: u32,
    /// It wants to know who asks.
    pub known_only: bool,
}

pub const USUAL: Habits = Habits { life: 90 * 86_400, known_only: false };

/// The places of a test, all on loopback.
pub struct Place {
    pub directory: TempDir,
    pub authority: SocketAddr,
    pub management: SocketAddr,
    pub relay: SocketAddr,
    /// The key under `[listen]` that the relay's address stands under.
    pub entrance: &'static str,
}

impl Place {
    /// With the certificate of the authority's server, and of who vouches for it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut about = CertificateParams::new(Vec::new()).unwrap();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = about.self_signed(&key).unwrap();
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &Issuer::new(about, key)).unwrap();
        let place = Self { directory, authority: free(), management: free(), relay: free(), entrance: "door" };
        for (name, text) in [
            ("ca.pem", ca.pem()),
            ("server.pem", own.pem()),
            ("server-key.pem", own_key.serialize_pem()),
            ("secret", "a secret of the tests, long enough".to_owned()),
            ("binding", BINDING[1].to_owned()),
        ] {
            std::fs::write(place.path(name), text).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(place.path(name), private).unwrap();
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory of the authority's account and certificate.
    pub fn kept(&self) -> PathBuf {
        let mut all = std::fs::read_dir(self.path("state").join("acme")).unwrap();
        let only = all.next().unwrap().unwrap().path();
        assert!(all.next().is_none(), "one authority");
        only
    }

    /// `acme` is what stands in `[tls.acme]` beside the authority and the names.
    pub fn configure(&self, names: &str, acme: &str) -> config::Config {
        let entrance = self.entrance;
        let text = format!(
            "[server]\nshards = 1\nstate = \"state\"\n[listen]\nudp = []\ntcp = []\n{entrance} = [\"{}\"]\n\
             [relay]\naddresses = [\"127.0.0.1\"]\n[auth]\nshared_secret_files = [\"secret\"]\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[tls.acme]\ndirectory = \"https://{}/dir\"\nca = \"ca.pem\"\n\
             names = {names}\nterms_agreed = true\n{acme}\n",
            self.relay, self.authority
        );
        let file = self.path("hilum.toml");
        std::fs::write(&file, text).unwrap();
        config::read(&file).unwrap_or_else(|faults| panic!("{faults}"))
    }

    pub async fn serve(&self, names: &str, acme: &str) -> App {
        app::start(self.configure(names, acme), SystemClock::start()).await.unwrap()
    }

    /// A handshake with the relay under this name; who is believed is the authority alone.
    pub async fn shake(&self, roots: &CertificateDer<'static>, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        shake(self.relay, roots, name, "stun.turn").await
    }
}

pub async fn shake(
    address: SocketAddr,
    root: &CertificateDer<'static>,
    name: &str,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await
}

/// The server's own certificate.
pub fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// The authority at work.
pub struct Authority {
    processes: Vec<Child>,
    /// By which its certificates are believed.
    pub root: CertificateDer<'static>,
}

impl Authority {
    pub async fn start(place: &Place, habits: Habits) -> Self {
        let dns = free();
        let Habits { life, known_only } = habits;
        let [id, key] = BINDING;
        let config = format!(
            r#"{{"pebble": {{
                "listenAddress": "{}", "managementListenAddress": "{}",
                "certificate": "{}", "privateKey": "{}",
                "httpPort": {}, "tlsPort": {}, "ocspResponderURL": "",
                "externalAccountBindingRequired": {known_only}, "externalAccountMACKeys": {{"{id}": "{key}"}},
                "certificateValidityPeriod": {life}
            }}}}"#,
            place.authority,
            place.management,
            place.path("server.pem").display(),
            place.path("server-key.pem").display(),
            place.relay.port(),
            place.relay.port(),
        );
        let file = place.path("pebble.json");
        std::fs::write(&file, config).unwrap();
        // Every name is this computer's.
        let names = quiet(Command::new("/usr/bin/pebble-challtestsrv").args([
            &format!("-dns01={dns}"),
            &format!("-management={}", free()),
            "-defaultIPv4=127.0.0.1",
            "-defaultIPv6=",
            "-http01=",
            "-https01=",
            "-tlsalpn01=",
        ]));
        let authority = quiet(
            Command::new("/usr/bin/pebble")
                .args(["-config", &file.display().to_string(), "-strict", "-dnsserver", &dns.to_string()])
                // It looks at once, asks for each proof anew, and refuses a nonce now and then, as it is made to.
                .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0"), ("PEBBLE_WFE_NONCEREJECT", "2")]),
        );
        let processes = vec![names, authority];
        let vouches = CertificateDer::from_pem_file(place.path("ca.pem")).unwrap();
        let root = until("the authority is there", async || {
            let page = get(place.management, &vouches, "/roots/0").await?;
            CertificateDer::from_pem_slice(page.as_bytes()).ok()
        })
        .await;
        // Its list of names serves as soon as it does.
        until("the authority is asked", async || get(place.authority, &vouches, "/dir").await).await;
        Self { processes, root }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn quiet(command: &mut Command) -> Child {
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.expect("Debian's package pebble")
}

/// A page over HTTPS.
async fn get(address: SocketAddr, root: &CertificateDer<'static>, path: &str) -> Option<String> {
    let mut stream = shake(address, root, "127.0.0.1", "http/1.1").await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// The value of a metric with its labels.
pub async fn metric(app: &App, name: &str) -> Option<u64> {
    let mut stream = TcpStream::connect(app.addresses().admin.unwrap()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

pub async fn issued(app: &App) -> u64 {
    metric(app, "hilum_acme_orders_total{result=\"issued\"}").await.unwrap()
}

pub async fn failed(app: &App) -> u64 {
    metric(app, "hilum_acme_orders_total{result=\"failed\"}").await.unwrap()
}

/// What is answered without TLS.
pub async fn plainly(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: turn.clinic.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
