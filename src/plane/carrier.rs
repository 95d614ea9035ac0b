//! What carries the messages of a stream client: a socket, with or without TLS over it. `listen` makes them, a shard works
//! them.

use core::fmt;
use std::io;
use std::os::fd::BorrowedFd;

/// The room that [`Carrier::receive`] finds at least: what one TLS record may hold (RFC 8446 §5.1) and was not whole
/// before, and one read of 16 KiB, twice.
pub const CARRIER_ROOM: usize = 65_536;

/// A byte stream to a client, as its shard works it. Nothing here waits.
pub trait Carrier: fmt::Debug + Send {
    /// The socket that says when there is something to do; `None` in the simulated world, where [`is_ready`] is asked.
    ///
    /// [`is_ready`]: Carrier::is_ready
    fn socket(&self) -> Option<BorrowedFd<'_>>;

    /// Whether there may be something to receive, or room for what is unsent. Only asked without a socket to watch.
    fn is_ready(&self) -> bool {
        false
    }

    /// Takes in what has come: one read of the network, decrypted into `room`, which has [`CARRIER_ROOM`] bytes at least.
    /// Returns how many bytes that is; `Ok(0)` says that the client has ended the stream.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: nothing now. Anything else: the stream is broken.
    fn receive(&mut self, room: &mut [u8]) -> io::Result<usize>;

    /// Takes one whole message to be sent, a record of its own where there are records: coturn's client, for one, takes one
    /// message out of each record and loses the rest. From here on it cannot be dropped any more.
    ///
    /// # Errors
    /// The stream is broken.
    fn put(&mut self, message: &[u8]) -> io::Result<()>;

    /// Writes what was put, all of it in as few system calls as it takes. `false`: the network takes no more now.
    ///
    /// # Errors
    /// The stream is broken.
    fn flush(&mut self) -> io::Result<bool>;

    /// Whether something was put that has not been written; an answer of TLS itself counts too.
    fn unsent(&self) -> bool;

    /// Says goodbye as far as the network takes it at once. The stream is closed when this is dropped.
    fn farewell(&mut self);
}
