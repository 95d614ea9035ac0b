//! One port for everything over TCP: what a connection says first tells what it is. TURN becomes the same carrier as
//! behind the ports of its own, so that a packet costs no more here; HTTP is served by pages that `app` gives.

mod closed;
mod counts;
mod http;
mod line;
mod pages;

use std::io;

use axum::Router;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use super::caps::{Admitted, Rides};
use super::carrier::Plain;
use super::connection::{Shared, keep, secured, told};
use super::tls::{HTTP_1, HTTP_2, TURN};
use crate::acme;
use crate::addr::{ClientAddr, Transport};
use crate::wire::{Spoken, spoken};
pub use closed::CLOSED_POLICY;
pub use counts::{Arrival, DoorCounts};
pub use http::LARGEST_BODY;
use http::{Version, visit};
pub use pages::{Pages, front_page};

/// Bytes of a connection that are looked at: a request line's method, the header of a record or message.
const LOOK: usize = 16;

/// What the door shows.
#[derive(Debug)]
pub(super) struct Door {
    secure: Router,
    plain: Router,
}

impl Door {
    pub(super) fn new(pages: Pages) -> Self {
        Self { secure: http::bounded(pages.secure), plain: http::bounded(http::to_tls(pages.plain)) }
    }
}

/// Receives a connection: looks at what it says, and serves it as that until it ends. Whatever it is, it has said so until
/// `deadline`.
pub(super) async fn receive(
    socket: TcpStream,
    client: ClientAddr,
    admitted: Admitted,
    shared: &Shared,
    mut stop: watch::Receiver<bool>,
    deadline: Instant,
) {
    let heard = tokio::select! {
        heard = timeout_at(deadline, first_of(&socket)) => heard,
        () = told(&mut stop) => return,
    };
    let counts = shared.connections.door();
    match heard {
        Ok(Ok(Some(Spoken::Turn))) => {
            counts.arrived(Arrival::Turn);
            let Ok(socket) = socket.into_std() else { return };
            keep(Box::new(Plain::new(socket)), client, (admitted, Transport::Tcp), shared, stop, deadline).await;
        }
        Ok(Ok(Some(Spoken::Tls))) => behind_tls(socket, client, admitted, shared, stop, deadline).await,
        Ok(Ok(Some(Spoken::Http))) => {
            counts.arrived(Arrival::HttpPlain);
            visit(socket, Version::Plain, client, admitted, shared, stop).await;
        }
        Ok(Ok(None)) => counts.arrived(Arrival::Unknown),
        Ok(Err(_)) | Err(_) => counts.arrived(Arrival::Silent),
    }
}

/// A connection that has begun with TLS: the protocol that was agreed on tells what it is, else what it says first.
async fn behind_tls(
    socket: TcpStream,
    client: ClientAddr,
    mut admitted: Admitted,
    shared: &Shared,
    mut stop: watch::Receiver<bool>,
    deadline: Instant,
) {
    let Some(tls) = &shared.tls else { return };
    if !admitted.becomes(Rides::On(Transport::Tls)) {
        return;
    }
    let shaken = tokio::select! {
        shaken = timeout_at(deadline, tls.receive(socket)) => shaken,
        () = told(&mut stop) => return,
    };
    let Ok(Ok(mut stream)) = shaken else { return admitted.handshake_failed() };
    let heard = tokio::select! {
        heard = timeout_at(deadline, agreed(&mut stream)) => heard,
        () = told(&mut stop) => return,
    };
    let arrival = match heard {
        Ok(Ok(arrival)) => arrival,
        Ok(Err(_)) | Err(_) => Arrival::Silent,
    };
    shared.connections.door().arrived(arrival);
    match arrival {
        Arrival::TurnTls => {
            let Ok(carrier) = secured(stream) else { return };
            keep(carrier, client, (admitted, Transport::Tls), shared, stop, deadline).await;
        }
        Arrival::Http1 => visit(stream, Version::Http1, client, admitted, shared, stop).await,
        Arrival::Http2 => visit(stream, Version::Http2, client, admitted, shared, stop).await,
        Arrival::Turn | Arrival::HttpPlain | Arrival::Acme | Arrival::Unknown | Arrival::Silent => {}
    }
}

/// What the first bytes say. They stay where they are.
async fn first_of(socket: &TcpStream) -> io::Result<Option<Spoken>> {
    let mut look = [0; LOOK];
    match socket.peek(&mut look).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => Ok(spoken(look.get(..length).unwrap_or_default())),
    }
}

/// What is spoken behind TLS. Clients that offer no protocol are many: those of TURN among them, and old tools.
async fn agreed(stream: &mut TlsStream<TcpStream>) -> io::Result<Arrival> {
    match stream.get_ref().1.alpn_protocol() {
        Some(TURN) => return Ok(Arrival::TurnTls),
        Some(HTTP_2) => return Ok(Arrival::Http2),
        Some(HTTP_1) => return Ok(Arrival::Http1),
        Some(acme::ALPN) => return Ok(Arrival::Acme),
        Some(_) => return Ok(Arrival::Unknown),
        None => {}
    }
    let first = stream.fill_buf().await?;
    if first.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match spoken(first) {
        Some(Spoken::Turn) => Arrival::TurnTls,
        Some(Spoken::Http) => Arrival::Http1,
        Some(Spoken::Tls) | None => Arrival::Unknown,
    })
}

#[cfg(test)]
mod tests;
