//! Revocation of what runs: every live allocation that a revocation covers ends at once.

use crate::auth::Revocation;
use crate::time::Now;

use super::{EndCause, Relay};

impl Relay {
    /// Ends every live allocation whose token is revoked by this, and says how many those were. Nothing is carried for
    /// them from then on. New requests are refused by the list of revocations, which has to hold this one before: then
    /// no allocation slips in between.
    pub fn revoke(&mut self, revocation: &Revocation, now: Now) -> usize {
        let covered: Vec<u32> = self.table.covered(&revocation.what).collect();
        let live = covered.into_iter().filter_map(|index| self.unexpired(index, now)).collect::<Vec<_>>();
        for &index in &live {
            self.end(index, EndCause::Revoked, now);
        }
        live.len()
    }
}
