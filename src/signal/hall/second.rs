//! A link that another browser has: whoever shows it a second time is refused, and the clinic sees it and may release the
//! link. A phone whose camera fails is the usual reason, and a link that somebody else has got hold of the other one.

use super::super::message::ListedPerson;
use super::super::role::Role;
use super::{Deed, Hall, Out, Pass, PersonId, Room, RoomId};
use crate::time::{Now, UnixTime};

/// Seconds that the clinic is shown it after the last try: somebody who waits for help tries again sooner.
const SHOWN: u64 = 600;

/// A second browser that was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Second {
    role: Role,
    since: UnixTime,
    last: UnixTime,
}

impl Hall {
    /// A second browser has shown the link of this pass, and was refused.
    pub fn second(&mut self, pass: Pass, now: Now) {
        let Pass::Guest { room, person, role, clinic, label, ends } = pass else { return };
        if ends <= now.unix {
            return;
        }
        let found = self.rooms.entry(room).or_insert_with(|| Room::new(clinic, label, ends));
        let fresh = Second { role, since: now.unix, last: now.unix };
        let mut first = false;
        // One for each link of the appointment, which has sixteen at most.
        found.second.entry(person).and_modify(|known| known.last = now.unix).or_insert_with(|| {
            first = true;
            fresh
        });
        if first {
            let actor = person.as_str().to_owned();
            self.out.push(Out::Deed(Deed { action: "visit.second".to_owned(), room: Some(room), role, actor }));
            self.stale(clinic);
        }
    }

    /// The link is another browser's now, or nobody's.
    pub(super) fn no_second(&mut self, room: &RoomId, person: &PersonId) {
        let Some(found) = self.rooms.get_mut(room) else { return };
        if found.second.remove(person).is_some() {
            let clinic = found.clinic;
            self.drop_if_empty(room);
            self.stale(clinic);
        }
    }

    /// Forgets those who have not tried again for long.
    pub(super) fn forget_seconds(&mut self, now: Now) {
        let old = |second: &Second| second.last.plus_secs(SHOWN) <= now.unix;
        let rooms = self.rooms.iter();
        let old: Vec<(RoomId, PersonId)> = rooms
            .flat_map(|(id, room)| room.second.iter().map(|(person, second)| (*id, *person, old(second))))
            .filter_map(|(id, person, old)| old.then_some((id, person)))
            .collect();
        for (room, person) in old {
            self.no_second(&room, &person);
        }
    }
}

impl Room {
    /// Those of the links that a second browser showed and whose first one is not here, as the staff see them.
    pub(super) fn absent_seconds(&self) -> impl Iterator<Item = ListedPerson> {
        let absent = self.second.iter().filter(|(person, _)| !self.people.contains_key(person));
        absent.map(|(person, second)| ListedPerson {
            id: person.as_str().to_owned(),
            role: second.role,
            since: second.since.as_secs(),
            ready: None,
            here: false,
            inside: false,
            second: true,
        })
    }
}
