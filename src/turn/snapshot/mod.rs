//! What of a relay survives its process: records of allocations with all that hangs on them, of the conversations of the
//! seal and of reserved ports, as bytes and back.
//!
//! What can be derived again is not written: the counts of the ledger, the hash tables, the timing wheel, notes of
//! routes, answers that are remembered for retransmissions of a deletion, the budgets of strangers, and fragments of a
//! hello of which the rest has not come. Moments are written as they are, so the clock of whoever reads them has to be
//! the same one: records are good until the system starts again.
//!
//! Records hold addresses and hashes of credentials, and whoever can change them can let anybody through: they are to be
//! kept as secret as keys, and to be authenticated. Reading them panics on no bytes whatever.

mod key;

pub use key::{NotRestored, RecordKey, Restored};

use crate::addr::RelayedAddr;
use crate::time::Now;

use super::{Port, Relay};

/// What the records of this program look like. A record that begins with another number is not read.
pub const RECORD_VERSION: u8 = 1;
/// No record has more bytes.
pub const LONGEST_RECORD: usize = 128 * 1024;

impl Relay {
    /// Hands out what has changed since the last call, in the order of its keys, and at most `most` records: `None` for
    /// what is gone. The first call hands out all there is. Says whether there is more to hand out now.
    ///
    /// Media alone changes nothing but counters, and those are handed out once a minute. What the shards share is handed
    /// out by shard 0 alone.
    pub fn changed(&mut self, now: Now, most: usize, take: impl FnMut(RecordKey, Option<&[u8]>)) -> bool {
        let _ = (now, most, take);
        false
    }

    /// Hands out what there is now, whether it has changed or not, in slices: looks at `most` places from `from` on,
    /// which is [`RecordKey::FIRST`] at first, and says where the next slice begins; `None` after the last one. What
    /// changes meanwhile, `changed` says.
    pub fn walk(&mut self, from: RecordKey, most: usize, take: impl FnMut(RecordKey, &[u8])) -> Option<RecordKey> {
        let _ = (from, most, take);
        None
    }

    /// Takes in a record of another process, by the rules of this one: what they do not allow any more is left out, as
    /// [`Relay::reload`] does it. To be called before the first datagram is judged, with records in the order of their
    /// keys, and those of shard 0 before those of the others; an allocation goes to the shard that had it.
    ///
    /// `port` opens the relayed port of an allocation that had a socket, or hands over the one that stayed open. It is
    /// the allocation's from then on ([`Relay::take_owned`]), or comes back through [`Relay::take_closed`].
    ///
    /// What is restored has changed: it has another key here, and `changed` hands it out.
    ///
    /// # Errors
    /// Why there is nothing of it here. An allocation that cannot go on ends with a fact, so that its books are closed.
    pub fn restore(
        &mut self,
        record: &[u8],
        now: Now,
        port: impl FnMut(RelayedAddr) -> Option<Port>,
    ) -> Result<Restored, NotRestored> {
        let _ = (record, now, port);
        Err(NotRestored::Malformed)
    }
}
