//! One datagram on its way through: buffer, where it came from, and the verdict written on it.

use crate::addr::{FiveTuple, PeerAddr, RelayedAddr};
use crate::wire::attribute::Icmp;

use super::{Discard, PortKey, Verdict};

/// Free bytes in front of a received datagram: a Data indication with an IPv6 peer needs 20 (header) + 24
/// (XOR-PEER-ADDRESS) + 4 (DATA's own header) = 48.
pub const HEADROOM: usize = 64;
/// Free bytes behind it: padding to a multiple of four on streams, or of DATA.
pub const TAILROOM: usize = 64;
/// The largest datagram that can be received: the most a UDP length field can say.
pub const LARGEST: usize = 65_535;
/// Bytes per slot. Not a multiple of 4 KiB, so that the first lines of the slots of a batch do not share cache sets.
pub const CAPACITY: usize = HEADROOM + LARGEST + TAILROOM + 449;

/// Where a datagram came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a client, over UDP or framed out of a stream.
    Client(FiveTuple),
    /// From the network, to a relayed transport address.
    Peer {
        /// The port it came in on.
        port: PortKey,
        /// Who sent it.
        peer: PeerAddr,
    },
    /// From an allocation on another shard of this relay.
    Shard {
        /// The relayed transport address of the sender's allocation.
        from: RelayedAddr,
        /// The relayed transport address of the receiver's allocation, which was on this shard.
        to: RelayedAddr,
        /// Which use of that address is meant.
        serial: u32,
    },
    /// The network says by ICMP that a datagram to a peer did not arrive. The payload is empty.
    PeerError {
        /// The port the lost datagram left from.
        port: PortKey,
        /// Where it went.
        peer: PeerAddr,
        /// What was said.
        icmp: Icmp,
    },
}

/// One datagram. The bytes between `start` and `end` are the message; the bytes around them are room to grow in place.
#[derive(Debug)]
pub struct Slot {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    origin: Option<Origin>,
    verdict: Verdict,
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

impl Slot {
    /// An empty slot; the only allocation in its life.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            start: HEADROOM,
            end: HEADROOM,
            origin: None,
            verdict: Verdict::Discard(Discard::Unjudged),
        }
    }

    /// Where a driver receives into: [`LARGEST`] bytes.
    pub fn receive_area(&mut self) -> &mut [u8] {
        self.buffer.get_mut(HEADROOM..HEADROOM + LARGEST).unwrap_or_default()
    }

    /// Says that `length` bytes of the receive area are a datagram from `origin`, not yet judged.
    pub fn fill(&mut self, length: usize, origin: Origin) {
        self.start = HEADROOM;
        self.end = HEADROOM + length.min(LARGEST);
        self.origin = Some(origin);
        self.verdict = Verdict::Discard(Discard::Unjudged);
    }

    /// Copies a datagram in, for drivers that hold it elsewhere (streams, the simulator). Longer than [`LARGEST`] is cut.
    pub fn fill_from(&mut self, bytes: &[u8], origin: Origin) {
        let length = bytes.len().min(LARGEST);
        if let (Some(place), Some(bytes)) = (self.receive_area().get_mut(..length), bytes.get(..length)) {
            place.copy_from_slice(bytes);
        }
        self.fill(length, origin);
    }

    /// Where the datagram came from; `None` in a slot that was never filled.
    #[must_use]
    pub const fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// The same, where it stands.
    pub(super) const fn origin_ref(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The message as it now stands.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Where the message goes.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Writes the verdict.
    pub const fn judge(&mut self, verdict: Verdict) {
        self.verdict = verdict;
    }

    /// Narrows the message to `length` bytes from `offset` on (the data inside a ChannelData message or indication).
    /// Outside its bounds the message becomes empty.
    pub const fn narrow(&mut self, offset: usize, length: usize) {
        let start = self.start.saturating_add(offset);
        let end = start.saturating_add(length);
        if end <= self.end {
            self.start = start;
            self.end = end;
        } else {
            self.end = self.start;
        }
    }

    /// Puts bytes in front of the message. `false`, and no change, if they do not fit the headroom.
    #[must_use]
    pub fn prepend(&mut self, bytes: &[u8]) -> bool {
        let Some(start) = self.start.checked_sub(bytes.len()) else { return false };
        let Some(place) = self.buffer.get_mut(start..self.start) else { return false };
        place.copy_from_slice(bytes);
        self.start = start;
        true
    }

    /// Pads the message with zeros to a multiple of four. `false`, and no change, if there is no room.
    #[must_use]
    pub fn pad(&mut self) -> bool {
        let length = self.end - self.start;
        let end = self.start + crate::wire::padded(length);
        let Some(place) = self.buffer.get_mut(self.end..end) else { return false };
        place.fill(0);
        self.end = end;
        true
    }

    /// Replaces the message by what `write` puts into the buffer; `write` returns its length. The bytes that were
    /// received may be overwritten.
    pub fn rewrite<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        let area = self.buffer.get_mut(HEADROOM..).unwrap_or_default();
        let capacity = area.len();
        let length = write(area)?;
        self.start = HEADROOM;
        self.end = HEADROOM + length.min(capacity);
        Ok(())
    }
}
