//! Instructions that one forward takes in the state machine, each way, as valgrind counts them: the same on every run, so
//! that a change shows at once.
//!
//! `cargo bench --no-default-features --bench instructions`; Debian's package is `valgrind`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run should say where")]

mod forwarding;

use std::process::Command;

use forwarding::{Bench, Way};

/// Forwards counted.
const FORWARDS: u64 = 10_000;
/// What a forward may take. A change that needs more has to say why it is worth it.
const MOST: u64 = 1500;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--run", way, count] => run(if way == "up" { Way::Up } else { Way::Down }, count.parse().unwrap()),
        [.., "--test"] => {}
        _ => report(),
    }
}

fn run(way: Way, count: u64) {
    let mut bench = Bench::new(1200);
    bench.load(way);
    for _ in 0..count {
        std::hint::black_box(bench.forward(way));
    }
}

fn report() {
    for way in ["up", "down"] {
        // Twice as many forwards less once as many: what is left is the forwards alone.
        let each = (instructions(way, 2 * FORWARDS) - instructions(way, FORWARDS)) / FORWARDS;
        println!("{way}: {each} instructions per forward (at most {MOST})");
        assert!(each <= MOST, "one forward {way} takes more instructions than it may");
    }
}

fn instructions(way: &str, count: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--run", way, &count.to_string()])
        .output()
        .expect("valgrind runs; install Debian's package valgrind");
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind tells its count");
    line.1.trim().parse().unwrap()
}
