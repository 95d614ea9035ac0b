//! The limit: a process that forwards between addresses that it was told, with the system calls that Hilum makes, and does
//! nothing else. It looks at four bytes of a packet, knows no users, no lifetimes and no rules, and answers Binding
//! requests with as little. One thread.
//!
//! It works in one of two ways, each the faster one for its load: batches of datagrams (`recvmmsg`, `sendmmsg`) for packets
//! that come one by one, and messages of several segments (`UDP_GRO`, `UDP_SEGMENT`) for bursts. A relay has to do well in
//! both at once.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;

use ahash::RandomState;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::sockopt::UdpGroSegment;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, recvmsg, sendmmsg, sendmsg,
    sendto, setsockopt,
};

use super::client::CHANNEL;

/// Datagrams of one system call at most; ready sockets of one turn.
const BATCH: usize = 64;
const READY: usize = 32;
/// Datagrams of one socket beyond the listener in a turn.
const FROM_ONE: usize = 16;
/// Bytes of a datagram at most.
const LONGEST: usize = 2048;
/// Bytes of the header of ChannelData (RFC 8656 §12.4).
const HEADER: usize = 4;
const LISTENER: u64 = u64::MAX;

/// Where the other one of a pair is.
#[derive(Clone, Copy)]
pub enum Place {
    /// Another client: its packets go on as they are.
    Inside = b'i' as isize,
    /// Beyond a relay socket, and without the header of a channel.
    Outside = b'o' as isize,
}

/// What a client tells the forwarder: who the other one is.
pub fn request(place: Place, other: SocketAddr) -> Vec<u8> {
    format!("{}{other}", char::from(place as u8)).into_bytes()
}

/// What it is answered: where that one sends to.
pub fn answered(answer: &[u8]) -> SocketAddr {
    std::str::from_utf8(answer).unwrap().parse().unwrap()
}

/// Tells the forwarder who the other one is; returns where that one sends to.
pub fn pair(client: &UdpSocket, place: Place, other: SocketAddr) -> SocketAddr {
    client.send(&request(place, other)).unwrap();
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).expect("the bare forwarder answers");
    answered(&buffer[..length])
}

/// Forwards until it is killed. `trains`: in messages of several segments.
pub fn serve(address: &str, trains: bool) {
    let mut bare = Bare::new(address, trains);
    let mut ready = [EpollEvent::empty(); READY];
    loop {
        let count = bare.epoll.wait(&mut ready, EpollTimeout::NONE).unwrap_or(0);
        for event in &ready[..count] {
            match (event.data(), trains) {
                (LISTENER, false) => bare.listen(),
                (LISTENER, true) => bare.listen_for_trains(),
                (relay, false) => bare.hear(relay as usize),
                (relay, true) => bare.hear_trains(relay as usize),
            }
        }
        bare.flush();
    }
}

#[derive(Clone, Copy)]
enum Way {
    Inside(SockaddrIn),
    Outside(usize),
}

struct Relay {
    socket: UdpSocket,
    client: SockaddrIn,
    peer: SockaddrIn,
}

struct Bare {
    epoll: Epoll,
    listener: UdpSocket,
    trains: bool,
    ways: HashMap<SocketAddrV4, Way, RandomState>,
    relays: Vec<Relay>,
    headers: MultiHeaders<SockaddrIn>,
    sending: MultiHeaders<SockaddrIn>,
    /// Datagrams of a turn: those that leave through the listener wait in the first `filled` ones.
    buffers: Vec<[u8; LONGEST]>,
    filled: usize,
    lengths: Vec<usize>,
    to: Vec<Option<SockaddrIn>>,
    train: Vec<u8>,
    control: Vec<u8>,
}

impl Bare {
    fn new(address: &str, trains: bool) -> Self {
        let listener = UdpSocket::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        roomy(&listener);
        let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER)).unwrap();
        if trains {
            setsockopt(&listener, UdpGroSegment, &true).unwrap();
        }
        Self {
            epoll,
            listener,
            trains,
            ways: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            relays: Vec::new(),
            headers: MultiHeaders::preallocate(BATCH, None),
            sending: MultiHeaders::preallocate(BATCH, None),
            buffers: vec![[0; LONGEST]; BATCH],
            filled: 0,
            lengths: Vec::with_capacity(BATCH),
            to: Vec::with_capacity(BATCH),
            train: vec![0; 1 << 16],
            control: nix::cmsg_space!(i32),
        }
    }

    /// A batch of the clients.
    fn listen(&mut self) {
        self.flush();
        let mut from = [None; BATCH];
        let mut lengths = [0; BATCH];
        let count = take(&self.listener, &mut self.headers, &mut self.buffers, 0, &mut lengths, Some(&mut from));
        // What goes on through the listener moves together, so that it leaves in one call.
        for at in 0..count {
            let Some(from) = from[at] else { continue };
            let key = SocketAddrV4::from(from);
            let length = lengths[at];
            if self.buffers[at][0] & 0xc0 != 0x40 || self.buffers[at][0] >= b'`' {
                if let Some(length) = answer(&mut self.buffers[at], length, from) {
                    self.keep(at, length, from);
                } else {
                    let told = self.buffers[at][..length].to_vec();
                    self.tell(&told, from);
                }
                continue;
            }
            let whole = HEADER + usize::from(u16::from_be_bytes([self.buffers[at][2], self.buffers[at][3]]));
            match self.ways.get(&key) {
                _ if whole > length => {}
                Some(&Way::Inside(other)) => self.keep(at, whole, other),
                Some(&Way::Outside(relay)) => {
                    let Relay { socket, peer, .. } = &self.relays[relay];
                    let payload = &self.buffers[at][HEADER..whole];
                    sendto(socket.as_raw_fd(), payload, peer, MsgFlags::MSG_DONTWAIT).ok();
                }
                None => {}
            }
        }
    }

    /// What a relay socket has for its client.
    fn hear(&mut self, relay: usize) {
        if self.filled + FROM_ONE > BATCH {
            self.flush();
        }
        let Relay { socket, client, .. } = &self.relays[relay];
        let mut lengths = [0; BATCH];
        let free = &mut self.buffers[self.filled..self.filled + FROM_ONE];
        let count = take(socket, &mut self.headers, free, HEADER, &mut lengths, None);
        for (buffer, &length) in free.iter_mut().zip(&lengths[..count]) {
            buffer[..HEADER].copy_from_slice(&header(length));
            self.lengths.push(HEADER + length);
            self.to.push(Some(*client));
        }
        self.filled += count;
    }

    /// Puts a datagram among those that leave through the listener.
    fn keep(&mut self, at: usize, length: usize, to: SockaddrIn) {
        self.buffers.swap(self.filled, at);
        self.lengths.push(length);
        self.to.push(Some(to));
        self.filled += 1;
    }

    /// Sends what waits for the listener.
    fn flush(&mut self) {
        if let ([length], [Some(to)]) = (&self.lengths[..], &self.to[..]) {
            sendto(self.listener.as_raw_fd(), &self.buffers[0][..*length], to, MsgFlags::MSG_DONTWAIT).ok();
        } else if self.filled > 1 {
            let parts: Vec<[IoSlice<'_>; 1]> = self
                .buffers
                .iter()
                .zip(&self.lengths)
                .map(|(buffer, &length)| [IoSlice::new(&buffer[..length])])
                .collect();
            let fd = self.listener.as_raw_fd();
            sendmmsg(fd, &mut self.sending, &parts, &self.to, [], MsgFlags::MSG_DONTWAIT).ok();
        }
        self.filled = 0;
        self.lengths.clear();
        self.to.clear();
    }

    /// A message with the segments of one client, and the next ones.
    fn listen_for_trains(&mut self) {
        for _ in 0..READY {
            let Some((length, segment, from)) = whole(&self.listener, &mut self.train, &mut self.control) else {
                return;
            };
            let train = &mut self.train[..length];
            match self.ways.get(&SocketAddrV4::from(from)) {
                Some(Way::Inside(other)) if train[0] & 0xc0 == 0x40 => {
                    depart(&self.listener, &[IoSlice::new(train)], segment, other);
                }
                Some(&Way::Outside(relay)) if train[0] & 0xc0 == 0x40 => {
                    let Relay { socket, peer, .. } = &self.relays[relay];
                    let parts: Vec<IoSlice<'_>> =
                        train.chunks(segment).map(|packet| IoSlice::new(packet.get(HEADER..).unwrap_or(&[]))).collect();
                    depart(socket, &parts, segment - HEADER, peer);
                }
                _ => {
                    let told = train.to_vec();
                    if let Some(length) = answer(&mut self.train, length, from) {
                        let answer = &self.train[..length];
                        sendto(self.listener.as_raw_fd(), answer, &from, MsgFlags::MSG_DONTWAIT).ok();
                    } else {
                        self.tell(&told, from);
                    }
                }
            }
        }
    }

    /// A message with the segments of what is beyond a relay socket.
    fn hear_trains(&mut self, relay: usize) {
        let Relay { socket, client, .. } = &self.relays[relay];
        let Some((length, segment, _)) = whole(socket, &mut self.train, &mut self.control) else { return };
        let (head, last) = (header(segment), header((length - 1) % segment + 1));
        let mut parts = Vec::with_capacity(2 * length.div_ceil(segment));
        let mut packets = self.train[..length].chunks(segment).peekable();
        while let Some(packet) = packets.next() {
            parts.extend([IoSlice::new(if packets.peek().is_some() { &head } else { &last }), IoSlice::new(packet)]);
        }
        depart(&self.listener, &parts, segment + HEADER, client);
    }

    /// A pair is told.
    fn tell(&mut self, told: &[u8], client: SockaddrIn) {
        let Some((&place, other)) = told.split_first() else { return };
        let Some(SocketAddr::V4(other)) = std::str::from_utf8(other).ok().and_then(|other| other.parse().ok()) else {
            return;
        };
        let mut answer = other.into();
        let way = if place == Place::Inside as u8 {
            Way::Inside(other.into())
        } else {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            roomy(&socket);
            if self.trains {
                setsockopt(&socket, UdpGroSegment, &true).unwrap();
            }
            answer = socket.local_addr().unwrap();
            self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, self.relays.len() as u64)).unwrap();
            self.relays.push(Relay { socket, client, peer: other.into() });
            Way::Outside(self.relays.len() - 1)
        };
        self.ways.insert(client.into(), way);
        self.listener.send_to(answer.to_string().as_bytes(), SocketAddr::V4(client.into())).unwrap();
    }
}

/// Receives a batch; returns how many, with the length of each and, if wanted, the sender.
fn take(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    buffers: &mut [[u8; LONGEST]],
    skip: usize,
    lengths: &mut [usize; BATCH],
    from: Option<&mut [Option<SockaddrIn>; BATCH]>,
) -> usize {
    let mut parts: Vec<[IoSliceMut<'_>; 1]> =
        buffers.iter_mut().map(|buffer| [IoSliceMut::new(&mut buffer[skip..])]).collect();
    let received = recvmmsg(socket.as_raw_fd(), headers, parts.iter_mut(), MsgFlags::MSG_DONTWAIT, None);
    let Ok(received) = received else { return 0 };
    let mut count = 0;
    let mut nobody = [None; BATCH];
    let from = from.unwrap_or(&mut nobody);
    for ((message, length), from) in received.zip(lengths).zip(from) {
        (*length, *from) = (message.bytes, message.address);
        count += 1;
    }
    count
}

/// A message that waits: its length, that of its segments, and the sender.
fn whole(socket: &UdpSocket, room: &mut [u8], control: &mut Vec<u8>) -> Option<(usize, usize, SockaddrIn)> {
    control.resize(control.capacity(), 0);
    let mut parts = [IoSliceMut::new(room)];
    let received = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::MSG_DONTWAIT).ok()?;
    let segment = received.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::UdpGroSegments(length) => usize::try_from(length).ok(),
        _ => None,
    });
    let length = received.bytes;
    (length > 0).then_some((length, segment.unwrap_or(length), received.address?))
}

/// Sends a message that the system takes apart into segments, if it is longer than one.
fn depart(socket: &UdpSocket, parts: &[IoSlice<'_>], segment: usize, to: &SockaddrIn) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let size = segment as u16;
    let control = [ControlMessage::UdpGsoSegments(&size)];
    let control = if length > segment { &control[..] } else { &[] };
    sendmsg(socket.as_raw_fd(), parts, control, MsgFlags::MSG_DONTWAIT, Some(to)).ok();
}

/// Of the one channel that clients have.
fn header(length: usize) -> [u8; HEADER] {
    let ([a, b], [c, d]) = (CHANNEL.number().to_be_bytes(), (length as u16).to_be_bytes());
    [a, b, c, d]
}

/// Writes the answer over a Binding request: where it came from (RFC 8489 §14.2), and nothing else.
fn answer(message: &mut [u8], length: usize, from: SockaddrIn) -> Option<usize> {
    const LENGTH: usize = 32;
    if length < 20 || message[..2] != [0, 1] {
        return None;
    }
    let mut answered = [0; LENGTH];
    answered[..4].copy_from_slice(&[1, 1, 0, 12]);
    answered[4..20].copy_from_slice(&message[4..20]);
    answered[20..26].copy_from_slice(&[0, 0x20, 0, 8, 0, 1]);
    answered[26..28].copy_from_slice(&(from.port() ^ 0x2112).to_be_bytes());
    answered[28..].copy_from_slice(&(u32::from(from.ip()) ^ 0x2112_a442).to_be_bytes());
    // A message is in a buffer that has room for more.
    message.get_mut(..LENGTH)?.copy_from_slice(&answered);
    Some(LENGTH)
}

/// As much room as a relay's sockets have.
fn roomy(socket: &UdpSocket) {
    socket2::SockRef::from(socket).set_recv_buffer_size(1 << 20).unwrap();
}
