//! A door on loopback with one shard behind it and a few pages, and who comes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Request};
use axum::routing::{any, get, post};
use hilum::addr::{ClientAddr, Transport};
use hilum::client::{Credential, Options, TurnClient, TurnUri};
use hilum::clock::SystemClock;
use hilum::listen::{Arrival, Connections, Identity, LARGEST_BODY, Listeners, Pages, Running, Settings, Tls};
use hilum::plane::{self, Plane, RelayAddress, Tuning};
use hilum::policy::Quota;
use hilum::turn::Common;
use hilum::wire::{AttributeType, Class, Message, MessageWriter, Method, TransactionId, decode_xor_address};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) use super::one_shard::{PASSWORD, USER, relay};

/// Longer than anything here takes; only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const LOCALHOST: [u8; 4] = [127, 0, 0, 1];
/// The name that the certificate is for, beside `localhost`.
pub(crate) const NAME: &str = "relay.clinic.example";

/// The relay. Its parts end in the order of the fields.
pub(crate) struct World {
    pub(crate) running: Option<Running>,
    pub(crate) connections: Arc<Connections>,
    certificate: CertificateDer<'static>,
    /// With the certificate in `certificate.pem`.
    pub(crate) folder: TempDir,
    _plane: Plane,
    pub(crate) door: SocketAddr,
}

/// Settings of a door with room and patience.
pub(crate) fn generous() -> Settings {
    Settings {
        tcp: Vec::new(),
        tls: Vec::new(),
        door: vec![SocketAddr::from((LOCALHOST, 0))],
        proxies: Vec::new(),
        stranger_deadline: PATIENCE * 2,
        connections_per_source: 100,
        connections: 1000,
        send_queue: 262_144,
        send_age: PATIENCE,
    }
}

fn pages() -> Pages {
    let who = |ConnectInfo(client): ConnectInfo<ClientAddr>| async move { client.socket().to_string() };
    let secure = Router::new()
        .route("/", get(|| async { "the page" }))
        .route("/who", get(who))
        .route("/echo", post(|body: String| async move { body }))
        .route("/large", get(|| async { "x".repeat(8 << 20) }))
        .route("/version", any(|request: Request| async move { format!("{:?}", request.version()) }))
        .route("/host", any(|request: Request| async move { format!("{:?}", request.headers()["host"]) }))
        .route("/socket", any(|upgrade: WebSocketUpgrade| async move { upgrade.on_upgrade(echo) }));
    let plain = Router::new().route("/.well-known/acme-challenge/{token}", get(|| async { "the answer" }));
    Pages { secure, plain }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(frame)) = socket.recv().await {
        if matches!(frame, Frame::Text(_)) && socket.send(frame).await.is_err() {
            return;
        }
    }
}

impl World {
    pub(crate) fn start(settings: &Settings) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), NAME.to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = made.signing_key.serialize_pem();
        let tls = Tls::new(Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap()).unwrap();
        let plane = plane::Settings {
            udp: Vec::new(),
            relay: vec![RelayAddress { local: LOCALHOST.into(), external: LOCALHOST.into() }],
            ports: 20_000..=29_999,
            shards: 1,
            tuning: Tuning::default(),
        };
        let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[LOCALHOST.into()]);
        let plane = plane::start(plane, SystemClock::start(), |_| relay(&common)).unwrap();
        let listeners = Listeners::bind(settings).unwrap();
        let door = listeners.doors().next().unwrap();
        let running = listeners.run(plane.gates.clone(), Some(Arc::new(tls)), pages()).unwrap();
        let certificate = made.cert.der().clone();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
        Self { connections: running.connections(), running: Some(running), certificate, folder, _plane: plane, door }
    }

    /// A connection that says nothing yet.
    pub(crate) async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.door).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A handshake that offers these protocols, by this name.
    pub(crate) async fn shake(&self, offered: &[&str], name: &'static str) -> std::io::Result<TlsStream<TcpStream>> {
        self.shake_over(self.connect().await, offered, name).await
    }

    /// The same over a connection that may have said something.
    pub(crate) async fn shake_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: S,
        offered: &[&str],
        name: &'static str,
    ) -> std::io::Result<TlsStream<S>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let shaking = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), socket);
        timeout(PATIENCE, shaking).await.expect("an end of the handshake")
    }

    /// An answer over HTTP/1.1 and TLS on a connection of its own. `asked` ends with the line before the last one.
    pub(crate) async fn asks(&self, name: &'static str, asked: &str) -> Answer {
        let mut stream = self.shake(&["http/1.1"], name).await.unwrap();
        ask(&mut stream, asked).await
    }

    /// A TURN client that knows the password.
    pub(crate) async fn client(&self, transport: Transport) -> TurnClient {
        let uri = TurnUri { host: "127.0.0.1".into(), port: self.door.port(), transport };
        let credential = Credential::new(USER, PASSWORD).unwrap();
        TurnClient::connect_to(&uri, self.door, &credential, &options()).await.unwrap()
    }

    /// Waits until exactly so many connections have turned out to be this.
    pub(crate) async fn arrived(&self, arrival: Arrival, count: u64) {
        eventually(arrival.label(), || self.connections.door().arrivals(arrival) >= count).await;
        assert_eq!(self.connections.door().arrivals(arrival), count, "{}", arrival.label());
    }

    /// Waits until nobody is there.
    pub(crate) async fn empties(&self) {
        let live = |transport| self.connections.live(transport);
        eventually("nobody is there", || {
            live(Transport::Tcp) + live(Transport::Tls) + self.connections.visitors() == 0
        })
        .await;
    }
}

/// Who does not look at the certificate of a server.
pub(crate) fn options() -> Options {
    Options::with_trust(&hilum::client::Trust::Anyone).unwrap()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(this, value)| this.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// Asks, and reads until the relay closes.
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, asked: &str) -> Answer {
    stream.write_all(format!("{asked}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let bytes = until_closed(stream).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// Reads to the end of a head.
pub(crate) async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, reading).await.expect("a head");
    String::from_utf8(head).unwrap()
}

/// Looks again and again at what another thread does.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let looking = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("in {PATIENCE:?} never: {what}"));
}

/// A Binding request that is known by its mark.
pub(crate) fn binding(mark: u8) -> Vec<u8> {
    let mut buffer = vec![0; 100];
    let length =
        MessageWriter::new(&mut buffer, Class::Request, Method::Binding, TransactionId([mark; 12])).finish().unwrap();
    buffer.truncate(length);
    buffer
}

/// Asks who the relay takes this client for, on a connection that may be of any kind.
pub(crate) async fn mapped<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, mark: u8) -> Option<SocketAddr> {
    stream.write_all(&binding(mark)).await.unwrap();
    stream.flush().await.unwrap();
    answer(stream, mark).await
}

/// Reads the answer to the Binding request of this mark.
pub(crate) async fn answer<S: AsyncRead + Unpin>(stream: &mut S, mark: u8) -> Option<SocketAddr> {
    let read = async {
        let mut bytes = vec![0; 20];
        stream.read_exact(&mut bytes).await.ok()?;
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        bytes.resize(20 + length, 0);
        stream.read_exact(&mut bytes[20..]).await.ok()?;
        Some(bytes)
    };
    let bytes = timeout(PATIENCE, read).await.expect("an answer or an end")?;
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Success, Method::Binding));
    assert_eq!(message.transaction(), TransactionId([mark; 12]));
    let value = message.value(AttributeType::XOR_MAPPED_ADDRESS).unwrap();
    Some(decode_xor_address(value, message.transaction()).unwrap())
}

/// Waits for the relay to close, and returns what it wrote before.
pub(crate) async fn until_closed<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end too: there were bytes that the relay did not read.
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the relay closes the connection").ok();
    bytes
}

/// The largest body that is taken, and one byte more.
pub(crate) const BODIES: [(usize, u16); 2] = [(LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)];
