//! HTTP towards servers of others: one connection for each request, with TLS that app has set up. No redirect is
//! followed, and no answer is larger or later than whoever asks says.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const HTTPS: u16 = 443;
const HTTP: u16 = 80;

/// Why there is no answer; it may name the server.
pub type Failure = Box<dyn core::error::Error + Send + Sync>;

/// How others are asked.
#[derive(Clone)]
pub struct Https {
    /// How their certificates are believed.
    pub tls: Arc<ClientConfig>,
    /// A request and its answer take no longer.
    pub deadline: Duration,
    /// Bytes of an answer's body at most.
    pub largest: usize,
    /// Whether `http` will do for what runs on this host.
    pub plain_here: bool,
}

impl core::fmt::Debug for Https {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Https")
    }
}

impl Https {
    /// Asks, and reads all of the answer.
    ///
    /// # Errors
    /// [`Failure`]; an answer of any status is none.
    pub async fn ask<B>(&self, request: Request<B>) -> Result<Response<Bytes>, Failure>
    where
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Failure>,
    {
        let late = |_| Failure::from(io::Error::from(io::ErrorKind::TimedOut));
        timeout(self.deadline, self.exchange(request)).await.map_err(late)?
    }

    async fn exchange<B>(&self, mut request: Request<B>) -> Result<Response<Bytes>, Failure>
    where
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Failure>,
    {
        let uri = request.uri();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.plain_here => false,
            _ => return Err("the server leads to an address without https".into()),
        };
        let authority = uri.authority().ok_or("the server leads to an address without a host")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if secure { HTTPS } else { HTTP });
        let named = HeaderValue::from_str(authority.as_str())?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).parse::<Uri>()?;
        request.headers_mut().insert(HOST, named);
        *request.uri_mut() = path;

        let socket = TcpStream::connect((host.as_str(), port)).await?;
        if secure {
            let tls = TlsConnector::from(Arc::clone(&self.tls));
            return self.talk(tls.connect(ServerName::try_from(host)?, socket).await?, request).await;
        }
        if !socket.peer_addr()?.ip().is_loopback() {
            return Err("http is for servers of this host alone".into());
        }
        self.talk(socket, request).await
    }

    async fn talk<B>(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: Request<B>,
    ) -> Result<Response<Bytes>, Failure>
    where
        B: hyper::body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Failure>,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let talk = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = to_bytes(Body::new(body), self.largest).await?;
            Ok(Response::from_parts(parts, body))
        };
        // The connection is driven as long as the answer is awaited, and closed with it.
        tokio::pin!(talk);
        tokio::select! {
            answer = &mut talk => answer,
            ended = connection => {
                ended?;
                talk.await
            }
        }
    }
}
