//! A journal that was read: the last record of each place.

use core::fmt;
use std::collections::BTreeMap;

use super::format::{self, Identity, Next, Opened, Place};

/// What a journal holds, in the order to restore it in: by shard, then by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    records: BTreeMap<Place, Vec<u8>>,
}

/// Why a start is a clean one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// There is no journal: the process before ended as it should, or there was none.
    Absent,
    /// It is damaged, or signed with another key.
    Damaged,
    /// It is of another version of the program.
    OtherVersion,
    /// The system has started anew since.
    OtherBoot,
    /// It is of a relay with another number of shards, or other listening addresses.
    OtherConfiguration,
    /// The system does not let us read it.
    System,
}

impl Unreadable {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Absent, Self::Damaged, Self::OtherVersion, Self::OtherBoot, Self::OtherConfiguration, Self::System];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Damaged => "damaged",
            Self::OtherVersion => "other-version",
            Self::OtherBoot => "other-boot",
            Self::OtherConfiguration => "other-configuration",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "there is no journal",
            Self::Damaged => "the journal is damaged, or signed with another key",
            Self::OtherVersion => "the journal is of another version of Hilum",
            Self::OtherBoot => "the system has started anew since the journal was written",
            Self::OtherConfiguration => "the number of shards or the UDP addresses are others than when it was written",
            Self::System => "the system does not let the journal be read",
        })
    }
}

impl core::error::Error for Unreadable {}

impl Picture {
    /// Reads a journal, whatever its bytes are. A frame at the end that was not finished is left out; whatever else is
    /// wrong makes all of it unreadable.
    ///
    /// # Errors
    /// Why it is of no use to a process that is to be `identity`.
    pub fn read(bytes: &[u8], key: &[u8; 32], identity: &Identity) -> Result<Self, Unreadable> {
        let (signer, written, mut rest) = match format::open(bytes, key) {
            Opened::Ours { signer, identity, frames } => (signer, identity, frames),
            Opened::OtherVersion => return Err(Unreadable::OtherVersion),
            Opened::Damaged => return Err(Unreadable::Damaged),
        };
        if written.records != identity.records {
            return Err(Unreadable::OtherVersion);
        }
        if written.boot != identity.boot {
            return Err(Unreadable::OtherBoot);
        }
        if written != *identity {
            return Err(Unreadable::OtherConfiguration);
        }
        let mut records = BTreeMap::new();
        for number in 0_u64.. {
            let (entries, behind) = match format::next(&signer, number, rest) {
                Next::Frame(entries, behind) => (entries, behind),
                Next::End => break,
                Next::Damaged => return Err(Unreadable::Damaged),
            };
            for entry in format::entries(entries) {
                match entry.ok_or(Unreadable::Damaged)? {
                    (place, Some(record)) => drop(records.insert(place, record.to_vec())),
                    (place, None) => drop(records.remove(&place)),
                }
            }
            rest = behind;
        }
        Ok(Self { records })
    }

    /// The records of a shard, or of [`super::OURS`], by their keys.
    pub fn of(&self, shard: u16) -> impl Iterator<Item = ([u8; 5], &[u8])> {
        let range = (shard, [0; 5])..=(shard, [u8::MAX; 5]);
        self.records.range(range).map(|((_, key), record)| (*key, record.as_slice()))
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}
