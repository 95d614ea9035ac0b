//! Bytes and values: STUN (RFC 8489), TURN (RFC 8656) and ChannelData, read from borrowed bytes and written into the
//! caller's buffer; DTLS, RTP, RTCP, the PROXY protocol and how a stream begins, only read. Nothing here allocates, and no
//! input panics.

mod address;
pub mod attribute;
mod channel_data;
mod datagram;
pub mod dtls;
mod error_code;
mod frame;
mod integrity;
pub(crate) mod keep;
pub mod legacy;
mod message;
mod proxy;
mod rtcp;
mod rtp;
mod spoken;
mod writer;

pub use address::{decode_address, decode_xor_address, encode_address, encode_xor_address};
pub use attribute::{Attribute, AttributeType, PasswordAlgorithm};
pub use channel_data::{ChannelData, ChannelNumber, write_channel_header};
pub use datagram::{DatagramKind, datagram_kind};
pub use error_code::ErrorCode;
pub use frame::{Frame, FrameKind, frame_length, kind_of};
pub use integrity::{IntegrityKey, IntegrityKind};
pub use message::{Attributes, Class, Message, Method, TransactionId};
pub use proxy::{
    InvalidProxy, LARGEST_PROXY, LARGEST_PROXY_V1, Proxied, ProxyHeader, has_proxy_signature, proxy_header,
};
pub use rtcp::{InvalidRtcp, RtcpHeader, is_clear_compound, is_rtcp};
pub use rtp::{InvalidRtp, RtpHeader};
pub use spoken::{Spoken, spoken};
pub use writer::{MessageWriter, NoRoom};

use core::fmt;

/// The fixed value that marks a STUN message (RFC 8489 §5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;
/// The length of a STUN header in bytes (RFC 8489 §5).
pub const HEADER: usize = 20;
/// The length of a ChannelData header in bytes (RFC 8656 §12.4).
pub const CHANNEL_HEADER: usize = 4;
/// The largest message that fits the 16-bit length field of a STUN header.
pub const LARGEST_MESSAGE: usize = HEADER + 65_532;

/// Why bytes are not the message they claim to be. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Fewer bytes than a header, or than the header announces.
    Truncated,
    /// More bytes than the header announces.
    Trailing,
    /// The first two bits are neither STUN's nor a channel's (RFC 7983 §7).
    NotStun,
    /// No magic cookie: RFC 3489, or no STUN at all.
    NoCookie,
    /// A message length that is not a multiple of four (RFC 8489 §5).
    UnalignedLength,
    /// A method this server does not know (RFC 8489 §6.3: silently discarded).
    UnknownMethod,
    /// An attribute that reaches past the end of the message.
    AttributeOverrun,
    /// An attribute whose value has a length its type does not allow.
    AttributeLength,
    /// An attribute whose value is out of its range.
    AttributeValue,
    /// Something after FINGERPRINT, which must come last (RFC 8489 §14.7).
    AfterFingerprint,
    /// FINGERPRINT does not match the message.
    WrongFingerprint,
    /// A channel number outside 0x4000 to 0x4FFF (RFC 8656 §12).
    ChannelNumber,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "truncated message",
            Self::Trailing => "bytes after the end of the message",
            Self::NotStun => "neither STUN nor ChannelData",
            Self::NoCookie => "no magic cookie",
            Self::UnalignedLength => "message length is not a multiple of 4",
            Self::UnknownMethod => "unknown method",
            Self::AttributeOverrun => "attribute reaches past the end of the message",
            Self::AttributeLength => "attribute has a length its type does not allow",
            Self::AttributeValue => "attribute value out of range",
            Self::AfterFingerprint => "FINGERPRINT is not the last attribute",
            Self::WrongFingerprint => "FINGERPRINT does not match",
            Self::ChannelNumber => "channel number outside 0x4000 to 0x4FFF",
        })
    }
}

impl core::error::Error for Malformed {}

/// `length` rounded up to a multiple of four (RFC 8489 §14).
#[must_use]
pub const fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// The two bytes at `at` as a big-endian number.
pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|two| u16::from_be_bytes(*two))
}

/// The four bytes at `at` as a big-endian number.
pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
}
