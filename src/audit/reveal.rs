//! Breaking the glass: with the master key in hand, which records speak of a call?

use std::collections::HashMap;

use super::fact::{Fact, Revealed};
use super::pseudonym::{MasterKey, Pseudonym};
use super::values::{Day, Label};
use super::verify::Record;

/// Pseudonyms that one record of a reveal names; more than a call has days.
const MOST: usize = 256;

/// Looks for one id among pseudonyms.
pub struct Search<'k> {
    key: &'k MasterKey,
    id: &'k [u8],
    /// The id's name on each day that was met: a log has few days and many records.
    days: HashMap<Day, Pseudonym>,
    found: Vec<Pseudonym>,
}

impl<'k> Search<'k> {
    /// Looks for an id: of a call, a token or a party.
    #[must_use]
    pub fn new(key: &'k MasterKey, id: &'k [u8]) -> Self {
        Self { key, id, days: HashMap::new(), found: Vec::new() }
    }

    /// Whether a record speaks of it.
    pub fn finds(&mut self, record: &Record) -> bool {
        let Some(there) = record.fact.pseudonym() else { return false };
        let (key, id) = (self.key, self.id);
        let name = *self.days.entry(there.day()).or_insert_with(|| key.pseudonym(id, there.day()));
        let found = name == there;
        if found && self.found.len() < MOST && !self.found.contains(&there) {
            self.found.push(there);
        }
        found
    }

    /// What is to be recorded about the search.
    #[must_use]
    pub fn fact(&self, reason: Label, actor: Label) -> Fact {
        Revealed { pseudonyms: self.found.clone(), reason, actor }.into()
    }
}
