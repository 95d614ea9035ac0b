//! TLS: what is offered, and the certificate, which can be replaced while connections run.

use core::fmt;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::identity::Identity;
use crate::time::UnixTime;

/// The application protocol of TURN (RFC 7443 §3).
const TURN: &[u8] = b"stun.turn";
/// The certificate of the moment, shown to every client whatever name it asks for: a relay is often reached by address.
struct Current(ArcSwap<Identity>);

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load().fmt(formatter)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().pair.clone())
    }
}

/// How TLS connections are accepted: TLS 1.3, and 1.2 with ephemeral key exchange and authenticated encryption only;
/// application protocol `stun.turn`, if the client offers any; no early data, which could be replayed.
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tls {{ {:?} }}", self.current)
    }
}

impl Tls {
    /// Shows `identity` to clients.
    ///
    /// # Errors
    /// The library was built without what is needed: a fault of the build.
    pub fn new(identity: Identity) -> Result<Self, rustls::Error> {
        let current = Arc::new(Current(ArcSwap::from_pointee(identity)));
        // Its suites for TLS 1.2 are all ECDHE with AES-GCM or ChaCha20-Poly1305.
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![TURN.to_vec()];
        config.max_early_data_size = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// Shows `identity` to clients that connect from now on; connections that run go on.
    pub fn replace(&self, identity: Identity) {
        self.current.0.store(Arc::new(identity));
    }

    /// What shows the certificate of the moment, for other listeners with the same one.
    #[must_use]
    pub fn certificate(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>
    }

    /// SHA-256 of the certificate that is shown now.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.current.0.load().fingerprint()
    }

    /// When the certificate that is shown now ceases to be valid.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.current.0.load().expires()
    }

    /// The server's side of a handshake. Bounded by nothing but the caller's patience.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(socket).await
    }
}
