//! Coming in, coming back, and leaving.

use super::super::message::{CloseCode, Ended, Gone, RoomState, Stage, ToClient, Turn, VERSION, Welcome};
use super::super::secret::SecretHash;
use super::member::Member;
use super::{Hall, Key, MOST_IN_CALL, MOST_MEMBERS, Minting, Out, Pass, PersonId, Room, RoomId, Socket, SocketId};
use crate::time::Now;
use crate::webhook::Event;

impl Hall {
    pub(super) fn hello(&mut self, socket: SocketId, ticket: &str, now: Now, minting: &mut dyn Minting) {
        let pass = self.tickets.take(&SecretHash::of(ticket), now.moment);
        let Some(pass) = pass.filter(|_| self.members.len() < MOST_MEMBERS) else {
            return self.close(socket, CloseCode::Ticket);
        };
        match pass {
            Pass::Guest { ends, .. } if ends <= now.unix => self.close(socket, CloseCode::Over),
            Pass::Guest { room, person, .. } => {
                let before = self.rooms.get(&room).and_then(|room| room.people.get(&person)).copied();
                let key = self.enter(socket, pass, person, now);
                let called = before.is_some_and(|before| self.take_over(before, key, now));
                // Whoever was in the call is in it again, without being admitted once more.
                let turn = if called { self.enter_call(key, room, now, minting) } else { None };
                self.welcome(key, false, turn);
                let note = self.rooms.get(&room).and_then(|room| room.note);
                if let Some(code) = note.filter(|_| !called) {
                    self.send(key, &ToClient::Noted { code }, now);
                }
                self.deed("visit.arrive", room, key);
            }
            Pass::Staff { .. } => {
                let random = rand_core::RngCore::next_u32(&mut self.random);
                // Nine characters of the alphabet.
                let Ok(id) = format!("s{random:08x}").parse() else { return };
                let key = self.enter(socket, pass, id, now);
                self.welcome(key, false, None);
                self.send_list(key, now);
            }
        }
    }

    fn enter(&mut self, socket: SocketId, pass: Pass, id: PersonId, now: Now) -> Key {
        let key = self.new_key();
        let clinic = pass.clinic();
        match &pass {
            Pass::Guest { room, person, label, ends, .. } => {
                let (label, ends) = (label.clone(), *ends);
                let new = || Room::new(clinic, label, ends);
                self.rooms.entry(*room).or_insert_with(new).people.insert(*person, key);
                self.stale(clinic);
            }
            Pass::Staff { .. } => self.lookers.entry(clinic).or_default().staff.push(key),
        }
        // `welcome` gives the word to come back by.
        let (_, unused) = self.secret();
        self.members.insert(key, Member::new(pass, id, Some(socket), unused, (now.moment, now.unix)));
        self.sockets.insert(socket, Socket::Of(key));
        key
    }

    /// The same person came in again: the place is taken over, the other connection closed. Whether it was in the call.
    fn take_over(&mut self, before: Key, key: Key, now: Now) -> bool {
        let Some(old) = self.members.get(&before) else { return false };
        let (socket, since, ready, called) = (old.socket, old.since, old.ready, old.call.is_some());
        if let Some(socket) = socket {
            self.close(socket, CloseCode::Elsewhere);
        }
        self.leave_call(before, Gone::Lost, now);
        if let Some(old) = self.members.remove(&before) {
            self.resumes.remove(&old.resume);
        }
        if let Some(member) = self.members.get_mut(&key) {
            (member.since, member.ready) = (since, ready);
        }
        called
    }

    pub(super) fn resume(&mut self, socket: SocketId, resume: &str, last: u64, now: Now) {
        let key = self.resumes.remove(&SecretHash::of(resume));
        let member = key.and_then(|key| Some((key, self.members.get_mut(&key)?)));
        let Some((key, member)) = member else { return self.close(socket, CloseCode::Ticket) };
        let Some(missed) = member.missed(last) else {
            // The word was good, and what was missed is not to be had any more: come in again.
            return self.close(socket, CloseCode::Ticket);
        };
        let old = member.socket.replace(socket);
        (member.lost, member.heard) = (None, now.moment);
        let clinic = member.pass.clinic();
        self.sockets.insert(socket, Socket::Of(key));
        if let Some(old) = old {
            self.close(old, CloseCode::Elsewhere);
        }
        self.welcome(key, true, None);
        self.out.extend(missed.into_iter().map(|text| Out::Send(socket, text)));
        self.stale(clinic);
    }

    /// The first message, with a new word to come back by.
    fn welcome(&mut self, key: Key, resumed: bool, turn: Option<Turn>) {
        let (resume, hash) = self.secret();
        let peers = self.peers(key);
        let Some(member) = self.members.get_mut(&key) else { return };
        self.resumes.remove(&member.resume);
        member.resume = hash;
        let (role, socket, called) = (member.pass.role(), member.socket, member.call.map(|(room, _)| room));
        let room = match &member.pass {
            Pass::Guest { room, .. } => Some(*room),
            Pass::Staff { .. } => called,
        };
        let (me, clinic) = (member.id.as_str().to_owned(), member.pass.clinic());
        self.resumes.insert(hash, key);
        self.moves_on(key);
        let welcome = Welcome {
            v: VERSION,
            me,
            role,
            resume,
            resumed,
            room: room.and_then(|room| self.room_state(&room, called.is_some())),
            clinic: self.settings.clinics.get(&clinic).cloned().unwrap_or_default(),
            policy: self.settings.conduct,
            turn,
            peers,
        };
        let text = serde_json::to_string(&ToClient::Welcome(Box::new(welcome))).unwrap_or_default();
        if let Some(socket) = socket {
            self.out.push(Out::Send(socket, text));
        }
    }

    pub(super) fn room_state(&self, room: &RoomId, called: bool) -> Option<RoomState> {
        let found = self.rooms.get(room)?;
        let state = if called { Stage::Call } else { Stage::Waiting };
        Some(RoomState { id: room.as_str().to_owned(), state, ends: found.ends.as_secs(), most: MOST_IN_CALL })
    }

    /// Leaves the hall for good.
    pub(super) fn leave(&mut self, key: Key, why: Gone, code: CloseCode, now: Now) {
        self.leave_call(key, why, now);
        let Some(member) = self.members.remove(&key) else { return };
        self.resumes.remove(&member.resume);
        if let Some(socket) = member.socket {
            self.close(socket, code);
        }
        let clinic = member.pass.clinic();
        match member.pass {
            Pass::Guest { room, person, .. } => {
                if let Some(found) = self.rooms.get_mut(&room)
                    && found.people.get(&person) == Some(&key)
                {
                    found.people.remove(&person);
                }
                self.drop_if_empty(&room);
            }
            Pass::Staff { .. } => {
                if let Some(lookers) = self.lookers.get_mut(&clinic) {
                    lookers.staff.retain(|other| *other != key);
                    if lookers.staff.is_empty() {
                        self.lookers.remove(&clinic);
                    }
                }
            }
        }
        self.stale(clinic);
    }

    pub(super) fn drop_if_empty(&mut self, room: &RoomId) {
        if self.rooms.get(room).is_some_and(|room| room.is_empty() && room.second.is_empty()) {
            self.rooms.remove(room);
        }
    }

    /// Ends a visit for all, whoever it is that ends it, whether somebody is there or not. Those who wait or are in its
    /// call hear why; whoever is on the way with a ticket does not come in.
    pub fn end(&mut self, room: &RoomId, why: Ended, now: Now) {
        self.tickets.of_room(room, None);
        self.changed.insert(*room);
        let Some(found) = self.rooms.remove(room) else { return self.out.push(Out::Over(*room, why)) };
        let clinic = found.clinic;
        let mut everybody: Vec<Key> = found.people.into_values().collect();
        everybody.extend(found.call.iter().filter(|key| !everybody.contains(key)).copied().collect::<Vec<_>>());
        for key in everybody {
            self.send(key, &ToClient::Ended { why }, now);
            let Some(member) = self.members.get_mut(&key) else { continue };
            (member.call, member.renew) = (None, None);
            member.sessions.clear();
            if matches!(member.pass, Pass::Guest { .. }) {
                self.leave(key, Gone::Ended, CloseCode::Over, now);
            }
        }
        self.stale(clinic);
        if found.talked {
            self.out.push(Out::Told(Event::CallEnded, *room));
        }
        self.out.push(Out::Over(*room, why));
        self.send_lists(now);
    }

    /// A link was released: whoever came in by it goes, or was about to come, and another browser may.
    pub fn release(&mut self, room: &RoomId, person: &PersonId, now: Now) {
        self.tickets.of_room(room, Some(person));
        self.no_second(room, person);
        let key = self.rooms.get(room).and_then(|room| room.people.get(person)).copied();
        if let Some(key) = key {
            self.leave(key, Gone::Left, CloseCode::Elsewhere, now);
        }
        self.send_lists(now);
    }

    /// One of the staff is no more, or has another role: whoever came in by that name goes, and may come in again.
    pub fn dismiss(&mut self, name: &str, now: Now) {
        self.tickets.of_staff(name);
        self.send_away(|pass| matches!(pass, Pass::Staff { name: other, .. } if other == name), now);
    }

    /// A session of one of the staff is over: whoever came in by it goes.
    pub fn signed_out(&mut self, session: &SecretHash, now: Now) {
        self.tickets.of_session(session);
        self.send_away(|pass| matches!(pass, Pass::Staff { session: other, .. } if other == session), now);
    }

    /// The sessions in which something was done since the last time, or that have somebody in a call. Who only looks on
    /// does nothing.
    pub fn active(&mut self) -> Vec<SecretHash> {
        let mut active = Vec::new();
        for member in self.members.values_mut() {
            let acted = core::mem::take(&mut member.acted);
            if let Pass::Staff { session, .. } = &member.pass
                && (acted || member.call.is_some())
            {
                active.push(*session);
            }
        }
        active
    }

    fn send_away(&mut self, whom: impl Fn(&Pass) -> bool, now: Now) {
        let keys = self.members.iter().filter(|(_, member)| whom(&member.pass));
        let keys: Vec<Key> = keys.map(|(key, _)| *key).collect();
        for key in keys {
            self.leave(key, Gone::Left, CloseCode::NotAllowed, now);
        }
        self.send_lists(now);
    }

    /// The server stops: everybody is told to come back.
    pub fn stop(&mut self) {
        let sockets: Vec<SocketId> = self.sockets.keys().copied().collect();
        for socket in sockets {
            self.close(socket, CloseCode::Stopping);
        }
    }
}
