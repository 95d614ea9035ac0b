//! What can be wrong with a log, in words for those who did not write it.

use std::fmt;
use std::str::FromStr;

use super::journal::CHECKPOINT_EVERY;
use super::values::{Digest, Label, NotAValue};

/// The end of a log: its last record and that one's hash. Written down elsewhere, it proves a later cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.sequence, self.hash)
    }
}

impl FromStr for Head {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let wrong = NotAValue("a head is a number, a colon and 64 hexadecimal digits, as `hilum audit head` prints it");
        let (sequence, hash) = text.split_once(':').ok_or(wrong)?;
        Ok(Self { sequence: sequence.parse().map_err(|_| wrong)?, hash: hash.parse().map_err(|_| wrong)? })
    }
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, by its name.
    pub file: String,
    /// The line in it, from 1; 0 is the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub damage: Damage,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.damage)
    }
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The last line of a file has no end.
    Cut,
    /// The line does not end in a hash, or is no record at all.
    Shapeless,
    /// The line does not have the hash it claims.
    Changed(Option<u64>),
    /// Records are not there.
    Missing(u64, u64),
    /// A record stands behind a later one, or twice.
    OutOfOrder(u64, u64),
    /// A record names another hash than that of the record before it.
    Unlinked(u64),
    /// A file does not begin with the record it is named after.
    Misnamed(u64),
    /// A kind of fact that this version does not know.
    UnknownKind(u64),
    /// A body that does not fit its kind.
    BadBody(u64),
    /// A signature that its key did not make.
    BadSignature(u64),
    /// A signature by a key that was not given.
    UnknownKey(u64, Label),
    /// No signature where one was due.
    Unsigned(u64, u64),
    /// The log begins late, and no signed record says why.
    NoBeginning(u64),
    /// The node found damage here itself, and kept it in a file.
    SetAside(u64, Label, u64),
    /// The log ends before the head that was written down.
    EndsBefore(Head, u64),
    /// A record that was written down as the head has another hash now.
    NotTheHead(Head),
    /// There is nothing.
    Empty,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => formatter.write_str("the line is cut off: it has no end"),
            Self::Shapeless => formatter.write_str("no record: changed or cut, it does not end in its hash"),
            Self::Changed(Some(sequence)) => write!(formatter, "record {sequence} was changed: its hash is another"),
            Self::Changed(None) => formatter.write_str("the record was changed: its hash is another"),
            Self::Missing(from, to) if from == to => write!(formatter, "record {from} is missing before this one"),
            Self::Missing(from, to) => write!(formatter, "records {from} to {to} are missing before this one"),
            Self::OutOfOrder(sequence, after) => {
                write!(formatter, "record {sequence} stands after record {after}: moved, or put in twice")
            }
            Self::Unlinked(sequence) => {
                let before = sequence.saturating_sub(1);
                write!(formatter, "record {sequence} continues another record {before}: one of the two was replaced")
            }
            Self::Misnamed(first) => {
                write!(formatter, "the file is named after record {first} and begins with another")
            }
            Self::UnknownKind(sequence) => {
                write!(formatter, "record {sequence} is of a kind that this version does not know; use a newer hilum")
            }
            Self::BadBody(sequence) => write!(formatter, "record {sequence} does not say what its kind says"),
            Self::BadSignature(sequence) => {
                write!(formatter, "the signature in record {sequence} is not by the key it names")
            }
            Self::UnknownKey(sequence, key) => {
                write!(formatter, "record {sequence} is signed by key {key}, which was not given")
            }
            Self::Unsigned(from, to) => write!(
                formatter,
                "records {from} to {to} stand without a signature, and one is due every {CHECKPOINT_EVERY}"
            ),
            Self::NoBeginning(first) => write!(
                formatter,
                "the log begins with record {first}, and no signed record says that those before it were removed"
            ),
            Self::SetAside(sequence, file, bytes) => write!(
                formatter,
                "record {sequence} says that {bytes} damaged bytes were found before it; they are kept in {file}"
            ),
            Self::EndsBefore(head, last) => write!(
                formatter,
                "the log ends with record {last}, and record {} was its head once: the end was cut off",
                head.sequence
            ),
            Self::NotTheHead(head) => {
                write!(formatter, "record {} is another than the one that was written down as head", head.sequence)
            }
            Self::Empty => formatter.write_str("there is no record"),
        }
    }
}
