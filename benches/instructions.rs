//! Instructions that one forward takes in the state machine, to an open peer and within a closed call, each way, with the
//! seal off and with it enforced on an open flow, without a rate and with one, as valgrind counts them: the same on every
//! run, so that a change shows at once.
//!
//! `cargo bench --no-default-features --bench instructions`; Debian's package is `valgrind`. What they were is recorded
//! in `benches/instructions.txt`, and 3 % more fail. Who means it records them with the reason, in the same commit:
//! `cargo bench --bench instructions -- --record "why a forward is worth more"`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot run should say where"
)]

mod forwarding;
#[path = "instructions/recorded.rs"]
mod recorded;

use std::num::NonZeroU32;
use std::process::{Command, ExitCode};

use forwarding::{Bench, Peer, Way};
use hilum::policy::RateLimit;
use hilum::policy::seal::Mode;
use recorded::Recorded;

/// Forwards counted.
const FORWARDS: u64 = 10_000;
/// What the seal may add on an open flow: 8 % of a forward, or 40 ns where that is more. Today's processors do some 4
/// instructions in a nanosecond at best, and one that does fewer has spent the 40 ns on fewer than these.
const SEAL_PERCENT: u64 = 8;
const SEAL_LEAST: u64 = 40 * 4;
/// What a rate may add: the sender's, and within a closed call the receiver's as well.
const RATE_MOST: u64 = 100;
/// The widest rate that there is: half a second of it are some 500,000 packets.
const RATE: RateLimit = RateLimit { kbps: NonZeroU32::new(10_000_000), packets: NonZeroU32::new(10_000_000) };
/// The C library chooses by processor how it copies bytes. Here it copies as on the oldest one, wherever this runs; newer
/// ones take fewer instructions.
const SAME_EVERYWHERE: &str = "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-ERMS,\
                               -FSRM,-SSSE3,-Prefer_ERMS,-Prefer_FSRM,-Fast_Copy_Backward,-Fast_Unaligned_Copy";

const PEERS: [(&str, Peer); 2] = [("open", Peer::Open), ("closed", Peer::Closed)];
const WAYS: [(&str, Way); 2] = [("up", Way::Up), ("down", Way::Down)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--run", peer, way, mode, count] => {
            let peer = PEERS.iter().find(|(name, _)| *name == peer).unwrap().1;
            let way = WAYS.iter().find(|(name, _)| *name == way).unwrap().1;
            run(peer, way, mode, count.parse().unwrap());
            ExitCode::SUCCESS
        }
        [.., "--test"] => ExitCode::SUCCESS,
        ["--record", reason, ..] => report(Some(reason)),
        _ => report(None),
    }
}

fn run(peer: Peer, way: Way, mode: &str, count: u64) {
    let rate = if mode == "limited" { RATE } else { RateLimit::NONE };
    let mode = if mode == "sealed" { Mode::Enforce } else { Mode::Off };
    let mut bench = Bench::new(peer, 1200, mode, rate);
    bench.load(way);
    for _ in 0..count {
        std::hint::black_box(bench.forward(way));
    }
}

fn report(reason: Option<&str>) -> ExitCode {
    let mut counted = Vec::new();
    for (peer, way) in PEERS.iter().flat_map(|(peer, _)| WAYS.map(|(way, _)| (*peer, way))) {
        // Twice as many forwards less once as many: what is left is the forwards alone.
        let each = |mode| {
            let [twice, once] = [2, 1].map(|times| instructions(&[peer, way, mode], times * FORWARDS));
            (twice - once) / FORWARDS
        };
        let (off, sealed, limited) = (each("off"), each("sealed"), each("limited"));
        assert!(off.min(sealed) > 100, "fewer instructions than a forward can take: it was not made");
        let may_add = (off * SEAL_PERCENT / 100).max(SEAL_LEAST);
        let (seal, rate) = (sealed.saturating_sub(off), limited.saturating_sub(off));
        let rate_most = if peer == "closed" { 2 * RATE_MOST } else { RATE_MOST };
        println!("{peer} {way}: {off}, the seal adds {seal} of {may_add}, a rate {rate} of {rate_most}");
        assert!(seal <= may_add, "the seal adds more instructions to a forward {peer} {way} than it may");
        assert!((1..=rate_most).contains(&rate), "a rate adds more to a forward {peer} {way} than it may, or nothing");
        let names = [("", off), (", sealed", sealed), (", with a rate", limited)];
        counted.extend(names.map(|(what, number)| (format!("{peer} {way}{what}"), number)));
    }
    let recorded = Recorded::read();
    if let Some(reason) = reason {
        recorded.renew(&counted, reason);
        return ExitCode::SUCCESS;
    }
    recorded.verdict(&counted)
}

fn instructions(what: &[&str; 3], count: u64) -> u64 {
    let output = Command::new("valgrind")
        .env("GLIBC_TUNABLES", SAME_EVERYWHERE)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .arg("--run")
        .args(what)
        .arg(count.to_string())
        .output()
        .expect("valgrind runs; install Debian's package valgrind");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the forwards that are counted come to their end:\n{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind tells its count");
    line.1.trim().parse().unwrap()
}
