//! Facts. Log lines, metrics and audit records derive from them, and nothing else makes any.

use core::time::Duration;

use crate::addr::{Family, FiveTuple, Transport};
use crate::auth::{CallGrant, Subject};
use crate::policy::seal;
use crate::wire::{ErrorCode, Method};

/// A fact about an allocation or a request. Addresses and subjects are here for pseudonyms; they are never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An allocation began.
    Allocated {
        /// Whose.
        client: FiveTuple,
        /// By which credential.
        subject: Subject,
        /// The families of its relayed addresses.
        families: Families,
        /// The call that it is bound to; `None` for a static user and a time-limited credential.
        call: Option<CallGrant>,
    },
    /// An allocation goes on that began in another process.
    Restored {
        /// Whose.
        client: FiveTuple,
        /// By which credential.
        subject: Subject,
        /// The families of its relayed addresses.
        families: Families,
        /// How long it has lived.
        age: Duration,
        /// What the complete handshakes on its paths agreed on: versions, and profiles where they can be seen.
        handshakes: Vec<(seal::Version, Option<seal::Profile>)>,
        /// The call that it is bound to; `None` for a static user and a time-limited credential.
        call: Option<CallGrant>,
    },
    /// An allocation ended.
    Ended {
        /// Whose.
        client: FiveTuple,
        /// By which credential.
        subject: Subject,
        /// Why.
        cause: EndCause,
        /// How long it lived.
        age: Duration,
        /// What it carried.
        carried: Carried,
        /// The call that it was bound to.
        call: Option<CallGrant>,
    },
    /// A request was heard, proven and refused, or refused before.
    Refused {
        /// Who asked.
        client: FiveTuple,
        /// What was asked.
        method: Method,
        /// The answer.
        code: ErrorCode,
    },
    /// Something happened to a seal.
    Seal {
        /// Whose datagram it was; nobody's when a conversation was forgotten.
        client: Option<FiveTuple>,
        /// What.
        fact: seal::Fact,
    },
}

/// Which families an allocation relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Families {
    /// One.
    One(Family),
    /// Both (RFC 8656 §7.1: ADDITIONAL-ADDRESS-FAMILY).
    Both,
}

/// Why an allocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndCause {
    /// The client asked for it.
    Deleted,
    /// The client did not refresh it.
    Expired,
    /// Its credential ended.
    CredentialEnded,
    /// Its connection closed.
    Disconnected,
    /// The operator ended it.
    Ended,
    /// The relay stopped.
    Stopped,
    /// Its token, party, call or key was revoked.
    Revoked,
}

impl EndCause {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Deleted,
        Self::Expired,
        Self::CredentialEnded,
        Self::Disconnected,
        Self::Ended,
        Self::Stopped,
        Self::Revoked,
    ];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Expired => "expired",
            Self::CredentialEnded => "credential_ended",
            Self::Disconnected => "disconnected",
            Self::Ended => "ended",
            Self::Stopped => "stopped",
            Self::Revoked => "revoked",
        }
    }
}

/// What an allocation carried, application data only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// From the client to peers.
    pub up: Volume,
    /// From peers to the client.
    pub down: Volume,
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// How many.
    pub packets: u64,
    /// How large together, in bytes.
    pub bytes: u64,
}

impl Carried {
    /// Nothing.
    pub(super) const NONE: Self = Self { up: Volume { packets: 0, bytes: 0 }, down: Volume { packets: 0, bytes: 0 } };
}

impl Volume {
    /// Counts one packet of `bytes` bytes.
    pub const fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

impl Event {
    /// The transport of the client the fact is about, if it is about one.
    #[must_use]
    pub const fn transport(&self) -> Option<Transport> {
        match self {
            Self::Allocated { client, .. }
            | Self::Restored { client, .. }
            | Self::Ended { client, .. }
            | Self::Refused { client, .. }
            | Self::Seal { client: Some(client), .. } => Some(client.link.transport()),
            Self::Seal { client: None, .. } => None,
        }
    }
}
