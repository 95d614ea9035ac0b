//! Writing a STUN message into the caller's buffer.

use core::net::SocketAddr;

use super::{
    AttributeType, Class, ErrorCode, HEADER, IntegrityKey, IntegrityKind, MAGIC_COOKIE, Method, TransactionId,
    encode_address, encode_xor_address, padded,
};

/// The buffer was too small for the message. The caller is at fault; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl core::fmt::Display for NoRoom {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("the buffer is too small for the message")
    }
}

impl core::error::Error for NoRoom {}

/// Writes one message, attribute by attribute, padding with zeros. An attribute that does not fit makes
/// [`MessageWriter::finish`] fail, so that the calls in between can be chained.
#[derive(Debug)]
pub struct MessageWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
    overflowed: bool,
}

impl<'b> MessageWriter<'b> {
    /// Starts a message at the start of `buffer`.
    #[must_use]
    pub fn new(buffer: &'b mut [u8], class: Class, method: Method, transaction: TransactionId) -> Self {
        let mut writer = Self { buffer, length: 0, overflowed: false };
        writer.append(&class.message_type(method).to_be_bytes());
        writer.append(&[0, 0]);
        writer.append(&MAGIC_COOKIE.to_be_bytes());
        writer.append(&transaction.0);
        writer
    }

    /// Appends an attribute with these bytes as its value.
    pub fn attribute(&mut self, kind: AttributeType, value: &[u8]) -> &mut Self {
        let Ok(length) = u16::try_from(value.len()) else {
            self.overflowed = true;
            return self;
        };
        self.append(&kind.0.to_be_bytes());
        self.append(&length.to_be_bytes());
        self.append(value);
        let padding = padded(value.len()) - value.len();
        self.append([0; 3].get(..padding).unwrap_or_default());
        self
    }

    /// Appends a 32-bit number, as in LIFETIME.
    pub fn number(&mut self, kind: AttributeType, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    /// Appends a XORed address attribute.
    pub fn xor_address(&mut self, kind: AttributeType, address: SocketAddr, transaction: TransactionId) -> &mut Self {
        let (value, length) = encode_xor_address(address, transaction);
        self.attribute(kind, value.get(..length).unwrap_or_default())
    }

    /// Appends a plain address attribute, as in ALTERNATE-SERVER.
    pub fn plain_address(&mut self, kind: AttributeType, address: SocketAddr) -> &mut Self {
        let (value, length) = encode_address(address);
        self.attribute(kind, value.get(..length).unwrap_or_default())
    }

    /// Appends ERROR-CODE, with the recommended reason phrase or, in answers to strangers, with none.
    pub fn error_code(&mut self, code: ErrorCode, with_reason: bool) -> &mut Self {
        let reason = if with_reason { code.reason().as_bytes() } else { &[] };
        let mut value = [0; 64];
        let end = 4 + reason.len();
        if let Some(place) = value.get_mut(4..end) {
            place.copy_from_slice(reason);
        }
        if let Some(place) = value.first_chunk_mut::<4>() {
            *place = code.encode();
        }
        self.attribute(AttributeType::ERROR_CODE, value.get(..end).unwrap_or_default())
    }

    /// Appends ADDRESS-ERROR-CODE: a family's code, then an error code without reason phrase (RFC 8656 §18.12).
    pub fn address_error_code(&mut self, family: crate::addr::Family, code: ErrorCode) -> &mut Self {
        let [_, _, hundreds, rest] = code.encode();
        self.attribute(AttributeType::ADDRESS_ERROR_CODE, &[super::attribute::family_code(family), 0, hundreds, rest])
    }

    /// Appends MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 over everything so far.
    pub fn integrity(&mut self, kind: IntegrityKind, key: &IntegrityKey) -> &mut Self {
        let Some(written) = self.written() else { return self };
        let tag = key.tag(kind, written);
        self.attribute(kind.attribute(), tag.as_slice())
    }

    /// Appends FINGERPRINT, which must be last (RFC 8489 §14.7).
    pub fn fingerprint(&mut self) -> &mut Self {
        let Some(written) = self.written() else { return self };
        let value = fingerprint_of(written);
        self.number(AttributeType::FINGERPRINT, value)
    }

    /// Writes the length field and returns the length of the whole message in bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when an attribute did not fit the buffer or the 16-bit length field.
    pub fn finish(&mut self) -> Result<usize, NoRoom> {
        if self.overflowed {
            return Err(NoRoom);
        }
        let body = self.length.checked_sub(HEADER).and_then(|body| u16::try_from(body).ok()).ok_or(NoRoom)?;
        let place = self.buffer.get_mut(2..4).ok_or(NoRoom)?;
        place.copy_from_slice(&body.to_be_bytes());
        Ok(self.length)
    }

    fn written(&self) -> Option<&[u8]> {
        if self.overflowed { None } else { self.buffer.get(..self.length) }
    }

    fn append(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.length..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(place) if !self.overflowed => {
                place.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            _ => self.overflowed = true,
        }
    }
}

/// FINGERPRINT over `before`, the message up to that attribute: CRC-32 XOR 0x5354554e, computed as if the header's
/// length already counted the attribute's eight bytes (RFC 8489 §14.7).
pub(super) fn fingerprint_of(before: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in with_length(before, 8).parts() {
        hasher.update(part);
    }
    hasher.finalize() ^ 0x5354_554e
}

/// A message as an integrity or fingerprint function sees it: its length field says that `more` bytes follow.
pub(super) struct WithLength<'a> {
    kind: &'a [u8],
    length: [u8; 2],
    rest: &'a [u8],
}

impl<'a> WithLength<'a> {
    pub(super) fn parts(&'a self) -> [&'a [u8]; 3] {
        [self.kind, &self.length, self.rest]
    }
}

pub(super) fn with_length(before: &[u8], more: usize) -> WithLength<'_> {
    let body = (before.len() + more).saturating_sub(HEADER);
    WithLength {
        kind: before.get(..2).unwrap_or_default(),
        length: u16::try_from(body).unwrap_or(u16::MAX).to_be_bytes(),
        rest: before.get(4..).unwrap_or_default(),
    }
}
