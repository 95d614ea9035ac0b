//! Fuzzing on stable Rust: the corpus in `tests/fuzz/corpus` is replayed, then mutated a fixed number of times from a
//! fixed seed, so that a run is the same everywhere. To run longer or elsewhere:
//!
//! `HILUM_FUZZ_ITERATIONS=5000000 HILUM_FUZZ_SEED=7 cargo test --release --test fuzz -- --nocapture`
//!
//! The same targets run under libFuzzer from `fuzz/`, see its README.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a target fails by panicking")]

#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mutate::{Chance, mutate};
use targets::{TARGETS, Target};

/// Mutations per target in an ordinary run: a second or two for each without optimisation.
const ITERATIONS: u64 = 20_000;
const SEED: u64 = 0x4869_6C75_6D21;

fn corpus_of(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

/// The corpus of a target by file name.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let directory = corpus_of(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let files: BTreeMap<_, _> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    files
}

/// A number from the environment; one that cannot be read is a mistake, not a default.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}; write a whole number")),
        Err(_) => default,
    }
}

/// Runs one input, and says which it was if it fails.
fn run(name: &str, target: Target, input: &[u8], origin: &dyn Fn() -> String) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let mut digits = String::new();
        for byte in input {
            write!(digits, "{byte:02x}").unwrap();
        }
        panic!("{name} failed on {} ({} bytes): {digits}", origin(), input.len());
    }
}

#[test]
fn the_corpus_is_replayed_and_every_target_holds() {
    for (name, target) in TARGETS {
        for (file, bytes) in corpus(name) {
            run(name, *target, &bytes, &|| file.clone());
        }
    }
}

#[test]
fn mutations_of_the_corpus_find_nothing() {
    let (iterations, seed) = (number("HILUM_FUZZ_ITERATIONS", ITERATIONS), number("HILUM_FUZZ_SEED", SEED));
    for (name, target) in TARGETS {
        println!("{name}: {iterations} mutations, seed {seed}");
        let inputs: Vec<Vec<u8>> = corpus(name).into_values().collect();
        let mut chance = Chance::new(seed);
        for iteration in 0..iterations {
            let input = mutate(&inputs, &mut chance);
            run(name, *target, &input, &|| format!("mutation {iteration} of seed {seed}"));
        }
    }
}

#[test]
fn the_corpus_holds_every_seed_of_its_generator() {
    for seed in seeds::seeds() {
        let files = corpus(seed.target);
        assert!(
            files.get(&seed.name) == Some(&seed.bytes),
            "{}/{} is missing or old: run `cargo test --test fuzz -- --ignored`",
            seed.target,
            seed.name
        );
    }
    let named: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert!(seeds::seeds().iter().all(|seed| named.contains(&seed.target)), "a seed for a target that is not there");
}

#[test]
fn mutation_reaches_behind_the_header() {
    // A mutator that only ever makes garbage would let every target pass.
    let inputs: Vec<Vec<u8>> = corpus("wire_message").into_values().collect();
    let mut chance = Chance::new(SEED);
    let accepted = (0..2000).filter(|_| hilum::wire::Message::parse(&mutate(&inputs, &mut chance)).is_ok()).count();
    assert!(accepted > 200, "only {accepted} of 2000 mutations are messages");
}

#[test]
#[ignore = "writes files: run it after a change of tests/fuzz/seeds.rs"]
fn writes_the_seeds_into_the_corpus() {
    for seed in seeds::seeds() {
        let directory = corpus_of(seed.target);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(&seed.name), &seed.bytes).unwrap();
    }
}
