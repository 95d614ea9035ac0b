//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`, 2020): what a load balancer says of the client in
//! front of that client's bytes. Only read.
//!
//! It is believed by its place alone, so who reads it must know whom he reads it from.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

use super::read_u16;

/// The largest header of version 1, with its line's end: the specification's bound.
pub const LARGEST_PROXY_V1: usize = 107;
/// The largest header of version 2 that is read: addresses, and some TLVs, of which the largest that senders have is a
/// client's certificate of 2 or 3 KB. The length field could say 64 KiB.
pub const LARGEST_PROXY: usize = 4096;

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, a byte with version and command, a byte with family and protocol, two with the length.
const FIXED: usize = 16;

/// What stands behind the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxied {
    /// A stream: the header stands at its start once. Both versions.
    Stream,
    /// A datagram: the header stands at the start of each. Version 2.
    Datagram,
}

/// A header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Where the client's bytes come from; `None` if the sender speaks for itself (a health check), or does not know.
    pub client: Option<SocketAddr>,
    /// Its bytes. The client's own begin after them.
    pub length: usize,
}

impl fmt::Debug for ProxyHeader {
    /// Shows no address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.map(|_| "redacted");
        formatter.debug_struct("ProxyHeader").field("client", &client).field("length", &self.length).finish()
    }
}

/// Why bytes are no header that can be believed. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidProxy {
    /// They begin as neither version does.
    NoSignature,
    /// A line of version 1 that is not made as it must be.
    Line,
    /// A version or command that is not known.
    Command,
    /// Addresses of a Unix socket, or of another transport than the header came over.
    Family,
    /// Fewer bytes than its addresses have, or an address that no client has: unspecified, multicast, or port 0.
    Address,
    /// More bytes than [`LARGEST_PROXY_V1`] or [`LARGEST_PROXY`].
    TooLong,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoSignature => "no PROXY header",
            Self::Line => "a PROXY line that is not well formed",
            Self::Command => "a PROXY header of an unknown version or command",
            Self::Family => "a PROXY header with addresses of another transport",
            Self::Address => "a PROXY header with an address that no client has",
            Self::TooLong => "a PROXY header that is too long",
        })
    }
}

impl core::error::Error for InvalidProxy {}

/// Whether a datagram begins as a header of version 2 does, whatever follows: nothing else that a client may send does.
#[must_use]
pub fn has_proxy_signature(bytes: &[u8]) -> bool {
    bytes.starts_with(V2)
}

/// Reads the header at the start of a stream or datagram: `Ok(None)` asks for more bytes, and then every byte that was
/// shown belongs to the header.
///
/// # Errors
/// [`InvalidProxy`], as soon as it is certain.
pub fn proxy_header(bytes: &[u8], over: Proxied) -> Result<Option<ProxyHeader>, InvalidProxy> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(one, other)| one == other);
    if begins(V2) {
        return if bytes.len() < FIXED { Ok(None) } else { binary(bytes, over) };
    }
    if over == Proxied::Stream && begins(V1) {
        return line(bytes);
    }
    Err(InvalidProxy::NoSignature)
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.7 56324 443` and the end of the line.
fn line(bytes: &[u8]) -> Result<Option<ProxyHeader>, InvalidProxy> {
    let bounded = bytes.get(..LARGEST_PROXY_V1).unwrap_or(bytes);
    let Some(end) = bounded.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LARGEST_PROXY_V1 { Ok(None) } else { Err(InvalidProxy::TooLong) };
    };
    let words = bounded.get(V1.len()..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(InvalidProxy::Line)?;
    let words = core::str::from_utf8(words).map_err(|_| InvalidProxy::Line)?;
    let length = end + 1;
    if words == "UNKNOWN" || words.starts_with("UNKNOWN ") {
        // What follows is to be ignored.
        return Ok(Some(ProxyHeader { client: None, length }));
    }
    let mut words = words.split(' ');
    let (Some(family), Some(source), Some(destination), Some(port), Some(other_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(InvalidProxy::Line);
    };
    let (source, _) = match family {
        "TCP4" => (IpAddr::V4(parsed::<Ipv4Addr>(source)?), parsed::<Ipv4Addr>(destination)?.into()),
        "TCP6" => (IpAddr::V6(parsed::<Ipv6Addr>(source)?), IpAddr::V6(parsed::<Ipv6Addr>(destination)?)),
        _ => return Err(InvalidProxy::Family),
    };
    let client = SocketAddr::new(source, number(port)?);
    number(other_port)?;
    Ok(Some(ProxyHeader { client: Some(credible(client)?), length }))
}

fn parsed<T: FromStr>(word: &str) -> Result<T, InvalidProxy> {
    word.parse().map_err(|_| InvalidProxy::Line)
}

/// A port in decimal without leading zeros or a sign.
fn number(word: &str) -> Result<u16, InvalidProxy> {
    let plain = word == "0" || !word.starts_with(['0', '+']);
    if plain { parsed(word) } else { Err(InvalidProxy::Line) }
}

/// Version 2, at least its fixed part.
fn binary(bytes: &[u8], over: Proxied) -> Result<Option<ProxyHeader>, InvalidProxy> {
    let (Some(command), Some(family), Some(announced)) = (bytes.get(12), bytes.get(13), read_u16(bytes, 14)) else {
        return Ok(None);
    };
    let length = FIXED + usize::from(announced);
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(InvalidProxy::Command),
    };
    let wide = match (family, over) {
        // LOCAL: whatever addresses there are, they are not to be used. Unspecified: there are none.
        _ if local => None,
        (0x00, _) => None,
        (0x11, Proxied::Stream) | (0x12, Proxied::Datagram) => Some(false),
        (0x21, Proxied::Stream) | (0x22, Proxied::Datagram) => Some(true),
        _ => return Err(InvalidProxy::Family),
    };
    if length > LARGEST_PROXY {
        return Err(InvalidProxy::TooLong);
    }
    let addresses = match wide {
        None => 0,
        Some(false) => 12,
        Some(true) => 36,
    };
    if usize::from(announced) < addresses {
        return Err(InvalidProxy::Address);
    }
    let Some(block) = bytes.get(FIXED..length) else {
        return if over == Proxied::Datagram { Err(InvalidProxy::Address) } else { Ok(None) };
    };
    // What follows the addresses are TLVs, and none of them is needed.
    let client = match wide {
        None => None,
        Some(false) => block.first_chunk::<4>().map(|ip| IpAddr::from(*ip)).zip(read_u16(block, 8)),
        Some(true) => block.first_chunk::<16>().map(|ip| IpAddr::from(*ip)).zip(read_u16(block, 32)),
    };
    let client = client.map(|(ip, port)| credible(SocketAddr::new(ip, port))).transpose()?;
    Ok(Some(ProxyHeader { client, length }))
}

fn credible(client: SocketAddr) -> Result<SocketAddr, InvalidProxy> {
    let ip = client.ip().to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    if client.port() == 0 || ip.is_unspecified() || ip.is_multicast() || broadcast {
        return Err(InvalidProxy::Address);
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8]) -> Result<Option<ProxyHeader>, InvalidProxy> {
        proxy_header(bytes, Proxied::Stream)
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2, &[command, family], &length, body].concat()
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 1, 187];

    /// Reads it with the client's bytes behind it, and piece by piece.
    fn reads(header: &[u8], client: Option<&str>) {
        let expected = Ok(Some(ProxyHeader { client: client.map(|text| text.parse().unwrap()), length: header.len() }));
        assert!(stream(header) == expected, "{header:?}");
        assert!(stream(&[header, &[0x16, 3, 1]].concat()) == expected, "{header:?} and more");
        for length in 0..header.len() {
            assert_eq!(stream(&header[..length]), Ok(None), "{length} bytes of {header:?}");
        }
    }

    #[test]
    fn lines_of_version_1() {
        reads(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", Some("192.0.2.1:56324"));
        reads(b"PROXY TCP6 2001:db8::1 2001:db8::7 1 65535\r\n", Some("[2001:db8::1]:1"));
        reads(b"PROXY UNKNOWN\r\n", None);
        let longest: &[u8] = b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535";
        reads(&[longest, &[b' '; LARGEST_PROXY_V1 - 59][..], b"\r\n"].concat(), None);
    }

    #[test]
    fn lines_that_are_refused() {
        for (line, why) in [
            (&b"GET / HTTP/1.1\r\n"[..], InvalidProxy::NoSignature),
            (b"\x16\x03\x01", InvalidProxy::NoSignature),
            (b"PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 1 443x\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 2001:db8::1 2001:db8::7 1 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP6 192.0.2.1 198.51.100.7 1 443\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 192.0.2.1\xff 198.51.100.7 1 443\r\n", InvalidProxy::Line),
            (b"PROXY UDP4 192.0.2.1 198.51.100.7 1 443\r\n", InvalidProxy::Family),
            (b"PROXY UNKNOWNS\r\n", InvalidProxy::Line),
            (b"PROXY TCP4 0.0.0.0 198.51.100.7 1 443\r\n", InvalidProxy::Address),
            (b"PROXY TCP4 224.0.0.1 198.51.100.7 1 443\r\n", InvalidProxy::Address),
            (b"PROXY TCP4 192.0.2.1 198.51.100.7 0 443\r\n", InvalidProxy::Address),
            (b"PROXY TCP6 ::ffff:0.0.0.0 ::1 1 443\r\n", InvalidProxy::Address),
            (&[b'P', b'R', b'O', b'X', b'Y', b' '].repeat(30)[..], InvalidProxy::TooLong),
        ] {
            assert_eq!(stream(line), Err(why), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn headers_of_version_2() {
        reads(&v2(0x21, 0x11, &V4), Some("192.0.2.1:56324"));
        let tlv = [3, 0, 4, 0xfd, 0x16, 0xb9, 0xda];
        reads(&v2(0x21, 0x11, &[&V4[..], &tlv].concat()), Some("192.0.2.1:56324"));
        let mut v6 = [0; 36];
        (v6[0], v6[1], v6[15], v6[33]) = (0xfd, 0, 9, 7);
        reads(&v2(0x21, 0x21, &v6), Some("[fd00::9]:7"));
        // LOCAL, with and without addresses, even impossible ones; and addresses that are not told.
        reads(&v2(0x20, 0x00, &[]), None);
        reads(&v2(0x20, 0x11, &[0; 12]), None);
        reads(&v2(0x20, 0x31, &[0; 216]), None);
        reads(&v2(0x21, 0x00, &tlv), None);
        reads(&v2(0x21, 0x11, &[&V4[..], &[0; LARGEST_PROXY - FIXED - 12]].concat()), Some("192.0.2.1:56324"));
    }

    #[test]
    fn headers_that_are_refused() {
        for (header, why) in [
            (v2(0x11, 0x11, &V4), InvalidProxy::Command),
            (v2(0x22, 0x11, &V4), InvalidProxy::Command),
            (v2(0x21, 0x31, &[1; 216]), InvalidProxy::Family),
            (v2(0x21, 0x12, &V4), InvalidProxy::Family),
            (v2(0x21, 0x10, &V4), InvalidProxy::Family),
            (v2(0x21, 0x41, &V4), InvalidProxy::Family),
            (v2(0x21, 0x11, &V4[..11]), InvalidProxy::Address),
            (v2(0x21, 0x21, &[1; 35]), InvalidProxy::Address),
            (v2(0x21, 0x11, &[0; 12]), InvalidProxy::Address),
            (v2(0x21, 0x11, &[1; LARGEST_PROXY - FIXED + 1]), InvalidProxy::TooLong),
            (v2(0x20, 0x00, &[1; 65_535]), InvalidProxy::TooLong),
        ] {
            assert_eq!(stream(&header), Err(why), "{:?}", &header[..16]);
        }
        assert_eq!(stream(b"\r\n\r\n\0\r\nQUIT\r"), Err(InvalidProxy::NoSignature));
    }

    #[test]
    fn a_datagram_has_version_2_and_a_datagrams_addresses() {
        let datagram = |bytes: &[u8]| proxy_header(bytes, Proxied::Datagram);
        let header = v2(0x21, 0x12, &V4);
        let expected = ProxyHeader { client: Some("192.0.2.1:56324".parse().unwrap()), length: 28 };
        assert!(datagram(&[&header[..], b"request"].concat()) == Ok(Some(expected)));
        assert_eq!(datagram(&v2(0x21, 0x11, &V4)), Err(InvalidProxy::Family));
        assert_eq!(datagram(&header[..27]), Err(InvalidProxy::Address), "nothing more comes");
        assert_eq!(datagram(b"PROXY UNKNOWN\r\n"), Err(InvalidProxy::NoSignature));
    }

    #[test]
    fn no_address_is_printed() {
        let header = stream(&v2(0x21, 0x11, &V4));
        assert_eq!(format!("{header:?}"), "Ok(Some(ProxyHeader { client: Some(\"redacted\"), length: 28 }))");
    }
}
