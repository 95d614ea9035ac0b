//! How long one forward takes in the state machine as the relay's allocations grow in number, with the seal enforced on
//! open flows: voice, of clients drawn at random, in batches, so that nothing of a client is in the cache by chance.
//!
//! `cargo bench --no-default-features --bench growth`, with `-- --most 100000` for the most allocations.

#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench that cannot set itself up has nothing to measure, and its clock is the system's"
)]

mod crowd;

use std::time::Instant;

use crowd::{BATCH, Crowd, Peers, Way};

const SIZES: [usize; 5] = [10, 100, 1000, 10_000, 100_000];
/// Batches in one measurement, and measurements of which the best counts: whatever else the machine does adds time.
const BATCHES: usize = 500;
const MEASUREMENTS: usize = 25;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // For a profiler: one kind of crowd and so many batches.
        ["--run", peers, way, size, batches] => {
            let peers = if peers == "closed" { Peers::Closed } else { Peers::Open };
            let way = if way == "up" { Way::Up } else { Way::Down };
            let mut crowd = Crowd::new(size.parse().unwrap(), peers);
            for _ in 0..batches.parse().unwrap() {
                crowd.draw(way);
                crowd.relay();
            }
        }
        [.., "--test"] => {}
        ["--most", most, ..] => report(most.parse().unwrap()),
        _ => report(usize::MAX),
    }
}

fn report(most: usize) {
    println!("allocations    up, ns  (growth)  down, ns  (growth)  closed, ns  (growth)");
    let mut first = None;
    for size in SIZES.into_iter().filter(|&size| size <= most) {
        let mut open = Crowd::new(size, Peers::Open);
        let mut closed = Crowd::new(size, Peers::Closed);
        let mut best = [f64::INFINITY; 3];
        for _ in 0..MEASUREMENTS {
            let each = [time(&mut open, Way::Up), time(&mut open, Way::Down), time(&mut closed, Way::Up)];
            for (best, each) in best.iter_mut().zip(each) {
                *best = best.min(each);
            }
        }
        let [up, down, inside] = best;
        let [a, b, c] = *first.get_or_insert(best);
        println!(
            "{size:>11}  {up:>8.1}  {:>8.1}  {down:>8.1}  {:>8.1}  {inside:>10.1}  {:>8.1}",
            up - a,
            down - b,
            inside - c
        );
    }
}

/// Nanoseconds of one packet.
fn time(crowd: &mut Crowd, way: Way) -> f64 {
    let mut nanoseconds = 0;
    for _ in 0..BATCHES {
        crowd.draw(way);
        let begun = Instant::now();
        crowd.relay();
        nanoseconds += begun.elapsed().as_nanos();
        assert!(crowd.went_on(), "every packet goes on");
    }
    nanoseconds as f64 / (BATCHES * BATCH) as f64
}
