//! From the bytes of a packet to what UDP or TCP carries in it.

use core::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice, ether_type};

use super::Packet;

/// LINKTYPE values (<https://www.tcpdump.org/linktypes.html>).
mod link {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    /// What some systems wrote for raw IP before it had a number.
    pub(super) const RAW_DLT: [u16; 2] = [12, 14];
    pub(super) const RAW: u16 = 101;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

/// Where a datagram or segment comes from and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carried<'a> {
    Udp {
        pair: Pair,
        payload: &'a [u8],
        /// There was more of it than was captured.
        cut: bool,
    },
    Tcp {
        pair: Pair,
        segment: Segment<'a>,
    },
    /// A part of a datagram: only the first one has ports.
    Fragment {
        from: IpAddr,
        to: IpAddr,
    },
    /// IP without UDP or TCP, or no IP.
    Other,
    /// Headers that cannot be read.
    Broken,
    /// Cut within its headers.
    Headless,
    /// A link type that is not known here.
    Link,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) sequence: u32,
    pub(super) syn: bool,
    /// FIN or RST.
    pub(super) end: bool,
    pub(super) payload: &'a [u8],
    /// There was more of it than was captured.
    pub(super) cut: bool,
}

/// Reads the headers of a packet.
pub(super) fn carried<'a>(packet: &Packet<'a>) -> Carried<'a> {
    let bytes = packet.bytes;
    let sliced = match packet.link {
        link::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        link::RAW | link::IPV4 | link::IPV6 => LaxSlicedPacket::from_ip(bytes).ok(),
        raw if link::RAW_DLT.contains(&raw) => LaxSlicedPacket::from_ip(bytes).ok(),
        // Four bytes tell the family, in somebody's byte order; so does IP itself.
        link::NULL | link::LOOP => bytes.get(4..).and_then(|rest| LaxSlicedPacket::from_ip(rest).ok()),
        link::LINUX_SLL => ethernet_after(bytes, 14, 16),
        link::LINUX_SLL2 => ethernet_after(bytes, 0, 20),
        _ => return Carried::Link,
    };
    let Some(sliced) = sliced else { return if packet.cut { Carried::Headless } else { Carried::Broken } };
    let (from, to, incomplete) = match &sliced.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let (from, to) = (ip.header().source_addr(), ip.header().destination_addr());
            (IpAddr::V4(from), IpAddr::V4(to), ip.payload().incomplete)
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let (from, to) = (ip.header().source_addr(), ip.header().destination_addr());
            (IpAddr::V6(from), IpAddr::V6(to), ip.payload().incomplete)
        }
        Some(LaxNetSlice::Arp(_)) => return Carried::Other,
        None if sliced.stop_err.is_none() => return Carried::Other,
        None => return if packet.cut { Carried::Headless } else { Carried::Broken },
    };
    if sliced.ip_payload().is_some_and(|payload| payload.fragmented) {
        return Carried::Fragment { from, to };
    }
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => {
            let short = usize::from(udp.length()) > udp.slice().len();
            Carried::Udp {
                pair: pair((from, udp.source_port()), (to, udp.destination_port())),
                payload: udp.payload(),
                cut: incomplete || short,
            }
        }
        Some(TransportSlice::Tcp(tcp)) => Carried::Tcp {
            pair: pair((from, tcp.source_port()), (to, tcp.destination_port())),
            segment: Segment {
                sequence: tcp.sequence_number(),
                syn: tcp.syn(),
                end: tcp.fin() || tcp.rst(),
                payload: tcp.payload(),
                cut: incomplete,
            },
        },
        Some(TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_)) => Carried::Other,
        None if sliced.stop_err.is_none() => Carried::Other,
        None => {
            if packet.cut {
                Carried::Headless
            } else {
                Carried::Broken
            }
        }
    }
}

/// The cooked headers of Linux: an EtherType somewhere in them, and what it speaks of behind them.
fn ethernet_after(bytes: &[u8], kind: usize, header: usize) -> Option<LaxSlicedPacket<'_>> {
    let kind = *bytes.get(kind..)?.first_chunk::<2>()?;
    let rest = bytes.get(header..)?;
    let kind = EtherType(u16::from_be_bytes(kind));
    let ip = [ether_type::IPV4, ether_type::IPV6].contains(&kind);
    // A VLAN's tag may stand there, too.
    let sliced = LaxSlicedPacket::from_ether_type(kind, rest);
    (!ip || sliced.net.is_some()).then_some(sliced)
}

fn pair(from: (IpAddr, u16), to: (IpAddr, u16)) -> Pair {
    Pair { from: SocketAddr::from(from), to: SocketAddr::from(to) }
}
