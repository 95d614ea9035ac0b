//! How much a client has, sends and asks for: what is refused, and what is dropped without a word.

use crate::addr::FiveTuple;
use crate::auth::{CallGrant, Subject};
use crate::policy::seal::Way;
use crate::policy::{BeyondRate, Bounds, Rate, Reservation, Source};
use crate::time::Now;

use super::refusal::Refusal;
use super::{Discard, Relay};

impl Relay {
    /// Admits a datagram that may pass, if the rate of its credential has room for it, and counts it as carried.
    /// `limited`: the allocation has a rate.
    #[inline]
    pub(super) fn admit(
        &mut self,
        index: u32,
        way: Way,
        datagram: &[u8],
        limited: bool,
        now: Now,
    ) -> Result<(), Discard> {
        if limited && let Some(rate) = self.table.get(index).and_then(|allocation| allocation.rate.as_ref()) {
            rate.send(way, datagram, now.moment)?;
        }
        let Some(carried) = self.table.carried_mut(index) else { return Err(Discard::NoAllocation) };
        match way {
            Way::Up => carried.up.add(datagram.len()),
            Way::Down => carried.down.add(datagram.len()),
        }
        Ok(())
    }

    /// A place for one more allocation within all bounds.
    pub(super) fn reserve(
        &mut self,
        subject: Subject,
        call: Option<&CallGrant>,
        client: FiveTuple,
        now: Now,
    ) -> Result<Reservation, Refusal> {
        let of_token = call.and_then(|call| call.claims().limits.allocations).map(usize::from);
        let bounds = Bounds { subject: of_token.unwrap_or(usize::MAX), source: self.settings.allocations_per_source };
        let ledger = self.common.ledger();
        let reserved = ledger.reserve(subject, Source::of(client.client.socket().ip()), bounds, now.moment);
        Ok(reserved.inspect_err(|&exceeded| self.tally.quota_refused(exceeded))?)
    }

    /// The limits of new settings, for allocations that live.
    pub(super) fn set_rates(&mut self) {
        for allocation in self.table.iter_mut() {
            let limit = self.settings.rate_limit(allocation.call.as_ref());
            allocation.rate = Rate::new(limit, allocation.reservation.account());
        }
    }
}

impl From<BeyondRate> for Discard {
    fn from(beyond: BeyondRate) -> Self {
        match beyond {
            BeyondRate::Large => Self::Rate,
            BeyondRate::Small => Self::RateSmall,
        }
    }
}
