//! The conversations that are remembered: by what they are found by, and by their numbers, which records of them have.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashMap;

use crate::time::Moment;
use crate::wire::keep::{keep_list, recall_list};

use super::conversation::{Conversation, Member};
use super::key::Key;

/// Ways to find one conversation that its record has: those of an agent with a few addresses after a few ICE restarts.
const MOST_KEPT: u16 = 64;

/// All conversations, behind one lock.
pub(super) struct Book {
    pub(super) by_key: HashMap<Key, Arc<Conversation>, RandomState>,
    places: Vec<Place>,
    /// Places where nobody is, and some where somebody is again.
    free: Vec<u32>,
    /// Places whose record is not what it was, each once.
    changed: Vec<u32>,
    /// Counts the uses of places, so that no number comes again.
    serial: u32,
}

/// A place, and how whoever is there is found.
struct Place {
    conversation: Option<Arc<Conversation>>,
    first: Key,
    /// Most conversations have one way alone.
    more: Box<[Key]>,
    /// It stands in `changed`.
    listed: bool,
}

/// Why a conversation is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRecalled {
    /// Something else stands there.
    Malformed,
    /// It is there already, or another one in its place.
    Taken,
    /// There is no room.
    Full,
}

impl Book {
    pub(super) fn new(hash: RandomState) -> Self {
        let by_key = HashMap::with_hasher(hash);
        Self { by_key, places: Vec::new(), free: Vec::new(), changed: Vec::new(), serial: 0 }
    }

    /// The conversation with this key, which is a new one if there is none yet.
    pub(super) fn find_or_begin(&mut self, key: Key, now: Moment) -> Arc<Conversation> {
        if let Some(known) = self.by_key.get(&key) {
            return Arc::clone(known);
        }
        let place = self.free_place();
        self.serial = self.serial.wrapping_add(1);
        let number = u64::from(self.serial) << 32 | u64::from(place);
        let conversation = Arc::new(Conversation::new(number, now));
        self.settle(place, key, Arc::clone(&conversation));
        conversation
    }

    fn free_place(&mut self) -> u32 {
        while let Some(place) = self.free.pop() {
            if self.place(place).is_some_and(|place| place.conversation.is_none()) {
                return place;
            }
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.grow(place);
        place
    }

    /// Has this place at least.
    fn grow(&mut self, place: u32) {
        let nobody = Key::Ice(crate::auth::Party::NOBODY, 0);
        while self.places.len() <= at(place) {
            self.free.push(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
            self.places.push(Place { conversation: None, first: nobody, more: Box::default(), listed: false });
        }
    }

    fn settle(&mut self, place: u32, key: Key, conversation: Arc<Conversation>) {
        self.by_key.insert(key, Arc::clone(&conversation));
        if let Some(place) = self.places.get_mut(at(place)) {
            place.conversation = Some(conversation);
            place.first = key;
            place.more = Box::default();
        }
        self.list(place);
    }

    /// From now on this key leads to this conversation, and to no other one. One that no key leads to any more lives on in
    /// its flows, and is not kept.
    pub(super) fn lead(&mut self, key: Key, to: &Arc<Conversation>) {
        if let Some(other) = self.by_key.insert(key, Arc::clone(to)) {
            self.mislay(key, &other);
        }
        if let Some(place) = self.place_of(to)
            && let Some(place) = self.places.get_mut(at(place))
        {
            let mut more = core::mem::take(&mut place.more).into_vec();
            more.reserve_exact(1);
            more.push(key);
            place.more = more.into_boxed_slice();
        }
        self.note(to);
    }

    /// This key does not lead to this conversation any more.
    fn mislay(&mut self, key: Key, conversation: &Arc<Conversation>) {
        let Some(number) = self.place_of(conversation) else { return };
        let Some(place) = self.places.get_mut(at(number)) else { return };
        let mut more = core::mem::take(&mut place.more).into_vec();
        more.retain(|each| *each != key);
        if place.first == key {
            match more.is_empty() {
                true => {
                    place.conversation = None;
                    self.free.push(number);
                }
                false => place.first = more.remove(0),
            }
        }
        place.more = more.into_boxed_slice();
        self.list(number);
    }

    /// Forgets all of which `over` says so.
    pub(super) fn forget(&mut self, mut over: impl FnMut(&Conversation) -> bool) {
        let mut forgotten = Vec::new();
        self.by_key.retain(|key, conversation| {
            let is_over = over(conversation);
            if is_over || conversation.has_news() {
                forgotten.push((*key, Arc::clone(conversation), is_over));
            }
            !is_over
        });
        for (key, conversation, is_over) in forgotten {
            if is_over {
                self.mislay(key, &conversation);
            } else {
                self.note(&conversation);
            }
        }
    }

    /// Its record is not what it was.
    pub(super) fn note(&mut self, conversation: &Arc<Conversation>) {
        conversation.set_noted();
        if let Some(place) = self.place_of(conversation) {
            self.list(place);
        }
    }

    fn list(&mut self, place: u32) {
        if let Some(there) = self.places.get_mut(at(place))
            && !there.listed
        {
            there.listed = true;
            self.changed.push(place);
        }
    }

    fn place(&self, place: u32) -> Option<&Place> {
        self.places.get(at(place))
    }

    /// Where a conversation is, if it can still be found.
    fn place_of(&self, conversation: &Arc<Conversation>) -> Option<u32> {
        let place = conversation.place();
        let there = self.place(place)?.conversation.as_ref()?;
        Arc::ptr_eq(there, conversation).then_some(place)
    }

    /// The conversation with this number.
    pub(super) fn numbered(&self, number: u64) -> Option<&Arc<Conversation>> {
        let place = u32::try_from(number & u64::from(u32::MAX)).ok()?;
        self.place(place)?.conversation.as_ref().filter(|there| there.number() == number)
    }

    /// How many places there are, used or not.
    pub(super) fn places(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// One of the places whose record has changed.
    pub(super) fn take_changed(&mut self) -> Option<u32> {
        let place = self.changed.pop()?;
        if let Some(there) = self.places.get_mut(at(place)) {
            there.listed = false;
        }
        Some(place)
    }

    /// Appends the conversation that is at a place; false when nobody is there.
    pub(super) fn keep(&self, place: u32, to: &mut Vec<u8>) -> bool {
        let Some(place) = self.place(place) else { return false };
        let Some(conversation) = &place.conversation else { return false };
        conversation.keep(to);
        // The first way is that of who is in it; of the others the latest ones are of use.
        let more = place.more.len().saturating_sub(usize::from(MOST_KEPT) - 1);
        keep_list(core::iter::once(&place.first).chain(place.more.iter().skip(more)), MOST_KEPT, to);
        true
    }

    /// Takes in what another process has kept, with its number. `most` keys may lead anywhere.
    pub(super) fn recall(&mut self, from: &mut &[u8], most: usize) -> Result<(), NotRecalled> {
        let conversation = Conversation::recall(from).ok_or(NotRecalled::Malformed)?;
        let keys = recall_list::<Key>(from, MOST_KEPT).filter(|_| from.is_empty()).ok_or(NotRecalled::Malformed)?;
        let place = conversation.place();
        if at(place) >= most || self.by_key.len().saturating_add(keys.len()) > most {
            return Err(NotRecalled::Full);
        }
        let is_taken = self.place(place).is_some_and(|there| there.conversation.is_some());
        if is_taken || keys.iter().any(|key| self.by_key.contains_key(key)) {
            return Err(NotRecalled::Taken);
        }
        let (first, more) = keys.split_first().ok_or(NotRecalled::Malformed)?;
        self.grow(place);
        let (serial, conversation) = (u32::try_from(conversation.number() >> 32).unwrap_or(0), Arc::new(conversation));
        self.serial = self.serial.max(serial);
        self.settle(place, *first, Arc::clone(&conversation));
        for key in more {
            if !self.by_key.contains_key(key) {
                self.lead(*key, &conversation);
            }
        }
        Ok(())
    }

    /// Somebody's part in the conversation with this number.
    pub(super) fn member(&self, number: u64) -> Option<Member> {
        self.numbered(number).map(|there| Member::new(Arc::clone(there)))
    }
}

/// A place as an index; wherever the code runs, 32 bits fit one.
fn at(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}
