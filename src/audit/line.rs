//! One record as one line, and the chain that the lines form.
//!
//! `{"sequence":17,"time":"…","kind":"…","previous":"…","body":{…},"hash":"…"}`: the hash is SHA-256 of every byte of
//! the line before `,"hash":`. It covers the hash of the record before, so a record cannot be changed, taken out or
//! moved without every later hash becoming wrong.

use std::io::{self, Write as _};

use super::fact::{Checkpoint, Fact, Removed};
use super::keys::SigningKey;
use super::values::{Digest, Stamp};
use crate::time::UnixTime;

/// The longest line in bytes, its end included. What is longer is no record; nobody has to hold more in memory.
pub const LONGEST_LINE: usize = 64 * 1024;

const HASH: &str = ",\"hash\":\"";
const END: &str = "\"}";
const SIGNATURE: &str = ",\"signature\":\"";

/// A line that has the shape of a record; whether its hash is right is another question.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Counts from 1, without holes.
    pub sequence: u64,
    /// What the wall clock showed.
    pub at: Stamp,
    /// The kind of fact.
    pub kind: &'a str,
    /// The hash of the record before.
    pub previous: Digest,
    /// The body, JSON.
    pub body: &'a str,
    /// The hash it claims.
    pub hash: Digest,
    text: &'a str,
}

/// A line that has not the shape of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The hash that it claims, if it gets that far.
    pub hash: Option<Digest>,
    /// Whether the line has that hash.
    pub intact: bool,
}

impl<'a> Line<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// [`Malformed`] if it has another shape.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let shapeless = Malformed { hash: None, intact: false };
        let line = core::str::from_utf8(bytes).map_err(|_| shapeless)?;
        let (text, hash) = line
            .strip_suffix(END)
            .and_then(|line| line.split_at_checked(line.len().checked_sub(Digest::DIGITS)?))
            .and_then(|(text, hash)| Some((text.strip_suffix(HASH)?, hash.parse::<Digest>().ok()?)))
            .ok_or(shapeless)?;
        let parsed = Self::header(text, hash);
        parsed.ok_or_else(|| Malformed { hash: Some(hash), intact: Digest::of(text.as_bytes()) == hash })
    }

    fn header(text: &'a str, hash: Digest) -> Option<Self> {
        let rest = text.strip_prefix("{\"sequence\":")?;
        let (sequence, rest) = rest.split_once(",\"time\":\"")?;
        let (at, rest) = rest.split_once("\",\"kind\":\"")?;
        let (kind, rest) = rest.split_once("\",\"previous\":\"")?;
        let (previous, body) = rest.split_once("\",\"body\":")?;
        let digits = sequence.bytes().all(|byte| byte.is_ascii_digit()) && !sequence.starts_with('0');
        let sequence = digits.then(|| sequence.parse().ok()).flatten()?;
        Some(Self { sequence, at: at.parse().ok()?, kind, previous: previous.parse().ok()?, body, hash, text })
    }

    /// Whether the line has the hash that it claims.
    #[must_use]
    pub fn intact(&self) -> bool {
        Digest::of(self.text.as_bytes()) == self.hash
    }

    /// What a signature in it signs: the line up to the signature.
    #[must_use]
    pub fn signed(&self) -> Option<&'a str> {
        self.text.rsplit_once(SIGNATURE).map(|(signed, _)| signed)
    }
}

/// The open end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The sequence of the next record.
    pub next: u64,
    /// The hash of the last one.
    pub previous: Digest,
}

impl Chain {
    /// Before the first record.
    pub const START: Self = Self { next: 1, previous: Digest::NONE };

    /// Appends a record to the chain and its line to `out`.
    ///
    /// # Errors
    /// The record is longer than [`LONGEST_LINE`]; then nothing was appended.
    pub fn append(&mut self, at: UnixTime, fact: &Fact, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        self.open(at, fact, out).and_then(|()| self.close(start, out)).inspect_err(|_| out.truncate(start))
    }

    /// Appends a signature over everything before.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn checkpoint(&mut self, at: UnixTime, key: &SigningKey, out: &mut Vec<u8>) -> io::Result<()> {
        let body = Checkpoint { key: key.public().id().clone(), signature: String::new() };
        self.signed(at, &body.into(), key, out)
    }

    /// Appends the signed statement that the records up to `through` are removed.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn removed(
        &mut self,
        at: UnixTime,
        (through, head): (u64, Digest),
        key: &SigningKey,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let body = Removed { through, head, key: key.public().id().clone(), signature: String::new() };
        self.signed(at, &body.into(), key, out)
    }

    fn signed(&mut self, at: UnixTime, unsigned: &Fact, key: &SigningKey, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        let done = self.open(at, unsigned, out).and_then(|()| {
            // The empty signature ends the body; what stands before it is what gets signed.
            out.truncate(out.len().saturating_sub(SIGNATURE.len() + END.len()));
            let signature = key.sign(out.get(start..).unwrap_or_default());
            write!(out, "{SIGNATURE}{signature}{END}")?;
            self.close(start, out)
        });
        done.inspect_err(|_| out.truncate(start))
    }

    fn open(&self, at: UnixTime, fact: &Fact, out: &mut Vec<u8>) -> io::Result<()> {
        let Self { next, previous } = self;
        let (at, kind) = (Stamp(at), fact.kind());
        write!(out, r#"{{"sequence":{next},"time":"{at}","kind":"{kind}","previous":"{previous}","body":"#)?;
        Ok(fact.write(out)?)
    }

    fn close(&mut self, start: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let text = out.get(start..).unwrap_or_default();
        let hash = Digest::of(text);
        if text.len() + HASH.len() + Digest::DIGITS + END.len() + 1 > LONGEST_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record is longer than a line may be"));
        }
        writeln!(out, "{HASH}{hash}{END}")?;
        *self = Self { next: self.next.saturating_add(1), previous: hash };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::fact::{Gap, GapCause};

    fn gap(lost: u64) -> Fact {
        Gap { lost, cause: GapCause::Overrun }.into()
    }

    #[test]
    fn a_line_is_what_the_documents_say() {
        let (mut chain, mut out) = (Chain::START, Vec::new());
        chain.append(UnixTime::from_secs(0), &gap(7), &mut out).unwrap();
        let line = String::from_utf8(out).unwrap();
        let zeros = "0".repeat(64);
        let text = format!(
            r#"{{"sequence":1,"time":"1970-01-01T00:00:00Z","kind":"gap","previous":"{zeros}","body":{}"#,
            r#"{"lost":7,"cause":"overrun"}"#
        );
        assert_eq!(line, format!("{text},\"hash\":\"{}\"}}\n", Digest::of(text.as_bytes())));
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["body"]["lost"], 7, "a line is JSON for everybody else");
    }

    #[test]
    fn a_line_reads_back_and_links_to_the_one_before() {
        let (mut chain, mut out) = (Chain::START, Vec::new());
        for lost in 0..3 {
            chain.append(UnixTime::from_secs(9), &gap(lost), &mut out).unwrap();
        }
        let mut previous = Digest::NONE;
        for (line, sequence) in out.split(|byte| *byte == b'\n').zip(1..=3) {
            let line = Line::read(line).unwrap();
            assert_eq!((line.sequence, line.previous, line.intact()), (sequence, previous, true));
            assert_eq!(Fact::read(line.kind, line.body), Ok(gap(sequence - 1)));
            previous = line.hash;
        }
        assert_eq!(chain, Chain { next: 4, previous });
    }

    #[test]
    fn a_signature_covers_the_line_before_it() {
        let key = SigningKey::generate().unwrap();
        let (mut chain, mut out) = (Chain::START, Vec::new());
        chain.checkpoint(UnixTime::from_secs(9), &key, &mut out).unwrap();
        let line = Line::read(out.strip_suffix(b"\n").unwrap()).unwrap();
        assert!(line.intact());
        let Ok(Fact::Checkpoint(body)) = Fact::read(line.kind, line.body) else { panic!("no checkpoint") };
        assert!(key.public().verifies(line.signed().unwrap().as_bytes(), &body.signature));
    }

    #[test]
    fn a_record_that_is_too_long_leaves_no_trace() {
        let (mut chain, mut out) = (Chain::START, b"before".to_vec());
        let reasons = (0..4000).map(|n| (format!("a reason with the number {n}"), n)).collect();
        let region = "eu".parse().unwrap();
        let long = crate::audit::fact::Refusals { region, since: Stamp(UnixTime::default()), reasons };
        assert!(chain.append(UnixTime::default(), &long.into(), &mut out).is_err());
        assert_eq!((chain, out), (Chain::START, b"before".to_vec()));
    }
}
