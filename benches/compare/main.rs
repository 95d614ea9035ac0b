//! Hilum beside Debian's coturn and a server on the `turn` crate: the same load on each, in one run.
//!
//! `cargo bench --bench compare` prints the table and writes it into `docs/performance.md`; with `-- --quick` it is a short
//! run that writes nothing, and with the name of a part, `outside` or `between`, that part alone. What is counted is what arrived, for each second of CPU that the server used: that does not depend on how
//! fast the load is, and little on what else the machine does.

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
mod issuer;
mod load;
mod servers;

use std::time::Duration;

use client::Call;
use load::{Direction, Media, Rate};
use servers::{Kind, Server};

/// What a run costs.
struct Plan {
    seconds: Duration,
    clients: usize,
    /// Calls between two clients, and how often the relays take turns with them.
    calls: usize,
    rounds: u32,
    requests: usize,
    idle: usize,
}

const FULL: Plan =
    Plan { seconds: Duration::from_secs(5), clients: 20, calls: 32, rounds: 10, requests: 2000, idle: 10_000 };
const QUICK: Plan =
    Plan { seconds: Duration::from_millis(500), clients: 4, calls: 4, rounds: 4, requests: 500, idle: 200 };

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
    if wanted("outside") {
        let columns: Vec<Vec<String>> = Kind::ALL.iter().map(|&kind| measure(kind, &plan)).collect();
        let cells = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
        rows.extend(ROWS.iter().enumerate().map(|(row, name)| ((*name).to_owned(), cells(row))));
    }
    if wanted("between") {
        rows.extend([172, 1200].into_iter().flat_map(|size| between::rows(&plan, size)));
    }
    let table = table(&rows);
    println!("{table}");
    if !quick && named.is_empty() {
        record(&table);
    }
}

/// What was done, and a cell for each relay.
type Row = (String, Vec<String>);

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
            let rate = Media::new(calls, direction, size).run(&server, plan.seconds);
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

fn table(rows: &[Row]) -> String {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut lines = vec![format!("| work | {} |", names.join(" | ")), "|---|---:|---:|---:|".to_owned()];
    lines.extend(rows.iter().map(|(name, cells)| format!("| {name} | {} |", cells.join(" | "))));
    lines.join("\n")
}

/// Puts the table between the marks in the document.
fn record(table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
    let text = std::fs::read_to_string(path).expect("docs/performance.md is there");
    let (begin, end) = ("<!-- compare: begin -->", "<!-- compare: end -->");
    let (before, rest) = text.split_once(begin).expect("the document has the mark where the table begins");
    let (_, after) = rest.split_once(end).expect("the document has the mark where the table ends");
    std::fs::write(path, format!("{before}{begin}\n{table}\n{end}{after}")).expect("the document can be written");
}

impl Rate {
    /// Rounded to hundreds; a dash when the server used less than the system counts by (10 ms a tick).
    fn per_cpu_second(&self) -> String {
        if self.cpu.is_zero() {
            return "–".to_owned();
        }
        let rounded = (self.done as f64 / self.cpu.as_secs_f64() / 100.0).round() as u64 * 100;
        let digits = rounded.to_string();
        let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
        if head.is_empty() { digits.clone() } else { format!("{head},{tail}") }
    }
}
