//! The work: media on channels one way or both, Binding requests, allocations.

use std::net::{Ipv4Addr, UdpSocket};
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use hilum::wire::{Class, MessageWriter, Method, TransactionId, write_channel_header};

use super::client::{self, CHANNEL, Call, Client};
use super::issuer;
use super::servers::Server;

/// Packets that one socket sends before the next one's turn: as a frame of video comes, and few enough for any buffer.
pub const BURST: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    Both,
}

/// Different payloads of the media; more than any look at it takes together.
const PAYLOADS: u32 = 1024;

/// What was done, and the CPU time that the server used for it.
#[derive(Clone, Copy, Default)]
pub struct Rate {
    pub done: u64,
    pub cpu: Duration,
}

impl Rate {
    /// How many for each second of CPU; NaN or infinite when the server used less than the system counts by.
    pub fn per_second(self) -> f64 {
        self.done as f64 / self.cpu.as_secs_f64()
    }
}

impl AddAssign for Rate {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.cpu += other.cpu;
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} in {:?} of CPU", self.done, self.cpu)
    }
}

/// Media of calls, which goes on from one round to the next.
pub struct Media {
    calls: Vec<Call>,
    direction: Direction,
    burst: usize,
    messages: Vec<Vec<u8>>,
    number: u16,
}

impl Media {
    /// Packets of `size` bytes, `burst` at a time. SRTP in form: the payloads differ, as those of calls do, and the
    /// numbers go on.
    pub fn new(calls: Vec<Call>, direction: Direction, burst: usize, size: usize) -> Self {
        let header = write_channel_header(CHANNEL, u16::try_from(size).unwrap());
        let rehearsal = calls[0].rehearsal;
        let message = |number| [&header[..], &rehearsal.sealed(number, size)].concat();
        Self { calls, direction, burst, messages: (0..PAYLOADS).map(message).collect(), number: 0 }
    }

    /// As fast as it arrives, for `time`: a burst goes out when the one before has come through, or has been waited for
    /// long enough.
    pub fn run(&mut self, server: &Server, time: Duration) -> Rate {
        let up = self.direction != Direction::Down;
        let down = self.direction != Direction::Up;
        let (began, cpu) = (Instant::now(), server.cpu());
        let mut done = 0;
        while began.elapsed() < time {
            let mut sent = 0;
            let first = self.number;
            for call in &self.calls {
                self.number = first;
                for _ in 0..self.burst {
                    self.number = self.number.wrapping_add(1);
                    let at = usize::from(self.number) % self.messages.len();
                    let message = &mut self.messages[at];
                    message[6..8].copy_from_slice(&self.number.to_be_bytes());
                    let [client, peer] = &call.ends;
                    for end in [up.then_some(client), down.then_some(peer)].into_iter().flatten() {
                        sent += u64::from(end.send(message).is_ok());
                    }
                }
            }
            done += self.collect(up, down, sent);
        }
        Rate { done, cpu: server.cpu() - cpu }
    }

    /// Receives until everything is there, or nothing has come for 5 ms.
    fn collect(&self, up: bool, down: bool, expected: u64) -> u64 {
        let mut buffer = [0; 2048];
        let mut received = 0;
        let mut last = Instant::now();
        while received < expected && last.elapsed() < Duration::from_millis(5) {
            let before = received;
            for call in &self.calls {
                let [client, peer] = &call.ends;
                for end in [up.then_some(peer), down.then_some(client)].into_iter().flatten() {
                    while end.socket.recv(&mut buffer).is_ok() {
                        received += 1;
                    }
                }
            }
            if received > before {
                last = Instant::now();
            } else {
                std::thread::yield_now();
            }
        }
        received
    }
}

pub fn binding_request(number: u64) -> Vec<u8> {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let mut buffer = [0; 64];
    let length = MessageWriter::new(&mut buffer, Class::Request, Method::Binding, TransactionId(id)).finish().unwrap();
    buffer[..length].to_vec()
}

/// Binding requests for `time`.
pub fn bindings(server: &Server, time: Duration) -> Rate {
    let sockets: Vec<UdpSocket> = (0..8).map(|_| client::socket(server, Ipv4Addr::LOCALHOST.into())).collect();
    sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
    let (began, cpu) = (Instant::now(), server.cpu());
    let (mut done, mut number, mut buffer) = (0, 0, [0; 2048]);
    while began.elapsed() < time {
        let mut waiting = 0_u64;
        for socket in &sockets {
            for _ in 0..BURST {
                number += 1;
                waiting += u64::from(socket.send(&binding_request(number)).is_ok());
            }
        }
        let mut last = Instant::now();
        while waiting > 0 && last.elapsed() < Duration::from_millis(5) {
            for socket in &sockets {
                while socket.recv(&mut buffer).is_ok() {
                    waiting = waiting.saturating_sub(1);
                    done += 1;
                    last = Instant::now();
                }
            }
        }
    }
    Rate { done, cpu: server.cpu() - cpu }
}

/// Allocations from new clients, one after the other; each is challenged, made and deleted.
pub fn allocations(server: &Server, count: usize) -> Rate {
    let cpu = server.cpu();
    let who = issuer::user(0);
    let mut done = 0;
    for _ in 0..count {
        let mut client = Client::new(server, &who, Ipv4Addr::LOCALHOST.into());
        done += u64::from(client.allocate().is_some());
        client.delete();
    }
    Rate { done, cpu: server.cpu() - cpu }
}

/// Memory that each of `count` idle allocations costs the process, in KiB.
pub fn idle(server: &Server, count: usize) -> f64 {
    let before = server.memory();
    let who = issuer::user(0);
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = Client::new(server, &who, Ipv4Addr::LOCALHOST.into());
        client.allocate().expect("room for every idle allocation");
        clients.push(client.socket);
    }
    server.memory().saturating_sub(before) as f64 / count as f64 / 1024.0
}
