//! What visits leave to the next process, in the journal: nothing of it is ever in the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::place;
use crate::journal::{Entries, OURS, Pen, Picture};

/// The places of what visits leave.
const VISITS: u8 = 3;

/// Things by their names, as the next process is to find them. Without a journal there are none.
#[derive(Debug, Default)]
pub(in crate::app) struct Onward {
    pen: OnceLock<Pen>,
    things: Mutex<Things>,
}

/// There are as many as there are sessions of staff and rooms, which have their bounds.
#[derive(Debug, Default)]
struct Things {
    places: HashMap<String, u32>,
    /// By their places: the name, the end of a line, and what it is.
    records: BTreeMap<u32, Vec<u8>>,
    next: u32,
    /// Places that the journal had no room for yet.
    pending: BTreeSet<u32>,
}

impl Things {
    fn put(&mut self, name: &str, thing: Option<&[u8]>) {
        let known = self.places.get(name).copied();
        let Some(number) = known.or_else(|| thing.map(|_| self.next)) else { return };
        if let Some(thing) = thing {
            self.records.insert(number, [name.as_bytes(), b"\n", thing].concat());
        } else {
            self.records.remove(&number);
            self.places.remove(name);
        }
        if known.is_none() {
            self.places.insert(name.to_owned(), number);
            self.next = number.wrapping_add(1);
        }
        self.pending.insert(number);
    }
}

impl Onward {
    /// What the process before has left, to be kept until somebody says otherwise.
    pub(super) fn of(picture: &Picture) -> Self {
        let mut things = Things::default();
        for (_, record) in picture.of(OURS).filter(|([kind, ..], _)| *kind == VISITS) {
            if let Some((name, thing)) = split(record) {
                things.put(&name, Some(thing));
            }
        }
        Self { pen: OnceLock::new(), things: Mutex::new(things) }
    }

    fn things(&self) -> MutexGuard<'_, Things> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal has begun.
    pub(super) fn write_with(&self, pen: Pen) {
        self.pen.set(pen).ok();
    }

    /// All of it, for a journal that is begun.
    pub(super) fn add_to(&self, entries: &mut Entries) {
        for (number, record) in &self.things().records {
            entries.put(place(VISITS, *number), Some(record));
        }
    }

    /// All of it, for the visits of this process.
    pub(in crate::app) fn all(&self) -> Vec<(String, Vec<u8>)> {
        let split = |record: &Vec<u8>| split(record).map(|(name, thing)| (name, thing.to_vec()));
        self.things().records.values().filter_map(split).collect()
    }

    /// Puts things in and takes others out; what the journal has no room for goes with the next ones. Never waits.
    pub(in crate::app) fn put(&self, changes: &[(String, Option<Vec<u8>>)]) {
        let Some(pen) = self.pen.get() else { return };
        // Held until it is handed in, so that the last one of a thing is the last one in the journal.
        let mut things = self.things();
        for (name, thing) in changes {
            things.put(name, thing.as_deref());
        }
        if things.pending.is_empty() {
            return;
        }
        let mut entries = Entries::default();
        for number in &things.pending {
            entries.put(place(VISITS, *number), things.records.get(number).map(Vec::as_slice));
        }
        if pen.try_write(pen.generation(), entries).is_ok() {
            things.pending.clear();
        }
    }
}

fn split(record: &[u8]) -> Option<(String, &[u8])> {
    let at = record.iter().position(|byte| *byte == b'\n')?;
    let (name, thing) = record.split_at_checked(at)?;
    Some((String::from_utf8(name.to_vec()).ok()?, thing.split_first()?.1))
}
