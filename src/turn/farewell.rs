//! Allocations, or one family's part of them, that were deleted a moment ago, so that a retransmitted deletion is
//! answered as the first one was (RFC 8489 §6.3.1): not with 437 or 443, nor by deleting what was allocated since.

use std::collections::VecDeque;

use crate::addr::FiveTuple;
use crate::auth::Subject;
use crate::time::{Lifetime, Moment};
use crate::wire::TransactionId;

/// How long a client retransmits one request: 39.5 s (RFC 8489 §6.2.1), rounded up.
const REMEMBERED_FOR: Lifetime = Lifetime::from_secs(40);
/// How many are remembered. A forgotten one is answered with 437, which clients take for success (RFC 8656 §8.3).
const MOST: usize = 256;

/// A deletion, as the client will repeat it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Farewell {
    pub(super) client: FiveTuple,
    pub(super) subject: Subject,
    pub(super) transaction: TransactionId,
}

/// The last few deletions.
#[derive(Debug, Default)]
pub(super) struct Farewells(VecDeque<(Moment, Farewell)>);

impl Farewells {
    /// Remembers one.
    pub(super) fn push(&mut self, farewell: Farewell, now: Moment) {
        while self.0.len() >= MOST || self.0.front().is_some_and(|(until, _)| *until <= now) {
            self.0.pop_front();
        }
        self.0.push_back((now + REMEMBERED_FOR, farewell));
    }

    /// Whether this is one of them said again.
    pub(super) fn heard(&self, farewell: &Farewell, now: Moment) -> bool {
        self.0.iter().any(|(until, each)| now < *until && each == farewell)
    }
}
