//! What a proven credential allows.

use core::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::token::Region;
use super::{CallGrant, Destinations};
use crate::time::UnixTime;
use crate::wire::keep::Keep;

/// Who a credential speaks for, as the hash of its username: enough to compare and to count, too little to print.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject([u8; 16]);

impl Subject {
    /// The subject of a username.
    #[must_use]
    pub fn of(username: &[u8]) -> Self {
        let hash = Sha256::digest(username);
        Self(hash.first_chunk::<16>().copied().unwrap_or_default())
    }
}

impl Keep for Subject {
    fn keep(&self, to: &mut Vec<u8>) {
        self.0.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Keep::recall(from).map(Self)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Subject(redacted)")
    }
}

/// The person or thing behind credentials, as a hash: of the label of a time-limited credential, which stays when the
/// credential is renewed, and of the whole username otherwise. Conversations are between parties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party([u8; 16]);

impl Party {
    /// The hash of no username that anybody knows.
    pub(crate) const NOBODY: Self = Self([0; 16]);

    /// The party that a username speaks for.
    #[must_use]
    pub fn of(username: &[u8]) -> Self {
        let label = match super::credential::expiry_of(username) {
            Some(_) => username.iter().position(|&byte| byte == b':').and_then(|colon| username.get(colon + 1..)),
            None => None,
        };
        let person = label.filter(|label| !label.is_empty()).unwrap_or(username);
        let hash = Sha256::digest(person);
        Self(hash.first_chunk::<16>().copied().unwrap_or_default())
    }
}

impl Keep for Party {
    fn keep(&self, to: &mut Vec<u8>) {
        self.0.keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        Keep::recall(from).map(Self)
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Party(redacted)")
    }
}

/// What a proven credential allows. Only `auth` makes one, and the core accepts no other proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) subject: Subject,
    pub(super) party: Party,
    pub(super) until: Option<UnixTime>,
    pub(super) call: Option<CallGrant>,
    pub(super) reach: Destinations,
    /// The regions that it is for; empty: all. A token has them among its claims.
    pub(super) regions: Arc<[Region]>,
}

impl Grant {
    /// Whose it is. Two requests with the same subject come from the same user (RFC 8656 §5: 441).
    #[must_use]
    pub const fn subject(&self) -> Subject {
        self.subject
    }

    /// Who is behind it.
    #[must_use]
    pub const fn party(&self) -> Party {
        self.party
    }

    /// The call that it is bound to; `None` for a static user and a time-limited credential.
    #[must_use]
    pub const fn call(&self) -> Option<&CallGrant> {
        self.call.as_ref()
    }

    /// When the credential ends; `None` for a static user.
    #[must_use]
    pub const fn until(&self) -> Option<UnixTime> {
        self.until
    }

    /// Which peers may be reached.
    #[must_use]
    pub const fn reach(&self) -> Destinations {
        self.reach
    }

    /// Whether it is for a relay of this region.
    #[must_use]
    pub fn is_for(&self, region: &Region) -> bool {
        match &self.call {
            Some(call) => call.claims().regions.contains(region),
            None => self.regions.is_empty() || self.regions.contains(region),
        }
    }

    /// Whether nothing outside this relay can be reached, whatever the rules about peers allow: then no datagram of it
    /// ever leaves through a relayed port, or comes in through one.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.reach == Destinations::Clients
    }
}
