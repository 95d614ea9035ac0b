//! Who is the server and who the client.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use std::collections::HashSet;

use crate::addr::Transport;
use crate::policy::seal::Way;

use super::frame::Pair;

/// Servers that are remembered. A capture has one, or a few.
const MOST_SERVERS: usize = 1024;
/// Where servers listen: of a connection without any request in the capture, the end with such a port is the server.
const PORTS: [u16; 4] = [3478, 5349, 443, 80];

/// The server to look at, as the command line names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Server {
    ip: IpAddr,
    port: Option<u16>,
}

impl Server {
    fn is(&self, address: SocketAddr) -> bool {
        self.ip == address.ip() && self.port.is_none_or(|port| port == address.port())
    }
}

impl FromStr for Server {
    type Err = InvalidServer;

    fn from_str(text: &str) -> Result<Self, InvalidServer> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { ip: address.ip().to_canonical(), port: Some(address.port()) });
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let ip: IpAddr = bare.parse().map_err(|_| InvalidServer)?;
        Ok(Self { ip: ip.to_canonical(), port: None })
    }
}

/// Not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidServer;

impl fmt::Display for InvalidServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("is not an address; write 192.0.2.1, 192.0.2.1:3478 or [2001:db8::1]:3478")
    }
}

impl core::error::Error for InvalidServer {}

/// A client and the server's end, in one transport: what tells one client from another (RFC 8656 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tuple {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
}

impl Tuple {
    pub(super) fn new(pair: Pair, way: Way, transport: Transport) -> Self {
        let (client, server) = match way {
            Way::Up => (pair.from, pair.to),
            Way::Down => (pair.to, pair.from),
        };
        Self { client, server, transport }
    }
}

/// Who has been seen to be a server.
#[derive(Debug)]
pub(super) struct Roles {
    named: Option<Server>,
    servers: HashSet<SocketAddr>,
}

impl Roles {
    pub(super) fn new(named: Option<Server>) -> Self {
        Self { named, servers: HashSet::new() }
    }

    /// Which way a TURN message goes that by its class and method would go `likely`; `None` when it has nothing to do with
    /// the server that was named.
    pub(super) fn of_message(&mut self, pair: Pair, likely: Way) -> Option<Way> {
        let way = self.of_data(pair);
        if self.named.is_some() || way.is_some() {
            return way;
        }
        if self.servers.len() < MOST_SERVERS {
            self.servers.insert(Tuple::new(pair, likely, Transport::Udp).server);
        }
        Some(likely)
    }

    /// Which way something goes to or from a server that is known.
    pub(super) fn of_data(&self, pair: Pair) -> Option<Way> {
        let is_server = |address| match &self.named {
            Some(named) => named.is(address),
            None => self.servers.contains(&address),
        };
        match (is_server(pair.from), is_server(pair.to)) {
            (_, true) => Some(Way::Up),
            (true, false) => Some(Way::Down),
            (false, false) => None,
        }
    }

    /// The same, with a guess by the ports when there is nothing better.
    pub(super) fn of_channel(&self, pair: Pair) -> Option<Way> {
        let guessed = || match (PORTS.contains(&pair.from.port()), PORTS.contains(&pair.to.port())) {
            (false, true) => Some(Way::Up),
            (true, false) => Some(Way::Down),
            _ => None,
        };
        self.of_data(pair).or_else(|| if self.named.is_none() { guessed() } else { None })
    }

    /// Whether an address is a server's.
    pub(super) fn is_server(&self, ip: IpAddr) -> bool {
        self.named.is_some_and(|named| named.ip == ip) || self.servers.iter().any(|server| server.ip() == ip)
    }
}
