//! Each case is a seed of the fuzz target `seal_datagrams`, in the form of `tests/fuzz/seal_datagrams.rs`.

use std::path::{Path, PathBuf};

use hilum::policy::seal::{Mode, Profile, Settings, Version};

use crate::alone::Alone;
use crate::cases::{cases, settings_of};
use crate::language::{Case, Place};
use crate::play::Play;
use crate::stage::{Seen, Stage, Who};

/// Longer ones teach a mutator nothing that shorter ones do not.
const LONGEST: usize = 6000;

/// Plays alone, and writes down what it is told.
struct Recorder {
    stage: Alone,
    program: Vec<u8>,
    seconds: u64,
}

/// Which path of the target this is, seen from its client.
fn path(from: &Place, to: (&Place, &Who)) -> Option<u8> {
    let name = |place: &Place| format!("{}/{}", place.name, place.allocation);
    match (name(from).as_str(), name(to.0).as_str(), to.1) {
        ("alice/1", _, Who::Foreign(address)) => Some(if address.is_ipv4() { 4 } else { 5 }),
        ("alice/1", "bob/1", _) => Some(0),
        ("bob/1", "alice/1", _) => Some(1),
        ("alice/2", "bob/1" | "bob/2", _) => Some(2),
        ("bob/1" | "bob/2", "alice/2", _) => Some(3),
        ("alice/1", "carol/1", _) => Some(6),
        ("alice/1", "twin/1", _) => Some(7),
        _ => None,
    }
}

impl Recorder {
    fn step(&mut self, head: u8, datagram: &[u8]) {
        let seconds = u8::try_from(std::mem::take(&mut self.seconds).min(127)).unwrap();
        let time = if seconds == 0 { 1 } else { 128 + seconds };
        self.program.extend([head, time]);
        self.program.extend(u16::try_from(datagram.len()).unwrap().to_be_bytes());
        self.program.extend(datagram);
    }
}

impl Stage for Recorder {
    fn send(&mut self, from: (&Place, &Who), to: (&Place, &Who), datagram: &[u8]) -> Seen {
        if let Some(path) = path(from.0, to) {
            self.step(path, datagram);
        }
        if let Some(path) = path(to.0, from) {
            self.step(path | 8, datagram);
        }
        self.stage.send(from, to, datagram)
    }

    fn wait(&mut self, seconds: u64) {
        self.seconds += seconds;
        self.stage.wait(seconds);
    }

    fn end(&mut self, place: &Place) {
        for path in match place.name.as_str() {
            "alice" => [0, 2, 4, 5, 6, 7].as_slice(),
            _ => &[1, 3],
        } {
            self.step(path | 0x30, &[]);
        }
        self.stage.end(place);
    }

    fn closed(&self) -> usize {
        self.stage.closed()
    }
}

fn first_byte(settings: &Settings) -> u8 {
    let mode = match settings.mode {
        Mode::Enforce => 0,
        Mode::Report => 2,
        Mode::Off => 3,
    };
    let version = if settings.min_version == Version::Dtls13 { 4 } else { 0 };
    let statistics = if settings.statistics { 0 } else { 8 };
    let profiles = if settings.profiles.has(Profile::Aes128CmSha1_32) { 16 } else { 0 };
    mode | version | statistics | profiles
}

fn seed(case: &Case) -> Option<(String, Vec<u8>)> {
    let settings = settings_of(case);
    let mut recorder = Recorder { stage: Alone::new(settings), program: vec![first_byte(&settings)], seconds: 0 };
    Play::new(&mut recorder).case(case).unwrap_or_else(|fault| panic!("{fault}"));
    let name = case.name.trim_end_matches(".case").replace(['/', '.', '-'], "_");
    (recorder.program.len() <= LONGEST && recorder.program.len() > 1).then_some((name, recorder.program))
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/seal_datagrams")
}

fn seeds() -> Vec<(String, Vec<u8>)> {
    ["block", "pass"].into_iter().flat_map(cases).filter_map(|case| seed(&case)).collect()
}

#[test]
fn every_case_is_a_seed_of_the_fuzz_target() {
    let seeds = seeds();
    assert!(seeds.len() > 80, "only {} seeds", seeds.len());
    for (name, program) in seeds {
        let known = std::fs::read(corpus().join(&name)).unwrap_or_default();
        assert!(known == program, "{name} is missing or old: run `cargo test --test seal -- --ignored`");
    }
}

#[test]
#[ignore = "writes files: run it after a change of the cases"]
fn writes_the_seeds_into_the_corpus() {
    std::fs::create_dir_all(corpus()).unwrap();
    for (name, program) in seeds() {
        std::fs::write(corpus().join(name), program).unwrap();
    }
}
