//! Tickets: what leads from a request to a connection. One for each place, so that nobody fills the table, and none that
//! outlives the right to it.

use std::collections::HashMap;

use super::super::secret::SecretHash;
use super::{MOST_TICKETS, Pass, PersonId, RoomId};
use crate::time::Moment;

/// Whose tickets are looked for together: a room has 16 people at most, and one of the staff 64 clinics.
#[derive(PartialEq, Eq, Hash)]
enum Owner {
    Room(RoomId),
    Staff(String),
}

impl Owner {
    fn of(pass: &Pass) -> Self {
        match pass {
            Pass::Guest { room, .. } => Self::Room(*room),
            Pass::Staff { name, .. } => Self::Staff(name.clone()),
        }
    }
}

struct Ticket {
    pass: Pass,
    until: Moment,
}

/// See the module.
#[derive(Default)]
pub(super) struct Tickets {
    live: HashMap<SecretHash, Ticket>,
    owned: HashMap<Owner, Vec<SecretHash>>,
}

impl Tickets {
    /// Keeps one. It replaces the one for the same place: somebody in a room, or one of the staff at a clinic. False if
    /// there are too many.
    pub(super) fn keep(&mut self, hash: SecretHash, pass: Pass, (now, until): (Moment, Moment)) -> bool {
        self.take_away(&Owner::of(&pass), |other| is_same(other, &pass));
        if self.live.len() >= MOST_TICKETS {
            self.forget(now);
        }
        if self.live.len() >= MOST_TICKETS {
            return false;
        }
        self.owned.entry(Owner::of(&pass)).or_default().push(hash);
        self.live.insert(hash, Ticket { pass, until });
        true
    }

    /// Uses one up.
    pub(super) fn take(&mut self, hash: &SecretHash, now: Moment) -> Option<Pass> {
        self.remove(hash).filter(|ticket| ticket.until > now).map(|ticket| ticket.pass)
    }

    /// Takes away those that nobody has used in time.
    pub(super) fn forget(&mut self, now: Moment) {
        let late = self.live.iter().filter(|(_, ticket)| ticket.until <= now);
        let late: Vec<SecretHash> = late.map(|(hash, _)| *hash).collect();
        for hash in late {
            self.remove(&hash);
        }
    }

    /// Takes away those to a room, or those of one person to it.
    pub(super) fn of_room(&mut self, room: &RoomId, person: Option<&PersonId>) {
        self.take_away(&Owner::Room(*room), |pass| match pass {
            Pass::Guest { person: other, .. } => person.is_none_or(|person| person == other),
            Pass::Staff { .. } => false,
        });
    }

    /// Takes away those of one of the staff.
    pub(super) fn of_staff(&mut self, name: &str) {
        self.take_away(&Owner::Staff(name.to_owned()), |_| true);
    }

    /// Takes away those that were got in a session.
    pub(super) fn of_session(&mut self, session: &SecretHash) {
        let of = |pass: &Pass| matches!(pass, Pass::Staff { session: other, .. } if other == session);
        let gone = self.live.iter().filter(|(_, ticket)| of(&ticket.pass));
        let gone: Vec<SecretHash> = gone.map(|(hash, _)| *hash).collect();
        for hash in gone {
            self.remove(&hash);
        }
    }

    fn take_away(&mut self, owner: &Owner, which: impl Fn(&Pass) -> bool) {
        let owned = self.owned.get(owner).map_or(&[][..], Vec::as_slice);
        let fits = |hash: &&SecretHash| self.live.get(*hash).is_some_and(|ticket| which(&ticket.pass));
        let gone: Vec<SecretHash> = owned.iter().filter(fits).copied().collect();
        for hash in gone {
            self.remove(&hash);
        }
    }

    fn remove(&mut self, hash: &SecretHash) -> Option<Ticket> {
        let ticket = self.live.remove(hash)?;
        let owner = Owner::of(&ticket.pass);
        if let Some(owned) = self.owned.get_mut(&owner) {
            owned.retain(|other| other != hash);
            if owned.is_empty() {
                self.owned.remove(&owner);
            }
        }
        Some(ticket)
    }
}

fn is_same(one: &Pass, other: &Pass) -> bool {
    match (one, other) {
        (Pass::Guest { room, person, .. }, Pass::Guest { room: other, person: who, .. }) => {
            room == other && person == who
        }
        (Pass::Staff { name, clinic, .. }, Pass::Staff { name: other, clinic: at, .. }) => {
            name == other && clinic == at
        }
        (Pass::Guest { .. }, Pass::Staff { .. }) | (Pass::Staff { .. }, Pass::Guest { .. }) => false,
    }
}
