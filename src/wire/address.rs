//! Transport addresses on the wire, plain (RFC 8489 §14.1) and XORed with cookie and transaction id (§14.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{MAGIC_COOKIE, Malformed, TransactionId};

/// The longest value of an address attribute: 4 bytes and an IPv6 address.
pub const LONGEST: usize = 20;

/// Writes the value of a plain address attribute; returns the buffer and how much of it counts.
#[must_use]
pub fn encode_address(address: SocketAddr) -> ([u8; LONGEST], usize) {
    let mut value = [0; LONGEST];
    let [port_high, port_low] = address.port().to_be_bytes();
    let (family, length) = match address.ip() {
        IpAddr::V4(v4) => {
            fill(&mut value, 4, &v4.octets());
            (1, 8)
        }
        IpAddr::V6(v6) => {
            fill(&mut value, 4, &v6.octets());
            (2, 20)
        }
    };
    fill(&mut value, 0, &[0, family, port_high, port_low]);
    (value, length)
}

/// Writes the value of a XORed address attribute; returns the buffer and how much of it counts.
#[must_use]
pub fn encode_xor_address(address: SocketAddr, transaction: TransactionId) -> ([u8; LONGEST], usize) {
    encode_address(xor(address, transaction))
}

/// Reads the value of a plain address attribute.
///
/// # Errors
/// [`Malformed::AttributeLength`] when the length does not match the family, [`Malformed::AttributeValue`] for an
/// unknown family.
pub fn decode_address(value: &[u8]) -> Result<SocketAddr, Malformed> {
    let [_, family, port_high, port_low] = *value.first_chunk::<4>().ok_or(Malformed::AttributeLength)?;
    let port = u16::from_be_bytes([port_high, port_low]);
    let rest = value.get(4..).unwrap_or_default();
    let ip = match family {
        1 => {
            let octets: [u8; 4] = rest.try_into().map_err(|_| Malformed::AttributeLength)?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        2 => {
            let octets: [u8; 16] = rest.try_into().map_err(|_| Malformed::AttributeLength)?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return Err(Malformed::AttributeValue),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Reads the value of a XORed address attribute.
///
/// # Errors
/// As [`decode_address`].
pub fn decode_xor_address(value: &[u8], transaction: TransactionId) -> Result<SocketAddr, Malformed> {
    decode_address(value).map(|address| xor(address, transaction))
}

/// XOR is its own inverse.
fn xor(address: SocketAddr, transaction: TransactionId) -> SocketAddr {
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let [high, low, ..] = cookie;
    let port = address.port() ^ u16::from_be_bytes([high, low]);
    let ip = match address.ip() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) ^ MAGIC_COOKIE)),
        IpAddr::V6(v6) => {
            let mut mask = [0; 16];
            fill(&mut mask, 0, &cookie);
            fill(&mut mask, 4, &transaction.0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) ^ u128::from_be_bytes(mask)))
        }
    };
    SocketAddr::new(ip, port)
}

fn fill(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = buffer.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
        place.copy_from_slice(bytes);
    }
}
