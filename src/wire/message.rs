//! Reading a STUN message in place (RFC 8489 §5, §6.3).

use core::net::SocketAddr;

use super::{
    Attribute, AttributeType, HEADER, MAGIC_COOKIE, Malformed, decode_xor_address, padded, read_u16, read_u32,
};

/// The methods of STUN and TURN that this server knows (RFC 8489 §18.1, RFC 8656 §17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// 0x001.
    Binding,
    /// 0x003.
    Allocate,
    /// 0x004.
    Refresh,
    /// 0x006, indications from a client.
    Send,
    /// 0x007, indications to a client.
    Data,
    /// 0x008.
    CreatePermission,
    /// 0x009.
    ChannelBind,
}

impl Method {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Binding,
        Self::Allocate,
        Self::Refresh,
        Self::Send,
        Self::Data,
        Self::CreatePermission,
        Self::ChannelBind,
    ];

    /// The 12-bit code.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Binding => 0x001,
            Self::Allocate => 0x003,
            Self::Refresh => 0x004,
            Self::Send => 0x006,
            Self::Data => 0x007,
            Self::CreatePermission => 0x008,
            Self::ChannelBind => 0x009,
        }
    }

    const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0x001 => Self::Binding,
            0x003 => Self::Allocate,
            0x004 => Self::Refresh,
            0x006 => Self::Send,
            0x007 => Self::Data,
            0x008 => Self::CreatePermission,
            0x009 => Self::ChannelBind,
            _ => return None,
        })
    }

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Allocate => "allocate",
            Self::Refresh => "refresh",
            Self::Send => "send",
            Self::Data => "data",
            Self::CreatePermission => "create_permission",
            Self::ChannelBind => "channel_bind",
        }
    }
}

/// The class of a message (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Expects an answer.
    Request,
    /// Expects none.
    Indication,
    /// Answers a request.
    Success,
    /// Refuses a request.
    Error,
}

impl Class {
    /// The message type field for this class and a method (RFC 8489 §5, figure 3).
    #[must_use]
    pub const fn message_type(self, method: Method) -> u16 {
        let code = method.code();
        let class = match self {
            Self::Request => 0x000,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        };
        ((code & 0xf80) << 2) | ((code & 0x070) << 1) | (code & 0x00f) | class
    }
}

/// What ties an answer to its request (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

/// A STUN message whose header and attribute lengths have been checked. The attribute values have not.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    method: Method,
    class: Class,
    transaction: TransactionId,
}

impl<'a> Message<'a> {
    /// Reads a message that is the whole of `bytes`.
    ///
    /// Checked: length, cookie, method, that every attribute lies inside, and that nothing follows FINGERPRINT.
    ///
    /// # Errors
    /// What is wrong, see [`Malformed`]; on UDP such a datagram is silently discarded (RFC 8489 §6.3).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let kind = read_u16(bytes, 0).ok_or(Malformed::Truncated)?;
        if kind & 0xc000 != 0 {
            return Err(Malformed::NotStun);
        }
        let length = usize::from(read_u16(bytes, 2).ok_or(Malformed::Truncated)?);
        if read_u32(bytes, 4).ok_or(Malformed::Truncated)? != MAGIC_COOKIE {
            return Err(Malformed::NoCookie);
        }
        let transaction = bytes.get(8..).and_then(|rest| rest.first_chunk::<12>()).ok_or(Malformed::Truncated)?;
        if length % 4 != 0 {
            return Err(Malformed::UnalignedLength);
        }
        match bytes.len().checked_sub(HEADER) {
            Some(body) if body == length => {}
            Some(body) if body > length => return Err(Malformed::Trailing),
            _ => return Err(Malformed::Truncated),
        }
        let code = ((kind >> 2) & 0xf80) | ((kind >> 1) & 0x070) | (kind & 0x00f);
        let class = match kind & 0x110 {
            0x000 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        };
        let method = Method::from_code(code).ok_or(Malformed::UnknownMethod)?;
        check_attributes(bytes)?;
        Ok(Self { bytes, method, class, transaction: TransactionId(*transaction) })
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The class.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The transaction id.
    #[must_use]
    pub const fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// The whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes a receiver may act on, in order: parsing stops at MESSAGE-INTEGRITY, after which only
    /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT count, and after MESSAGE-INTEGRITY-SHA256 only FINGERPRINT
    /// (RFC 8489 §14.5, §14.6). What an attacker appended is never seen.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { bytes: self.bytes, at: HEADER, sealed: Sealed::No }
    }

    /// The first attribute of a type; later ones of the same type are ignored (RFC 8489 §14).
    #[must_use]
    pub fn attribute(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    /// The value of the first attribute of a type.
    #[must_use]
    pub fn value(&self, kind: AttributeType) -> Option<&'a [u8]> {
        self.attribute(kind).map(|attribute| attribute.value)
    }

    /// Whether an attribute of this type is there.
    #[must_use]
    pub fn has(&self, kind: AttributeType) -> bool {
        self.attribute(kind).is_some()
    }

    /// The first XORed address of a type; `None` when there is no such attribute.
    #[must_use]
    pub fn xor_address(&self, kind: AttributeType) -> Option<Result<SocketAddr, Malformed>> {
        self.value(kind).map(|value| decode_xor_address(value, self.transaction))
    }

    /// Comprehension-required attributes that nobody here comprehends (RFC 8489 §6.3.1: answered with 420).
    pub fn unknown_required(&self) -> impl Iterator<Item = AttributeType> + use<'a> {
        self.attributes()
            .map(|attribute| attribute.kind)
            .filter(|kind| kind.is_comprehension_required() && !kind.is_known())
    }

    /// Whether FINGERPRINT is right; `None` when there is none (RFC 8489 §14.7).
    #[must_use]
    pub fn fingerprint(&self) -> Option<bool> {
        let attribute = self.attribute(AttributeType::FINGERPRINT)?;
        let said = read_u32(attribute.value, 0);
        Some(said == self.bytes.get(..attribute.offset).map(super::writer::fingerprint_of))
    }
}

fn check_attributes(bytes: &[u8]) -> Result<(), Malformed> {
    let mut at = HEADER;
    while at < bytes.len() {
        let kind = read_u16(bytes, at).ok_or(Malformed::AttributeOverrun)?;
        let length = usize::from(read_u16(bytes, at + 2).ok_or(Malformed::AttributeOverrun)?);
        at += 4 + padded(length);
        if at > bytes.len() {
            return Err(Malformed::AttributeOverrun);
        }
        if AttributeType(kind) == AttributeType::FINGERPRINT {
            if length != 4 {
                return Err(Malformed::AttributeLength);
            }
            if at != bytes.len() {
                return Err(Malformed::AfterFingerprint);
            }
        }
    }
    Ok(())
}

/// How much of a message an integrity attribute has already covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sealed {
    No,
    Sha1,
    Sha256,
}

/// Iterator over the attributes that count, see [`Message::attributes`].
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
    sealed: Sealed,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        loop {
            let offset = self.at;
            let kind = AttributeType(read_u16(self.bytes, offset)?);
            let length = usize::from(read_u16(self.bytes, offset + 2)?);
            let value = self.bytes.get(offset + 4..)?.get(..length)?;
            self.at = offset + 4 + padded(length);
            let counts = match self.sealed {
                Sealed::No => true,
                Sealed::Sha1 => {
                    matches!(kind, AttributeType::MESSAGE_INTEGRITY_SHA256 | AttributeType::FINGERPRINT)
                }
                Sealed::Sha256 => kind == AttributeType::FINGERPRINT,
            };
            if !counts {
                continue;
            }
            match kind {
                AttributeType::MESSAGE_INTEGRITY => self.sealed = Sealed::Sha1,
                AttributeType::MESSAGE_INTEGRITY_SHA256 => self.sealed = Sealed::Sha256,
                _ => {}
            }
            return Some(Attribute { kind, value, offset });
        }
    }
}
