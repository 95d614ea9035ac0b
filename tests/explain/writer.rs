//! Captures as capture programs write them, byte by byte.

use std::net::{IpAddr, SocketAddr};

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Ethernet,
    Vlan,
    Raw,
    Null,
    Sll,
    Sll2,
}

impl Link {
    pub const ALL: [Self; 6] = [Self::Ethernet, Self::Vlan, Self::Raw, Self::Null, Self::Sll, Self::Sll2];

    pub const fn code(self) -> u16 {
        match self {
            Self::Ethernet | Self::Vlan => 1,
            Self::Raw => 101,
            Self::Null => 0,
            Self::Sll => 113,
            Self::Sll2 => 276,
        }
    }

    /// An IP packet behind this kind of header.
    pub fn wrap(self, ip: &[u8]) -> Vec<u8> {
        let kind: [u8; 2] = if ip[0] >> 4 == 4 { [0x08, 0x00] } else { [0x86, 0xDD] };
        let head = match self {
            Self::Ethernet => [&[2; 12], kind.as_slice()].concat(),
            // Two tags, as between switches.
            Self::Vlan => [[2; 12].as_slice(), &[0x88, 0xA8, 0, 7, 0x81, 0x00, 0, 42], kind.as_slice()].concat(),
            Self::Raw => Vec::new(),
            Self::Null => vec![if ip[0] >> 4 == 4 { 2 } else { 10 }, 0, 0, 0],
            Self::Sll => [&[0, 4, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0], kind.as_slice()].concat(),
            Self::Sll2 => [kind.as_slice(), &[0; 18]].concat(),
        };
        [head, ip.to_vec()].concat()
    }
}

/// An IP header and what follows it.
fn ip(protocol: u8, from: IpAddr, to: IpAddr, body: &[u8], fragment: u16) -> Vec<u8> {
    let length = |header: usize| u16::try_from(body.len() + header).unwrap().to_be_bytes();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let [high, low] = fragment.to_be_bytes();
            let head = [0x45, 0, length(20)[0], length(20)[1], 0, 1, high, low, 64, protocol, 0, 0];
            [&head, from.octets().as_slice(), &to.octets(), body].concat()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let head = [0x60, 0, 0, 0, length(0)[0], length(0)[1], protocol, 64];
            [&head, from.octets().as_slice(), &to.octets(), body].concat()
        }
        _ => panic!("one family at a time"),
    }
}

pub fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(17, from.ip(), to.ip(), &udp_datagram(from, to, payload), 0)
}

fn udp_datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    let head = [from.port(), to.port(), length, 0].map(u16::to_be_bytes).concat();
    [head, payload.to_vec()].concat()
}

/// The same in two fragments.
pub fn udp_in_fragments(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> [Vec<u8>; 2] {
    let whole = udp_datagram(from, to, payload);
    let (one, other) = whole.split_at(whole.len() / 16 * 8);
    let offset = u16::try_from(one.len() / 8).unwrap();
    [(one, 0x2000), (other, offset)].map(|(part, field)| ip(17, from.ip(), to.ip(), part, field))
}

pub const SYN: u8 = 0x02;
pub const ACK: u8 = 0x10;

pub fn tcp(from: SocketAddr, to: SocketAddr, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let ports = [from.port(), to.port()].map(u16::to_be_bytes).concat();
    let head = [ports, sequence.to_be_bytes().to_vec(), vec![0; 4], vec![0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0]].concat();
    ip(6, from.ip(), to.ip(), &[head, payload.to_vec()].concat(), 0)
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub link: Link,
    pub big: bool,
    pub nano: bool,
    pub ng: bool,
    /// Bytes of each packet that are captured.
    pub snap: usize,
}

impl Format {
    pub const PLAIN: Self = Self { link: Link::Ethernet, big: false, nano: false, ng: false, snap: 65_535 };

    fn u16(self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32(self, number: usize) -> [u8; 4] {
        let number = u32::try_from(number).unwrap();
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// A file with IP packets, one every 10 ms.
    pub fn file(self, packets: &[Vec<u8>]) -> Vec<u8> {
        let mut file = if self.ng { self.section() } else { self.header() };
        for (index, ip) in packets.iter().enumerate() {
            let whole = self.link.wrap(ip);
            let captured = &whole[..whole.len().min(self.snap)];
            file.extend(if self.ng {
                self.block(index, captured, whole.len())
            } else {
                self.record(index, captured, whole.len())
            });
        }
        file
    }

    fn header(self) -> Vec<u8> {
        let magic = self.u32(if self.nano { 0xA1B2_3C4D } else { 0xA1B2_C3D4 });
        let version = [self.u16(2), self.u16(4)].concat();
        [magic.to_vec(), version, vec![0; 8], self.u32(self.snap).to_vec(), self.u32(self.link.code().into()).to_vec()]
            .concat()
    }

    fn record(self, index: usize, captured: &[u8], whole: usize) -> Vec<u8> {
        let fraction = index % 100 * if self.nano { 10_000_000 } else { 10_000 };
        let head = [1_795_000_000 + index / 100, fraction, captured.len(), whole].map(|number| self.u32(number));
        [head.concat(), captured.to_vec()].concat()
    }

    fn section(self) -> Vec<u8> {
        let ends = |kind, body: Vec<u8>| {
            let length = self.u32(body.len() + 12);
            [self.u32(kind).to_vec(), length.to_vec(), body, length.to_vec()].concat()
        };
        let version =
            [self.u32(0x1A2B_3C4D).to_vec(), self.u16(1).to_vec(), self.u16(0).to_vec(), vec![0xFF; 8]].concat();
        // if_tsresol: microseconds, or nanoseconds; then the end of options.
        let resolution = [self.u16(9).to_vec(), self.u16(1).to_vec(), vec![if self.nano { 9 } else { 6 }, 0, 0, 0]];
        let interface = [self.u16(self.link.code()).to_vec(), vec![0, 0], self.u32(self.snap).to_vec()];
        let interface = [interface.concat(), resolution.concat(), vec![0; 4]].concat();
        [ends(0x0A0D_0D0A, version), ends(1, interface)].concat()
    }

    fn block(self, index: usize, captured: &[u8], whole: usize) -> Vec<u8> {
        let unit: u64 = if self.nano { 1_000_000_000 } else { 1_000_000 };
        let time = (1_795_000_000 + u64::try_from(index).unwrap() / 100) * unit
            + u64::try_from(index).unwrap() % 100 * unit / 100;
        let (high, low) = (usize::try_from(time >> 32).unwrap(), usize::try_from(time & 0xFFFF_FFFF).unwrap());
        let head = [0, high, low, captured.len(), whole].map(|number| self.u32(number)).concat();
        let padding = vec![0; captured.len().next_multiple_of(4) - captured.len()];
        let body = [head, captured.to_vec(), padding].concat();
        let length = self.u32(body.len() + 12);
        [self.u32(6).to_vec(), length.to_vec(), body, length.to_vec()].concat()
    }
}
