//! Logs to play with: built line by line without a thread, or written by a real one under a clock that tests turn.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hilum::audit::disk::{Directory, segment};
use hilum::audit::fact::{CallBegun, CallEnded, SealResult, Transports};
use hilum::audit::line::Chain;
use hilum::audit::verify::{Evidence, Record, Verdict, verify};
use hilum::audit::{Audit, Clock, Day, Fact, Label, MasterKey, PublicKey, Rotation, Settings, SigningKey, WhenFailing};
use hilum::time::{Now, UnixTime};

/// 2026-11-27, a little after midnight UTC.
pub const MORNING: UnixTime = UnixTime::from_secs(1_795_737_700);
pub const DAY: u64 = 86_400;

pub fn label(text: &str) -> Label {
    text.parse().unwrap()
}

pub fn names() -> MasterKey {
    MasterKey::new(&[7; 32]).unwrap()
}

/// The beginning of a call.
pub fn begun(number: u64) -> Fact {
    let call = names().pseudonym(format!("call-{number}").as_bytes(), Day::of(MORNING));
    CallBegun { call, region: label("eu") }.into()
}

/// The end of a call, which can be told from others by what it carried.
pub fn ended(number: u64) -> Fact {
    CallEnded {
        call: names().pseudonym(format!("call-{number}").as_bytes(), Day::of(MORNING)),
        region: label("eu"),
        seconds: 60,
        transports: Transports { udp: 2, tcp: 0, tls: 0 },
        bytes_up: number,
        bytes_down: 0,
        seal: SealResult::Sealed,
        handshakes: vec![label("1.3/encrypted")],
        refused: 0,
        cause: label("deleted"),
    }
    .into()
}

/// Writes segments with so many records each, the last of each a checkpoint.
pub fn build(directory: &Path, key: &SigningKey, segments: &[usize]) {
    let mut chain = Chain::START;
    for (at, records) in segments.iter().enumerate() {
        let (first, mut lines) = (chain.next, Vec::new());
        for number in 1..*records {
            let fact = if number % 2 == 0 { ended(number as u64) } else { begun(number as u64) };
            chain.append(MORNING.plus_secs(at as u64), &fact, &mut lines).unwrap();
        }
        chain.checkpoint(MORNING.plus_secs(at as u64), key, &mut lines).unwrap();
        std::fs::write(segment(directory, first), lines).unwrap();
    }
}

/// What an auditor has who knows the key.
pub fn evidence(key: &PublicKey) -> Evidence {
    Evidence { keys: vec![key.clone()], ..Evidence::default() }
}

/// The log, verified with the keys beside it, and its records.
pub fn read(directory: &Path) -> (Verdict, Vec<Record>) {
    let keys = PublicKey::read(&directory.join("audit.pub")).unwrap();
    let mut records = Vec::new();
    let verdict = verify(directory, &Evidence { keys, ..Evidence::default() }, |record, _| records.push(record));
    (verdict.unwrap(), records)
}

/// The records of a log that verifies.
pub fn good(directory: &Path) -> Vec<Record> {
    let (verdict, records) = read(directory);
    assert!(verdict.is_good(), "{:?}", verdict.faults);
    records
}

/// Two clocks that stand still until they are turned.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Now>>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Now { unix: MORNING, ..Now::default() })))
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        now.moment = now.moment + Duration::from_secs(seconds);
        now.unix = now.unix.plus_secs(seconds);
    }

    /// Sets the wall clock.
    pub fn step(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        now.unix = UnixTime::from_secs(now.unix.as_secs().checked_add_signed(seconds).unwrap());
    }
}

impl Clock for TestClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

pub fn settings(directory: &Path, rotation: Rotation, when_failing: WhenFailing) -> Settings {
    let key = SigningKey::read_or_make(&directory.with_extension("pem")).unwrap();
    Settings { directory: directory.to_path_buf(), region: label("eu"), key, rotation, when_failing, syslog: None }
}

/// A log under a test clock.
pub fn open(directory: &Path, clock: &TestClock, rotation: Rotation) -> Audit {
    let disk = Directory::new(directory).unwrap();
    let settings = settings(directory, rotation, WhenFailing::Continue);
    Audit::open_with(settings, Arc::new(clock.clone()), Box::new(disk)).unwrap()
}
