//! Reads a log as somebody who trusts nobody: every record, every link, every signature.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::damage::{Damage, Fault, Head};
use super::disk::{Lines, segments};
use super::fact::{Checkpoint, Fact, NotAFact, Recovered, Removed};
use super::journal::CHECKPOINT_EVERY;
use super::keys::PublicKey;
use super::line::{Line, Malformed};
use super::values::{Digest, Label, Stamp};

/// Faults that are kept with their place; the rest is only counted.
const MOST_FAULTS: usize = 100;

/// A record that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1, without holes.
    pub sequence: u64,
    /// What the wall clock showed.
    pub at: Stamp,
    /// The fact.
    pub fact: Fact,
    /// Its hash.
    pub hash: Digest,
}

/// What somebody brings along to judge a log.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Keys that signatures may be by.
    pub keys: Vec<PublicKey>,
    /// A head that was written down.
    pub head: Option<Head>,
    /// Whether a node is writing right now, so that the last line may be half there.
    pub live: bool,
}

/// What was found in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Faults with their places, in order; at most a hundred.
    pub faults: Vec<Fault>,
    /// Faults beyond that.
    pub more: u64,
    /// Lines read.
    pub lines: u64,
    /// Files read.
    pub files: u64,
    /// The first record that is there.
    pub first: Option<u64>,
    /// The last record, and its hash.
    pub head: Option<Head>,
    /// Good signatures by key.
    pub signatures: BTreeMap<Label, u64>,
    /// Records after the last signature.
    pub unsigned: u64,
    /// Torn lines that nodes found and cut off.
    pub torn: u64,
    /// Whether the last thing that a node did was to stop as it should.
    pub stopped: bool,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.faults.is_empty() && self.more == 0
    }
}

/// Reads every record of a log, in order, and shows those that can be read to `visit`, good or not, with
/// their lines.
///
/// # Errors
/// A file cannot be read. What is wrong in it is no error.
pub fn verify(directory: &Path, evidence: &Evidence, mut visit: impl FnMut(Record, &[u8])) -> io::Result<Verdict> {
    let files = segments(directory)?;
    let mut verifier = Verifier::new(evidence);
    let mut buffer = Vec::new();
    for (place, (first, path)) in files.iter().enumerate() {
        verifier.begin(*first, path);
        let mut lines = Lines::from(path, 0)?;
        while let Some(line) = lines.next(&mut buffer)? {
            verifier.number += 1;
            match line.strip_suffix(b"\n") {
                Some(line) => {
                    if let Some(record) = verifier.line(line) {
                        visit(record, line);
                    }
                }
                None if evidence.live && place + 1 == files.len() => {}
                None => verifier.fault(Damage::Cut),
            }
        }
    }
    Ok(verifier.end())
}

/// The last good record of a log.
///
/// # Errors
/// A file cannot be read.
pub fn head(directory: &Path) -> io::Result<Option<(Head, Stamp)>> {
    let mut buffer = Vec::new();
    for (_, path) in segments(directory)?.iter().rev() {
        let (mut lines, mut found) = (Lines::from(path, 0)?, None);
        while let Some(line) = lines.next(&mut buffer)? {
            let record = line.strip_suffix(b"\n").and_then(|line| Line::read(line).ok());
            found = record.filter(Line::intact).map(|r| (Head { sequence: r.sequence, hash: r.hash }, r.at)).or(found);
        }
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What the writer still has to say when the node has stopped, and what is recorded while no node runs.
const fn may_follow_a_stop(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Refusals(_)
            | Fact::Gap(_)
            | Fact::ClockStepped(_)
            | Fact::Checkpoint(_)
            | Fact::Removed(_)
            | Fact::Recovered(_)
            | Fact::Revealed(_)
    )
}

struct Verifier<'e> {
    evidence: &'e Evidence,
    verdict: Verdict,
    file: String,
    number: u64,
    /// The record after the highest so far, and the hash that it has to name. Unknown after a line that tells neither.
    next: Option<u64>,
    previous: Option<Digest>,
    named: Option<u64>,
    /// What the first record names as the hash before it, and where it stands.
    beginning: Option<(u64, Digest, String)>,
    /// What signed statements say was removed.
    removed: Vec<(u64, Digest)>,
}

impl<'e> Verifier<'e> {
    fn new(evidence: &'e Evidence) -> Self {
        Self {
            evidence,
            verdict: Verdict::default(),
            file: String::new(),
            number: 0,
            next: None,
            previous: None,
            named: None,
            beginning: None,
            removed: Vec::new(),
        }
    }

    fn fault(&mut self, damage: Damage) {
        if self.verdict.faults.len() < MOST_FAULTS {
            self.verdict.faults.push(Fault { file: self.file.clone(), line: self.number, damage });
        } else {
            self.verdict.more += 1;
        }
    }

    fn begin(&mut self, first: u64, path: &Path) {
        self.file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (self.number, self.named) = (0, Some(first));
        self.verdict.files += 1;
    }

    fn line(&mut self, bytes: &[u8]) -> Option<Record> {
        self.verdict.lines += 1;
        let line = match Line::read(bytes) {
            Ok(line) => line,
            Err(Malformed { hash, .. }) => {
                let damage = if hash.is_some() { Damage::Changed(None) } else { Damage::Shapeless };
                self.fault(damage);
                // It stands for one record; which hash the next one has to name is known if it ends in one.
                self.next = self.next.map(|next| next.saturating_add(1));
                (self.previous, self.named) = (hash, None);
                return None;
            }
        };
        if !line.intact() {
            self.fault(Damage::Changed(Some(line.sequence)));
        }
        if self.named.take().is_some_and(|first| first != line.sequence) {
            let first = self.file.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_default();
            self.fault(Damage::Misnamed(first));
        }
        self.link(&line);
        self.read(&line)
    }

    /// Whether the record stands where it belongs.
    fn link(&mut self, line: &Line<'_>) {
        if self.beginning.is_none() {
            self.beginning = Some((line.sequence, line.previous, self.file.clone()));
            self.verdict.first = Some(line.sequence);
        }
        let next = self.next.unwrap_or(line.sequence);
        if line.sequence < next {
            self.fault(Damage::OutOfOrder(line.sequence, next.saturating_sub(1)));
            return;
        }
        if line.sequence > next {
            self.fault(Damage::Missing(next, line.sequence.saturating_sub(1)));
        } else if self.previous.is_some_and(|previous| previous != line.previous) {
            self.fault(Damage::Unlinked(line.sequence));
        }
        self.next = Some(line.sequence.saturating_add(1));
        self.previous = Some(line.hash);
        self.verdict.head = Some(Head { sequence: line.sequence, hash: line.hash });
        let written = self.evidence.head.filter(|head| head.sequence == line.sequence && head.hash != line.hash);
        if let Some(head) = written {
            self.fault(Damage::NotTheHead(head));
        }
    }

    /// What the record says, and whether it may say so.
    fn read(&mut self, line: &Line<'_>) -> Option<Record> {
        self.verdict.unsigned += 1;
        let fact = match Fact::read(line.kind, line.body) {
            Ok(fact) => fact,
            // A changed line has been reported; that it makes no sense any more is no news.
            Err(_) if !line.intact() => return None,
            Err(NotAFact::Kind) => {
                self.fault(Damage::UnknownKind(line.sequence));
                return None;
            }
            Err(NotAFact::Body) => {
                self.fault(Damage::BadBody(line.sequence));
                return None;
            }
        };
        match &fact {
            Fact::Checkpoint(Checkpoint { key, signature }) => _ = self.signature(line, key, signature),
            Fact::Removed(Removed { through, head, key, signature }) => {
                if self.signature(line, key, signature) {
                    self.removed.push((*through, *head));
                }
            }
            Fact::Recovered(Recovered { bytes, kept, .. }) => match kept {
                Some(file) => self.fault(Damage::SetAside(line.sequence, file.clone(), *bytes)),
                None => self.verdict.torn += 1,
            },
            Fact::NodeStarted(_)
            | Fact::NodeStopped(_)
            | Fact::Resumed(_)
            | Fact::ConfigurationChanged(_)
            | Fact::KeyChanged(_)
            | Fact::CallBegun(_)
            | Fact::CallEnded(_)
            | Fact::Unbound(_)
            | Fact::Refusals(_)
            | Fact::Revoked(_)
            | Fact::OperatorAction(_)
            | Fact::Revealed(_)
            | Fact::Gap(_)
            | Fact::ClockStepped(_) => {}
        }
        if self.verdict.unsigned > 2 * CHECKPOINT_EVERY {
            self.fault(Damage::Unsigned(line.sequence.saturating_sub(self.verdict.unsigned - 1), line.sequence));
            self.verdict.unsigned = 0;
        }
        let stop = matches!(fact, Fact::NodeStopped(_));
        self.verdict.stopped = stop || (self.verdict.stopped && may_follow_a_stop(&fact));
        Some(Record { sequence: line.sequence, at: line.at, fact, hash: line.hash })
    }

    fn signature(&mut self, line: &Line<'_>, key: &Label, signature: &str) -> bool {
        let Some(known) = self.evidence.keys.iter().find(|known| known.id() == key) else {
            self.fault(Damage::UnknownKey(line.sequence, key.clone()));
            return false;
        };
        let good = line.signed().is_some_and(|text| known.verifies(text.as_bytes(), signature));
        if !good {
            if line.intact() {
                self.fault(Damage::BadSignature(line.sequence));
            }
            return false;
        }
        self.verdict.unsigned = 0;
        *self.verdict.signatures.entry(key.clone()).or_default() += 1;
        true
    }

    fn end(mut self) -> Verdict {
        let last = self.verdict.head.map_or(0, |head| head.sequence);
        if let Some(head) = self.evidence.head.filter(|head| head.sequence > last) {
            self.fault(Damage::EndsBefore(head, last));
        }
        match self.beginning.take() {
            None => self.fault(Damage::Empty),
            Some((1, Digest::NONE, _)) => {}
            Some((first, previous, file)) => {
                let said = (first.saturating_sub(1), previous);
                if first == 1 || !self.removed.contains(&said) {
                    (self.file, self.number) = (file, 1);
                    self.fault(Damage::NoBeginning(first));
                }
            }
        }
        self.verdict
    }
}
