//! A relay on loopback with an audit log, an issuer of call tokens, and parties who call each other.

use std::future::Future;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hilum::addr::Transport;
use hilum::app::{self, App};
use hilum::audit::fact::CallEnded;
use hilum::audit::verify::{Evidence, Record, Verdict, verify};
use hilum::audit::{Fact, PublicKey};
use hilum::auth::token::{Algorithm, Claims, Kid, Limits, PasswordKey};
use hilum::auth::{Key, Keyring, SharedSecret, Validity, ephemeral_password, ephemeral_username};
use hilum::client::{
    Allocation, ClientError, Credential, Options, Rehearsal, RequestFailure, Schedule, Side, TurnClient, TurnUri,
};
use hilum::clock::SystemClock;
use hilum::config;
use hilum::mint::SigningKey;
use hilum::time::UnixTime;
use hilum::wire::{ChannelNumber, ErrorCode};
use tempfile::TempDir;

/// Far more than anything takes on loopback: only a failing test waits for it.
const SOON: Duration = Duration::from_secs(20);
/// How often something is looked at that happens by itself.
const LOOK: Duration = Duration::from_millis(50);
pub const SECRET: &str = "open sesame, said Ali Baba";
pub const KID: &str = "2026-11";
/// One that no pseudonym or hash can hold by chance.
pub const CALL: &str = "visit-Qz7xKv-of-November";

/// Tokens so far: each has an id of its own, and a quota.
static MINTED: AtomicU32 = AtomicU32::new(0);

/// A directory with keys, a configuration and, in time, a log.
pub struct Place {
    folder: TempDir,
    key: SigningKey,
    password: PasswordKey,
}

impl Place {
    pub fn new() -> Self {
        let (key, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
        let place = Self { folder: tempfile::tempdir().unwrap(), key, password: PasswordKey::new([5; 32]) };
        place.keyring(&[KID]);
        place.write("secret", SECRET);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        path
    }

    /// Writes a keyring of these ids.
    pub fn keyring(&self, kids: &[&str]) {
        let start = UnixTime::from_secs(1_700_000_000);
        let validity = Validity { created: start, not_before: start, not_after: None };
        let key = |kid: &&str| {
            let public = self.key.public().unwrap();
            Key::new(kid.parse().unwrap(), public, PasswordKey::new(*self.password.as_bytes()), validity, None).unwrap()
        };
        let keyring = Keyring::new(kids.iter().map(key).collect()).unwrap();
        self.write("keyring.toml", &config::write_keyring(&keyring));
    }

    /// Writes a configuration for one address, any port; `more` goes to its end, in `[audit]`.
    pub fn configure(&self, address: SocketAddr, admin: &str, more: &str) -> PathBuf {
        let text = format!(
            "[server]\nshards = 2\n[listen]\nudp = [\"{address}\"]\ntcp = [\"{address}\"]\n\
             [relay]\naddresses = [\"127.0.0.1\"]\n[auth]\nshared_secret_files = [\"secret\"]\n\
             [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"cluster\"\nregion = \"eu-north\"\n\
             [admin]\nlisten = \"{admin}\"\n[audit]\ndirectory = \"audit\"\nnode = \"relay-1\"\n{more}\n"
        );
        self.write("hilum.toml", &text)
    }

    /// Starts a relay in this process.
    pub async fn start(&self, more: &str) -> App {
        let file = self.configure("127.0.0.1:0".parse().unwrap(), "", more);
        app::start(config::read(&file).unwrap(), SystemClock::start()).await.unwrap()
    }

    pub fn log(&self) -> PathBuf {
        self.path("audit")
    }

    /// A token for a call, as a credential.
    pub fn token(&self, call: &str, party: &str) -> Credential {
        let now = SystemClock::start().now().unix;
        let claims = Claims {
            issuer: "clinic".parse().unwrap(),
            audience: "cluster".parse().unwrap(),
            id: format!("token-Qz7xKv-{}", MINTED.fetch_add(1, Ordering::Relaxed)).parse().unwrap(),
            not_before: UnixTime::from_secs(now.as_secs() - 60),
            expires: now.plus_secs(600),
            end: now.plus_secs(3600),
            call: call.parse().unwrap(),
            party: party.parse().unwrap(),
            regions: vec!["eu-north".parse().unwrap()],
            limits: Limits::default(),
            peers: Vec::new(),
        };
        let kid: Kid = KID.parse().unwrap();
        let minted = self.key.mint(kid, &self.password, &claims).unwrap();
        Credential::new(minted.username, minted.password.as_bytes()).unwrap()
    }
}

/// A time-limited credential of the shared secret.
pub fn shared(label: &str) -> Credential {
    let username = ephemeral_username(SystemClock::start().now().unix.plus_secs(600), label);
    let secret = SharedSecret::new(SECRET.as_bytes().to_vec()).unwrap();
    let password = ephemeral_password(&secret, username.as_bytes());
    Credential::new(username, password).unwrap()
}

/// A client with an allocation.
pub struct Caller {
    pub client: TurnClient,
    pub allocation: Allocation,
}

pub async fn connect(server: SocketAddr, transport: Transport, credential: &Credential) -> TurnClient {
    let uri = TurnUri { host: server.ip().to_string(), port: server.port(), transport };
    let options = Options { schedule: Schedule::IMPATIENT, ..Options::plain() };
    soon(TurnClient::connect(&uri, credential, &options)).await.unwrap()
}

/// Allocates; what the relay says if it refuses.
pub async fn allocate(server: SocketAddr, transport: Transport, credential: &Credential) -> Result<Caller, ErrorCode> {
    let mut client = connect(server, transport, credential).await;
    match soon(client.allocate(None, None)).await {
        Ok(allocation) => Ok(Caller { client, allocation }),
        Err(ClientError::Request(RequestFailure::Refused(refusal))) => Err(refusal.code),
        Err(other) => panic!("{other}"),
    }
}

/// Two parties of a call, the second over TCP, with channels to each other.
pub async fn meet(place: &Place, app: &App, call: &str) -> [Caller; 2] {
    let addresses = app.addresses();
    let mut ada = allocate(addresses.udp[0], Transport::Udp, &place.token(call, "a")).await.unwrap();
    let mut ben = allocate(addresses.tcp[0], Transport::Tcp, &place.token(call, "b")).await.unwrap();
    let (of_ada, of_ben) = (ada.allocation.relayed, ben.allocation.relayed);
    soon(ada.client.channel_bind(ChannelNumber::FIRST, of_ben)).await.unwrap();
    soon(ben.client.channel_bind(ChannelNumber::FIRST, of_ada)).await.unwrap();
    [ada, ben]
}

/// Sends a datagram from one to the other, and waits until it has arrived.
pub async fn pass(from: &mut Caller, to: &mut Caller, datagram: &[u8]) {
    soon(from.client.send_channel(ChannelNumber::FIRST, datagram)).await.unwrap();
    assert_eq!(soon(to.client.receive()).await.unwrap().data, datagram);
}

/// Shakes hands and sends so many packets each way; the bytes that each has sent.
pub async fn talk([ada, ben]: &mut [Caller; 2], packets: u32) -> [u64; 2] {
    let call = Rehearsal::new([7; 24]);
    let mut sent = [0, 0];
    for (side, datagram) in call.handshake() {
        match side {
            Side::Client => pass(ada, ben, &datagram).await,
            Side::Server => pass(ben, ada, &datagram).await,
        }
        sent[usize::from(side == Side::Server)] += datagram.len() as u64;
    }
    for number in 0..packets {
        let packet = call.sealed(number, 172);
        pass(ada, ben, &packet).await;
        pass(ben, ada, &packet).await;
        sent = sent.map(|bytes| bytes + 172);
    }
    sent
}

pub async fn hang_up(callers: [Caller; 2]) {
    for caller in callers {
        soon(caller.client.close()).await.unwrap();
    }
}

pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it takes too long")
}

/// Waits for something that happens by itself.
pub async fn until(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !happened().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}

/// The log, verified with the keys beside it, and its records.
pub fn read(directory: &Path) -> (Verdict, Vec<Record>) {
    let keys = PublicKey::read(&directory.join("audit.pub")).unwrap();
    let mut records = Vec::new();
    let verdict = verify(directory, &Evidence { keys, ..Evidence::default() }, |record, _| records.push(record));
    (verdict.unwrap(), records)
}

/// The facts of a log that verifies.
pub fn good(directory: &Path) -> Vec<Fact> {
    let (verdict, records) = read(directory);
    assert!(verdict.is_good(), "{:?}", verdict.faults);
    records.into_iter().map(|record| record.fact).collect()
}

pub fn kinds(facts: &[Fact]) -> Vec<&'static str> {
    facts.iter().map(Fact::kind).filter(|kind| *kind != "checkpoint").collect()
}

pub fn ended(facts: &[Fact]) -> Vec<&CallEnded> {
    facts.iter().filter_map(Fact::call_ended).collect()
}

/// Every byte of the log.
pub fn text(directory: &Path) -> String {
    let segments = hilum::audit::disk::segments(directory).unwrap();
    segments.iter().map(|(_, path)| std::fs::read_to_string(path).unwrap()).collect()
}

/// An address that is free for TCP and for UDP.
pub fn free() -> SocketAddr {
    let both = |_| {
        let stream = TcpListener::bind("127.0.0.1:0").ok()?;
        let address = stream.local_addr().ok()?;
        UdpSocket::bind(address).is_ok().then_some(address)
    };
    (0..50).find_map(both).unwrap()
}

/// `hilum serve` as a process of its own; `first` are commands of a shell that come before. A file beyond a limit is then
/// an error, as on a full disk, and no signal.
pub fn serve(file: &Path, first: &str) -> Child {
    let command = format!("trap '' XFSZ; {first} exec \"$0\" serve --config \"$1\"");
    let mut shell = Command::new("bash");
    shell.args(["-c", &command, env!("CARGO_BIN_EXE_hilum")]).arg(file);
    shell.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// How large a file a process may write from now on: bytes, or `unlimited`.
pub fn limit_disk(process: &Child, limit: &str) {
    let pid = process.id().to_string();
    let told = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}:")]).status();
    assert!(told.expect("prlimit is of Debian's package util-linux").success());
}
