//! What a packet costs with ten allocations, and with a hundred thousand.
//!
//! Every allocation has its turn: the next packet is that of the next client, so what the relay knows of it has not been
//! touched since all others were. The clients are many and their sockets few, so that the load is the same for any number.

use std::time::{Duration, Instant};

use hilum::client::Rehearsal;
use hilum::wire::CHANNEL_HEADER;

use super::Plan;
use super::contest::{Contestant, Load, Spread, take_turns};
use super::issuer;
use super::load::Rate;
use super::many::{Many, Others, address, framed};
use super::plot::{Axis, Line, Plot, Point, Scale, number};
use super::report::{Gate, Part, thousands};
use super::servers::{Kind, Server};

/// Allocations, of closed calls and with a relay socket each: a process has 20,000 descriptors on many systems.
const CLOSED: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
const SOCKETS: [usize; 4] = [10, 100, 1_000, 10_000];
const FEW: [usize; 3] = [10, 1_000, 5_000];
/// How much more a packet may cost, in percent, with this many allocations than with ten.
const BOUNDS: [(usize, f64); 2] = [(10_000, 15.0), (100_000, 40.0)];

/// Bytes of a packet; each is longer than the one of the same client before it, up to the longest of these lengths, as
/// those of a codec differ. So no two of a client that wait together can leave as one message, which would make a few
/// clients cheaper than many for another reason than this part is about.
const SHORTEST: usize = 160;
const LENGTHS: usize = 13;
/// Different payloads; a prime, so that every client comes to all of them.
const PAYLOADS: usize = 1021;
/// Packets on their way at once: what the smallest buffer of a socket has room for, and no more of ten clients than there
/// are lengths.
const ON_THE_WAY: usize = 128;
/// How long they are waited for.
const PATIENCE: Duration = Duration::from_millis(20);

/// A packet of each client in turn, as fast as they arrive.
struct Turns {
    many: Many,
    messages: Vec<Vec<u8>>,
    next: usize,
    /// How often all clients have had their turn.
    pass: u16,
    buffer: Vec<u8>,
}

impl Turns {
    fn new(many: Many) -> Self {
        let rehearsal = Rehearsal::new(hilum::client::random().unwrap());
        let packet = |number: usize| rehearsal.sealed(number as u32, SHORTEST + 2 * (number % LENGTHS));
        let messages = (0..PAYLOADS).map(|number| framed(&packet(number))).collect();
        Self { many, messages, next: 0, pass: 1, buffer: vec![0; 2048] }
    }

    fn say(&mut self) -> bool {
        let client = self.next;
        let message = &mut self.messages[(client + usize::from(self.pass)) % PAYLOADS];
        let packet = &mut message[CHANNEL_HEADER..];
        packet[2..4].copy_from_slice(&self.pass.to_be_bytes());
        packet[8..12].copy_from_slice(&(client as u32).to_be_bytes());
        if !self.many.stations[client % 2].send(address(client), message) {
            return false;
        }
        self.next += 1;
        if self.next == self.many.clients {
            (self.next, self.pass) = (0, self.pass.wrapping_add(1));
        }
        true
    }

    /// What has arrived; false when nothing has.
    fn hear(&mut self, rate: &mut Rate) -> bool {
        let mut any = false;
        for station in 0..2 {
            let (length, skip) = match &self.many.others {
                Others::Themselves => (self.many.stations[station].take(&mut self.buffer), CHANNEL_HEADER),
                Others::Outside(peer, _) => (peer.recv(&mut self.buffer).ok(), 0),
            };
            let Some(length) = length else { continue };
            any = true;
            *(if self.knows(&self.buffer[skip.min(length)..length]) { &mut rate.done } else { &mut rate.wrong }) += 1;
        }
        any
    }

    fn knows(&self, packet: &[u8]) -> bool {
        let (Some(&[a, b]), Some(&[c, d, e, f])) =
            (packet.get(2..).and_then(|rest| rest.first_chunk()), packet.get(8..).and_then(|rest| rest.first_chunk()))
        else {
            return false;
        };
        let (pass, client) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]) as usize);
        let message = &self.messages[(client + usize::from(pass)) % PAYLOADS][CHANNEL_HEADER..];
        packet[12..] == message[12..] && client < self.many.clients
    }
}

impl Load for Turns {
    fn run(&mut self, server: &Server, time: Duration) -> Rate {
        let (began, cpu) = (Instant::now(), server.cpu());
        let mut rate = Rate::default();
        while began.elapsed() < time {
            let sent = (0..ON_THE_WAY).filter(|_| self.say()).count() as u64;
            rate.sent += sent;
            let (expected, mut last) = (rate.done + sent, Instant::now());
            while rate.done < expected && last.elapsed() < PATIENCE {
                if self.hear(&mut rate) {
                    last = Instant::now();
                }
            }
        }
        rate.cpu = server.cpu() - cpu;
        rate
    }
}

/// The cost of a packet for one kind of allocations as they grow.
struct Growth {
    name: String,
    kind: Kind,
    /// Allocations, nanoseconds for a packet, and how many times those of ten.
    found: Vec<(usize, Spread, Spread)>,
}

impl Growth {
    fn of(plan: &Plan, kind: Kind, closed: bool) -> Self {
        let numbers = match (plan.quick, closed) {
            (true, _) => &FEW[..],
            (false, true) => &CLOSED[..],
            (false, false) => &SOCKETS[..],
        };
        let mut contestants: Vec<Contestant<Turns>> =
            numbers.iter().map(|&number| contestant(kind, number, closed)).collect();
        let (rounds, time) = plan.pick((5, Duration::from_millis(700)), (2, Duration::from_millis(200)));
        take_turns(&mut contestants, rounds, time);
        let first = &contestants[0];
        let nanoseconds = |rate: &Rate| 1e9 / rate.per_second();
        let found = numbers
            .iter()
            .zip(&contestants)
            .map(|(&number, each)| (number, Spread::of(each.turns.iter().map(nanoseconds)), first.times(each)))
            .collect();
        for (number, each) in numbers.iter().zip(&contestants) {
            eprintln!("{} with {}: {}", each.name, thousands(*number as u64), each.total());
            assert_eq!(each.total().wrong, 0, "packets arrive that nobody sent");
        }
        Self { name: contestants[0].name.clone(), kind, found }
    }

    /// How many times the cost with ten allocations that is.
    fn at(&self, number: usize) -> Option<f64> {
        self.found.iter().find(|(each, ..)| *each == number).map(|(.., times)| times.median)
    }

    fn line(&self) -> Line {
        let point = |&(number, Spread { low, median, high }, _): &(usize, Spread, Spread)| Point {
            x: number as f64,
            y: median,
            spread: [low, high],
        };
        Line { name: self.name.clone(), ink: self.kind.into(), points: self.found.iter().map(point).collect() }
    }

    fn fact(&self) -> (String, String) {
        let cell = |(number, nanoseconds, times): &(usize, Spread, Spread)| {
            let more = (times.median - 1.0) * 100.0;
            format!("{}: {} ({more:+.0}\u{a0}%)", thousands(*number as u64), self::number(nanoseconds.median))
        };
        (self.name.clone(), self.found.iter().map(cell).collect::<Vec<_>>().join(", "))
    }
}

fn contestant(kind: Kind, number: usize, closed: bool) -> Contestant<Turns> {
    let server = Server::start(kind);
    let many = if closed {
        Many::in_calls(&server, number, |call| issuer::tokens(&format!("grown-{number}-{call}")))
    } else {
        Many::to_outside(&server, number, issuer::user)
    };
    let inside = if closed { "closed calls" } else { "sockets" };
    let name = format!("{}, {inside}", kind.name().replace('`', ""));
    Contestant::new(name, kind, server, Turns::new(many))
}

pub fn run(plan: &Plan) -> Part {
    let kinds =
        [(Kind::Hilum, true), (Kind::Bare, true), (Kind::Hilum, false), (Kind::Coturn, false), (Kind::Bare, false)];
    let grown: Vec<Growth> = kinds.into_iter().map(|(kind, closed)| Growth::of(plan, kind, closed)).collect();
    let closed = &grown[0];
    let gates = BOUNDS.into_iter().filter_map(|(number, bound)| {
        let what =
            format!("more CPU for a packet with {} closed allocations than with 10, %", thousands(number as u64));
        Some(Gate::at_most(what, (closed.at(number)? - 1.0) * 100.0, bound).only_if(!plan.quick))
    });
    let gates = gates.collect();
    let mut facts = vec![("CPU for a packet, ns, with allocations (more than with ten)".to_owned(), String::new())];
    facts.extend(grown.iter().map(Growth::fact));
    Part { facts, gates, plots: vec![("growth".to_owned(), plot(&grown).draw())], ..Part::default() }
}

fn plot(grown: &[Growth]) -> Plot {
    let closed = &grown[0];
    let more = |number| closed.at(number).map(|times| (times - 1.0) * 100.0);
    let title = match (more(10_000), more(100_000)) {
        (Some(some), Some(many)) => format!(
            "A packet of a closed call costs Hilum {some:.0}\u{a0}% more with 10,000 allocations than with ten, and \
             {many:.0}\u{a0}% more with 100,000"
        ),
        _ => "What a packet costs as allocations grow".to_owned(),
    };
    Plot {
        title,
        description: "CPU time of the server for a packet against the number of allocations, from ten to a hundred \
                      thousand, of which each sends in turn; a line for each relay and kind of allocation."
            .to_owned(),
        x: Axis { label: "allocations, a packet of each in turn".to_owned(), scale: Scale::Log },
        y: Axis { label: "CPU time of the server for a packet, nanoseconds".to_owned(), scale: Scale::Linear },
        lines: grown.iter().map(Growth::line).collect(),
        bound: None,
    }
}
