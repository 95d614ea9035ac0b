//! Whoever changes the files is found out, and the place is named.

use std::path::Path;

use hilum::audit::SigningKey;
use hilum::audit::damage::{Damage, Fault, Head};
use hilum::audit::line::{Chain, Line};
use hilum::audit::verify::{Evidence, Verdict, head, verify};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::world::{begun, build, ended, evidence};

/// The lines of a log, with their ends, by file.
struct Files(Vec<(String, Vec<Vec<u8>>)>);

/// A record by its place: the file and the line, both from 0.
type Place = (usize, usize);

impl Files {
    fn read(directory: &Path) -> Self {
        let segments = hilum::audit::disk::segments(directory).unwrap();
        let file = |path: std::path::PathBuf| {
            let lines = std::fs::read(&path).unwrap();
            let lines = lines.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), lines)
        };
        Self(segments.into_iter().map(|(_, path)| file(path)).collect())
    }

    fn places(&self) -> Vec<Place> {
        let of = |(file, (_, lines)): (usize, &(String, Vec<Vec<u8>>))| (0..lines.len()).map(move |line| (file, line));
        self.0.iter().enumerate().flat_map(of).collect()
    }

    fn at(&mut self, (file, line): Place) -> &mut Vec<u8> {
        &mut self.0[file].1[line]
    }

    /// What a verifier says about it.
    fn verdict(&self, evidence: &Evidence) -> Verdict {
        let directory = tempfile::tempdir().unwrap();
        for (name, lines) in &self.0 {
            std::fs::write(directory.path().join(name), lines.concat()).unwrap();
        }
        verify(directory.path(), evidence, |_, _| {}).unwrap()
    }

    /// Whether a fault stands at a place.
    fn is_at(&self, fault: &Fault, (file, line): Place) -> bool {
        (fault.file.as_str(), fault.line) == (self.0[file].0.as_str(), line as u64 + 1)
    }
}

/// A log of three files, what its auditor has, and the head that was written down.
fn log(segments: &[usize]) -> (Files, Evidence) {
    let directory = tempfile::tempdir().unwrap();
    let key = SigningKey::generate().unwrap();
    build(directory.path(), &key, segments);
    let files = Files::read(directory.path());
    let mut evidence = evidence(key.public());
    assert!(files.verdict(&evidence).is_good(), "it is good before anybody touches it");
    evidence.head = head(directory.path()).unwrap().map(|(head, _)| head);
    (files, evidence)
}

fn segments() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..8, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_byte_is_found_at_its_line(segments in segments(), at: Index, byte: Index, mask in 1_u8..) {
        let (mut files, evidence) = log(&segments);
        let place = *at.get(&files.places());
        let line = files.at(place);
        let byte = byte.index(line.len());
        line[byte] ^= mask;
        let verdict = files.verdict(&evidence);
        prop_assert!(!verdict.is_good());
        prop_assert!(files.is_at(&verdict.faults[0], place), "{:?}", verdict.faults);
    }

    #[test]
    fn a_dropped_record_is_found_and_numbered(segments in segments(), at: Index) {
        let (mut files, evidence) = log(&segments);
        let places = files.places();
        let number = at.index(places.len());
        let (file, line) = places[number];
        files.0[file].1.remove(line);
        let (sequence, last) = (number as u64 + 1, places.len() as u64);
        let verdict = files.verdict(&evidence);
        let named = |damage: &Damage| match damage {
            Damage::Missing(from, to) => (*from, *to) == (sequence, sequence),
            Damage::NoBeginning(first) => sequence == 1 && *first == 2,
            Damage::EndsBefore(head, end) => sequence == last && head.sequence == last && *end == last - 1,
            Damage::Empty => last == 1,
            _ => false,
        };
        prop_assert!(verdict.faults.iter().any(|fault| named(&fault.damage)), "{:?}", verdict.faults);
        if sequence != 1 && sequence != last {
            // The record behind it is the place: the line that took its own, or the first line of the next file that
            // has one.
            let rest = files.0.iter().enumerate().skip(file);
            let mut behind = rest.filter_map(|(at, (_, lines))| {
                let line = if at == file { line } else { 0 };
                (lines.len() > line).then_some((at, line))
            });
            let place = behind.next().expect("it is not the last");
            let missing = verdict.faults.iter().find(|fault| matches!(fault.damage, Damage::Missing(..)));
            prop_assert!(files.is_at(missing.expect("found above"), place), "{:?}", verdict.faults);
        }
    }

    #[test]
    fn swapped_records_are_found_at_the_first_of_the_two(segments in segments(), one: Index, other: Index) {
        let (mut files, evidence) = log(&segments);
        let places = files.places();
        let (one, other) = (one.index(places.len()), other.index(places.len()));
        prop_assume!(one != other);
        let (first, second) = (places[one.min(other)], places[one.max(other)]);
        let (a, b) = (files.at(first).clone(), files.at(second).clone());
        (*files.at(first), *files.at(second)) = (b, a);
        let verdict = files.verdict(&evidence);
        prop_assert!(!verdict.is_good());
        // The very first record has none before it to be measured by: then it is the second that stands wrong.
        let first_of_all = verdict.faults.iter().any(|fault| matches!(fault.damage, Damage::NoBeginning(_)));
        prop_assert!(first_of_all || files.is_at(&verdict.faults[0], first), "{:?}", verdict.faults);
    }

    #[test]
    fn a_cut_file_is_found_where_it_was_cut(segments in segments(), at: Index, byte: Index) {
        let (mut files, evidence) = log(&segments);
        let place = *at.get(&files.places());
        let line = files.at(place);
        let kept = byte.index(line.len());
        line.truncate(kept);
        let (file, line) = place;
        files.0[file].1.truncate(line + 1);
        let verdict = files.verdict(&evidence);
        prop_assert!(!verdict.is_good());
        let cut = verdict.faults.iter().any(|fault| fault.damage == Damage::Cut && files.is_at(fault, place));
        prop_assert_eq!(cut, kept > 0, "{:?}", verdict.faults);
    }

    #[test]
    fn a_record_put_in_twice_is_found(segments in segments(), from: Index, to: Index) {
        let (mut files, evidence) = log(&segments);
        let places = files.places();
        let copy = files.at(*from.get(&places)).clone();
        let (file, line) = *to.get(&places);
        files.0[file].1.insert(line, copy);
        prop_assert!(!files.verdict(&evidence).is_good());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_file_a_verifier_ends_with_a_verdict(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(hilum::audit::disk::segment(directory.path(), 1), text).unwrap();
        let verdict = verify(directory.path(), &Evidence::default(), |_, _| ()).unwrap();
        prop_assert!(!verdict.is_good());
    }
}

/// Changes the record at a place and computes every later hash anew, as somebody would who has no key.
fn forge(files: &mut Files, place: Place) {
    let mut chain = Chain::START;
    for at in files.places() {
        let line = files.at(at).clone();
        let record = Line::read(line.strip_suffix(b"\n").unwrap()).unwrap();
        let body = if at == place { record.body.replace("\"eu\"", "\"us\"") } else { record.body.to_owned() };
        let text = format!(
            r#"{{"sequence":{},"time":"{}","kind":"{}","previous":"{}","body":{body}"#,
            chain.next, record.at, record.kind, chain.previous
        );
        let hash = hilum::audit::Digest::of(text.as_bytes());
        *files.at(at) = format!("{text},\"hash\":\"{hash}\"}}\n").into_bytes();
        chain = Chain { next: chain.next + 1, previous: hash };
    }
}

#[test]
fn a_forger_without_the_key_fails_at_the_next_signature() {
    let (mut files, mut evidence) = log(&[5, 5]);
    evidence.head = None;
    forge(&mut files, (0, 1));
    let verdict = files.verdict(&evidence);
    let damage: Vec<&Damage> = verdict.faults.iter().map(|fault| &fault.damage).collect();
    assert_eq!(damage, [&Damage::BadSignature(5), &Damage::BadSignature(10)]);
    assert!(files.is_at(&verdict.faults[0], (0, 4)));
}

#[test]
fn a_record_that_was_replaced_with_a_right_hash_does_not_link_to_the_next() {
    let (mut files, evidence) = log(&[5, 5]);
    let line = files.at((0, 1)).clone();
    let before = Line::read(line.strip_suffix(b"\n").unwrap()).unwrap();
    let mut chain = Chain { next: before.sequence, previous: before.previous };
    let mut forged = Vec::new();
    chain.append(before.at.0, &ended(99), &mut forged).unwrap();
    *files.at((0, 1)) = forged;
    let verdict = files.verdict(&evidence);
    assert_eq!(verdict.faults.len(), 1, "{:?}", verdict.faults);
    assert_eq!(verdict.faults[0].damage, Damage::Unlinked(3));
    assert!(files.is_at(&verdict.faults[0], (0, 2)));
}

#[test]
fn a_file_under_another_name_is_found() {
    let (mut files, evidence) = log(&[5, 5]);
    files.0[1].0 = "audit-000000000007.jsonl".to_owned();
    let verdict = files.verdict(&evidence);
    assert_eq!(verdict.faults.len(), 1, "{:?}", verdict.faults);
    assert_eq!(verdict.faults[0].damage, Damage::Misnamed(7));
}

/// The limit of what a log can prove alone, and what a head that was written down adds.
#[test]
fn the_end_can_be_cut_unseen_unless_its_head_was_written_down() {
    let (mut files, mut evidence) = log(&[5, 5]);
    files.0[1].1.truncate(3);
    let last = evidence.head.take();
    assert!(files.verdict(&evidence).is_good(), "nothing in the files tells");
    evidence.head = last;
    let verdict = files.verdict(&evidence);
    assert_eq!(verdict.faults[0].damage, Damage::EndsBefore(last.unwrap(), 8));

    // A forged end behind the last signature: the same.
    let (mut files, mut evidence) = log(&[5]);
    files.0[0].1.truncate(3);
    let line = files.at((0, 2)).clone();
    let kept = Line::read(line.strip_suffix(b"\n").unwrap()).unwrap();
    let written = Head { sequence: 3, hash: kept.hash };
    files.0[0].1.pop();
    let line = files.at((0, 1)).clone();
    let before = Line::read(line.strip_suffix(b"\n").unwrap()).unwrap();
    let (mut chain, mut forged) = (Chain { next: 3, previous: before.hash }, Vec::new());
    chain.append(before.at.0, &ended(99), &mut forged).unwrap();
    files.0[0].1.push(forged);
    evidence.head = None;
    assert!(files.verdict(&evidence).is_good());
    evidence.head = Some(written);
    assert_eq!(files.verdict(&evidence).faults[0].damage, Damage::NotTheHead(written));
}

#[test]
fn a_signature_by_a_key_that_was_not_given_counts_for_nothing() {
    let (files, _) = log(&[3]);
    let stranger = SigningKey::generate().unwrap();
    let verdict = files.verdict(&evidence(stranger.public()));
    assert!(matches!(verdict.faults[0].damage, Damage::UnknownKey(3, _)));
}

#[test]
fn a_long_log_without_signatures_is_no_log() {
    let directory = tempfile::tempdir().unwrap();
    let (mut chain, mut lines) = (Chain::START, Vec::new());
    for number in 0..=2 * hilum::audit::CHECKPOINT_EVERY {
        chain.append(crate::world::MORNING, &begun(number), &mut lines).unwrap();
    }
    std::fs::write(hilum::audit::disk::segment(directory.path(), 1), lines).unwrap();
    let key = SigningKey::generate().unwrap();
    let verdict = verify(directory.path(), &evidence(key.public()), |_, _| {}).unwrap();
    assert!(matches!(verdict.faults[0].damage, Damage::Unsigned(1, _)), "{:?}", verdict.faults);
}

#[test]
fn a_log_that_begins_late_has_to_say_why() {
    let (mut files, evidence) = log(&[3, 3]);
    files.0.remove(0);
    let verdict = files.verdict(&evidence);
    assert_eq!(verdict.faults[0].damage, Damage::NoBeginning(4));
    assert_eq!(files.verdict(&Evidence { keys: evidence.keys, ..Evidence::default() }).first, Some(4));
}
