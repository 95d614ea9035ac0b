//! Every conversation that is remembered, by who is in it. Shared by all shards; touched when a flow begins, when an ICE
//! check tells that two paths lead to the same agent, and by the sweep.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use hashbrown::HashMap;

use crate::auth::Party;
use crate::time::{Lifetime, Moment};

use super::association::End;
use super::conversation::{Conversation, Member, Sweep};
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

/// What a conversation is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Two parties, the lesser one first.
    Parties(Party, Party),
    /// A party and somebody outside.
    Address(Party, IpAddr),
    /// A party and a pair of ICE username fragments (RFC 8445 §5.3): an agent outside with several addresses.
    Ice(Party, u64),
}

/// The conversations of all shards.
pub struct Conversations {
    entries: Mutex<Entries>,
    /// When the next sweep is due, in nanoseconds; read by every shard before it sleeps.
    next: AtomicU64,
    hash: RandomState,
    most: usize,
}

type Entries = HashMap<Key, Arc<Conversation>, RandomState>;

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
        let [a, b, c, d] = seeds;
        let hash = RandomState::with_seeds(a, b, c, d);
        let entries = Mutex::new(HashMap::with_hasher(hash.clone()));
        Self { entries, next: AtomicU64::new(NEVER), hash, most }
    }

    /// How many ways to find a conversation are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
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
        let mut entries = self.entries();
        if entries.len() >= self.most && !entries.contains_key(&key) {
            return Err(Reason::MediaTable);
        }
        if entries.is_empty() {
            self.next.store((now + SWEEP_EVERY).as_nanos(), Ordering::Release);
        }
        let conversation = entries.entry(key).or_insert_with(|| Arc::new(Conversation::new(now)));
        Ok(Flow::new(Member::new(Arc::clone(conversation)), local.party, other, end))
    }

    /// Forgets the conversations whose last flow has been gone for the time of grace, and says which of them were open.
    pub fn sweep(&self, now: Moment, grace: Lifetime) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.next_sweep().is_none_or(|next| now < next) {
            return facts;
        }
        let mut entries = self.entries();
        entries.retain(|_, conversation| match conversation.sweep(now, grace) {
            Sweep::Stays => true,
            Sweep::Over => false,
            Sweep::Closed { begun } => {
                facts.push(Fact::Closed { age: now - begun });
                false
            }
        });
        let next = if entries.is_empty() { NEVER } else { (now + SWEEP_EVERY).as_nanos() };
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
        self.hash.hash_one(if one < other { (one, other) } else { (other, one) })
    }

    /// A number for a transaction.
    pub(super) fn transaction(&self, id: &[u8; 12]) -> u64 {
        self.hash.hash_one(id)
    }

    /// An ICE check on a flow to somebody outside was answered: whoever is behind other flows of this party with the
    /// same username fragments is the same agent, and has the same conversation. A flow that has had a handshake of its
    /// own stays with it.
    pub(super) fn link(&self, party: Party, ip: IpAddr, fragments: u64, member: &mut Member) {
        let mut entries = self.entries();
        let key = Key::Ice(party, fragments);
        match entries.get(&key).cloned() {
            Some(known) if !Arc::ptr_eq(&known, member.conversation()) && member.conversation().is_blank() => {
                entries.insert(Key::Address(party, ip), Arc::clone(&known));
                *member = Member::new(known);
            }
            Some(_) => {}
            None if entries.len() >= self.most => {}
            None => {
                entries.insert(key, Arc::clone(member.conversation()));
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
