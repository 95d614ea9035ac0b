//! What a conversation is found by.

use core::net::IpAddr;

use crate::auth::Party;
use crate::wire::keep::Keep;

/// What a conversation is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Two parties, the lesser one first.
    Parties(Party, Party),
    /// A party and somebody outside.
    Address(Party, IpAddr),
    /// A party and a pair of ICE username fragments (RFC 8445 §5.3): an agent outside with several addresses.
    Ice(Party, u64),
}

impl Keep for Key {
    fn keep(&self, to: &mut Vec<u8>) {
        match *self {
            Self::Parties(one, other) => {
                to.push(0);
                (one, other).keep(to);
            }
            Self::Address(party, ip) => {
                to.push(1);
                (party, ip).keep(to);
            }
            Self::Ice(party, fragments) => {
                to.push(2);
                (party, fragments).keep(to);
            }
        }
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::recall(from)? {
            0 => Self::Parties(Party::recall(from)?, Party::recall(from)?),
            1 => Self::Address(Party::recall(from)?, IpAddr::recall(from)?),
            2 => Self::Ice(Party::recall(from)?, u64::recall(from)?),
            _ => return None,
        })
    }
}
