//! Files that follow each other and go, clocks that are set, keys that change, ends that are torn.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use hilum::audit::damage::Damage;
use hilum::audit::disk::{Directory, segments};
use hilum::audit::fact::{KeyChange, Recovered};
use hilum::audit::line::Chain;
use hilum::audit::verify::Record;
use hilum::audit::{Audit, Digest, Disk, Fact, Label, Rotation, Segment, Stamp, WhenFailing};

use crate::world::{DAY, MORNING, TestClock, begun, ended, good, open, read, settings};

fn kinds(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.fact.kind()).collect()
}

fn first_records(directory: &Path) -> Vec<u64> {
    segments(directory).unwrap().into_iter().map(|(first, _)| first).collect()
}

/// Writes a call a day.
fn days(directory: &Path, clock: &TestClock, keep: Option<u64>, days: u64) {
    let audit = open(directory, clock, Rotation { keep, ..Rotation::default() });
    for number in 0..days {
        audit.record(begun(number));
        assert!(audit.sync());
        clock.pass(DAY);
        assert!(audit.sync());
    }
    audit.close();
}

#[test]
fn a_file_ends_when_it_is_old_or_large_and_the_chain_goes_on_in_the_next() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("log");
    days(&directory, &TestClock::new(), None, 3);
    // The key, the call and a signature on the first day; then a call and a signature.
    assert_eq!(first_records(&directory), [1, 4, 6, 8]);
    good(&directory);

    let directory = place.path().join("other");
    let audit = open(&directory, &TestClock::new(), Rotation { bytes: 1000, ..Rotation::default() });
    for number in 0..20 {
        audit.record(begun(number));
        assert!(audit.sync());
    }
    audit.close();
    assert!(first_records(&directory).len() > 5);
    assert_eq!(kinds(&good(&directory)).iter().filter(|kind| **kind == "call-begun").count(), 20);
}

#[test]
fn what_goes_by_retention_is_stated_under_a_signature() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    days(&directory, &clock, Some(3 * DAY), 8);
    let (verdict, records) = read(&directory);
    assert!(verdict.is_good(), "{:?}", verdict.faults);
    assert!(verdict.first.unwrap() > 1);
    let removed = records.iter().rev().find_map(|record| match &record.fact {
        Fact::Removed(removed) => Some(removed.clone()),
        _ => None,
    });
    assert_eq!(removed.unwrap().through + 1, verdict.first.unwrap());

    // One file more than the statement says.
    let (_, oldest) = segments(&directory).unwrap().remove(0);
    std::fs::remove_file(oldest).unwrap();
    let (verdict, _) = read(&directory);
    assert!(matches!(verdict.faults[0].damage, Damage::NoBeginning(_)), "{:?}", verdict.faults);
}

/// A disk that is cut off from power between the statement and the removal.
struct Stuck(Directory);

impl Disk for Stuck {
    fn create(&mut self, first: u64) -> io::Result<Box<dyn Segment>> {
        self.0.create(first)
    }

    fn open(&mut self, first: u64, length: u64) -> io::Result<Box<dyn Segment>> {
        self.0.open(first, length)
    }

    fn remove(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

#[test]
fn a_removal_that_was_stated_and_not_done_is_no_fault_and_is_done_later() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    days(&directory, &clock, None, 6);
    let keep = Rotation { keep: Some(3 * DAY), ..Rotation::default() };
    let disk = Stuck(Directory::new(&directory).unwrap());
    let settings = settings(&directory, keep, WhenFailing::Continue);
    let audit = Audit::open_with(settings, Arc::new(clock.clone()), Box::new(disk)).unwrap();
    audit.record(begun(1));
    assert!(!audit.sync(), "it is an alarm as well");
    audit.close();
    let (verdict, records) = read(&directory);
    assert!(verdict.is_good(), "{:?}", verdict.faults);
    assert!(kinds(&records).contains(&"removed"));
    assert_eq!(verdict.first, Some(1));

    open(&directory, &clock, keep).close();
    let audit = open(&directory, &clock, keep);
    assert!(audit.sync());
    audit.close();
    let (verdict, _) = read(&directory);
    assert!(verdict.is_good() && verdict.first > Some(1), "{verdict:?}");
}

#[test]
fn a_clock_that_is_set_is_a_fact() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    let audit = open(&directory, &clock, Rotation::default());
    for seconds in [-3600, 7200, 1] {
        audit.record(begun(1));
        assert!(audit.sync());
        clock.step(seconds);
    }
    audit.close();
    let steps: Vec<i64> = good(&directory)
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::ClockStepped(step) => Some(step.seconds),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [-3600, 7200], "a second is a matter of rounding");
}

#[test]
fn a_clock_that_jumps_by_years_removes_nothing_for_a_day() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    days(&directory, &clock, Some(30 * DAY), 3);
    let all = first_records(&directory);
    let audit = open(&directory, &clock, Rotation { keep: Some(30 * DAY), ..Rotation::default() });
    audit.record(begun(1));
    assert!(audit.sync());
    clock.step(10 * 365 * i64::try_from(DAY).unwrap());
    for _ in 0..20 {
        clock.pass(3600);
        assert!(audit.sync());
    }
    assert!(first_records(&directory).starts_with(&all), "somebody can still set it right");
    for _ in 0..5 {
        clock.pass(3600);
        assert!(audit.sync());
    }
    audit.close();
    assert!(!first_records(&directory).starts_with(&all), "nobody did");
    good(&directory);
}

#[test]
fn refusals_are_summed_up_once_a_minute() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    let audit = open(&directory, &clock, Rotation::default());
    for _ in 0..1000 {
        audit.refused("peer_not_allowed", 2);
    }
    audit.refused("expired", 1);
    clock.pass(60);
    assert!(audit.sync());
    audit.close();
    let records = good(&directory);
    let sums: Vec<_> = records.iter().filter(|record| record.fact.kind() == "refusals").collect();
    let [Record { fact: Fact::Refusals(sum), .. }] = sums[..] else { panic!("{sums:?}") };
    let reasons: Vec<(&str, u64)> = sum.reasons.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    assert_eq!(reasons, [("expired", 1), ("peer_not_allowed", 2000)]);
    assert_eq!(sum.since, Stamp(MORNING));
}

#[test]
fn a_new_signing_key_is_a_fact_and_the_old_signatures_stay_good() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    days(&directory, &clock, None, 1);
    std::fs::remove_file(directory.with_extension("pem")).unwrap();
    days(&directory, &clock, None, 1);
    let (verdict, records) = read(&directory);
    assert!(verdict.is_good(), "{:?}", verdict.faults);
    assert_eq!(verdict.signatures.len(), 2);
    let changes: Vec<(KeyChange, &Label)> = records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::KeyChanged(body) => Some((body.change, &body.key)),
            _ => None,
        })
        .collect();
    let [(KeyChange::Added, first), (KeyChange::Rotated, second)] = changes[..] else { panic!("{changes:?}") };
    assert!(first != second && verdict.signatures.contains_key(first) && verdict.signatures.contains_key(second));
}

/// Appends bytes to the last file.
fn smear(directory: &Path, bytes: &[u8]) {
    let (_, path) = segments(directory).unwrap().pop().unwrap();
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn recovered(records: &[Record]) -> Vec<Recovered> {
    let body = |record: &Record| match &record.fact {
        Fact::Recovered(body) => Some(body.clone()),
        _ => None,
    };
    records.iter().filter_map(body).collect()
}

#[test]
fn half_a_record_is_cut_off_and_the_cut_is_a_record() {
    // Half a line, a whole line without its end, and the zeros that a loss of power can leave.
    let mut whole = Vec::new();
    Chain { next: 4, previous: Digest::NONE }.append(MORNING, &begun(1), &mut whole).unwrap();
    whole.pop();
    for rest in [&b"{\"sequence\":4,\"ti"[..], &whole, &[0; 4096]] {
        let place = tempfile::tempdir().unwrap();
        let (directory, clock) = (place.path().join("log"), TestClock::new());
        days(&directory, &clock, None, 1);
        smear(&directory, rest);
        assert!(!read(&directory).0.is_good(), "an auditor sees it before the node has started again");
        open(&directory, &clock, Rotation::default()).close();
        let cut = recovered(&good(&directory));
        assert_eq!(
            cut.iter().map(|cut| (cut.bytes, cut.kept.clone())).collect::<Vec<_>>(),
            [(rest.len() as u64, None)]
        );
        assert_eq!(cut[0].digest, Digest::of(rest));
    }
}

#[test]
fn damage_that_no_crash_leaves_is_kept_as_evidence_and_never_forgiven() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    let audit = open(&directory, &clock, Rotation::default());
    for number in 0..5 {
        audit.record(ended(number));
    }
    audit.close();
    let (_, path) = segments(&directory).unwrap().pop().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"bytes_up\":2", "\"bytes_up\":3")).unwrap();
    open(&directory, &clock, Rotation::default()).close();
    let (verdict, records) = read(&directory);
    let [Recovered { kept: Some(file), .. }] = &recovered(&records)[..] else { panic!("{records:?}") };
    assert!(matches!(&verdict.faults[0].damage, Damage::SetAside(_, kept, _) if kept == file), "{:?}", verdict.faults);
    let kept = std::fs::read_to_string(directory.join(file.as_str())).unwrap();
    assert!(text.replace("\"bytes_up\":2", "\"bytes_up\":3").ends_with(&kept));
}

#[test]
fn one_process_writes_and_a_second_is_told_so() {
    let place = tempfile::tempdir().unwrap();
    let (directory, clock) = (place.path().join("log"), TestClock::new());
    let audit = open(&directory, &clock, Rotation::default());
    let settings = settings(&directory, Rotation::default(), WhenFailing::Continue);
    let refused = Audit::open(settings).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    audit.close();
    open(&directory, &clock, Rotation::default()).close();
}
