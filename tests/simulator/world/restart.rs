//! A process ends and another one goes on with what it has written: all shards at once, with the sockets that are still
//! open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hilum::addr::RelayedAddr;
use hilum::turn::{Common, EndCause, Event, NotRestored, Port, PortKey, RecordKey, Relay, Restored};
use rand_core::RngCore;

use super::{QUARANTINE, Sim, policy, quota, settings};
use crate::model::SHARDS;
use crate::scenario::{RELAY_V4, RELAY_V6};

type Records = BTreeMap<RecordKey, Vec<u8>>;

impl Sim {
    /// Writes a little of what has changed on a shard, and says whether there is more.
    pub(super) fn write_down(&mut self, shard: usize) -> bool {
        let journal = &mut self.journals[shard];
        self.relays[shard].changed(self.now, 2, |key, record| {
            match record {
                Some(record) => journal.insert(key, record.to_vec()),
                None => journal.remove(&key),
            };
        })
    }

    /// What a shard has written is what it is, but for the counters, which change without being written at once.
    fn check_journal(&self, shard: usize, records: &Records) {
        let journal = &self.journals[shard];
        let shape = |all: &Records| all.iter().map(|(key, record)| (*key, record.len())).collect::<Vec<_>>();
        assert_eq!(shape(journal), shape(records), "what shard {shard} has written, and what it is");
        for (key, record) in records.iter().filter(|(key, _)| !matches!(key, RecordKey::Allocation(_))) {
            assert_eq!(journal.get(key), Some(record), "{key:?}");
        }
    }

    /// What a shard is now.
    fn records(&mut self, shard: usize) -> Records {
        let mut records = Records::new();
        let mut next = Some(RecordKey::FIRST);
        while let Some(from) = next {
            next = self.relays[shard].walk(from, 5, |key, record| {
                records.insert(key, record.to_vec());
            });
        }
        records
    }

    /// Another process takes over. UDP clients notice nothing; connections are gone.
    pub fn restart(&mut self) {
        self.tell("another process takes over".into());
        let records: Vec<Records> = (0..SHARDS)
            .map(|shard| {
                while self.write_down(shard) {}
                let records = self.records(shard);
                self.check_journal(shard, &records);
                records
            })
            .collect();
        self.before = self.report();
        self.begin_again();
        let mut sockets = std::mem::take(&mut self.ports);
        let mut goes_on = 0;
        for (shard, record) in
            records.iter().enumerate().flat_map(|(shard, all)| all.values().map(move |each| (shard, each)))
        {
            let (ports, free_keys) = (&mut self.ports, &mut self.free_keys);
            let restored = self.relays[shard].restore(record, self.now, |relayed: RelayedAddr| {
                let (&old, _) = sockets.iter().find(|(_, open)| open.relayed == relayed.socket())?;
                let mut open = sockets.remove(&old)?;
                open.owned = false;
                // The new process has its own numbers for sockets.
                let key = PortKey(free_keys.pop_last()?);
                ports.insert(key, open);
                Some(Port::new(key, relayed))
            });
            match restored {
                Ok(Restored::Allocation { client }) => {
                    assert!(self.holders.contains_key(&client), "whoever goes on had an allocation");
                    self.counted[shard].restored += 1;
                    goes_on += 1;
                }
                Ok(_) | Err(NotRestored::Stream | NotRestored::Expired) => {}
                Err(other) => panic!("{other}"),
            }
        }
        self.tell(format!("  {goes_on} allocations go on"));
        self.before.restored += goes_on;
        for (key, open) in sockets {
            self.resting.insert(open.relayed, self.now.moment + QUARANTINE);
            self.free_keys.insert(key.0);
        }
        (0..SHARDS).for_each(|shard| self.hear_what_goes_on(shard));
        self.compare(&records);
        (0..SHARDS).for_each(|shard| self.turn(shard));
    }

    /// Relays without allocations, by the rules of before.
    fn begin_again(&mut self) {
        self.common = Common::new(quota(), &[RELAY_V4, RELAY_V6].map(|text| text.parse().unwrap()));
        for shard in 0..SHARDS {
            let mut seed = [0; 32];
            self.chance.fill_bytes(&mut seed);
            let policy = policy(self.model.rules[shard].denying);
            let (authenticator, common) = (Arc::clone(&self.authenticator), Arc::clone(&self.common));
            let relay = Relay::new(settings(), authenticator, policy, common, seed);
            self.relays[shard] = relay.in_shard(u8::try_from(shard).unwrap());
        }
        self.counted = Default::default();
        self.journals = Default::default();
        self.model.restarts();
    }

    /// The facts of the beginning: who goes on, and who does not.
    fn hear_what_goes_on(&mut self, shard: usize) {
        while let Some(event) = self.relays[shard].take_event() {
            match event {
                Event::Restored { client, subject, .. } => assert_eq!(self.holders.get(&client), Some(&subject)),
                Event::Ended { client, subject, cause, carried, .. } => {
                    assert_eq!(self.holders.remove(&client), Some(subject));
                    let expected = self.carried.remove(&client).expect("an allocation ends once");
                    assert_eq!([carried.up, carried.down], expected, "what an allocation carried");
                    let is_stream = client.link.transport().is_stream();
                    assert_eq!(is_stream, cause == EndCause::Disconnected, "{cause:?}");
                }
                other => panic!("{other:?} before anybody has said anything"),
            }
        }
    }

    /// What was written of whoever goes on is what is written of it now.
    fn compare(&mut self, before: &[Records]) {
        for (shard, before) in before.iter().enumerate() {
            let after: BTreeSet<Vec<u8>> = self.records(shard).into_values().collect();
            let before: BTreeSet<Vec<u8>> = before.values().cloned().collect();
            let new: Vec<_> = after.difference(&before).collect();
            assert!(new.is_empty(), "{} records say what none has said before", new.len());
        }
    }
}
