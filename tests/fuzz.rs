//! Fuzzing on stable Rust: the corpus in `tests/fuzz/corpus` is replayed, then mutated a fixed number of times from a
//! fixed seed, so that a run is the same everywhere. To run longer or elsewhere:
//!
//! `HILUM_FUZZ_ITERATIONS=5000000 HILUM_FUZZ_SEED=7 cargo test --release --test fuzz -- --nocapture`
//!
//! The same targets run under libFuzzer from `fuzz/`, see its README.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target fails by panicking"
)]

#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hilum::addr::Transport;
use hilum::turn::{Answer, Direction, Discard, EndCause};
use hilum::wire::{DatagramKind as Kind, Method};
use mutate::{Chance, mutate};
use targets::{TARGETS, Target};

/// Where every run starts that is not told otherwise.
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

/// Where mutations begin: what is well-formed, and not what libFuzzer found by breaking it. That is replayed as it is.
fn starts(target: &str) -> Vec<Vec<u8>> {
    corpus(target).into_iter().filter(|(name, _)| !name.starts_with("found-")).map(|(_, bytes)| bytes).collect()
}

/// A number from the environment; one that cannot be read is a mistake, not a default.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}; write a whole number")))
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
    for (name, target, _) in TARGETS {
        for (file, bytes) in corpus(name) {
            run(name, *target, &bytes, &|| file.clone());
        }
    }
}

#[test]
fn mutations_of_the_corpus_find_nothing() {
    let seed = number("HILUM_FUZZ_SEED").unwrap_or(SEED);
    for (name, target, usual) in TARGETS {
        let iterations = number("HILUM_FUZZ_ITERATIONS").unwrap_or(*usual);
        println!("{name}: {iterations} mutations, seed {seed}");
        let inputs = starts(name);
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
    let named: Vec<_> = TARGETS.iter().map(|(name, ..)| *name).collect();
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
fn mutation_reaches_into_the_hellos() {
    let inputs: Vec<Vec<u8>> = corpus("wire_dtls").into_values().collect();
    let mut chance = Chance::new(SEED);
    let mut hellos = [0; 2];
    for _ in 0..2000 {
        let [read, refused] = targets::hellos_in(&mutate(&inputs, &mut chance));
        hellos = [hellos[0] + read, hellos[1] + refused];
    }
    assert!(hellos.iter().all(|count| *count > 50), "{hellos:?} hellos read and refused in 2000 mutations");
}

/// How many of so many mutations are not, and are, what a reader looks for.
fn sorted(inputs: &[Vec<u8>], mutations: usize, is: impl Fn(&[u8]) -> bool) -> [usize; 2] {
    let mut chance = Chance::new(SEED);
    let those = (0..mutations).filter(|_| is(&mutate(inputs, &mut chance))).count();
    [mutations - those, those]
}

#[test]
fn mutation_reaches_into_the_tokens() {
    let inputs: Vec<Vec<u8>> = corpus("auth_token").into_values().collect();
    let tokens = sorted(&inputs, 1000, targets::read_token);
    assert!(tokens.iter().all(|count| *count > 50), "{tokens:?} refused at the door and read in 1000 mutations");
}

#[test]
fn mutation_reaches_into_the_proxy_headers() {
    let inputs: Vec<Vec<u8>> = corpus("wire_proxy").into_values().collect();
    let headers = sorted(&inputs, 2000, targets::read_proxy);
    assert!(headers.iter().all(|count| *count > 100), "{headers:?} without and with a client in 2000 mutations");
}

#[test]
fn mutation_reaches_into_the_openings() {
    let inputs: Vec<Vec<u8>> = corpus("wire_spoken").into_values().collect();
    let openings = sorted(&inputs, 2000, targets::read_spoken);
    assert!(openings.iter().all(|count| *count > 100), "{openings:?} told and refused in 2000 mutations");
}

#[cfg(feature = "server")]
#[test]
fn mutation_reaches_into_the_journals() {
    let inputs: Vec<Vec<u8>> = corpus("journal").into_values().collect();
    let journals = sorted(&inputs, 2000, targets::read_journal);
    assert!(journals.iter().all(|count| *count > 50), "{journals:?} refused and read in 2000 mutations");
}

#[test]
fn mutation_reaches_into_the_descriptions() {
    let inputs = starts("sdp");
    let descriptions = sorted(&inputs, 2000, targets::read_sdp);
    assert!(descriptions.iter().all(|count| *count > 50), "{descriptions:?} refused and passed in 2000 mutations");
}

#[test]
fn the_records_of_the_corpus_are_taken_in() {
    // After a change of what records look like: `cargo test --test seal -- --ignored`.
    for (name, records) in corpus("relay_snapshot") {
        let [taken, left] = targets::run_snapshot(&records);
        assert!(taken > 1 && left == 0, "{name}: {taken} records are taken in and {left} are not");
    }
}

#[test]
fn mutation_reaches_into_the_records() {
    let inputs: Vec<Vec<u8>> = corpus("relay_snapshot").into_values().collect();
    let mut chance = Chance::new(SEED);
    let mut records = [0; 2];
    for _ in 0..100 {
        let [taken, left] = targets::run_snapshot(&mutate(&inputs, &mut chance));
        records = [records[0] + taken, records[1] + left];
    }
    assert!(records.iter().all(|count| *count > 50), "{records:?} records taken in and not, in 100 mutations");
}

#[test]
fn the_programs_of_the_corpus_reach_every_part_of_the_relay() {
    // A program that is refused at the door would let the relay targets pass whatever is behind it.
    let mut answers = BTreeSet::new();
    let mut discards = BTreeSet::new();
    let mut ends = BTreeSet::new();
    let mut relayed = [0; 2];
    let programs = corpus("relay_authenticated").into_values().map(|program| targets::run_authenticated(&program));
    for tally in programs {
        for method in [Method::Allocate, Method::Refresh, Method::CreatePermission, Method::ChannelBind] {
            let given = Answer::ALL.into_iter().filter(|answer| tally.requests(method, *answer) > 0);
            answers.extend(given.map(|answer| format!("{} {}", method.label(), answer.label())));
        }
        discards.extend(Discard::ALL.iter().filter(|reason| tally.discards(**reason) > 0).map(|reason| reason.label()));
        ends.extend(EndCause::ALL.iter().filter(|cause| tally.ended(**cause) > 0).map(|cause| cause.label()));
        for transport in Transport::ALL {
            relayed[0] += tally.traffic(transport, Direction::ToPeer).packets;
            relayed[1] += tally.traffic(transport, Direction::FromPeer).packets;
        }
    }
    let missing = |wanted: &[&str], found: &dyn Fn(&str) -> bool| {
        wanted.iter().filter(|each| !found(each)).map(|each| (*each).to_owned()).collect::<Vec<_>>()
    };
    let wanted = [
        "allocate success",
        "allocate 400",
        "allocate 401",
        "allocate 437",
        "allocate 486",
        "allocate 508",
        "refresh success",
        "refresh 437",
        "refresh 441",
        "create_permission success",
        "create_permission 403",
        "create_permission 441",
        "create_permission 443",
        "create_permission 508",
        "channel_bind success",
        "channel_bind 400",
        "channel_bind 403",
        "channel_bind 508",
    ];
    assert_eq!(missing(&wanted, &|each| answers.contains(each)), [""; 0], "answers");
    let wanted = ["no_allocation", "no_channel", "no_permission", "peer_forbidden"];
    assert_eq!(missing(&wanted, &|each| discards.contains(each)), [""; 0], "discards");
    let wanted = ["deleted", "expired", "credential_ended", "disconnected", "ended", "stopped"];
    assert_eq!(missing(&wanted, &|each| ends.contains(each)), [""; 0], "ends");
    assert!(relayed.iter().all(|packets| *packets > 3), "{relayed:?} packets relayed to and from peers");
}

#[test]
fn the_calls_of_the_corpus_reach_each_other_and_the_peer_outside() {
    let carried: BTreeMap<String, [u64; 2]> =
        corpus("relay_calls").into_iter().map(|(name, program)| (name, targets::run_calls(&program))).collect();
    let of = |name: &str| carried[name];
    assert_eq!((of("call"), of("two_calls")), ([2, 0], [6, 0]));
    assert_eq!((of("strangers_to_each_other"), of("outward"), of("revoked")), ([0, 0], [0, 1], [5, 0]));
    assert_eq!((of("outward_in_a_call"), of("one_sided")), ([4, 0], [1, 0]));
}

#[test]
fn the_programs_of_the_corpus_open_the_seals_they_are_about() {
    let opened: BTreeMap<_, _> =
        targets::seal::programs().into_iter().map(|(name, program)| (name, targets::seal::run(&program))).collect();
    let expected = |name: &str| match name {
        "handshake_1_2_then_media"
        | "handshake_of_others"
        | "both_legs"
        | "another_path"
        | "handshake_in_checks"
        | "again"
        | "forgotten"
        | "clear" => [true, false, false, false],
        "handshake_1_3_then_media" => [false, true, false, false],
        "handshake_of_two_alike" => [false, false, true, false],
        _ => [false; 4],
    };
    for (name, opened) in opened {
        assert_eq!(opened, expected(name), "{name}");
    }
}

#[test]
fn the_datagrams_of_the_corpus_are_of_every_kind() {
    let kind = |bytes: &Vec<u8>| bytes.first().map(|&first| hilum::wire::datagram_kind(first, true));
    let kinds: Vec<_> = corpus("wire_datagram").values().filter_map(kind).collect();
    for kind in [Kind::Stun, Kind::Zrtp, Kind::Dtls, Kind::ChannelData, Kind::Quic, Kind::Media, Kind::Unknown] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn the_strangers_of_the_corpus_are_challenged_and_refused() {
    let mut challenges = 0;
    let mut discards = BTreeSet::new();
    for program in corpus("relay_unauthenticated").into_values() {
        let tally = targets::run_unauthenticated(&program);
        challenges += tally.challenges;
        discards.extend(Discard::ALL.iter().filter(|reason| tally.discards(**reason) > 0).map(|reason| reason.label()));
    }
    // One challenge in each is the victim's.
    assert!(challenges > 5 + u64::try_from(corpus("relay_unauthenticated").len()).unwrap());
    for reason in ["dtls", "no_allocation", "not_for_servers", "malformed"] {
        assert!(discards.contains(reason), "no stranger is discarded for {reason}");
    }
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
