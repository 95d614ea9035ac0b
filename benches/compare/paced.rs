//! Voice of many calls at a rate that is given, whatever becomes of the packets: how late they are, and what they cost.
//!
//! Every call sends a packet each period, at a time of its own in it, drawn by chance and the same for all relays. So
//! packets of the whole come as irregularly as those of people do, and a slow relay makes nobody wait with the next one.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hilum::client::{Rehearsal, Side};
use hilum::wire::{CHANNEL_HEADER, write_channel_header};
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;

use super::client::{self, CHANNEL};
use super::issuer;
use super::load::Rate;
use super::servers::Server;

/// Calls that talk at once.
pub const CALLS: usize = 64;
/// Bytes of a packet: G.711 in frames of 20 ms.
const SIZE: usize = 172;
/// Different payloads; a prime, so that every call comes to all of them.
const PAYLOADS: usize = 1021;
/// A packet that could not be sent in time is left out: what the load was kept from would come in a burst.
const LATE: f64 = 200e-6;
/// How long packets are waited for.
const PATIENCE: Duration = Duration::from_millis(20);
/// Of an RTP packet (RFC 3550 §5.1): the sequence number, then the timestamp, which says which of all packets it is.
const SEQUENCE: Range<usize> = 2..4;
const NUMBER: Range<usize> = 4..8;

/// Calls from clients to one socket outside, through a relay or without one.
pub struct Voice {
    clients: Vec<UdpSocket>,
    peer: UdpSocket,
    /// Whether clients put the header of a channel before their packets.
    framed: bool,
    messages: Vec<Vec<u8>>,
    /// When in a period each call sends, as a part of it; ascending.
    phases: Vec<f64>,
    sequences: Vec<u16>,
    number: u32,
    /// When each packet of this run was sent, in nanoseconds of the wall clock, and the number of the first.
    sent: (u32, Vec<u64>),
    buffer: Vec<u8>,
    control: Vec<u8>,
}

/// What became of the packets.
#[derive(Default)]
pub struct Heard {
    /// Those that arrived.
    pub rate: Rate,
    /// Those that the load could not send in time.
    pub left_out: u64,
    /// How long each took that arrived, in nanoseconds; ascending. From just before the system was asked to send it until
    /// the system put it into the peer's queue, by the system's own clock, so that it does not count when the load looks.
    delays: Vec<u32>,
}

impl Heard {
    /// In microseconds; infinite when the packet at that place was lost.
    pub fn quantile(&self, part: f64) -> f64 {
        let place = (part * self.rate.sent as f64).ceil().max(1.0) as usize - 1;
        self.delays.get(place).map_or(f64::INFINITY, |delay| f64::from(*delay) / 1000.0)
    }
}

impl Voice {
    /// Through a relay. The clients have a channel to the peer each, and their handshakes are done.
    pub fn relayed(server: &Server) -> Self {
        let (peer, address) = peer();
        let rehearsal = Rehearsal::new(hilum::client::random().unwrap());
        let call = |number| {
            let (socket, relayed) = client::outward(server, &issuer::user(number), address);
            shake_hands(&rehearsal, &socket, &peer, relayed);
            socket
        };
        let clients = (0..CALLS).map(call).collect();
        Self::new(clients, peer, true, &rehearsal)
    }

    /// From socket to socket.
    pub fn direct() -> Self {
        let (peer, address) = peer();
        let call = |_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.connect(address).unwrap();
            socket
        };
        let rehearsal = Rehearsal::new(hilum::client::random().unwrap());
        Self::new((0..CALLS).map(call).collect(), peer, false, &rehearsal)
    }

    fn new(clients: Vec<UdpSocket>, peer: UdpSocket, framed: bool, rehearsal: &Rehearsal) -> Self {
        peer.set_nonblocking(true).unwrap();
        socket2::SockRef::from(&peer).set_recv_buffer_size(4 << 20).unwrap();
        clients.iter().for_each(|client| client.set_nonblocking(true).unwrap());
        let header = write_channel_header(CHANNEL, u16::try_from(SIZE).unwrap());
        let message = |number| [&header[..], &rehearsal.sealed(number, SIZE)].concat();
        // As evenly spread as noise, and the same in every run.
        let noise = Rehearsal::new([9; 24]).sealed(0, 12 + 4 * CALLS);
        let part = |bytes: &[u8]| f64::from(u32::from_be_bytes(bytes.try_into().unwrap())) / 2_f64.powi(32);
        let mut phases: Vec<f64> = noise[12..].chunks_exact(4).map(part).collect();
        phases.sort_by(f64::total_cmp);
        Self {
            sequences: vec![0; clients.len()],
            clients,
            peer,
            framed,
            messages: (0..PAYLOADS as u32).map(message).collect(),
            phases,
            number: 0,
            sent: (0, Vec::new()),
            buffer: vec![0; 2048],
            control: nix::cmsg_space!(TimeSpec),
        }
    }

    /// From now on it is known how long packets take. That costs whoever sends them some nanoseconds each.
    pub fn stamped(self) -> Self {
        setsockopt(&self.peer, ReceiveTimestampns, &true).unwrap();
        self
    }

    /// Packets at `rate` a second for `time`.
    pub fn run(&mut self, rate: f64, time: Duration) -> Heard {
        assert!(rate.is_finite() && rate > 0.0, "{rate} is no pace");
        let mut heard = self.begin();
        let calls = self.clients.len();
        let period = calls as f64 / rate;
        let began = Instant::now();
        let mut turn = 0;
        loop {
            let due = period * ((turn / calls) as f64 + self.phases[turn % calls]);
            if due >= time.as_secs_f64() {
                break;
            }
            self.hear(&mut heard);
            let late = began.elapsed().as_secs_f64() - due;
            if late > LATE {
                heard.left_out += 1;
                turn += 1;
            } else if late >= 0.0 {
                self.say(turn % calls, &mut heard);
                turn += 1;
            }
        }
        self.end(heard)
    }

    /// As fast as they arrive: one of each call at once, and the next when these have come.
    pub fn flood(&mut self, time: Duration) -> Heard {
        let mut heard = self.begin();
        let began = Instant::now();
        while began.elapsed() < time {
            let before = (heard.rate.sent, heard.rate.done);
            (0..self.clients.len()).for_each(|call| self.say(call, &mut heard));
            let expected = before.1 + heard.rate.sent - before.0;
            self.wait(&mut heard, expected);
        }
        self.end(heard)
    }

    fn begin(&mut self) -> Heard {
        self.sent = (self.number, Vec::new());
        Heard::default()
    }

    /// Until so many have arrived, or none for long enough.
    fn wait(&mut self, heard: &mut Heard, expected: u64) {
        let mut last = Instant::now();
        while heard.rate.done < expected && last.elapsed() < PATIENCE {
            if self.hear(heard) {
                last = Instant::now();
            }
        }
    }

    fn end(&mut self, mut heard: Heard) -> Heard {
        let sent = heard.rate.sent;
        self.wait(&mut heard, sent);
        assert_eq!(heard.rate.wrong, 0, "packets arrive that nobody sent");
        heard.delays.sort_unstable();
        heard
    }

    fn say(&mut self, call: usize, heard: &mut Heard) {
        let message = &mut self.messages[self.number as usize % PAYLOADS];
        let packet = &mut message[CHANNEL_HEADER..];
        packet[SEQUENCE].copy_from_slice(&self.sequences[call].to_be_bytes());
        packet[NUMBER].copy_from_slice(&self.number.to_be_bytes());
        let message = if self.framed { &message[..] } else { &message[CHANNEL_HEADER..] };
        let now = nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        if self.clients[call].send(message).is_ok() {
            self.sent.1.push(now);
            self.number = self.number.wrapping_add(1);
            self.sequences[call] = self.sequences[call].wrapping_add(1);
            heard.rate.sent += 1;
        }
    }

    /// A packet that has arrived; false when there is none.
    fn hear(&mut self, heard: &mut Heard) -> bool {
        self.control.resize(self.control.capacity(), 0);
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let Ok(received) = recvmsg::<()>(self.peer.as_raw_fd(), &mut parts, Some(&mut self.control), flags) else {
            return false;
        };
        let length = received.bytes;
        let arrived = received.cmsgs().ok().and_then(|mut messages| {
            messages.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(time) => Some(nanoseconds(time.into())),
                _ => None,
            })
        });
        let packet = &self.buffer[..length];
        let number = packet.get(NUMBER).map_or(0, |bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
        let message = &self.messages[number as usize % PAYLOADS][CHANNEL_HEADER..];
        // One that was given up in the run before is nobody's.
        let Some(&sent) = self.sent.1.get(number.wrapping_sub(self.sent.0) as usize) else { return true };
        if packet.get(NUMBER.end..) != message.get(NUMBER.end..) {
            heard.rate.wrong += 1;
            return true;
        }
        heard.rate.done += 1;
        heard.delays.extend(arrived.map(|arrived| u32::try_from(arrived.saturating_sub(sent)).unwrap_or(u32::MAX)));
        true
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A DTLS handshake in form between a client and the peer, as every call begins.
fn shake_hands(rehearsal: &Rehearsal, client: &UdpSocket, peer: &UdpSocket, relayed: SocketAddr) {
    let mut buffer = [0; 2048];
    for (side, datagram) in rehearsal.handshake() {
        let header = write_channel_header(CHANNEL, u16::try_from(datagram.len()).unwrap());
        let message = [&header[..], &datagram].concat();
        let comes = (0..10).any(|_| match side {
            Side::Client => {
                client.send(&message).unwrap();
                peer.recv(&mut buffer).is_ok_and(|length| buffer[..length] == datagram)
            }
            Side::Server => {
                peer.send_to(&datagram, relayed).unwrap();
                client.recv(&mut buffer).is_ok_and(|length| buffer[..length].starts_with(&message))
            }
        });
        assert!(comes, "a datagram of the handshake, of the {side:?}, does not come through");
    }
}
