//! Ports that are already open. The world opens them; the core owns them and gives them back.

use core::net::SocketAddr;

use crate::addr::{Family, RelayedAddr};

/// The world's name for an open port: small, dense numbers (a file descriptor, an index), so that tables can be flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortKey(pub u32);

/// An open relayed port, owned: it can be moved, not copied, and whoever holds it last must give it back to be closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Port {
    key: PortKey,
    relayed: RelayedAddr,
}

impl Port {
    /// Made by drivers only, for a port that is open.
    #[must_use]
    pub const fn new(key: PortKey, relayed: RelayedAddr) -> Self {
        Self { key, relayed }
    }

    /// The world's name for it.
    #[must_use]
    pub const fn key(&self) -> PortKey {
        self.key
    }

    /// Its relayed transport address, as the world sees it.
    #[must_use]
    pub const fn relayed(&self) -> RelayedAddr {
        self.relayed
    }
}

/// A relayed transport address without a socket: a number on an address of ours. What is sent to it stays inside the
/// relay, and only allocations of the same relay can send to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VirtualPort(RelayedAddr);

impl VirtualPort {
    /// For a number that has been taken.
    pub(super) const fn new(address: SocketAddr) -> Self {
        Self(RelayedAddr::new(address))
    }

    /// Its relayed transport address.
    pub(super) const fn relayed(&self) -> RelayedAddr {
        self.0
    }
}

/// A relayed transport address that somebody holds, of either kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// A socket is open for it.
    Open(Port),
    /// There is none.
    Virtual(VirtualPort),
}

impl Held {
    /// The address, as the world or the other clients of this relay see it.
    pub(super) const fn relayed(&self) -> RelayedAddr {
        match self {
            Self::Open(port) => port.relayed(),
            Self::Virtual(port) => port.relayed(),
        }
    }

    /// The socket, if there is one.
    pub(super) const fn key(&self) -> Option<PortKey> {
        match self {
            Self::Open(port) => Some(port.key()),
            Self::Virtual(_) => None,
        }
    }
}

/// What kind of ports a supply holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// Single ports of a family.
    Single(Family),
    /// Pairs of a family: an even port and the next higher one (RFC 8656 §18.7: EVEN-PORT with R = 1).
    Pair(Family),
}

impl Pool {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Single(Family::V4), Self::Single(Family::V6), Self::Pair(Family::V4), Self::Pair(Family::V6)];
}

/// What a driver hands over from a pool.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// One port.
    Single(Port),
    /// An even port and the next higher one.
    Pair(Port, Port),
}
