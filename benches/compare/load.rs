//! The work: media on channels one way or both, Binding requests, allocations.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use hilum::client::Operation;
use hilum::time::Lifetime;
use hilum::wire::{Class, MessageWriter, Method, TransactionId, write_channel_header};

use super::client::{self, Client};
use super::servers::Server;

/// Packets that one socket sends before the next one's turn: as a frame of video comes, and few enough for any buffer.
const BURST: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    Both,
}

/// Different payloads of the media; more than any look at it takes together.
const PAYLOADS: u32 = 1024;

/// What was done, and the CPU time that the server used for it.
pub struct Rate {
    pub done: u64,
    pub cpu: Duration,
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} in {:?} of CPU", self.done, self.cpu)
    }
}

/// Media of `size` bytes for `time`, as fast as it arrives: a burst goes out when the one before has come through, or
/// has been waited for long enough.
pub fn media(server: &Server, clients: Vec<Client>, direction: Direction, size: usize, time: Duration) -> Rate {
    let up = direction != Direction::Down;
    let down = direction != Direction::Up;
    let header = write_channel_header(clients[0].channel, u16::try_from(size).unwrap());
    // SRTP in form: the payloads differ, as those of calls do, and the numbers go on from one to the next.
    let mut messages: Vec<Vec<u8>> =
        (0..PAYLOADS).map(|number| [&header[..], &clients[0].call.sealed(number, size)].concat()).collect();
    let mut number = 0_u16;
    let (began, cpu) = (Instant::now(), server.cpu());
    let mut done = 0;
    while began.elapsed() < time {
        let mut sent = 0;
        let first = number;
        for client in &clients {
            number = first;
            for _ in 0..BURST {
                number = number.wrapping_add(1);
                let at = usize::from(number) % messages.len();
                let message = &mut messages[at];
                message[6..8].copy_from_slice(&number.to_be_bytes());
                if up {
                    sent += u64::from(client.socket.send(message).is_ok());
                }
                if down {
                    sent += u64::from(client.peer.send(&message[4..]).is_ok());
                }
            }
        }
        done += collect(&clients, up, down, sent);
    }
    Rate { done, cpu: server.cpu() - cpu }
}

/// Receives until everything is there, or nothing has come for 5 ms.
fn collect(clients: &[Client], up: bool, down: bool, expected: u64) -> u64 {
    let mut buffer = [0; 2048];
    let mut received = 0;
    let mut last = Instant::now();
    while received < expected && last.elapsed() < Duration::from_millis(5) {
        let before = received;
        for client in clients {
            for socket in [up.then_some(&client.peer), down.then_some(&client.socket)].into_iter().flatten() {
                while socket.recv(&mut buffer).is_ok() {
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

pub fn binding_request(number: u64) -> Vec<u8> {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let mut buffer = [0; 64];
    let length = MessageWriter::new(&mut buffer, Class::Request, Method::Binding, TransactionId(id)).finish().unwrap();
    buffer[..length].to_vec()
}

/// Binding requests for `time`.
pub fn bindings(server: &Server, time: Duration) -> Rate {
    let sockets: Vec<UdpSocket> = (0..8).map(|_| client::socket(server)).collect();
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
    let mut done = 0;
    for _ in 0..count {
        let (mut session, socket) = (client::session(), client::socket(server));
        done += u64::from(client::allocate(&mut session, &socket).is_some());
        client::ask(&mut session, &socket, Operation::Refresh(Lifetime::ZERO));
    }
    Rate { done, cpu: server.cpu() - cpu }
}

/// Memory that each of `count` idle allocations costs the process, in KiB.
pub fn idle(server: &Server, count: usize) -> f64 {
    let before = server.memory();
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut session, socket) = (client::session(), client::socket(server));
        client::allocate(&mut session, &socket).expect("room for every idle allocation");
        sockets.push(socket);
    }
    (server.memory().saturating_sub(before)) as f64 / count as f64 / 1024.0
}
