//! One process ends and another one begins: what the first has written goes into the relay of the second.

use std::collections::BTreeMap;
use std::sync::Arc;

use hilum::turn::{Common, NotRestored, Port, PortKey, RecordKey, Restored};

use super::World;

/// What became of the records, in their order.
pub type Restorations = Vec<Result<Restored, NotRestored>>;

impl World {
    /// All there is, in slices.
    pub fn records(&mut self) -> BTreeMap<RecordKey, Vec<u8>> {
        let mut records = BTreeMap::new();
        let mut next = Some(RecordKey::FIRST);
        while let Some(from) = next {
            next = self.relay.walk(from, 3, |key, record| {
                assert!(record.len() <= hilum::turn::LONGEST_RECORD);
                assert_eq!(records.insert(key, record.to_vec()), None, "each is seen once");
            });
        }
        records
    }

    /// Takes over what has changed, a few records at a time.
    pub fn follow(&mut self, journal: &mut BTreeMap<RecordKey, Vec<u8>>) -> Vec<RecordKey> {
        let mut changed = Vec::new();
        let mut more = true;
        while more {
            more = self.relay.changed(self.now, 2, |key, record| {
                changed.push(key);
                match record {
                    Some(record) => journal.insert(key, record.to_vec()),
                    None => journal.remove(&key),
                };
            });
        }
        changed
    }

    /// Another process takes over at once.
    pub fn restart(&mut self) -> Restorations {
        let records = self.records();
        self.start_again(records.values())
    }

    /// Another process takes over from all shards of this one, in the order of their numbers.
    #[allow(dead_code, reason = "the tests of the seal have several shards, the others one")]
    pub fn restart_all(shards: &mut [Self]) -> Restorations {
        let records: Vec<_> = shards.iter_mut().map(Self::records).collect();
        let common = shards.first().map(|shard| Self::common(&shard.setup)).expect("a shard");
        let mut restorations = Vec::new();
        for (number, (shard, records)) in shards.iter_mut().zip(&records).enumerate() {
            let number = u8::try_from(number).unwrap();
            restorations.extend(shard.start_again_as((Arc::clone(&common), number), records.values()));
        }
        restorations
    }

    /// Another process begins with these records, and the sockets that were open.
    pub fn start_again<'r>(&mut self, records: impl IntoIterator<Item = &'r Vec<u8>>) -> Restorations {
        let common = Self::common(&self.setup);
        self.start_again_as((common, 0), records)
    }

    fn start_again_as<'r>(
        &mut self,
        (common, shard): (Arc<Common>, u8),
        records: impl IntoIterator<Item = &'r Vec<u8>>,
    ) -> Restorations {
        let mut before = std::mem::take(&mut self.open);
        let setup = std::mem::take(&mut self.setup);
        let mut fresh = Self::before_any_turn(setup, common, shard);
        fresh.header = std::mem::take(&mut self.header);
        (fresh.now, fresh.next_key, fresh.next_transaction) = (self.now, self.next_key, self.next_transaction);
        let mut restorations = Vec::new();
        for record in records {
            let (open, next_key) = (&mut fresh.open, &mut fresh.next_key);
            restorations.push(fresh.relay.restore(record, fresh.now, |relayed| {
                let (&old, _) = before.iter().find(|(_, address)| **address == relayed)?;
                before.remove(&old);
                *next_key += 1;
                open.insert(PortKey(*next_key), relayed);
                Some(Port::new(PortKey(*next_key), relayed))
            }));
        }
        fresh.next_key += 1;
        // Spare ports are behind those that stay.
        for relayed in fresh.open.values() {
            let next = fresh.next_port.get_mut(&relayed.family()).unwrap();
            *next = (*next).max(relayed.port() + 1);
        }
        fresh.turn();
        *self = fresh;
        restorations
    }
}
