//! Binding: where the client's packets come from (RFC 8489 §7.3). Stateless, and for anyone.

use crate::addr::FiveTuple;
use crate::auth::Claim;
use crate::time::Now;

use super::refusal::{Refusal, UnknownAttributes};
use super::reply::Body;
use super::{Relay, Slot, Verdict};

impl Relay {
    pub(super) fn binding(
        &mut self,
        slot: &mut Slot,
        client: FiveTuple,
        claim: &Claim,
        unknown: Option<UnknownAttributes>,
        now: Now,
    ) -> Verdict {
        if !self.common.may_answer(client.client, now.moment) {
            return self.over_budget();
        }
        // At most 52 bytes for at least 20, and 2 more for each unknown attribute's 4: never more than three times.
        let body = unknown.map_or(Body::Mapped, |unknown| Body::Refused(Refusal::UnknownAttributes(unknown)));
        self.answer(slot, client, claim, &body, None)
    }
}
