//! What a relay adds to the time that a packet of voice takes, at a tenth and at half of what it can do, and at loads
//! around these.
//!
//! A relay's capacity is measured first: how many of these packets it passes on in a second of CPU. Then packets come at
//! parts of that, through the relay and, just after, at the same pace from socket to socket. What it adds at a quantile is
//! the difference of both at that quantile; of all rounds the median counts.
//!
//! A virtual machine is stopped now and then, for milliseconds, with whatever runs on it. The bare forwarder, which adds
//! nothing of its own, shows when: a round in which it is late says nothing of a relay, and is left out of what Hilum is
//! held to.

use std::time::Duration;

use super::Plan;
use super::contest::Spread;
use super::paced::{Heard, Voice};
use super::plot::{Axis, Line, Plot, Point, Scale, number};
use super::report::{Gate, Part, Row, hundreds};
use super::servers::{Kind, Server};

/// Parts of a relay's capacity. The first and the third are what the document gives figures for.
const LOADS: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];
const TOLD: [f64; 2] = [0.1, 0.5];
/// Rounds of a full run for those, and for the others. A machine stops a process for some milliseconds now and then, which
/// is more than a hundredth of a turn: turns are short and many, so that the median is one of those that nothing stopped.
const ROUNDS: [usize; 2] = [61, 21];
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")];
/// Microseconds that Hilum may add to all but one packet in a hundred, at a tenth of its capacity; and that the bare forwarder
/// may in a round that counts.
const BOUND: f64 = 150.0;
/// Rounds that have to count.
const LEAST: usize = 9;

struct Contestant {
    kind: Kind,
    server: Server,
    voice: Voice,
    /// Packets for each second of CPU.
    capacity: f64,
    /// For each load, what each round added at each quantile, in microseconds.
    added: Vec<Vec<[f64; QUANTILES.len()]>>,
}

impl Contestant {
    fn new(kind: Kind) -> Self {
        let server = Server::start(kind);
        let voice = Voice::relayed(&server).stamped();
        Self { kind, server, voice, capacity: 0.0, added: vec![Vec::new(); LOADS.len()] }
    }

    /// At a part of its capacity, and the same without it.
    fn run(&mut self, direct: &mut Voice, load: usize, time: Duration) {
        let rate = LOADS[load] * self.capacity;
        let relayed = self.voice.run(rate, time);
        let direct = direct.run(rate, time / 2);
        if relayed.left_out * 100 > relayed.rate.sent {
            eprintln!("{}: the load leaves out {} of {}", self.kind.name(), relayed.left_out, relayed.rate.sent);
        }
        self.added[load].push(QUANTILES.map(|(part, _)| relayed.quantile(part) - direct.quantile(part)));
    }

    fn at(&self, load: usize, quantile: usize) -> Spread {
        Spread::of(self.added[load].iter().map(|round| round[quantile]))
    }

    /// The rounds in which it was not late.
    fn still(&self, load: usize) -> Vec<usize> {
        (0..self.added[load].len()).filter(|&round| self.added[load][round][1] < BOUND).collect()
    }

    /// What it added to all but one packet in a hundred, in some rounds.
    fn in_rounds(&self, rounds: &[usize], load: usize) -> Spread {
        Spread::of(rounds.iter().map(|&round| self.added[load][round][1]))
    }
}

pub fn run(plan: &Plan) -> Part {
    let kinds = [Kind::Hilum, Kind::Coturn, Kind::TurnCrate, Kind::Bare];
    let mut contestants: Vec<Contestant> = kinds.into_iter().map(Contestant::new).collect();
    let mut direct = Voice::direct().stamped();
    let flood = plan.pick(Duration::from_millis(500), Duration::from_millis(200));
    for contestant in &mut contestants {
        contestant.voice.flood(flood / 2);
    }
    let mut found = vec![Vec::new(); contestants.len()];
    for _ in 0..3 {
        for (contestant, found) in contestants.iter_mut().zip(&mut found) {
            let cpu = contestant.server.cpu();
            let Heard { rate, .. } = contestant.voice.flood(flood);
            found.push(rate.done as f64 / (contestant.server.cpu() - cpu).as_secs_f64());
        }
    }
    for (contestant, found) in contestants.iter_mut().zip(found) {
        contestant.capacity = Spread::of(found.into_iter()).median;
    }
    let time = Duration::from_millis(150);
    let loads: Vec<usize> = (0..LOADS.len()).filter(|load| !plan.quick || TOLD.contains(&LOADS[*load])).collect();
    let count = contestants.len();
    for round in 0..plan.pick(ROUNDS[0], 7) {
        for &load in loads.iter().filter(|load| round < ROUNDS[1] || TOLD.contains(&LOADS[**load])) {
            // Another one begins each time: what a turn leaves behind meets all of them.
            for turn in 0..count {
                contestants[(round + turn) % count].run(&mut direct, load, time);
            }
        }
    }
    part(plan, &contestants, &loads)
}

fn part(plan: &Plan, contestants: &[Contestant], loads: &[usize]) -> Part {
    let find = |kind| contestants.iter().find(|contestant| contestant.kind == kind);
    let mut rows =
        vec![Row::single("voice, packets per CPU-second", |kind| find(kind).map(|each| hundreds(each.capacity)))];
    for &load in loads {
        for (quantile, (_, name)) in QUANTILES.iter().enumerate().filter(|_| TOLD.contains(&LOADS[load])) {
            let work = format!("added at {:.0} % of that, {name}, µs", LOADS[load] * 100.0);
            rows.push(Row::single(work, |kind| find(kind).map(|each| microseconds(each.at(load, quantile)))));
        }
    }
    for contestant in contestants {
        for &load in loads {
            let cells: Vec<String> = (0..QUANTILES.len()).map(|at| microseconds(contestant.at(load, at))).collect();
            eprintln!("{}: {:.0} %: {} µs", contestant.kind.name(), LOADS[load] * 100.0, cells.join(", "));
        }
    }
    let still = find(Kind::Bare).map_or_else(Vec::new, |bare| bare.still(0));
    let work =
        format!("added at 10 % of that, p99, µs, in the {} rounds of {} that count", still.len(), rounds(contestants));
    rows.push(Row::single(work, |kind| find(kind).map(|each| microseconds(each.in_rounds(&still, 0)))));
    let enough = still.len() >= LEAST;
    let hilum = find(Kind::Hilum).filter(|_| enough).map_or(f64::NAN, |hilum| hilum.in_rounds(&still, 0).median);
    let gate = Gate::at_most("added latency at 10 % load, p99, µs", hilum, BOUND).only_if(!plan.quick);
    let plots = vec![("latency".to_owned(), plot(contestants, loads).draw())];
    Part { rows, plots, gates: vec![gate], ..Part::default() }
}

fn rounds(contestants: &[Contestant]) -> usize {
    contestants.first().map_or(0, |first| first.added[0].len())
}

fn plot(contestants: &[Contestant], loads: &[usize]) -> Plot {
    let bare = contestants.iter().find(|contestant| contestant.kind == Kind::Bare);
    // At a load at which the bare forwarder is late in every round, all of them count.
    let counting = |load: usize| {
        let still = bare.map_or_else(Vec::new, |bare| bare.still(load));
        if still.is_empty() {
            (0..contestants.first().map_or(0, |first| first.added[load].len())).collect()
        } else {
            still
        }
    };
    let point = |contestant: &Contestant, load: usize| {
        let Spread { low, median, high } = contestant.in_rounds(&counting(load), load);
        // What was lost in some rounds has no upper end.
        let high = if high.is_finite() { high } else { median };
        Point { x: LOADS[load] * contestant.capacity, y: median, spread: [low, high] }
    };
    let line = |contestant: &Contestant| Line {
        name: contestant.kind.name().replace('`', ""),
        ink: contestant.kind.into(),
        points: loads
            .iter()
            .map(|&load| point(contestant, load))
            .filter(|point| point.y.is_finite() && point.x.is_finite())
            .collect(),
    };
    let at_a_tenth = |kind| {
        let found = contestants.iter().find(|contestant| contestant.kind == kind);
        found.map_or_else(String::new, |found| number(found.in_rounds(&counting(0), 0).median))
    };
    let (hilum, coturn) = (at_a_tenth(Kind::Hilum), at_a_tenth(Kind::Coturn));
    Plot {
        title: format!(
            "At 10 % load, 99 of 100 packets come at most {hilum}\u{a0}µs later through Hilum, {coturn}\u{a0}µs through \
             coturn"
        ),
        description:
            "Added latency at the 99th percentile against packets offered in a second, a line for each relay, \
                      points at 10, 25, 50, 75 and 90 % of what it can do with one core."
                .to_owned(),
        x: Axis {
            label: "voice packets offered per second; points at 10, 25, 50, 75, 90 % of capacity".to_owned(),
            scale: Scale::Linear,
        },
        y: Axis { label: "added latency in microseconds, 99th percentile".to_owned(), scale: Scale::Log },
        lines: contestants.iter().map(line).collect(),
        bound: Some((BOUND, format!("bound for Hilum at 10 %: {BOUND}\u{a0}µs"))),
    }
}

fn microseconds(spread: Spread) -> String {
    let told = |value: f64| if value.is_finite() { number(value) } else { "lost".to_owned() };
    let Spread { low, median, high } = spread;
    if median.is_finite() { format!("{} ({}–{})", told(median), told(low), told(high)) } else { told(median) }
}
