//! The binary with everything that a hospital has switched on, and what it is asked over HTTPS.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use hilum::api::{ApiKey, ApiKeys, Role};
use hilum::auth::token::{Algorithm, PasswordKey};
use hilum::auth::{Key, Keyring, Validity};
use hilum::clock::SystemClock;
use hilum::config;
use hilum::mint::SigningKey;
use hilum::time::UnixTime;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use totp_rs::{Secret, TOTP};

use super::PEOPLE;

/// Clinics of the hospital; its rooms are shared out among them.
pub const CLINICS: usize = 25;
pub const ORIGIN: &str = "https://localhost";
const KID: &str = "bench";
/// Appointments that are made at once.
const MAKERS: usize = 16;
/// How long it may take to start.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A room and what leads into it.
pub struct Room {
    pub id: String,
    pub clinic: usize,
    /// The secrets of the links.
    pub links: Vec<String>,
}

/// `hilum serve`; killed when dropped.
pub struct Hospital {
    child: Mutex<Child>,
    pid: u32,
    folder: TempDir,
    door: SocketAddr,
    key: String,
    tls: TlsConnector,
    clock: SystemClock,
}

/// So many people have a socket each at both ends, and those who are just coming two.
pub fn raise_descriptors(people: usize) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let needed = people as u64 + 2000;
    assert!(hard >= needed, "the hard limit of open files is {hard}, and {needed} are needed; see `ulimit -Hn`");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

impl Hospital {
    pub async fn start() -> Self {
        let (door, admin) = (free(), free());
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        let long_ago = UnixTime::from_secs(1_600_000_000);
        let (signing, pem) = SigningKey::generate(Algorithm::EdDsa).unwrap();
        write("signing.pem", &pem);
        let validity = Validity { created: long_ago, not_before: long_ago, not_after: None };
        let key = Key::new(KID.parse().unwrap(), signing.public().unwrap(), PasswordKey::new([7; 32]), validity, None);
        write("keyring.toml", &config::write_keyring(&Keyring::new(vec![key.unwrap()]).unwrap()));
        let (api_key, shown) = ApiKey::generate(Role::Issuer, "records".to_owned(), long_ago).unwrap();
        write("api-keys.toml", &config::write_api_keys(&ApiKeys::new(vec![api_key]).unwrap()));
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write("certificate.pem", &pair.cert.pem());
        write("key.pem", &pair.signing_key.serialize_pem());
        write("hilum.toml", &configuration(door, admin));
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
        command.arg("serve").arg("--config").arg(folder.path().join("hilum.toml")).current_dir(folder.path());
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pair.cert.pem().as_bytes()).unwrap()).unwrap();
        let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Everybody is somebody else, who was never here before.
        tls.resumption = Resumption::disabled();
        let (pid, tls) = (child.id(), TlsConnector::from(Arc::new(tls)));
        let (child, key, clock) = (Mutex::new(child), shown.to_string(), SystemClock::start());
        let hospital = Self { child, pid, folder, door, key, tls, clock };
        let began = Instant::now();
        while !is_ready(admin).await {
            hospital.is_well();
            assert!(began.elapsed() < READY_WITHIN, "it is not ready:\n{}", hospital.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        hospital
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }

    /// It has neither ended nor complained.
    pub fn is_well(&self) {
        let ended = self.child.lock().unwrap().try_wait().unwrap();
        let output = self.output();
        assert!(ended.is_none() && !output.contains("ERROR"), "{ended:?}\n{output}");
    }

    pub fn now(&self) -> u64 {
        self.clock.now().unix.as_secs()
    }

    /// A connection with TLS, from its first packet.
    pub async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.door).await.unwrap();
        stream.set_nodelay(true).unwrap();
        self.tls.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }

    /// A connection for requests, one after the other.
    pub async fn visitor(&self) -> SendRequest<Body> {
        let (sender, connection) = handshake(TokioIo::new(self.connect().await)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// Signs in as the clinician of all clinics: the cookie.
    pub async fn sign_in(&self) -> String {
        let mut hilum = Command::new(env!("CARGO_BIN_EXE_hilum"));
        hilum.args(["staff", "add", "dr.rivers", "--role", "clinician", "--json"]);
        for clinic in 0..CLINICS {
            hilum.arg("--clinic").arg(name(clinic));
        }
        let made = hilum.arg("--socket").arg(self.folder.path().join("operator.sock")).output().unwrap();
        assert!(made.status.success(), "no account is made: {}", String::from_utf8_lossy(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let (_, secret) = made["authenticator"].as_str().unwrap().split_once("secret=").unwrap();
        let secret = Secret::Encoded(secret.split('&').next().unwrap().to_owned()).to_bytes().unwrap();
        let code = TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, 30, secret).unwrap().generate(self.now());
        let asked = json!({"name": "dr.rivers", "password": made["password"], "code": code});
        let mut visitor = self.visitor().await;
        let request = page("/v1/staff/signin", "").body(Body::from(asked.to_string())).unwrap();
        let answer = visitor.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    /// Makes appointments as the hospital's own system does.
    pub async fn appoint(self: &Arc<Self>, rooms: usize) -> Vec<Room> {
        let mut makers = JoinSet::new();
        for maker in 0..MAKERS {
            let hospital = Arc::clone(self);
            makers.spawn(async move {
                let mut visitor = hospital.visitor().await;
                let mut made = Vec::new();
                for number in (maker..rooms).step_by(MAKERS) {
                    made.push(hospital.appointment(&mut visitor, number).await);
                }
                made
            });
        }
        makers.join_all().await.into_iter().flatten().collect()
    }

    async fn appointment(&self, visitor: &mut SendRequest<Body>, number: usize) -> Room {
        let clinic = number % CLINICS;
        let people = [json!({"role": "patient"}), json!({"role": "guest"})];
        let asked = json!({
            "clinic": name(clinic), "label": format!("B-{number}"), "starts": self.now(), "minutes": 60, "people": people,
        });
        let request = page("/v1/appointments", "").header("authorization", format!("Bearer {}", self.key));
        let made = ask(visitor, request.body(Body::from(asked.to_string())).unwrap()).await;
        let secret = |link: &Value| link["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let links: Vec<String> = made["links"].as_array().unwrap().iter().map(secret).collect();
        assert_eq!(links.len(), PEOPLE);
        Room { id: made["id"].as_str().unwrap().to_owned(), clinic, links }
    }

    /// Bytes of memory of its own. The program's file comes and goes as the system likes.
    pub fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }

    /// CPU time used so far, by all threads in user and kernel mode.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // The kernel counts 100 ticks a second for user space on every common architecture.
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Hospital {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        child.kill().ok();
        child.wait().ok();
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(admin).await else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    asked.is_ok() && stream.read_to_string(&mut answer).await.is_ok() && answer.starts_with("HTTP/1.1 200")
}

/// What a clinic is called.
pub fn name(clinic: usize) -> String {
    format!("clinic-{clinic}")
}

/// A request as a page of ours makes it.
pub fn page(path: &str, cookie: &str) -> axum::http::request::Builder {
    let request = Request::post(path).header("host", "localhost").header("origin", ORIGIN);
    let request = request.header("content-type", "application/json");
    if cookie.is_empty() { request } else { request.header("cookie", cookie) }
}

/// The answer to a request that is good.
pub async fn ask(visitor: &mut SendRequest<Body>, request: Request<Body>) -> Value {
    let answer = visitor.send_request(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), 65_536).await.unwrap();
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// A door, a store, an audit log, clinics; and room under the caps for everybody at one address.
fn configuration(door: SocketAddr, admin: SocketAddr) -> String {
    let clinics: String = (0..CLINICS)
        .map(|clinic| format!("[[signal.clinic]]\nid = \"{}\"\nname = \"Clinic {clinic}\"\n", name(clinic)))
        .collect();
    format!(
        "[server]\nshards = 2\nstate = \"state\"\n[listen]\nudp = []\ntcp = []\ndoor = [\"{door}\"]\n\
         connections_per_source = 20000\n[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
         [relay]\naddresses = [\"127.0.0.1\"]\n[tokens]\nkeyring = \"keyring.toml\"\ncluster = \"bench\"\n\
         region = \"north\"\n[operator]\nsocket = \"operator.sock\"\n[api]\nkeys = \"api-keys.toml\"\n\
         [mint]\nkey = \"signing.pem\"\nkid = \"{KID}\"\nissuer = \"clinic\"\n\
         urls = [\"turn:localhost:443?transport=udp\"]\n[signal]\norigins = [\"{ORIGIN}\"]\n{clinics}\
         [audit]\ndirectory = \"audit\"\n[admin]\nlisten = \"{admin}\"\n[log]\nlevel = \"warn\"\n"
    )
}

/// An address that is free for TCP and for UDP.
fn free() -> SocketAddr {
    let both = |_| {
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        UdpSocket::bind(address).is_ok().then_some(address)
    };
    (0..50).find_map(both).unwrap()
}
