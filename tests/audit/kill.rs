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
/// The write in whose middle that process's disk stands still, where it is to.
const STUCK: &str = "HILUM_TEST_AUDIT_STUCK";
/// The test that is its own child where [`LOG`] is set.
const TEST: &str = "kill::killed_a_hundred_times_the_chain_verifies_and_at_most_the_last_second_is_missing";
const ROUNDS: u64 = 100;
/// Rounds on one log; then a new one is begun, so that reading it every time stays quick.
const ROUNDS_ON_A_LOG: u64 = 10;
/// In every such round the kill hits the middle of a line for certain; in the others it is a matter of luck.
const ROUNDS_BETWEEN_STUCK: u64 = 5;

/// A disk that writes a few bytes at a time, so that a kill hits a line rather than the space between two,
/// and that stands still in the middle of a line after so many writes.
struct Slow {
    directory: Directory,
    whole: Option<u64>,
}

struct SlowSegment {
    segment: Box<dyn Segment>,
    whole: Option<u64>,
}

impl Slow {
    fn slowly(&self, segment: Box<dyn Segment>) -> Box<dyn Segment> {
        Box::new(SlowSegment { segment, whole: self.whole })
    }
}

impl Disk for Slow {
    fn create(&mut self, first: u64) -> io::Result<Box<dyn Segment>> {
        let segment = self.directory.create(first)?;
        Ok(self.slowly(segment))
    }

    fn open(&mut self, first: u64, length: u64) -> io::Result<Box<dyn Segment>> {
        let segment = self.directory.open(first, length)?;
        Ok(self.slowly(segment))
    }

    fn remove(&mut self, first: u64) -> io::Result<()> {
        self.directory.remove(first)
    }
}

impl Segment for SlowSegment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for (number, chunk) in bytes.chunks(11).enumerate() {
            if number == 1 && self.whole == Some(0) {
                say("stuck", 0, 0);
                loop {
                    std::thread::park();
                }
            }
            self.segment.write(chunk)?;
        }
        self.whole = self.whole.map(|whole| whole - 1);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.segment.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.sync()
    }
}

fn rotation() -> Rotation {
    Rotation { bytes: 100_000, ..Rotation::default() }
}

#[expect(clippy::disallowed_methods, reason = "two processes compare their times")]
fn nanoseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

/// One line, whole: the log's thread speaks between those of the other.
fn say(what: &str, number: u64, at: u128) {
    io::stdout().write_all(format!("{what} {number} {at}\n").as_bytes()).unwrap();
}

/// The process that is killed: hands over facts without end, and says which, when, and which are safe.
fn write_without_end(directory: &Path) {
    let whole = std::env::var(STUCK).ok().map(|writes| writes.parse().unwrap());
    let disk = Slow { directory: Directory::new(directory).unwrap(), whole };
    let settings = settings(directory, rotation(), WhenFailing::Continue);
    let audit = Audit::open_with(settings, Arc::new(SystemClock::start()), Box::new(disk)).unwrap();
    for number in 1_u64.. {
        audit.record(ended(number));
        say("handed", number, nanoseconds());
        if number % 50 == 0 && audit.sync() {
            say("safe", number, 0);
        }
    }
}

/// What the child said: facts with their times, and how many were safe.
#[derive(Default)]
struct Said {
    handed: Vec<(u64, u128)>,
    safe: u64,
}

/// When the process is killed.
enum Kill {
    AfterLines(u64),
    /// In the middle of a line that follows so many whole writes.
    Stuck(u64),
}

/// Runs the test below as that process until then, and kills it.
fn run_and_kill(directory: &Path, when: &Kill) -> Said {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", TEST, "--nocapture"]).env(LOG, directory).stdout(Stdio::piped());
    if let Kill::Stuck(whole) = when {
        command.env(STUCK, whole.to_string());
    }
    let mut child = command.spawn().unwrap();
    let mut said = Said::default();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        let line = line.unwrap();
        let words: Vec<&str> = std::str::from_utf8(&line).unwrap().split(' ').collect();
        // The harness speaks as well, and the last line may be torn like the log.
        let ["handed" | "safe" | "stuck", number, at] = words[..] else { continue };
        let (Ok(number), Ok(at)) = (number.parse(), at.parse()) else { continue };
        match words[0] {
            "safe" => said.safe = number,
            "handed" => said.handed.push((number, at)),
            _ => child.kill().unwrap(),
        }
        count += 1;
        if matches!(when, Kill::AfterLines(lines) if *lines == count) {
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
    for round in 0..ROUNDS {
        let directory = place.path().join(format!("log-{}", round / ROUNDS_ON_A_LOG));
        let stuck = round % ROUNDS_BETWEEN_STUCK == 0;
        let kill = if stuck { Kill::Stuck(1 + round % 2) } else { Kill::AfterLines(20 + round * 37 % 150) };
        let said = run_and_kill(&directory, &kill);

        // Opening makes the end good, as the next start of a node would.
        let settings = settings(&directory, rotation(), WhenFailing::Continue);
        Audit::open(settings).unwrap().close();
        if is_empty(&directory) {
            assert_eq!(said.safe, 0, "round {round}: what was safe is gone");
            continue;
        }
        let records = good(&directory);
        let cut = |fact: &Fact| matches!(fact, Fact::Recovered(Recovered { kept: None, .. }));
        let torn = records.iter().rev().take(4).any(|record| cut(&record.fact));
        assert!(torn || !stuck, "round {round}: the kill hit the middle of a line, and no record says so");

        let last = last_recorded(&records);
        assert!(last >= said.safe, "round {round}: {} was safe, {last} is there", said.safe);
        let end = said.handed.last().unwrap().1;
        let missing = said.handed.iter().find(|(number, _)| *number > last);
        if let Some((number, at)) = missing {
            let age = Duration::from_nanos(u64::try_from(end - at).unwrap());
            assert!(age <= Duration::from_secs(1), "round {round}: {number} is missing, {age:?} old");
        }
    }
}
