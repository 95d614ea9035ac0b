//! A pair of parties and the handshakes between them. It outlives five-tuples and candidate pairs: browsers move media to
//! paths that never saw the handshake.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::time::{Lifetime, Moment};
use crate::wire::keep::{Keep, keep_list, recall_list};

use super::association::{Association, End, Offer};
use super::{Profiles, Reason};

/// Handshakes remembered at once: two parties may have several connections, and browsers that fail begin again.
const MOST_ASSOCIATIONS: u16 = 8;
/// In `status`: a handshake is complete, and the low bits are the profiles that media may have.
const OPEN: u8 = 0x80;
/// In `status`: a handshake has begun.
const BEGUN: u8 = 0x40;

/// What two parties have agreed on so far.
#[derive(Debug)]
pub(super) struct Conversation {
    /// A digest of `state` that media reads without taking the lock.
    status: AtomicU8,
    /// It is not what its last record says, or what has been noted of that.
    news: AtomicBool,
    /// Flows that are part of it.
    flows: AtomicU32,
    /// Its place among the others in the lower half, and which use of that in the upper one.
    number: u64,
    state: Mutex<State>,
}

/// What is behind the lock: touched by handshakes only.
#[derive(Debug)]
pub(super) struct State {
    associations: Vec<Association>,
    next: u32,
    pub(super) begun: Moment,
    /// When it will be forgotten, once no flow is part of it any more.
    until: Option<Moment>,
    was_open: bool,
}

/// What sweeping found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sweep {
    /// It stays.
    Stays,
    /// It may be forgotten; it never was open, or that has been said.
    Over,
    /// It may be forgotten, and was open.
    Closed { begun: Moment },
}

impl Conversation {
    pub(super) fn new(number: u64, now: Moment) -> Self {
        let state = State { associations: Vec::new(), next: 0, begun: now, until: None, was_open: false };
        let (status, news, flows) = Default::default();
        Self { status, news, flows, number, state: Mutex::new(state) }
    }

    /// Its number, which no other one ever has.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The place that the number stands for.
    pub(super) fn place(&self) -> u32 {
        u32::try_from(self.number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }

    /// Whether it has changed since that was noted.
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    /// That it has changed is noted.
    pub(super) fn set_noted(&self) {
        self.news.store(false, Ordering::Relaxed);
    }

    /// Appends its number and its state.
    pub(super) fn keep(&self, to: &mut Vec<u8>) {
        let state = self.state();
        let State { associations, next, begun, until, was_open } = &*state;
        self.number.keep(to);
        next.keep(to);
        begun.keep(to);
        until.keep(to);
        was_open.keep(to);
        keep_list(associations, MOST_ASSOCIATIONS, to);
    }

    /// Takes one off that another process has kept. No flow is part of it yet.
    pub(super) fn recall(from: &mut &[u8]) -> Option<Self> {
        let number = u64::recall(from)?;
        let mut state = State {
            next: Keep::recall(from)?,
            begun: Keep::recall(from)?,
            until: Keep::recall(from)?,
            was_open: Keep::recall(from)?,
            associations: recall_list(from, MOST_ASSOCIATIONS)?,
        };
        let conversation = Self::new(number, state.begun);
        conversation.publish(&mut state);
        *conversation.state() = state;
        Some(conversation)
    }

    /// The profiles that media may have.
    ///
    /// # Errors
    /// [`Reason::MediaEarly`] while a handshake is under way, [`Reason::MediaUnsealed`] before any.
    pub(super) fn open(&self) -> Result<Profiles, Reason> {
        match self.status.load(Ordering::Acquire) {
            status if status & OPEN != 0 => Ok(Profiles::from_bits(status)),
            status if status & BEGUN != 0 => Err(Reason::MediaEarly),
            _ => Err(Reason::MediaUnsealed),
        }
    }

    /// Brings what `open` reads into the cache; the number has no meaning.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.status.load(Ordering::Relaxed))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what `state` says visible to media.
    pub(super) fn publish(&self, state: &mut State) {
        let sealed = state.associations.iter().filter(|each| each.is_sealed());
        let open = sealed.map(Association::profiles).reduce(Profiles::or);
        state.was_open |= open.is_some();
        let begun = if state.associations.is_empty() { 0 } else { BEGUN };
        self.status.store(open.map_or(begun, |profiles| OPEN | BEGUN | profiles.bits()), Ordering::Release);
        self.news.store(true, Ordering::Relaxed);
    }

    /// Whether no handshake has begun.
    pub(super) fn is_blank(&self) -> bool {
        self.status.load(Ordering::Acquire) == 0
    }

    /// Looks whether the time has come to forget it.
    pub(super) fn sweep(&self, now: Moment, grace: Lifetime) -> Sweep {
        let mut state = self.state();
        if self.flows.load(Ordering::Acquire) > 0 {
            if state.until.take().is_some() {
                self.news.store(true, Ordering::Relaxed);
            }
            return Sweep::Stays;
        }
        if state.until.is_none() {
            self.news.store(true, Ordering::Relaxed);
        }
        if now < *state.until.get_or_insert(now + grace) {
            return Sweep::Stays;
        }
        if !core::mem::take(&mut state.was_open) {
            return Sweep::Over;
        }
        Sweep::Closed { begun: state.begun }
    }
}

impl State {
    /// The association with this number.
    pub(super) fn get(&mut self, id: u32) -> Option<&mut Association> {
        self.associations.iter_mut().find(|each| each.id == id)
    }

    /// Takes note of an acceptable ClientHello and says which association it belongs to.
    ///
    /// # Errors
    /// [`Reason::DtlsBound`] when too many handshakes are under way.
    pub(super) fn offered(&mut self, random: [u8; 32], client: End, offer: Offer, now: Moment) -> Result<u32, Reason> {
        if let Some(known) = self.associations.iter_mut().find(|each| each.random == random) {
            // After a HelloVerifyRequest or HelloRetryRequest the offer comes again, and may have changed.
            if known.choice.is_none() {
                known.offer = offer;
            }
            return Ok(known.id);
        }
        self.make_room(now)?;
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        // Most conversations have one; room for four would be half of what they take.
        self.associations.reserve_exact(1);
        self.associations.push(Association::new(id, random, client, offer, now));
        Ok(id)
    }

    /// What has no future goes first, then the oldest that nobody has answered, then the oldest that is sealed. One that
    /// is under way is never pushed out: who sends ClientHellos at will must not be able to end a handshake.
    fn make_room(&mut self, now: Moment) -> Result<(), Reason> {
        self.associations.retain(|each| each.is_sealed() || each.is_pending(now));
        if self.associations.len() < usize::from(MOST_ASSOCIATIONS) {
            return Ok(());
        }
        let unanswered = self.associations.iter().position(|each| each.choice.is_none());
        let sealed = || self.associations.iter().position(Association::is_sealed);
        let index = unanswered.or_else(sealed).ok_or(Reason::DtlsBound)?;
        self.associations.remove(index);
        Ok(())
    }

    /// The latest association whose client is not `server` and which waits for an answer: the one that a ServerHello on
    /// a path without a ClientHello is for. `any` takes clients at either end.
    pub(super) fn awaiting(&self, server: End, any: bool, now: Moment) -> Option<u32> {
        let mut latest = self.associations.iter().rev();
        let of_client = |each: &&Association| any || each.client == server.other();
        latest.find(|each| of_client(each) && each.choice.is_none() && each.is_pending(now)).map(|each| each.id)
    }

    /// The association whose ServerHello this one repeats.
    pub(super) fn answered_by(&self, random: &[u8; 32]) -> Option<u32> {
        self.associations.iter().find(|each| each.is_answer(random)).map(|each| each.id)
    }

    /// Whether an association is still there, and has not taken too long.
    pub(super) fn has(&self, id: u32, now: Moment) -> bool {
        self.associations.iter().any(|each| each.id == id && (each.is_sealed() || each.is_pending(now)))
    }

    /// Whether an association is still there, and still waits for its answer.
    pub(super) fn awaits(&self, id: u32, now: Moment) -> bool {
        self.associations.iter().any(|each| each.id == id && each.choice.is_none() && each.is_pending(now))
    }

    /// The association that encrypted records on a path without a handshake of its own are of: the latest that has been
    /// answered and is under way, or else the latest that is sealed.
    pub(super) fn current(&self, now: Moment) -> Option<u32> {
        let answered = self.associations.iter().rev().find(|each| each.choice.is_some() && each.is_pending(now));
        answered.or_else(|| self.associations.iter().rev().find(|each| each.is_sealed())).map(|each| each.id)
    }

    /// Takes an association out: another one has replaced it.
    pub(super) fn remove(&mut self, id: u32) {
        self.associations.retain(|each| each.id != id);
    }
}

/// A flow's part in a conversation, which does not end while it has any.
#[derive(Debug)]
pub(super) struct Member(Arc<Conversation>);

impl Member {
    pub(super) fn new(conversation: Arc<Conversation>) -> Self {
        conversation.flows.fetch_add(1, Ordering::AcqRel);
        Self(conversation)
    }

    pub(super) const fn conversation(&self) -> &Arc<Conversation> {
        &self.0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.flows.fetch_sub(1, Ordering::AcqRel);
    }
}
