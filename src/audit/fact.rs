//! What can stand in the log: each kind of fact with its own body. Opaque ids only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pseudonym::Pseudonym;
use super::values::{Digest, Label, Stamp};

/// Makes the enum of facts: each variant has a body of the same name and a name in the log.
macro_rules! facts {
    ($($(#[$doc:meta])* $variant:ident = $kind:literal,)*) => {
        /// A fact, as it is recorded.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fact {
            $($(#[$doc])* $variant($variant),)*
        }

        $(impl From<$variant> for Fact {
            fn from(body: $variant) -> Self {
                Self::$variant(body)
            }
        })*

        impl Fact {
            /// The names of all kinds, as the log writes them.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];

            /// The name of its kind.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// Appends its body as JSON, always with the same bytes for the same body.
            pub(super) fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                match self {
                    $(Self::$variant(body) => serde_json::to_writer(out, body),)*
                }
            }

            /// Reads the body of a kind.
            pub(super) fn read(kind: &str, body: &str) -> Result<Self, NotAFact> {
                match kind {
                    $($kind => serde_json::from_str(body).map(Self::$variant).map_err(|_| NotAFact::Body),)*
                    _ => Err(NotAFact::Kind),
                }
            }
        }
    };
}

/// Why a line holds no fact that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAFact {
    /// The kind is not known.
    Kind,
    /// The body does not fit the kind.
    Body,
}

facts! {
    /// The node began.
    NodeStarted = "node-started",
    /// The node ended as it should.
    NodeStopped = "node-stopped",
    /// What ran in the process before goes on in this one, or why it does not.
    Resumed = "resumed",
    /// The configuration was read again and applied.
    ConfigurationChanged = "configuration-changed",
    /// A key came, went or took over.
    KeyChanged = "key-changed",
    /// The first allocation of a call.
    CallBegun = "call-begun",
    /// The last allocation of a call ended.
    CallEnded = "call-ended",
    /// Allocations that were bound to no call, and ended in about a minute.
    Unbound = "unbound",
    /// What was refused in about a minute. [`super::Audit::refused`] makes these.
    Refusals = "refusals",
    /// Something was revoked.
    Revoked = "revoked",
    /// An operator did something.
    OperatorAction = "operator-action",
    /// Somebody with the key asked which call a pseudonym is.
    Revealed = "revealed",
    /// The log was found with a torn or damaged end. The log makes these itself.
    Recovered = "recovered",
    /// Facts could not be recorded. The log makes these itself.
    Gap = "gap",
    /// The wall clock was set. The log makes these itself.
    ClockStepped = "clock-stepped",
    /// A signature over everything before. The log makes these itself.
    Checkpoint = "checkpoint",
    /// The oldest records were removed because their time was over; signed. The log makes these itself.
    Removed = "removed",
}

impl Fact {
    /// The region it belongs to, if it belongs to one.
    #[must_use]
    pub const fn region(&self) -> Option<&Label> {
        match self {
            Self::NodeStarted(NodeStarted { region, .. })
            | Self::CallBegun(CallBegun { region, .. })
            | Self::CallEnded(CallEnded { region, .. })
            | Self::Unbound(Unbound { region, .. })
            | Self::Refusals(Refusals { region, .. }) => Some(region),
            Self::NodeStopped(_)
            | Self::Resumed(_)
            | Self::ConfigurationChanged(_)
            | Self::KeyChanged(_)
            | Self::Revoked(_)
            | Self::OperatorAction(_)
            | Self::Revealed(_)
            | Self::Recovered(_)
            | Self::Gap(_)
            | Self::ClockStepped(_)
            | Self::Checkpoint(_)
            | Self::Removed(_) => None,
        }
    }

    /// The end of a call, if it is one.
    #[must_use]
    pub const fn call_ended(&self) -> Option<&CallEnded> {
        if let Self::CallEnded(body) = self { Some(body) } else { None }
    }

    /// The call, token or party it is about, if it is about one.
    #[must_use]
    pub const fn pseudonym(&self) -> Option<Pseudonym> {
        match self {
            Self::CallBegun(CallBegun { call, .. }) | Self::CallEnded(CallEnded { call, .. }) => Some(*call),
            Self::Revoked(Revoked { subject, .. }) => *subject,
            Self::OperatorAction(OperatorAction { subject, .. }) => *subject,
            Self::NodeStarted(_)
            | Self::NodeStopped(_)
            | Self::Resumed(_)
            | Self::ConfigurationChanged(_)
            | Self::KeyChanged(_)
            | Self::Unbound(_)
            | Self::Refusals(_)
            | Self::Revealed(_)
            | Self::Recovered(_)
            | Self::Gap(_)
            | Self::ClockStepped(_)
            | Self::Checkpoint(_)
            | Self::Removed(_) => None,
        }
    }
}

/// The node began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStarted {
    /// Which node.
    pub node: Label,
    /// Its region.
    pub region: Label,
    /// The version of Hilum.
    pub version: Label,
    /// Of the configuration as it was read.
    pub configuration: Digest,
}

/// The node ended as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStopped {
    /// What ended it.
    pub reason: Label,
    /// How long it ran, in seconds.
    pub seconds: u64,
}

/// What ran in the process before goes on in this one, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// `resumed`, or why this was a clean start.
    pub how: Label,
    /// Allocations that go on.
    pub allocations: u64,
    /// Records that do not.
    pub lost: u64,
}

/// The configuration was read again and applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationChanged {
    /// Of the configuration as it was read.
    pub configuration: Digest,
    /// The keys whose values changed; the values stay out.
    pub keys: Vec<Label>,
    /// Who did it: `uid:0`, `api-key:4f2a`, `signal`.
    pub actor: Label,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChange {
    /// It is known from now on.
    Added,
    /// It is the one in use from now on.
    Rotated,
    /// It is no longer used, but still accepted.
    Retired,
    /// It is no longer known.
    Removed,
}

/// A key came, went or took over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChanged {
    /// What the key is for: `token`, `audit`, `tls`.
    pub purpose: Label,
    /// Its id.
    pub key: Label,
    /// What happened to it.
    pub change: KeyChange,
}

/// The first allocation of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBegun {
    /// Which call.
    pub call: Pseudonym,
    /// Where.
    pub region: Label,
}

/// How many allocations of a call came over which transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transports {
    /// Over UDP.
    pub udp: u32,
    /// Over TCP.
    pub tcp: u32,
    /// Over TLS.
    pub tls: u32,
}

/// What the seal saw of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealResult {
    /// Every conversation that carried media had a handshake the policy allows.
    Sealed,
    /// No handshake was completed, so nothing was relayed but attempts.
    NotOpened,
    /// Something was relayed unread, because the seal only reports or is off.
    Unsealed,
}

impl SealResult {
    /// As the log writes it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::NotOpened => "not-opened",
            Self::Unsealed => "unsealed",
        }
    }
}

/// The last allocation of a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnded {
    /// Which call, by the name that it began under.
    pub call: Pseudonym,
    /// Where.
    pub region: Label,
    /// From its first allocation to the end of its last, in seconds.
    pub seconds: u64,
    /// Its allocations.
    pub transports: Transports,
    /// What clients sent to peers, in bytes.
    pub bytes_up: u64,
    /// What peers sent to clients, in bytes.
    pub bytes_down: u64,
    /// What the seal saw.
    pub seal: SealResult,
    /// The handshakes that opened it, each combination once: `1.3/encrypted`, `1.2/AEAD-AES-128-GCM`.
    pub handshakes: Vec<Label>,
    /// How often the seal refused something of a flow for a reason that was new there.
    pub refused: u64,
    /// Why it ended.
    pub cause: Label,
}

/// What credentials carried that are bound to no call: those of static users, and time-limited ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unbound {
    /// Where.
    pub region: Label,
    /// Since when; about a minute.
    pub since: Stamp,
    /// Their allocations that ended in that time.
    pub transports: Transports,
    /// What clients sent to peers through these, in bytes.
    pub bytes_up: u64,
    /// What peers sent to clients.
    pub bytes_down: u64,
}

/// What was refused in about a minute, requests and datagrams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// Where.
    pub region: Label,
    /// Since when.
    pub since: Stamp,
    /// How many for which reason: a kind and the label of the metric, `peer/special`, `token/expired`.
    pub reasons: BTreeMap<String, u64>,
}

/// What a revocation speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocable {
    /// A token.
    Token,
    /// A call.
    Call,
    /// A party of a call.
    Party,
    /// A signing key.
    Key,
}

/// Something was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// What kind of thing.
    pub what: Revocable,
    /// Which token, call or party.
    pub subject: Option<Pseudonym>,
    /// Which key.
    pub key: Option<Label>,
    /// Allocations that ended because of it.
    pub ended: u64,
    /// Who did it.
    pub actor: Label,
}

/// An operator did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAction {
    /// What: `drain`, `calls.list`, `keys.rotate`.
    pub action: Label,
    /// About whom, if about one.
    pub subject: Option<Pseudonym>,
    /// In which role.
    pub role: Label,
    /// Who did it.
    pub actor: Label,
}

/// Somebody with the key asked which call a pseudonym is. The id that was asked for stays out of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revealed {
    /// The pseudonyms that were found.
    pub pseudonyms: Vec<Pseudonym>,
    /// On what ground: a ticket.
    pub reason: Label,
    /// Who did it.
    pub actor: Label,
}

/// The log was found with a torn or damaged end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// How much was cut off, in bytes.
    pub bytes: u64,
    /// Of what was cut off.
    pub digest: Digest,
    /// The file that keeps what was cut off, when it was more than one torn line.
    pub kept: Option<Label>,
}

/// Why facts are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapCause {
    /// They came faster than they could be written.
    Overrun,
    /// The disk took nothing.
    Disk,
    /// They are here, but the syslog receiver did not get them.
    Syslog,
}

/// Facts could not be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many.
    pub lost: u64,
    /// Why.
    pub cause: GapCause,
}

/// The wall clock was set while the node ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStepped {
    /// By how many seconds; forward is positive.
    pub seconds: i64,
}

/// A signature over everything before: the bytes of this record's own line up to the signature, which hold the hash of
/// the record before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The id of the key.
    pub key: Label,
    /// Ed25519 (RFC 8032), base64url.
    pub signature: String,
}

/// The oldest records were removed because their time was over. It is signed as a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// The last record that went.
    pub through: u64,
    /// Its hash, which the first one that stayed names as its previous.
    pub head: Digest,
    /// The id of the key.
    pub key: Label,
    /// Ed25519 (RFC 8032), base64url.
    pub signature: String,
}
