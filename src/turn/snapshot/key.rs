//! What a record is about, and what became of it.

use core::fmt;

use crate::addr::FiveTuple;

/// What a record is about, as long as one process lives: a record with the same key takes its place. The order of the
/// keys is the one to restore in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKey {
    /// What the conversations of the seal have in common.
    Seal,
    /// A conversation. The shards share it; shard 0 has its record.
    Conversation(u32),
    /// A port that waits for the holder of its token. The shards share it; shard 0 has its record.
    Reservation(u32),
    /// An allocation of the shard.
    Allocation(u32),
}

impl RecordKey {
    /// The least one.
    pub const FIRST: Self = Self::Seal;

    /// As five bytes, in whose order they sort alike.
    #[must_use]
    pub const fn encode(self) -> [u8; 5] {
        let (kind, number) = match self {
            Self::Seal => (0, 0),
            Self::Conversation(number) => (1, number),
            Self::Reservation(number) => (2, number),
            Self::Allocation(number) => (3, number),
        };
        let [a, b, c, d] = number.to_be_bytes();
        [kind, a, b, c, d]
    }

    /// Reads one; `None` for bytes that are none.
    #[must_use]
    pub const fn decode([kind, number @ ..]: [u8; 5]) -> Option<Self> {
        match (kind, u32::from_be_bytes(number)) {
            (0, 0) => Some(Self::Seal),
            (1, number) => Some(Self::Conversation(number)),
            (2, number) => Some(Self::Reservation(number)),
            (3, number) => Some(Self::Allocation(number)),
            _ => None,
        }
    }
}

/// What has been restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// What the conversations have in common.
    Seal,
    /// A conversation.
    Conversation,
    /// A reserved port.
    Reservation,
    /// An allocation.
    Allocation {
        /// Whose.
        client: FiveTuple,
    },
}

/// Why a record is not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotRestored {
    /// It is no record, or one that this relay could not have written.
    Malformed,
    /// It is a record of another version of the program.
    Version,
    /// It has run out meanwhile.
    Expired,
    /// Its client has come over a connection, which is gone.
    Stream,
    /// Its relayed port is not to be had: it is not open, or by the configuration not this relay's any more.
    Port,
    /// Its client or its relayed address has an allocation already.
    Taken,
    /// Its token, party, call or key has been revoked.
    Revoked,
    /// The relay has as many as it may have.
    Full,
    /// Its client has come through a load balancer that is none of this relay's any more.
    Proxy,
}

impl NotRestored {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::Version,
        Self::Expired,
        Self::Stream,
        Self::Port,
        Self::Taken,
        Self::Revoked,
        Self::Full,
        Self::Proxy,
    ];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::Expired => "expired",
            Self::Stream => "stream",
            Self::Port => "port",
            Self::Taken => "taken",
            Self::Revoked => "revoked",
            Self::Full => "full",
            Self::Proxy => "proxy",
        }
    }
}

impl fmt::Display for NotRestored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the record is damaged, or no record of this relay",
            Self::Version => "the record is of another version of this program",
            Self::Expired => "it has run out while the relay was away",
            Self::Stream => "its client has come over a connection, and the connection is gone",
            Self::Port => "its relayed port cannot be had again",
            Self::Taken => "its client or its relayed address has an allocation already",
            Self::Revoked => "its token, party, call or key has been revoked",
            Self::Proxy => "its client has come through a load balancer that `listen.proxies` does not name any more",
            Self::Full => "the relay has as many as its limits allow; see `limits` in the configuration",
        })
    }
}

impl core::error::Error for NotRestored {}
