//! May it be done: which peers, how many allocations, how much, how many answers, and what is relayed at all.

mod budget;
mod ledger;
mod network;
mod peers;
mod rate;
pub mod seal;
mod source;
mod special;

pub use budget::{AttemptBudget, ChallengeBudget, RequestBudget};
pub use ledger::{Bounds, Exceeded, Ledger, Reservation};
pub use network::{InvalidNetwork, Network};
pub use peers::{PeerRefusal, PeerRules};
pub use rate::{Account, BeyondRate, Rate, RateLimit};
pub use source::Source;

/// An immutable snapshot of the rules.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which peers may be reached.
    pub peers: PeerRules,
    /// Bounds on allocations.
    pub quota: Quota,
    /// Answers to senders who have proven nothing, per source and second. A source is a /32 of IPv4 or a /64 of IPv6.
    pub challenges_per_second: u32,
    /// What may be relayed.
    pub seal: seal::Settings,
}

/// Bounds on allocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Allocations at once in the whole process; more are refused with 508.
    pub total: usize,
    /// Allocations at once per subject; more are refused with 486.
    pub per_subject: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self { total: 100_000, per_subject: 32 }
    }
}
