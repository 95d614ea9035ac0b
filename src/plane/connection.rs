//! One stream client, as its shard works it: bytes that come are cut into messages, and messages leave in batches.

use core::fmt;
use core::time::Duration;
use std::io;

use tokio::sync::watch;

use super::carrier::{CARRIER_ROOM, Carrier};
use super::outbox::{Dropped, Outbox, Patience};
use crate::addr::FiveTuple;
use crate::time::Moment;
use crate::turn::{Origin, Slot};
use crate::wire::frame_length;

/// The largest message: a STUN header and the most that its length field can say in steps of four.
const LARGEST_FRAME: usize = 20 + 65_532;
/// The largest message of a client without an allocation. Requests that lead to an allocation are a tenth of that, and
/// ChannelData has no meaning yet.
const LARGEST_OF_STRANGERS: usize = 4096;
/// Room for a message that has come in part, and for what comes next.
pub(super) const SCRATCH: usize = LARGEST_FRAME + CARRIER_ROOM;
/// Bytes that are put at once, unless a single message is longer: one TLS record at its largest (RFC 8446 §5.1). What is
/// put can no longer be dropped, so it should not be much.
const PUT_AT_ONCE: usize = 16_384;
/// How long a client may take no byte of what waits for it: media that is older is worthless, and a client that reads
/// nothing has gone.
const TAKES_WITHIN: Duration = Duration::from_secs(30);

/// A connection that is ready to carry messages.
#[derive(Debug)]
pub struct Opening {
    /// Who it is; the link is the connection.
    pub client: FiveTuple,
    /// What carries its messages.
    pub carrier: Box<dyn Carrier>,
    /// What may wait to be written.
    pub patience: Patience,
    /// Set to whether the client holds an allocation, and dropped when the connection has ended.
    pub proven: watch::Sender<bool>,
}

/// The connection is over: the client has closed it or does not read, it broke, or it speaks something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over;

impl From<io::Error> for Over {
    /// Which of the client's or its network's faults it was is of no use to anybody.
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// What came of looking at a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Slots that were filled.
    pub(super) frames: usize,
    /// There is more to hand out, though nothing more may come.
    pub(super) more: bool,
}

/// A connection of this shard.
pub(super) struct Connection {
    client: FiveTuple,
    carrier: Box<dyn Carrier>,
    /// `listen` hears of the proof, and of the end when this is dropped.
    proven: watch::Sender<bool>,
    outbox: Outbox,
    /// What has come and is not handed out: part of a message, or messages that found no slot. No room is kept for it.
    rest: Vec<u8>,
    /// Bytes put since the network took everything.
    put: usize,
    /// Since when the network takes nothing more.
    blocked: Option<Moment>,
    finishing: bool,
    /// It stands in the queue of those to receive from.
    pub(super) queued: bool,
    /// It stands in the list of those to flush.
    pub(super) touched: bool,
    /// Room to write is watched for.
    pub(super) watched_for_room: bool,
}

impl fmt::Debug for Connection {
    /// Law 5: neither the address nor what is said.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Connection {{ {:?}, {} bytes in part }}", self.carrier, self.rest.len())
    }
}

/// What stands at the front of a stream.
enum Front {
    Whole(usize),
    Partial,
    Broken,
}

impl Connection {
    pub(super) fn new(opening: Opening) -> Self {
        let Opening { client, carrier, patience, proven } = opening;
        Self {
            client,
            carrier,
            proven,
            outbox: Outbox::new(patience),
            rest: Vec::new(),
            put: 0,
            blocked: None,
            finishing: false,
            queued: false,
            touched: false,
            watched_for_room: false,
        }
    }

    pub(super) fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    pub(super) const fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// Says whether the client holds an allocation.
    pub(super) fn set_proven(&self, proven: bool) {
        self.proven.send_if_modified(|now| core::mem::replace(now, proven) != proven);
    }

    /// Nothing more is taken in, and it is over when what waits is written.
    pub(super) const fn finish(&mut self) {
        self.finishing = true;
    }

    /// Turns what has come into slots, after one read at most. `scratch` has [`SCRATCH`] bytes.
    pub(super) fn receive(&mut self, scratch: &mut [u8], slots: &mut [Slot]) -> Result<Received, Over> {
        let mut end = self.rest.len();
        let (held, room) = scratch.split_at_mut_checked(end).ok_or(Over)?;
        held.copy_from_slice(&self.rest);
        match self.front(held) {
            Front::Whole(_) => {}
            Front::Broken => return Err(Over),
            Front::Partial => match self.carrier.receive(room) {
                Ok(0) => return Err(Over),
                Ok(length) => end += length,
                Err(error) if is_passing(&error) => return Ok(Received::default()),
                Err(_) => return Err(Over),
            },
        }
        let come = scratch.get(..end).ok_or(Over)?;
        let (received, rest) = self.cut(come, slots)?;
        self.keep(rest);
        Ok(received)
    }

    /// Whole messages into slots; returns what is left.
    fn cut<'b>(&self, come: &'b [u8], slots: &mut [Slot]) -> Result<(Received, &'b [u8]), Over> {
        let mut rest = come;
        let mut received = Received::default();
        let mut slots = slots.iter_mut();
        loop {
            match self.front(rest) {
                Front::Partial => return Ok((received, rest)),
                Front::Whole(length) => {
                    let Some((message, after)) = rest.split_at_checked(length) else { return Err(Over) };
                    let Some(slot) = slots.next() else { return Ok((Received { more: true, ..received }, rest)) };
                    slot.fill_from(message, Origin::Client(self.client));
                    received.frames += 1;
                    rest = after;
                }
                // What came before it is judged first: it may be what proves the client.
                Front::Broken if received.frames > 0 => return Ok((Received { more: true, ..received }, rest)),
                Front::Broken => return Err(Over),
            }
        }
    }

    fn front(&self, bytes: &[u8]) -> Front {
        match frame_length(bytes) {
            Err(_) => Front::Broken,
            Ok(None) => Front::Partial,
            // A stranger gets no large buffer.
            Ok(Some(frame)) if frame.length > LARGEST_OF_STRANGERS && !*self.proven.borrow() => Front::Broken,
            Ok(Some(frame)) if frame.length > bytes.len() => Front::Partial,
            Ok(Some(frame)) => Front::Whole(frame.length),
        }
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() && self.rest.capacity() > 0 {
            self.rest = Vec::new();
        } else if !rest.is_empty() {
            self.rest.clear();
            self.rest.extend_from_slice(rest);
        }
    }

    /// Takes a message to the client; it leaves with the next [`flush`](Self::flush), or waits for room.
    pub(super) fn send(&mut self, message: &[u8], now: Moment) -> Result<Dropped, Over> {
        if self.blocked.is_none() && self.outbox.is_empty() && self.put < PUT_AT_ONCE {
            self.put += message.len();
            self.carrier.put(message)?;
            return Ok(Dropped::default());
        }
        if self.blocked.is_some_and(|since| now.since(since) > TAKES_WITHIN) {
            return Err(Over);
        }
        self.outbox.push(message, now).map_err(|_| Over)
    }

    /// Writes what the network takes: what was put before to its end, then what waits and is not too old.
    pub(super) fn flush(&mut self, now: Moment) -> Result<Dropped, Over> {
        let mut dropped = Dropped::default();
        loop {
            if !self.carrier.flush()? {
                self.blocked = Some(now);
                return Ok(dropped);
            }
            (self.blocked, self.put) = (None, 0);
            dropped.old += self.outbox.expire(now);
            while self.put < PUT_AT_ONCE
                && let Some(message) = self.outbox.pop()
            {
                self.put += message.len();
                self.carrier.put(&message)?;
            }
            if self.put == 0 {
                return if self.finishing { Err(Over) } else { Ok(dropped) };
            }
        }
    }

    /// As far as the network takes it at once: what waits, and a goodbye.
    pub(super) fn farewell(mut self, now: Moment) {
        if !self.is_blocked() {
            self.flush(now).ok();
        }
        self.carrier.farewell();
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
