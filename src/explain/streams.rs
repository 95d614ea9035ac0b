//! The TCP connections of a capture, as many as are remembered.

use std::collections::HashMap;

use super::frame::{Pair, Segment};
use super::stream::{Stream, Taken};

/// Directions of connections that are followed at once. With 256 KiB each at the very most they fill 1 GiB; in a capture
/// of a relay at work hardly any waits for anything.
const MOST: usize = 4096;
/// After so much silence a direction makes room, in nanoseconds: two minutes, in which TURN over TCP is never silent.
const SILENCE: u64 = 120 * 1_000_000_000;

/// All directions of all connections.
#[derive(Debug, Default)]
pub(super) struct Streams(HashMap<Pair, Entry>);

#[derive(Debug)]
struct Entry {
    used: u64,
    stream: Stream,
}

impl Streams {
    /// Takes a segment and gives the messages that it has made complete; `None` when there are too many connections.
    pub(super) fn push(&mut self, pair: Pair, segment: &Segment<'_>, time: u64) -> Option<(Taken, Vec<Vec<u8>>)> {
        if !self.0.contains_key(&pair) {
            if segment.payload.is_empty() && !segment.syn && !segment.cut {
                return Some((Taken::Followed, Vec::new()));
            }
            if self.0.len() >= MOST {
                self.0.retain(|_, entry| time.saturating_sub(entry.used) < SILENCE);
            }
            if self.0.len() >= MOST {
                return None;
            }
        }
        let entry = self.0.entry(pair).or_insert_with(|| Entry { used: time, stream: Stream::new() });
        entry.used = time;
        let taken = entry.stream.push(segment);
        let messages = core::iter::from_fn(|| entry.stream.message()).collect();
        if segment.end && !entry.stream.is_waiting() {
            self.0.remove(&pair);
        }
        Some((taken, messages))
    }

    /// Directions in which segments still wait for one that has not come.
    pub(super) fn waiting(&self) -> usize {
        self.0.values().filter(|entry| entry.stream.is_waiting()).count()
    }
}
