//! What was found, and whether it is good.

use std::fmt::Write as _;
use std::time::Duration;

use super::people::{Arrival, Held};
use super::{PEOPLE, Plan};

/// How long it may take 99 of 100 to come in, and to set a call up.
const BOUND: Duration = Duration::from_millis(250);

pub struct Findings {
    plan: Plan,
    /// Bytes, before anybody came.
    empty: u64,
    full: u64,
    pressed: Vec<Duration>,
    welcome: Vec<Duration>,
    joined: Vec<Duration>,
    answered: Vec<Duration>,
    /// Until the last one was there, and the CPU that it took.
    coming: (Duration, Duration),
    idle: (Duration, Duration),
    lost: usize,
}

impl Findings {
    pub fn new(plan: Plan, empty: u64) -> Self {
        Self {
            plan,
            empty,
            full: 0,
            pressed: Vec::new(),
            welcome: Vec::new(),
            joined: Vec::new(),
            answered: Vec::new(),
            coming: Default::default(),
            idle: Default::default(),
            lost: 0,
        }
    }

    pub fn arrived(&mut self, arrival: Arrival) {
        self.pressed.push(arrival.pressed);
        self.welcome.push(arrival.welcome);
    }

    pub fn all_are_there(&mut self, time: Duration, cpu: Duration) {
        self.coming = (time, cpu);
    }

    pub fn idled(&mut self, time: Duration, cpu: Duration, resident: u64) {
        (self.idle, self.full) = ((time, cpu), resident);
    }

    pub fn held(&mut self, held: Held) {
        self.joined.push(held.joined);
        self.answered.push(held.answered);
    }

    pub fn still_there(&mut self, is: bool) {
        self.lost += usize::from(!is);
    }

    /// A table for the document.
    pub fn report(&self) -> String {
        let Plan { rooms, rate, .. } = self.plan;
        let people = rooms * PEOPLE;
        let mut text = String::from("| | median | 99 of 100 | longest |\n|---|---:|---:|---:|\n");
        for (what, times) in [
            ("from the first packet until the press is answered, ms", &self.pressed),
            ("from the first packet until `welcome`, ms", &self.welcome),
            ("from Admit until the clinician is in the room, ms", &self.joined),
            ("from Admit until the answer to the first offer, ms", &self.answered),
        ] {
            let [median, most, longest] = [0.5, 0.99, 1.0].map(|share| milliseconds(at(times, share)));
            writeln!(text, "| {what} | {median:.1} | {most:.1} | {longest:.1} |").unwrap();
        }
        let each = self.coming.1.as_secs_f64() * 1e3 / people as f64;
        let memory = self.full.saturating_sub(self.empty) as f64 / people as f64 / 1024.0;
        let idle = 100.0 * self.idle.1.as_secs_f64() / self.idle.0.as_secs_f64();
        let facts = [
            ("rooms", thousands(rooms)),
            ("sockets", thousands(people)),
            ("people who came, a second", rate.to_string()),
            ("calls that were set up meanwhile", self.answered.len().to_string()),
            ("CPU for one who comes, ms", format!("{each:.2}")),
            ("memory of one who waits, KiB", format!("{memory:.1}")),
            ("CPU while all wait, of one core", format!("{idle:.1} %")),
            ("sockets that were lost", self.lost.to_string()),
        ];
        text.push_str("\n| | |\n|---|---:|\n");
        for (what, found) in facts {
            writeln!(text, "| {what} | {found} |").unwrap();
        }
        text.trim_end().to_owned()
    }

    /// Puts the table into the document.
    pub fn record(&self) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
        let text = std::fs::read_to_string(path).expect("docs/performance.md is there");
        let (begin, end) = ("<!-- visits: begin -->", "<!-- visits: end -->");
        let (before, rest) = text.split_once(begin).expect("the document has the mark where the table begins");
        let (_, after) = rest.split_once(end).expect("the document has the mark where the table ends");
        std::fs::write(path, format!("{before}{begin}\n{}\n{end}{after}", self.report())).expect("it can be written");
    }

    /// Fails where it is not good.
    pub fn judge(&self) {
        for (what, times) in [("to come in", &self.welcome), ("to set a call up", &self.answered)] {
            let most = at(times, 0.99);
            assert!(most < BOUND, "it takes one of a hundred {most:?} or more {what}; {BOUND:?} is the bound");
        }
        assert_eq!(self.lost, 0, "sockets were lost");
    }
}

/// The time that this share of all is not above.
fn at(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// With commas.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
