//! Each case is a seed of the fuzz target `seal_datagrams`, in the form of `tests/fuzz/seal_datagrams.rs`; and what a relay
//! would leave to another process after some of them one of `relay_snapshot`.

use std::path::{Path, PathBuf};

use hilum::policy::seal::{Mode, Profile, Settings, Version};

use crate::alone::Alone;
use crate::cases::{cases, settings_of};
use crate::language::{Case, Place};
use crate::play::Play;
use crate::relayed::Relayed;
use crate::stage::{Seen, Stage, Who};
use crate::world::{Client, Request, START, Token, World};

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

/// Records as the target `relay_snapshot` reads them.
fn list(records: &[Vec<u8>]) -> Vec<u8> {
    let length = |record: &Vec<u8>| u16::try_from(record.len()).unwrap().to_be_bytes();
    records.iter().flat_map(|record| [&length(record)[..], record].concat()).collect()
}

/// What relays would leave to other processes: after cases of the seal, and after requests of all kinds.
fn records() -> Vec<(String, Vec<u8>)> {
    let some = cases("pass").into_iter().step_by(6).chain(cases("block").into_iter().step_by(20));
    let mut seeds = Vec::new();
    for case in some {
        let mut relayed = Relayed::new(settings_of(&case), 0).over_udp();
        Play::new(&mut relayed).case(&case).unwrap_or_else(|fault| panic!("{fault}"));
        let name = case.name.trim_end_matches(".case").replace(['/', '.', '-'], "_");
        seeds.push((name, list(&relayed.records())));
    }
    let mut world = World::default();
    let pair = Request::allocate().with(hilum::wire::AttributeType::EVEN_PORT, &[0x80]);
    world.request(&Client::number(1), pair).expect_success();
    let ephemeral = Client::number(2).ephemeral(START.plus_secs(4000), "guest");
    world.allocate(&ephemeral);
    world.bind(&ephemeral, 0x4000, "203.0.113.5:7000");
    world.permit(&ephemeral, &["203.0.113.6:1"]);
    seeds.push(("requests".to_owned(), list(&world.records().into_values().collect::<Vec<_>>())));
    let mut world = World::default();
    let outward =
        Token { more: r#","peers":["203.0.113.5"],"lim":{"kbps":500,"alloc":3}"#, ..Token::new("visit", "b") };
    let [ada, bea] = [Token::new("visit", "a"), outward].map(|token| token.username());
    let parties = [Client::number(3).with_username(ada), Client::number(4).with_username(bea)];
    let relayed = parties.clone().map(|party| world.allocate(&party));
    world.bind(&parties[0], 0x4000, &relayed[1].to_string());
    world.bind(&parties[1], 0x4001, &relayed[0].to_string());
    seeds.push(("call".to_owned(), list(&world.records().into_values().collect::<Vec<_>>())));
    seeds
}

#[test]
#[ignore = "writes files: run it after a change of what records look like"]
fn writes_records_into_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/relay_snapshot");
    std::fs::create_dir_all(&corpus).unwrap();
    for (name, records) in records() {
        std::fs::write(corpus.join(name), records).unwrap();
    }
}
