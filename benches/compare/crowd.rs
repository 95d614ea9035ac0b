//! A hundred thousand allocations of calls that are silent, and one call that is revoked among them while another goes
//! on.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hilum::wire::{CHANNEL_HEADER, write_channel_header};

use super::Plan;
use super::client::{CHANNEL, Call};
use super::issuer;
use super::load::Rate;
use super::report::{Gate, Part, hundreds, thousands};
use super::servers::{Kind, Server};

/// A packet every 2 ms each way.
const EVERY: Duration = Duration::from_millis(2);
/// How long calls are watched before one of them is revoked, and after it.
const WATCHED: Duration = Duration::from_secs(1);
/// How long after the operator's request the last packet of the call may arrive.
const REVOKED_WITHIN: Duration = Duration::from_millis(100);
/// Bytes of a packet.
const SIZE: usize = 172;

/// Allocations of silent calls, and KiB of resident memory that one of them may cost: fewer share what a relay has once.
const ALLOCATIONS: [usize; 2] = [100_000, 20_000];
const KIBIBYTES: [f64; 2] = [2.0, 2.25];

pub fn run(plan: &Plan) -> Part {
    let crowd = Crowd::new(plan.pick(ALLOCATIONS[0], ALLOCATIONS[1]));
    let memory = Gate::at_most(
        "a silent allocation of a closed call: resident KiB",
        crowd.kibibytes,
        plan.pick(KIBIBYTES[0], KIBIBYTES[1]),
    );
    let facts = crowd.facts().into_iter().chain(crowd.revoke_one().facts()).collect();
    Part { facts, gates: vec![memory], ..Part::default() }
}

/// A relay with many allocations.
struct Crowd {
    server: Server,
    allocations: usize,
    /// What they took with their channels.
    setup: Rate,
    /// Resident memory of each, in KiB.
    kibibytes: f64,
}

impl Crowd {
    /// Calls of two parties each; every client has a channel to the other, and their handshake is done. The parties of
    /// a call come from an address of their own and are gone when they have what they asked for: the relay keeps it all
    /// the same.
    fn new(allocations: usize) -> Self {
        let server = Server::start(Kind::Hilum);
        // What a relay has once and for all, it has now.
        silent(&server, allocations);
        let (cpu, memory) = (server.cpu(), server.resident());
        (0..allocations / 2).for_each(|number| silent(&server, number));
        let setup = Rate { done: allocations as u64, cpu: server.cpu() - cpu, ..Rate::default() };
        let kibibytes = (server.resident() - memory) as f64 / allocations as f64 / 1024.0;
        eprintln!("{allocations} silent allocations: {setup}, {kibibytes:.2} KiB each");
        Self { server, allocations, setup, kibibytes }
    }

    pub fn facts(&self) -> [(String, String); 2] {
        let number = thousands(self.allocations as u64);
        [
            (
                format!("{number} silent allocations with a channel each: set up per CPU-second"),
                hundreds(self.setup.per_second()),
            ),
            ("resident memory of each".to_owned(), format!("{:.2} KiB", self.kibibytes)),
        ]
    }

    /// Two calls begin among the silent ones, and one of them is revoked.
    pub fn revoke_one(&self) -> Revoked {
        let mut calls = ["revoked", "other"].map(|name| {
            let [one, other] = issuer::tokens(name);
            Watched::new(Call::of_two_clients(&self.server, [&one, &other], Ipv4Addr::LOCALHOST.into()))
        });
        let mut sent = Vec::new();
        watch(&mut calls, &mut sent, || false);
        assert_eq!(calls[0].received, calls[0].sent, "packets are lost before anything is revoked");
        let asked = Instant::now();
        let answered = std::thread::scope(|scope| {
            let operator = scope.spawn(|| self.server.revoke("revoked"));
            watch(&mut calls, &mut sent, || !operator.is_finished());
            operator.join().unwrap()
        });
        let [revoked, other] = &calls;
        assert!(revoked.received < revoked.sent, "the call goes on");
        let last = revoked.last.saturating_duration_since(asked);
        let found =
            Revoked { last, answered, sent: other.sent, lost: other.sent - other.received, slowest: other.slowest };
        eprintln!("{found:?}");
        assert!(last < REVOKED_WITHIN, "a packet of the revoked call arrived after {last:?}");
        assert_eq!(found.lost, 0, "a call that is not revoked loses packets");
        found
    }
}

/// What became of two calls of which one was revoked.
#[derive(Debug)]
pub struct Revoked {
    /// From the operator's request until the last packet of the revoked call arrived; zero when none arrived after it.
    last: Duration,
    /// How long the operator waited for the answer.
    answered: Duration,
    /// Packets of the other call, those of them that did not arrive, and the longest time that one took.
    sent: u64,
    lost: u64,
    slowest: Duration,
}

impl Revoked {
    pub fn facts(&self) -> [(String, String); 3] {
        let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        [
            (
                "a call among them is revoked: the last of its packets arrives after, the operator is answered after"
                    .to_owned(),
                format!("{}, {}", milliseconds(self.last), milliseconds(self.answered)),
            ),
            ("packets that another call lost meanwhile".to_owned(), format!("{} of {}", self.lost, self.sent)),
            ("the slowest of them took".to_owned(), milliseconds(self.slowest)),
        ]
    }
}

/// A call in which nothing is said.
fn silent(server: &Server, number: usize) {
    let [_, _, high, low] = (number as u32).to_be_bytes();
    let [one, other] = issuer::tokens(&format!("silent-{}", number as u32));
    Call::of_two_clients(server, [&one, &other], Ipv4Addr::new(127, 8, high, low).into());
}

/// A call with its packets counted.
pub struct Watched {
    call: Call,
    pub sent: u64,
    pub received: u64,
    /// When a packet arrived last.
    last: Instant,
    pub slowest: Duration,
}

impl Watched {
    pub fn new(call: Call) -> Self {
        Self { call, sent: 0, received: 0, last: Instant::now(), slowest: Duration::ZERO }
    }

    fn send(&mut self, number: u32) {
        let packet = self.call.rehearsal.sealed(number, SIZE);
        let header = write_channel_header(CHANNEL, u16::try_from(SIZE).unwrap());
        for end in &self.call.ends {
            self.sent += u64::from(end.send(&[&header[..], &packet].concat()).is_ok());
        }
    }

    /// `sent`: when the packet with which number was sent.
    fn receive(&mut self, sent: &[Instant]) {
        let mut buffer = [0; 2048];
        for end in &self.call.ends {
            while let Ok(length) = end.socket.recv(&mut buffer) {
                let number = self.call.rehearsal.number(&buffer[CHANNEL_HEADER..length]).unwrap();
                self.received += 1;
                self.last = Instant::now();
                self.slowest = self.slowest.max(self.last - sent[number as usize]);
            }
        }
    }
}

/// Media in both calls for a while, and as long as `busy` says; then until nothing can be on its way any more.
pub fn watch(calls: &mut [Watched; 2], sent: &mut Vec<Instant>, busy: impl Fn() -> bool) {
    let began = Instant::now();
    let mut next = began;
    let mut stopped = None;
    while stopped.is_none_or(|stopped: Instant| stopped.elapsed() < REVOKED_WITHIN) {
        if stopped.is_none() && Instant::now() >= next {
            next += EVERY;
            let number = sent.len() as u32;
            sent.push(Instant::now());
            calls.iter_mut().for_each(|call| call.send(number));
        }
        calls.iter_mut().for_each(|call| call.receive(sent));
        if stopped.is_none() && began.elapsed() >= WATCHED && !busy() {
            stopped = Some(Instant::now());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
