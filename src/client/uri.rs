//! Where a TURN server is: `turn:` and `turns:` URIs (RFC 7065).

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use crate::addr::Transport;

/// The port of `turn:` (RFC 8656 §2.1).
pub const TURN_PORT: u16 = 3478;
/// The port of `turns:` (RFC 8656 §2.1).
pub const TURNS_PORT: u16 = 5349;
/// A DNS name is at most 253 characters long (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 253;

/// One way to one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TurnUri {
    /// A DNS name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
    /// How to get there.
    pub transport: Transport,
}

impl TurnUri {
    /// The three ways to a host at the default ports: UDP, TCP, TLS.
    ///
    /// # Errors
    /// [`InvalidUri`] when `host` is not a host name or address alone.
    pub fn every_way(host: &str) -> Result<[Self; 3], InvalidUri> {
        let (name, port) = split_host(host, host)?;
        if port.is_some() {
            return Err(InvalidUri::new(host, format!("a port needs a scheme; write turn:{host} or turns:{host}")));
        }
        Ok([(TURN_PORT, Transport::Udp), (TURN_PORT, Transport::Tcp), (TURNS_PORT, Transport::Tls)]
            .map(|(port, transport)| Self { host: name.to_owned(), port, transport }))
    }

    /// Whether the text starts with a scheme of STUN or TURN, or looks as if it should be a URI.
    #[must_use]
    pub fn has_scheme(text: &str) -> bool {
        text.contains("://")
            || text.split_once(':').is_some_and(|(scheme, _)| {
                ["turn", "turns", "stun", "stuns"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
            })
    }
}

impl fmt::Display for TurnUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, transport) = match self.transport {
            Transport::Udp => ("turn", "udp"),
            Transport::Tcp => ("turn", "tcp"),
            Transport::Tls => ("turns", "tcp"),
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(formatter, "{scheme}:{open}{}{close}:{}?transport={transport}", self.host, self.port)
    }
}

/// A text that is no TURN URI. Whoever wrote it is at fault; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUri {
    text: String,
    advice: String,
}

impl InvalidUri {
    fn new(text: &str, advice: impl Into<String>) -> Self {
        // The text is shown back, so a hostile one is cut to what fits a line.
        Self { text: text.chars().take(80).collect(), advice: advice.into() }
    }
}

impl fmt::Display for InvalidUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\" is not a TURN URI: {}", self.text.escape_debug(), self.advice)
    }
}

impl core::error::Error for InvalidUri {}

impl FromStr for TurnUri {
    type Err = InvalidUri;

    fn from_str(text: &str) -> Result<Self, InvalidUri> {
        let wrong = |advice: &str| InvalidUri::new(text, advice);
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(InvalidUri::new(text, format!("it has no scheme; write turn:{text} or turns:{text}")));
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "turn" => false,
            "turns" => true,
            "stun" | "stuns" => return Err(wrong("STUN servers do not relay; write turn: or turns:")),
            _ => return Err(wrong("the scheme is neither turn nor turns; write turn:HOST:PORT?transport=udp")),
        };
        if rest.starts_with("//") {
            return Err(wrong("there are no slashes in it; write turn:HOST:PORT"));
        }
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        if place.contains('@') {
            return Err(wrong("user names and passwords do not belong into it; pass them as credentials"));
        }
        let transport = transport_of(text, secure, query)?;
        let (host, port) = split_host(text, place)?;
        let default = if secure { TURNS_PORT } else { TURN_PORT };
        Ok(Self { host: host.to_owned(), port: port.unwrap_or(default), transport })
    }
}

fn transport_of(text: &str, secure: bool, query: Option<&str>) -> Result<Transport, InvalidUri> {
    let wrong = |advice: &str| InvalidUri::new(text, advice);
    let named = match query {
        None => None,
        Some(query) => match query.split_once('=') {
            Some(("transport", value)) => Some(value.to_ascii_lowercase()),
            _ => return Err(wrong("the only parameter is transport; write ?transport=udp or ?transport=tcp")),
        },
    };
    match (secure, named.as_deref()) {
        (false, None | Some("udp")) => Ok(Transport::Udp),
        (false, Some("tcp")) => Ok(Transport::Tcp),
        (true, None | Some("tcp")) => Ok(Transport::Tls),
        (true, Some("udp")) => Err(wrong("TURN over DTLS is not spoken here; write turns:HOST:PORT?transport=tcp")),
        (false, Some("tls")) => Err(wrong("TLS has its own scheme; write turns:HOST:PORT?transport=tcp")),
        (_, Some(_)) => Err(wrong("the transport is unknown; write ?transport=udp or ?transport=tcp")),
    }
}

/// Splits `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`; `text` is what the error shows.
fn split_host<'p>(text: &str, place: &'p str) -> Result<(&'p str, Option<u16>), InvalidUri> {
    let wrong = |advice: &str| InvalidUri::new(text, advice);
    let (host, port) = if let Some(inner) = place.strip_prefix('[') {
        let (host, after) =
            inner.split_once(']').ok_or_else(|| wrong("the bracket is not closed; write [2001:db8::1]"))?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(wrong("what stands in brackets is no IPv6 address; write as in [2001:db8::1]:3478"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(wrong("only :PORT may follow the bracket; write as in [2001:db8::1]:3478")),
        }
    } else {
        if place.matches(':').count() > 1 {
            return Err(wrong("an IPv6 address stands in brackets; write as in turn:[2001:db8::1]:3478"));
        }
        place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err(wrong("the host is missing; write as in turn:turn.example.org:3478"));
    }
    let spelled = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.len() > LONGEST_HOST || !host.bytes().all(spelled) {
        return Err(wrong("the host is no DNS name; letters, digits, dots and hyphens, 253 characters at most"));
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && !port.starts_with('+') => Some(number),
            _ => return Err(wrong("the port is not a number from 1 to 65535")),
        },
    };
    Ok((host, port))
}
