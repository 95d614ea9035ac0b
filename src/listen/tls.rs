//! TLS: what is offered, and the certificates, which can be replaced while connections run.

use core::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ResolvesServerCert;
use rustls::{ServerConfig, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::identities::{Current, Identities};
use crate::acme::{self, Challenges};

/// The application protocol of TURN (RFC 7443 §3).
pub(super) const TURN: &[u8] = b"stun.turn";
/// Those of the web (RFC 9113 §3.2, RFC 7301 §6).
pub(super) const HTTP_2: &[u8] = b"h2";
pub(super) const HTTP_1: &[u8] = b"http/1.1";

/// How TLS connections are accepted: TLS 1.3, and 1.2 with ephemeral key exchange and authenticated encryption only; in
/// TLS 1.3 a hybrid key exchange with ML-KEM where the client has one (X25519MLKEM768); application protocol `stun.turn`,
/// if the client offers any, and on the door those of the web beside it; `acme-tls/1` to an authority that looks for a
/// proof; no early data, which could be replayed.
pub struct Tls {
    acceptor: TlsAcceptor,
    /// The same with the protocols of the door.
    door: TlsAcceptor,
    current: Arc<Current>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tls {{ {:?} }}", self.current)
    }
}

impl Tls {
    /// Shows `identities` to clients.
    ///
    /// # Errors
    /// The library was built without what is needed: a fault of the build.
    pub fn new(identities: impl Into<Identities>) -> Result<Self, rustls::Error> {
        let current = Arc::new(Current::new(identities.into()));
        // Its suites for TLS 1.2 are all ECDHE with AES-GCM or ChaCha20-Poly1305.
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![TURN.to_vec(), acme::ALPN.to_vec()];
        config.max_early_data_size = 0;
        // In a build with the feature `fips`. Without it every start goes on.
        if cfg!(feature = "fips") && !config.fips() {
            return Err(rustls::Error::General("AWS-LC's validated module is not at work".to_owned()));
        }
        // It shares certificates, tickets and sessions.
        let mut door = config.clone();
        door.alpn_protocols = vec![TURN.to_vec(), HTTP_2.to_vec(), HTTP_1.to_vec(), acme::ALPN.to_vec()];
        let acceptor = |config| TlsAcceptor::from(Arc::new(config));
        Ok(Self { acceptor: acceptor(config), door: acceptor(door), current })
    }

    /// Shows `identities` to clients that connect from now on. Connections that run go on, and so do sessions that a client
    /// resumes: they stand on keys of their own.
    pub fn replace(&self, identities: impl Into<Identities>) {
        self.current.shown.store(Arc::new(identities.into()));
    }

    /// What shows the certificates of the moment, for other listeners with the same ones.
    #[must_use]
    pub fn certificate(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>
    }

    /// The certificates that are shown now.
    #[must_use]
    pub fn identities(&self) -> Arc<Identities> {
        self.current.shown.load_full()
    }

    /// What is shown to an authority that asks for a proof that a name is ours.
    #[must_use]
    pub fn challenges(&self) -> &Arc<Challenges> {
        &self.current.challenges
    }

    /// The server's side of a handshake. Bounded by nothing but the caller's patience.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }

    /// The same for a connection of the door, where the protocol is chosen.
    pub(super) async fn receive(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.door.accept(socket).await
    }
}
