//! The error codes of STUN and TURN (RFC 8489 §14.8, RFC 8656 §19).

use super::Malformed;

/// An error code, from 300 to 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(u16);

impl ErrorCode {
    /// 300 Try Alternate (RFC 8489 §10).
    pub const TRY_ALTERNATE: Self = Self(300);
    /// 400 Bad Request.
    pub const BAD_REQUEST: Self = Self(400);
    /// 401 Unauthenticated.
    pub const UNAUTHENTICATED: Self = Self(401);
    /// 403 Forbidden.
    pub const FORBIDDEN: Self = Self(403);
    /// 420 Unknown Attribute.
    pub const UNKNOWN_ATTRIBUTE: Self = Self(420);
    /// 437 Allocation Mismatch.
    pub const ALLOCATION_MISMATCH: Self = Self(437);
    /// 438 Stale Nonce.
    pub const STALE_NONCE: Self = Self(438);
    /// 440 Address Family not Supported.
    pub const ADDRESS_FAMILY_NOT_SUPPORTED: Self = Self(440);
    /// 441 Wrong Credentials.
    pub const WRONG_CREDENTIALS: Self = Self(441);
    /// 442 Unsupported Transport Protocol.
    pub const UNSUPPORTED_TRANSPORT_PROTOCOL: Self = Self(442);
    /// 443 Peer Address Family Mismatch.
    pub const PEER_ADDRESS_FAMILY_MISMATCH: Self = Self(443);
    /// 486 Allocation Quota Reached.
    pub const ALLOCATION_QUOTA_REACHED: Self = Self(486);
    /// 500 Server Error.
    pub const SERVER_ERROR: Self = Self(500);
    /// 508 Insufficient Capacity.
    pub const INSUFFICIENT_CAPACITY: Self = Self(508);

    /// The code as a number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The reason phrase that the RFCs recommend; empty for a code they do not name.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self.0 {
            300 => "Try Alternate",
            400 => "Bad Request",
            401 => "Unauthenticated",
            403 => "Forbidden",
            420 => "Unknown Attribute",
            437 => "Allocation Mismatch",
            438 => "Stale Nonce",
            440 => "Address Family not Supported",
            441 => "Wrong Credentials",
            442 => "Unsupported Transport Protocol",
            443 => "Peer Address Family Mismatch",
            486 => "Allocation Quota Reached",
            500 => "Server Error",
            508 => "Insufficient Capacity",
            _ => "",
        }
    }

    /// The four bytes that start the value of ERROR-CODE: 21 reserved bits, the hundreds, the rest.
    #[must_use]
    pub fn encode(self) -> [u8; 4] {
        let [_, hundreds] = (self.0 / 100).to_be_bytes();
        let [_, rest] = (self.0 % 100).to_be_bytes();
        [0, 0, hundreds, rest]
    }

    /// Reads ERROR-CODE: the code and the reason phrase.
    ///
    /// # Errors
    /// [`Malformed::AttributeLength`] when shorter than four bytes, [`Malformed::AttributeValue`] outside 300 to 699.
    pub fn decode(value: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let ([_, _, class, number], reason) = value.split_first_chunk::<4>().ok_or(Malformed::AttributeLength)?;
        let class = u16::from(class & 0x07);
        let number = u16::from(*number);
        if !(3..=6).contains(&class) || number > 99 {
            return Err(Malformed::AttributeValue);
        }
        Ok((Self(class * 100 + number), reason))
    }
}
