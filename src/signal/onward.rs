//! What signaling leaves to the next process while visits go on, and what it takes over from the one before: sessions of
//! staff, and who is in which call. Neither stands in the store, since nothing of a call is to be on a disk: it goes where
//! the records of what runs go, and nothing of it is left when the relay stops.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::book::Window;
use super::hall::{KeptCall, KeptPlace, Pass, RoomId};
use super::role::Action;
use super::roster::KeptSession;
use super::secret::SecretHash;
use super::service::Signal;
use crate::time::Now;

/// Before the name of a room: its call.
const CALL: &str = "call:";
/// Before the hash of a session's secret.
const SESSION: &str = "session:";

/// What the name of a call's record is.
pub(super) fn of_call(room: &RoomId) -> String {
    format!("{CALL}{}", room.as_str())
}

fn of_session(session: &SecretHash) -> String {
    format!("{SESSION}{}", URL_SAFE_NO_PAD.encode(session.bytes()))
}

fn session(name: &str) -> Option<SecretHash> {
    let bytes = URL_SAFE_NO_PAD.decode(name.strip_prefix(SESSION)?).ok()?;
    Some(SecretHash::from_bytes(bytes.try_into().ok()?))
}

impl Signal {
    /// Takes over what the process before has left by [`super::Outside::remember`], as far as it still holds: what is over
    /// by its time, by the book or by the accounts does not go on. To be called before anybody comes.
    pub fn go_on(self: &Arc<Self>, left: &[(String, Vec<u8>)]) {
        let now = self.now();
        let (mut calls, mut people) = (0_u32, 0_usize);
        let mut gone = Vec::new();
        for (name, bytes) in left {
            if let Some(session) = session(name) {
                let kept = KeptSession::read(bytes);
                if !kept.is_some_and(|kept| self.roster().go_on(session, kept, now.unix)) {
                    gone.push((name.clone(), None));
                }
            }
        }
        for (name, bytes) in left.iter().filter(|(name, _)| session(name).is_none()) {
            let entered = self.call_goes_on(name, bytes, now);
            match entered {
                Some(entered) => (calls, people) = (calls.saturating_add(1), people.saturating_add(entered)),
                None => gone.push((name.clone(), None)),
            }
        }
        self.outside.remember(&gone);
        if calls > 0 {
            tracing::info!(calls, people, "visits go on");
        }
    }

    /// How many are in it; `None`: it does not go on.
    fn call_goes_on(self: &Arc<Self>, name: &str, bytes: &[u8], now: Now) -> Option<usize> {
        let room: RoomId = name.strip_prefix(CALL)?.parse().ok()?;
        let kept = KeptCall::read(bytes)?;
        let state = kept.state();
        let (label, ends, people) = {
            let book = self.book();
            let found = book.get(&room).filter(|found| found.window(now.unix) == Window::Open)?;
            let people =
                kept.places.into_iter().filter_map(|place| Some((self.pass(&room, &place, found, now)?, place)));
            let people: Vec<(KeptPlace, Pass)> = people.map(|(pass, place)| (place, pass)).collect();
            (found.label.clone(), found.ends, people)
        };
        if people.is_empty() {
            return None;
        }
        let entered = people.len();
        self.with_hall(|hall, _| hall.go_on(room, (label, ends), state, people, now));
        Some(entered)
    }

    /// Who may have a place again: whoever has the link of it, or is signed in.
    fn pass(&self, room: &RoomId, place: &KeptPlace, found: &super::book::Appointment, now: Now) -> Option<Pass> {
        let clinic = found.clinic;
        self.settings().clinics.get(&clinic)?;
        if let Some(staff) = &place.staff {
            let roster = self.roster();
            let account = roster.signed_in(&staff.session, now.unix)?;
            let may = account.role.may(Action::Receive) && account.clinics.contains(&clinic);
            return (account.name == staff.name && may).then(|| Pass::Staff {
                name: account.name.clone(),
                role: account.role,
                clinic,
                session: staff.session,
            });
        }
        let person = found.people.iter().find(|one| one.id.as_str() == place.id && one.browser.is_some())?;
        let (label, ends) = (found.label.clone(), found.ends);
        Some(Pass::Guest { room: *room, person: person.id, role: person.role, clinic, label, ends })
    }

    /// Tells the next process which sessions there are, as far as that has changed, and what could not be told before. To be
    /// called once a second.
    pub(super) fn remember_sessions(&self) {
        let changed = self.roster().changed_sessions();
        let things: Vec<_> = changed.into_iter().map(|(hash, kept)| (of_session(&hash), kept)).collect();
        self.outside.remember(&things);
    }
}
