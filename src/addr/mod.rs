//! Addresses by the role they play. A client, a peer and a relayed address are three types, so that answering a peer as
//! if it were a client does not compile; and none of them prints itself ([`crate::redact`]).

mod canonical;
mod packed;

pub use canonical::canonical_ip;
pub(crate) use packed::PackedIp;

use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// IPv4 or IPv6 (RFC 8656 §18.6: REQUESTED-ADDRESS-FAMILY).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4, code 0x01.
    V4,
    /// IPv6, code 0x02.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// How a client reaches the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A plain TCP stream.
    Tcp,
    /// A TLS stream over TCP.
    Tls,
}

impl Transport {
    /// All of them, in the order of their metric labels.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// Whether messages ride in a byte stream, where ChannelData is padded to four bytes (RFC 8656 §12.5).
    #[must_use]
    pub const fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// Where a client's packets come from, as the relay sees it (the server-reflexive transport address).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddr(SocketAddr);

impl ClientAddr {
    /// Wraps the source address of a client's datagram or connection. An IPv4-mapped address, as a dual-stack socket
    /// reports it, becomes the IPv4 address that it is.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// The socket address, for the wire and the system.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        self.0
    }
}

/// The transport address of a peer, in its one canonical spelling: an IPv6 address that embeds an IPv4 address
/// (mapped, compatible, NAT64, 6to4, Teredo) is that IPv4 address. There is no other way to make one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddr(SocketAddr);

impl PeerAddr {
    /// Reduces an address from the wire to its canonical spelling.
    #[inline]
    #[must_use]
    pub fn canonical(address: SocketAddr) -> Self {
        Self(SocketAddr::new(canonical_ip(address.ip()), address.port()))
    }

    /// The socket address, for the wire and the system.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        self.0
    }

    /// The IP address, which is what a permission is for (RFC 8656 §9).
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0.ip()
    }

    /// The port.
    #[must_use]
    pub const fn port(self) -> u16 {
        self.0.port()
    }

    /// The family.
    #[must_use]
    pub const fn family(self) -> Family {
        Family::of(self.0.ip())
    }
}

/// A relayed transport address as the world sees it (RFC 8656 §2): behind a NAT, the external one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayedAddr(SocketAddr);

impl RelayedAddr {
    /// Wraps an address of ours.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The socket address, for the wire and the system.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        self.0
    }

    /// The port.
    #[must_use]
    pub const fn port(self) -> u16 {
        self.0.port()
    }

    /// The family.
    #[must_use]
    pub const fn family(self) -> Family {
        Family::of(self.0.ip())
    }
}

/// A TCP or TLS connection, numbered once in the life of the process and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The server's end of a five-tuple: a UDP socket of ours, or one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// The UDP listening socket with this index in the configuration's order.
    Udp(u16),
    /// The same socket, through a load balancer that says whose the datagrams are which it brings. Such a client is not
    /// the one that sends from the same address itself.
    Proxied(u16),
    /// One connection.
    Stream(ConnectionId, Transport),
}

impl Link {
    /// The transport of this link.
    #[must_use]
    pub const fn transport(self) -> Transport {
        match self {
            Self::Udp(_) | Self::Proxied(_) => Transport::Udp,
            Self::Stream(_, transport) => transport,
        }
    }
}

/// What identifies a client to the server (RFC 8656 §2): its address and port, ours, and the transport.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiveTuple {
    /// The client's end.
    pub client: ClientAddr,
    /// Our end, which also tells the transport.
    pub link: Link,
}

// Law 5: the only bare `Debug` of an address is a word.
macro_rules! silent {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}
silent!(ClientAddr, PeerAddr, RelayedAddr, FiveTuple);
