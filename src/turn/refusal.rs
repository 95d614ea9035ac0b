//! A request heard and refused, and the one place that gives each reason its code.

use core::net::SocketAddr;

use crate::policy::{Exceeded, PeerRefusal};
use crate::wire::{AttributeType, ErrorCode, Malformed, Message};

/// Why a proven request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// While this relay drains: another one.
    TryAlternate(SocketAddr),
    /// An attribute is missing, malformed or may not stand beside another.
    BadRequest,
    /// Policy does not allow the peer.
    Forbidden,
    /// Comprehension-required attributes that nobody here knows.
    UnknownAttributes(UnknownAttributes),
    /// Allocate on a five-tuple that has an allocation, or anything else on one that has none.
    AllocationMismatch,
    /// No relayed address of the requested family.
    AddressFamilyNotSupported,
    /// Another user's allocation.
    WrongCredentials,
    /// Anything but UDP.
    UnsupportedTransportProtocol,
    /// The allocation has no relayed address of the peer's family.
    PeerAddressFamilyMismatch,
    /// The user has as many allocations as one may have.
    AllocationQuotaReached,
    /// No port, no reservation with this token, or a bound of the relay or of the client's source is reached.
    InsufficientCapacity,
}

impl Refusal {
    /// The code it is answered with (RFC 8489 §14.8, RFC 8656 §19).
    pub(super) const fn code(self) -> ErrorCode {
        match self {
            Self::TryAlternate(_) => ErrorCode::TRY_ALTERNATE,
            Self::BadRequest => ErrorCode::BAD_REQUEST,
            Self::Forbidden => ErrorCode::FORBIDDEN,
            Self::UnknownAttributes(_) => ErrorCode::UNKNOWN_ATTRIBUTE,
            Self::AllocationMismatch => ErrorCode::ALLOCATION_MISMATCH,
            Self::AddressFamilyNotSupported => ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED,
            Self::WrongCredentials => ErrorCode::WRONG_CREDENTIALS,
            Self::UnsupportedTransportProtocol => ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL,
            Self::PeerAddressFamilyMismatch => ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH,
            Self::AllocationQuotaReached => ErrorCode::ALLOCATION_QUOTA_REACHED,
            Self::InsufficientCapacity => ErrorCode::INSUFFICIENT_CAPACITY,
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::BadRequest
    }
}

impl From<PeerRefusal> for Refusal {
    fn from(_: PeerRefusal) -> Self {
        Self::Forbidden
    }
}

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::Subject => Self::AllocationQuotaReached,
            Exceeded::Source | Exceeded::Total => Self::InsufficientCapacity,
        }
    }
}

/// The first few attribute types that nobody here knows; a request may hold thousands, an answer need not list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownAttributes {
    value: [u8; 2 * Self::MOST],
    length: usize,
}

impl UnknownAttributes {
    const MOST: usize = 8;

    /// Those of a message; `None` when it has none.
    pub(super) fn of(message: &Message<'_>) -> Option<Self> {
        let mut found = Self { value: [0; 2 * Self::MOST], length: 0 };
        for (AttributeType(code), place) in message.unknown_required().zip(found.value.chunks_exact_mut(2)) {
            place.copy_from_slice(&code.to_be_bytes());
            found.length += 2;
        }
        (found.length > 0).then_some(found)
    }

    /// The value of UNKNOWN-ATTRIBUTES (RFC 8489 §14.13).
    pub(super) fn as_slice(&self) -> &[u8] {
        self.value.get(..self.length).unwrap_or_default()
    }
}
