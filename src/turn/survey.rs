//! What runs, for an operator to look at: no addresses.

use core::time::Duration;
use std::sync::Arc;

use crate::addr::Transport;
use crate::auth::token::{Claims, Kid};
use crate::auth::{CallGrant, Revoked};
use crate::time::Now;

use super::{Carried, Families, Relay};

/// A live allocation, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationView {
    /// The token that it lives by; `None` for other credentials.
    pub token: Option<TokenView>,
    /// What its client speaks.
    pub transport: Transport,
    /// The families of its relayed addresses.
    pub families: Families,
    /// How long it has lived.
    pub age: Duration,
    /// How long it lives on if nobody refreshes it.
    pub left: Duration,
    /// What it has carried.
    pub carried: Carried,
    /// Permissions that hold.
    pub permissions: usize,
    /// Channels that are bound.
    pub channels: usize,
}

/// A token, seen from outside: who minted it for whom, and the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenView {
    /// Issuer, call, party, id, window and limits.
    pub claims: Arc<Claims>,
    /// The key that signed it.
    pub kid: Kid,
}

/// A page of a survey.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Allocations, in no order that means anything.
    pub allocations: Vec<AllocationView>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<u32>,
}

impl Relay {
    /// Looks at the live allocations that `of` would revoke, or at all of them: at `places` places from place `from` on,
    /// so that media never waits for a long list. An allocation that lives through a whole survey is seen once.
    #[must_use]
    pub fn survey(&self, of: Option<&Revoked>, from: u32, places: u32, now: Now) -> Survey {
        let mut survey = Survey::default();
        let end = from.saturating_add(places.max(1)).min(self.table.places());
        for index in from..end {
            let (Some(allocation), Some(client)) = (self.table.get(index), self.table.client(index)) else { continue };
            let covered =
                |of: &Revoked| allocation.call.as_ref().is_some_and(|call| of.covers(call.claims(), call.kid()));
            let left = allocation.expires().map_or(Duration::ZERO, |expires| expires - now.moment);
            // What has run out is gone, even if its timer has not come round.
            if left.is_zero() || !of.is_none_or(covered) {
                continue;
            }
            let token = |call: &CallGrant| TokenView { claims: Arc::clone(call.claims()), kid: call.kid() };
            survey.allocations.push(AllocationView {
                token: allocation.call.as_ref().map(token),
                transport: client.link.transport(),
                families: allocation.families(),
                age: now.moment - allocation.begun,
                left,
                carried: self.table.carried(index).unwrap_or_default(),
                permissions: allocation.permissions.iter().filter(|each| now.moment < each.expires).count(),
                channels: allocation.channels.iter().filter(|each| now.moment < each.expires).count(),
            });
        }
        survey.next = (end < self.table.places()).then_some(end);
        survey
    }
}
