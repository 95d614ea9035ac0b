//! What a shard hands in to the journal: what has changed, a few records at a time, so that media does not wait for it.

use core::time::Duration;

use crate::journal::{Entries, Pen};
use crate::time::{Moment, Now};
use crate::turn::{RecordKey, Relay};

/// How long a change may wait before it is handed in; with the wait for room and for the disk that is less than a second.
const KEPT_EVERY: Duration = Duration::from_millis(250);
/// How soon what found no room is handed in again.
const AGAIN: Duration = Duration::from_millis(10);
/// Records that are asked for at once.
const AT_ONCE: usize = 8;
/// Records of a turn: some dozen microseconds.
const PER_TURN: usize = 64;
/// Bytes of a turn, and what one more asking may add.
const BYTES_PER_TURN: usize = 256 << 10;

/// What a shard remembers of what it has handed in.
#[derive(Debug)]
pub(super) struct Keeping {
    pen: Pen,
    /// When something is handed in next; `None`: nothing has happened.
    due: Option<Moment>,
    /// What found no room.
    waiting: Entries,
    generation: u64,
    /// Where a walk through everything has come to.
    walk: Option<RecordKey>,
    /// It has not been said that all is handed in.
    incomplete: bool,
}

impl Keeping {
    pub(super) fn new(pen: Pen) -> Self {
        let generation = pen.generation();
        let (waiting, walk) = (Entries::default(), None);
        Self { pen, due: Some(Moment::ZERO), waiting, generation, walk, incomplete: true }
    }

    /// Something may have changed.
    pub(super) fn stir(&mut self, now: Moment) {
        self.due.get_or_insert(now + KEPT_EVERY);
    }

    /// When it wants a turn.
    pub(super) const fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Hands in what is due.
    pub(super) fn turn(&mut self, relay: &mut Relay, now: Now) {
        self.look_for_generation(now.moment);
        if self.due.is_none_or(|due| now.moment < due) {
            return;
        }
        let more = self.waiting.is_empty() && self.gather(relay, now);
        if !self.waiting.is_empty()
            && let Err(waiting) = self.pen.try_write(self.generation, core::mem::take(&mut self.waiting))
        {
            self.waiting = waiting;
            self.due = Some(now.moment + AGAIN);
            return;
        }
        if !more && self.incomplete {
            self.incomplete = !self.pen.try_complete(self.generation);
        }
        self.due = (more || self.incomplete).then_some(now.moment).or_else(|| self.looks_again(now.moment));
    }

    /// What the shards share changes by the work of all of them, and one hands it in: that one looks, even while nobody
    /// comes to it.
    fn looks_again(&self, now: Moment) -> Option<Moment> {
        (self.pen.shard() == 0).then(|| now + KEPT_EVERY)
    }

    /// Hands in all there is, the counters of media included, and waits until there is room for it. A journal that hangs
    /// is left: it does not say that this was all.
    pub(super) fn finish(&mut self, relay: &mut Relay, now: Now) {
        self.look_for_generation(now.moment);
        relay.list_carried();
        loop {
            let more = self.gather(relay, now);
            if !self.pen.write(self.generation, core::mem::take(&mut self.waiting)) {
                return;
            }
            if !more {
                break;
            }
        }
        if !self.pen.end(self.generation) {
            tracing::error!("the journal hangs: it does not know that this shard has ended");
        }
    }

    /// The journal has been begun anew: it needs everything.
    fn look_for_generation(&mut self, now: Moment) {
        let generation = self.pen.generation();
        if generation != self.generation {
            self.generation = generation;
            self.waiting = Entries::default();
            (self.walk, self.incomplete, self.due) = (Some(RecordKey::FIRST), true, Some(now));
        }
    }

    /// Gathers what a turn may; says whether there is more.
    fn gather(&mut self, relay: &mut Relay, now: Now) -> bool {
        let (shard, gathered) = (self.pen.shard(), &mut self.waiting);
        for _ in 0..PER_TURN / AT_ONCE {
            let more = match self.walk {
                Some(from) => {
                    let put = |key: RecordKey, record: &[u8]| gathered.put((shard, key.encode()), Some(record));
                    self.walk = relay.walk(from, AT_ONCE, put);
                    true
                }
                None => relay.changed(now, AT_ONCE, |key, record| gathered.put((shard, key.encode()), record)),
            };
            if !more || gathered.bytes().len() >= BYTES_PER_TURN {
                return more;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::{Authenticator, Credentials, NonceKey};
    use crate::clock::SystemClock;
    use crate::journal::{Directory, Identity, Journal};
    use crate::policy::{PeerRules, Policy, Quota, seal};
    use crate::time::Lifetime;
    use crate::turn::{Common, Settings};

    /// When a shard wants a turn for the journal, once it has handed in all there is and nobody comes to it.
    fn due(shard: u16, now: Moment) -> Option<Moment> {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity { records: 1, shards: 2, boot: [7; 16], configuration: [8; 32] };
        let directory = Directory::take(folder.path(), None).unwrap();
        let journal = Journal::begin(directory, identity, SystemClock::start(), Entries::default).unwrap();
        let credentials = Credentials::new(Vec::new(), Vec::new()).unwrap();
        let authenticator = Authenticator::new("r", credentials, NonceKey::new([7; 32]), Lifetime::from_secs(600));
        let peers = PeerRules::new(Vec::new(), Vec::new(), 1024, Vec::new());
        let seal = seal::Settings::default();
        let policy = Arc::new(Policy { peers, quota: Quota::default(), challenges_per_second: 100, seal });
        let authenticator = Arc::new(authenticator);
        let common = Common::new(Quota::default(), &[]);
        let relay = Relay::new(Settings::default(), authenticator, policy, common, [1; 32]);
        let (mut relay, mut keeping) = (relay.in_shard(u8::try_from(shard).unwrap()), Keeping::new(journal.pen(shard)));
        // What there is at first, and that it was all.
        for _ in 0..3 {
            keeping.turn(&mut relay, Now { moment: now, ..Now::default() });
        }
        keeping.due()
    }

    #[test]
    fn the_shard_that_hands_in_what_all_share_looks_for_it_though_nobody_comes_to_it() {
        let now = Moment::from_secs(100);
        assert_eq!(due(0, now), Some(now + KEPT_EVERY));
        assert_eq!(due(1, now), None);
    }
}
