//! Media on channels one way or both, as fast as a relay takes it; everything that arrives is looked at.

use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::ops::{AddAssign, Range};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use hilum::wire::{CHANNEL_HEADER, write_channel_header};
use nix::sys::socket::sockopt::UdpGroSegment;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg, setsockopt};

use super::client::{CHANNEL, Call, End};
use super::contest::Load;
use super::servers::Server;

/// Packets that one socket sends before the next one's turn: as a frame of video comes.
const BURST: usize = 8;

/// Who sends: clients, what is beyond the relay, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    Both,
}

/// How packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a packet.
    pub size: usize,
    /// Packets of one sender before the next one's turn.
    pub burst: usize,
    /// The burst is one message to the system (`UDP_SEGMENT`), as browsers send a frame of video, and as a network card
    /// that gathers (GRO) hands it on. Otherwise each packet is a message.
    pub whole: bool,
}

/// Voice: everybody sends one packet at a time.
pub const AUDIO: Shape = Shape { size: 172, burst: 1, whole: false };
/// Video: everybody sends a burst at a time.
pub const VIDEO: Shape = Shape { size: 1200, burst: BURST, whole: true };

/// Packets that are on their way at once, at most: as many as the smallest buffer of a socket has room for.
const ON_THE_WAY: usize = 64;
/// Different payloads of the media; more than any look at it takes together.
const PAYLOADS: u16 = 1024;
/// How long a packet is waited for: longer than a relay is kept from its core, so that late and lost are not the same.
const PATIENCE: Duration = Duration::from_millis(20);
/// Of an RTP packet (RFC 3550 §5.1).
const SEQUENCE: Range<usize> = 2..4;
const SOURCE: Range<usize> = 8..12;

/// What was done, and the CPU time that the server used for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// What arrived as it was sent.
    pub done: u64,
    pub sent: u64,
    /// What arrived changed, out of its order, twice, or with somebody for whom it was not.
    pub wrong: u64,
    pub cpu: Duration,
}

impl Rate {
    /// How many for each second of CPU; NaN or infinite when the server used none.
    pub fn per_second(self) -> f64 {
        self.done as f64 / self.cpu.as_secs_f64()
    }
}

impl AddAssign for Rate {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.sent += other.sent;
        self.wrong += other.wrong;
        self.cpu += other.cpu;
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lost = self.sent.saturating_sub(self.done + self.wrong);
        write!(formatter, "{} in {:?} of CPU", self.done, self.cpu)?;
        if lost > 0 { write!(formatter, ", {lost} lost") } else { Ok(()) }?;
        if self.wrong > 0 { write!(formatter, ", {} WRONG", self.wrong) } else { Ok(()) }
    }
}

/// What one end of a call sends to the other.
#[derive(Clone, Copy)]
struct Flow {
    /// Its packets say whose they are.
    source: [u8; 4],
    /// The number of the next packet.
    next: u16,
    /// The number of the last one that arrived.
    arrived: u16,
    /// How many are on their way.
    owed: usize,
}

/// Media of calls, which goes on from one turn to the next.
pub struct Media {
    calls: Vec<Call>,
    direction: Direction,
    shape: Shape,
    /// With a channel's header each. SRTP in form: the payloads differ, as those of calls do.
    messages: Vec<Vec<u8>>,
    /// Of each call, what its first end sends and what its second does.
    flows: Vec<[Flow; 2]>,
    message: Vec<u8>,
    room: Room,
}

impl Media {
    pub fn new(calls: Vec<Call>, direction: Direction, shape: Shape) -> Self {
        for end in calls.iter().flat_map(|call| &call.ends) {
            setsockopt(&end.socket, UdpGroSegment, &true).expect("a system whose sockets take segmented messages");
        }
        let header = write_channel_header(CHANNEL, u16::try_from(shape.size).unwrap());
        let rehearsal = calls[0].rehearsal;
        let message = |number| [&header[..], &rehearsal.sealed(u32::from(number), shape.size)].concat();
        let flow = |number: usize| Flow { source: (number as u32).to_be_bytes(), next: 1, arrived: 0, owed: 0 };
        let flows = (0..calls.len()).map(|call| [flow(2 * call + 1), flow(2 * call + 2)]).collect();
        let messages = (0..PAYLOADS).map(message).collect();
        Self { calls, direction, shape, messages, flows, message: Vec::new(), room: Room::new() }
    }

    /// The same calls, the other way.
    pub fn turn(&mut self, direction: Direction) {
        self.direction = direction;
    }

    /// The ends that send now.
    fn senders(&self) -> Range<usize> {
        match self.direction {
            Direction::Up => 0..1,
            Direction::Down => 1..2,
            Direction::Both => 0..2,
        }
    }

    /// A burst of each sender of these calls.
    fn send(&mut self, calls: Range<usize>) -> u64 {
        let mut sent = 0;
        for call in calls {
            for side in self.senders() {
                let end = &self.calls[call].ends[side];
                let flow = &mut self.flows[call][side];
                self.message.clear();
                for _ in 0..self.shape.burst {
                    compose(&mut self.message, &self.messages, flow, end.framed);
                }
                let length = self.message.len() / self.shape.burst;
                let taken = if self.shape.whole {
                    whole(&end.socket, &self.message, length).map_or(0, |()| self.shape.burst)
                } else {
                    self.message.chunks(length).filter(|packet| end.socket.send(packet).is_ok()).count()
                };
                flow.owed += taken;
                sent += taken as u64;
            }
        }
        sent
    }

    /// Receives until everything is there, or nothing has come for 20 ms.
    fn collect(&mut self, calls: Range<usize>, rate: &mut Rate) {
        let mut last = Instant::now();
        loop {
            let (mut open, mut came) = (false, false);
            for call in calls.clone() {
                for side in self.senders() {
                    let end = &self.calls[call].ends[1 - side];
                    let flow = &mut self.flows[call][side];
                    while flow.owed > 0 {
                        let Some(arrived) = self.room.receive(&end.socket) else { break };
                        came = true;
                        for packet in arrived {
                            let right = is_right(packet, &self.messages, flow, end);
                            *(if right { &mut rate.done } else { &mut rate.wrong }) += 1;
                            // Those before it do not come any more, in order; one that is late says nothing of the others.
                            flow.owed = usize::from(flow.next.wrapping_sub(flow.arrived).wrapping_sub(1));
                        }
                    }
                    open |= flow.owed > 0;
                }
            }
            if came {
                last = Instant::now();
            } else if !open || last.elapsed() >= PATIENCE {
                break;
            } else {
                std::thread::yield_now();
            }
        }
        // What has not come is lost.
        self.flows[calls].iter_mut().flatten().for_each(|flow| flow.owed = 0);
    }
}

impl Load for Media {
    /// As fast as it arrives, for `time`: the next packets go out when those before have come through, or have been waited
    /// for long enough.
    fn run(&mut self, server: &Server, time: Duration) -> Rate {
        let (began, cpu) = (Instant::now(), server.cpu());
        let mut rate = Rate::default();
        let each = self.shape.burst * self.senders().len();
        let together = (ON_THE_WAY / each).clamp(1, self.calls.len());
        // Few senders send several times before they wait.
        let times = (ON_THE_WAY / 2 / (each * together)).max(1);
        let mut first = 0;
        while began.elapsed() < time {
            let calls = first..(first + together).min(self.calls.len());
            (0..times).for_each(|_| rate.sent += self.send(calls.clone()));
            self.collect(calls.clone(), &mut rate);
            first = if calls.end == self.calls.len() { 0 } else { calls.end };
        }
        rate.cpu = server.cpu() - cpu;
        rate
    }
}

/// Adds the next packet of a flow to a burst.
fn compose(burst: &mut Vec<u8>, messages: &[Vec<u8>], flow: &mut Flow, framed: bool) {
    let message = &messages[usize::from(flow.next % PAYLOADS)];
    if framed {
        burst.extend_from_slice(&message[..CHANNEL_HEADER]);
    }
    let begins = burst.len();
    burst.extend_from_slice(&message[CHANNEL_HEADER..]);
    let packet = &mut burst[begins..];
    packet[SEQUENCE].copy_from_slice(&flow.next.to_be_bytes());
    packet[SOURCE].copy_from_slice(&flow.source);
    flow.next = flow.next.wrapping_add(1);
}

/// Whether a packet is, byte for byte, one of this flow that was sent, and later than the last one that came.
fn is_right(message: &[u8], messages: &[Vec<u8>], flow: &mut Flow, end: &End) -> bool {
    let headed = if end.framed { message.split_at_checked(CHANNEL_HEADER) } else { Some((&[][..], message)) };
    let Some((header, packet)) = headed.filter(|(_, packet)| packet.len() >= SOURCE.end) else { return false };
    let number = u16::from_be_bytes([packet[SEQUENCE.start], packet[SEQUENCE.start + 1]]);
    let (head, sent) = messages[usize::from(number % PAYLOADS)].split_at(CHANNEL_HEADER);
    let later = number.wrapping_sub(flow.arrived);
    let known = number.wrapping_sub(flow.next) > u16::MAX / 2;
    let same = packet[..SEQUENCE.start] == sent[..SEQUENCE.start]
        && packet[SEQUENCE.end..SOURCE.start] == sent[SEQUENCE.end..SOURCE.start]
        && packet[SOURCE] == flow.source
        && packet[SOURCE.end..] == sent[SOURCE.end..];
    if !same || !known || later == 0 || later > u16::MAX / 2 || !(header.is_empty() || header == head) {
        return false;
    }
    flow.arrived = number;
    true
}

/// Sends a burst of packets of `length` bytes as one message.
fn whole(socket: &UdpSocket, burst: &[u8], length: usize) -> nix::Result<()> {
    let segment = u16::try_from(length).unwrap();
    let control = [ControlMessage::UdpGsoSegments(&segment)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(burst)], &control, MsgFlags::MSG_DONTWAIT, None).map(|_| ())
}

/// Room for a message that may be several packets.
pub struct Room {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

impl Room {
    pub fn new() -> Self {
        Self { bytes: vec![0; 1 << 16], control: nix::cmsg_space!(i32) }
    }

    /// The packets of a message that waits.
    pub fn receive(&mut self, socket: &UdpSocket) -> Option<std::slice::Chunks<'_, u8>> {
        let control = &mut self.control;
        control.resize(control.capacity(), 0);
        let mut parts = [IoSliceMut::new(&mut self.bytes)];
        let received = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::MSG_DONTWAIT).ok()?;
        let length = received.bytes;
        let segment = received.cmsgs().ok()?.find_map(|message| match message {
            ControlMessageOwned::UdpGroSegments(length) => usize::try_from(length).ok(),
            _ => None,
        });
        Some(self.bytes[..length].chunks(segment.unwrap_or(length).max(1)))
    }
}
