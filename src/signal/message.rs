//! The messages of a socket, both ways. `docs/signaling-protocol.md` has every one with its fields.
//!
//! A field or a type that is not here closes the connection: whoever sends it speaks another protocol.

use serde::{Deserialize, Serialize};

use super::role::Role;

/// Bytes of a message: a description of 64,000, its escapes, and what is around it.
pub const LARGEST_MESSAGE: usize = 65_536;
/// The version of the protocol, in `hello` and `resume`.
pub const VERSION: u8 = 1;
/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "hilum.v1";

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the protocol's document")]
pub enum FromClient {
    /// The first message of a new member.
    Hello { v: u8, ticket: String },
    /// The first message of one who was here a moment ago.
    Resume { v: u8, resume: String, last: u64 },
    /// What works, while waiting.
    Wait { ready: Ready },
    /// Everybody who waits in a room may enter the call.
    Admit { room: String },
    /// One who waits is turned away.
    Decline { room: String, person: String },
    /// Everybody who waits in a room is told something.
    Note { room: String, code: NoteCode },
    /// A description for another one in the call.
    Sdp { to: String, desc: Desc },
    /// A candidate for another one in the call; an empty one says that there are no more.
    Ice { to: String, candidate: Trickled },
    /// The hash of a secret for the safety words.
    Commit { to: String, h: String },
    /// That secret.
    Reveal { to: String, n: String },
    /// Fresh credentials, please.
    Renew {},
    /// Enters the call of a room.
    Join { room: String },
    /// Ends the visit for all.
    End {},
    /// Leaves.
    Bye {},
    /// Something that must not be was seen.
    Security { to: String, what: Suspicion },
    /// Is here.
    Ping {},
}

impl FromClient {
    /// A text as a message; `None` if it is none of this protocol.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Every type.
    pub const LABELS: [&'static str; 16] = [
        "hello", "resume", "wait", "admit", "decline", "note", "sdp", "ice", "commit", "reveal", "renew", "join",
        "end", "bye", "security", "ping",
    ];

    /// Its type.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Resume { .. } => "resume",
            Self::Wait { .. } => "wait",
            Self::Admit { .. } => "admit",
            Self::Decline { .. } => "decline",
            Self::Note { .. } => "note",
            Self::Sdp { .. } => "sdp",
            Self::Ice { .. } => "ice",
            Self::Commit { .. } => "commit",
            Self::Reveal { .. } => "reveal",
            Self::Renew {} => "renew",
            Self::Join { .. } => "join",
            Self::End {} => "end",
            Self::Bye {} => "bye",
            Self::Security { .. } => "security",
            Self::Ping {} => "ping",
        }
    }
}

/// Whether something of a device works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Works {
    /// It does.
    Ok,
    /// It is not wanted.
    Off,
    /// It does not.
    Failed,
}

/// What works of one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Pictures.
    pub camera: Works,
    /// Sound.
    pub microphone: Works,
    /// A way to the relay.
    pub network: Works,
}

/// What those who wait can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCode {
    /// It takes longer.
    RunningLate,
    /// Ten minutes more.
    TenMinutes,
    /// Twenty minutes more.
    TwentyMinutes,
    /// Please call us.
    CallUs,
    /// It is about to begin.
    Soon,
}

/// What a client has seen that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// Another certificate than before.
    FingerprintChanged,
    /// The people read different words to each other.
    WordsDiffer,
    /// Somebody is announced and nobody is there.
    Ghost,
}

impl Suspicion {
    /// As the audit log writes it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FingerprintChanged => "fingerprint-changed",
            Self::WordsDiffer => "words-differ",
            Self::Ghost => "ghost",
        }
    }
}

/// `RTCSessionDescription`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desc {
    /// Which half.
    #[serde(rename = "type")]
    pub kind: DescKind,
    /// The text.
    pub sdp: String,
}

/// The halves of an exchange that go through here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescKind {
    /// It asks.
    Offer,
    /// It answers.
    Answer,
}

/// Three of the four members of `RTCIceCandidate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trickled {
    /// The candidate; empty for the end.
    pub candidate: String,
    /// Which section it is for.
    pub sdp_mid: Option<String>,
    /// Which ICE credentials it is for.
    pub username_fragment: Option<String>,
}

/// What the server says; all but `welcome` carry a number beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
#[expect(missing_docs, reason = "the fields are those of the protocol's document")]
pub enum ToClient {
    Welcome(Box<Welcome>),
    List {
        rooms: Vec<ListedRoom>,
    },
    Admitted {
        turn: Turn,
        room: RoomState,
    },
    Joined(Box<Joined>),
    Peer(Peer),
    Gone {
        id: String,
        why: Gone,
    },
    Sdp {
        from: String,
        desc: Desc,
    },
    Ice {
        from: String,
        candidate: Trickled,
    },
    Commit {
        from: String,
        h: String,
    },
    Reveal {
        from: String,
        n: String,
    },
    Refused {
        code: &'static str,
        of: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    Turn {
        turn: Turn,
    },
    Noted {
        code: NoteCode,
    },
    Declined {},
    Ended {
        why: Ended,
    },
    Pong {},
}

/// The first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Welcome {
    /// The version.
    pub v: u8,
    /// Who the receiver is, for the others.
    #[serde(rename = "self")]
    pub me: String,
    /// In which role.
    pub role: Role,
    /// By which it may come back within a minute.
    pub resume: String,
    /// Whether this is one who was here a moment ago.
    pub resumed: bool,
    /// Where it is; a clinician between calls is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomState>,
    /// Whose visit it is.
    pub clinic: Clinic,
    /// What holds in it.
    pub policy: Conduct,
    /// Credentials, for those in the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// Who else is in the call.
    pub peers: Vec<Peer>,
}

/// The answer to `join`: one of the staff is in the call of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Joined {
    /// Who the receiver is, for the others.
    #[serde(rename = "self")]
    pub me: String,
    /// Where.
    pub room: RoomState,
    /// Credentials for this call.
    pub turn: Turn,
    /// Who else is in it.
    pub peers: Vec<Peer>,
}

/// A room, as those in it see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomState {
    /// Which.
    pub id: String,
    /// Whether the receiver waits or is in the call.
    pub state: Stage,
    /// When it ends, in seconds since 1970.
    pub ends: u64,
    /// How many can be in the call.
    pub most: usize,
}

/// Where one is in a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Before the call.
    Waiting,
    /// In it.
    Call,
}

/// A clinic, as patients are told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clinic {
    /// What it is called.
    pub name: String,
    /// Where it can be rung up.
    pub phone: String,
    /// What to do when something does not work.
    pub help: String,
    /// In which language to begin.
    pub language: String,
    /// Minutes of waiting after which the phone number is shown.
    pub wait_minutes: u32,
}

/// What holds in a visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conduct {
    /// Always: nobody learns another's address.
    pub relay_only: bool,
    /// Whether screens may be shown.
    pub screen: bool,
    /// Whether files may be sent.
    pub files: bool,
}

/// Somebody else in the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Who.
    pub id: String,
    /// In which role.
    pub role: Role,
    /// Whether the receiver is the polite one of the two (RFC 9429 §4.1.8.2, perfect negotiation).
    pub polite: bool,
}

/// Why somebody is in the call no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gone {
    /// On purpose.
    Left,
    /// Nothing was heard for too long, or it began again.
    Lost,
    /// The visit is over for them.
    Ended,
}

/// Why a visit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// A clinician ended it.
    Clinician,
    /// Its time was over.
    Over,
    /// The appointment was taken back.
    Operator,
}

impl Ended {
    /// As the audit log writes it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Over => "over",
            Self::Operator => "operator",
        }
    }
}

/// Credentials for the relay.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Where it is.
    pub urls: Vec<String>,
    /// A call token.
    pub username: String,
    /// What belongs to it.
    pub credential: String,
    /// When no new allocation begins with it, in seconds since 1970.
    pub expires: u64,
    /// Where the relay stands.
    pub region: String,
}

impl core::fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Turn(until {})", self.expires)
    }
}

/// A room, as the clinic's staff see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedRoom {
    /// Which.
    pub room: String,
    /// The clinic's own word for it.
    pub label: String,
    /// Who is there.
    pub people: Vec<ListedPerson>,
    /// Whether its call has begun.
    pub state: Stage,
    /// When it ends, in seconds since 1970.
    pub ends: u64,
}

/// Somebody in a room, as the clinic's staff see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedPerson {
    /// Who.
    pub id: String,
    /// In which role.
    pub role: Role,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// What works of theirs, once they have said.
    pub ready: Option<Ready>,
    /// Whether they are connected now.
    pub here: bool,
    /// Whether they are in the call.
    pub inside: bool,
    /// Whether a second browser has shown their link and was refused.
    pub second: bool,
}

/// A message with its number.
#[derive(Serialize)]
pub(super) struct Numbered<'m> {
    pub(super) s: u64,
    #[serde(flatten)]
    pub(super) message: &'m ToClient,
}

/// Why a connection is closed (RFC 6455 §7.4.2: 4000 to 4999 are ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseCode {
    /// The message is none of this protocol.
    BadMessage,
    /// The ticket or the word to resume by is not good.
    Ticket,
    /// The role may not.
    NotAllowed,
    /// Too slow, or nothing heard for too long.
    Idle,
    /// The same person went on elsewhere.
    Elsewhere,
    /// The visit has ended.
    Over,
    /// Too fast.
    TooFast,
    /// The server stops: come back at once.
    Stopping,
    /// Nothing is wrong.
    Normal,
}

impl CloseCode {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::BadMessage => 4400,
            Self::Ticket => 4401,
            Self::NotAllowed => 4403,
            Self::Idle => 4408,
            Self::Elsewhere => 4409,
            Self::Over => 4410,
            Self::TooFast => 4429,
            Self::Stopping => 4503,
            Self::Normal => 1000,
        }
    }

    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::BadMessage,
        Self::Ticket,
        Self::NotAllowed,
        Self::Idle,
        Self::Elsewhere,
        Self::Over,
        Self::TooFast,
        Self::Stopping,
        Self::Normal,
    ];

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::Ticket => "ticket",
            Self::NotAllowed => "not_allowed",
            Self::Idle => "idle",
            Self::Elsewhere => "elsewhere",
            Self::Over => "over",
            Self::TooFast => "too_fast",
            Self::Stopping => "stopping",
            Self::Normal => "normal",
        }
    }
}
