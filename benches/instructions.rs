//! Instructions that one forward takes in the state machine, each way, with the seal off and with it enforced on an open
//! flow, without a rate and with one, as valgrind counts them: the same on every run, so that a change shows at once.
//!
//! `cargo bench --no-default-features --bench instructions`; Debian's package is `valgrind`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run should say where")]

mod forwarding;

use std::num::NonZeroU32;
use std::process::Command;

use forwarding::{Bench, Way};
use hilum::policy::RateLimit;
use hilum::policy::seal::Mode;

/// Forwards counted.
const FORWARDS: u64 = 10_000;
/// What a forward may take without the seal. A change that needs more has to say why it is worth it.
const MOST: u64 = 1500;
/// What the seal may add on an open flow: 8 % of a forward, or 40 ns where that is more. Today's processors do some 4
/// instructions in a nanosecond at best, and one that does fewer has spent the 40 ns on fewer than these.
const SEAL_PERCENT: u64 = 8;
const SEAL_LEAST: u64 = 40 * 4;
/// What a rate may add.
const RATE_MOST: u64 = 100;
/// The widest rate that there is: half a second of it are some 500,000 packets.
const RATE: RateLimit = RateLimit { kbps: NonZeroU32::new(10_000_000), packets: NonZeroU32::new(10_000_000) };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--run", mode, way, count] => {
            let rate = if mode == "limited" { RATE } else { RateLimit::NONE };
            let mode = if mode == "enforce" { Mode::Enforce } else { Mode::Off };
            run(mode, rate, if way == "up" { Way::Up } else { Way::Down }, count.parse().unwrap());
        }
        [.., "--test"] => {}
        _ => report(),
    }
}

fn run(mode: Mode, rate: RateLimit, way: Way, count: u64) {
    let mut bench = Bench::new(1200, mode, rate);
    bench.load(way);
    for _ in 0..count {
        std::hint::black_box(bench.forward(way));
    }
}

fn report() {
    for way in ["up", "down"] {
        // Twice as many forwards less once as many: what is left is the forwards alone.
        let each = |mode| (instructions(mode, way, 2 * FORWARDS) - instructions(mode, way, FORWARDS)) / FORWARDS;
        let (off, sealed, limited) = (each("off"), each("enforce"), each("limited"));
        let added = sealed.saturating_sub(off);
        let may_add = (off * SEAL_PERCENT / 100).max(SEAL_LEAST);
        println!("{way}: {off} instructions per forward (at most {MOST})");
        println!("{way}, sealed: {sealed}, that is {added} more (at most {may_add})");
        println!("{way}, with a rate: {limited}, that is {} more (at most {RATE_MOST})", limited.saturating_sub(off));
        assert!(off > 100 && sealed >= off, "fewer instructions than a forward can take: it was not made");
        assert!(off <= MOST, "one forward {way} takes more instructions than it may");
        assert!(
            limited >= off && limited - off <= RATE_MOST,
            "a rate adds more to a forward {way} than it may, or nothing"
        );
        assert!(added <= may_add, "the seal adds more instructions to a forward {way} than it may");
    }
}

fn instructions(mode: &str, way: &str, count: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--run", mode, way, &count.to_string()])
        .output()
        .expect("valgrind runs; install Debian's package valgrind");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the forwards that are counted come to their end:\n{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind tells its count");
    line.1.trim().parse().unwrap()
}
