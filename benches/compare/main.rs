//! Hilum beside Debian's coturn, a server on the `turn` crate, the program `turn-server` and a bare forwarder: the same load
//! on each, in one run.
//!
//! `cargo bench --bench compare` prints the tables and writes them into `docs/performance.md`; with `-- --quick` it is a
//! short run that writes nothing into it, and with the name of a part (see `PARTS`) that part alone.
//! What is counted is what arrived, for each second of CPU that the server used: that does not depend on how fast the load
//! is, and little on what else the machine does.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a bench that cannot run should say where, and its clock is the system's"
)]

mod bare;
mod between;
mod client;
mod contest;
mod crowd;
mod growth;
mod issuer;
mod latency;
mod load;
mod machine;
mod many;
mod memory;
mod offered;
mod outside;
mod paced;
mod peers;
mod plot;
mod report;
mod requests;
mod servers;
mod storm;
mod stream_client;
mod streams;
mod throughput;

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use report::{Gate, Part, Row};
use servers::Kind;

/// How long the run may take. A part has its own numbers, and picks those of a full or a short run.
pub struct Plan {
    pub quick: bool,
}

impl Plan {
    /// What holds for a full run, or for a short one.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The relays that take part. One of them takes minutes to build, for which a short run has no time.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let quick = self.quick;
        Kind::ALL.into_iter().filter(move |&kind| !(quick && kind == Kind::TurnServer))
    }

    /// How often the relays take turns.
    pub fn rounds(&self) -> u32 {
        self.pick(9, 3)
    }

    /// How long a turn is.
    pub fn turn(&self) -> Duration {
        self.pick(Duration::from_millis(250), Duration::from_millis(150))
    }
}

/// A part of the run: its name, on the command line and for its marks in the document, and what it does.
type Named = (&'static str, fn(&Plan) -> Part);

const PARTS: [Named; 10] = [
    ("outside", outside::run),
    ("between", between::run),
    ("streams", streams::run),
    ("requests", requests::run),
    ("storm", storm::run),
    ("crowd", crowd::run),
    ("memory", memory::run),
    ("latency", latency::run),
    ("offered", offered::run),
    ("growth", growth::run),
];

/// Set for a process that the system prefers.
const PREFERRED: &str = "HILUM_BENCH_PREFERRED";

/// Begins again as a process that is preferred to whatever else this machine has to do, with all that it starts: a turn of a
/// daemon is as long as the latencies that are looked for. Without the right to it, it begins again as it is.
fn prefer(arguments: &[String]) -> std::io::Error {
    let Ok(this) = std::env::current_exe() else { return std::io::ErrorKind::NotFound.into() };
    Command::new("nice").args(["-n", "-20"]).arg(this).args(arguments).env(PREFERRED, "yes").exec()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let role = |role: &str| arguments.iter().position(|argument| argument == role).map(|at| arguments[at + 1].as_str());
    if let Some(address) = role("--serve-turn-crate") {
        return peers::turn_crate(address);
    }
    if let Some(address) = role("--serve-bare") {
        return bare::serve(address, false);
    }
    if let Some(address) = role("--serve-bare-trains") {
        return bare::serve(address, true);
    }
    // `cargo test` runs benches to see whether they start.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let first = std::env::var_os(PREFERRED).is_none();
    if first {
        // It returns only if there is no such program.
        let error = prefer(&arguments);
        eprintln!("nice: {error}; what else runs here may show in the latencies");
    }
    let plan = Plan { quick: arguments.iter().any(|argument| argument == "--quick") };
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    if let Some(stranger) = named.iter().find(|name| !PARTS.iter().any(|(part, _)| *name == part)) {
        panic!("there is no part {stranger}; there are {}", PARTS.map(|(name, _)| name).join(", "));
    }
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| *name == part);
    let needed = ["between", "requests"].into_iter().any(wanted);
    if needed && plan.kinds().any(|kind| kind == Kind::TurnServer) {
        peers::build_turn_server();
    }
    let mut found: Vec<(&str, Part)> = Vec::new();
    let mut broken = Vec::new();
    for (name, run) in PARTS.into_iter().filter(|(name, _)| wanted(name)) {
        // One that cannot run does not take with it what the others have found.
        match std::panic::catch_unwind(|| run(&plan)) {
            Ok(part) => found.push((name, part)),
            Err(_) => broken.push(name),
        }
    }
    let gates = || found.iter().flat_map(|(_, part)| &part.gates);
    let (machine, table) = (machine::description(), report::gates(gates()));
    println!("{machine}\n");
    found.iter().for_each(|(_, part)| println!("{}\n", part.text()));
    println!("{table}");
    if !plan.quick {
        report::record("machine", &machine);
        found.iter().for_each(|(name, part)| report::record(name, &part.text()));
        if named.is_empty() { report::record("gates", &table) } else { report::record_gates(gates()) }
    }
    let directory = if plan.quick { report::SKETCHES } else { report::PLOTS };
    let rows: Vec<&Row> = found.iter().flat_map(|(_, part)| &part.rows).collect();
    // It needs the lines of several parts.
    let pictures = throughput::plot(&rows).into_iter().filter(|_| named.is_empty());
    for (name, picture) in pictures.chain(found.iter().flat_map(|(_, part)| part.plots.iter().cloned())) {
        report::draw(directory, &name, &picture);
        eprintln!("{directory}/{name}.svg");
    }
    assert!(broken.is_empty(), "parts that could not run: {}", broken.join(", "));
    let failed: Vec<String> = gates().filter(|gate| gate.fails()).map(Gate::line).collect();
    assert!(failed.is_empty(), "the run does not show what it must:\n{}", failed.join("\n"));
}
