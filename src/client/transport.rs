//! One connection to a server: datagrams, or frames cut from a TCP or TLS stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::ClientError;
use super::uri::TurnUri;
use crate::addr::Transport;
use crate::wire::{LARGEST_MESSAGE, frame_length};

/// The largest frame is a STUN or ChannelData message with its header; read space for two keeps a stream flowing.
const BUFFER: usize = 2 * (LARGEST_MESSAGE + 4);

/// Looks the host up.
///
/// # Errors
/// [`ClientError::Resolve`] when it has no address.
pub async fn resolve(uri: &TurnUri) -> Result<Vec<SocketAddr>, ClientError> {
    let found = tokio::net::lookup_host((uri.host.as_str(), uri.port)).await.map_err(ClientError::Resolve)?;
    // A name with more addresses than this is a misconfiguration; trying each would take minutes.
    let found: Vec<_> = found.take(16).collect();
    if found.is_empty() { Err(ClientError::Resolve(io::Error::other("the answer is empty"))) } else { Ok(found) }
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection to one server address.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    server: SocketAddr,
    local: SocketAddr,
    buffer: Vec<u8>,
    /// The bytes of a stream that came in and are not yet taken.
    unread: Range<usize>,
}

impl Connection {
    /// Connects to `server`, one of the addresses that [`resolve`] found for `uri`. `tls` is needed for TLS only.
    ///
    /// # Errors
    /// [`ClientError`]: no connection within `patience`, or TLS that is not acceptable.
    pub async fn open(
        uri: &TurnUri,
        server: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let opening = async {
            match (uri.transport, tls) {
                (Transport::Udp, _) => udp_towards(server).await.map(Socket::Udp).map_err(ClientError::Connect),
                (Transport::Tcp, _) => tcp_to(server).await.map(Socket::Tcp).map_err(ClientError::Connect),
                (Transport::Tls, Some(config)) => tls_to(uri, server, config).await.map(Socket::Tls),
                (Transport::Tls, None) => Err(ClientError::Tls(rustls::Error::General("no configuration".into()))),
            }
        };
        let socket = timeout(patience, opening).await.map_err(|_| ClientError::ConnectTimeout(patience))??;
        let local = match &socket {
            Socket::Udp(socket) => socket.local_addr(),
            Socket::Tcp(stream) => stream.local_addr(),
            Socket::Tls(stream) => stream.get_ref().0.local_addr(),
        };
        let local = local.map_err(ClientError::Connect)?;
        Ok(Self { socket, server, local, buffer: vec![0; BUFFER], unread: 0..0 })
    }

    /// The server's address.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// Our own address.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`ClientError::Io`]. A stream on which this future was dropped half-way is of no more use.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), ClientError> {
        match &mut self.socket {
            Socket::Udp(socket) => socket.send(message).await.map(|_| ()),
            Socket::Tcp(stream) => stream.write_all(message).await,
            Socket::Tls(stream) => match stream.write_all(message).await {
                Ok(()) => stream.flush().await,
                Err(error) => Err(error),
            },
        }
        .map_err(ClientError::Io)
    }

    /// Waits for one datagram or frame. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is of no more use.
    pub async fn receive(&mut self) -> Result<&[u8], ClientError> {
        let range = match &self.socket {
            Socket::Udp(socket) => 0..socket.recv(&mut self.buffer).await.map_err(ClientError::Io)?,
            Socket::Tcp(_) | Socket::Tls(_) => self.frame().await?,
        };
        Ok(self.buffer.get(range).unwrap_or_default())
    }

    async fn frame(&mut self) -> Result<Range<usize>, ClientError> {
        loop {
            let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
            if let Some(frame) = frame_length(unread).map_err(ClientError::Stream)?
                && unread.len() >= frame.length
            {
                let start = self.unread.start;
                self.unread.start += frame.length;
                return Ok(start..start + frame.length);
            }
            // What is left of a frame moves to the front, so that a whole one always fits behind it.
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            let room = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
            let read = match &mut self.socket {
                Socket::Udp(_) => return Err(ClientError::Closed),
                Socket::Tcp(stream) => stream.read(room).await,
                Socket::Tls(stream) => stream.read(room).await,
            };
            match read.map_err(ClientError::Io)? {
                0 => return Err(ClientError::Closed),
                count => self.unread.end += count,
            }
        }
    }
}

async fn udp_towards(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    Ok(socket)
}

async fn tcp_to(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server).await?;
    // Media must not wait for an acknowledgement of the packet before.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn tls_to(
    uri: &TurnUri,
    server: SocketAddr,
    config: Arc<ClientConfig>,
) -> Result<Box<TlsStream<TcpStream>>, ClientError> {
    let name = ServerName::try_from(uri.host.clone()).map_err(|_| {
        ClientError::Tls(rustls::Error::General("the host is no name that a certificate can have".into()))
    })?;
    let stream = tcp_to(server).await.map_err(ClientError::Connect)?;
    TlsConnector::from(config).connect(name, stream).await.map(Box::new).map_err(ClientError::from_tls)
}
