//! What members say: who may, and what goes on to whom.

use core::net::IpAddr;

use super::super::message::{CloseCode, Desc, DescKind, FromClient, Gone, Ready, Suspicion, ToClient, Trickled};
use super::super::role::Action;
use super::super::secret::is_encoded;
use super::{Hall, Key, Minting, SocketId};
use crate::sdp::{self, Refusal};
use crate::time::Now;

/// Nanoseconds between two `wait`: one a second, and a little.
const WAITS: u64 = 900_000_000;
/// Seconds between two `renew`.
const RENEWS: u64 = 10;
/// Bytes of `commit` and `reveal`.
const COMMITTED: usize = 32;
const REVEALED: usize = 16;
/// Characters of a section's name and of an ICE user name.
const LONGEST_MID: usize = 16;
const LONGEST_UFRAG: usize = 256;

/// What it takes to say it.
const fn action(message: &FromClient) -> Action {
    match message {
        FromClient::Wait { .. } => Action::Wait,
        FromClient::Admit { .. } => Action::Admit,
        FromClient::Decline { .. } => Action::Decline,
        FromClient::Note { .. } => Action::Note,
        FromClient::Join { .. } => Action::Join,
        FromClient::Sdp { .. } | FromClient::Ice { .. } | FromClient::Commit { .. } | FromClient::Reveal { .. } => {
            Action::Talk
        }
        FromClient::Renew {} => Action::Renew,
        FromClient::End {} => Action::End,
        FromClient::Bye {}
        | FromClient::Ping {}
        | FromClient::Security { .. }
        | FromClient::Hello { .. }
        | FromClient::Resume { .. } => Action::Be,
    }
}

impl Hall {
    /// A message of a member.
    pub(super) fn act(&mut self, key: Key, socket: SocketId, message: FromClient, now: Now, minting: &mut dyn Minting) {
        let Some(member) = self.members.get_mut(&key) else { return self.close(socket, CloseCode::Ticket) };
        member.heard = now.moment;
        if !member.may_say(now.moment) {
            return self.lose(key, socket, CloseCode::TooFast, now);
        }
        if !member.pass.role().may(action(&message)) {
            return self.lose(key, socket, CloseCode::NotAllowed, now);
        }
        // What browsers say by themselves keeps nobody signed in.
        member.acted |=
            matches!(action(&message), Action::Admit | Action::Decline | Action::Note | Action::Join | Action::End);
        match message {
            FromClient::Hello { .. } | FromClient::Resume { .. } => self.lose(key, socket, CloseCode::BadMessage, now),
            FromClient::Wait { ready } => self.wait(key, ready, now),
            FromClient::Admit { room } => self.admit(key, &room, now, minting),
            FromClient::Decline { room, person } => self.decline(key, &room, &person, now),
            FromClient::Note { room, code } => self.note(key, &room, code, now),
            FromClient::Join { room } => self.join(key, &room, now, minting),
            FromClient::Sdp { to, desc } => self.describe(key, &to, desc, now),
            FromClient::Ice { to, candidate } => self.trickle(key, &to, candidate, now),
            FromClient::Commit { to, h } if is_encoded(&h, COMMITTED) => {
                self.pass(key, &to, "commit", now, |from| ToClient::Commit { from, h });
            }
            FromClient::Reveal { to, n } if is_encoded(&n, REVEALED) => {
                self.pass(key, &to, "reveal", now, |from| ToClient::Reveal { from, n });
            }
            FromClient::Commit { .. } | FromClient::Reveal { .. } => self.lose(key, socket, CloseCode::BadMessage, now),
            FromClient::Renew {} => self.renew(key, now, minting),
            FromClient::End {} => self.end_by(key, now),
            FromClient::Bye {} => self.bye(key, now),
            FromClient::Security { to, what } => self.suspect(key, &to, what),
            FromClient::Ping {} => self.send(key, &ToClient::Pong {}, now),
        }
    }

    /// Leaves: staff a call, if they are in one, and everybody else the hall.
    fn bye(&mut self, key: Key, now: Now) {
        let staff = |member: &super::Member| matches!(member.pass, super::Pass::Staff { .. }) && member.call.is_some();
        if self.members.get(&key).is_some_and(staff) {
            self.leave_call(key, Gone::Left, now);
        } else {
            self.leave(key, Gone::Left, CloseCode::Normal, now);
        }
    }

    /// Closes the connection of a member who keeps the place for a minute.
    pub(super) fn lose(&mut self, key: Key, socket: SocketId, code: CloseCode, now: Now) {
        self.close(socket, code);
        let Some(member) = self.members.get_mut(&key) else { return };
        (member.socket, member.lost) = (None, Some(now.moment));
        let clinic = member.pass.clinic();
        self.stale(clinic);
    }

    fn wait(&mut self, key: Key, ready: Ready, now: Now) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let soon = |at: crate::time::Moment| now.moment.as_nanos().saturating_sub(at.as_nanos()) < WAITS;
        if member.readied.is_some_and(soon) {
            return self.refuse(key, "too_often", "wait", now);
        }
        member.readied = Some(now.moment);
        if member.ready.replace(ready) != Some(ready) {
            let clinic = member.pass.clinic();
            self.stale(clinic);
        }
    }

    /// Another one in the same call.
    fn peer(&self, key: Key, to: &str) -> Option<Key> {
        let (room, _) = self.members.get(&key)?.call?;
        let call = &self.rooms.get(&room)?.call;
        let named = |other: &&Key| self.members.get(other).is_some_and(|member| member.id.as_str() == to);
        call.iter().filter(|other| **other != key).find(named).copied()
    }

    /// Passes a message on as it is.
    fn pass(&mut self, key: Key, to: &str, of: &'static str, now: Now, message: impl FnOnce(String) -> ToClient) {
        let Some(peer) = self.peer(key, to) else { return self.refuse_to(key, "no_peer", of, Some(to), now) };
        let Some(from) = self.members.get(&key).map(|member| member.id.as_str().to_owned()) else { return };
        self.send(peer, &message(from), now);
    }

    fn describe(&mut self, key: Key, to: &str, desc: Desc, now: Now) {
        let Some(peer) = self.peer(key, to) else { return self.refuse_to(key, "no_peer", "sdp", Some(to), now) };
        let kind = match desc.kind {
            DescKind::Offer => sdp::Kind::Offer,
            DescKind::Answer => sdp::Kind::Answer,
        };
        let relays = &self.settings.relays;
        let ours = |address: IpAddr| relays.contains(&address);
        let read = sdp::description(kind, &desc.sdp, &ours);
        let Some(member) = self.members.get_mut(&key) else { return };
        let taken = read.and_then(|read| member.sessions.entry(peer).or_default().description(&read));
        match taken {
            Ok(()) => self.pass(key, to, "sdp", now, |from| ToClient::Sdp { from, desc }),
            Err(why) => self.stopped(key, to, (why, "sdp"), now),
        }
    }

    fn trickle(&mut self, key: Key, to: &str, trickled: Trickled, now: Now) {
        let Some(peer) = self.peer(key, to) else { return self.refuse_to(key, "no_peer", "ice", Some(to), now) };
        let word = |text: &Option<String>, most: usize| {
            text.as_ref().is_none_or(|text| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic()))
        };
        let fits = word(&trickled.sdp_mid, LONGEST_MID) && word(&trickled.username_fragment, LONGEST_UFRAG);
        let relays = &self.settings.relays;
        let ours = |address: IpAddr| relays.contains(&address);
        let read =
            if trickled.candidate.is_empty() { Ok(()) } else { sdp::candidate(&trickled.candidate, &ours).map(|_| ()) };
        let read = if fits { read } else { Err(Refusal::CandidateMalformed) };
        let Some(member) = self.members.get_mut(&key) else { return };
        let taken = read.and_then(|()| member.sessions.entry(peer).or_default().candidate());
        match taken {
            Ok(()) => self.pass(key, to, "ice", now, |from| ToClient::Ice { from, candidate: trickled }),
            Err(why) => self.stopped(key, to, (why, "ice"), now),
        }
    }

    /// The filter has stopped something: whoever said it hears the rule, and what looks like an attack is recorded.
    fn stopped(&mut self, key: Key, to: &str, (why, of): (Refusal, &'static str), now: Now) {
        self.refuse_to(key, why.code(), of, Some(to), now);
        let downgrade = matches!(
            why,
            Refusal::FingerprintChanged
                | Refusal::Crypto
                | Refusal::KeyManagement
                | Refusal::Key
                | Refusal::ProfileAvp
                | Refusal::ProfileAvpf
                | Refusal::ProfileSavp
                | Refusal::FingerprintWeak
        );
        if downgrade && let Some((room, _)) = self.members.get(&key).and_then(|member| member.call) {
            self.deed(format!("visit.refused:{}", why.code()), room, key);
        }
    }

    fn renew(&mut self, key: Key, now: Now, minting: &mut dyn Minting) {
        let Some(member) = self.members.get(&key) else { return };
        let soon = |at: crate::time::Moment| now.moment.since(at).as_secs() < RENEWS;
        match member.call {
            None => self.refuse(key, "no_call", "renew", now),
            Some(_) if member.renewed.is_some_and(soon) => self.refuse(key, "too_often", "renew", now),
            Some(_) => self.send_fresh(key, now, minting),
        }
    }

    /// Fresh credentials for whoever is in a call.
    pub(super) fn send_fresh(&mut self, key: Key, now: Now, minting: &mut dyn Minting) {
        let Some((room, _)) = self.members.get(&key).and_then(|member| member.call) else { return };
        let Some(ends) = self.rooms.get(&room).map(|room| room.ends) else { return };
        match self.fresh(key, room, ends, now, minting) {
            Some(turn) => self.send(key, &ToClient::Turn { turn }, now),
            None => self.refuse(key, "unavailable", "renew", now),
        }
    }

    /// A client has seen what must not be. It is recorded; the client itself ends the call.
    fn suspect(&mut self, key: Key, to: &str, what: Suspicion) {
        let known = self.peer(key, to).is_some();
        if let Some((room, _)) = self.members.get(&key).and_then(|member| member.call) {
            let about = if known { "" } else { ":nobody" };
            self.deed(format!("visit.security:{}{about}", what.label()), room, key);
        }
    }
}
