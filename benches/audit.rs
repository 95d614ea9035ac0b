//! How fast an audit log is verified, beside the hash alone: `cargo bench --bench audit`.
//!
//! Verifying has to read, hash, link and understand every record; the hash is the part that nobody can save. The first
//! number on the command line is how many records, a million by default.
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and stops when it fails"
)]

use std::time::{Duration, Instant};

use hilum::audit::disk::{segment, segments};
use hilum::audit::fact::{CallBegun, CallEnded, SealResult, Transports};
use hilum::audit::line::Chain;
use hilum::audit::verify::{Evidence, verify};
use hilum::audit::{CHECKPOINT_EVERY, Day, Digest, Fact, MasterKey, SigningKey};
use hilum::time::UnixTime;

const MILLION: u64 = 1_000_000;
/// Bytes of a file, as in a node.
const FILE: usize = 64 * 1024 * 1024;
const START: UnixTime = UnixTime::from_secs(1_795_737_700);

fn facts() -> [Fact; 2] {
    let key = MasterKey::new(&[7; 32]).expect("a key");
    let call = key.pseudonym(b"call", Day::of(START));
    let region: hilum::audit::Label = "eu-north".parse().expect("a label");
    let ended = CallEnded {
        call,
        region: region.clone(),
        seconds: 900,
        transports: Transports { udp: 2, tcp: 0, tls: 1 },
        bytes_up: 123_456_789,
        bytes_down: 98_765_432,
        seal: SealResult::Sealed,
        handshakes: vec!["1.3/encrypted".parse().expect("a label")],
        refused: 0,
        cause: "deleted".parse().expect("a label"),
    };
    [CallBegun { call, region }.into(), ended.into()]
}

fn rate(name: &str, count: u64, took: Duration) -> f64 {
    let rate = count as f64 / took.as_secs_f64();
    println!("{name:<8} {count} records in {:.2} s, {rate:.0} records/s", took.as_secs_f64());
    rate
}

fn main() {
    let count = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(MILLION);
    let directory = tempfile::tempdir().expect("a directory");
    let key = SigningKey::generate().expect("a key");
    let facts = facts();

    let begin = Instant::now();
    let (mut chain, mut lines) = (Chain::START, Vec::new());
    let mut first = 1;
    for number in 1..=count {
        let at = START.plus_secs(number / 100);
        if number % CHECKPOINT_EVERY == 0 || number == count {
            chain.checkpoint(at, &key, &mut lines).expect("a line");
        } else {
            let fact = facts.get(usize::from(number % 2 == 0)).expect("one of two");
            chain.append(at, fact, &mut lines).expect("a line");
        }
        if lines.len() >= FILE || number == count {
            std::fs::write(segment(directory.path(), first), &lines).expect("a file");
            lines.clear();
            first = chain.next;
        }
    }
    rate("written", count, begin.elapsed());

    let begin = Instant::now();
    let evidence = Evidence { keys: vec![key.public().clone()], ..Evidence::default() };
    let verdict = verify(directory.path(), &evidence, |_, _| {}).expect("files");
    let verified = rate("verified", verdict.lines, begin.elapsed());
    assert!(verdict.is_good() && verdict.lines == count, "{:?}", verdict.faults);

    let files: Vec<Vec<u8>> = segments(directory.path())
        .expect("files")
        .iter()
        .map(|(_, path)| std::fs::read(path).expect("a file"))
        .collect();
    let begin = Instant::now();
    for line in files.iter().flat_map(|file| file.split_inclusive(|byte| *byte == b'\n')) {
        std::hint::black_box(Digest::of(line));
    }
    let hashed = rate("hashed", count, begin.elapsed());
    println!("verifying takes {:.1} times as long as SHA-256 alone", hashed / verified);
}
