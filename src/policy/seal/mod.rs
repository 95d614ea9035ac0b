//! The seal: what is relayed is ICE, DTLS, and SRTP or SRTCP that belongs to a DTLS handshake which was watched and
//! found acceptable. Everything else stops, with a reason.
//!
//! A relay holds no keys, so it can prove no ciphertext. It can see who shakes hands, with which versions, cipher suites
//! and SRTP profiles; that media comes only after both sides have finished; and that what comes looks like what the
//! handshake was about. `docs/seal.md` says what follows from that and what does not.
//!
//! [`Conversations`] is the memory that the shards share, [`Flow`] what one allocation knows of one peer, and
//! [`Conversations::judge`] the only question that is asked.

mod association;
mod book;
mod conversation;
mod conversations;
mod disguise;
mod dtls;
mod flow;
mod hello;
mod ice;
mod key;
mod media;
mod pace;
mod profile;
mod reason;
mod reassembly;
mod suite;

pub use book::NotRecalled;
pub use conversations::{Conversations, Local, Other};
pub use flow::{Flow, Judgement, Way, is_media};
pub use profile::{Profile, Profiles};
pub use reason::Reason;
pub use suite::SuiteClass;

use core::time::Duration;

use crate::time::Lifetime;
use crate::wire::keep::Keep;

/// What happens to a datagram that the seal does not let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// It is dropped and counted.
    #[default]
    Enforce,
    /// It is forwarded, and counted as what would have been dropped.
    Report,
    /// Nothing is looked at.
    Off,
}

impl Mode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Report, Self::Off];

    /// As the configuration and the metrics spell it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Report => "report",
            Self::Off => "off",
        }
    }
}

/// A version of DTLS that can key SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// RFC 6347.
    Dtls12,
    /// RFC 9147.
    Dtls13,
}

impl Version {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Dtls12, Self::Dtls13];

    /// As the configuration and the metrics spell it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dtls12 => "1.2",
            Self::Dtls13 => "1.3",
        }
    }
}

impl Keep for Version {
    fn keep(&self, to: &mut Vec<u8>) {
        (*self == Self::Dtls13).keep(to);
    }

    fn recall(from: &mut &[u8]) -> Option<Self> {
        bool::recall(from).map(|newer| if newer { Self::Dtls13 } else { Self::Dtls12 })
    }
}

/// What the operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to a datagram that is not let through.
    pub mode: Mode,
    /// The oldest version of DTLS that opens a seal.
    pub min_version: Version,
    /// The SRTP profiles of which one must be agreed on.
    pub profiles: Profiles,
    /// Whether clear media in disguise is looked for.
    pub statistics: bool,
    /// How long a conversation is remembered after its last allocation has ended: an ICE restart makes new allocations
    /// within that time, and shakes no hands again.
    pub grace: Lifetime,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            min_version: Version::Dtls12,
            profiles: Profiles::default(),
            statistics: true,
            grace: Lifetime::from_secs(60),
        }
    }
}

/// Something that happened to a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A handshake is complete in both directions: media may pass.
    Opened {
        /// What was agreed on.
        version: Version,
        /// The chosen SRTP profile; `None` in DTLS 1.3, where it is encrypted and only the offer can be checked.
        profile: Option<Profile>,
        /// The chosen suite's class.
        suite: SuiteClass,
        /// From the conversation's first datagram to now.
        after: Duration,
    },
    /// For the first time on a flow, a datagram was refused for this reason.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// A conversation that was open is over.
    Closed {
        /// From the conversation's first datagram to its end.
        age: Duration,
    },
}
