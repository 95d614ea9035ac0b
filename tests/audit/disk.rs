//! A disk that takes nothing: the node goes on, says so, and loses no more than it must.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hilum::audit::disk::Directory;
use hilum::audit::fact::GapCause;
use hilum::audit::{Audit, Disk, Fact, Rotation, Segment, WhenFailing};

use crate::world::{TestClock, begun, ended, good, settings};

/// A disk with so much room, in bytes. What is too long is written in part, as a real one does.
struct Small {
    disk: Directory,
    room: Arc<AtomicU64>,
}

struct SmallSegment {
    segment: Box<dyn Segment>,
    room: Arc<AtomicU64>,
}

impl Disk for Small {
    fn create(&mut self, first: u64) -> io::Result<Box<dyn Segment>> {
        let segment = self.disk.create(first)?;
        Ok(Box::new(SmallSegment { segment, room: Arc::clone(&self.room) }))
    }

    fn open(&mut self, first: u64, length: u64) -> io::Result<Box<dyn Segment>> {
        let segment = self.disk.open(first, length)?;
        Ok(Box::new(SmallSegment { segment, room: Arc::clone(&self.room) }))
    }

    fn remove(&mut self, first: u64) -> io::Result<()> {
        self.disk.remove(first)
    }
}

impl Segment for SmallSegment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.room.load(Ordering::SeqCst);
        let part = bytes.len().min(usize::try_from(room).unwrap());
        self.segment.write(&bytes[..part])?;
        self.room.store(room - part as u64, Ordering::SeqCst);
        if part < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.segment.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.sync()
    }
}

const PLENTY: u64 = 1 << 40;

fn open(directory: &Path, room: &Arc<AtomicU64>, when_failing: WhenFailing) -> Audit {
    let disk = Small { disk: Directory::new(directory).unwrap(), room: Arc::clone(room) };
    let settings = settings(directory, Rotation::default(), when_failing);
    Audit::open_with(settings, Arc::new(TestClock::new()), Box::new(disk)).unwrap()
}

/// Waits until the writer has tried the disk again, with a bound.
fn until_synced(audit: &Audit) {
    assert!((0..200).any(|_| audit.sync()), "the disk has room again");
}

/// Issue 4: disk full: running calls go on, alarm, new calls by policy.
#[test]
fn a_full_disk_raises_the_alarm_and_delays_facts_without_losing_them() {
    let place = tempfile::tempdir().unwrap();
    let (directory, room) = (place.path().join("log"), Arc::new(AtomicU64::new(PLENTY)));
    let audit = open(&directory, &room, WhenFailing::Continue);
    audit.record(begun(1));
    assert!(audit.sync());
    assert_eq!(audit.state().alarm, None);

    room.store(100, Ordering::SeqCst);
    audit.record(ended(1));
    assert!(!audit.sync(), "half a record fits");
    let alarm = audit.state().alarm.expect("an alarm");
    assert_eq!(alarm.what, io::ErrorKind::StorageFull.to_string());
    assert!(audit.admits_calls());
    audit.record(begun(2));

    room.store(PLENTY, Ordering::SeqCst);
    until_synced(&audit);
    assert_eq!((audit.state().alarm, audit.state().lost), (None, 0));
    audit.record(ended(2));
    audit.close();
    let calls: Vec<Fact> = good(&directory).into_iter().map(|record| record.fact).collect();
    for fact in [begun(1), ended(1), begun(2), ended(2)] {
        assert_eq!(calls.iter().filter(|there| **there == fact).count(), 1, "{fact:?}");
    }
}

#[test]
fn a_node_that_must_not_go_unrecorded_admits_no_calls_while_the_disk_is_full() {
    let place = tempfile::tempdir().unwrap();
    let (directory, room) = (place.path().join("log"), Arc::new(AtomicU64::new(PLENTY)));
    let audit = open(&directory, &room, WhenFailing::Refuse);
    assert!(audit.sync() && audit.admits_calls());
    room.store(0, Ordering::SeqCst);
    audit.record(begun(1));
    assert!(!audit.sync());
    assert!(!audit.admits_calls());
    room.store(PLENTY, Ordering::SeqCst);
    until_synced(&audit);
    assert!(audit.admits_calls());
}

#[test]
fn what_no_longer_fits_into_the_queue_is_counted_and_the_count_is_a_record() {
    let place = tempfile::tempdir().unwrap();
    let (directory, room) = (place.path().join("log"), Arc::new(AtomicU64::new(PLENTY)));
    let audit = open(&directory, &room, WhenFailing::Continue);
    assert!(audit.sync());
    room.store(0, Ordering::SeqCst);
    audit.record(begun(0));
    assert!(!audit.sync());
    let all = 20_000;
    for number in 1..=all {
        audit.record(begun(number));
    }
    let lost = audit.state().lost;
    assert!(lost > 0, "the queue has a bound");
    room.store(PLENTY, Ordering::SeqCst);
    until_synced(&audit);
    audit.close();
    let records = good(&directory);
    let gaps: Vec<(u64, GapCause)> = records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::Gap(gap) => Some((gap.lost, gap.cause)),
            _ => None,
        })
        .collect();
    let begun = records.iter().filter(|record| matches!(record.fact, Fact::CallBegun(_))).count() as u64;
    assert_eq!(gaps.iter().map(|(lost, _)| lost).sum::<u64>(), lost);
    assert!(gaps.iter().all(|(_, cause)| *cause == GapCause::Disk), "{gaps:?}");
    assert_eq!(begun + lost, all + 1, "every fact is there or counted");
}
