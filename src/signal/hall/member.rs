//! One member: a connection that may be away for a moment, and what was sent to it meanwhile.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use super::super::message::{Numbered, Ready, ToClient};
use super::super::secret::SecretHash;
use super::{Key, Pass, PersonId, RoomId, SocketId};
use crate::sdp;
use crate::time::{Moment, UnixTime};

/// How long what was sent is kept for one who comes back: as long as the place is.
pub(super) const KEPT: Duration = super::watch::PLACE;
/// How many messages are.
const MOST_KEPT: usize = 256;
/// How many bytes of them are: four of the largest messages, a hundred usual descriptions.
const MOST_BYTES: usize = 256 * 1024;
/// Messages that a client may send at once: it enters a call of four, with a dozen candidates for each.
const BURST: u64 = 120;
/// Nanoseconds for one more: ten a second.
const INTERVAL: u64 = 100_000_000;

struct Kept {
    number: u64,
    at: Moment,
    text: String,
    /// A list stands for all before it.
    list: bool,
}

/// See the module.
pub(super) struct Member {
    pub(super) pass: Pass,
    pub(super) id: PersonId,
    pub(super) since: UnixTime,
    pub(super) socket: Option<SocketId>,
    /// When something was heard.
    pub(super) heard: Moment,
    /// It has done something by hand since somebody asked.
    pub(super) acted: bool,
    /// When the connection was lost.
    pub(super) lost: Option<Moment>,
    pub(super) resume: SecretHash,
    pub(super) ready: Option<Ready>,
    /// When `ready` was said.
    pub(super) readied: Option<Moment>,
    /// The room whose call it is in, and when it entered among all entries: the earlier one is impolite.
    pub(super) call: Option<(RoomId, u64)>,
    /// When fresh credentials are sent unasked.
    pub(super) renew: Option<UnixTime>,
    /// When they were sent.
    pub(super) renewed: Option<Moment>,
    /// What it has said to each of the others.
    pub(super) sessions: HashMap<Key, sdp::Session>,
    number: u64,
    kept: VecDeque<Kept>,
    /// The number of the last message that was forgotten by its age.
    forgotten: u64,
    bytes: usize,
    full_at: u64,
}

impl Member {
    pub(super) fn new(
        pass: Pass,
        id: PersonId,
        socket: Option<SocketId>,
        resume: SecretHash,
        at: (Moment, UnixTime),
    ) -> Self {
        Self {
            pass,
            id,
            since: at.1,
            socket,
            heard: at.0,
            acted: false,
            lost: None,
            resume,
            ready: None,
            readied: None,
            call: None,
            renew: None,
            renewed: None,
            sessions: HashMap::new(),
            number: 0,
            kept: VecDeque::new(),
            forgotten: 0,
            bytes: 0,
            full_at: 0,
        }
    }

    /// Who it is, for the audit log.
    pub(super) fn actor(&self) -> String {
        match &self.pass {
            Pass::Guest { .. } => self.id.as_str().to_owned(),
            Pass::Staff { name, .. } => name.clone(),
        }
    }

    /// Whether one more message is not too fast.
    pub(super) fn may_say(&mut self, now: Moment) -> bool {
        let now = now.as_nanos();
        let full_at = self.full_at.max(now).saturating_add(INTERVAL);
        if full_at.saturating_sub(now) > BURST.saturating_mul(INTERVAL) {
            return false;
        }
        self.full_at = full_at;
        true
    }

    /// Numbers go on above those of the process before, which nobody has told: it has sent fewer than a million a second.
    pub(super) fn counts_on(&mut self, now: UnixTime) {
        self.number = now.as_secs() << 20;
    }

    /// Numbers a message and keeps it; its text.
    pub(super) fn keep(&mut self, message: &ToClient, now: Moment) -> String {
        self.number = self.number.saturating_add(1);
        // No message has a form that JSON lacks.
        let text = serde_json::to_string(&Numbered { s: self.number, message }).unwrap_or_default();
        if matches!(message, ToClient::Pong {}) {
            return text;
        }
        let list = matches!(message, ToClient::List { .. });
        if list && let Some(old) = self.kept.iter().position(|kept| kept.list).and_then(|at| self.kept.remove(at)) {
            self.bytes = self.bytes.saturating_sub(old.text.len());
        }
        self.bytes = self.bytes.saturating_add(text.len());
        self.kept.push_back(Kept { number: self.number, at: now, text: text.clone(), list });
        self.forget(now);
        text
    }

    /// Forgets what is too old or too much.
    pub(super) fn forget(&mut self, now: Moment) {
        while let Some(oldest) = self.kept.front() {
            if now.since(oldest.at) <= KEPT && self.kept.len() <= MOST_KEPT && self.bytes <= MOST_BYTES {
                break;
            }
            self.bytes = self.bytes.saturating_sub(oldest.text.len());
            self.forgotten = oldest.number;
            self.kept.pop_front();
        }
        if self.kept.is_empty() {
            // Idle members are many.
            self.kept.shrink_to_fit();
        }
    }

    /// What was sent after the message of this number, in its order; `None` if something of it is forgotten, or the number
    /// is none of ours.
    pub(super) fn missed(&self, last: u64) -> Option<Vec<String>> {
        if last > self.number {
            return None;
        }
        if self.forgotten > last {
            return None;
        }
        Some(self.kept.iter().filter(|kept| kept.number > last).map(|kept| kept.text.clone()).collect())
    }
}
