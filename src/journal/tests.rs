//! A journal on disk: written, read, damaged in every way, and begun anew.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::format::{HEADER, Signer};
use super::*;

const IDENTITY: Identity = Identity { records: 1, shards: 2, boot: [7; 16], configuration: [8; 32] };
const KEY: [u8; 32] = [9; 32];

fn key(number: u8) -> [u8; 5] {
    [3, 0, 0, 0, number]
}

fn entries(records: &[(u16, u8, Option<&[u8]>)]) -> Entries {
    let mut entries = Entries::default();
    for &(shard, number, record) in records {
        entries.put((shard, key(number)), record);
    }
    entries
}

/// A journal of frames.
fn written(frames: &[Entries]) -> Vec<u8> {
    compose(&KEY, &IDENTITY, &frames.iter().map(Entries::bytes).collect::<Vec<_>>())
}

fn read(bytes: &[u8]) -> Result<Picture, Unreadable> {
    Picture::read(bytes, &KEY, &IDENTITY)
}

fn of(picture: &Picture, shard: u16) -> Vec<(u8, Vec<u8>)> {
    picture.of(shard).map(|([.., number], record)| (number, record.to_vec())).collect()
}

fn three_frames() -> [Entries; 3] {
    [
        entries(&[(0, 1, Some(b"ada")), (1, 1, Some(b"ben"))]),
        entries(&[(0, 1, Some(b"ada again")), (0, 2, Some(b"cleo"))]),
        entries(&[(0, 2, None), (1, 9, None), (1, 2, Some(b""))]),
    ]
}

#[test]
fn the_last_word_about_each_place_holds() {
    let picture = read(&written(&three_frames())).unwrap();
    assert_eq!(of(&picture, 0), [(1, b"ada again".to_vec())]);
    assert_eq!(of(&picture, 1), [(1, b"ben".to_vec()), (2, Vec::new())]);
    assert_eq!((of(&picture, 2), picture.len(), picture.is_empty()), (vec![], 3, false));
    assert!(read(&written(&[])).unwrap().is_empty());
}

// A process that is killed while it writes leaves such an end.
#[test]
fn a_frame_that_was_not_finished_is_left_out_wherever_it_ends() {
    let frames = three_frames();
    let (whole, before) = (written(&frames), written(&frames[..2]));
    let expected = read(&before).unwrap();
    for end in before.len()..whole.len() {
        assert_eq!(read(&whole[..end]).as_ref(), Ok(&expected), "{end}");
    }
    for end in 0..HEADER {
        assert_eq!(read(&whole[..end]), Err(Unreadable::Damaged), "{end}");
    }
}

#[test]
fn no_byte_of_a_journal_can_be_changed_and_no_frame_be_moved() {
    let whole = written(&three_frames());
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        // A length that grows past the end looks like a frame that was not finished; what stands before it is genuine.
        match read(&damaged) {
            Err(Unreadable::Damaged | Unreadable::OtherVersion) => {}
            other => {
                let before = [written(&[]), written(&three_frames()[..1]), written(&three_frames()[..2])];
                assert!(before.iter().any(|before| read(before) == other), "{at}: {other:?}");
                assert!(before.iter().any(|before| (before.len()..before.len() + 4).contains(&at)), "{at}");
            }
        }
    }
    let [first, second, third] = three_frames();
    let signer = Signer::new(&KEY, [0; 16]);
    let moved = [signer.header(&IDENTITY), signer.frame(1, second.bytes()), signer.frame(0, first.bytes())].concat();
    assert_eq!(read(&moved), Err(Unreadable::Damaged));
    let other = Signer::new(&KEY, [2; 16]).frame(0, third.bytes());
    assert_eq!(read(&[signer.header(&IDENTITY), other].concat()), Err(Unreadable::Damaged), "of another journal");
    assert_eq!(Picture::read(&whole, &[0; 32], &IDENTITY), Err(Unreadable::Damaged), "another key");
}

#[test]
fn a_journal_of_another_relay_version_or_start_of_the_system_says_which() {
    let whole = written(&three_frames());
    for (identity, why) in [
        (Identity { records: 2, ..IDENTITY }, Unreadable::OtherVersion),
        (Identity { boot: [0; 16], ..IDENTITY }, Unreadable::OtherBoot),
        (Identity { shards: 3, ..IDENTITY }, Unreadable::OtherConfiguration),
        (Identity { configuration: [0; 32], ..IDENTITY }, Unreadable::OtherConfiguration),
    ] {
        assert_eq!(Picture::read(&whole, &KEY, &identity), Err(why));
    }
    let mut later = whole;
    later[8] += 1;
    assert_eq!(read(&later), Err(Unreadable::OtherVersion));
    let labels: std::collections::BTreeSet<_> = Unreadable::ALL.iter().map(|why| why.label()).collect();
    assert_eq!(labels.len(), Unreadable::ALL.len());
}

fn begin(folder: &Path) -> Journal {
    let directory = Directory::take(folder, None).unwrap();
    let own = || {
        let mut own = Entries::default();
        own.put(super::own([0; 5]), Some(b"nonces"));
        own
    };
    Journal::begin(directory, IDENTITY, SystemClock::start(), own).unwrap()
}

fn kept(folder: &Path) -> Result<Picture, Unreadable> {
    Directory::take(folder, None).unwrap().read(&IDENTITY)
}

#[test]
fn a_journal_replaces_the_one_before_when_every_shard_has_handed_in_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let journal = begin(&path);
    let pens = [journal.pen(0), journal.pen(1)];
    assert!(pens[0].try_write(0, entries(&[(0, 1, Some(b"ada"))])).is_ok());
    assert!(pens[0].end(0));
    assert!(!journal.finish(), "one shard has not");
    assert_eq!(kept(&path), Err(Unreadable::Absent));

    let journal = begin(&path);
    for pen in [journal.pen(0), journal.pen(1)] {
        assert!(pen.write(0, entries(&[(pen.shard(), 1, Some(b"ada"))])));
        assert!(pen.try_complete(0));
        // What is of a generation that is over is not written.
        assert!(pen.write(1, entries(&[(pen.shard(), 2, Some(b"ben"))])));
        assert!(pen.end(0));
    }
    assert!(journal.finish() && !journal.health().failing);
    let picture = kept(&path).unwrap();
    assert_eq!((of(&picture, 0), of(&picture, 1)), (vec![(1, b"ada".to_vec())], vec![(1, b"ada".to_vec())]));
    assert_eq!(picture.of(OURS).collect::<Vec<_>>(), [([0; 5], &b"nonces"[..])]);
    for file in fs::read_dir(&path).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }

    let journal = begin(&path);
    assert_eq!(kept_while_another_has_it(&path), "InUse");
    assert!(journal.remove());
    assert_eq!(kept(&path), Err(Unreadable::Absent), "nothing is to go on");
}

fn kept_while_another_has_it(folder: &Path) -> &'static str {
    match Directory::take(folder, None) {
        Err(fault @ DirectoryFault::InUse(_)) => {
            assert!(fault.to_string().contains("another relay runs already"), "{fault}");
            "InUse"
        }
        Err(DirectoryFault::System { .. }) => "System",
        Ok(_) => "taken",
    }
}

#[test]
fn a_journal_does_not_grow_with_what_holds_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let pens = [journal.pen(0), journal.pen(1)];
    pens.iter().for_each(|pen| assert!(pen.end(0)));
    let record = vec![5; 100_000];
    for round in 0..200_u8 {
        assert!(pens[0].write(0, entries(&[(0, round % 4, Some(&record)), (0, 100, Some(&[round]))])));
    }
    assert!(pens[0].write(0, entries(&[(0, 0, None)])));
    assert!(journal.finish());
    let bytes = fs::metadata(folder.path().join("hilum.journal")).unwrap().len();
    assert!(bytes < 6_000_000, "{bytes} of 20 million");
    let picture = kept(folder.path()).unwrap();
    let found: Vec<_> = picture.of(0).map(|([.., number], record)| (number, record.len())).collect();
    assert_eq!(found, [(1, 100_000), (2, 100_000), (3, 100_000), (100, 1)]);
    assert_eq!(picture.of(0).last().unwrap().1, [199]);
}

// Whoever can be restored from a journal that is behind would be somebody else tomorrow.
#[test]
fn a_journal_that_cannot_be_written_leaves_none_behind() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let pens = [journal.pen(0), journal.pen(1)];
    pens.iter().for_each(|pen| assert!(pen.end(0)));
    // Its next version cannot take its name.
    let big = vec![1; 1_000_000];
    let (whole, blocked) = (folder.path().join("hilum.journal"), folder.path().join("hilum.journal.new"));
    for _ in 0..10_000_000 {
        if whole.exists() {
            break;
        }
        std::thread::yield_now();
    }
    fs::create_dir(&blocked).unwrap();
    for _ in 0..12 {
        assert!(pens[1].write(0, entries(&[(1, 1, Some(&big))])));
    }
    assert!(!journal.finish() && journal.health().failing);
    assert_eq!(kept(folder.path()), Err(Unreadable::Absent));
}

/// A directory in which a process before has left a journal.
fn with_a_journal_of_before() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    for pen in [journal.pen(0), journal.pen(1)] {
        assert!(pen.write(0, entries(&[(pen.shard(), 1, Some(b"before"))])) && pen.end(0));
    }
    assert!(journal.finish());
    assert!(kept(folder.path()).is_ok());
    folder
}

// It would be taken for that of the process that could not write one, however long ago it was written.
#[test]
fn a_journal_that_cannot_be_begun_leaves_not_even_that_of_the_process_before() {
    let folder = with_a_journal_of_before();
    fs::create_dir(folder.path().join("hilum.journal.new")).unwrap();
    let journal = begin(folder.path());
    assert!(journal.health().failing && !folder.path().join("hilum.journal").exists());
    // Somebody puts it back meanwhile: at the end it is looked at again.
    fs::write(folder.path().join("hilum.journal"), b"of before").unwrap();
    assert!(!journal.finish());
    assert_eq!(kept(folder.path()), Err(Unreadable::Absent));
}

#[test]
fn a_process_that_ends_before_its_journal_has_a_name_leaves_no_older_one() {
    let folder = with_a_journal_of_before();
    let journal = begin(folder.path());
    let pen = journal.pen(0);
    assert!(pen.write(0, entries(&[(0, 1, Some(b"ada"))])) && pen.end(0));
    assert!(!journal.finish(), "the other shard has handed in nothing");
    assert_eq!(kept(folder.path()), Err(Unreadable::Absent));
}

#[test]
fn a_journal_is_whole_when_every_shard_has_said_so_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let pens = [journal.pen(0), journal.pen(1)];
    for pen in &pens {
        assert!(pen.write(0, entries(&[(pen.shard(), 1, Some(b"ada"))])) && pen.try_complete(0));
    }
    // One of them hangs: what it had goes on all the same.
    assert!(pens[0].write(0, entries(&[(0, 2, Some(b"ben"))])) && pens[0].end(0));
    assert!(!journal.finish());
    let picture = kept(folder.path()).unwrap();
    assert_eq!((of(&picture, 0).len(), of(&picture, 1).len()), (2, 1));
}

// One frame that is too long would make all of the journal unreadable.
#[test]
fn more_than_a_frame_takes_stands_in_several() {
    let folder = tempfile::tempdir().unwrap();
    let own = || {
        let mut own = Entries::default();
        for number in 0..70_000_u32 {
            let [a, b, c, d] = number.to_be_bytes();
            own.put(super::own([1, a, b, c, d]), Some(&[7; 60]));
        }
        own
    };
    assert!(own().bytes().len() > 2 * format::LONGEST_FRAME);
    assert_eq!(own().frames().map(<[u8]>::len).sum::<usize>(), own().bytes().len());
    assert!(own().frames().all(|frame| frame.len() <= format::LONGEST_FRAME));
    let directory = Directory::take(folder.path(), None).unwrap();
    let journal = Journal::begin(directory, IDENTITY, SystemClock::start(), own).unwrap();
    for pen in [journal.pen(0), journal.pen(1)] {
        assert!(pen.end(0));
    }
    assert!(journal.finish());
    assert_eq!(kept(folder.path()).unwrap().of(OURS).count(), 70_000);
}

#[test]
fn what_fits_into_no_frame_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path());
    let pens = [journal.pen(0), journal.pen(1)];
    assert!(pens[0].write(0, entries(&[(0, 1, Some(&vec![1; format::LONGEST_FRAME]))])));
    pens.iter().for_each(|pen| assert!(pen.end(0)));
    assert!(!journal.finish() && journal.health().failing);
    assert_eq!(kept(folder.path()), Err(Unreadable::Absent), "and nothing that could not be read");
}

// A disk that hangs must not hold back who ends, or who revokes.
#[test]
fn whoever_hands_something_in_waits_for_a_while_and_no_longer() {
    let (journal, hung) = Journal::hung();
    let pen = journal.pen(0);
    assert!(!pen.write(0, Entries::default()) && !pen.end(0));
    assert!(!journal.end(Letter::Finish, Duration::from_millis(10)));
    drop(hung);
    assert!(!pen.write(0, Entries::default()), "nobody reads it any more");
}

#[test]
fn whoever_waits_for_room_goes_on_when_there_is_some() {
    let (journal, hung) = Journal::hung();
    let (pen, state) = (journal.pen(0), Arc::clone(&journal.state));
    let waiting = std::thread::spawn(move || {
        send(&pen.letters, &pen.state, Letter::Ended { generation: 0, shard: 0 }, Duration::from_secs(600))
    });
    hung.0.recv().unwrap();
    state.made_room();
    assert!(waiting.join().unwrap());
}

#[test]
fn after_a_failure_the_journal_is_begun_anew_and_asks_for_everything() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::take(folder.path(), None).unwrap();
    let state = Arc::new(State::default());
    state.fail();
    let (letters, receiver) = sync_channel(WAITING);
    let writer = Writer {
        paths: directory.paths(),
        key: *directory.key(),
        identity: IDENTITY,
        own: Box::new(Entries::default),
        state: Arc::clone(&state),
        clock: SystemClock::start(),
        // It failed when the system started, which is more than ten seconds ago.
        open: Err(Moment::ZERO),
        complete: vec![true, true],
        ended: vec![true, true],
    };
    let thread = std::thread::spawn(move || writer.run(&receiver));
    let journal = Journal { letters, state, directory: Mutex::new(Some(directory)) };
    let pens = [journal.pen(0), journal.pen(1)];
    assert!(pens[0].write(0, entries(&[(0, 1, Some(b"behind"))])));
    for _ in 0..10_000_000 {
        if pens[0].generation() == 1 {
            break;
        }
        std::thread::yield_now();
    }
    for pen in &pens {
        assert!(pen.write(1, entries(&[(pen.shard(), 2, Some(b"ada"))])));
        assert!(pen.end(pen.generation()));
    }
    assert!(journal.finish() && !journal.health().failing);
    thread.join().unwrap();
    let picture = kept(folder.path()).unwrap();
    assert_eq!((of(&picture, 0), of(&picture, 1)), (vec![(2, b"ada".to_vec())], vec![(2, b"ada".to_vec())]));
}

#[test]
fn a_key_that_others_can_read_is_replaced_and_the_journal_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("state");
    let run = folder.path().join("run");
    let first = *Directory::take(&run, Some(&keys)).unwrap().key();
    assert_eq!(*Directory::take(&run, Some(&keys)).unwrap().key(), first);
    assert!(!run.join("journal.key").exists(), "it lies with what is secret");
    fs::set_permissions(keys.join("journal.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let second = *Directory::take(&run, Some(&keys)).unwrap().key();
    assert_ne!(second, first);
    fs::write(keys.join("journal.key"), b"short").unwrap();
    assert_ne!(*Directory::take(&run, Some(&keys)).unwrap().key(), second);
    let fault = Directory::take(&folder.path().join("no/such"), None).unwrap_err().to_string();
    assert!(fault.contains("server.runtime") && fault.contains("writable"), "{fault}");
}

#[test]
fn the_system_says_which_start_this_is() {
    assert!(boot().is_some_and(|boot| boot != [0; 16]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(0u8.., 0..400), cut in 0usize..300) {
        proptest::prop_assert_eq!(read(&bytes), Err(Unreadable::Damaged));
        let mut mixed = written(&three_frames());
        mixed.truncate(cut);
        mixed.extend(bytes);
        // Either it is told, or no more holds than was written.
        proptest::prop_assert!(read(&mixed).is_ok_and(|picture| picture.len() <= 3) || read(&mixed).is_err());
    }
}
