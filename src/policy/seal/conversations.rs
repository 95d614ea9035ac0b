//! Every conversation that is remembered, by who is in it. Shared by all shards; touched when a flow begins, when an ICE
//! check tells that two paths lead to the same agent, and by the sweep.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ahash::RandomState;

use crate::auth::Party;
use crate::time::{Lifetime, Moment};
use crate::wire::keep::Keep;

use super::association::End;
use super::book::{Book, NotRecalled};
use super::conversation::{Conversation, Member, Sweep};
use super::key::Key;
use super::{Fact, Flow, Reason};

/// How often conversations without flows are looked for: a fraction of the grace that they have.
const SWEEP_EVERY: Lifetime = Lifetime::from_secs(10);

/// Who is at our end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Whose allocation it is.
    pub party: Party,
    /// The allocation's relayed transport address, of the peer's family.
    pub relayed: SocketAddr,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// The party whose allocation has the peer's address as its relayed address.
    Party(Party),
    /// Somebody outside.
    Address(IpAddr),
}

/// The conversations of all shards.
pub struct Conversations {
    book: Mutex<Book>,
    /// When the next sweep is due, in nanoseconds; read by every shard before it sleeps.
    next: AtomicU64,
    seeds: [u64; 4],
    /// What makes numbers of fragments and transactions; made when it is first needed, or by who restores what another
    /// process knew by such numbers.
    numbers: OnceLock<([u64; 4], RandomState)>,
    most: usize,
}

/// The value of `next` when there is nothing to sweep.
const NEVER: u64 = u64::MAX;

impl core::fmt::Debug for Conversations {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Conversations({})", self.len())
    }
}

impl Conversations {
    /// None yet. `seeds`: of the system's randomness, so that nobody outside can predict the hashes. `most`: how many
    /// ways to find a conversation are remembered.
    #[must_use]
    pub fn new(seeds: [u64; 4], most: usize) -> Self {
        let book = Mutex::new(Book::new(hash(seeds)));
        Self { book, next: AtomicU64::new(NEVER), seeds, numbers: OnceLock::new(), most }
    }

    /// How many ways to find a conversation are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.book().by_key.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The flow between an allocation and a peer.
    ///
    /// # Errors
    /// [`Reason::MediaTable`] when too many conversations are remembered.
    pub fn flow(&self, local: Local, peer: SocketAddr, other: Other, now: Moment) -> Result<Flow, Reason> {
        let (key, end) = match other {
            Other::Party(party) if party < local.party => (Key::Parties(party, local.party), End::High),
            Other::Party(party) if party > local.party => (Key::Parties(local.party, party), End::Low),
            // The same credential at both ends: the addresses tell them apart, on this path.
            Other::Party(party) => {
                (Key::Parties(party, party), if local.relayed < peer { End::Low } else { End::High })
            }
            Other::Address(ip) => (Key::Address(local.party, ip), End::Low),
        };
        let mut book = self.book();
        if book.by_key.len() >= self.most && !book.by_key.contains_key(&key) {
            return Err(Reason::MediaTable);
        }
        if book.by_key.is_empty() {
            self.next.store((now + SWEEP_EVERY).as_nanos(), Ordering::Release);
        }
        Ok(Flow::new(Member::new(book.find_or_begin(key, now)), local.party, other, end))
    }

    /// Forgets the conversations whose last flow has been gone for the time of grace, and says which of them were open.
    pub fn sweep(&self, now: Moment, grace: Lifetime) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.next_sweep().is_none_or(|next| now < next) {
            return facts;
        }
        let mut book = self.book();
        book.forget(|conversation| match conversation.sweep(now, grace) {
            Sweep::Stays => false,
            Sweep::Over => true,
            Sweep::Closed { begun } => {
                facts.push(Fact::Closed { age: now - begun });
                true
            }
        });
        let next = if book.by_key.is_empty() { NEVER } else { (now + SWEEP_EVERY).as_nanos() };
        self.next.store(next, Ordering::Release);
        facts
    }

    /// When `sweep` has something to do next.
    #[must_use]
    pub fn next_sweep(&self) -> Option<Moment> {
        match self.next.load(Ordering::Acquire) {
            NEVER => None,
            nanoseconds => Some(Moment::from_nanos(nanoseconds)),
        }
    }

    /// A number for a pair of username fragments, whichever of them stands first.
    pub(super) fn fragments(&self, one: &[u8], other: &[u8]) -> u64 {
        self.numbers().hash_one(if one < other { (one, other) } else { (other, one) })
    }

    /// A number for a transaction.
    pub(super) fn transaction(&self, id: &[u8; 12]) -> u64 {
        self.numbers().hash_one(id)
    }

    /// An ICE check on a flow to somebody outside was answered: whoever is behind other flows of this party with the
    /// same username fragments is the same agent, and has the same conversation. A flow that has had a handshake of its
    /// own stays with it.
    pub(super) fn link(&self, party: Party, ip: IpAddr, fragments: u64, member: &mut Member) {
        let mut book = self.book();
        let key = Key::Ice(party, fragments);
        match book.by_key.get(&key).cloned() {
            Some(known) if !Arc::ptr_eq(&known, member.conversation()) && member.conversation().is_blank() => {
                book.lead(Key::Address(party, ip), &known);
                *member = Member::new(known);
            }
            Some(_) => {}
            None if book.by_key.len() >= self.most => {}
            None => book.lead(key, member.conversation()),
        }
    }

    /// The record of a conversation is not what it was.
    pub(super) fn note(&self, conversation: &Arc<Conversation>) {
        self.book().note(conversation);
    }

    /// Somebody's part in the conversation with this number, if it is remembered.
    pub(super) fn member(&self, number: u64) -> Option<Member> {
        self.book().member(number)
    }

    /// A place whose record is not what it was; `None` when there is no other one.
    pub(crate) fn take_changed(&self) -> Option<u32> {
        self.book().take_changed()
    }

    /// How many places there are, used or free.
    pub(crate) fn places(&self) -> u32 {
        self.book().places()
    }

    /// Appends the conversation at a place; false when none is there.
    pub(crate) fn keep(&self, place: u32, to: &mut Vec<u8>) -> bool {
        self.book().keep(place, to)
    }

    /// Takes in a conversation that another process has kept.
    pub(crate) fn recall(&self, from: &mut &[u8], now: Moment) -> Result<(), NotRecalled> {
        let mut book = self.book();
        if book.by_key.is_empty() {
            self.next.store((now + SWEEP_EVERY).as_nanos(), Ordering::Release);
        }
        book.recall(from, self.most)
    }

    /// Appends what numbers are made with.
    pub(crate) fn keep_numbers(&self, to: &mut Vec<u8>) {
        let (seeds, _) = self.numbers.get_or_init(|| (self.seeds, hash(self.seeds)));
        seeds.iter().for_each(|seed| seed.keep(to));
    }

    /// Makes numbers as another process did, if none has been made yet.
    pub(crate) fn recall_numbers(&self, from: &mut &[u8]) -> Result<(), NotRecalled> {
        let mut seeds = [0; 4];
        for seed in &mut seeds {
            *seed = u64::recall(from).ok_or(NotRecalled::Malformed)?;
        }
        self.numbers.set((seeds, hash(seeds))).map_err(|_| NotRecalled::Taken)
    }

    fn numbers(&self) -> &RandomState {
        &self.numbers.get_or_init(|| (self.seeds, hash(self.seeds))).1
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash([a, b, c, d]: [u64; 4]) -> RandomState {
    RandomState::with_seeds(a, b, c, d)
}
