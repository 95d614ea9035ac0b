//! How many allocations there are: in all, per subject and per source; and each subject's account of what it sends. Shared
//! by all shards, touched when an allocation begins or ends and at no other time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Account, Quota, Source};
use crate::auth::Subject;
use crate::time::Moment;

/// Accounts without an allocation that are kept, because their owner has just sent more than it could again: a new
/// allocation must not begin with a full bucket. One in a hundred thousand tokens that are cut off at full speed would
/// need the last of them.
const MOST_RESTING: usize = 4096;
/// Resting accounts that are looked at when an allocation begins: more leave than come.
const LOOKED_AT: usize = 4;

/// The count of live allocations, measured against a [`Quota`].
pub struct Ledger {
    book: Mutex<Book>,
}

struct Book {
    quota: Quota,
    total: usize,
    // Only subjects with at least one allocation are in it and those that rest, so it never outgrows the two bounds.
    subjects: BTreeMap<Subject, Held>,
    // Only sources with at least one allocation.
    sources: BTreeMap<Source, usize>,
    /// Subjects that have lost their last allocation and may have another one by now.
    resting: VecDeque<Subject>,
}

#[derive(Default)]
struct Held {
    allocations: usize,
    account: Arc<Account>,
    /// It stands in `resting`, once.
    rests: bool,
}

impl core::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Ledger({} live)", self.live())
    }
}

/// Which bound would be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exceeded {
    /// That of the subject (486).
    Subject,
    /// That of the source (508: RFC 8656 §7.2 keeps 486 for the user, wherever it is).
    Source,
    /// That of the whole process (508).
    Total,
}

impl Exceeded {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Subject, Self::Source, Self::Total];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Subject => "credential",
            Self::Source => "source",
            Self::Total => "total",
        }
    }
}

/// Bounds that one allocation meets beside the [`Quota`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Allocations at once of this subject, if that is fewer than the quota has; `usize::MAX` for no bound.
    pub subject: usize,
    /// Allocations at once of this source; `usize::MAX` for no bound.
    pub source: usize,
}

impl Bounds {
    /// None beside the quota.
    pub const NONE: Self = Self { subject: usize::MAX, source: usize::MAX };
}

/// One allocation's place in the ledger, given back when dropped.
#[must_use]
pub struct Reservation {
    ledger: Arc<Ledger>,
    subject: Subject,
    source: Source,
    account: Arc<Account>,
}

impl Reservation {
    /// The account of the subject: the same one for all its allocations, on all shards.
    #[must_use]
    pub const fn account(&self) -> &Arc<Account> {
        &self.account
    }
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
        let (subjects, sources, resting) = Default::default();
        Arc::new(Self { book: Mutex::new(Book { quota, total: 0, subjects, sources, resting }) })
    }

    /// A new quota from now on. Allocations beyond it live on; no new one begins until there is room.
    pub fn set_quota(&self, quota: Quota) {
        self.open().quota = quota;
    }

    /// Takes a place for one more allocation of this subject, from this source.
    ///
    /// # Errors
    /// Which bound is reached; that of the subject is told first, because the subject can do something about it.
    pub fn reserve(
        self: &Arc<Self>,
        subject: Subject,
        source: Source,
        bounds: Bounds,
        now: Moment,
    ) -> Result<Reservation, Exceeded> {
        let mut book = self.open();
        book.forget_settled(now);
        let held = book.subjects.get(&subject).map_or(0, |held| held.allocations);
        let from_source = book.sources.get(&source).copied().unwrap_or(0);
        if held >= book.quota.per_subject.min(bounds.subject) {
            return Err(Exceeded::Subject);
        }
        if from_source >= bounds.source {
            return Err(Exceeded::Source);
        }
        if book.total >= book.quota.total {
            return Err(Exceeded::Total);
        }
        let account = book.enter(subject, source);
        drop(book);
        Ok(Reservation { ledger: Arc::clone(self), subject, source, account })
    }

    /// Takes a place for an allocation that began in another process. Whoever was within the bounds of subject and source
    /// when it began stays, whatever they are now.
    ///
    /// # Errors
    /// [`Exceeded::Total`].
    pub fn resume(self: &Arc<Self>, subject: Subject, source: Source) -> Result<Reservation, Exceeded> {
        let mut book = self.open();
        if book.total >= book.quota.total {
            return Err(Exceeded::Total);
        }
        let account = book.enter(subject, source);
        drop(book);
        Ok(Reservation { ledger: Arc::clone(self), subject, source, account })
    }

    /// Live allocations.
    #[must_use]
    pub fn live(&self) -> usize {
        self.open().total
    }

    /// Live allocations of a subject.
    #[must_use]
    pub fn held(&self, subject: Subject) -> usize {
        self.open().subjects.get(&subject).map_or(0, |held| held.allocations)
    }

    /// Nothing in here can fail halfway, so a book left behind by a thread that died is still right.
    fn open(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Counts one more, and says which account is its subject's.
    fn enter(&mut self, subject: Subject, source: Source) -> Arc<Account> {
        let from_source = self.sources.entry(source).or_default();
        *from_source = from_source.saturating_add(1);
        self.total = self.total.saturating_add(1);
        let held = self.subjects.entry(subject).or_default();
        held.allocations = held.allocations.saturating_add(1);
        Arc::clone(&held.account)
    }

    fn give_back(&mut self, subject: Subject, source: Source) {
        self.total = self.total.saturating_sub(1);
        match self.sources.get_mut(&source) {
            Some(held) if *held > 1 => *held -= 1,
            _ => {
                self.sources.remove(&source);
            }
        }
        let Some(held) = self.subjects.get_mut(&subject) else { return };
        held.allocations = held.allocations.saturating_sub(1);
        if held.allocations > 0 {
            return;
        }
        if held.rests {
            return;
        }
        if held.account.is_unused() {
            self.subjects.remove(&subject);
            return;
        }
        held.rests = true;
        self.resting.push_back(subject);
        if self.resting.len() > MOST_RESTING {
            self.forget(Moment::from_nanos(u64::MAX));
        }
    }

    /// Forgets accounts that no longer matter.
    fn forget_settled(&mut self, now: Moment) {
        for _ in 0..LOOKED_AT {
            self.forget(now);
        }
    }

    /// Forgets the account that has rested the longest, if it is settled; if not, it rests on.
    fn forget(&mut self, now: Moment) {
        let Some(subject) = self.resting.pop_front() else { return };
        let Some(held) = self.subjects.get_mut(&subject) else { return };
        if held.allocations > 0 {
            held.rests = false;
        } else if held.account.is_settled(now) {
            self.subjects.remove(&subject);
        } else {
            self.resting.push_back(subject);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.open().give_back(self.subject, self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::seal::Way;
    use crate::policy::{Rate, RateLimit};

    const ALICE: &[u8] = b"alice";
    const BOB: &[u8] = b"bob";

    fn ledger(total: usize, per_subject: usize) -> Arc<Ledger> {
        Ledger::new(Quota { total, per_subject })
    }

    /// The source with this number.
    fn source(number: u8) -> Source {
        Source::of([192, 0, 2, number].into())
    }

    fn reserve(ledger: &Arc<Ledger>, subject: Subject) -> Result<Reservation, Exceeded> {
        ledger.reserve(subject, source(1), Bounds::NONE, Moment::ZERO)
    }

    #[test]
    fn a_subject_has_its_own_bound() {
        let ledger = ledger(100, 2);
        let held: Vec<_> = (0..2).map(|_| reserve(&ledger, Subject::of(ALICE)).unwrap()).collect();
        assert_eq!(reserve(&ledger, Subject::of(ALICE)).unwrap_err(), Exceeded::Subject);
        let bob = reserve(&ledger, Subject::of(BOB)).unwrap();
        assert_eq!(ledger.live(), 3);
        drop((held, bob));
        assert_eq!(ledger.live(), 0);
    }

    #[test]
    fn all_subjects_together_have_a_bound() {
        let ledger = ledger(1, 2);
        let _held = reserve(&ledger, Subject::of(ALICE)).unwrap();
        assert_eq!(reserve(&ledger, Subject::of(BOB)).unwrap_err(), Exceeded::Total);
    }

    #[test]
    fn a_place_given_back_can_be_taken_again_and_leaves_nothing_behind() {
        let ledger = ledger(2, 1);
        for number in 0..1000_u32 {
            let one = reserve(&ledger, Subject::of(&number.to_be_bytes())).unwrap();
            let two = reserve(&ledger, Subject::of(BOB)).unwrap();
            assert_eq!(ledger.live(), 2);
            drop((one, two));
        }
        assert_eq!(ledger.live(), 0);
        assert!(ledger.open().subjects.is_empty() && ledger.open().sources.is_empty());
    }

    #[test]
    fn a_lower_quota_lets_the_living_live() {
        let ledger = ledger(10, 10);
        let mut held: Vec<_> = (0..4).map(|_| reserve(&ledger, Subject::of(ALICE)).unwrap()).collect();
        ledger.set_quota(Quota { total: 10, per_subject: 2 });
        assert_eq!(ledger.live(), 4);
        held.truncate(2);
        assert_eq!(reserve(&ledger, Subject::of(ALICE)).unwrap_err(), Exceeded::Subject);
        held.truncate(1);
        assert!(reserve(&ledger, Subject::of(ALICE)).is_ok());
    }

    #[test]
    fn many_threads_never_exceed_the_quota() {
        let ledger = ledger(50, 20);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let ledger = &ledger;
                scope.spawn(move || {
                    for _ in 0..500 {
                        let held: Vec<_> =
                            (0..30).map_while(|_| reserve(ledger, Subject::of(&[thread % 3])).ok()).collect();
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
        assert!(reserve(&ledger, Subject::of(ALICE)).is_ok());
    }

    #[test]
    fn a_bound_of_the_allocation_itself_narrows_the_quota_and_never_widens_it() {
        let ledger = ledger(10, 2);
        let with =
            |subject| ledger.reserve(Subject::of(ALICE), source(1), Bounds { subject, ..Bounds::NONE }, Moment::ZERO);
        let _one = with(1).unwrap();
        assert_eq!(with(1).unwrap_err(), Exceeded::Subject);
        let _two = with(5).unwrap();
        assert_eq!(with(5).unwrap_err(), Exceeded::Subject);
    }

    #[test]
    fn a_source_has_a_bound_whoever_is_there() {
        let ledger = ledger(10, 10);
        let from = |number, who| {
            ledger.reserve(Subject::of(who), source(number), Bounds { source: 2, ..Bounds::NONE }, Moment::ZERO)
        };
        let held = [from(1, ALICE).unwrap(), from(1, BOB).unwrap()];
        assert_eq!(from(1, b"carol").unwrap_err(), Exceeded::Source);
        assert!(from(2, ALICE).is_ok());
        drop(held);
        assert!(from(1, b"carol").is_ok());
    }

    /// Sends a packet that takes a second, from an allocation that ends at once. Whether it could.
    fn sends_and_leaves(ledger: &Arc<Ledger>, subject: Subject, now: Moment) -> bool {
        let limit = RateLimit { kbps: core::num::NonZeroU32::new(8), packets: None };
        let held = ledger.reserve(subject, source(1), Bounds::NONE, now).unwrap();
        let rate = Rate::new(limit, held.account()).unwrap();
        let sent = (0..30).filter(|_| rate.send(Way::Up, &[0; 1000], now).is_ok()).count();
        sent > 0
    }

    #[test]
    fn ending_and_beginning_again_does_not_fill_a_bucket() {
        let ledger = ledger(10, 10);
        let now = Moment::from_secs(100);
        assert!(sends_and_leaves(&ledger, Subject::of(ALICE), now));
        assert!(!sends_and_leaves(&ledger, Subject::of(ALICE), now));
        assert!(sends_and_leaves(&ledger, Subject::of(BOB), now));
    }

    #[test]
    fn accounts_that_rest_are_forgotten_when_they_are_settled_and_never_too_many() {
        let ledger = ledger(10, 10);
        for number in 0..10_000_u32 {
            sends_and_leaves(&ledger, Subject::of(&number.to_be_bytes()), Moment::from_secs(100));
            assert!(ledger.open().subjects.len() <= MOST_RESTING + 1);
        }
        assert_eq!(ledger.open().subjects.len(), MOST_RESTING);
        for _ in 0..MOST_RESTING / LOOKED_AT {
            reserve_later(&ledger);
        }
        assert!(ledger.open().subjects.is_empty() && ledger.open().resting.is_empty());
    }

    /// An hour later somebody begins, and sends nothing.
    fn reserve_later(ledger: &Arc<Ledger>) {
        drop(ledger.reserve(Subject::of(ALICE), source(1), Bounds::NONE, Moment::from_secs(3700)));
    }
}
