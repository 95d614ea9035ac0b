//! The seam to the world of streams: connections of TCP and TLS clients come from `listen`, their messages enter a shard
//! as slots, and leave as records of TLS or plain bytes, a batch at a time.

use core::fmt;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ahash::RandomState;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use tokio::sync::mpsc;

use super::connection::{Connection, Opening, Over, SCRATCH};
use super::outbox::Dropped;
use super::wake::Waker;
use crate::addr::{ConnectionId, Link};
use crate::time::Moment;
use crate::turn::{Discard, Event, Slot, Tally};

/// Letters about connections that may wait for a shard. When they do, `listen` waits too.
const WAITING_LETTERS: usize = 512;
/// Frames, or letters, taken into one batch, so that streams leave room for datagrams.
pub(super) const FRAMES_PER_TURN: usize = 16;
/// In the tokens of the epoll set: the rest is the number of a connection, which stays below 2^63.
pub(super) const STREAM: u64 = 1 << 63;

/// What `listen` tells a shard about a stream client. Of one connection, in this order, all to the same shard.
#[derive(Debug)]
pub enum Inbound {
    /// A connection begins.
    Opened(Opening),
    /// What waits is written, then the connection ends.
    Finish {
        /// Its number.
        connection: ConnectionId,
    },
    /// The connection ends now, unless it has ended already.
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

/// The shard's end: its connections, and which of them want something.
#[derive(Debug)]
pub(super) struct Streams {
    receiver: mpsc::Receiver<Inbound>,
    /// What watches the sockets; `None` in the simulated world, where every connection is looked at in every turn.
    epoll: Option<Arc<Epoll>>,
    /// Their numbers are our own, so that nobody can make them collide.
    connections: HashMap<ConnectionId, Connection, RandomState>,
    /// Those to receive from. Each stands here once.
    queue: VecDeque<ConnectionId>,
    /// Those that something was put into since the last flush. Each stands here once.
    touched: Vec<ConnectionId>,
    disconnected: VecDeque<ConnectionId>,
    scratch: Box<[u8]>,
    /// Not yet in the tally.
    dropped: Dropped,
    now: Moment,
}

impl Streams {
    /// A gate and the shard's end of it.
    pub(super) fn new(waker: Waker, epoll: Option<Arc<Epoll>>) -> (StreamGate, Self) {
        let (sender, receiver) = mpsc::channel(WAITING_LETTERS);
        let streams = Self {
            receiver,
            epoll,
            connections: HashMap::with_hasher(RandomState::with_seeds(0, 0, 0, 0)),
            queue: VecDeque::new(),
            touched: Vec::new(),
            disconnected: VecDeque::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            dropped: Dropped::default(),
            now: Moment::ZERO,
        };
        (StreamGate { sender, waker }, streams)
    }

    /// Whether there is more to [`receive`](Self::receive), though no socket says so.
    pub(super) fn waiting(&self) -> bool {
        let is_ready = || self.connections.values().any(|connection| connection.carrier().is_ready());
        !self.queue.is_empty() || !self.receiver.is_empty() || (self.epoll.is_none() && is_ready())
    }

    /// What epoll says about a connection.
    pub(super) fn ready(&mut self, token: u64, what: EpollFlags, now: Moment) {
        self.now = now;
        let connection = ConnectionId(token & !STREAM);
        let broken = what.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        if broken && self.connections.get(&connection).is_some_and(Connection::is_finishing) {
            return self.end(connection);
        }
        if what.contains(EpollFlags::EPOLLOUT) {
            self.flush_one(connection);
        }
        if broken || what.contains(EpollFlags::EPOLLIN) {
            self.enqueue(connection);
        }
    }

    /// Turns what clients say into slots, a bounded number of them; returns how many.
    pub(super) fn receive(&mut self, slots: &mut [Slot], now: Moment) -> usize {
        self.now = now;
        for _ in 0..FRAMES_PER_TURN {
            match self.receiver.try_recv() {
                Ok(Inbound::Opened(opening)) => self.open(opening),
                Ok(Inbound::Finish { connection }) => self.finish(connection),
                Ok(Inbound::Closed { connection }) => self.end(connection),
                Err(_) => break,
            }
        }
        if self.epoll.is_none() {
            self.look_at_all();
        }
        let room = FRAMES_PER_TURN.min(slots.len());
        let mut filled = 0;
        // Those that have more come again behind the others. One with nothing to say fills no slot but is no more in the
        // queue, so this comes to an end.
        while let Some(free) = slots.get_mut(filled..room).filter(|free| !free.is_empty())
            && let Some(id) = self.queue.pop_front()
        {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            connection.queued = false;
            let Ok(received) = connection.receive(&mut self.scratch, free) else {
                self.end(id);
                continue;
            };
            filled += received.frames;
            if connection.carrier().unsent() {
                touch(&mut self.touched, id, connection);
            }
            if received.more {
                self.enqueue(id);
                // What was broken behind these is judged when they have been.
                if received.frames < free.len() {
                    break;
                }
            }
        }
        filled
    }

    /// Takes a message to a connection; it leaves with the next [`flush`](Self::flush). What had to be dropped or has nobody
    /// to go to is counted.
    pub(super) fn send(&mut self, id: ConnectionId, message: &[u8], tally: &mut Tally) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return tally.discard(Discard::ConnectionGone);
        };
        match connection.send(message, self.now) {
            Ok(dropped) => {
                self.dropped += dropped;
                touch(&mut self.touched, id, connection);
            }
            Err(Over) => {
                tally.discard(Discard::ConnectionGone);
                self.end(id);
            }
        }
    }

    /// Writes what was sent since the last call: one write for each connection, if the network takes it.
    pub(super) fn flush(&mut self, tally: &mut Tally) {
        let mut touched = core::mem::take(&mut self.touched);
        for id in touched.drain(..) {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            connection.touched = false;
            // A socket without room is watched, and says when it has some.
            if !connection.is_blocked() {
                self.flush_one(id);
            }
        }
        // With its room.
        self.touched = touched;
        let Dropped { full, old } = core::mem::take(&mut self.dropped);
        (0..full).for_each(|_| tally.discard(Discard::QueueFull));
        (0..old).for_each(|_| tally.discard(Discard::QueueOld));
    }

    /// A connection that has closed and whose allocation ends.
    pub(super) fn take_disconnected(&mut self) -> Option<ConnectionId> {
        self.disconnected.pop_front()
    }

    /// Tells the keeper of a stream client whether it holds an allocation.
    pub(super) fn observe(&self, fact: &Event) {
        let (client, proven) = match fact {
            Event::Allocated { client, .. } | Event::Restored { client, .. } => (client, true),
            Event::Ended { client, .. } => (client, false),
            Event::Refused { .. } | Event::Seal { .. } => return,
        };
        if let Link::Stream(id, _) = client.link
            && let Some(connection) = self.connections.get(&id)
        {
            connection.set_proven(proven);
        }
    }

    fn open(&mut self, opening: Opening) {
        let Link::Stream(id, _) = opening.client.link else { return };
        let connection = Connection::new(opening);
        if let (Some(epoll), Some(socket)) = (&self.epoll, connection.carrier().socket())
            && let Err(error) = epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, STREAM | id.0))
        {
            // The client sees its connection close, and will try another.
            return tracing::error!(%error, "a connection cannot be watched: raise fs.epoll.max_user_watches");
        }
        let connection = self.connections.entry(id).insert_entry(connection).into_mut();
        // A message may have come with the end of the handshake, and TLS may have something to say.
        touch(&mut self.touched, id, connection);
        self.enqueue(id);
    }

    fn finish(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.finish();
            touch(&mut self.touched, id, connection);
        }
    }

    fn end(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            connection.farewell(self.now);
            self.disconnected.push_back(id);
        }
    }

    fn enqueue(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.is_finishing()
            && !core::mem::replace(&mut connection.queued, true)
        {
            self.queue.push_back(id);
        }
    }

    fn flush_one(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.flush(self.now) {
            Ok(dropped) => self.dropped += dropped,
            Err(Over) => return self.end(id),
        }
        let blocked = connection.is_blocked();
        let wanted = if blocked { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
        let finishing = connection.is_finishing();
        if (blocked != connection.watched_for_room || finishing)
            && let (Some(epoll), Some(socket)) = (&self.epoll, connection.carrier().socket())
        {
            let listening = if finishing { EpollFlags::empty() } else { EpollFlags::EPOLLIN };
            // It is in the set; a failure would be a fault of ours, and the connection would run into its deadline.
            epoll.modify(socket, &mut EpollEvent::new(listening | wanted, STREAM | id.0)).ok();
        }
        connection.watched_for_room = blocked;
    }

    fn look_at_all(&mut self) {
        let mut ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        // The order of a map is not the same in every run.
        ids.sort_unstable();
        for id in ids {
            if self.connections.get(&id).is_some_and(|each| each.is_blocked() && each.carrier().is_ready()) {
                self.flush_one(id);
            }
            self.enqueue(id);
        }
    }
}

fn touch(touched: &mut Vec<ConnectionId>, id: ConnectionId, connection: &mut Connection) {
    if !core::mem::replace(&mut connection.touched, true) {
        touched.push(id);
    }
}

impl Drop for Streams {
    /// The shard stops: what waits is still written as far as the network takes it at once, and `listen` hears of the end.
    fn drop(&mut self) {
        self.receiver.close();
        self.connections.drain().for_each(|(_, connection)| connection.farewell(self.now));
    }
}

#[cfg(test)]
mod tests;
