//! A relay on loopback with one shard, and what its clients say.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hilum::addr::Transport;
use hilum::client::{Credential, Options, TurnClient, TurnUri};
use hilum::clock::SystemClock;
use hilum::listen::{Connections, Identity, Listeners, Pages, PairFiles, Running, Settings, Tls};
use hilum::plane::{self, Mail, Plane, RelayAddress, Tuning};
use hilum::policy::Quota;
use hilum::turn::{Common, Discard, EndCause};
use hilum::wire::{Class, Message, MessageWriter, Method, TransactionId};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::one_shard::{PASSWORD, USER, relay};

/// Longer than anything here takes; only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const LOCALHOST: [u8; 4] = [127, 0, 0, 1];

/// The relay. Its parts end in the order of the fields.
pub(crate) struct World {
    pub(crate) running: Option<Running>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) pair: Pair,
    pub(crate) plane: Plane,
    tcp: SocketAddr,
    secure: SocketAddr,
}

/// A certificate and its key in files.
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) directory: TempDir,
}

impl Pair {
    /// A pair of its own for `localhost`, self-signed.
    pub(crate) fn new() -> Self {
        Self::named(&["localhost", "127.0.0.1"])
    }

    /// A pair of its own for these names, self-signed.
    pub(crate) fn named(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = (directory.path().join("certificate.pem"), directory.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        Self { certificate, key, directory }
    }

    /// A pair of its own for `localhost` with an RSA key, made by openssl.
    pub(crate) fn rsa() -> Self {
        let pair = Self::new();
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=relay"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
            .arg(&pair.key)
            .arg("-out")
            .arg(&pair.certificate)
            .output()
            .expect("Debian's package openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        pair
    }

    pub(crate) fn load(&self) -> Identity {
        Identity::load(&self.files()).unwrap()
    }

    pub(crate) fn files(&self) -> PairFiles {
        PairFiles { certificate: self.certificate.clone(), key: self.key.clone() }
    }
}

/// Settings of a relay with room and patience.
pub(crate) fn generous() -> Settings {
    let anywhere = SocketAddr::from((LOCALHOST, 0));
    Settings {
        tcp: vec![anywhere],
        tls: vec![anywhere],
        door: Vec::new(),
        proxies: Vec::new(),
        stranger_deadline: PATIENCE * 2,
        connections_per_source: 100,
        connections: 1000,
        send_queue: 262_144,
        send_age: PATIENCE,
    }
}

impl World {
    pub(crate) fn start(settings: &Settings) -> Self {
        let pair = Pair::new();
        let tls = Arc::new(Tls::new(pair.load()).unwrap());
        Self::with(settings, pair, tls)
    }

    pub(crate) fn with(settings: &Settings, pair: Pair, tls: Arc<Tls>) -> Self {
        let address = RelayAddress { local: LOCALHOST.into(), external: LOCALHOST.into() };
        let plane = plane::Settings {
            udp: Vec::new(),
            relay: vec![address],
            ports: 20_000..=29_999,
            shards: 1,
            tuning: Tuning::default(),
        };
        let common = Common::new(Quota { total: 1000, per_subject: 1000 }, &[LOCALHOST.into()]);
        let plane = plane::start(plane, SystemClock::start(), |_| relay(&common)).unwrap();
        let listeners = Listeners::bind(settings).unwrap();
        let address = |wanted| listeners.addresses().find(|(transport, _)| *transport == wanted).unwrap().1;
        let (tcp, secure) = (address(Transport::Tcp), address(Transport::Tls));
        let running = listeners.run(plane.gates.clone(), Some(tls.clone()), Pages::default()).unwrap();
        Self { connections: running.connections(), running: Some(running), tls, pair, plane, tcp, secure }
    }

    /// Where a transport is listened to.
    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        if transport == Transport::Tls { self.secure } else { self.tcp }
    }

    /// A connection that says nothing yet.
    pub(crate) async fn connect(&self, transport: Transport) -> TcpStream {
        let stream = TcpStream::connect(self.address(transport)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A client that knows the password.
    pub(crate) async fn client(&self, transport: Transport, options: &Options) -> TurnClient {
        let address = self.address(transport);
        let uri = TurnUri { host: "127.0.0.1".into(), port: address.port(), transport };
        let credential = Credential::new(USER, PASSWORD).unwrap();
        TurnClient::connect_to(&uri, address, &credential, options).await.unwrap()
    }

    /// Waits until something is counted as discarded for this reason.
    pub(crate) async fn discarded(&self, reason: Discard) {
        let [handle] = &self.plane.handles[..] else { panic!("one shard") };
        eventually("it is counted", || {
            handle.send(Mail::Report).ok();
            handle.tally().discards(reason) > 0
        })
        .await;
    }

    /// Waits until so many allocations have ended for this cause, no more and no fewer.
    pub(crate) async fn ended(&self, cause: EndCause, count: u64) {
        let [handle] = &self.plane.handles[..] else { panic!("one shard") };
        eventually("the allocation ends", || {
            // A full mailbox is emptied by the time of the next look.
            handle.send(Mail::Report).ok();
            handle.tally().ended(cause) >= count
        })
        .await;
        assert_eq!(handle.tally().ended(cause), count);
    }
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

/// Reads the answer to the Binding request of this mark.
pub(crate) async fn expect_answer<S: AsyncRead + Unpin>(stream: &mut S, mark: u8) {
    let read = async {
        let mut bytes = vec![0; 20];
        stream.read_exact(&mut bytes).await.unwrap();
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        bytes.resize(20 + length, 0);
        stream.read_exact(&mut bytes[20..]).await.unwrap();
        bytes
    };
    let bytes = timeout(PATIENCE, read).await.expect("an answer");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Success, Method::Binding));
    assert_eq!(message.transaction(), TransactionId([mark; 12]));
}

/// Waits for the relay to close, and returns what it wrote before.
pub(crate) async fn until_closed<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end too: there were bytes that the relay did not read.
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the relay closes the connection").ok();
    bytes
}
