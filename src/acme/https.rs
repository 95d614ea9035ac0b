//! How the library of the protocol asks the authority.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;

use crate::https::Https;

/// A request and its answer. An order has some dozen of them.
const DEADLINE: Duration = Duration::from_secs(30);
/// The largest answer: a chain of certificates has some 10 KB.
const LARGEST: usize = 1 << 20;

/// The authority as a server.
pub(super) struct Authority(Https);

impl Authority {
    pub(super) fn new(tls: &Arc<ClientConfig>) -> Self {
        Self(Https { tls: Arc::clone(tls), deadline: DEADLINE, largest: LARGEST, plain_here: false })
    }
}

impl HttpClient for Authority {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let server = self.0.clone();
        Box::pin(async move {
            let (parts, body) = server.ask(request).await.map_err(Error::Other)?.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}
