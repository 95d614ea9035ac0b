//! Relays take turns with the same work, so that whatever else the machine does meets all of them, and what is said of two
//! of them is said of neighbouring turns.

use std::time::Duration;

use super::load::Rate;
use super::servers::{Kind, Server};

/// Work for a relay that goes on from one turn to the next.
pub trait Load {
    fn run(&mut self, server: &Server, time: Duration) -> Rate;
}

/// A relay with its work, and what it did in each turn.
pub struct Contestant<L> {
    pub name: String,
    pub kind: Kind,
    pub server: Server,
    pub load: L,
    pub turns: Vec<Rate>,
}

impl<L: Load> Contestant<L> {
    pub fn new(name: impl Into<String>, kind: Kind, server: Server, load: L) -> Self {
        Self { name: name.into(), kind, server, load, turns: Vec::new() }
    }

    /// What was done for each second of CPU.
    pub fn figure(&self) -> Spread {
        Spread::of(self.turns.iter().map(|rate| rate.per_second()))
    }

    /// How many times as much as another did in the same turn, for each second of CPU.
    pub fn times(&self, other: &Self) -> Spread {
        Spread::of(self.turns.iter().zip(&other.turns).map(|(one, other)| one.per_second() / other.per_second()))
    }

    /// All turns together.
    pub fn total(&self) -> Rate {
        let mut total = Rate::default();
        self.turns.iter().for_each(|rate| total += *rate);
        total
    }
}

/// Every contestant has its turn in each of `rounds`. What they did before is forgotten; a first turn is not counted, in
/// which caches fill and memory is had from the system.
pub fn take_turns<L: Load>(contestants: &mut [Contestant<L>], rounds: u32, time: Duration) {
    for contestant in contestants.iter_mut() {
        contestant.turns.clear();
        contestant.load.run(&contestant.server, time / 4);
    }
    for _ in 0..rounds {
        for contestant in contestants.iter_mut() {
            let rate = contestant.load.run(&contestant.server, time);
            contestant.turns.push(rate);
        }
    }
}

/// The contestant of that kind; the first when there are several.
pub fn find<L>(contestants: &[Contestant<L>], kind: Kind) -> Option<&Contestant<L>> {
    contestants.iter().find(|contestant| contestant.kind == kind)
}

/// A median and the quartiles around it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// NaN when there are no values.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        // Between neighbours where it falls between two values.
        let at = |part: f64| {
            let place = part * values.len().saturating_sub(1) as f64;
            let (below, above) = (values.get(place.floor() as usize), values.get(place.ceil() as usize));
            match (below, above) {
                (Some(below), Some(above)) => below + (above - below) * place.fract(),
                _ => f64::NAN,
            }
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }

    /// Half the distance of the quartiles, in percent of the median.
    pub fn percent(self) -> f64 {
        (self.high - self.low) / self.median * 50.0
    }
}
