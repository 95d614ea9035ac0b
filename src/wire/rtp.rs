//! The header of an RTP packet, which SRTP leaves in the clear (RFC 3550 §5.1, RFC 3711 §3.1).

use core::fmt;

use super::read_u16;

/// The length in bytes of an RTP header without contributing sources and extension (RFC 3550 §5.1).
const FIXED: usize = 12;

/// Why bytes are not an RTP packet. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidRtp {
    /// Fewer bytes than the header, its contributing sources and its extension need.
    Truncated,
    /// A version other than 2.
    Version,
}

impl fmt::Display for InvalidRtp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "truncated RTP header",
            Self::Version => "RTP version is not 2",
        })
    }
}

impl core::error::Error for InvalidRtp {}

/// The header of an RTP or SRTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// The payload type, seven bits. Where RTP and RTCP share a port, 64 to 95 is RTCP, see [`super::is_rtcp`].
    pub payload_type: u8,
    /// The marker.
    pub marker: bool,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp, in units of the payload's clock.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
    /// Where the payload starts, in bytes: at the end of the packet if there is none.
    pub payload: usize,
}

impl RtpHeader {
    /// Reads the header at the front of `packet`, with its contributing sources and its extension (RFC 3550 §5.3.1).
    /// The padding is not looked at: in SRTP its length is encrypted.
    ///
    /// # Errors
    /// [`InvalidRtp::Version`], or [`InvalidRtp::Truncated`] when the header does not lie inside the packet.
    pub fn parse(packet: &[u8]) -> Result<Self, InvalidRtp> {
        let &first = packet.first().ok_or(InvalidRtp::Truncated)?;
        if first >> 6 != 2 {
            return Err(InvalidRtp::Version);
        }
        let &[_, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] =
            packet.first_chunk::<FIXED>().ok_or(InvalidRtp::Truncated)?;
        let mut payload = FIXED + usize::from(first & 0x0F) * 4;
        if first & 0x10 != 0 {
            // Two bytes are the profile's, two count the words that follow.
            let words = read_u16(packet, payload + 2).ok_or(InvalidRtp::Truncated)?;
            payload += 4 + usize::from(words) * 4;
        }
        if payload > packet.len() {
            return Err(InvalidRtp::Truncated);
        }
        Ok(Self {
            payload_type: second & 0x7F,
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload,
        })
    }
}
