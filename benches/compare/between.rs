//! Two clients of one relay who talk with each other: through relay sockets, and as parties of one call of Hilum's.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Plan;
use super::client::Call;
use super::issuer;
use super::load::{Direction, Media, Rate};
use super::report::{Row, thousands};
use super::servers::{Kind, Server};

/// One packet of each client at a time, as voice comes. Relay sockets gain by bursts, in which a system call moves
/// several packets of one client; within a closed call it moves packets of all of them anyway.
const AT_ONCE: usize = 1;

/// What was found for packets of one size.
pub struct Found {
    size: usize,
    relays: Vec<Rate>,
    closed: Rate,
}

/// A relay with calls between its own clients.
struct Contestant {
    name: String,
    server: Server,
    media: Media,
    rate: Rate,
}

impl Contestant {
    fn new(kind: Kind, closed: bool, calls: usize, size: usize) -> Self {
        let server = Server::start(kind);
        let call = |number: usize| {
            let [one, other] = if closed {
                issuer::tokens(&format!("call-{number}"))
            } else {
                [2 * number, 2 * number + 1].map(issuer::user)
            };
            Call::of_two_clients(&server, [&one, &other], Ipv4Addr::LOCALHOST.into())
        };
        let media = Media::new((0..calls).map(call).collect(), Direction::Both, AT_ONCE, size);
        let name = format!("{}{}", kind.name(), if closed { ", closed" } else { "" });
        Self { name, server, media, rate: Rate::default() }
    }

    fn run(&mut self, time: Duration) {
        self.rate += self.media.run(&self.server, time);
    }
}

/// The relays take turns, so that whatever else the machine does meets all of them.
pub fn compare(plan: &Plan, size: usize) -> Found {
    let sockets = Kind::ALL.map(|kind| (kind, false));
    let contestants = sockets.into_iter().chain([(Kind::Hilum, true)]);
    let mut contestants: Vec<Contestant> =
        contestants.map(|(kind, closed)| Contestant::new(kind, closed, plan.calls, size)).collect();
    for _ in 0..plan.rounds {
        for contestant in &mut contestants {
            contestant.run(plan.seconds / plan.rounds);
        }
    }
    for Contestant { name, rate, .. } in &contestants {
        eprintln!("{name}: client to client {size}: {rate}");
    }
    let mut relays: Vec<Rate> = contestants.iter().map(|each| each.rate).collect();
    let closed = relays.pop().unwrap();
    Found { size, relays, closed }
}

impl Found {
    /// What a packet costs within a closed call, as a part of what it costs through relay sockets of the same relay.
    pub fn part(&self) -> f64 {
        self.relays[0].per_second() / self.closed.per_second()
    }

    pub fn fact(&self) -> (String, String) {
        let what = format!("CPU for a packet of {} bytes, of what relay sockets take", thousands(self.size as u64));
        (what, format!("{:.0} %", self.part() * 100.0))
    }

    pub fn rows(&self) -> [Row; 2] {
        let size = thousands(self.size as u64);
        let nobody = ["–", "–"].map(str::to_owned);
        [
            (format!("client to client, {size} bytes"), self.relays.iter().map(|rate| rate.per_cpu_second()).collect()),
            (
                format!("client to client of a closed call, {size} bytes"),
                [&[self.closed.per_cpu_second()], &nobody[..]].concat(),
            ),
        ]
    }
}
