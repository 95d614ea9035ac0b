//! Where one message ends and the next begins in a byte stream, and what a datagram claims to be.

use super::{CHANNEL_HEADER, HEADER, MAGIC_COOKIE, Malformed, padded, read_u16, read_u32};

/// What the first byte says (RFC 7983 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// 0 to 3.
    Stun,
    /// 64 to 79.
    ChannelData,
}

/// What the first byte of a datagram or frame claims it to be; `None` for everything a TURN server does not speak.
#[must_use]
pub const fn kind_of(first: u8) -> Option<FrameKind> {
    match first {
        0..=3 => Some(FrameKind::Stun),
        64..=79 => Some(FrameKind::ChannelData),
        _ => None,
    }
}

/// The next frame of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// Its bytes on the stream, header and padding included.
    pub length: usize,
}

/// Reads the length of the next frame from the start of a stream: `Ok(None)` asks for more bytes. A STUN message must
/// show its cookie before its length is believed, so that a stream of something else is refused at once.
///
/// # Errors
/// [`Malformed::NotStun`], [`Malformed::NoCookie`], [`Malformed::UnalignedLength`]: the stream cannot be followed any
/// further and must be closed.
pub fn frame_length(bytes: &[u8]) -> Result<Option<Frame>, Malformed> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let kind = kind_of(first).ok_or(Malformed::NotStun)?;
    let Some(length) = read_u16(bytes, 2).map(usize::from) else { return Ok(None) };
    match kind {
        FrameKind::ChannelData => Ok(Some(Frame { kind, length: CHANNEL_HEADER + padded(length) })),
        FrameKind::Stun => {
            if length % 4 != 0 {
                return Err(Malformed::UnalignedLength);
            }
            match read_u32(bytes, 4) {
                None => Ok(None),
                Some(MAGIC_COOKIE) => Ok(Some(Frame { kind, length: HEADER + length })),
                Some(_) => Err(Malformed::NoCookie),
            }
        }
    }
}
