//! What waits to be written to a stream client. Media makes room for newer media; answers to requests are never dropped.

use core::mem;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::wire::{Class, Method};

/// What one waiting message costs beyond its bytes, so that many small ones have a bound too.
const OVERHEAD: usize = 64;
/// Bytes handed to the writer at once, unless a single message is longer: one TLS record (RFC 8446 §5.1). What the writer
/// holds can no longer be dropped, so it should not hold much.
const TAKEN_AT_ONCE: usize = 16_384;

/// What became of a pushed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// The client reads too slowly: this many media messages were dropped, the oldest first; the pushed one is among them
    /// if nothing else was left to drop.
    DroppedOldest(usize),
    /// The connection has gone, or its client does not even read answers.
    Closed,
}

/// The queue from a shard to the writer of one connection.
#[derive(Debug)]
pub struct Outbox {
    limit: usize,
    queue: Mutex<Queue>,
    changed: Notify,
    proven: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Queue {
    media: VecDeque<Waiting>,
    control: VecDeque<Waiting>,
    /// What all waiting messages cost.
    cost: usize,
    /// The number of the next message; the order on the wire.
    next: u64,
    state: State,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// No more comes, but what waits is still written.
    Finished,
    Closed,
}

impl Outbox {
    /// An empty queue for messages of `limit` bytes together, each counted with 64 bytes of overhead.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, queue: Mutex::default(), changed: Notify::new(), proven: watch::Sender::new(false) }
    }

    /// Puts a message at the end. Never waits.
    pub fn push(&self, bytes: &[u8]) -> Pushed {
        let mut queue = self.lock();
        if queue.state != State::Open {
            return Pushed::Closed;
        }
        let cost = bytes.len().saturating_add(OVERHEAD);
        let mut dropped = 0;
        while queue.cost.saturating_add(cost) > self.limit {
            let Some(oldest) = queue.media.pop_front() else { break };
            queue.cost = queue.cost.saturating_sub(oldest.bytes.len() + OVERHEAD);
            dropped += 1;
        }
        if queue.cost.saturating_add(cost) > self.limit {
            if is_media(bytes) {
                return Pushed::DroppedOldest(dropped + 1);
            }
            drop(queue);
            self.close();
            return Pushed::Closed;
        }
        let waiting = Waiting { number: queue.next, bytes: bytes.to_vec() };
        queue.next += 1;
        queue.cost += cost;
        if is_media(bytes) {
            queue.media.push_back(waiting)
        } else {
            queue.control.push_back(waiting)
        }
        drop(queue);
        self.changed.notify_one();
        if dropped > 0 { Pushed::DroppedOldest(dropped) } else { Pushed::Queued }
    }

    /// For the writer, of which there is one: waits for messages and takes as many whole ones as make up 16 KiB, one at
    /// least. `None`: nothing more will come, the connection is to be closed.
    pub async fn take(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut queue = self.lock();
                if let Some(bytes) = queue.take() {
                    return Some(bytes);
                }
                if queue.state != State::Open {
                    return None;
                }
            }
            // A push between the look and this line leaves its permit behind, so that it is not missed.
            self.changed.notified().await;
        }
    }

    /// The connection has gone: what waits is dropped, and nothing more is taken in.
    pub fn close(&self) {
        *self.lock() = Queue { state: State::Closed, ..Queue::default() };
        self.changed.notify_one();
    }

    /// Nothing more will be pushed; what waits is still written. The shard says so when it stops.
    pub fn finish(&self) {
        let mut queue = self.lock();
        if queue.state == State::Open {
            queue.state = State::Finished;
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// Whether the connection is closed from this end: the client did not read, or somebody called [`Outbox::close`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().state == State::Closed
    }

    /// Whether the client holds an allocation, which only a proven client can.
    #[must_use]
    pub fn proven(&self) -> bool {
        *self.proven.borrow()
    }

    /// Says whether the client holds an allocation. The shard does.
    pub fn set_proven(&self, proven: bool) {
        self.proven.send_if_modified(|now| mem::replace(now, proven) != proven);
    }

    /// To wait for the change: `watch().wait_for(|proven| *proven)`.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.proven.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self) -> Option<Vec<u8>> {
        let mut taken = self.pop()?;
        while let Some(next) = self.peek()
            && taken.len() + next.bytes.len() <= TAKEN_AT_ONCE
            && let Some(more) = self.pop()
        {
            taken.extend_from_slice(&more);
        }
        Some(taken)
    }

    fn media_is_next(&self) -> bool {
        match (self.media.front(), self.control.front()) {
            (Some(media), Some(control)) => media.number < control.number,
            (media, _) => media.is_some(),
        }
    }

    fn peek(&self) -> Option<&Waiting> {
        if self.media_is_next() { self.media.front() } else { self.control.front() }
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let waiting = if self.media_is_next() { self.media.pop_front() } else { self.control.pop_front() }?;
        self.cost = self.cost.saturating_sub(waiting.bytes.len() + OVERHEAD);
        Some(waiting.bytes)
    }
}

/// ChannelData and Data indications carry media, which loses its worth while it waits; all else answers a request.
fn is_media(bytes: &[u8]) -> bool {
    match *bytes {
        [first, second, ..] if first < 64 => {
            u16::from_be_bytes([first, second]) == Class::Indication.message_type(Method::Data)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(mark: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![mark; length];
        bytes[0] = 0x40;
        bytes
    }

    fn answer(mark: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![mark; length];
        bytes[..2].copy_from_slice(&Class::Success.message_type(Method::Refresh).to_be_bytes());
        bytes
    }

    fn all(outbox: &Outbox) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(more) = outbox.lock().take() {
            bytes.extend(more);
        }
        bytes
    }

    #[test]
    fn messages_leave_in_the_order_they_came() {
        let outbox = Outbox::new(10_000);
        for bytes in [media(1, 8), answer(2, 20), media(3, 8)] {
            assert_eq!(outbox.push(&bytes), Pushed::Queued);
        }
        assert_eq!(all(&outbox), [media(1, 8), answer(2, 20), media(3, 8)].concat());
    }

    #[test]
    fn the_oldest_media_makes_room_and_answers_stay() {
        let outbox = Outbox::new(3 * (100 + OVERHEAD));
        assert_eq!(outbox.push(&media(1, 100)), Pushed::Queued);
        assert_eq!(outbox.push(&answer(2, 100)), Pushed::Queued);
        assert_eq!(outbox.push(&media(3, 100)), Pushed::Queued);
        assert_eq!(outbox.push(&media(4, 100)), Pushed::DroppedOldest(1));
        assert_eq!(outbox.push(&answer(5, 100)), Pushed::DroppedOldest(1));
        assert_eq!(all(&outbox), [answer(2, 100), media(4, 100), answer(5, 100)].concat());
    }

    #[test]
    fn a_data_indication_is_media() {
        let mut bytes = vec![0; 36];
        bytes[..2].copy_from_slice(&Class::Indication.message_type(Method::Data).to_be_bytes());
        let outbox = Outbox::new(100);
        assert_eq!(outbox.push(&bytes), Pushed::Queued);
        assert_eq!(outbox.push(&answer(1, 20)), Pushed::DroppedOldest(1));
    }

    #[test]
    fn media_that_finds_no_room_is_dropped_itself() {
        let outbox = Outbox::new(100 + OVERHEAD);
        assert_eq!(outbox.push(&answer(1, 100)), Pushed::Queued);
        assert_eq!(outbox.push(&media(2, 100)), Pushed::DroppedOldest(1));
        assert_eq!(all(&outbox), answer(1, 100));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answers_is_closed() {
        let outbox = Outbox::new(100 + OVERHEAD);
        assert_eq!(outbox.push(&answer(1, 100)), Pushed::Queued);
        assert_eq!(outbox.push(&answer(2, 100)), Pushed::Closed);
        assert_eq!(outbox.push(&answer(3, 8)), Pushed::Closed);
        assert!(outbox.is_closed());
        assert_eq!(outbox.take().await, None);
    }

    #[tokio::test]
    async fn what_waits_is_still_written_when_the_shard_stops() {
        let outbox = Outbox::new(1000);
        assert_eq!(outbox.push(&answer(1, 100)), Pushed::Queued);
        outbox.finish();
        assert_eq!(outbox.push(&answer(2, 100)), Pushed::Closed);
        assert_eq!(outbox.take().await, Some(answer(1, 100)));
        assert_eq!(outbox.take().await, None);
    }

    #[tokio::test]
    async fn the_writer_gets_whole_messages_up_to_16_kib() {
        let outbox = Outbox::new(1_000_000);
        for mark in 0..20 {
            outbox.push(&media(mark, 1000));
        }
        assert_eq!(outbox.take().await.map(|bytes| bytes.len()), Some(16_000));
        assert_eq!(outbox.take().await.map(|bytes| bytes.len()), Some(4000));
        outbox.push(&media(1, 40_000));
        assert_eq!(outbox.take().await.map(|bytes| bytes.len()), Some(40_000));
    }

    #[tokio::test]
    async fn a_waiting_writer_hears_of_a_message() {
        let outbox = std::sync::Arc::new(Outbox::new(1000));
        let writer = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.take().await }
        });
        tokio::task::yield_now().await;
        outbox.push(&answer(1, 20));
        assert_eq!(writer.await.unwrap(), Some(answer(1, 20)));
    }

    #[tokio::test]
    async fn the_proof_can_be_waited_for() {
        let outbox = std::sync::Arc::new(Outbox::new(1000));
        let mut watch = outbox.watch();
        assert!(!outbox.proven());
        let waiter = tokio::spawn(async move { watch.wait_for(|proven| *proven).await.map(|proven| *proven) });
        outbox.set_proven(true);
        assert!(waiter.await.unwrap().unwrap());
        outbox.set_proven(false);
        assert!(!outbox.proven());
    }
}
