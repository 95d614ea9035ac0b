//! The store, on a disk.

use super::*;
use crate::time::UnixTime;

fn revocation(number: u64) -> Revocation {
    let what = Revoked::Token { issuer: "clinic".parse().unwrap(), id: format!("token-{number}").parse().unwrap() };
    Revocation { what, since: UnixTime::from_secs(1000), until: UnixTime::from_secs(2000 + number) }
}

fn sorted(mut revocations: Vec<Revocation>) -> Vec<Revocation> {
    revocations.sort_by_key(|revocation| revocation.until);
    revocations
}

#[test]
fn what_is_kept_is_there_after_the_store_was_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let store = Store::open(&path).unwrap();
    assert_eq!(store.revocations().unwrap(), []);
    (0..3).for_each(|number| store.keep(&revocation(number)).unwrap());
    store.forget(&[revocation(1).what, revocation(9).what]).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(sorted(store.revocations().unwrap()), [revocation(0), revocation(2)]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join(FILE))), (0o700, 0o600));
}

#[test]
fn a_revocation_that_is_kept_twice_lasts_for_the_longer_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let long = revocation(500);
    let short = Revocation { since: UnixTime::from_secs(1500), until: UnixTime::from_secs(1600), ..long };
    for other in [short, long, short] {
        store.keep(&other).unwrap();
    }
    assert_eq!(store.revocations().unwrap(), [long]);
}

#[test]
fn a_second_process_is_told_that_the_first_one_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::open(directory.path()).unwrap();
    let second = Store::open(directory.path()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }) && second.to_string().contains("another hilum"), "{second}");
    drop(first);
    assert!(Store::open(directory.path()).is_ok());
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let file = directory.path().join(FILE);
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(directory.path()).unwrap());
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_start_that_was_cut_short_does_not_spoil_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(UNFINISHED), [0; 5000]).unwrap();
    Store::open(directory.path()).unwrap().keep(&revocation(1)).unwrap();
    assert!(!directory.path().join(UNFINISHED).exists());
}

#[test]
fn a_directory_that_is_none_is_an_error_that_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file, directory.path().join("no/such")] {
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Directory { .. }) && error.to_string().contains("chmod 700"), "{error}");
    }
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store
        .change(|transaction| {
            transaction.open_table(ABOUT)?.insert("version", 2)?;
            Ok(())
        })
        .unwrap();
    drop(store);
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(&error, StoreError::Newer { version: 2, .. }), "{error}");
}

// Everything that a file can suffer is told when the store is opened, and whoever reads it afterwards gets what was
// written or an error.
#[test]
fn a_damaged_file_is_told_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let kept: Vec<Revocation> = (0..40).map(revocation).collect();
    kept.iter().for_each(|each| store.keep(each).unwrap());
    drop(store);
    let path = directory.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let read = Store::open(directory.path()).and_then(|store| store.revocations());
        if let Ok(read) = &read {
            assert_eq!(sorted(read.clone()), kept);
        }
        read.err()
    };
    assert!(matches!(damaged(b""), Some(StoreError::Damaged { .. })));
    let text = damaged(b"not a database").expect("text is no database");
    assert!(matches!(text, StoreError::Damaged { .. }) && text.to_string().contains("backup"), "{text}");
    assert!(damaged(&whole[..whole.len() / 2]).is_some());
    let mut told = 0;
    // Where the bytes are that mean something: the header's fields, and each page that holds any.
    let places = (0..512).step_by(7).chain((512..whole.len()).filter(|&at| whole[at] != 0).step_by(97));
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        told += usize::from(damaged(&bytes).is_some());
    }
    assert!(told > 10, "only {told} of the damages were told");
}

#[test]
fn a_shelf_keeps_what_is_put_there_and_gives_it_up_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let thing = |name: &str, bytes: Option<&[u8]>| (name.to_owned(), bytes.map(<[u8]>::to_vec));
    store.put(Shelf::Appointments, &[thing("a", Some(b"one")), thing("b", Some(b"two"))]).unwrap();
    store.put(Shelf::Staff, &[thing("a", Some(b"other"))]).unwrap();
    store.put(Shelf::Appointments, &[thing("a", None), thing("b", Some(b"three")), thing("c", None)]).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.shelf(Shelf::Appointments).unwrap(), [("b".to_owned(), b"three".to_vec())]);
    assert_eq!(store.shelf(Shelf::Staff).unwrap(), [("a".to_owned(), b"other".to_vec())]);
}

#[test]
fn a_file_from_before_there_were_shelves_gets_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store
        .change(|transaction| {
            for shelf in Shelf::ALL {
                transaction.delete_table(shelf.table())?;
            }
            Ok(())
        })
        .unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.shelf(Shelf::Staff).unwrap(), []);
}
