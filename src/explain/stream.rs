//! One direction of a TCP connection: segments in any order in, the messages of TURN out (RFC 8656 §12.5).

use crate::wire::{FrameKind, frame_length};

use super::frame::Segment;

/// Segments that wait for one before them, and their bytes. A retransmission comes after a round trip or two; beyond that
/// the capture has lost something, and no waiting brings it back.
const MOST_WAITING: usize = 256;
const MOST_WAITING_BYTES: usize = 256 * 1024;

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It says nothing new, waits for one before it, or has made messages complete.
    Followed,
    /// Something between two segments is not in the capture, or this one was cut: what it was part of is lost.
    Lost,
    /// The capture begins in the middle of the connection, and no message begins with this segment.
    Astray,
    /// TLS.
    Tls,
    /// Neither TURN nor TLS.
    Foreign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody knows where a message begins.
    Astray,
    /// At the connection's first byte, which has to be STUN's.
    Fresh,
    Following,
    Tls,
    Foreign,
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    state: State,
    /// The sequence number of the next byte.
    next: u32,
    bytes: Vec<u8>,
    waiting: Vec<(u32, Vec<u8>)>,
}

impl Stream {
    pub(super) const fn new() -> Self {
        Self { state: State::Astray, next: 0, bytes: Vec::new(), waiting: Vec::new() }
    }

    /// Takes a segment.
    pub(super) fn push(&mut self, segment: &Segment<'_>) -> Taken {
        let mut sequence = segment.sequence;
        if segment.syn {
            sequence = sequence.wrapping_add(1);
            *self = Self { state: State::Fresh, next: sequence, ..Self::new() };
        }
        match self.state {
            State::Tls => return Taken::Tls,
            State::Foreign => return Taken::Foreign,
            State::Astray | State::Fresh | State::Following if segment.payload.is_empty() && !segment.cut => {
                return Taken::Followed;
            }
            State::Astray | State::Fresh | State::Following if segment.cut => {
                self.lose();
                return Taken::Lost;
            }
            State::Astray => return self.find(sequence, segment.payload),
            State::Fresh | State::Following => {}
        }
        self.add(sequence, segment.payload);
        if self.waiting.len() <= MOST_WAITING && self.waiting_bytes() <= MOST_WAITING_BYTES {
            return self.classify();
        }
        // What waits may begin with a message, and the rest then follows it.
        let next = self.next;
        let mut waiting = core::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(sequence, _)| sequence.wrapping_sub(next));
        self.lose();
        for (sequence, payload) in waiting {
            if self.state == State::Following {
                self.add(sequence, &payload);
            } else {
                _ = self.find(sequence, &payload);
            }
        }
        Taken::Lost
    }

    /// The next message that is complete.
    pub(super) fn message(&mut self) -> Option<Vec<u8>> {
        if self.state != State::Following {
            return None;
        }
        match frame_length(&self.bytes) {
            Ok(Some(frame)) if frame.length <= self.bytes.len() => Some(self.bytes.drain(..frame.length).collect()),
            Ok(_) => None,
            Err(_) => {
                self.lose();
                None
            }
        }
    }

    /// Whether segments still wait for one before them.
    pub(super) const fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn lose(&mut self) {
        *self = Self::new();
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|(_, payload)| payload.len()).sum()
    }

    /// Puts bytes where they belong, and what has waited for them behind.
    fn add(&mut self, sequence: u32, payload: &[u8]) {
        match distance(self.next, sequence) {
            Distance::Ahead => {
                if !self.waiting.iter().any(|(at, known)| *at == sequence && known.len() >= payload.len()) {
                    self.waiting.push((sequence, payload.to_vec()));
                }
                return;
            }
            Distance::Behind(known) => self.append(payload.get(known..).unwrap_or_default()),
        }
        let ready = |next: u32, at: u32| matches!(distance(next, at), Distance::Behind(_));
        while let Some(index) = self.waiting.iter().position(|(at, _)| ready(self.next, *at)) {
            let (at, payload) = self.waiting.swap_remove(index);
            if let Distance::Behind(known) = distance(self.next, at) {
                self.append(payload.get(known..).unwrap_or_default());
            }
        }
    }

    fn append(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.next = self.next.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
    }

    /// Looks for the beginning of a message at the beginning of a segment: there is one when the segment consists of
    /// whole messages.
    fn find(&mut self, sequence: u32, payload: &[u8]) -> Taken {
        if is_tls(payload) {
            self.state = State::Tls;
            return Taken::Tls;
        }
        let mut rest = payload;
        while !rest.is_empty() {
            let length = frame_length(rest).ok().flatten().map(|frame| frame.length);
            let Some(after) = length.and_then(|length| rest.get(length..)) else { return Taken::Astray };
            rest = after;
        }
        self.state = State::Following;
        self.next = sequence;
        self.append(payload);
        Taken::Followed
    }

    /// What kind of connection it is, once there is something to tell it by.
    fn classify(&mut self) -> Taken {
        if self.state != State::Fresh || self.bytes.is_empty() {
            return Taken::Followed;
        }
        match frame_length(&self.bytes) {
            Ok(None) => Taken::Followed,
            // A client has no channel before it has asked for one.
            Ok(Some(frame)) if frame.kind == FrameKind::Stun => {
                self.state = State::Following;
                Taken::Followed
            }
            _ => {
                let tls = is_tls(&self.bytes);
                *self = Self { state: if tls { State::Tls } else { State::Foreign }, ..Self::new() };
                if tls { Taken::Tls } else { Taken::Foreign }
            }
        }
    }
}

/// Where a segment begins, seen from the next byte that is awaited.
enum Distance {
    /// Behind it or at it, by so many bytes.
    Behind(usize),
    Ahead,
}

/// Sequence numbers wrap (RFC 9293 §3.4).
fn distance(next: u32, sequence: u32) -> Distance {
    let behind = next.wrapping_sub(sequence);
    if behind < 1 << 31 { Distance::Behind(usize::try_from(behind).unwrap_or(usize::MAX)) } else { Distance::Ahead }
}

/// A TLS record: content type, and a version 3.x (RFC 8446 §5.1).
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, ..])
}
