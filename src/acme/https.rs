//! HTTP towards an authority: one connection for each request, with TLS that app has set up.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// A request and its answer. An order has some dozen of them.
const DEADLINE: Duration = Duration::from_secs(30);
/// The largest answer: a chain of certificates has some 10 KB.
const LARGEST: usize = 1 << 20;
const HTTPS: u16 = 443;

/// The authority as a server.
pub(super) struct Https(pub(super) Arc<ClientConfig>);

impl HttpClient for Https {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = TlsConnector::from(Arc::clone(&self.0));
        Box::pin(async move {
            let late = |_| Error::Other(io::Error::from(io::ErrorKind::TimedOut).into());
            timeout(DEADLINE, exchange(tls, request)).await.map_err(late)?.map_err(Error::Other)
        })
    }
}

type Failure = Box<dyn core::error::Error + Send + Sync>;

async fn exchange(tls: TlsConnector, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Failure> {
    let uri = request.uri();
    if uri.scheme_str() != Some("https") {
        return Err("the authority leads to an address without https".into());
    }
    let authority = uri.authority().ok_or("the authority leads to an address without a host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(HTTPS);
    let named = HeaderValue::from_str(authority.as_str())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).parse::<Uri>()?;
    request.headers_mut().insert(HOST, named);
    *request.uri_mut() = path;

    let socket = TcpStream::connect((host.as_str(), port)).await?;
    let stream = tls.connect(ServerName::try_from(host)?, socket).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let talk = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = to_bytes(Body::new(body), LARGEST).await?;
        Ok(BytesResponse { parts, body: Box::new(body) })
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
