//! The record layer: what a datagram of DTLS consists of.

use core::fmt;
use core::iter::FusedIterator;

use super::{content, split_u16};

/// The largest body of a record with a 13-byte header, in bytes (RFC 6347 §4.1, RFC 5246 §6.2.3).
const LARGEST_BODY: usize = (1 << 14) + 2048;
/// The largest body of a record with a unified header, in bytes (RFC 9147 §4, RFC 8446 §5.2).
const LARGEST_UNIFIED_BODY: usize = (1 << 14) + 256;
/// The least body of a record with a unified header, in bytes: its sequence number is encrypted with the help of so
/// much ciphertext (RFC 9147 §4.2.3).
const LEAST_UNIFIED_BODY: usize = 16;

/// The three bits that mark a unified header, and their value (RFC 9147 §4, figure 3).
const UNIFIED_MASK: u8 = 0b1110_0000;
const UNIFIED: u8 = 0b0010_0000;
/// C: a connection id follows the first byte.
const UNIFIED_CONNECTION_ID: u8 = 0b0001_0000;
/// S: the sequence number has 16 bits, not eight.
const UNIFIED_LONG_SEQUENCE: u8 = 0b0000_1000;
/// L: there is a length; without it the record reaches to the end of the datagram.
const UNIFIED_LENGTH: u8 = 0b0000_0100;
/// E E: the low bits of the epoch.
const UNIFIED_EPOCH: u8 = 0b0000_0011;

/// Why the rest of a datagram is not a record. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidRecord {
    /// Fewer bytes than a header, or than the header announces.
    Truncated,
    /// The first byte is neither a content type nor the start of a unified header.
    Kind,
    /// The version does not start with 0xFE: this is not DTLS.
    Version,
    /// A length above the bound of its kind of record: 2^14 + 2048 bytes, or 2^14 + 256 with a unified header.
    TooLong,
    /// A connection id where none was negotiated.
    ConnectionId,
    /// Fewer than the 16 bytes that an encrypted record of DTLS 1.3 has.
    TooShort,
}

impl fmt::Display for InvalidRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "truncated record",
            Self::Kind => "neither a content type nor a unified header",
            Self::Version => "record version is not one of DTLS",
            Self::TooLong => "record longer than DTLS allows",
            Self::ConnectionId => "record with a connection id where none was negotiated",
            Self::TooShort => "encrypted record shorter than 16 bytes",
        })
    }
}

impl core::error::Error for InvalidRecord {}

/// One record, its body borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A record with the 13-byte header of DTLS 1.0 and 1.2, which the unencrypted records of DTLS 1.3 have as well
    /// (RFC 6347 §4.1, RFC 9147 §4). It is in the clear in epoch 0 and encrypted in every later one.
    Legacy {
        /// The content type, 20 to 24 or 26, see [`content`].
        kind: u8,
        /// The version, from 0xFE00. It is no promise: a first ClientHello may say DTLS 1.0 and offer 1.3.
        version: u16,
        /// The epoch.
        epoch: u16,
        /// The sequence number, 48 bits.
        sequence: u64,
        /// At most 2^14 + 2048 bytes, perhaps none.
        body: &'a [u8],
    },
    /// tls12_cid: an encrypted record of DTLS 1.2 with a connection id (RFC 9146 §4).
    ConnectionId {
        /// The version, from 0xFE00.
        version: u16,
        /// The epoch.
        epoch: u16,
        /// The sequence number, 48 bits.
        sequence: u64,
        /// At most 2^14 + 2048 bytes of ciphertext; the content type is inside.
        body: &'a [u8],
    },
    /// An encrypted record of DTLS 1.3 (RFC 9147 §4).
    Unified {
        /// The two low bits of the epoch.
        epoch: u8,
        /// Whether it has a connection id.
        connection_id: bool,
        /// 16 to 2^14 + 256 bytes of ciphertext; the content type is inside.
        body: &'a [u8],
    },
}

/// Iterates over all records of a datagram. After an error it ends: where one record cannot be read, the start of the
/// next is unknown. An empty datagram gives no records.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    connection_id_length: usize,
}

impl<'a> Records<'a> {
    /// The records of `datagram`, whose receiver has asked for connection ids of `connection_id_length` bytes, 0 for
    /// none: no record says how long its own is (RFC 9146 §4).
    #[must_use]
    pub const fn new(datagram: &'a [u8], connection_id_length: usize) -> Self {
        Self { rest: datagram, connection_id_length }
    }

    /// From here on: a ServerHello settles how long they are, and what follows it may come in the same datagram.
    pub const fn set_connection_id_length(&mut self, connection_id_length: usize) {
        self.connection_id_length = connection_id_length;
    }

    /// The record at the front of the rest, and what follows it.
    fn split(&self) -> Result<(Record<'a>, &'a [u8]), InvalidRecord> {
        let (&first, rest) = self.rest.split_first().ok_or(InvalidRecord::Truncated)?;
        match first {
            content::CONNECTION_ID => self.split_connection_id(rest),
            content::CHANGE_CIPHER_SPEC..=content::ACK => split_legacy(first, rest),
            _ if first & UNIFIED_MASK == UNIFIED => self.split_unified(first, rest),
            _ => Err(InvalidRecord::Kind),
        }
    }

    fn split_connection_id(&self, rest: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), InvalidRecord> {
        let (Numbers { version, epoch, sequence }, rest) = split_numbers(rest)?;
        let (body, rest) = split_body(self.skip_connection_id(rest)?, LARGEST_BODY)?;
        Ok((Record::ConnectionId { version, epoch, sequence, body }, rest))
    }

    fn split_unified(&self, first: u8, rest: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), InvalidRecord> {
        let connection_id = first & UNIFIED_CONNECTION_ID != 0;
        let rest = if connection_id { self.skip_connection_id(rest)? } else { rest };
        let sequence_length = if first & UNIFIED_LONG_SEQUENCE == 0 { 1 } else { 2 };
        let rest = rest.get(sequence_length..).ok_or(InvalidRecord::Truncated)?;
        let (body, rest) =
            if first & UNIFIED_LENGTH == 0 { (rest, [].as_slice()) } else { split_body(rest, LARGEST_UNIFIED_BODY)? };
        match body.len() {
            ..LEAST_UNIFIED_BODY => Err(InvalidRecord::TooShort),
            LEAST_UNIFIED_BODY..=LARGEST_UNIFIED_BODY => {
                Ok((Record::Unified { epoch: first & UNIFIED_EPOCH, connection_id, body }, rest))
            }
            _ => Err(InvalidRecord::TooLong),
        }
    }

    /// What follows the connection id at the front of `bytes`.
    fn skip_connection_id(&self, bytes: &'a [u8]) -> Result<&'a [u8], InvalidRecord> {
        if self.connection_id_length == 0 {
            return Err(InvalidRecord::ConnectionId);
        }
        bytes.get(self.connection_id_length..).ok_or(InvalidRecord::Truncated)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, InvalidRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = self.split();
        self.rest = split.map_or([].as_slice(), |(_, rest)| rest);
        Some(split.map(|(record, _)| record))
    }
}

impl FusedIterator for Records<'_> {}

/// What stands behind the content type in both kinds of long header.
struct Numbers {
    version: u16,
    epoch: u16,
    sequence: u64,
}

fn split_numbers(bytes: &[u8]) -> Result<(Numbers, &[u8]), InvalidRecord> {
    let (version, rest) = split_u16(bytes).ok_or(InvalidRecord::Truncated)?;
    if version >> 8 != 0xFE {
        return Err(InvalidRecord::Version);
    }
    let (epoch, rest) = split_u16(rest).ok_or(InvalidRecord::Truncated)?;
    let (&[a, b, c, d, e, f], rest) = rest.split_first_chunk::<6>().ok_or(InvalidRecord::Truncated)?;
    Ok((Numbers { version, epoch, sequence: u64::from_be_bytes([0, 0, a, b, c, d, e, f]) }, rest))
}

/// A length of 16 bits and as many bytes.
fn split_body(bytes: &[u8], largest: usize) -> Result<(&[u8], &[u8]), InvalidRecord> {
    let (length, rest) = split_u16(bytes).ok_or(InvalidRecord::Truncated)?;
    let length = usize::from(length);
    if length > largest {
        return Err(InvalidRecord::TooLong);
    }
    rest.split_at_checked(length).ok_or(InvalidRecord::Truncated)
}

fn split_legacy(kind: u8, rest: &[u8]) -> Result<(Record<'_>, &[u8]), InvalidRecord> {
    let (Numbers { version, epoch, sequence }, rest) = split_numbers(rest)?;
    let (body, rest) = split_body(rest, LARGEST_BODY)?;
    Ok((Record::Legacy { kind, version, epoch, sequence, body }, rest))
}
