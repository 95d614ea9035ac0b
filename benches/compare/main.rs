//! Hilum beside Debian's coturn and a server on the `turn` crate: the same load on each, in one run.
//!
//! `cargo bench --bench compare` prints the tables and writes them into `docs/performance.md`; with `-- --quick` it is a
//! short run that writes nothing, and with the name of a part, `outside`, `between` or `crowd`, that part alone. What is
//! counted is what arrived, for each second of CPU that the server used: that does not depend on how fast the load is,
//! and little on what else the machine does.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a bench that cannot run should say where, and its clock is the system's"
)]

mod between;
mod client;
mod crowd;
mod issuer;
mod load;
mod report;
mod servers;

use std::time::Duration;

use client::Call;
use crowd::Crowd;
use load::{BURST, Direction, Media};
use report::Row;
use servers::{Kind, Server};

/// What a run costs, and what it must show.
struct Plan {
    seconds: Duration,
    clients: usize,
    /// Calls between two clients, and how often the relays take turns with them.
    calls: usize,
    rounds: u32,
    requests: usize,
    idle: usize,
    /// Allocations of silent calls.
    crowd: usize,
    /// KiB of resident memory that one of them may cost.
    kibibytes: f64,
    /// What a packet within a closed call may cost, as a part of what it costs through relay sockets.
    part: f64,
}

const FULL: Plan = Plan {
    seconds: Duration::from_secs(5),
    clients: 20,
    calls: 32,
    rounds: 10,
    requests: 2000,
    idle: 10_000,
    crowd: 100_000,
    kibibytes: 2.0,
    part: 0.5,
};
/// A short run counts few ticks of the clock, and fewer allocations share what a relay has once.
const QUICK: Plan = Plan {
    seconds: Duration::from_millis(500),
    clients: 4,
    calls: 32,
    rounds: 5,
    requests: 500,
    idle: 200,
    crowd: 20_000,
    kibibytes: 2.25,
    part: 0.7,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve-turn-crate") {
        return servers::turn_crate(&arguments[at + 1]);
    }
    // `cargo test` runs benches to see whether they start.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let plan = if quick { QUICK } else { FULL };
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| *name == part);
    let mut rows: Vec<Row> = Vec::new();
    let mut facts = Vec::new();
    if wanted("outside") {
        let columns: Vec<Vec<String>> = Kind::ALL.iter().map(|&kind| measure(kind, &plan)).collect();
        let cells = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
        rows.extend(ROWS.iter().enumerate().map(|(row, name)| ((*name).to_owned(), cells(row))));
    }
    let mut parts = Vec::new();
    if wanted("between") {
        for size in [172, 1200] {
            let found = between::compare(&plan, size);
            rows.extend(found.rows());
            facts.push(found.fact());
            parts.push(found.part());
        }
    }
    if wanted("crowd") {
        let crowd = Crowd::new(&plan);
        facts.extend(crowd.facts());
        facts.extend(crowd.revoke_one().facts());
    }
    let (table, closed) = (report::side_by_side(&rows), report::closed(&facts));
    println!("{table}\n\n{closed}");
    for part in parts {
        assert!(part < plan.part, "a packet within a closed call costs {part:.2} of one through relay sockets");
    }
    if !quick && named.is_empty() {
        report::record("compare", &table);
        report::record("closed", &closed);
    }
}

const ROWS: [&str; 9] = [
    "up, 172 bytes, packets per CPU-second",
    "up, 1,200 bytes",
    "down, 172 bytes",
    "down, 1,200 bytes",
    "both ways, 172 bytes",
    "both ways, 1,200 bytes",
    "Binding, answers per CPU-second",
    "allocations per CPU-second",
    "memory per idle allocation, KiB",
];

fn measure(kind: Kind, plan: &Plan) -> Vec<String> {
    let mut cells = Vec::new();
    for direction in [Direction::Up, Direction::Down, Direction::Both] {
        for size in [172, 1200] {
            let server = Server::start(kind);
            let calls = (0..plan.clients).map(|number| Call::to_outside(&server, &issuer::user(number))).collect();
            let rate = Media::new(calls, direction, BURST, size).run(&server, plan.seconds);
            eprintln!("{}: {direction:?} {size}: {rate}", kind.name());
            cells.push(rate.per_cpu_second());
        }
    }
    let server = Server::start(kind);
    let rate = load::bindings(&server, plan.seconds);
    eprintln!("{}: binding: {rate}", kind.name());
    cells.push(rate.per_cpu_second());
    let server = Server::start(kind);
    let rate = load::allocations(&server, plan.requests);
    eprintln!("{}: allocations: {rate}", kind.name());
    cells.push(rate.per_cpu_second());
    let server = Server::start(kind);
    let kibibytes = load::idle(&server, plan.idle);
    eprintln!("{}: {} idle allocations: {kibibytes:.1} KiB each", kind.name(), plan.idle);
    cells.push(format!("{kibibytes:.1}"));
    cells
}
