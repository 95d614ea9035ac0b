//! Putting one handshake message together from its fragments (RFC 6347 §4.2.3).

use crate::time::{Lifetime, Moment};
use crate::wire::dtls::Fragment;

use super::Reason;

/// The largest hello that is put together. With three hybrid post-quantum key shares a ClientHello has about 5,000
/// bytes; today's browsers send 1,400.
const LARGEST: u32 = 8 * 1024;
/// Pieces of what has arrived. More gaps than this in 8 KiB are no network's doing.
const MOST_PIECES: usize = 16;
/// How long fragments wait for the rest: a few retransmissions (RFC 6347 §4.2.4.1).
const PATIENCE: Lifetime = Lifetime::from_secs(30);

/// A message of which some fragments have arrived.
#[derive(Debug)]
pub(super) struct Reassembly {
    kind: u8,
    sequence: u16,
    begun: Moment,
    bytes: Box<[u8]>,
    /// What has arrived, as half-open ranges in order that neither overlap nor touch.
    pieces: Vec<(usize, usize)>,
}

impl Reassembly {
    /// For the message that `fragment` is part of.
    pub(super) fn new(fragment: &Fragment<'_>, now: Moment) -> Result<Self, Reason> {
        if fragment.length > LARGEST {
            return Err(Reason::DtlsBound);
        }
        let length = usize::try_from(fragment.length).unwrap_or(0);
        Ok(Self {
            kind: fragment.kind,
            sequence: fragment.sequence,
            begun: now,
            bytes: vec![0; length].into_boxed_slice(),
            pieces: Vec::with_capacity(2),
        })
    }

    /// Whether a fragment is of this message, and in time.
    pub(super) fn awaits(&self, fragment: &Fragment<'_>, now: Moment) -> bool {
        self.kind == fragment.kind
            && self.sequence == fragment.sequence
            && usize::try_from(fragment.length) == Ok(self.bytes.len())
            && now < self.begun + PATIENCE
    }

    /// Adds a fragment of this message. What overlaps must say the same.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>) -> Result<(), Reason> {
        let start = usize::try_from(fragment.offset).map_err(|_| Reason::DtlsFragments)?;
        let end = start.saturating_add(fragment.body.len());
        for &(from, to) in &self.pieces {
            let (from, to) = (from.max(start), to.min(end));
            if from < to && self.bytes.get(from..to) != fragment.body.get(from - start..to - start) {
                return Err(Reason::DtlsFragments);
            }
        }
        let place = self.bytes.get_mut(start..end).ok_or(Reason::DtlsFragments)?;
        place.copy_from_slice(fragment.body);
        self.join(start, end)
    }

    fn join(&mut self, mut start: usize, mut end: usize) -> Result<(), Reason> {
        self.pieces.retain(|&(from, to)| {
            let apart = to < start || end < from;
            if !apart {
                start = start.min(from);
                end = end.max(to);
            }
            apart
        });
        if self.pieces.len() >= MOST_PIECES {
            return Err(Reason::DtlsFragments);
        }
        self.pieces.push((start, end));
        Ok(())
    }

    /// The message, once all of it is there.
    pub(super) fn complete(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [(0, end)] if *end == self.bytes.len() => Some(&self.bytes),
            _ => None,
        }
    }
}
