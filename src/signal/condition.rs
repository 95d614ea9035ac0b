//! What an operator is shown of the relay: numbers, and nothing that names a person, a room or an address.

use std::collections::BTreeMap;

use serde::Serialize;

/// A number as it is, and the largest that was seen since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Level {
    /// As of a second ago at most.
    pub now: u64,
    /// Seen once a second.
    pub peak: u64,
}

/// A certificate, by its place in the configuration alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CertificateState {
    /// When it ends, in seconds since 1970.
    pub ends: u64,
    /// Its files are no pair, or its authority issues none.
    pub alarm: bool,
}

/// The keys of call tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyState {
    /// Those that are accepted now, and have no end or a later one.
    pub accepted: u64,
    /// Seconds since the oldest of those was made that nobody has decided to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
}

/// The audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditLog {
    /// The number of the last record.
    pub records: u64,
    /// Facts since the start that could not be recorded.
    pub lost: u64,
    /// Whether records are written.
    pub writing: bool,
    /// Whether the syslog receiver is connected; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<bool>,
}

/// Something that an operator has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// A certificate ends within two weeks.
    CertificateEnds,
    /// The files of a certificate are no pair, or its authority issues none.
    Certificate,
    /// Nothing can be recorded in the audit log.
    Audit,
    /// The syslog receiver is not connected.
    Syslog,
    /// The journal of what runs cannot be written.
    Journal,
    /// A shard hangs.
    Shards,
    /// No key of call tokens is accepted.
    Keys,
    /// The disk does not take appointments or accounts.
    Store,
}

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::CertificateEnds,
        Self::Certificate,
        Self::Audit,
        Self::Syslog,
        Self::Journal,
        Self::Shards,
        Self::Keys,
        Self::Store,
    ];

    /// As it is written.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::CertificateEnds => "certificate_ends",
            Self::Certificate => "certificate",
            Self::Audit => "audit",
            Self::Syslog => "syslog",
            Self::Journal => "journal",
            Self::Shards => "shards",
            Self::Keys => "keys",
            Self::Store => "store",
        }
    }
}

/// The relay, but for visits. What is counted is counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Of the program.
    pub version: &'static str,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// It takes no new allocations.
    pub draining: bool,
    /// The threads that relay, and those of them that hang.
    pub shards: u64,
    /// See above.
    pub hanging: u64,
    /// Addresses that are listened to: `udp`, `tcp`, `tls` and `door`.
    pub listeners: BTreeMap<&'static str, u64>,
    /// Live allocations.
    pub allocations: Level,
    /// Bits that were relayed in a second, in the mean of five.
    pub bits: Level,
    /// Live allocations by how their clients come: `udp`, `tcp` and `tls`.
    pub paths: BTreeMap<&'static str, u64>,
    /// What was refused: the seal by its reasons, and `token`, `region`, `quota` and `peer`.
    pub refused: BTreeMap<&'static str, u64>,
    /// In the order of the configuration.
    pub certificates: Vec<CertificateState>,
    /// Absent where no call tokens are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeyState>,
    /// Absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditLog>,
    /// Each once.
    pub alarms: Vec<Alarm>,
}
