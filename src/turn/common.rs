//! What the shards share: the quota ledger, the budgets of answers and requests, which relayed addresses of ours are in
//! use, and ports reserved by token. Media reads one word of it at most.

use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::addr::{ClientAddr, Family, PeerAddr};
use crate::auth::Subject;
use crate::policy::seal::Conversations;
use crate::policy::{ChallengeBudget, Ledger, Quota, RequestBudget};
use crate::time::Moment;

use super::own::OwnAddresses;
use super::port::Held;
use super::reserved::{Reservations, Reserved};

/// The dynamic ports (RFC 6335 §6), which RFC 8656 §7.2 asks for.
const DYNAMIC: RangeInclusive<u16> = 49_152..=65_535;
/// The value of `next` when nothing is reserved.
const NEVER: u64 = u64::MAX;

/// What the shards share.
#[derive(Debug)]
pub struct Common {
    ledger: Arc<Ledger>,
    /// Made by the first shard, with its key. One for all: a source that comes from many ports reaches many shards.
    budget: OnceLock<Mutex<ChallengeBudget>>,
    /// Made by the first shard, with its key.
    requests: OnceLock<Mutex<RequestBudget>>,
    /// Made by the first shard, with its seeds.
    conversations: OnceLock<Conversations>,
    own: OwnAddresses,
    reserved: Mutex<Reservations>,
    next: AtomicU64,
    /// Nothing may begin now: the operator wants no allocation of which there is no record, and none can be made.
    shut: AtomicBool,
}

impl Common {
    /// For a relay whose relayed addresses are `relayed`, as the world sees them, with the dynamic ports opened there.
    #[must_use]
    pub fn new(quota: Quota, relayed: &[IpAddr]) -> Arc<Self> {
        Self::with_addresses(quota, relayed, &DYNAMIC, &[])
    }

    /// The same, where ports with numbers of `opened` are opened on the relayed addresses, and `closed` are more
    /// addresses for virtual ports.
    #[must_use]
    pub fn with_addresses(
        quota: Quota,
        relayed: &[IpAddr],
        opened: &RangeInclusive<u16>,
        closed: &[IpAddr],
    ) -> Arc<Self> {
        Arc::new(Self {
            ledger: Ledger::new(quota),
            budget: OnceLock::new(),
            requests: OnceLock::new(),
            conversations: OnceLock::new(),
            own: OwnAddresses::new(relayed, opened, closed),
            reserved: Mutex::default(),
            next: AtomicU64::new(NEVER),
            shut: AtomicBool::new(false),
        })
    }

    /// Whether new allocations may begin; if not, they are answered 508, and those that run go on.
    pub fn set_admits(&self, admits: bool) {
        self.shut.store(!admits, Ordering::Relaxed);
    }

    /// Whether new allocations may begin.
    #[must_use]
    pub fn admits(&self) -> bool {
        !self.shut.load(Ordering::Relaxed)
    }

    /// The quota ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Sets how many answers a stranger gets in a second. `key` is random; the first one stays.
    pub(super) fn set_challenges(&self, per_second: u32, key: [u8; 32]) {
        let budget = self.budget.get_or_init(|| Mutex::new(ChallengeBudget::new(per_second, key)));
        budget.lock().unwrap_or_else(PoisonError::into_inner).set_rate(per_second);
    }

    /// Takes one answer out of a stranger's budget; false when none is left.
    pub(super) fn may_answer(&self, client: ClientAddr, now: Moment) -> bool {
        let Some(budget) = self.budget.get() else { return false };
        budget.lock().unwrap_or_else(PoisonError::into_inner).allow(client, now)
    }

    /// Sets how many proven requests a credential may make in a second. `key` is random; the first one stays.
    pub(super) fn set_requests(&self, per_second: u32, key: [u8; 32]) {
        let budget = self.requests.get_or_init(|| Mutex::new(RequestBudget::new(per_second, key)));
        budget.lock().unwrap_or_else(PoisonError::into_inner).set_rate(per_second);
    }

    /// Takes one request out of a credential's budget; false when none is left.
    pub(super) fn may_ask(&self, subject: Subject, now: Moment) -> bool {
        let Some(budget) = self.requests.get() else { return false };
        budget.lock().unwrap_or_else(PoisonError::into_inner).allow(subject, now)
    }

    /// Whether there is a relayed address of this family.
    #[must_use]
    pub fn relays(&self, family: Family) -> bool {
        self.own.opens(family)
    }

    /// Whether this is one of our relayed IP addresses.
    #[must_use]
    pub fn is_own(&self, ip: IpAddr) -> bool {
        self.own.contains(ip)
    }

    /// Whether this is the relayed transport address of a live allocation, on any shard.
    #[must_use]
    pub fn is_live(&self, peer: PeerAddr) -> bool {
        self.own.locate(peer).is_some()
    }

    /// Our own addresses, and who has which of their ports.
    pub(super) const fn own(&self) -> &OwnAddresses {
        &self.own
    }

    /// The conversations of the seal; the first shard's `seeds` stay.
    pub(super) fn set_conversations(&self, seeds: [u64; 4], most: usize) {
        self.conversations.get_or_init(|| Conversations::new(seeds, most));
    }

    /// The conversations of the seal, once a shard has been made.
    #[must_use]
    pub fn conversations(&self) -> Option<&Conversations> {
        self.conversations.get()
    }

    /// Reserves an open port for whoever shows the token. The port comes back when too many are reserved.
    pub(super) fn reserve(&self, token: [u8; 8], subject: Subject, port: Held, now: Moment) -> Result<(), Held> {
        self.with_reserved(|reserved| reserved.reserve(token, subject, port, now))
    }

    /// Hands out the port that the token stands for, to the user who reserved it and within its time.
    pub(super) fn claim(&self, token: [u8; 8], subject: Subject, now: Moment) -> Option<Held> {
        self.with_reserved(|reserved| reserved.claim(token, subject, now))
    }

    /// A reserved port that nobody came for.
    pub(super) fn unclaimed(&self, now: Moment) -> Option<Held> {
        if self.next_unclaimed().is_none_or(|next| now < next) {
            return None;
        }
        self.with_reserved(|reserved| reserved.unclaimed(now))
    }

    /// A port that has been reserved in another process. It comes back when too many are reserved.
    pub(super) fn resume_reserved(&self, reserved: Reserved) -> Result<(), Reserved> {
        self.with_reserved(|all| all.put(reserved))
    }

    /// When the next reservation runs out.
    pub(super) fn next_unclaimed(&self) -> Option<Moment> {
        match self.next.load(Ordering::Acquire) {
            NEVER => None,
            nanoseconds => Some(Moment::from_nanos(nanoseconds)),
        }
    }

    /// Does something with the reserved ports, and says when the next one runs out.
    pub(super) fn with_reserved<T>(&self, act: impl FnOnce(&mut Reservations) -> T) -> T {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut reserved);
        self.next.store(reserved.next().map_or(NEVER, Moment::as_nanos), Ordering::Release);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One source at many ports reaches many shards; its budget is one all the same.
    #[test]
    fn a_source_has_one_budget_whatever_the_number_of_shards() {
        let common = Common::new(Quota::default(), &[]);
        for shard in 0..4 {
            common.set_challenges(10, [shard; 32]);
        }
        let answered = (1000..1100).filter(|&port| {
            let client = ClientAddr::new(([192, 0, 2, 1], port).into());
            common.may_answer(client, Moment::from_secs(5))
        });
        assert_eq!(answered.count(), 10);
    }
}
