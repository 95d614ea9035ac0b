//! Two clients of one relay who talk with each other: through relay sockets, and as parties of one call of Hilum's.

use std::time::Duration;

use super::client::Call;
use super::issuer;
use super::load::{Direction, Media, Rate};
use super::servers::{Kind, Server};
use super::{Plan, Row};

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
            Call::of_two_clients(&server, [&one, &other])
        };
        let media = Media::new((0..calls).map(call).collect(), Direction::Both, size);
        let name = format!("{}{}", kind.name(), if closed { ", closed" } else { "" });
        Self { name, server, media, rate: Rate::default() }
    }

    fn run(&mut self, time: Duration) {
        self.rate += self.media.run(&self.server, time);
    }
}

/// Both rows for packets of this size. The relays take turns, so that whatever else the machine does meets all of them.
pub fn rows(plan: &Plan, size: usize) -> [Row; 2] {
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
    let cells: Vec<String> = contestants.iter().map(|each| each.rate.per_cpu_second()).collect();
    let (sockets, closed) = cells.split_at(Kind::ALL.len());
    let nobody = ["–", "–"].map(str::to_owned);
    let size = if size > 999 { format!("{},{:03}", size / 1000, size % 1000) } else { size.to_string() };
    [
        (format!("client to client, {size} bytes"), sockets.to_vec()),
        (format!("client to client of one call, {size} bytes"), [closed, &nobody].concat()),
    ]
}
