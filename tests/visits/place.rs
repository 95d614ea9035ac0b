//! A whole relay with a door, an audit log and visits, in this process, and those who come to it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hilum::addr::Transport;
use hilum::api::{ApiKey, ApiKeys, Role};
use hilum::app::{self, App};
use hilum::auth::token::{Algorithm, PasswordKey};
use hilum::auth::{Key, Keyring, Validity};
use hilum::client::{Allocation, ClientError, Credential, Options, RequestFailure, Schedule, TurnClient, TurnUri};
use hilum::clock::SystemClock;
use hilum::config;
use hilum::mint::SigningKey;
use hilum::time::UnixTime;
use hilum::wire::ErrorCode;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};
use totp_rs::{Secret, TOTP};

pub const ORIGIN: &str = "https://visit.clinic.example";
const KID: &str = "2026-11";
/// Far more than anything here takes.
pub const AT_LAST: Duration = Duration::from_secs(30);

pub struct Place {
    folder: TempDir,
    app: std::sync::Mutex<Option<App>>,
    /// Where the relay runs as a process of its own: itself, and its door.
    process: Option<(Child, SocketAddr)>,
    key: String,
    certificate: CertificateDer<'static>,
    clock: SystemClock,
}

pub fn uid() -> u32 {
    nix::unistd::Uid::effective().as_raw()
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    path
}

impl Place {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more in its configuration.
    pub async fn start_with(more: &str) -> Self {
        let place = Self::prepared();
        let text = std::fs::read_to_string(place.path("hilum.toml")).unwrap();
        write(&place.folder, "hilum.toml", &(text + more));
        place.run().await;
        place
    }

    /// What runs goes on in the next process: the relay has a directory for that, and a port that it can be found at again.
    pub async fn lasting() -> Self {
        let place = Self::prepared();
        let text = std::fs::read_to_string(place.path("hilum.toml")).unwrap();
        let mut text = text.replacen("state = ", "runtime = \"run\"\nstate = ", 1);
        for listens in ["udp", "door"] {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            text = text.replacen(&format!("{listens} = [\"127.0.0.1:0\"]"), &format!("{listens} = [\"{free}\"]"), 1);
        }
        write(&place.folder, "hilum.toml", &text);
        place.run().await;
        place
    }

    /// The same, with a door that receives operators as well.
    pub async fn start_open() -> Self {
        let place = Self::prepared();
        let path = place.path("hilum.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("[api]\n", "[api]\ndoor = true\n")).unwrap();
        place.run().await;
        place
    }

    /// The relay leaves what runs to the next process, which begins.
    pub async fn hand_over(&self) {
        let app = self.app.lock().unwrap().take().unwrap();
        app.leave().await;
        self.run().await;
    }

    /// Whether these bytes stand in the journal.
    pub fn journal_has(&self, bytes: &[u8]) -> bool {
        let journal = std::fs::read(self.path("run/hilum.journal")).unwrap();
        journal.windows(bytes.len()).any(|window| window == bytes)
    }

    /// The next process finds the journal as it is at this moment, as after a kill.
    pub async fn crash(&self) {
        let journal = self.path("run/hilum.journal");
        let kept = std::fs::read(&journal).unwrap();
        self.stop().await;
        std::fs::write(&journal, kept).unwrap();
        std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.run().await;
    }

    /// The same as a process of its own, with another configuration that has its door there.
    pub async fn process(door: SocketAddr, configuration: &str) -> Self {
        let mut place = Self::prepared();
        let file = write(&place.folder, "hilum.toml", configuration);
        let output = || std::fs::OpenOptions::new().create(true).append(true).open(place.path("output")).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_hilum"));
        serve.args(["serve", "--config"]).arg(file).current_dir(place.folder.path());
        let child = serve.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn().unwrap();
        place.process = Some((child, door));
        soon("the relay answers", async || {
            let there = UnixStream::connect(place.path("operator.sock")).await.is_ok();
            there && place.operator("GET", "/v1/accounts", &Value::Null).await["accounts"].is_array()
        })
        .await;
        place
    }

    /// All that a relay needs, and none that runs.
    fn prepared() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (signing, pem) = SigningKey::generate(Algorithm::EdDsa).unwrap();
        write(&folder, "signing.pem", &pem);
        write(&folder, "secret", "open sesame, said Ali Baba");
        let start = UnixTime::from_secs(1_700_000_000);
        let validity = Validity { created: start, not_before: start, not_after: None };
        let key = Key::new(KID.parse().unwrap(), signing.public().unwrap(), PasswordKey::new([5; 32]), validity, None);
        write(&folder, "keyring.toml", &config::write_keyring(&Keyring::new(vec![key.unwrap()]).unwrap()));
        let (api_key, shown) = ApiKey::generate(Role::Issuer, "records".to_owned(), start).unwrap();
        write(&folder, "api-keys.toml", &config::write_api_keys(&ApiKeys::new(vec![api_key]).unwrap()));
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write(&folder, "certificate.pem", &pair.cert.pem());
        write(&folder, "key.pem", &pair.signing_key.serialize_pem());
        write(
            &folder,
            "hilum.toml",
            &format!(
                "[server]\nshards = 2\nstate = \"state\"\n[listen]\nudp = [\"127.0.0.1:0\"]\ntcp = []\ndoor = [\"127.0.0.1:0\"]\n\
                 [tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n\
                 [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"cluster\"\nregion = \"eu-north\"\n\
                 [operator]\nsocket = \"operator.sock\"\n[api]\nkeys = \"api-keys.toml\"\n\
                 [mint]\nkey = \"signing.pem\"\nkid = \"{KID}\"\nissuer = \"clinic\"\nurls = [\"turn:localhost:443?transport=udp\"]\n\
                 [signal]\norigins = [\"{ORIGIN}\"]\n[[signal.clinic]]\nid = \"physio\"\nname = \"Physiotherapy\"\n\
                 [admin]\nlisten = \"\"\n[audit]\ndirectory = \"audit\"\nnode = \"relay-1\"\n"
            ),
        );
        write(&folder, "webhook-secret", "whsec_aGlsdW0gdGVsbHMgd2hhdCBpcyBzbywgYW5kIG5vIG1vcmU=");
        let certificate = CertificateDer::from_pem_slice(pair.cert.pem().as_bytes()).unwrap();
        let clock = SystemClock::start();
        let app = std::sync::Mutex::new(None);
        Self { folder, app, process: None, key: shown.to_string(), certificate, clock }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().0.id()
    }

    /// Has the process end as a service manager does, and waits for it.
    pub async fn terminate(&mut self) {
        let (child, _) = self.process.as_mut().unwrap();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        soon("the relay ends", async || child.try_wait().unwrap().is_some()).await;
    }

    async fn run(&self) {
        let read = config::read(&self.folder.path().join("hilum.toml")).unwrap_or_else(|faults| panic!("{faults}"));
        let app = app::start(read, self.clock).await.unwrap();
        *self.app.lock().unwrap() = Some(app);
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    pub async fn stop(&self) {
        let app = self.app.lock().unwrap().take().unwrap();
        app.stop().await;
    }

    fn with<T>(&self, look: impl FnOnce(&App) -> T) -> T {
        look(self.app.lock().unwrap().as_ref().unwrap())
    }

    pub fn door(&self) -> SocketAddr {
        if let Some((_, door)) = &self.process {
            return *door;
        }
        self.with(|app| app.addresses().door[0])
    }

    /// Every path of the door.
    pub fn door_paths(&self) -> Vec<&'static str> {
        self.with(|app| app.door_paths().to_vec())
    }

    /// The key of the hospital's system.
    pub fn bearer(&self) -> &str {
        &self.key
    }

    pub fn udp(&self) -> SocketAddr {
        self.with(|app| app.addresses().udp[0])
    }

    pub fn allocations(&self) -> usize {
        tokio::task::block_in_place(|| self.with(|app| app.control().survey(None).unwrap().len()))
    }

    pub fn now(&self) -> u64 {
        self.clock.now().unix.as_secs()
    }

    /// Seconds, to measure by.
    pub fn clock(&self) -> u64 {
        self.clock.now().moment.as_secs()
    }

    /// Every line of the audit log.
    pub fn log(&self) -> String {
        let files = std::fs::read_dir(self.folder.path().join("audit")).unwrap();
        files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()).collect()
    }

    pub async fn tls(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = TcpStream::connect(self.door()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        timeout(AT_LAST, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap().unwrap()
    }

    /// Asks through the door: the status, the head as it came, and the body.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &Value) -> (u16, String, Value) {
        let (status, head, body) = self.raw(method, path, headers, body).await;
        (status, head, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Asks as a page does that shows something: the status, the head and the body as it came.
    pub async fn get(&self, path: &str, cookie: &str) -> (u16, String, String) {
        self.raw("GET", path, &format!("cookie: {cookie}\r\n"), &Value::Null).await
    }

    async fn raw(&self, method: &str, path: &str, headers: &str, body: &Value) -> (u16, String, String) {
        let mut stream = self.tls().await;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             {headers}content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A server that closes without close_notify has said all of its body by its length.
        timeout(AT_LAST, stream.read_to_end(&mut bytes)).await.unwrap().ok();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_owned(), body.to_owned())
    }

    /// Asks as the hospital's own system does.
    pub async fn key(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = self.ask(method, path, &format!("authorization: Bearer {}\r\n", self.key), body).await;
        (status, body)
    }

    /// Asks as a page does.
    pub async fn page(&self, path: &str, cookie: &str, body: &Value) -> (u16, Value) {
        let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
        let (status, _, body) = self.ask("POST", path, &format!("origin: {ORIGIN}\r\n{cookie}"), body).await;
        (status, body)
    }

    /// What an operator's page asks for.
    pub async fn status(&self, cookie: &str) -> Value {
        let (status, _, body) =
            self.ask("GET", "/v1/staff/status", &format!("cookie: {cookie}\r\n"), &Value::Null).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Signs in; the cookie.
    pub async fn sign_in(&self, asked: &Value) -> String {
        let origin = format!("origin: {ORIGIN}\r\n");
        let (status, head, body) = self.ask("POST", "/v1/staff/signin", &origin, asked).await;
        assert_eq!(status, 200, "{body}");
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).unwrap();
        line["set-cookie: ".len()..].split(';').next().unwrap().to_owned()
    }

    /// Asks through the operator's socket.
    pub async fn operator(&self, method: &str, path: &str, body: &Value) -> Value {
        self.local(method, path, body).await.1
    }

    /// The same, with the status.
    pub async fn local(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.folder.path().join("operator.sock")).await.unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        timeout(AT_LAST, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    pub async fn socket(&self) -> Socket {
        let mut request = "wss://localhost/v1/signal".into_client_request().unwrap();
        request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "hilum.v1".parse().unwrap());
        Socket(timeout(AT_LAST, client_async(request, self.tls().await)).await.unwrap().unwrap().0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.process {
            // It has ended, unless the test has failed.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

pub struct Socket(WebSocketStream<TlsStream<TcpStream>>);

impl Socket {
    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub async fn hello(&mut self, ticket: &Value) {
        self.greeted(ticket).await;
    }

    /// Says hello; the welcome.
    pub async fn greeted(&mut self, ticket: &Value) -> Value {
        self.say(json!({"t": "hello", "v": 1, "ticket": ticket})).await;
        self.until("welcome").await
    }

    /// Comes back by the word of a welcome: the next one.
    pub async fn resume(&mut self, welcome: &Value) -> Value {
        self.say(json!({"t": "resume", "v": 1, "resume": welcome["resume"], "last": 0})).await;
        self.until("welcome").await
    }

    /// The next message of a type.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            match timeout(AT_LAST, self.0.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["t"] == kind {
                        return message;
                    }
                }
                other => panic!("{kind} is waited for, and there is {other:?}"),
            }
        }
    }

    /// The number that it is closed with.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(AT_LAST, self.0.next()).await.unwrap() {
                Some(Ok(Message::Close(frame))) => return frame.map_or(0, |frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 0,
            }
        }
    }
}

/// An allocation with credentials as a browser gets them.
pub async fn allocate(
    server: SocketAddr,
    transport: Transport,
    turn: &Value,
) -> Result<(TurnClient, Allocation), ErrorCode> {
    let text = |name: &str| turn[name].as_str().unwrap();
    let credential = Credential::new(text("username"), text("credential").as_bytes()).unwrap();
    let uri = TurnUri { host: server.ip().to_string(), port: server.port(), transport };
    let options = Options { schedule: Schedule::IMPATIENT, ..Options::plain() };
    let mut client = timeout(AT_LAST, TurnClient::connect(&uri, &credential, &options)).await.unwrap().unwrap();
    match timeout(AT_LAST, client.allocate(None, None)).await.unwrap() {
        Ok(allocation) => Ok((client, allocation)),
        Err(ClientError::Request(RequestFailure::Refused(refusal))) => Err(refusal.code),
        Err(other) => panic!("{other}"),
    }
}

/// The code of an authenticator that was given this link.
pub fn code(link: &str, now: u64) -> String {
    let secret = link.split_once("secret=").unwrap().1.split('&').next().unwrap();
    let bytes = Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
    TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, 30, bytes).unwrap().generate(now)
}

/// Waits until something is so.
pub async fn soon(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(AT_LAST, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
