//! A relay that the tests hold in their hands, its doors, and somebody who speaks HTTP to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use hilum::addr::{Family, Transport};
use hilum::api::{
    self, Access, Api, ApiKey, ApiKeys, Caller, Deed, Doors, Minter, NotRevoked, OperatorSocket, Relay, Revoking, Role,
    Status, Unavailable,
};
use hilum::auth::token::{Algorithm, Claims, Limits, PasswordKey};
use hilum::auth::{Revocation, Revoked};
use hilum::listen::{Identity, Tls};
use hilum::mint::SigningKey;
use hilum::time::UnixTime;
use hilum::turn::{AllocationView, Carried, Families, TokenView, Volume};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

/// What time it is for the relay.
pub const NOW: UnixTime = UnixTime::from_secs(1_795_798_151);
/// Far more than any answer takes, and three times the deadline of a connection.
const AT_LAST: Duration = Duration::from_secs(30);

/// A relay with three allocations: two of one call, one of a static user.
#[derive(Default)]
pub struct Puppet {
    revoked: Mutex<Vec<Revocation>>,
    /// What was recorded, a line each.
    pub deeds: Mutex<Vec<String>>,
}

fn allocation(party: Option<&str>, age: u64) -> AllocationView {
    let token = |party: &str| {
        let claims = Claims {
            issuer: "clinic".parse().unwrap(),
            audience: "cluster".parse().unwrap(),
            id: format!("token-of-{party}").parse().unwrap(),
            not_before: NOW,
            expires: NOW.plus_secs(600),
            end: NOW.plus_secs(3600),
            call: "visit-7".parse().unwrap(),
            party: party.parse().unwrap(),
            regions: vec!["north".parse().unwrap()],
            limits: Limits::default(),
            peers: Vec::new(),
        };
        TokenView { claims: Arc::new(claims), kid: "2026-11-27".parse().unwrap() }
    };
    AllocationView {
        token: party.map(token),
        transport: Transport::Udp,
        families: Families::One(Family::V4),
        age: Duration::from_secs(age),
        left: Duration::from_secs(500),
        carried: Carried { up: Volume { packets: 10, bytes: 1000 }, down: Volume { packets: 20, bytes: 2000 } },
        permissions: 1,
        channels: 1,
    }
}

fn spelled(caller: Option<&Caller>) -> String {
    caller.map_or("nobody".to_owned(), |caller| format!("{} as {}", caller.who, caller.role.label()))
}

impl Relay for Puppet {
    fn now(&self) -> UnixTime {
        NOW
    }

    fn status(&self) -> Status {
        let region = "north".parse().ok();
        Status { region, seal: "enforce", call_tokens: true, ready: true, allocations: 3, started: NOW }
    }

    fn survey(&self, of: Option<&Revoked>) -> Result<Vec<AllocationView>, Unavailable> {
        let mut all = vec![allocation(None, 5), allocation(Some("b"), 70), allocation(Some("a"), 60)];
        if let Some(of) = of {
            let covered =
                |view: &AllocationView| view.token.as_ref().is_some_and(|token| of.covers(&token.claims, token.kid));
            all.retain(covered);
        }
        Ok(all)
    }

    fn revocations(&self) -> Vec<Revocation> {
        self.revoked.lock().unwrap().clone()
    }

    fn revoke(&self, revocation: &Revocation, caller: &Caller) -> Result<Revoking, NotRevoked> {
        revocation.validate().map_err(NotRevoked::Invalid)?;
        self.revoked.lock().unwrap().push(*revocation);
        let line = format!("{} revoked a {}", spelled(Some(caller)), revocation.what.label());
        self.deeds.lock().unwrap().push(line);
        Ok(Revoking { ended: self.survey(Some(&revocation.what)).unwrap().len(), warning: None })
    }

    fn drain(&self, draining: bool, caller: &Caller) -> Result<usize, Unavailable> {
        let what = if draining { "drained" } else { "drains no more" };
        self.deeds.lock().unwrap().push(format!("{} {what}", spelled(Some(caller))));
        Ok(3)
    }

    fn record(&self, deed: &Deed<'_>) {
        let line = match deed {
            Deed::Minted { caller, what } => format!("{} minted for a {}", spelled(Some(caller)), what.label()),
            Deed::Refused { action, caller, why } => format!("{} was refused {action}: {why}", spelled(*caller)),
        };
        self.deeds.lock().unwrap().push(line);
    }
}

/// Certificates: of the server, of an authority for clients, and of a stranger.
struct Certificates {
    server: String,
    server_key: String,
    authority: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Self {
        let authority = || {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            server: server.cert.pem(),
            server_key: server.signing_key.serialize_pem(),
            authority: authority(),
            stranger: authority(),
        }
    }
}

/// What a client shows in its handshake.
pub enum Shows<'n> {
    /// No certificate.
    Nothing,
    /// One of the authority, for this name.
    Ours(&'n str),
    /// One of an authority that nobody trusts, for this name.
    Strange(&'n str),
}

/// A relay with both doors open.
pub struct World {
    pub puppet: Arc<Puppet>,
    pub api: Arc<Api>,
    pub socket: PathBuf,
    pub network: SocketAddr,
    /// The keys of the three roles.
    pub keys: BTreeMap<Role, Zeroizing<String>>,
    pub access: Arc<Access>,
    certificates: Certificates,
    _doors: Doors,
    _directory: TempDir,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Answer {
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

pub fn minter() -> Minter {
    let (key, _) = SigningKey::generate(Algorithm::EdDsa).unwrap();
    Minter {
        key,
        kid: "2026-11-27".parse().unwrap(),
        password: PasswordKey::new([5; 32]),
        issuer: "clinic".parse().unwrap(),
        audience: "cluster".parse().unwrap(),
        regions: vec!["north".parse().unwrap()],
        urls: vec!["turn:turn.clinic.example:3478?transport=udp".to_owned()],
    }
}

pub async fn world() -> World {
    let mut keys = BTreeMap::new();
    let mut stored = Vec::new();
    for role in Role::ALL {
        let (key, text) = ApiKey::generate(role, String::new(), NOW).unwrap();
        stored.push(key);
        keys.insert(role, text);
    }
    let certificates = [("monitor.clinic.example".to_owned(), Role::Viewer)].into();
    let access = Arc::new(Access {
        keys: ApiKeys::new(stored).unwrap(),
        certificates,
        minter: Some(minter()),
        ..Access::default()
    });
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("operator.sock");
    let certificates = Certificates::new();
    let identity = Identity::from_pem(certificates.server.as_bytes(), certificates.server_key.as_bytes()).unwrap();
    let shown = Tls::new(identity).unwrap().certificate();
    let authorities = [certificates.authority.der().clone()];
    let config = Arc::new(ArcSwap::from_pointee(api::server_config(shown, &authorities).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let network = listener.local_addr().unwrap();
    let puppet = Arc::new(Puppet::default());
    let api = Api::new(puppet.clone(), access.clone());
    let doors = api::open(&api, Some(OperatorSocket::bind(&socket).unwrap()), vec![listener], Some(&config)).unwrap();
    World { puppet, api, socket, network, keys, access, certificates, _doors: doors, _directory: directory }
}

/// A request as it goes over the wire.
pub fn request(method: &str, target: &str, more: &str, body: Option<&str>) -> String {
    let length = body.map_or_else(String::new, |body| format!("Content-Length: {}\r\n", body.len()));
    let kind = if body.is_some() && !more.contains("Content-Type") { "Content-Type: application/json\r\n" } else { "" };
    format!("{method} {target} HTTP/1.1\r\nHost: relay\r\n{kind}{length}{more}\r\n{}", body.unwrap_or_default())
}

/// Sends, and reads until the relay closes.
pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Option<Answer> {
    // Who is refused early may not get to send everything.
    stream.write_all(request.as_bytes()).await.ok();
    let mut bytes = Vec::new();
    // TLS without a closing alert, or a reset after an early answer, is an end as well.
    timeout(AT_LAST, stream.read_to_end(&mut bytes)).await.expect("the relay closes").ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).ok()? })
}

/// A connection over TLS to a relay with this certificate; `None` if the handshake fails at once.
pub async fn secured(
    network: SocketAddr,
    server: &str,
    shown: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> Option<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
    };
    let stream = TcpStream::connect(network).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
}

impl World {
    /// Over the Unix socket, as the user that the test runs as.
    pub async fn local(&self, method: &str, target: &str, body: Option<&str>) -> Answer {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        exchange(stream, &request(method, target, "", body)).await.unwrap()
    }

    /// Over the network, with the key of a role.
    pub async fn remote(&self, role: Role, method: &str, target: &str, body: Option<&str>) -> Answer {
        let more = format!("Authorization: Bearer {}\r\n", self.keys[&role].as_str());
        self.shown(Shows::Nothing, &request(method, target, &more, body)).await.unwrap()
    }

    /// Over the network, with a certificate or without; `None` if the handshake fails.
    pub async fn shown(&self, shows: Shows<'_>, request: &str) -> Option<Answer> {
        let stream = self.connect(shows).await?;
        exchange(stream, request).await
    }

    /// A connection over TLS; `None` if the handshake fails at once.
    pub async fn connect(&self, shows: Shows<'_>) -> Option<TlsStream<TcpStream>> {
        let bearing = |issuer: &CertifiedIssuer<'static, KeyPair>, name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
            (vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        };
        let shown = match shows {
            Shows::Nothing => None,
            Shows::Ours(name) => Some(bearing(&self.certificates.authority, name)),
            Shows::Strange(name) => Some(bearing(&self.certificates.stranger, name)),
        };
        secured(self.network, &self.certificates.server, shown).await
    }

    /// What was recorded.
    pub fn deeds(&self) -> Vec<String> {
        self.puppet.deeds.lock().unwrap().clone()
    }

    /// How many requests had these labels.
    pub fn counted(&self, route: &str, outcome: &str) -> u64 {
        let all = self.api.counts().all();
        all.into_iter().find(|(labels, _)| *labels == [route, outcome]).unwrap().1
    }
}
