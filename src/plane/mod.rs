//! The data plane: one thread per shard, each with its own sockets and its own [`Relay`].
//!
//! [`start`] binds every socket of every shard before the first thread runs: the system spreads clients over the sockets of
//! an address, and a client keeps its shard only while their number does not change. Behind a NAT the translation lives
//! here: the core only ever sees the addresses that the world sees.

mod carrier;
mod connection;
mod departures;
mod exchange;
mod keeping;
mod net;
mod outbox;
mod ports;
mod rings;
mod shard;
pub mod sim;
mod sockets;
mod start;
mod stream;
mod succession;
mod sys;
mod telling;
mod trains;
mod tuning;
mod udp;
mod wake;

use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

#[cfg(doc)]
use crate::turn::Relay;

pub use carrier::{CARRIER_ROOM, Carrier};
pub use connection::Opening;
pub use net::Net;
pub use outbox::Patience;
pub use shard::{Fact, Mail, Shard, ShardHandle, Undelivered};
pub(crate) use start::advice;
pub use start::{Left, NotStopped, Plane, StartError, resume, seed, start};
pub use stream::{Inbound, ShardGone, StreamGate};
pub use succession::{Resumed, Succession};
pub use sys::{Forgetful, inherited};
pub use tuning::Tuning;
pub use udp::UdpNet;
pub use wake::Waker;

/// What the operator may set about sockets and threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where clients are listened to, each a concrete address: an answer leaves from the address that was asked. Port 0
    /// lets the system choose. The order gives [`crate::addr::Link::Udp`] its numbers.
    pub udp: Vec<SocketAddr>,
    /// Where relayed ports are opened, at most one of each family.
    pub relay: Vec<RelayAddress>,
    /// The numbers of relayed ports.
    pub ports: RangeInclusive<u16>,
    /// Threads that relay, 1 at least.
    pub shards: usize,
    /// How they run.
    pub tuning: Tuning,
}

/// An address that relayed ports are opened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// As this host has it.
    pub local: IpAddr,
    /// As the world sees it; the same without a NAT.
    pub external: IpAddr,
}
