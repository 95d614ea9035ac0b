//! What clinicians do: look at who waits, admit, decline, tell, join, end.

use super::super::message::{
    CloseCode, Ended, Gone, Joined, ListedPerson, ListedRoom, NoteCode, Peer, Stage, ToClient, Turn,
};
use super::{ClinicId, Hall, Key, MOST_IN_CALL, Minting, Out, RoomId};
use crate::time::{Now, UnixTime};
use crate::webhook::Event;

/// Nanoseconds between two lists: five a second.
const LISTS: u64 = 200_000_000;

impl Hall {
    /// A room of the clinician's own clinic. Others are answered as if they were not there.
    pub(super) fn room_of(&self, key: Key, room: &str) -> Option<RoomId> {
        let room: RoomId = room.parse().ok()?;
        let clinic = self.members.get(&key)?.pass.clinic();
        (self.rooms.get(&room)?.clinic == clinic).then_some(room)
    }

    /// Whether it is in the call of another room: rooms are never mixed.
    fn busy(&self, key: Key, room: RoomId) -> bool {
        self.members.get(&key).and_then(|member| member.call).is_some_and(|(other, _)| other != room)
    }

    /// Everybody who waits now enters the call; whoever admits joins on their own.
    pub(super) fn admit(&mut self, key: Key, room: &str, now: Now, minting: &mut dyn Minting) {
        let Some(room) = self.room_of(key, room) else { return self.refuse(key, "no_room", "admit", now) };
        if self.busy(key, room) {
            return self.refuse(key, "busy", "admit", now);
        }
        // A place is left for whoever admits.
        let outside = self.members.get(&key).is_some_and(|member| member.call.is_none());
        let most = MOST_IN_CALL.saturating_sub(usize::from(outside));
        let waiting: Vec<Key> = self.rooms.get(&room).map_or_else(Vec::new, |found| {
            found.people.values().filter(|key| !found.call.contains(key)).copied().collect()
        });
        for person in waiting {
            let full = self.rooms.get(&room).is_none_or(|room| room.call.len() >= most);
            let turn = if full { None } else { self.enter_call(person, room, now, minting) };
            let Some(turn) = turn else {
                self.refuse(key, if full { "full" } else { "unavailable" }, "admit", now);
                break;
            };
            if let Some(room) = self.room_state(&room, true) {
                self.send(person, &ToClient::Admitted { turn, room }, now);
            }
            for peer in self.peers(person) {
                self.send(person, &ToClient::Peer(peer), now);
            }
        }
        self.deed("visit.admit", room, key);
    }

    pub(super) fn join(&mut self, key: Key, room: &str, now: Now, minting: &mut dyn Minting) {
        let Some(room) = self.room_of(key, room) else { return self.refuse(key, "no_room", "join", now) };
        if self.members.get(&key).is_some_and(|member| member.call.is_some()) {
            return self.refuse(key, "busy", "join", now);
        }
        if self.rooms.get(&room).is_none_or(|room| room.call.len() >= MOST_IN_CALL) {
            return self.refuse(key, "full", "join", now);
        }
        let Some(turn) = self.enter_call(key, room, now, minting) else {
            return self.refuse(key, "unavailable", "join", now);
        };
        let Some(state) = self.room_state(&room, true) else { return };
        let me = self.members.get(&key).map(|member| member.id.as_str().to_owned()).unwrap_or_default();
        let joined = Joined { me, room: state, turn, peers: self.peers(key) };
        self.send(key, &ToClient::Joined(Box::new(joined)), now);
        self.deed("visit.join", room, key);
    }

    /// Enters the call of a room; the others in it hear of it. Its credentials; `None` if it is full, or none are to be
    /// had.
    pub(super) fn enter_call(&mut self, key: Key, room: RoomId, now: Now, minting: &mut dyn Minting) -> Option<Turn> {
        let found = self.rooms.get(&room).filter(|found| found.call.len() < MOST_IN_CALL)?;
        let (others, ends) = (found.call.clone(), found.ends);
        let turn = self.fresh(key, room, ends, now, minting)?;
        let entry = self.next_entry;
        self.next_entry = entry.saturating_add(1);
        let member = self.members.get_mut(&key)?;
        member.call = Some((room, entry));
        let (id, role, clinic) = (member.id.as_str().to_owned(), member.pass.role(), member.pass.clinic());
        let found = self.rooms.get_mut(&room)?;
        found.call.push(key);
        if found.call.len() > 1 && !core::mem::replace(&mut found.talked, true) {
            self.out.push(Out::Told(Event::CallStarted, room));
        }
        self.changed.insert(room);
        for other in others {
            // Who came earlier is impolite towards who came later.
            self.send(other, &ToClient::Peer(Peer { id: id.clone(), role, polite: false }), now);
        }
        self.stale(clinic);
        Some(turn)
    }

    /// Everybody else in the same call, as this one sees them.
    pub(super) fn peers(&self, key: Key) -> Vec<Peer> {
        let Some((room, entry)) = self.members.get(&key).and_then(|member| member.call) else { return Vec::new() };
        let call = self.rooms.get(&room).map_or(&[][..], |room| room.call.as_slice());
        let others = call.iter().filter(|other| **other != key).filter_map(|other| self.members.get(other));
        let peer = |other: &super::Member| Peer {
            id: other.id.as_str().to_owned(),
            role: other.pass.role(),
            polite: other.call.is_some_and(|(_, earlier)| earlier < entry),
        };
        others.map(peer).collect()
    }

    /// Fresh credentials for a call, and a note of when the next are due.
    pub(super) fn fresh(
        &mut self,
        key: Key,
        room: RoomId,
        ends: UnixTime,
        now: Now,
        minting: &mut dyn Minting,
    ) -> Option<Turn> {
        let member = self.members.get_mut(&key)?;
        let turn = minting.turn(&room, &member.id, ends, now.unix)?;
        let life = now.unix.seconds_until(UnixTime::from_secs(turn.expires));
        // At four fifths of their life; those that last until the end of the visit are the last ones.
        let next = now.unix.plus_secs(life.saturating_mul(4) / 5);
        member.renew = (turn.expires < ends.as_secs()).then_some(next);
        member.renewed = Some(now.moment);
        Some(turn)
    }

    /// Is in the call no more, and the others hear it.
    pub(super) fn leave_call(&mut self, key: Key, why: Gone, now: Now) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let Some((room, _)) = member.call.take() else { return };
        self.changed.insert(room);
        member.renew = None;
        member.sessions.clear();
        let (id, clinic) = (member.id.as_str().to_owned(), member.pass.clinic());
        let Some(found) = self.rooms.get_mut(&room) else { return };
        found.call.retain(|other| *other != key);
        if found.call.is_empty() && core::mem::take(&mut found.talked) {
            self.out.push(Out::Told(Event::CallEnded, room));
        }
        for other in found.call.clone() {
            if let Some(other) = self.members.get_mut(&other) {
                other.sessions.remove(&key);
            }
            self.send(other, &ToClient::Gone { id: id.clone(), why }, now);
        }
        self.drop_if_empty(&room);
        self.stale(clinic);
    }

    pub(super) fn decline(&mut self, key: Key, room: &str, person: &str, now: Now) {
        let Some(room) = self.room_of(key, room) else { return self.refuse(key, "no_room", "decline", now) };
        let person = person.parse().ok().and_then(|person| self.rooms.get(&room)?.people.get(&person).copied());
        let waits = |person: &Key| self.members.get(person).is_some_and(|member| member.call.is_none());
        let Some(person) = person.filter(waits) else { return self.refuse(key, "no_person", "decline", now) };
        self.send(person, &ToClient::Declined {}, now);
        self.leave(person, Gone::Ended, CloseCode::NotAllowed, now);
        self.deed("visit.decline", room, key);
    }

    pub(super) fn note(&mut self, key: Key, room: &str, code: NoteCode, now: Now) {
        let Some(room) = self.room_of(key, room) else { return self.refuse(key, "no_room", "note", now) };
        let Some(found) = self.rooms.get_mut(&room) else { return };
        found.note = Some(code);
        self.changed.insert(room);
        let waiting: Vec<Key> = found.people.values().filter(|key| !found.call.contains(key)).copied().collect();
        for person in waiting {
            self.send(person, &ToClient::Noted { code }, now);
        }
    }

    pub(super) fn end_by(&mut self, key: Key, now: Now) {
        let Some((room, _)) = self.members.get(&key).and_then(|member| member.call) else {
            return self.refuse(key, "no_call", "end", now);
        };
        self.deed("visit.end", room, key);
        self.end(&room, Ended::Clinician, now);
    }

    /// Sends lists that are stale to those who look at them, five times a second at most.
    pub(super) fn send_lists(&mut self, now: Now) {
        let due = |lookers: &super::Lookers| {
            lookers.stale && now.moment.as_nanos().saturating_sub(lookers.sent.as_nanos()) >= LISTS
        };
        let mut clinics = Vec::new();
        for (clinic, lookers) in self.lookers.iter_mut().filter(|(_, lookers)| due(lookers)) {
            (lookers.stale, lookers.sent) = (false, now.moment);
            clinics.push((*clinic, lookers.staff.clone()));
        }
        for (clinic, staff) in clinics {
            // The same for all who look at it.
            let list = ToClient::List { rooms: self.list(clinic) };
            for key in staff {
                self.send(key, &list, now);
            }
        }
    }

    pub(super) fn send_list(&mut self, key: Key, now: Now) {
        let Some(clinic) = self.members.get(&key).map(|member| member.pass.clinic()) else { return };
        let rooms = self.list(clinic);
        self.send(key, &ToClient::List { rooms }, now);
    }

    /// The waiting list of a clinic, those who came first at the top.
    fn list(&self, clinic: ClinicId) -> Vec<ListedRoom> {
        let mut listed: Vec<(UnixTime, ListedRoom)> = Vec::new();
        for (id, room) in self.rooms.iter().filter(|(_, room)| room.clinic == clinic) {
            let members = room.people.values();
            let people = members.filter_map(|key| self.members.get(key)).map(|member| ListedPerson {
                id: member.id.as_str().to_owned(),
                role: member.pass.role(),
                since: member.since.as_secs(),
                ready: member.ready,
                here: member.socket.is_some(),
                inside: member.call.is_some(),
                second: room.second.contains_key(&member.id),
            });
            let people: Vec<ListedPerson> = people.chain(room.absent_seconds()).collect();
            let since = people.iter().map(|person| person.since).min().unwrap_or_default();
            let state = if room.call.is_empty() { Stage::Waiting } else { Stage::Call };
            let (label, ends) = (room.label.clone(), room.ends.as_secs());
            let room = ListedRoom { room: id.as_str().to_owned(), label, people, state, ends };
            listed.push((UnixTime::from_secs(since), room));
        }
        listed.sort_by(|one, other| (one.0, &one.1.room).cmp(&(other.0, &other.1.room)));
        listed.into_iter().map(|(_, room)| room).collect()
    }
}
