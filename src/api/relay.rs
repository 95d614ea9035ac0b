//! What the API needs of a running relay.

use core::fmt;

use serde::Serialize;
use serde_json::Value;

use super::access::Access;
use super::keys::KeyId;
use super::review::{self, Review};
use super::role::Caller;
use crate::auth::token::{Issuer, Region};
use crate::auth::{InvalidRevocation, Revocation, Revoked};
use crate::time::UnixTime;
use crate::turn::AllocationView;

/// A running relay, as operators deal with it. Calls may block for as long as shards take to answer.
pub trait Relay: Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> UnixTime;

    /// What it is and does.
    fn status(&self) -> Status;

    /// The live allocations: all, or those that `of` would revoke.
    ///
    /// # Errors
    /// [`Unavailable`].
    fn survey(&self, of: Option<&Revoked>) -> Result<Vec<AllocationView>, Unavailable>;

    /// What is revoked, in no order.
    fn revocations(&self) -> Vec<Revocation>;

    /// Revokes something, ends what lives by it, and records who did it.
    ///
    /// # Errors
    /// [`NotRevoked`] says whether something has changed.
    fn revoke(&self, revocation: &Revocation, caller: &Caller) -> Result<Revoking, NotRevoked>;

    /// Takes no new allocations from now on, or takes them again; records who did it, and says how many allocations run.
    ///
    /// # Errors
    /// [`Unavailable`]: it is ending, and drains already; or part of it does not answer.
    fn drain(&self, draining: bool, caller: &Caller) -> Result<usize, Unavailable>;

    /// Changes the accounts of staff, and records who did it: what there is to say of it. Blocks for tens of milliseconds.
    ///
    /// # Errors
    /// [`NotEnrolled`]: nothing has changed.
    fn enrol(&self, _asked: &Enrolment, _caller: &Caller) -> Result<Value, NotEnrolled> {
        Err(NotEnrolled::Off)
    }

    /// Who has access, this access among it; records who asked for it. Blocks for as long as [`Self::enrol`].
    fn review(&self, access: &Access, _caller: &Caller) -> Review {
        Review::new(review::configured(access, self.now(), |_| None), self.now())
    }

    /// An API key was shown, and is good.
    fn used(&self, _key: KeyId) {}

    /// Takes note of what somebody did or was refused. [`Self::revoke`] and [`Self::drain`] are noted by themselves.
    fn record(&self, deed: &Deed<'_>);
}

/// What a relay is and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it stands; `None` if the configuration does not say.
    pub region: Option<Region>,
    /// What the seal does: `enforce`, `report` or `off`.
    pub seal: &'static str,
    /// Whether call tokens are accepted.
    pub call_tokens: bool,
    /// Whether new allocations are taken; not while it drains.
    pub ready: bool,
    /// Live allocations, as of a second ago at most.
    pub allocations: u64,
    /// When it started.
    pub started: UnixTime,
}

/// Something that an audit log should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed<'d> {
    /// Credentials were minted for a call of this issuer.
    Minted {
        /// By whom.
        caller: &'d Caller,
        /// What they are for.
        what: Revoked,
    },
    /// A change was refused.
    Refused {
        /// Which: the label of the endpoint.
        action: &'static str,
        /// To whom; `None` if nobody knows.
        caller: Option<&'d Caller>,
        /// Why: the word of the problem.
        why: &'static str,
    },
}

/// What is to become of the accounts of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// Nothing: who has one?
    List,
    /// A new one.
    Add {
        /// Of whom.
        name: String,
        /// `operator`, `admin` or `clinician`.
        role: String,
        /// For which clinics.
        clinics: Vec<String>,
        /// Whom the provider knows by this subject signs in there; without it, with a password.
        openid: Option<String>,
    },
    /// Another role.
    Role {
        /// Of whom.
        name: String,
        /// `operator`, `admin` or `clinician`.
        role: String,
        /// For which clinics.
        clinics: Vec<String>,
    },
    /// No more.
    Remove {
        /// Of whom.
        name: String,
    },
}

/// Why accounts are not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotEnrolled {
    /// This relay has no visits, and so no staff.
    Off,
    /// What was asked for is wrong, in a sentence.
    Invalid(&'static str),
    /// There are too many.
    Full,
    /// The disk takes nothing.
    Unavailable,
}

/// The relay does not answer: it is ending, or a shard hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .write_str("the relay does not answer in time: it is ending, or a shard hangs; see /live and try again")
    }
}

impl core::error::Error for Unavailable {}

/// What a revocation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoking {
    /// Live allocations that ended.
    pub ended: usize,
    /// What the operator should know although it worked.
    pub warning: Option<&'static str>,
}

/// Why something was not revoked, or not altogether.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRevoked {
    /// It cannot be; nothing has changed.
    Invalid(InvalidRevocation),
    /// It holds for new requests, but something went wrong; what that was and what to do.
    Partly(String),
}

/// What a call is called by whoever looks: two issuers may use the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct CallKey {
    #[serde(serialize_with = "super::answer::word")]
    pub(super) issuer: Issuer,
    #[serde(serialize_with = "super::answer::word")]
    pub(super) call: crate::auth::token::Call,
}
