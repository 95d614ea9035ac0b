//! Binding requests, and allocations that do nothing.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use hilum::wire::{Class, MessageWriter, Method, TransactionId};

use super::Plan;
use super::client::{self, Client};
use super::contest::{Contestant, Load, find, take_turns};
use super::issuer;
use super::load::Rate;
use super::report::{Gate, Part, Row};
use super::servers::{Kind, Server};

/// Clients that ask, each once before the next one's turn: nobody has two questions to this service.
const ASKING: usize = 64;
/// What Binding may cost beside a responder that does nothing else, as a part of the answers for each second of CPU.
const BINDING: f64 = 0.8;

pub fn run(plan: &Plan) -> Part {
    let mut part = Part::default();
    binding_rate(plan, &mut part);
    let relays: Vec<Kind> = plan.kinds().filter(|&kind| kind != Kind::Bare).collect();
    let memory: Vec<(Kind, f64)> =
        relays.iter().map(|&kind| (kind, idle(&Server::start(kind), plan.pick(10_000, 200)))).collect();
    let of = |kind| memory.iter().find(|(each, _)| *each == kind).map(|(_, memory)| format!("{memory:.1}"));
    part.rows.push(Row::single("memory per idle allocation, KiB", of));
    part
}

fn binding_rate(plan: &Plan, part: &mut Part) {
    let contestant = |kind: Kind| {
        let server = Server::start(kind);
        let asking = Asking::new(&server);
        Contestant::new(kind.name(), kind, server, asking)
    };
    let mut contestants: Vec<Contestant<Asking>> = plan.kinds().map(contestant).collect();
    take_turns(&mut contestants, plan.rounds(), plan.turn());
    let hilum = find(&contestants, Kind::Hilum).unwrap();
    let bare = find(&contestants, Kind::Bare).unwrap();
    part.rows.push(Row::of("Binding, answers per CPU-second", hilum, &contestants));
    let gate = Gate::at_least("Binding: times a bare responder", hilum.times(bare).median, BINDING);
    part.gates.push(gate.only_if(!plan.quick));
}

/// Clients that ask for their addresses.
struct Asking {
    sockets: Vec<UdpSocket>,
    number: u64,
}

impl Asking {
    fn new(server: &Server) -> Self {
        let sockets: Vec<UdpSocket> = (0..ASKING).map(|_| client::socket(server, Ipv4Addr::LOCALHOST.into())).collect();
        sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
        Self { sockets, number: 0 }
    }
}

impl Load for Asking {
    fn run(&mut self, server: &Server, time: Duration) -> Rate {
        let (began, cpu) = (Instant::now(), server.cpu());
        let (mut done, mut buffer) = (0, [0; 2048]);
        while began.elapsed() < time {
            let mut waiting = 0_u64;
            for socket in &self.sockets {
                self.number += 1;
                waiting += u64::from(socket.send(&binding(self.number)).is_ok());
            }
            let mut last = Instant::now();
            while waiting > 0 && last.elapsed() < Duration::from_millis(5) {
                for socket in &self.sockets {
                    while let Ok(length) = socket.recv(&mut buffer) {
                        waiting = waiting.saturating_sub(1);
                        done += u64::from(is_answer(&buffer[..length]));
                        last = Instant::now();
                    }
                }
            }
        }
        Rate { done, cpu: server.cpu() - cpu, ..Rate::default() }
    }
}

/// A Binding request.
pub fn binding(number: u64) -> Vec<u8> {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let mut buffer = [0; 64];
    let length = MessageWriter::new(&mut buffer, Class::Request, Method::Binding, TransactionId(id)).finish().unwrap();
    buffer[..length].to_vec()
}

/// A success response to one (RFC 8489 §5).
fn is_answer(message: &[u8]) -> bool {
    message.starts_with(&[1, 1])
}

/// Memory that each of `count` idle allocations costs the process, in KiB.
fn idle(server: &Server, count: usize) -> f64 {
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
