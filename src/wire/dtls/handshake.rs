//! Handshake messages come in fragments, several to a record or several records to a message (RFC 6347 §4.2.2,
//! RFC 9147 §5.2). This is one fragment at a time; who puts them together has to bound what he keeps.

use core::fmt;
use core::iter::FusedIterator;

use super::{split_u16, split_u24};

/// hello_request.
pub const HELLO_REQUEST: u8 = 0;
/// client_hello.
pub const CLIENT_HELLO: u8 = 1;
/// server_hello, which a HelloRetryRequest is as well (RFC 8446 §4.1.4).
pub const SERVER_HELLO: u8 = 2;
/// hello_verify_request (RFC 6347 §4.2.1).
pub const HELLO_VERIFY_REQUEST: u8 = 3;
/// new_session_ticket (RFC 5077 §3.3).
pub const NEW_SESSION_TICKET: u8 = 4;
/// certificate.
pub const CERTIFICATE: u8 = 11;
/// server_key_exchange.
pub const SERVER_KEY_EXCHANGE: u8 = 12;
/// certificate_request.
pub const CERTIFICATE_REQUEST: u8 = 13;
/// server_hello_done, a message of no bytes.
pub const SERVER_HELLO_DONE: u8 = 14;
/// certificate_verify.
pub const CERTIFICATE_VERIFY: u8 = 15;
/// client_key_exchange.
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
/// finished.
pub const FINISHED: u8 = 20;
/// certificate_url (RFC 6066 §5).
pub const CERTIFICATE_URL: u8 = 21;
/// certificate_status (RFC 6066 §8).
pub const CERTIFICATE_STATUS: u8 = 22;
/// supplemental_data (RFC 4680 §2).
pub const SUPPLEMENTAL_DATA: u8 = 23;

/// Why the rest of a record is not a fragment of a handshake message. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidHandshake {
    /// Fewer bytes than a header, or than the header announces.
    Truncated,
    /// The fragment reaches past the end of its message.
    Overrun,
    /// A fragment of no bytes of a message that has some: it says nothing and could be repeated for ever.
    Empty,
}

impl fmt::Display for InvalidHandshake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Truncated => "truncated handshake fragment",
            Self::Overrun => "handshake fragment reaches past the end of its message",
            Self::Empty => "handshake fragment without a byte of its message",
        })
    }
}

impl core::error::Error for InvalidHandshake {}

/// One fragment of a handshake message, which lies inside its message: `offset + body.len() <= length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The type of the message, any.
    pub kind: u8,
    /// The bytes of the whole message, below 2^24.
    pub length: u32,
    /// The number of the message, message_seq: the same in a retransmission, in which the record's is not.
    pub sequence: u16,
    /// Where in the message, in bytes, this fragment starts.
    pub offset: u32,
    /// The fragment's bytes: none only if the whole message has none.
    pub body: &'a [u8],
}

/// Iterates over the fragments in the body of a handshake record that is not encrypted. After an error it ends. An
/// empty body gives no fragments.
#[derive(Clone, Copy, Debug)]
pub struct Fragments<'a> {
    rest: &'a [u8],
}

impl<'a> Fragments<'a> {
    /// The fragments of `body`.
    #[must_use]
    pub const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Result<Fragment<'a>, InvalidHandshake>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = split(self.rest).ok_or(InvalidHandshake::Truncated).and_then(|(fragment, rest)| {
            check(&fragment)?;
            Ok((fragment, rest))
        });
        self.rest = split.map_or([].as_slice(), |(_, rest)| rest);
        Some(split.map(|(fragment, _)| fragment))
    }
}

impl FusedIterator for Fragments<'_> {}

/// The fragment at the front of `bytes`, and what follows it.
fn split(bytes: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (length, rest) = split_u24(rest)?;
    let (sequence, rest) = split_u16(rest)?;
    let (offset, rest) = split_u24(rest)?;
    let (fragment_length, rest) = split_u24(rest)?;
    let (body, rest) = rest.split_at_checked(usize::try_from(fragment_length).ok()?)?;
    Some((Fragment { kind, length, sequence, offset, body }, rest))
}

fn check(fragment: &Fragment<'_>) -> Result<(), InvalidHandshake> {
    // An offset past the end is an overrun whatever the body has.
    let left = fragment.length.checked_sub(fragment.offset).ok_or(InvalidHandshake::Overrun)?;
    if u32::try_from(fragment.body.len()).map_or(true, |given| given > left) {
        return Err(InvalidHandshake::Overrun);
    }
    if fragment.body.is_empty() && fragment.length != 0 {
        return Err(InvalidHandshake::Empty);
    }
    Ok(())
}
