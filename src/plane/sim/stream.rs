//! A byte stream between a client and a relay without a network. It carries what its client takes, and no more.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::plane::Carrier;
use crate::wire::frame_length;

/// A client's end of a stream.
#[derive(Clone, Debug)]
pub struct SimStream(Arc<Mutex<Pipe>>);

/// The relay's end.
#[derive(Debug)]
pub struct SimCarrier {
    pipe: SimStream,
    unsent: VecDeque<u8>,
}

#[derive(Debug)]
struct Pipe {
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    window: usize,
    hung_up: bool,
    closed: bool,
}

impl SimStream {
    /// Both ends of a stream whose client takes everything.
    #[must_use]
    pub fn new() -> (Self, SimCarrier) {
        let pipe =
            Pipe { up: VecDeque::new(), down: VecDeque::new(), window: usize::MAX, hung_up: false, closed: false };
        let stream = Self(Arc::new(Mutex::new(pipe)));
        (stream.clone(), SimCarrier { pipe: stream, unsent: VecDeque::new() })
    }

    /// The client says something: messages, or parts of them.
    pub fn say(&self, bytes: &[u8]) {
        self.lock().up.extend(bytes);
    }

    /// The next whole message that has come to the client; `None` if there is none, or the stream is not one of messages.
    #[must_use]
    pub fn hear(&self) -> Option<Vec<u8>> {
        let mut pipe = self.lock();
        let length = frame_length(pipe.down.make_contiguous()).ok()??.length;
        (length <= pipe.down.len()).then(|| pipe.down.drain(..length).collect())
    }

    /// The client takes no more than so many bytes that it has not heard.
    pub fn take_at_most(&self, bytes: usize) {
        self.lock().window = bytes;
    }

    /// The client ends the stream.
    pub fn hang_up(&self) {
        self.lock().hung_up = true;
    }

    /// Whether the relay has ended the stream.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Pipe> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipe {
    fn free(&self) -> usize {
        self.window.saturating_sub(self.down.len())
    }
}

impl Carrier for SimCarrier {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn is_ready(&self) -> bool {
        let pipe = self.pipe.lock();
        !pipe.up.is_empty() || pipe.hung_up || (!self.unsent.is_empty() && pipe.free() > 0)
    }

    fn receive(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.pipe.lock();
        if pipe.up.is_empty() {
            return if pipe.hung_up { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let length = pipe.up.len().min(room.len());
        pipe.up.drain(..length).zip(room).for_each(|(byte, place)| *place = byte);
        Ok(length)
    }

    fn put(&mut self, message: &[u8]) -> io::Result<()> {
        self.unsent.extend(message);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<bool> {
        let mut pipe = self.pipe.lock();
        let length = pipe.free().min(self.unsent.len());
        pipe.down.extend(self.unsent.drain(..length));
        Ok(self.unsent.is_empty())
    }

    fn unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn farewell(&mut self) {}
}

impl Drop for SimCarrier {
    fn drop(&mut self) {
        self.pipe.lock().closed = true;
    }
}
