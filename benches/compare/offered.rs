//! What a packet costs when few come and when many do, and how many of them arrive.
//!
//! A relay that wakes for every packet pays for each; under load it finds several at once. Voice comes at a pace that is
//! given, from a thousand packets a second to more than a core can pass on.

use std::time::Duration;

use super::Plan;
use super::contest::Spread;
use super::paced::Voice;
use super::plot::{Axis, Line, Plot, Point, Scale, number};
use super::report::Part;
use super::servers::{Kind, Server};

/// Packets a second.
const PACES: [f64; 10] =
    [1_000.0, 3_000.0, 10_000.0, 30_000.0, 60_000.0, 100_000.0, 150_000.0, 200_000.0, 250_000.0, 300_000.0];
/// Those of a short run.
const FEW: [f64; 3] = [1_000.0, 30_000.0, 200_000.0];

struct Contestant {
    kind: Kind,
    server: Server,
    voice: Voice,
    /// For each pace, the rounds.
    found: Vec<Vec<Found>>,
}

/// Of one round: packets that were sent and that arrived, each second, and what one that arrived cost.
#[derive(Clone, Copy)]
struct Found {
    offered: f64,
    delivered: f64,
    nanoseconds: f64,
}

impl Contestant {
    fn new(kind: Kind, paces: usize) -> Self {
        let server = Server::start(kind);
        let voice = Voice::relayed(&server);
        Self { kind, server, voice, found: vec![Vec::new(); paces] }
    }

    fn run(&mut self, at: usize, pace: f64, time: Duration) {
        let cpu = self.server.cpu();
        let rate = self.voice.run(pace, time).rate;
        let cpu = self.server.cpu() - cpu;
        let [offered, delivered] = [rate.sent, rate.done].map(|packets| packets as f64 / time.as_secs_f64());
        let nanoseconds = cpu.as_secs_f64() * 1e9 / rate.done as f64;
        self.found[at].push(Found { offered, delivered, nanoseconds });
    }

    fn at(&self, pace: usize, what: impl Fn(&Found) -> f64) -> Spread {
        Spread::of(self.found[pace].iter().map(what))
    }

    fn line(&self, what: impl Fn(&Found) -> f64) -> Line {
        let point = |pace| {
            let Spread { low, median, high } = self.at(pace, &what);
            Point { x: self.at(pace, |found| found.offered).median, y: median, spread: [low, high] }
        };
        let mut points: Vec<Point> = Vec::new();
        for point in (0..self.found.len()).map(point).filter(|point| point.y.is_finite()) {
            // Where the load can send no more, the next pace is the same.
            if points.last().is_none_or(|last| point.x > 1.02 * last.x) {
                points.push(point);
            }
        }
        Line { name: self.kind.name().replace('`', ""), ink: self.kind.into(), points }
    }

    /// The most that arrived.
    fn most(&self) -> f64 {
        (0..self.found.len()).map(|pace| self.at(pace, |found| found.delivered).median).fold(0.0, f64::max)
    }
}

pub fn run(plan: &Plan) -> Part {
    let paces = plan.pick(&PACES[..], &FEW[..]);
    let kinds = [Kind::Hilum, Kind::Coturn, Kind::Bare];
    let mut contestants: Vec<Contestant> = kinds.into_iter().map(|kind| Contestant::new(kind, paces.len())).collect();
    contestants.iter_mut().for_each(|contestant| drop(contestant.voice.flood(Duration::from_millis(200))));
    for _ in 0..plan.pick(5, 2) {
        for (at, &pace) in paces.iter().enumerate() {
            for contestant in &mut contestants {
                contestant.run(at, pace, plan.pick(Duration::from_millis(500), Duration::from_millis(200)));
            }
        }
    }
    for contestant in &contestants {
        for at in 0..paces.len() {
            let [offered, delivered, nanoseconds] =
                [|found: &Found| found.offered, |found: &Found| found.delivered, |found: &Found| found.nanoseconds]
                    .map(|what| number(contestant.at(at, what).median));
            eprintln!("{}: {offered} a second, {delivered} arrive, {nanoseconds} ns", contestant.kind.name());
        }
    }
    let plots = vec![
        ("cost-by-load".to_owned(), cost(&contestants).draw()),
        ("delivered".to_owned(), delivered(&contestants).draw()),
    ];
    let [few, most] = [0, paces.len() - 1].map(|at| {
        contestants
            .iter()
            .map(|each| format!("{} {}", each.kind.name(), number(each.at(at, |found| found.nanoseconds).median)))
            .collect::<Vec<_>>()
            .join(", ")
    });
    let arrive: Vec<String> =
        contestants.iter().map(|each| format!("{} {}", each.kind.name(), number(each.most()))).collect();
    let facts = vec![
        ("CPU for a packet when 1,000 come a second, ns".to_owned(), few),
        ("when as many come as the load can send, ns".to_owned(), most),
        ("packets that arrive in a second at most, with one core".to_owned(), arrive.join(", ")),
    ];
    Part { facts, plots, ..Part::default() }
}

fn cost(contestants: &[Contestant]) -> Plot {
    let at = |contestant: &Contestant, pace| number(contestant.at(pace, |found| found.nanoseconds).median);
    let [hilum, coturn, ..] = contestants else { unreachable!("there are three") };
    let last = hilum.found.len() - 1;
    Plot {
        title: format!(
            "Packets are cheaper when more come: from {} to {}\u{a0}ns with Hilum, from {} to {}\u{a0}ns with coturn",
            at(hilum, 0),
            at(hilum, last),
            at(coturn, 0),
            at(coturn, last)
        ),
        description:
            "CPU time of the server for a packet that arrives, against packets offered in a second, a line for \
                      each relay."
                .to_owned(),
        x: Axis { label: "voice packets offered per second".to_owned(), scale: Scale::Log },
        y: Axis { label: "CPU time of the server for a packet, nanoseconds".to_owned(), scale: Scale::Log },
        lines: contestants.iter().map(|each| each.line(|found| found.nanoseconds)).collect(),
        bound: None,
    }
}

fn delivered(contestants: &[Contestant]) -> Plot {
    let [hilum, coturn, ..] = contestants else { unreachable!("there are three") };
    let [most, others] = [hilum, coturn].map(|each| (each.most() / 1000.0).round() * 1000.0);
    Plot {
        title: format!(
            "One core passes on {} voice packets a second with Hilum, {} with coturn",
            number(most),
            number(others)
        ),
        description: "Packets that arrive in a second against packets offered, a line for each relay; below its limit \
                      everything arrives."
            .to_owned(),
        x: Axis { label: "voice packets offered per second".to_owned(), scale: Scale::Linear },
        y: Axis { label: "packets that arrive per second".to_owned(), scale: Scale::Linear },
        lines: contestants.iter().map(|each| each.line(|found| found.delivered)).collect(),
        bound: None,
    }
}
