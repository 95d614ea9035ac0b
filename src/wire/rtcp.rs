//! The start of an RTCP packet, of which SRTCP leaves eight bytes in the clear (RFC 3550 §6, RFC 3711 §3.4).

use core::fmt;

/// The packet types that RTCP uses where it shares a port with RTP (RFC 5761 §4).
const FIRST_KIND: u8 = 192;
const LAST_KIND: u8 = 223;

/// Why bytes are not an RTCP packet. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidRtcp {
    /// Fewer bytes than a header and a source, or than the header announces.
    Truncated,
    /// A version other than 2.
    Version,
    /// A packet type outside 192 to 223.
    Kind,
    /// A length that leaves no room for a source.
    Length,
}

impl fmt::Display for InvalidRtcp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "truncated RTCP packet",
            Self::Version => "RTCP version is not 2",
            Self::Kind => "RTCP packet type outside 192 to 223",
            Self::Length => "RTCP packet without a source",
        })
    }
}

impl core::error::Error for InvalidRtcp {}

/// Whether a packet that is RTP or RTCP by its first byte is RTCP by its second (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (FIRST_KIND..=LAST_KIND).contains(kind))
}

/// The header of the first RTCP packet of a compound, or of an SRTCP packet, with the source that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpHeader {
    /// The packet type, 192 to 223.
    pub kind: u8,
    /// How many blocks or sources there are, or, in feedback, the message type; five bits.
    pub count: u8,
    /// Whether this packet ends in padding.
    pub padding: bool,
    /// The length in bytes, header included; at least eight and a multiple of four. What follows is the next packet of
    /// the compound, or what SRTCP appends.
    pub length: usize,
    /// The synchronization source of the sender; in BYE and SDES the first of its sources.
    pub ssrc: u32,
}

impl RtcpHeader {
    /// Reads the header at the front of `packet`.
    ///
    /// # Errors
    /// What is wrong, see [`InvalidRtcp`].
    pub fn parse(packet: &[u8]) -> Result<Self, InvalidRtcp> {
        let header = Header::parse(packet)?;
        let &[_, _, _, _, a, b, c, d] = packet.first_chunk::<8>().ok_or(InvalidRtcp::Truncated)?;
        let Header { kind, count, padding, length } = header;
        if length < 8 {
            return Err(InvalidRtcp::Length);
        }
        if length > packet.len() {
            return Err(InvalidRtcp::Truncated);
        }
        Ok(Self { kind, count, padding, length, ssrc: u32::from_be_bytes([a, b, c, d]) })
    }
}

/// Whether `packet` is from its first byte to its last a compound of RTCP packets as nobody has encrypted it: each of
/// version 2 and type 192 to 223, their lengths add up exactly, and padding is only in the last (RFC 3550 §6.1, A.2).
/// A single packet counts as well (RFC 5506 §3.1). What the padding says of itself does not matter.
#[must_use]
pub fn is_clear_compound(packet: &[u8]) -> bool {
    let mut rest = packet;
    while !rest.is_empty() {
        let Ok(header) = Header::parse(rest) else { return false };
        let Some(next) = rest.get(header.length..) else { return false };
        if header.padding && !next.is_empty() {
            return false;
        }
        rest = next;
    }
    !packet.is_empty()
}

/// The four bytes that all RTCP packets start with.
struct Header {
    kind: u8,
    count: u8,
    padding: bool,
    /// In bytes, header included: at least four.
    length: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, InvalidRtcp> {
        let &[first, kind, high, low] = bytes.first_chunk::<4>().ok_or(InvalidRtcp::Truncated)?;
        if first >> 6 != 2 {
            return Err(InvalidRtcp::Version);
        }
        if !(FIRST_KIND..=LAST_KIND).contains(&kind) {
            return Err(InvalidRtcp::Kind);
        }
        // The length field counts words of four bytes and leaves the header out.
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        Ok(Self { kind, count: first & 0x1F, padding: first & 0x20 != 0, length })
    }
}
