//! The hall: who waits, who is in which call, and what they say to each other. A state machine without sockets, clock or
//! chance of its own: messages and the time go in, messages and facts come out.
//!
//! Patients see nobody until a clinician admits them, and then only those in the same call. The clinicians of a clinic see
//! its waiting list. Somebody whose connection is lost keeps the place for a minute.

mod desk;
mod entry;
mod member;
mod onward;
mod second;
mod talk;
mod tickets;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::message::{Clinic, CloseCode, Conduct, Ended, FromClient, ToClient, Turn};
use super::role::Role;
use super::secret::{SecretHash, secret};
use crate::auth::token::{Call, PartyLabel, Word};
use crate::sdp::Refusal;
use crate::time::{Moment, Now, UnixTime};
use crate::webhook::Event;

use member::Member;
pub(super) use onward::{KeptCall, KeptPlace};
use second::Second;
use tickets::Tickets;

/// A room is named as its appointment, and as the call in the tokens of those in it.
pub type RoomId = Call;
/// A clinic in the configuration.
pub type ClinicId = Word<16>;
/// Somebody in a room: `p1` to `p16` by a link, `s` and a random number of the staff.
pub type PersonId = PartyLabel;

/// People in a call at once. Everybody sends to everybody, and a phone decodes three pictures.
pub const MOST_IN_CALL: usize = 4;
/// People who wait or are in the calls of all rooms, and staff; each has some kilobytes.
pub const MOST_MEMBERS: usize = 20_000;
/// Tickets that nobody has used yet: one for every member, once each has lost the connection.
pub const MOST_TICKETS: usize = 20_000;
/// Seconds that a ticket is good.
pub const TICKET: u64 = 30;

/// Why a message is not done, beside the rules of descriptions and candidates.
const REFUSALS: [&str; 8] = ["no_peer", "no_room", "no_person", "no_call", "busy", "full", "too_often", "unavailable"];

/// What holds for all of signaling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where the pages are, as browsers write it: `https://visit.clinic.example`. The first one stands in links.
    pub origins: Vec<String>,
    /// Seconds before its start from which on a visit's links are good.
    pub opens_before: u64,
    /// Seconds after its end until which they are.
    pub closes_after: u64,
    /// Seconds for which credentials of a call begin something.
    pub credentials: u64,
    /// The clinics.
    pub clinics: BTreeMap<ClinicId, Clinic>,
    /// What holds in every visit.
    pub conduct: Conduct,
    /// The addresses of the relays that candidates may name.
    pub relays: Vec<IpAddr>,
}

/// One connection; numbers are never used again.
pub type SocketId = u64;
/// One member; numbers are never used again.
type Key = u64;

/// Who a ticket is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Somebody with a link.
    Guest {
        /// Which appointment.
        room: RoomId,
        /// Which of its people.
        person: PersonId,
        /// Patient, guest or captioner.
        role: Role,
        /// Whose.
        clinic: ClinicId,
        /// The clinic's own word for it.
        label: String,
        /// When it ends.
        ends: UnixTime,
    },
    /// One of the staff, for the waiting list of a clinic.
    Staff {
        /// Under which name the audit log knows them.
        name: String,
        /// Admin or clinician.
        role: Role,
        /// Which clinic.
        clinic: ClinicId,
        /// The session in which it was got: its end is the end of this as well.
        session: SecretHash,
    },
}

impl Pass {
    const fn clinic(&self) -> ClinicId {
        match self {
            Self::Guest { clinic, .. } | Self::Staff { clinic, .. } => *clinic,
        }
    }

    const fn role(&self) -> Role {
        match self {
            Self::Guest { role, .. } | Self::Staff { role, .. } => *role,
        }
    }
}

/// Makes credentials.
pub trait Minting {
    /// Credentials of a party for a call that ends then; `None` if none can be made.
    fn turn(&mut self, call: &RoomId, party: &PersonId, ends: UnixTime, now: UnixTime) -> Option<Turn>;
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// A message is to be sent.
    Send(SocketId, String),
    /// A connection is to be closed, once what was sent before has gone.
    Close(SocketId, CloseCode),
    /// A visit is over: its appointment, its tokens and its allocations have to end.
    Over(RoomId, Ended),
    /// Something that belongs on record.
    Deed(Deed),
    /// Something that the hospital's own systems may want to know.
    Told(Event, RoomId),
    /// What the next process is to know of a call, if this one ends before it does; `None`: nothing.
    Onward(RoomId, Option<Vec<u8>>),
}

/// Something that was done, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What: `visit.admit`.
    pub action: String,
    /// In which room, if in one.
    pub room: Option<RoomId>,
    /// In which role.
    pub role: Role,
    /// By whom: a name of the staff, or a number of the room.
    pub actor: String,
}

/// A room with somebody in it, or in front of it.
#[derive(Debug)]
struct Room {
    clinic: ClinicId,
    label: String,
    ends: UnixTime,
    /// Those with a link, by their number.
    people: BTreeMap<PersonId, Key>,
    /// Those in the call, in the order in which they entered.
    call: Vec<Key>,
    /// Two people have been in it at once since it was empty.
    talked: bool,
    /// What those who come later are told as well.
    note: Option<super::message::NoteCode>,
    /// Those whose link a second browser has shown.
    second: BTreeMap<PersonId, Second>,
}

impl Room {
    const fn new(clinic: ClinicId, label: String, ends: UnixTime) -> Self {
        Self {
            clinic,
            label,
            ends,
            people: BTreeMap::new(),
            call: Vec::new(),
            talked: false,
            note: None,
            second: BTreeMap::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.people.is_empty() && self.call.is_empty()
    }
}

/// The staff of a clinic who look at its list.
#[derive(Debug, Default)]
struct Lookers {
    staff: Vec<Key>,
    /// The list has changed since it was sent.
    stale: bool,
    /// When it was sent.
    sent: Moment,
}

enum Socket {
    /// Who this is has not been said.
    New(Moment),
    Of(Key),
}

/// See the module.
pub struct Hall {
    settings: Settings,
    random: ChaCha20Rng,
    next_key: Key,
    next_entry: u64,
    sockets: HashMap<SocketId, Socket>,
    members: HashMap<Key, Member>,
    rooms: HashMap<RoomId, Room>,
    lookers: HashMap<ClinicId, Lookers>,
    tickets: Tickets,
    resumes: HashMap<SecretHash, Key>,
    looked: Moment,
    /// Calls of which the next process would have to know something else.
    changed: BTreeSet<RoomId>,
    out: Vec<Out>,
    counts: Counts,
}

impl core::fmt::Debug for Hall {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Hall({} members, {} rooms)", self.members.len(), self.rooms.len())
    }
}

/// What has been counted. Labels are of the protocol, never of anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections now.
    pub sockets: u64,
    /// Members now, by role.
    pub members: BTreeMap<&'static str, u64>,
    /// Rooms with somebody in them.
    pub rooms: u64,
    /// Rooms whose call has begun.
    pub calls: u64,
    /// People with a link who are in no call yet.
    pub waiting: u64,
    /// Messages of clients, by type.
    pub messages: BTreeMap<&'static str, u64>,
    /// Messages that were not passed on, by the code that said so.
    pub refused: BTreeMap<&'static str, u64>,
    /// Connections that were closed by us, by the label of the code.
    pub closed: BTreeMap<&'static str, u64>,
}

impl Hall {
    /// An empty hall. `seed` is random.
    #[must_use]
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            settings,
            random: ChaCha20Rng::from_seed(seed),
            next_key: 0,
            next_entry: 0,
            sockets: HashMap::new(),
            members: HashMap::new(),
            rooms: HashMap::new(),
            lookers: HashMap::new(),
            tickets: Tickets::default(),
            resumes: HashMap::new(),
            looked: Moment::ZERO,
            changed: BTreeSet::new(),
            out: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Others hold from now on, for what comes.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// A ticket for one connection, good for [`TICKET`] seconds; an earlier one for the same place is good no more. `None`
    /// while there are too many.
    pub fn ticket(&mut self, pass: Pass, now: Now) -> Option<String> {
        if !self.settings.clinics.contains_key(&pass.clinic()) {
            return None;
        }
        let (text, hash) = self.secret();
        let until = now.moment + core::time::Duration::from_secs(TICKET);
        self.tickets.keep(hash, pass, (now.moment, until)).then_some(text)
    }

    /// A connection was opened.
    pub fn opened(&mut self, socket: SocketId, now: Now) {
        self.sockets.insert(socket, Socket::New(now.moment));
    }

    /// A message came in, as [`FromClient::read`] reads it: `None` is none of the protocol.
    pub fn said(&mut self, socket: SocketId, message: Option<FromClient>, now: Now, minting: &mut dyn Minting) {
        let Some(known) = self.sockets.get(&socket) else { return };
        match (known, message) {
            (Socket::New(_), None) => self.close(socket, CloseCode::BadMessage),
            (Socket::Of(key), None) => {
                let key = *key;
                self.lose(key, socket, CloseCode::BadMessage, now);
            }
            (Socket::New(_), Some(message)) => {
                self.count_message(message.label());
                let known = super::message::VERSION;
                if let FromClient::Hello { v, ticket } = &message
                    && *v == known
                {
                    self.hello(socket, ticket, now, minting);
                } else if let FromClient::Resume { v, resume, last } = &message
                    && *v == known
                {
                    self.resume(socket, resume, *last, now);
                } else {
                    self.close(socket, CloseCode::BadMessage);
                }
            }
            (Socket::Of(key), Some(message)) => {
                let key = *key;
                self.count_message(message.label());
                self.act(key, socket, message, now, minting);
            }
        }
        self.send_lists(now);
    }

    /// A connection is gone.
    pub fn closed(&mut self, socket: SocketId, now: Now) {
        if let Some(Socket::Of(key)) = self.sockets.remove(&socket)
            && let Some(member) = self.members.get_mut(&key)
            && member.socket == Some(socket)
        {
            member.socket = None;
            member.lost = Some(now.moment);
            let clinic = member.pass.clinic();
            self.stale(clinic);
        }
        self.send_lists(now);
    }

    /// What has to be done since the last time, in its order.
    pub fn take(&mut self) -> Vec<Out> {
        self.tell_onward();
        core::mem::take(&mut self.out)
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        counts.sockets = number(self.sockets.len());
        counts.rooms = number(self.rooms.values().filter(|room| !room.is_empty()).count());
        counts.calls = number(self.rooms.values().filter(|room| !room.call.is_empty()).count());
        // Everything is there from the start, so that what happens for the first time is seen as a change.
        let known = |counted: &mut BTreeMap<&'static str, u64>, labels: &mut dyn Iterator<Item = &'static str>| {
            for label in labels {
                counted.entry(label).or_default();
            }
        };
        known(&mut counts.messages, &mut FromClient::LABELS.into_iter());
        known(&mut counts.refused, &mut REFUSALS.into_iter().chain(Refusal::ALL.iter().map(|rule| rule.code())));
        known(&mut counts.closed, &mut CloseCode::ALL.iter().map(|code| code.label()));
        for role in Role::ALL {
            counts.members.insert(role.label(), 0);
        }
        for member in self.members.values() {
            let waits = matches!(member.pass, Pass::Guest { .. }) && member.call.is_none();
            counts.waiting = counts.waiting.saturating_add(u64::from(waits));
            let count = counts.members.entry(member.pass.role().label()).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }

    fn new_key(&mut self) -> Key {
        let key = self.next_key;
        self.next_key = key.saturating_add(1);
        key
    }

    fn secret(&mut self) -> (String, SecretHash) {
        let mut random = [0; 16];
        self.random.fill_bytes(&mut random);
        let (text, hash) = secret(random);
        (text.as_str().to_owned(), hash)
    }

    fn count_message(&mut self, label: &'static str) {
        let count = self.counts.messages.entry(label).or_default();
        *count = count.saturating_add(1);
    }

    /// Sends to a member, who may be away for a moment.
    fn send(&mut self, key: Key, message: &ToClient, now: Now) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let text = member.keep(message, now.moment);
        if let Some(socket) = member.socket {
            self.out.push(Out::Send(socket, text));
        }
    }

    fn refuse(&mut self, key: Key, code: &'static str, of: &'static str, now: Now) {
        self.refuse_to(key, code, of, None, now);
    }

    /// The same, of a message for somebody.
    fn refuse_to(&mut self, key: Key, code: &'static str, of: &'static str, to: Option<&str>, now: Now) {
        let count = self.counts.refused.entry(code).or_default();
        *count = count.saturating_add(1);
        // What somebody wrote goes back only if it can be one of ours.
        let to = to.and_then(|to| to.parse::<PersonId>().ok()).map(|to| to.as_str().to_owned());
        self.send(key, &ToClient::Refused { code, of, to }, now);
    }

    /// Closes a connection; nothing that it says counts from now on.
    fn close(&mut self, socket: SocketId, code: CloseCode) {
        if self.sockets.remove(&socket).is_some() {
            let count = self.counts.closed.entry(code.label()).or_default();
            *count = count.saturating_add(1);
            self.out.push(Out::Close(socket, code));
        }
    }

    fn deed(&mut self, action: impl Into<String>, room: RoomId, key: Key) {
        let Some(member) = self.members.get(&key) else { return };
        let (role, actor) = (member.pass.role(), member.actor());
        self.out.push(Out::Deed(Deed { action: action.into(), room: Some(room), role, actor }));
    }

    fn stale(&mut self, clinic: ClinicId) {
        if let Some(lookers) = self.lookers.get_mut(&clinic) {
            lookers.stale = true;
        }
    }
}
