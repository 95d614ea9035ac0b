//! PROXY headers, against a second reading that takes them to pieces another way, and against their own prefixes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hilum::wire::{LARGEST_PROXY, LARGEST_PROXY_V1, Proxied, ProxyHeader, has_proxy_signature, proxy_header};

/// What stands at the start of a stream or a datagram and claims to be a PROXY header.
pub fn wire_proxy(bytes: &[u8]) {
    read_proxy(bytes);
}

/// The same, and whether a stream's header named a client.
pub fn read_proxy(bytes: &[u8]) -> bool {
    let stream = proxy_header(bytes, Proxied::Stream);
    let whole = stream.ok().flatten().map(|read| (read.client, read.length));
    assert_eq!(whole, reference(bytes), "the reference reads it otherwise");
    let datagram = proxy_header(bytes, Proxied::Datagram).ok().flatten();
    let of_datagram = datagram.map(|read| (read.client, read.length));
    let expected = as_of_a_stream(bytes).and_then(|bytes| reference(&bytes));
    assert_eq!(of_datagram, expected, "the reference reads it otherwise before a datagram");
    if let (Some(read), Some(other)) = (datagram, whole) {
        // Only what has no addresses, or is not to be asked for them, can stand before both.
        assert_eq!((read.client, other.0, read.length), (None, None, other.1));
    }
    assert_eq!(has_proxy_signature(bytes), bytes.get(..12) == Some(SIGNATURE.as_slice()));
    // A reader that is fed piece by piece asks until the header is whole, takes no byte behind it, and hears of a fault
    // once and for all.
    for length in 0..bytes.len().min(600) {
        let early = proxy_header(&bytes[..length], Proxied::Stream);
        match (early, stream) {
            (Ok(None), _) => {}
            (Ok(Some(early)), Ok(Some(read))) => assert!(early == read && length >= read.length),
            (Err(early), Err(fault)) => assert_eq!(early, fault),
            (early, late) => panic!("{early:?} of {length} bytes, {late:?} of all"),
        }
        if let Ok(Some(ProxyHeader { length: end, .. })) = stream {
            assert_eq!(early.is_ok_and(|early| early.is_none()), length < end, "a prefix of {length} bytes");
        }
    }
    whole.is_some_and(|(client, _)| client.is_some())
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// A datagram's header with the families of streams; theirs become one that nobody has.
fn as_of_a_stream(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.strip_prefix(&SIGNATURE).map(|_| bytes.to_vec())?;
    let family = bytes.get_mut(13)?;
    *family = match *family {
        0x12 => 0x11,
        0x22 => 0x21,
        0x11 | 0x21 => 0x99,
        other => other,
    };
    Some(bytes)
}

fn reference(bytes: &[u8]) -> Option<(Option<SocketAddr>, usize)> {
    if let Some(body) = bytes.strip_prefix(&SIGNATURE) {
        return binary(body).map(|(client, length)| (client, length + 12));
    }
    let end = bytes.windows(2).position(|two| two == b"\r\n")? + 2;
    let line = core::str::from_utf8(&bytes[..end]).ok()?;
    if end > LARGEST_PROXY_V1 || line[..end - 2].contains('\n') {
        return None;
    }
    let words: Vec<&str> = line[..end - 2].split(' ').collect();
    if words.first() != Some(&"PROXY") {
        return None;
    }
    match words[1..] {
        ["UNKNOWN", ..] => Some((None, end)),
        [family @ ("TCP4" | "TCP6"), source, destination, port, other] => {
            let [port, other] = [port, other].map(|word| word.parse::<u16>().ok().filter(|it| it.to_string() == word));
            let ip = |word: &str| match family {
                "TCP4" => word.parse::<Ipv4Addr>().ok().filter(|it| it.to_string() == word).map(IpAddr::V4),
                _ => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            };
            ip(destination).zip(other)?;
            Some((Some(usable(SocketAddr::new(ip(source)?, port?))?), end))
        }
        _ => None,
    }
}

fn binary(body: &[u8]) -> Option<(Option<SocketAddr>, usize)> {
    let [command, family, high, low, rest @ ..] = body else { return None };
    let length = usize::from(*high) * 256 + usize::from(*low);
    let block = rest.get(..length).filter(|_| length + 16 <= LARGEST_PROXY)?;
    let port = |at: usize| u16::from(block[at]) * 256 + u16::from(block[at + 1]);
    let client = match (command, family) {
        (0x20, _) | (0x21, 0x00) => None,
        (0x21, 0x11) if length >= 12 => {
            let ip: [u8; 4] = block[..4].try_into().expect("four");
            Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port(8)))
        }
        (0x21, 0x21) if length >= 36 => {
            let ip: [u8; 16] = block[..16].try_into().expect("sixteen");
            Some(SocketAddr::new(Ipv6Addr::from(ip).into(), port(32)))
        }
        _ => return None,
    };
    match client {
        None => Some((None, length + 4)),
        Some(client) => Some((Some(usable(client)?), length + 4)),
    }
}

fn usable(client: SocketAddr) -> Option<SocketAddr> {
    let ip = match client.ip() {
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
        ip @ IpAddr::V4(_) => ip,
    };
    let nobody = match ip {
        IpAddr::V4(ip) => ip.octets() == [0; 4] || ip.octets() == [255; 4] || ip.octets()[0] >> 4 == 14,
        IpAddr::V6(ip) => ip.octets() == [0; 16] || ip.octets()[0] == 255,
    };
    (!nobody && client.port() != 0).then_some(client)
}
