//! The seam to the world of datagrams. The shard loop runs over every driver, the simulated one included.

use std::os::fd::OwnedFd;

use crate::addr::ConnectionId;
use crate::time::{Moment, Now};
use crate::turn::{Event, Opened, Pool, Port, PortKey, Slot, Tally};

/// A world of datagrams, as one shard sees it.
///
/// One turn of the loop is: [`wait`](Net::wait), [`recv`](Net::recv), a verdict on every slot, [`own`](Net::own) for every
/// port that found an owner, [`flush`](Net::flush). The same buffers that came in go out.
pub trait Net {
    /// Sleeps until a datagram, mail or `until`; says what time it is. Returns after a second at the latest.
    fn wait(&mut self, until: Option<Moment>) -> Now;

    /// Lends the shard a slice of filled slots: a batch, which may be empty.
    fn recv(&mut self) -> &mut [Slot];

    /// Carries out the verdicts written on those slots, in place. What the world refuses is counted as discarded.
    fn flush(&mut self, tally: &mut Tally);

    /// Opens a random free port, or pair of ports; it is bound when this returns, but nothing is received on it before
    /// [`own`](Net::own). `None`: none to be had now.
    fn open(&mut self, pool: Pool) -> Option<Opened>;

    /// An allocation of this shard owns the port from now on: its datagrams are received here. Another shard of the same
    /// process may have opened it (RFC 8656 §18.9: RESERVATION-TOKEN).
    fn own(&mut self, port: PortKey);

    /// Closes a port; its number is not used again for 60 s.
    fn close(&mut self, port: Port);

    /// A stream connection that has closed since the last call; its allocation ends.
    fn take_disconnected(&mut self) -> Option<ConnectionId>;

    /// The sockets of the relayed ports that allocations of this shard own, for the next process; this one is done.
    fn hand_over(&mut self) -> Vec<OwnedFd> {
        Vec::new()
    }

    /// A fact the driver may act on: a stream connection has proven itself or lost its allocation.
    fn observe(&mut self, fact: &Event);
}
