//! The cases: read, played on both stages, and counted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hilum::policy::seal::{Reason, Settings};

use crate::alone::Alone;
use crate::language::{Action, Case, Expected};
use crate::play::Play;
use crate::relayed::Relayed;
use crate::stage::settings;

fn directory(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seal/cases").join(kind)
}

/// All cases of a kind, in order.
pub fn cases(kind: &str) -> Vec<Case> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory(kind)).unwrap().map(|each| each.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        assert_eq!(path.extension().unwrap(), "case", "{}", path.display());
        let name = format!("{kind}/{}", path.file_name().unwrap().to_string_lossy());
        Case::read(&name, &std::fs::read_to_string(path).unwrap()).unwrap_or_else(|fault| panic!("{fault}"))
    };
    paths.iter().map(read).collect()
}

pub fn settings_of(case: &Case) -> Settings {
    match case.steps.first().map(|step| &step.action) {
        Some(Action::Settings(words)) => settings(words).unwrap_or_else(|fault| panic!("{}: {fault}", case.name)),
        _ => Settings::default(),
    }
}

/// Every case of a kind on a stage; all faults together, so that one look shows what a change has done.
fn play_all(kind: &str, mut play: impl FnMut(usize, &Case) -> Result<(), String>) {
    let cases = cases(kind);
    let faults: Vec<String> = cases.iter().enumerate().filter_map(|(index, case)| play(index, case).err()).collect();
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

fn alone(case: &Case) -> Result<(), String> {
    Play::new(&mut Alone::new(settings_of(case))).case(case)
}

fn relayed(index: usize, case: &Case) -> Result<(), String> {
    // Three transports and two ways to speak: six clients in a row differ.
    Play::new(&mut Relayed::new(settings_of(case), u16::try_from(index).unwrap())).case(case)
}

#[test]
fn what_must_be_blocked_is_blocked() {
    play_all("block", |_, case| alone(case));
}

#[test]
fn what_must_pass_passes() {
    play_all("pass", |_, case| alone(case));
}

#[test]
fn a_relay_blocks_it_counts_it_and_says_so() {
    play_all("block", relayed);
}

#[test]
fn a_relay_passes_it_unchanged() {
    play_all("pass", relayed);
}

/// Whether nobody outside has a part in a case.
fn is_among_clients(case: &Case) -> bool {
    !case.steps.iter().any(|step| matches!(step.action, Action::Foreign(..)))
}

// Between two clients of the relay a datagram is judged without leaving it: media by the sender's path alone. Nothing else
// may be different.
#[test]
fn inside_a_relay_the_verdicts_are_the_same() {
    let mut played = 0;
    for kind in ["block", "pass"] {
        play_all(kind, |index, case| {
            if !is_among_clients(case) {
                return Ok(());
            }
            played += 1;
            Play::new(&mut Relayed::inside(settings_of(case), u16::try_from(index).unwrap())).case(case)
        });
    }
    assert!(played >= 100, "{played} cases are among clients");
}

// What an operator restarts, upgrades or loses is the same relay to its clients: the seal neither opens nor closes by it.
// Only a hello of which a part has come is forgotten, as if that part had been lost on the way.
#[test]
fn another_process_before_every_datagram_changes_no_verdict() {
    for kind in ["block", "pass"] {
        play_all(kind, |index, case| {
            if ["fragment", "lossy"].iter().any(|parts| case.name.contains(parts)) {
                return Ok(());
            }
            let turn = u16::try_from(index).unwrap();
            Play::new(&mut Relayed::new(settings_of(case), turn).restarting()).case(case)?;
            if !is_among_clients(case) {
                return Ok(());
            }
            Play::new(&mut Relayed::inside(settings_of(case), turn).restarting()).case(case)
        });
    }
}

/// The verdicts that a case asks for.
fn verdicts(case: &Case) -> impl Iterator<Item = &Expected> {
    case.steps.iter().filter_map(|step| match &step.action {
        Action::Send { expected, .. } => Some(expected),
        _ => None,
    })
}

// Issue 3: at least 60 cases that must be blocked and 30 that must pass, each of the kind that its folder says.
#[test]
fn there_are_enough_cases_and_each_is_in_its_place() {
    let (block, pass) = (cases("block"), cases("pass"));
    assert!(block.len() >= 60 && pass.len() >= 30, "{} and {}", block.len(), pass.len());
    for case in &block {
        let stopped = verdicts(case).any(|each| matches!(each, Expected::Refused(_) | Expected::Reported(_)));
        assert!(stopped, "{}: nothing is blocked", case.name);
    }
    for case in &pass {
        assert!(verdicts(case).all(|each| matches!(each, Expected::Pass | Expected::Opens)), "{}", case.name);
        assert!(!case.steps.is_empty());
    }
    let titles: BTreeSet<&str> = block.iter().chain(&pass).map(|case| case.title.as_str()).collect();
    assert_eq!(titles.len(), block.len() + pass.len(), "two cases claim to show the same");
}

// A reason that no case shows is one that nobody has seen.
#[test]
fn every_reason_is_shown() {
    let block = cases("block");
    let shown: BTreeSet<&str> = (block.iter().flat_map(verdicts))
        .filter_map(|each| match each {
            Expected::Refused(reason) => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    // A full table needs more conversations than a file has lines.
    let missing: Vec<&str> =
        Reason::ALL.iter().map(|each| each.label()).filter(|label| !shown.contains(label)).collect();
    assert_eq!(missing, ["media_table"]);
}

// The runner is no rubber stamp: a wrong verdict, reason or word fails.
#[test]
fn a_wrong_case_fails() {
    let wrong = [
        "alice -> bob  rtp pcmu => pass",
        "alice -> bob  rtp pcmu => refused rtcp_clear",
        "alice -> bob  rtp pcmu => refused no_such_reason",
        "alice <-> bob  handshake 1.2 => not sealed",
        "alice <-> bob  handshake 1.2 without=client-finished => sealed",
        "alice -> bob  client-hello => opens",
        "alice -> nobody  client-hello => pass",
        "alice -> bob  client-hello sute=c02b => pass",
    ];
    for line in wrong {
        let case = Case::read("wrong", &format!("# a wrong case\n{line}")).unwrap();
        assert!(alone(&case).is_err(), "{line}");
    }
    for line in ["alice bob rtp pcmu => pass", "alice -> bob rtp pcmu", "alice -> bob rtp pcmu => perhaps", "wait long"]
    {
        assert!(Case::read("wrong", &format!("# a wrong case\n{line}")).is_err(), "{line}");
    }
    assert!(Case::read("wrong", "alice -> bob  rtp pcmu => refused media_unsealed").is_err(), "without a title");
}
