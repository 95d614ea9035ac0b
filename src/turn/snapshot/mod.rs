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

mod allocation;
mod held;
mod key;
mod restore;

pub use key::{NotRestored, RecordKey, Restored};

use core::time::Duration;

use crate::time::{Moment, Now};
use crate::wire::keep::Keep;

use super::Relay;

/// What the records of this program look like. A record that begins with another number is not read.
pub const RECORD_VERSION: u8 = 1;
/// No record has more bytes: one of an allocation with as many permissions, channels and paths as there can be.
pub const LONGEST_RECORD: usize = 128 * 1024;
/// How often the counters of what media alone has changed are handed out.
const COUNTED_EVERY: Duration = Duration::from_secs(60);
/// Allocations whose counters are looked at for each record that may be handed out.
const LOOKED_AT: u32 = 16;

/// What `changed` needs to know from call to call.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// What the conversations have in common has been handed out.
    seal_is_kept: bool,
    /// Up to when, and up to which place, counters have been looked at.
    counted: Option<Moment>,
    at: u32,
    record: Vec<u8>,
}

impl Keeping {
    /// How many places are due to be looked at, so that each is once in a minute.
    fn due(&mut self, places: u32, most: u32, now: Moment) -> u32 {
        let counted = *self.counted.get_or_insert(now);
        let elapsed = now.since(counted).min(COUNTED_EVERY);
        let due = u64::from(places).saturating_mul(nanoseconds(elapsed)) / nanoseconds(COUNTED_EVERY);
        if due > 0 {
            let share = nanoseconds(COUNTED_EVERY).saturating_mul(due) / u64::from(places.max(1));
            // After a long silence nothing is made up for.
            let from = if now.since(counted) > COUNTED_EVERY { now } else { counted + Duration::from_nanos(share) };
            self.counted = Some(from);
        }
        u32::try_from(due).unwrap_or(u32::MAX).min(most)
    }
}

impl Relay {
    /// Hands out what is not as its last record says, at most `most` records: `None` for what is gone. The first call
    /// begins with all there is. Says whether there is more to hand out now.
    ///
    /// Media alone changes nothing but counters, and those are handed out once a minute. What the shards share is handed
    /// out by shard 0 alone.
    pub fn changed(&mut self, now: Now, most: usize, mut take: impl FnMut(RecordKey, Option<&[u8]>)) -> bool {
        self.look_at_counters(most, now.moment);
        let mut record = core::mem::take(&mut self.keeping.record);
        let mut left = most;
        while left > 0 {
            let Some(key) = self.take_changed() else { break };
            left -= 1;
            let is_there = self.keep(key, &mut record);
            take(key, is_there.then_some(record.as_slice()));
        }
        record.clear();
        self.keeping.record = record;
        left == 0
    }

    /// Hands out what there is now, whether it has changed or not, in slices: looks at `most` places from `from` on,
    /// which is [`RecordKey::FIRST`] at first, and says where the next slice begins; `None` after the last one. What
    /// changes meanwhile, `changed` says.
    pub fn walk(&mut self, from: RecordKey, most: usize, mut take: impl FnMut(RecordKey, &[u8])) -> Option<RecordKey> {
        let mut record = core::mem::take(&mut self.keeping.record);
        let mut next = Some(from);
        for _ in 0..most.max(1) {
            let Some(key) = next else { break };
            if self.keep(key, &mut record) {
                take(key, &record);
            }
            next = self.after(key);
        }
        record.clear();
        self.keeping.record = record;
        next
    }

    /// Lists allocations that have carried more than their records say.
    fn look_at_counters(&mut self, most: usize, now: Moment) {
        let places = self.table.places();
        let most = u32::try_from(most).unwrap_or(u32::MAX).saturating_mul(LOOKED_AT);
        for _ in 0..self.keeping.due(places, most, now) {
            let at = if self.keeping.at < places { self.keeping.at } else { 0 };
            self.table.list_if_more_is_carried(at);
            self.keeping.at = at.saturating_add(1);
        }
    }

    /// Lists every allocation that has carried more than its record says, whatever the minute: the next process counts on
    /// from the last records of this one, and its rates go on from there.
    pub fn list_carried(&mut self) {
        (0..self.table.places()).for_each(|place| self.table.list_if_more_is_carried(place));
    }

    /// Something whose record is not what it was.
    fn take_changed(&mut self) -> Option<RecordKey> {
        let common = if self.shard == 0 { self.take_changed_common() } else { None };
        common.or_else(|| self.table.take_changed().map(RecordKey::Allocation))
    }

    fn take_changed_common(&mut self) -> Option<RecordKey> {
        if !core::mem::replace(&mut self.keeping.seal_is_kept, true) {
            return Some(RecordKey::Seal);
        }
        let conversation = self.common.conversations().and_then(crate::policy::seal::Conversations::take_changed);
        let reserved = || self.common.with_reserved(super::reserved::Reservations::take_changed);
        conversation.map(RecordKey::Conversation).or_else(|| reserved().map(RecordKey::Reservation))
    }

    /// The key after this one, as far as there are places. Shards other than the first have none that are shared.
    fn after(&self, key: RecordKey) -> Option<RecordKey> {
        let shares = self.shard == 0;
        let conversations = || self.common.conversations().map_or(0, |conversations| conversations.places());
        let reserved = || self.common.with_reserved(|reserved| reserved.places());
        let next = match key {
            RecordKey::Seal => RecordKey::Conversation(0),
            RecordKey::Conversation(place) => RecordKey::Conversation(place.saturating_add(1)),
            RecordKey::Reservation(place) => RecordKey::Reservation(place.saturating_add(1)),
            RecordKey::Allocation(place) => RecordKey::Allocation(place.saturating_add(1)),
        };
        let is_there = match next {
            RecordKey::Seal => false,
            RecordKey::Conversation(place) => shares && place < conversations(),
            RecordKey::Reservation(place) => shares && place < reserved(),
            RecordKey::Allocation(place) => place < self.table.places(),
        };
        let first_of_next_kind = match next {
            RecordKey::Seal | RecordKey::Conversation(_) if shares && reserved() > 0 => RecordKey::Reservation(0),
            RecordKey::Seal | RecordKey::Conversation(_) | RecordKey::Reservation(_) => RecordKey::Allocation(0),
            RecordKey::Allocation(_) => return is_there.then_some(next),
        };
        let any = first_of_next_kind != RecordKey::Allocation(0) || self.table.places() > 0;
        if is_there { Some(next) } else { any.then_some(first_of_next_kind) }
    }

    /// Writes the record of a key; false when there is nothing.
    fn keep(&self, key: RecordKey, record: &mut Vec<u8>) -> bool {
        let [kind, ..] = key.encode();
        record.clear();
        record.extend_from_slice(&[RECORD_VERSION, kind]);
        let conversations = self.common.conversations().filter(|_| self.shard == 0);
        match key {
            RecordKey::Seal => {
                let Some(conversations) = conversations else { return false };
                conversations.keep_numbers(record);
                true
            }
            RecordKey::Conversation(place) => {
                conversations.is_some_and(|conversations| conversations.keep(place, record))
            }
            RecordKey::Reservation(place) => self.common.with_reserved(|reserved| {
                let reserved = reserved.at(place).filter(|_| self.shard == 0);
                if let Some(reserved) = reserved {
                    (reserved.token, reserved.subject).keep(record);
                    reserved.until.keep(record);
                    held::HeldAs::of(&reserved.port).keep(record);
                }
                reserved.is_some()
            }),
            RecordKey::Allocation(index) => self.keep_allocation(index, record),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
