//! What was revoked, in the journal.

use std::path::Path;

use super::*;
use crate::auth::MOST_REVOCATIONS;

const IDENTITY: Identity = Identity { records: 1, shards: 1, boot: [7; 16], configuration: [8; 32] };

fn revocation(number: usize) -> Revocation {
    let what = Revoked::Call {
        issuer: format!("clinic-with-a-long-name-{number:08}").parse().unwrap(),
        call: format!("appointment-{number:024}").parse().unwrap(),
    };
    Revocation::new(what, SystemClock::start().now().unix, None)
}

fn begin(folder: &Path, revocations: &Arc<Revocations>) -> Journal {
    let (clock, revocations) = (SystemClock::start(), Arc::clone(revocations));
    let own = move || entries(&[1; 32], Some(&revocations), clock);
    Journal::begin(Directory::take(folder, None).unwrap(), IDENTITY, clock, own).unwrap()
}

/// The process ends, and the next one reads what it has left.
fn next(folder: &Path, journal: &Journal) -> (Revocations, usize) {
    assert!(journal.pen(0).end(0) && journal.finish());
    let picture = Directory::take(folder, None).unwrap().read(&IDENTITY).unwrap();
    let records = picture.of(OURS).count();
    let known = Revocations::new();
    let inheritance = Inheritance { directory: None, identity: None, picture, unreadable: None };
    inheritance.revoke(&known, SystemClock::start());
    (known, records)
}

// Each can be revoked by itself, so there may be as many without a store.
#[test]
fn as_many_revocations_as_there_may_be_outlive_the_process() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), SystemClock::start());
    let revocations = Arc::new(Revocations::new());
    for number in 0..MOST_REVOCATIONS {
        revocations.add(&revocation(number), clock.now()).unwrap();
    }
    let journal = begin(folder.path(), &revocations);
    assert_eq!(next(folder.path(), &journal).0.len(), MOST_REVOCATIONS);
}

#[test]
fn what_is_revoked_again_and_again_takes_one_place_and_what_is_over_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let journal = begin(folder.path(), &Arc::default());
    let pen = RevocationPen::new(journal.pen(OURS));
    let [renewed, over] = [revocation(1), revocation(2)];
    assert!(pen.write(&over, &[]));
    for _ in 0..100 {
        assert!(pen.write(&renewed, &[]));
    }
    assert!(pen.write(&renewed, &[over.what]));
    let (known, records) = next(folder.path(), &journal);
    assert_eq!(known.all(SystemClock::start().now()), [renewed]);
    assert_eq!(records, 2, "the key of nonces, and one revocation");
}
