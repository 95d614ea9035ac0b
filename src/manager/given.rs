//! A socket that the service manager handed over: what it is, as the kernel says.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use socket2::{SockRef, Type};

use super::names;

/// What can be done with a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Datagrams are received at this address.
    Datagram(SocketAddr),
    /// Connections are accepted at this address; at a wildcard of IPv6 perhaps those of IPv4, too.
    Stream {
        /// Which one.
        address: SocketAddr,
        /// Whether it stands for both families.
        both: bool,
    },
    /// Connections of this host are accepted at this file.
    File(PathBuf),
}

#[derive(Debug)]
pub(super) struct Given {
    pub(super) socket: OwnedFd,
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Kind {
    /// Whether connections to this address are accepted here.
    pub(super) fn accepts(&self, wanted: SocketAddr) -> bool {
        match *self {
            Self::Stream { address, both } => {
                let family = both || address.is_ipv4() == wanted.is_ipv4();
                address == wanted || (address.ip().is_unspecified() && address.port() == wanted.port() && family)
            }
            Self::Datagram(_) | Self::File(_) => false,
        }
    }

    /// Whether a socket of the other kind, at an address of its own, would be in the way of this one.
    pub(super) fn overlaps(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (&Self::Datagram(address), &Self::Datagram(wanted)) => meet((address, false), (wanted, false)),
            (&Self::Stream { address, both }, &Self::Stream { address: wanted, both: wants }) => {
                meet((address, both), (wanted, wants))
            }
            (Self::Datagram(_) | Self::Stream { .. } | Self::File(_), _) => false,
        }
    }
}

/// Whether two addresses, each perhaps of both families, are one as far as binding goes.
fn meet((one, one_is_both): (SocketAddr, bool), (other, other_is_both): (SocketAddr, bool)) -> bool {
    let families = one.is_ipv4() == other.is_ipv4() || one_is_both || other_is_both;
    let addresses = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && families && addresses
}

impl Given {
    /// Whether a process of ours has put it into the store; else a socket unit has opened it.
    pub(super) fn is_kept(&self) -> bool {
        names::is_kept(&self.name)
    }
}

/// What a descriptor is; `None` if nobody can listen on it.
pub(super) fn look(socket: OwnedFd, name: String) -> Option<Given> {
    let looked = SockRef::from(&socket);
    let (kind, address) = (looked.r#type().ok()?, looked.local_addr().ok()?);
    let kind = match address.as_socket() {
        Some(address) if kind == Type::DGRAM => Kind::Datagram(address),
        Some(address) if kind == Type::STREAM && looked.is_listener().ok()? => {
            let both = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !looked.only_v6().ok()?;
            Kind::Stream { address, both }
        }
        None if kind == Type::STREAM && looked.is_listener().ok()? => Kind::File(address.as_pathname()?.to_owned()),
        Some(_) | None => return None,
    };
    looked.set_nonblocking(true).ok()?;
    Some(Given { socket, name, kind })
}

/// A socket unit opens another number of UDP sockets than there are shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MisfitGroup {
    /// Of which address.
    pub address: SocketAddr,
    /// How many it opens.
    pub sockets: usize,
    /// How many are needed.
    pub shards: usize,
}

impl fmt::Display for MisfitGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, sockets, shards } = self;
        write!(
            formatter,
            "the socket unit opens udp {address} {sockets} times, and server.shards is {shards}: have it say \
             ListenDatagram={address} {shards} times with ReusePort=yes, or not at all, since Hilum opens what is missing"
        )
    }
}

impl core::error::Error for MisfitGroup {}
