//! A process that is killed in the middle of writing leaves a log that goes on.

use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hilum::audit::disk::Directory;
use hilum::audit::fact::{CallEnded, Recovered};
use hilum::audit::{Audit, Disk, Fact, Rotation, Segment, WhenFailing};
use hilum::clock::SystemClock;

use crate::world::{ended, good, settings};

const LOG: &str = "HILUM_TEST_AUDIT_LOG";
/// The test that is its own child where [`LOG`] is set.
const TEST: &str = "kill::killed_a_hundred_times_the_chain_verifies_and_at_most_the_last_second_is_missing";
const ROUNDS: u64 = 100;
/// Rounds on one log; then a new one is begun, so that reading it every time stays quick.
const ROUNDS_ON_A_LOG: u64 = 20;

/// A disk that writes a few bytes at a time, so that a kill hits a line rather than the space between two.
struct Slow(Directory);

struct SlowSegment(Box<dyn Segment>);

impl Disk for Slow {
    fn create(&mut self, first: u64) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(SlowSegment(self.0.create(first)?)))
    }

    fn open(&mut self, first: u64, length: u64) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(SlowSegment(self.0.open(first, length)?)))
    }

    fn remove(&mut self, first: u64) -> io::Result<()> {
        self.0.remove(first)
    }
}

impl Segment for SlowSegment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(11).try_for_each(|chunk| self.0.write(chunk))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

fn rotation() -> Rotation {
    Rotation { bytes: 100_000, ..Rotation::default() }
}

#[expect(clippy::disallowed_methods, reason = "two processes compare their times")]
fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

/// The process that is killed: hands over facts without end, and says which, when, and which are safe.
fn write_without_end(directory: &Path) {
    let disk = Slow(Directory::new(directory).unwrap());
    let settings = settings(directory, rotation(), WhenFailing::Continue);
    let audit = Audit::open_with(settings, Arc::new(SystemClock::start()), Box::new(disk)).unwrap();
    let mut out = io::stdout();
    for number in 1_u64.. {
        audit.record(ended(number));
        writeln!(out, "handed {number} {}", nanoseconds()).unwrap();
        if number % 50 == 0 && audit.sync() {
            writeln!(out, "safe {number} 0").unwrap();
        }
    }
}

/// What the child said: facts with their times, and how many were safe.
#[derive(Default)]
struct Said {
    handed: Vec<(u64, u128)>,
    safe: u64,
}

/// Runs the test below as that process until it has said so many lines, and kills it.
fn run_and_kill(directory: &Path, lines: u64) -> Said {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(LOG, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Said::default();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        let line = line.unwrap();
        let words: Vec<&str> = std::str::from_utf8(&line).unwrap().split(' ').collect();
        // The harness speaks as well, and the last line may be torn like the log.
        let ["handed" | "safe", number, at] = words[..] else { continue };
        let (Ok(number), Ok(at)) = (number.parse(), at.parse()) else { continue };
        if words[0] == "safe" {
            said.safe = number;
        } else {
            said.handed.push((number, at));
        }
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was killed");
    said
}

/// The last facts of the child whose records begin behind `before`, checked to be without holes.
fn last_recorded(records: &[hilum::audit::verify::Record]) -> u64 {
    records.iter().fold(0, |last, record| match &record.fact {
        Fact::CallEnded(CallEnded { bytes_up, .. }) => {
            assert!(*bytes_up == last + 1 || *bytes_up == 1, "{bytes_up} follows {last}: one is missing");
            *bytes_up
        }
        _ => last,
    })
}

/// Whether the process was killed before its first record was whole.
fn is_empty(directory: &Path) -> bool {
    let segments = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut segments = segments.filter(|entry| entry.file_name().to_string_lossy().ends_with(".jsonl"));
    segments.all(|entry| entry.metadata().unwrap().len() == 0)
}

/// Issue 4, what it must show, 5.
#[test]
fn killed_a_hundred_times_the_chain_verifies_and_at_most_the_last_second_is_missing() {
    if let Some(directory) = std::env::var_os(LOG) {
        return write_without_end(Path::new(&directory));
    }
    let place = tempfile::tempdir().unwrap();
    let mut torn = 0;
    for round in 0..ROUNDS {
        let directory = place.path().join(format!("log-{}", round / ROUNDS_ON_A_LOG));
        let said = run_and_kill(&directory, 20 + round * 37 % 150);

        // Opening makes the end good, as the next start of a node would.
        let settings = settings(&directory, rotation(), WhenFailing::Continue);
        Audit::open(settings).unwrap().close();
        if is_empty(&directory) {
            assert_eq!(said.safe, 0, "round {round}: what was safe is gone");
            continue;
        }
        let records = good(&directory);
        let cut = |fact: &Fact| matches!(fact, Fact::Recovered(Recovered { kept: None, .. }));
        torn += records.iter().rev().take(4).filter(|record| cut(&record.fact)).count();

        let last = last_recorded(&records);
        assert!(last >= said.safe, "round {round}: {} was safe, {last} is there", said.safe);
        let end = said.handed.last().unwrap().1;
        let missing = said.handed.iter().find(|(number, _)| *number > last);
        if let Some((number, at)) = missing {
            let age = Duration::from_nanos(u64::try_from(end - at).unwrap());
            assert!(age <= Duration::from_secs(1), "round {round}: {number} is missing, {age:?} old");
        }
    }
    assert!(torn > 0, "some of the kills hit the middle of a line");
}
