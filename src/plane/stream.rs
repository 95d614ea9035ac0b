//! The seam to the world of streams: frames of TCP and TLS clients enter a shard as slots, and leave through outboxes.

use core::fmt;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::addr::{ConnectionId, FiveTuple, Link};
use crate::turn::{Discard, Event, Origin, Slot, Tally};

use super::outbox::{Outbox, Pushed};
use super::wake::Waker;

/// Frames that may wait for a shard. When they do, readers of connections wait too, and TCP makes the clients wait. At
/// 1200 bytes each this is 600 KiB; at the most a frame can be, 32 MiB.
const WAITING_FRAMES: usize = 512;
/// Frames taken into one batch, so that streams leave room for datagrams.
pub(super) const FRAMES_PER_TURN: usize = 16;

/// What `listen` tells a shard about a stream client. Of one connection, in this order, all to the same shard.
#[derive(Debug)]
pub enum Inbound {
    /// A connection is ready to carry messages.
    Opened {
        /// Its number.
        connection: ConnectionId,
        /// What is to be written to it.
        outbox: Arc<Outbox>,
    },
    /// One whole message, as [`crate::wire::frame_length`] cut it.
    Frame {
        /// From whom; the link is the connection.
        client: FiveTuple,
        /// The message, with its padding.
        bytes: Vec<u8>,
    },
    /// The connection has closed.
    Closed {
        /// Its number.
        connection: ConnectionId,
    },
}

/// The shard has stopped; whatever was to be told it is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardGone;

impl fmt::Display for ShardGone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the shard has stopped: close the connection")
    }
}

impl core::error::Error for ShardGone {}

/// The way into one shard for stream clients.
#[derive(Clone, Debug)]
pub struct StreamGate {
    sender: mpsc::Sender<Inbound>,
    waker: Waker,
}

impl StreamGate {
    /// Tells the shard, and waits while it is full.
    ///
    /// # Errors
    /// [`ShardGone`] when the shard has stopped.
    pub async fn send(&self, inbound: Inbound) -> Result<(), ShardGone> {
        self.sender.send(inbound).await.map_err(|_| ShardGone)?;
        self.waker.wake();
        Ok(())
    }
}

/// The shard's end: which connections there are, and what they said.
#[derive(Debug)]
pub(super) struct Streams {
    receiver: mpsc::Receiver<Inbound>,
    outboxes: HashMap<ConnectionId, Arc<Outbox>>,
    disconnected: VecDeque<ConnectionId>,
}

impl Streams {
    /// A gate and the shard's end of it.
    pub(super) fn new(waker: Waker) -> (StreamGate, Self) {
        let (sender, receiver) = mpsc::channel(WAITING_FRAMES);
        (StreamGate { sender, waker }, Self { receiver, outboxes: HashMap::new(), disconnected: VecDeque::new() })
    }

    /// Whether there is more to [`receive`](Self::receive).
    pub(super) fn waiting(&self) -> bool {
        !self.receiver.is_empty()
    }

    /// Turns waiting frames into slots, a bounded number of them; returns how many.
    pub(super) fn receive(&mut self, slots: &mut [Slot]) -> usize {
        let mut filled = 0;
        // Openings and closings fill no slot but count too, so that a turn stays bounded.
        for _ in 0..FRAMES_PER_TURN {
            let Some(slot) = slots.get_mut(filled) else { break };
            match self.receiver.try_recv() {
                Ok(Inbound::Frame { client, bytes }) => {
                    slot.fill_from(&bytes, Origin::Client(client));
                    filled += 1;
                }
                Ok(Inbound::Opened { connection, outbox }) => {
                    self.outboxes.insert(connection, outbox);
                }
                Ok(Inbound::Closed { connection }) => {
                    if let Some(outbox) = self.outboxes.remove(&connection) {
                        outbox.close();
                    }
                    self.disconnected.push_back(connection);
                }
                Err(_) => break,
            }
        }
        filled
    }

    /// Hands a message to the writer of a connection; what did not fit or has nobody to go to is counted.
    pub(super) fn send(&mut self, connection: ConnectionId, message: &[u8], tally: &mut Tally) {
        let Some(outbox) = self.outboxes.get(&connection) else {
            return tally.discard(Discard::ConnectionGone);
        };
        match outbox.push(message) {
            Pushed::Queued => {}
            Pushed::DroppedOldest(count) => (0..count).for_each(|_| tally.discard(Discard::QueueFull)),
            Pushed::Closed => tally.discard(Discard::ConnectionGone),
        }
    }

    /// A connection that has closed and whose allocation ends.
    pub(super) fn take_disconnected(&mut self) -> Option<ConnectionId> {
        self.disconnected.pop_front()
    }

    /// Tells the outbox of a stream client whether it holds an allocation.
    pub(super) fn observe(&self, fact: &Event) {
        let (client, proven) = match fact {
            Event::Allocated { client, .. } => (client, true),
            Event::Ended { client, .. } => (client, false),
            Event::Refused { .. } | Event::Seal { .. } => return,
        };
        if let Link::Stream(connection, _) = client.link
            && let Some(outbox) = self.outboxes.get(&connection)
        {
            outbox.set_proven(proven);
        }
    }
}

impl Drop for Streams {
    /// The shard stops: what waits is still written, then the writers close their connections.
    fn drop(&mut self) {
        self.receiver.close();
        while let Ok(inbound) = self.receiver.try_recv() {
            if let Inbound::Opened { outbox, .. } = inbound {
                outbox.finish();
            }
        }
        self.outboxes.values().for_each(|outbox| outbox.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{ClientAddr, Transport};
    use core::time::Duration;

    fn client(connection: u64) -> FiveTuple {
        FiveTuple {
            client: ClientAddr::new(([192, 0, 2, 1], 4000).into()),
            link: Link::Stream(ConnectionId(connection), Transport::Tcp),
        }
    }

    fn frame(mark: u8) -> Inbound {
        Inbound::Frame { client: client(7), bytes: vec![mark; 8] }
    }

    #[tokio::test]
    async fn a_full_shard_makes_readers_wait() {
        let (gate, mut streams) = Streams::new(Waker::silent());
        for _ in 0..WAITING_FRAMES {
            gate.send(frame(1)).await.unwrap();
        }
        let mut waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.send(frame(2)).await }
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        let mut slots = [(); 4].map(|()| Slot::new());
        assert_eq!(streams.receive(&mut slots), 4);
        assert_eq!(waiting.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn one_turn_takes_a_bounded_number_of_frames() {
        let (gate, mut streams) = Streams::new(Waker::silent());
        for _ in 0..FRAMES_PER_TURN + 1 {
            gate.send(frame(1)).await.unwrap();
        }
        let mut slots = [(); FRAMES_PER_TURN + 8].map(|()| Slot::new());
        assert_eq!(streams.receive(&mut slots), FRAMES_PER_TURN);
        assert!(streams.waiting());
        assert_eq!(streams.receive(&mut slots), 1);
        assert!(!streams.waiting());
    }

    #[tokio::test]
    async fn a_stopped_shard_says_so() {
        let (gate, streams) = Streams::new(Waker::silent());
        let outbox = Arc::new(Outbox::new(1000));
        gate.send(Inbound::Opened { connection: ConnectionId(7), outbox }).await.unwrap();
        drop(streams);
        assert_eq!(gate.send(frame(1)).await, Err(ShardGone));
    }

    #[tokio::test]
    async fn a_message_for_a_closed_connection_is_counted() {
        let (gate, mut streams) = Streams::new(Waker::silent());
        let mut tally = Tally::default();
        let mut slots = [Slot::new()];
        let (connection, outbox) = (ConnectionId(7), Arc::new(Outbox::new(1000)));
        gate.send(Inbound::Opened { connection, outbox: outbox.clone() }).await.unwrap();
        assert_eq!(streams.receive(&mut slots), 0);
        streams.send(connection, &[0x40, 0, 0, 0], &mut tally);
        assert_eq!(outbox.take().await, Some(vec![0x40, 0, 0, 0]));
        gate.send(Inbound::Closed { connection }).await.unwrap();
        assert_eq!(streams.receive(&mut slots), 0);
        assert_eq!(streams.take_disconnected(), Some(connection));
        streams.send(connection, &[0x40, 0, 0, 0], &mut tally);
        assert_eq!(tally.discards(Discard::ConnectionGone), 1);
        assert!(outbox.is_closed());
    }
}
