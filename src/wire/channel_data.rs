//! ChannelData: four bytes of header, then the application's data (RFC 8656 §12.4).

use super::{CHANNEL_HEADER, Malformed, read_u16};

/// A channel number. There is none outside 0x4000 to 0x4FFF (RFC 8656 §12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The smallest.
    pub const FIRST: Self = Self(0x4000);
    /// The largest.
    pub const LAST: Self = Self(0x4FFF);

    /// The channel with this number; `None` outside the range.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number >= Self::FIRST.0 && number <= Self::LAST.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Reads CHANNEL-NUMBER: 16 bits of number, 16 reserved (RFC 8656 §18.1).
    ///
    /// # Errors
    /// [`Malformed::AttributeLength`] unless the value has four bytes, [`Malformed::ChannelNumber`] outside the range.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let [high, low, _, _]: [u8; 4] = value.try_into().map_err(|_| Malformed::AttributeLength)?;
        Self::new(u16::from_be_bytes([high, low])).ok_or(Malformed::ChannelNumber)
    }
}

/// One ChannelData message, its data borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub channel: ChannelNumber,
    /// The application data, without padding.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads a ChannelData message that is a whole datagram, or one frame of a stream. Up to three bytes of padding
    /// may follow (RFC 8656 §12.5).
    ///
    /// # Errors
    /// [`Malformed::ChannelNumber`] outside the range, [`Malformed::Truncated`] or [`Malformed::Trailing`] when the
    /// length field does not agree with what is there.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let number = read_u16(bytes, 0).ok_or(Malformed::Truncated)?;
        let channel = ChannelNumber::new(number).ok_or(Malformed::ChannelNumber)?;
        let length = usize::from(read_u16(bytes, 2).ok_or(Malformed::Truncated)?);
        let rest = bytes.get(CHANNEL_HEADER..).ok_or(Malformed::Truncated)?;
        let (data, padding) = rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        if padding.len() > 3 {
            return Err(Malformed::Trailing);
        }
        Ok(Self { channel, data })
    }
}

/// The header of a ChannelData message with `length` bytes of data, 65,535 at most.
#[must_use]
pub fn write_channel_header(channel: ChannelNumber, length: u16) -> [u8; CHANNEL_HEADER] {
    let [a, b] = channel.number().to_be_bytes();
    let [c, d] = length.to_be_bytes();
    [a, b, c, d]
}
