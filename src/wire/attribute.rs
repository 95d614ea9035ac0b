//! Attribute types and the values that are smaller than an address (RFC 8489 §14, RFC 8656 §18).

use super::Malformed;
use crate::addr::Family;
use crate::time::Lifetime;

/// The code of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(pub u16);

macro_rules! attribute_types {
    ($($name:ident = $code:literal, $doc:literal;)*) => {
        impl AttributeType {
            $(#[doc = $doc] pub const $name: Self = Self($code);)*

            /// Every attribute this implementation understands, or may ignore knowingly.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

attribute_types! {
    MAPPED_ADDRESS = 0x0001, "RFC 8489 §14.1.";
    USERNAME = 0x0006, "RFC 8489 §14.3.";
    MESSAGE_INTEGRITY = 0x0008, "RFC 8489 §14.5.";
    ERROR_CODE = 0x0009, "RFC 8489 §14.8.";
    UNKNOWN_ATTRIBUTES = 0x000A, "RFC 8489 §14.13.";
    CHANNEL_NUMBER = 0x000C, "RFC 8656 §18.1.";
    LIFETIME = 0x000D, "RFC 8656 §18.2.";
    XOR_PEER_ADDRESS = 0x0012, "RFC 8656 §18.3.";
    DATA = 0x0013, "RFC 8656 §18.4.";
    REALM = 0x0014, "RFC 8489 §14.9.";
    NONCE = 0x0015, "RFC 8489 §14.10.";
    XOR_RELAYED_ADDRESS = 0x0016, "RFC 8656 §18.5.";
    REQUESTED_ADDRESS_FAMILY = 0x0017, "RFC 8656 §18.6.";
    EVEN_PORT = 0x0018, "RFC 8656 §18.7.";
    REQUESTED_TRANSPORT = 0x0019, "RFC 8656 §18.8.";
    DONT_FRAGMENT = 0x001A, "RFC 8656 §18.9.";
    MESSAGE_INTEGRITY_SHA256 = 0x001C, "RFC 8489 §14.6.";
    PASSWORD_ALGORITHM = 0x001D, "RFC 8489 §14.12.";
    USERHASH = 0x001E, "RFC 8489 §14.4.";
    XOR_MAPPED_ADDRESS = 0x0020, "RFC 8489 §14.2.";
    RESERVATION_TOKEN = 0x0022, "RFC 8656 §18.10.";
    PRIORITY = 0x0024, "RFC 8445 §16.1; browsers send it in checks, a relay ignores it.";
    USE_CANDIDATE = 0x0025, "RFC 8445 §16.1; ignored by a relay.";
    ADDITIONAL_ADDRESS_FAMILY = 0x8000, "RFC 8656 §18.11.";
    ADDRESS_ERROR_CODE = 0x8001, "RFC 8656 §18.12.";
    PASSWORD_ALGORITHMS = 0x8002, "RFC 8489 §14.11.";
    ALTERNATE_DOMAIN = 0x8003, "RFC 8489 §14.16.";
    ICMP = 0x8004, "RFC 8656 §18.13.";
    SOFTWARE = 0x8022, "RFC 8489 §14.14.";
    ALTERNATE_SERVER = 0x8023, "RFC 8489 §14.15.";
    FINGERPRINT = 0x8028, "RFC 8489 §14.7.";
    ICE_CONTROLLED = 0x8029, "RFC 8445 §16.1; ignored by a relay.";
    ICE_CONTROLLING = 0x802A, "RFC 8445 §16.1; ignored by a relay.";
}

impl AttributeType {
    /// Whether a receiver that does not know the attribute must refuse the message (RFC 8489 §14).
    #[must_use]
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }

    /// Whether this implementation knows the attribute.
    #[must_use]
    pub fn is_known(self) -> bool {
        Self::KNOWN.contains(&self)
    }
}

/// One attribute of a message, its value borrowed and without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What it is.
    pub kind: AttributeType,
    /// Its bytes.
    pub value: &'a [u8],
    /// Where its type field starts, counted from the start of the message.
    pub offset: usize,
}

/// How a password becomes a key (RFC 8489 §18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordAlgorithm {
    /// Code 1, what browsers use.
    Md5,
    /// Code 2.
    Sha256,
}

impl PasswordAlgorithm {
    /// The registered code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Md5 => 1,
            Self::Sha256 => 2,
        }
    }

    /// The value of PASSWORD-ALGORITHMS that this server sends: SHA-256 first, then MD5, both without parameters.
    pub const OFFER: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

    /// Reads PASSWORD-ALGORITHM. Neither algorithm takes parameters (RFC 8489 §18.5.1).
    ///
    /// # Errors
    /// [`Malformed::AttributeLength`] when the value is shorter than its own fields,
    /// [`Malformed::AttributeValue`] for a code or parameters this server never offered.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let [code_high, code_low, length_high, length_low] =
            *value.first_chunk::<4>().ok_or(Malformed::AttributeLength)?;
        if value.len() != 4 || (length_high, length_low) != (0, 0) {
            return Err(Malformed::AttributeValue);
        }
        match u16::from_be_bytes([code_high, code_low]) {
            1 => Ok(Self::Md5),
            2 => Ok(Self::Sha256),
            _ => Err(Malformed::AttributeValue),
        }
    }
}

/// REQUESTED-TRANSPORT's code of UDP, the only one this server relays (RFC 8656 §18.8).
pub const TRANSPORT_UDP: u8 = 17;

/// Reads LIFETIME (RFC 8656 §18.2).
///
/// # Errors
/// [`Malformed::AttributeLength`] unless the value has four bytes.
pub fn decode_lifetime(value: &[u8]) -> Result<Lifetime, Malformed> {
    let bytes: [u8; 4] = value.try_into().map_err(|_| Malformed::AttributeLength)?;
    Ok(Lifetime::from_secs(u32::from_be_bytes(bytes)))
}

/// Reads REQUESTED-TRANSPORT: the protocol number (RFC 8656 §18.8).
///
/// # Errors
/// [`Malformed::AttributeLength`] unless the value has four bytes.
pub fn decode_requested_transport(value: &[u8]) -> Result<u8, Malformed> {
    let [protocol, ..]: [u8; 4] = value.try_into().map_err(|_| Malformed::AttributeLength)?;
    Ok(protocol)
}

/// Reads REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY. `Ok(None)` is a family nobody knows, which is answered
/// with 440 (RFC 8656 §18.6, §18.11).
///
/// # Errors
/// [`Malformed::AttributeLength`] unless the value has four bytes.
pub fn decode_family(value: &[u8]) -> Result<Option<Family>, Malformed> {
    let [family, ..]: [u8; 4] = value.try_into().map_err(|_| Malformed::AttributeLength)?;
    Ok(match family {
        1 => Some(Family::V4),
        2 => Some(Family::V6),
        _ => None,
    })
}

/// The code of a family on the wire.
#[must_use]
pub const fn family_code(family: Family) -> u8 {
    match family {
        Family::V4 => 1,
        Family::V6 => 2,
    }
}

/// Reads EVEN-PORT: whether the next higher port is to be reserved too, the R bit (RFC 8656 §18.7).
///
/// # Errors
/// [`Malformed::AttributeLength`] unless the value has one byte.
pub fn decode_even_port(value: &[u8]) -> Result<bool, Malformed> {
    let [flags]: [u8; 1] = value.try_into().map_err(|_| Malformed::AttributeLength)?;
    Ok(flags & 0x80 != 0)
}

/// Reads DONT-FRAGMENT, which has no value (RFC 8656 §18.9).
///
/// # Errors
/// [`Malformed::AttributeLength`] unless the value is empty.
pub fn decode_dont_fragment(value: &[u8]) -> Result<(), Malformed> {
    if value.is_empty() { Ok(()) } else { Err(Malformed::AttributeLength) }
}

/// Reads RESERVATION-TOKEN (RFC 8656 §18.10).
///
/// # Errors
/// [`Malformed::AttributeLength`] unless the value has eight bytes.
pub fn decode_reservation_token(value: &[u8]) -> Result<[u8; 8], Malformed> {
    value.try_into().map_err(|_| Malformed::AttributeLength)
}

/// What an ICMP packet said, as carried in the ICMP attribute (RFC 8656 §18.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Icmp {
    /// The ICMP (IPv4) or ICMPv6 type, 7 bits on the wire.
    pub kind: u8,
    /// The code, 9 bits on the wire.
    pub code: u16,
    /// The next-hop or path MTU in bytes for "too big" messages, otherwise 0.
    pub data: u32,
}

impl Icmp {
    /// The attribute's value: 16 reserved bits, 7 bits of type, 9 bits of code, 32 bits of data.
    #[must_use]
    pub fn encode(self) -> [u8; 8] {
        let kind_and_code = (u16::from(self.kind & 0x7f) << 9) | (self.code & 0x1ff);
        let [a, b] = kind_and_code.to_be_bytes();
        let [c, d, e, f] = self.data.to_be_bytes();
        [0, 0, a, b, c, d, e, f]
    }

    /// Reads the attribute's value.
    ///
    /// # Errors
    /// [`Malformed::AttributeLength`] unless the value has eight bytes.
    pub fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let [_, _, a, b, c, d, e, f]: [u8; 8] = value.try_into().map_err(|_| Malformed::AttributeLength)?;
        let kind_and_code = u16::from_be_bytes([a, b]);
        Ok(Self {
            // Seven bits always fit.
            kind: u8::try_from(kind_and_code >> 9).unwrap_or(u8::MAX),
            code: kind_and_code & 0x1ff,
            data: u32::from_be_bytes([c, d, e, f]),
        })
    }
}
