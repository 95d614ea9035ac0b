//! How many allocations there are: in all, and per subject. Shared by all shards, touched when an allocation begins or
//! ends and at no other time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Quota;
use crate::auth::Subject;

/// The count of live allocations, measured against a [`Quota`].
pub struct Ledger {
    book: Mutex<Book>,
}

struct Book {
    quota: Quota,
    total: usize,
    // Only subjects with at least one allocation are in it, so it never outgrows the total.
    per_subject: BTreeMap<Subject, usize>,
}

impl core::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Ledger({} live)", self.live())
    }
}

/// Which bound would be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exceeded {
    /// That of the whole process (508).
    Total,
    /// That of the subject (486).
    Subject,
}

/// One allocation's place in the ledger, given back when dropped.
#[must_use]
pub struct Reservation {
    ledger: Arc<Ledger>,
    subject: Subject,
}

impl core::fmt::Debug for Reservation {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Reservation(redacted)")
    }
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(quota: Quota) -> Arc<Self> {
        Arc::new(Self { book: Mutex::new(Book { quota, total: 0, per_subject: BTreeMap::new() }) })
    }

    /// A new quota from now on. Allocations beyond it live on; no new one begins until there is room.
    pub fn set_quota(&self, quota: Quota) {
        self.open().quota = quota;
    }

    /// Takes a place for one more allocation of this subject.
    ///
    /// # Errors
    /// Which bound is reached; that of the subject is told first, because the subject can do something about it.
    pub fn reserve(self: &Arc<Self>, subject: Subject, most: usize) -> Result<Reservation, Exceeded> {
        let mut book = self.open();
        let held = book.per_subject.get(&subject).copied().unwrap_or(0);
        if held >= book.quota.per_subject.min(most) {
            return Err(Exceeded::Subject);
        }
        if book.total >= book.quota.total {
            return Err(Exceeded::Total);
        }
        book.per_subject.insert(subject, held.saturating_add(1));
        book.total = book.total.saturating_add(1);
        drop(book);
        Ok(Reservation { ledger: Arc::clone(self), subject })
    }

    /// Live allocations.
    #[must_use]
    pub fn live(&self) -> usize {
        self.open().total
    }

    /// Nothing in here can fail halfway, so a book left behind by a thread that died is still right.
    fn open(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut book = self.ledger.open();
        book.total = book.total.saturating_sub(1);
        match book.per_subject.get_mut(&self.subject) {
            Some(held) if *held > 1 => *held -= 1,
            _ => {
                book.per_subject.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &[u8] = b"alice";
    const BOB: &[u8] = b"bob";

    fn ledger(total: usize, per_subject: usize) -> Arc<Ledger> {
        Ledger::new(Quota { total, per_subject })
    }

    #[test]
    fn a_subject_has_its_own_bound() {
        let ledger = ledger(100, 2);
        let held: Vec<_> = (0..2).map(|_| ledger.reserve(Subject::of(ALICE), usize::MAX).unwrap()).collect();
        assert_eq!(ledger.reserve(Subject::of(ALICE), usize::MAX).unwrap_err(), Exceeded::Subject);
        let bob = ledger.reserve(Subject::of(BOB), usize::MAX).unwrap();
        assert_eq!(ledger.live(), 3);
        drop((held, bob));
        assert_eq!(ledger.live(), 0);
    }

    #[test]
    fn all_subjects_together_have_a_bound() {
        let ledger = ledger(1, 2);
        let _held = ledger.reserve(Subject::of(ALICE), usize::MAX).unwrap();
        assert_eq!(ledger.reserve(Subject::of(BOB), usize::MAX).unwrap_err(), Exceeded::Total);
    }

    #[test]
    fn a_place_given_back_can_be_taken_again_and_leaves_nothing_behind() {
        let ledger = ledger(2, 1);
        for number in 0..1000_u32 {
            let one = ledger.reserve(Subject::of(&number.to_be_bytes()), usize::MAX).unwrap();
            let two = ledger.reserve(Subject::of(BOB), usize::MAX).unwrap();
            assert_eq!(ledger.live(), 2);
            drop((one, two));
        }
        assert_eq!(ledger.live(), 0);
        assert!(ledger.open().per_subject.is_empty());
    }

    #[test]
    fn a_lower_quota_lets_the_living_live() {
        let ledger = ledger(10, 10);
        let mut held: Vec<_> = (0..4).map(|_| ledger.reserve(Subject::of(ALICE), usize::MAX).unwrap()).collect();
        ledger.set_quota(Quota { total: 10, per_subject: 2 });
        assert_eq!(ledger.live(), 4);
        held.truncate(2);
        assert_eq!(ledger.reserve(Subject::of(ALICE), usize::MAX).unwrap_err(), Exceeded::Subject);
        held.truncate(1);
        assert!(ledger.reserve(Subject::of(ALICE), usize::MAX).is_ok());
    }

    #[test]
    fn many_threads_never_exceed_the_quota() {
        let ledger = ledger(50, 20);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let ledger = &ledger;
                scope.spawn(move || {
                    for _ in 0..500 {
                        let held: Vec<_> = (0..30)
                            .map_while(|_| ledger.reserve(Subject::of(&[thread % 3]), usize::MAX).ok())
                            .collect();
                        assert!(held.len() <= 20 && ledger.live() <= 50);
                    }
                });
            }
        });
        assert_eq!(ledger.live(), 0);
    }

    #[test]
    fn a_thread_that_died_with_the_book_open_does_not_take_others_with_it() {
        let ledger = ledger(10, 10);
        let shared = Arc::clone(&ledger);
        let died = std::thread::spawn(move || {
            let _book = shared.open();
            panic!("on purpose");
        });
        assert!(died.join().is_err());
        assert!(ledger.reserve(Subject::of(ALICE), usize::MAX).is_ok());
    }
}
