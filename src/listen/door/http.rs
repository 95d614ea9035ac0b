//! HTTP on the door: hyper's parsers within bounds, and the router behind them.

use core::convert::Infallible;
use core::pin::{Pin, pin};
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, LOCATION, STRICT_TRANSPORT_SECURITY};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::caps::{Admitted, Connections, Rides};
use super::super::connection::{CLOSING, Shared, told};
use super::closed::close;
use super::line::Line;
use crate::addr::ClientAddr;

/// The largest body of a request in bytes. The API takes as much, pages a tenth of that.
pub const LARGEST_BODY: usize = 16_384;
/// Headers of a request, all together. A cookie and a key have some hundred bytes.
const HEADERS: usize = 16_384;
/// How many of them, over HTTP/1.1; over HTTP/2 their bytes are their only bound. Browsers send some 20.
const MOST_HEADERS: usize = 64;
/// How long the headers of the first request may take, and over HTTP/1.1 those of each further one, from the answer
/// before on.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long a request may take once its headers are there: its body, and what the answer needs.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long a connection of HTTP/2 may wait for its next request: longer than it takes to read a page's files one after
/// the other, and opening another one costs more. Over HTTP/1.1, [`HEADERS_WITHIN`] is over before.
const NEXT_WITHIN: Duration = Duration::from_secs(30);
/// How long what has been asked may take to be sent, once nothing more is taken.
const LAST_WITHIN: Duration = Duration::from_secs(60);
/// Requests of one connection at once (HTTP/2): with a body each, a quarter of a megabyte.
const STREAMS: u32 = 16;
/// Bytes that one stream, and one connection, may send unasked (HTTP/2): RFC 9113's smallest default, and twice that.
const WINDOW: u32 = 65_535;
/// Bytes of answers that wait for one stream (HTTP/2).
const UNSENT: usize = 16_384;
/// Streams that may be reset at once before the connection is given up: browsers cancel a few (CVE-2023-44487).
const RESETS: usize = 20;
/// How often a silent client is asked whether it is there (HTTP/2), and how long it may take to say so.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
const ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// A year, and nothing about other hosts of the domain.
const HSTS: &str = "max-age=31536000";

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/1 without TLS.
    Plain,
    /// HTTP/1.1 over TLS.
    Http1,
    /// HTTP/2 over TLS.
    Http2,
}

/// `router` with the bound of bodies.
pub(super) fn bounded(router: Router) -> Router {
    router.layer(DefaultBodyLimit::max(LARGEST_BODY))
}

/// `router`, and whatever it does not know is sent to TLS at the same address.
pub(super) fn to_tls(router: Router) -> Router {
    router.fallback(sent_to_tls)
}

async fn sent_to_tls(request: Request) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    // Anything else has been said in the clear already: it has to hear of it.
    let target = host.filter(|_| [Method::GET, Method::HEAD].contains(request.method()));
    // The usual port of HTTP stands for that of HTTPS; on any other, the door itself speaks TLS.
    let target = target.map(|host| match host.port_u16() {
        Some(port) if port != 80 => format!("https://{}:{port}{path}", host.host()),
        Some(_) | None => format!("https://{}{path}", host.host()),
    });
    match target.and_then(|target| HeaderValue::try_from(target).ok()) {
        Some(target) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, target)]).into_response(),
        None => (StatusCode::BAD_REQUEST, "Use https here.\n").into_response(),
    }
}

/// Serves a visitor until it leaves, overstays, or the relay stops. When this returns, the connection may have become a
/// WebSocket, which lives on in whatever task works it; its room under the caps is held as long.
pub(super) async fn visit<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    version: Version,
    client: ClientAddr,
    mut admitted: Admitted,
    shared: &Shared,
    stop: watch::Receiver<bool>,
) {
    if !admitted.becomes(Rides::Https) {
        return;
    }
    let secure = version != Version::Plain;
    let router = if secure { &shared.door.secure } else { &shared.door.plain };
    let (asked, mut asks) = watch::channel(());
    let desk = Desk {
        router: TowerToHyperService::new(router.clone()),
        connections: Arc::clone(&shared.connections),
        client,
        secure,
        asked,
    };
    let desk = Arc::new(desk);
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.serve(request).await) }
    });
    let line = TokioIo::new(Line::new(stream, admitted, stop.clone()));
    if version == Version::Http2 {
        let connection = http2_within().serve_connection(line, service);
        attend(connection, |connection| connection.graceful_shutdown(), &mut asks, stop).await;
    } else {
        let connection = http1_within(secure).serve_connection(line, service).with_upgrades();
        attend(connection, |connection| connection.graceful_shutdown(), &mut asks, stop).await;
    }
}

fn http1_within(keep_alive: bool) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_headers(MOST_HEADERS)
        .max_buf_size(HEADERS)
        .keep_alive(keep_alive);
    builder
}

fn http2_within() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS as u32)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 2)
        .max_send_buf_size(UNSENT)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .keep_alive_interval(ALIVE_EVERY)
        .keep_alive_timeout(ALIVE_WITHIN);
    builder
}

/// Works a connection. Who has asked for nothing in time is dropped at once: it has nothing to be told, and nothing to
/// wait for. Others are told that nothing more is taken when they have asked for nothing for a while, or the relay stops,
/// and dropped some time after that.
async fn attend<C: Future>(
    connection: C,
    tell: impl Fn(Pin<&mut C>),
    asks: &mut watch::Receiver<()>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    let mut end = Instant::now() + HEADERS_WITHIN;
    let (mut asked, mut told_already) = (false, false);
    loop {
        tokio::select! {
            // Which of the visitor's or its network's mistakes ended it is of no use to anybody.
            _ = &mut connection => return,
            () = told(&mut stop), if !told_already => {
                told_already = true;
                end = Instant::now() + CLOSING;
                tell(connection.as_mut());
            }
            Ok(()) = asks.changed(), if !told_already => {
                asked = true;
                end = Instant::now() + NEXT_WITHIN;
            }
            () = sleep_until(end) => {
                if told_already || !asked {
                    return;
                }
                told_already = true;
                end = Instant::now() + LAST_WITHIN;
                tell(connection.as_mut());
            }
        }
    }
}

/// Who receives the requests of one connection.
struct Desk {
    router: TowerToHyperService<Router>,
    connections: Arc<Connections>,
    client: ClientAddr,
    secure: bool,
    /// Hears of each request.
    asked: watch::Sender<()>,
}

impl Desk {
    async fn serve(&self, request: Request<Incoming>) -> Response {
        self.asked.send_replace(());
        let hsts = self.secure && is_named(&request);
        let mut response = self.answer(request).await;
        let headers = response.headers_mut();
        close(headers);
        if hsts {
            headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HeaderValue::from_static(HSTS));
        }
        self.connections.door().answered(response.status().as_u16());
        response
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response {
        // RFC 9112 §3.2: two proxies could take it for two different hosts.
        if request.version() == axum::http::Version::HTTP_11 && request.headers().get_all(HOST).iter().count() != 1 {
            return (StatusCode::BAD_REQUEST, [(CONNECTION, "close")], "Say once which Host is meant.\n")
                .into_response();
        }
        // RFC 9113 §8.3.1 and RFC 9112 §3.2.2: what the target names is meant, and pages look for it in one place.
        let named = request.uri().authority().and_then(|target| HeaderValue::from_str(target.as_str()).ok());
        if let Some(host) = named {
            request.headers_mut().insert(HOST, host);
        }
        if announces_too_much(&request) {
            let said = format!("A body has {LARGEST_BODY} bytes at most here.\n");
            return (StatusCode::PAYLOAD_TOO_LARGE, [(CONNECTION, "close")], said).into_response();
        }
        request.extensions_mut().insert(ConnectInfo(self.client));
        match timeout(ANSWER_WITHIN, self.router.call(request)).await {
            Ok(Ok(response)) => response.map(Body::new),
            Err(_) => (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")]).into_response(),
        }
    }
}

fn announces_too_much(request: &Request<Incoming>) -> bool {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > LARGEST_BODY as u64)
}

/// Whether the visitor came by a name that is ours alone. What it remembers for `localhost` would hold for everything else
/// that is tried out on that computer, and addresses have no such memory (RFC 6797 §8.1.1).
fn is_named(request: &Request<Incoming>) -> bool {
    let said = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let Some(authority) = request.uri().authority().cloned().or(said) else { return false };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let is_address = host.starts_with('[') || host.parse::<core::net::IpAddr>().is_ok();
    !is_address && host != "localhost" && !host.ends_with(".localhost")
}
