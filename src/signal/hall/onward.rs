//! Who goes on in the next process. A restart is to those in a call what a lost connection is: their places wait for a
//! minute, the word to come back by stays good, and nobody is admitted twice. Of those who wait nothing is told: they come
//! in again by their link, and wait on.

use serde::{Deserialize, Serialize};

use super::super::message::NoteCode;
use super::super::secret::SecretHash;
use super::member::Member;
use super::{Hall, Key, Out, Pass, PersonId, Room, RoomId};
use crate::time::{Now, UnixTime};

/// The call of a room, for the next process. What else there is to know of the room and its people the book has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::signal) struct KeptCall {
    v: u8,
    note: Option<NoteCode>,
    /// Others have been told that it began.
    talked: bool,
    pub(in crate::signal) places: Vec<KeptPlace>,
}

/// One place in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::signal) struct KeptPlace {
    pub(in crate::signal) id: String,
    /// One of the staff; everybody else has a link.
    pub(in crate::signal) staff: Option<KeptStaff>,
    since: u64,
    entry: u64,
    resume: SecretHash,
}

/// Who of the staff, and in which session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::signal) struct KeptStaff {
    pub(in crate::signal) name: String,
    pub(in crate::signal) session: SecretHash,
}

impl KeptCall {
    /// Reads what [`Hall::take`] gave to the process before; `None`: another version did.
    pub(in crate::signal) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|kept: &Self| kept.v == 1)
    }
}

impl Hall {
    /// Adds to what has to be done that the next process is to know of calls which have changed.
    pub(super) fn tell_onward(&mut self) {
        for room in core::mem::take(&mut self.changed) {
            let kept = self.rooms.get(&room).filter(|found| !found.call.is_empty()).map(|found| KeptCall {
                v: 1,
                note: found.note,
                talked: found.talked,
                places: found.call.iter().filter_map(|key| self.members.get(key)).filter_map(place).collect(),
            });
            // Nothing here has a form that JSON lacks.
            let told = kept.map(|kept| serde_json::to_vec(&kept).unwrap_or_default());
            self.out.push(Out::Onward(room, told));
        }
    }

    /// Goes on with a call of the process before. `people` are those of its places whose right to them still holds.
    pub(in crate::signal) fn go_on(
        &mut self,
        room: RoomId,
        (label, ends): (String, UnixTime),
        (note, talked): (Option<NoteCode>, bool),
        people: Vec<(KeptPlace, Pass)>,
        now: Now,
    ) {
        self.changed.insert(room);
        for (kept, pass) in people {
            let Ok(id) = kept.id.parse::<PersonId>() else { continue };
            let clinic = pass.clinic();
            let key = self.new_key();
            let (label, found) = (label.clone(), self.rooms.entry(room));
            let found = found.or_insert_with(|| Room { note, talked, ..Room::new(clinic, label, ends) });
            found.call.push(key);
            match pass {
                Pass::Guest { .. } => drop(found.people.insert(id, key)),
                Pass::Staff { .. } => self.lookers.entry(clinic).or_default().staff.push(key),
            }
            self.next_entry = self.next_entry.max(kept.entry.saturating_add(1));
            self.resumes.insert(kept.resume, key);
            self.members.insert(key, Member::gone_on(pass, id, &kept, room, now));
        }
    }

    /// What the next process is told of a member's call has changed.
    pub(super) fn moves_on(&mut self, key: Key) {
        if let Some((room, _)) = self.members.get(&key).and_then(|member| member.call) {
            self.changed.insert(room);
        }
    }
}

impl KeptCall {
    /// What those in it were told of it last, and whether others know that it began.
    pub(in crate::signal) const fn state(&self) -> (Option<NoteCode>, bool) {
        (self.note, self.talked)
    }
}

fn place(member: &Member) -> Option<KeptPlace> {
    let (_, entry) = member.call?;
    let staff = match &member.pass {
        Pass::Guest { .. } => None,
        Pass::Staff { name, session, .. } => Some(KeptStaff { name: name.clone(), session: *session }),
    };
    let (id, since) = (member.id.as_str().to_owned(), member.since.as_secs());
    Some(KeptPlace { id, staff, since, entry, resume: member.resume })
}

impl Member {
    /// Somebody in the call of the process before, whose connection is lost.
    fn gone_on(pass: Pass, id: PersonId, kept: &KeptPlace, room: RoomId, now: Now) -> Self {
        let mut member = Self::new(pass, id, None, kept.resume, (now.moment, UnixTime::from_secs(kept.since)));
        member.lost = Some(now.moment);
        member.call = Some((room, kept.entry));
        // How long the credentials of before last nobody has told.
        member.renew = Some(now.unix);
        member.counts_on(now.unix);
        member
    }
}
