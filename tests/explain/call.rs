//! What a client of a TURN server sends and gets: an allocation, a channel, a handshake and media.

use std::net::SocketAddr;

use hilum::wire::{AttributeType, ChannelNumber, Class, MessageWriter, Method, TransactionId, write_channel_header};

use crate::bytes::dtls::{Hello, fragment, random, record, unified};
use crate::bytes::media::{Rtp, payload, rtcp, rtp, srtcp};
use crate::bytes::{ciphertext, stun};
use crate::writer::{ACK, SYN, tcp, udp};

pub const SERVER: &str = "198.51.100.1:3478";
pub const CLIENT: &str = "192.0.2.10:50000";
pub const RELAYED: &str = "198.51.100.1:55555";
pub const PEER: &str = "203.0.113.7:40000";

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What goes over the client's leg; `true` is from the client.
pub type Leg = Vec<(bool, Vec<u8>)>;

/// How a client reaches its peer.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub name: &'static str,
    pub relayed: SocketAddr,
    pub peer: SocketAddr,
    pub channel: ChannelNumber,
    /// Send and Data indications instead of ChannelData.
    pub indications: bool,
    /// ChannelData is padded (RFC 8656 §12.5).
    pub stream: bool,
}

impl Default for Client {
    fn default() -> Self {
        let channel = ChannelNumber::new(0x4001).unwrap();
        let (relayed, peer) = (address(RELAYED), address(PEER));
        Self { name: "visit", relayed, peer, channel, indications: false, stream: false }
    }
}

fn turn(class: Class, method: Method, id: u8, write: impl FnOnce(&mut MessageWriter<'_>, TransactionId)) -> Vec<u8> {
    let transaction = TransactionId([id; 12]);
    let mut buffer = vec![0; 4096];
    let mut writer = MessageWriter::new(&mut buffer, class, method, transaction);
    write(&mut writer, transaction);
    let length = writer.finish().unwrap();
    buffer.truncate(length);
    buffer
}

impl Client {
    /// The first answer is always 401; then the allocation.
    pub fn allocate(&self) -> Leg {
        let id = u8::try_from(self.name.len()).unwrap();
        vec![
            (true, turn(Class::Request, Method::Allocate, id, |_, _| ())),
            (false, turn(Class::Error, Method::Allocate, id, |_, _| ())),
            (
                true,
                turn(Class::Request, Method::Allocate, id + 100, |writer, _| {
                    writer.attribute(AttributeType::USERNAME, self.name.as_bytes());
                }),
            ),
            (
                false,
                turn(Class::Success, Method::Allocate, id + 100, |writer, id| {
                    writer.xor_address(AttributeType::XOR_RELAYED_ADDRESS, self.relayed, id);
                    writer.number(AttributeType::LIFETIME, 600);
                }),
            ),
        ]
    }

    pub fn bind(&self) -> Leg {
        let [high, low] = self.channel.number().to_be_bytes();
        let request = turn(Class::Request, Method::ChannelBind, 9, |writer, id| {
            writer.attribute(AttributeType::CHANNEL_NUMBER, &[high, low, 0, 0]);
            writer.xor_address(AttributeType::XOR_PEER_ADDRESS, self.peer, id);
            writer.attribute(AttributeType::USERNAME, self.name.as_bytes());
        });
        vec![(true, request), (false, turn(Class::Success, Method::ChannelBind, 9, |_, _| ()))]
    }

    pub fn delete(&self) -> Leg {
        let refresh =
            |class| turn(class, Method::Refresh, 77, |writer, _| _ = writer.number(AttributeType::LIFETIME, 0));
        vec![(true, refresh(Class::Request)), (false, refresh(Class::Success))]
    }

    /// A datagram between client and peer, as it is on the leg.
    pub fn relay(&self, up: bool, datagram: &[u8]) -> (bool, Vec<u8>) {
        if self.indications {
            let method = if up { Method::Send } else { Method::Data };
            let indication = turn(Class::Indication, method, 5, |writer, id| {
                writer.xor_address(AttributeType::XOR_PEER_ADDRESS, self.peer, id);
                writer.attribute(AttributeType::DATA, datagram);
            });
            return (up, indication);
        }
        let header = write_channel_header(self.channel, u16::try_from(datagram.len()).unwrap());
        let padding = if self.stream { datagram.len().next_multiple_of(4) - datagram.len() } else { 0 };
        (up, [&header, datagram, &vec![0; padding]].concat())
    }

    pub fn relay_all(&self, datagrams: &[(bool, Vec<u8>)]) -> Leg {
        datagrams.iter().map(|(up, datagram)| self.relay(*up, datagram)).collect()
    }

    /// Allocation, channel, and these datagrams.
    pub fn leg(&self, datagrams: &[(bool, Vec<u8>)]) -> Leg {
        [self.allocate(), self.bind(), self.relay_all(datagrams)].concat()
    }
}

fn message(kind: u8, number: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, number, body.len(), 0, body)
}

fn hello(new: bool) -> Hello {
    Hello {
        random: random(1),
        legacy: 0xFEFD,
        versions: new.then(|| vec![0xFEFC, 0xFEFD]),
        suites: vec![0x1301, 0xC02B],
        srtp: Some(vec![0x0008, 0x0007, 0x0001]),
        mki: Vec::new(),
        cookie: Vec::new(),
        connection_id: None,
        compression: vec![0],
        key_share: if new { 1200 } else { 0 },
    }
}

/// A check and its answer.
pub fn check() -> Vec<(bool, Vec<u8>)> {
    let check = |class| stun::Stun {
        class,
        method: Method::Binding,
        transaction: TransactionId([3; 12]),
        username: (class == Class::Request).then(|| b"abcd:efgh".to_vec()),
        integrity: true,
        fingerprint: true,
        dtls: None,
        acknowledged: None,
    };
    vec![(true, check(Class::Request).bytes()), (false, check(Class::Success).bytes())]
}

/// A handshake of DTLS 1.2: the client is the DTLS client, and its hello comes in two datagrams, the second part first.
pub fn handshake_12() -> Vec<(bool, Vec<u8>)> {
    let body = hello(false).client();
    let part = |from: usize, to: usize| fragment(1, 0, body.len(), from, &body[from..to]);
    let server = Hello { suites: vec![0xC02B], srtp: Some(vec![0x0007]), random: random(2), ..hello(false) };
    let clear = |sequence, body: &[u8]| record(22, 0xFEFD, 0, sequence, body);
    let finish = |sequence, seed| {
        [record(20, 0xFEFD, 0, sequence, &[1]), record(22, 0xFEFD, 1, 0, &ciphertext(seed, 40))].concat()
    };
    vec![
        (true, clear(1, &part(40, body.len()))),
        (true, clear(0, &part(0, 40))),
        (false, [clear(0, &message(2, 0, &server.server())), clear(1, &message(14, 1, &[]))].concat()),
        (true, [clear(2, &message(16, 1, &ciphertext(3, 66))), finish(3, 4)].concat()),
        (false, finish(2, 5)),
    ]
}

/// A handshake of DTLS 1.3.
pub fn handshake_13() -> Vec<(bool, Vec<u8>)> {
    let server = Hello { versions: Some(vec![0xFEFC]), srtp: None, random: random(2), key_share: 32, ..hello(true) };
    let client = record(22, 0xFEFF, 0, 0, &message(1, 0, &hello(true).client()));
    let flight = [record(22, 0xFEFD, 0, 0, &message(2, 0, &server.server())), unified(2, 0, &[], &ciphertext(6, 700))];
    vec![
        (true, client),
        (false, flight.concat()),
        (true, unified(2, 0, &[], &ciphertext(7, 61))),
        (false, unified(3, 0, &[], &ciphertext(8, 40))),
    ]
}

/// `count` packets of this codec each way, and an encrypted report.
pub fn media(codec: &str, count: u16) -> Vec<(bool, Vec<u8>)> {
    let mut datagrams = Vec::new();
    for sequence in 0..count {
        for up in [true, false] {
            let (kind, payload) = payload(codec, u64::from(sequence) + u64::from(up) * 1000).unwrap();
            let ssrc = if up { 0x1111 } else { 0x2222 };
            let header = Rtp { kind, sequence, ssrc, extension: None, sources: 0, version: 2 };
            datagrams.push((up, rtp(header, &payload)));
        }
    }
    datagrams
}

/// An encrypted report.
pub fn report() -> Vec<(bool, Vec<u8>)> {
    vec![(true, srtcp(&rtcp("sender-report", 0x1111).unwrap(), 0x0007, true, 3))]
}

/// A good call.
pub fn good() -> Vec<(bool, Vec<u8>)> {
    [check(), handshake_12(), media("ciphertext", 20), report()].concat()
}

/// The leg over UDP.
pub fn over_udp(leg: &Leg, client: SocketAddr, server: SocketAddr) -> Vec<Vec<u8>> {
    let pack =
        |(up, bytes): &(bool, Vec<u8>)| if *up { udp(client, server, bytes) } else { udp(server, client, bytes) };
    leg.iter().map(pack).collect()
}

/// The leg over TCP: a segment for each message, and the first and second half of every third apart.
pub fn over_tcp(leg: &Leg, client: SocketAddr, server: SocketAddr) -> Vec<Vec<u8>> {
    // The client's numbers wrap soon.
    let (mut ours, mut theirs) = (u32::MAX - 300, 7000);
    let mut packets = vec![tcp(client, server, ours, SYN, &[]), tcp(server, client, theirs, SYN | ACK, &[])];
    (ours, theirs) = (ours + 1, theirs + 1);
    for (index, (up, bytes)) in leg.iter().enumerate() {
        let middle = if index % 3 == 0 { bytes.len() / 2 } else { 0 };
        for part in [&bytes[..middle], &bytes[middle..]] {
            if part.is_empty() {
                continue;
            }
            let (from, to, next) = if *up { (client, server, &mut ours) } else { (server, client, &mut theirs) };
            packets.push(tcp(from, to, *next, ACK, part));
            *next = next.wrapping_add(u32::try_from(part.len()).unwrap());
        }
    }
    packets
}
