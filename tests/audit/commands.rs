//! `hilum audit`, as auditors use it.

use std::path::Path;
use std::process::{Command, Output};

use hilum::audit::{Audit, Fact, Rotation, WhenFailing};

use crate::world::{begun, good, settings};

fn hilum(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
    command.arg("audit").args(arguments).current_dir(directory).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A directory with an example log in it.
fn example() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let made = hilum(place.path(), &["example", "practice"]);
    assert!(made.status.success(), "{}", complained(&made));
    place
}

#[test]
fn verify_is_silent_about_a_good_log_and_names_file_line_and_record_of_a_bad_one() {
    let place = example();
    let head = said(&hilum(place.path(), &["head", "practice/log"]));
    let good = hilum(place.path(), &["verify", "practice/log", "--head", head.trim()]);
    assert!(good.status.success() && complained(&good).is_empty(), "{}", complained(&good));
    assert!(said(&good).contains("verdict     good"), "{}", said(&good));
    assert!(said(&good).contains("the node stopped as it should"), "{}", said(&good));

    let (_, path) = hilum::audit::disk::segments(&place.path().join("practice/log")).unwrap().swap_remove(1);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = lines.iter().position(|line| line.contains("bytes_up")).unwrap();
    let changed = lines[at].replacen("\"bytes_up\":1", "\"bytes_up\":2", 1);
    std::fs::write(&path, [&lines[..at], &[changed.as_str()], &lines[at + 1..]].concat().concat()).unwrap();
    let bad = hilum(place.path(), &["verify", "practice/log"]);
    assert_eq!(bad.status.code(), Some(1));
    let place = format!("{}:{}: record ", path.file_name().unwrap().to_str().unwrap(), at + 1);
    assert!(complained(&bad).starts_with(&place) && complained(&bad).contains("was changed"), "{}", complained(&bad));
}

#[test]
fn a_cut_end_shows_against_the_head_that_was_written_down() {
    let place = example();
    let log = place.path().join("practice/log");
    let head = said(&hilum(place.path(), &["head", "practice/log"]));
    for (_, last) in hilum::audit::disk::segments(&log).unwrap().into_iter().rev() {
        let size = std::fs::metadata(&last).unwrap().len();
        std::fs::remove_file(last).unwrap();
        // The very last file may just have been begun.
        if size > 0 {
            break;
        }
    }
    let alone = hilum(place.path(), &["verify", "practice/log"]);
    assert!(alone.status.success(), "{}", complained(&alone));
    assert!(said(&alone).contains("no stop is recorded"), "but something is odd");
    let compared = hilum(place.path(), &["verify", "practice/log", "--head", head.trim()]);
    assert_eq!(compared.status.code(), Some(1));
    assert!(complained(&compared).contains("the end was cut off"));
}

#[test]
fn export_gives_the_lines_as_they_are_or_a_table_of_the_wanted_time() {
    let place = example();
    let log = place.path().join("practice/log");
    let whole: String =
        hilum::audit::disk::segments(&log).unwrap().iter().map(|(_, p)| std::fs::read_to_string(p).unwrap()).collect();
    assert_eq!(said(&hilum(place.path(), &["export", "practice/log"])), whole);
    let copy = place.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::write(hilum::audit::disk::segment(&copy, 1), &whole).unwrap();
    let copied = hilum(place.path(), &["verify", "copy", "--public-key", "practice/log/audit.pub"]);
    assert!(copied.status.success(), "the export verifies: {}", complained(&copied));
    let table = said(&hilum(place.path(), &["export", "practice/log", "--format", "csv"]));
    assert_eq!(table.matches("\r\n").count(), whole.lines().count() + 1);
    let none = said(&hilum(place.path(), &["export", "practice/log", "--to", "2020-01-01"]));
    assert_eq!(none, "");
    let wrong = hilum(place.path(), &["export", "practice/log", "--to", "yesterday"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn report_counts_calls_bytes_and_refusals_by_region() {
    let place = example();
    let output = hilum(place.path(), &["report", "practice/log", "--from", "2020-01-01", "--to", "2100-01-01"]);
    assert!(output.status.success(), "{}", complained(&output));
    let report = said(&output);
    let row = report.lines().find(|line| line.contains("eu-north") && line.contains("12")).unwrap();
    let cells: Vec<&str> = row.split(['│', '┆']).map(str::trim).filter(|cell| !cell.is_empty()).collect();
    // 12 calls of 600 + 60 n seconds and 238,000,000 + 1,900,000 n bytes; 0, 1 or 2 refusals each.
    assert_eq!(cells, ["eu-north", "12", "12", "12", "0", "0", "3.3", "3004200000", "24/0/3", "12"]);
    for words in ["peer/special", "revoked by uid:1000", "node relay-1 started", "The whole log was verified"] {
        assert!(report.contains(words), "{words}: {report}");
    }
}

fn reveals(records: &[hilum::audit::verify::Record]) -> Vec<(usize, String)> {
    let of = |fact: &Fact| match fact {
        Fact::Revealed(body) => Some((body.pseudonyms.len(), body.reason.to_string())),
        _ => None,
    };
    records.iter().filter_map(|record| of(&record.fact)).collect()
}

#[test]
fn reveal_finds_a_call_and_is_on_record_whether_it_finds_one_or_not() {
    let place = example();
    let log = place.path().join("practice/log");
    let ask = |call: &str, ticket: &str| {
        let key = "practice/pseudonym.key";
        hilum(place.path(), &["reveal", "practice/log", "--key-file", key, "--call", call, "--reason", ticket])
    };
    let found = ask("visit-3", "T-1");
    assert!(found.status.success(), "{}", complained(&found));
    assert_eq!(said(&found).matches(",call-").count(), 2, "{}", said(&found));
    assert!(said(&ask("visit-99", "T-2")).starts_with("0 records"));
    let after = said(&hilum(place.path(), &["verify", "practice/log"]));
    assert!(after.contains("the node stopped as it should") && after.contains("verdict     good"), "{after}");
    let records = good(&log);
    assert_eq!(reveals(&records), [(1, "T-1".to_owned()), (0, "T-2".to_owned())]);
    let all: Vec<u8> = std::fs::read(hilum::audit::disk::segments(&log).unwrap().pop().unwrap().1).unwrap();
    assert!(!String::from_utf8(all).unwrap().contains("visit-"), "the id itself stays out of the log");
}

#[test]
fn reveal_on_a_running_node_is_recorded_by_the_node_before_there_is_an_answer() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("log");
    std::fs::write(place.path().join("key"), "k".repeat(40)).unwrap();
    let audit = Audit::open(settings(&log, Rotation::default(), WhenFailing::Continue)).unwrap();
    audit.record(begun(1));
    assert!(audit.sync());
    let asked = hilum(place.path(), &["reveal", "log", "--key-file", "key", "--call", "call-1", "--reason", "T-3"]);
    assert!(asked.status.success(), "{}", complained(&asked));
    audit.close();
    assert_eq!(reveals(&good(&log)), [(0, "T-3".to_owned())]);
}
