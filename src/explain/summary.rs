//! What has been found in a capture as a whole.

use std::collections::BTreeMap;

use crate::policy::seal::{Reason, Way};

use super::Unreadable;
use super::line::{Kind, Name, Opened, Unjudged, Verdict};
use super::paths::Paths;

/// What a packet is that has nothing to do with TURN, or cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aside {
    /// A link type that is not known here.
    Link,
    /// Headers that cannot be read.
    Broken,
    /// Cut within its headers.
    Headless,
    /// An IP fragment between others than client and server.
    Fragment,
    /// TLS over TCP.
    Tls,
    /// QUIC.
    Quic,
    /// DTLS outside of TURN.
    Dtls,
    /// ICE outside of TURN.
    Ice,
    /// TURN with another server than the one that was named, or nobody knows with whom.
    Elsewhere,
    /// To or from the server, and not TURN.
    NotTurn,
    /// To or from the server, and not well-formed.
    Malformed,
    /// A TCP segment with no message's end in it.
    Stream,
    /// Everything else.
    Other,
}

impl Aside {
    /// For programs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Link => "link_type",
            Self::Broken => "broken_headers",
            Self::Headless => "cut_headers",
            Self::Fragment => "ip_fragment",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Dtls => "dtls",
            Self::Ice => "ice",
            Self::Elsewhere => "other_server",
            Self::NotTurn => "not_turn",
            Self::Malformed => "malformed",
            Self::Stream => "tcp",
            Self::Other => "other",
        }
    }

    /// For people.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Link => "not understood: an unknown link type",
            Self::Broken => "not understood: damaged headers",
            Self::Headless => "not understood: cut within the headers",
            Self::Fragment => "not understood: an IP fragment",
            Self::Tls => "TLS: encrypted, cannot be explained",
            Self::Quic => "QUIC: encrypted, cannot be explained",
            Self::Dtls => "DTLS outside of TURN: encrypted, or not relayed",
            Self::Ice => "STUN outside of TURN",
            Self::Elsewhere => "TURN, but with another server, or nobody knows which end is the server (--server)",
            Self::NotTurn => "to or from the server, but not TURN",
            Self::Malformed => "TURN that is not well-formed: discarded",
            Self::Stream => "part of a TCP connection",
            Self::Other => "something else",
        }
    }
}

/// What went between a client and a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathSummary {
    /// The client's number.
    pub client: u32,
    /// The peer.
    pub peer: Name,
    /// Packets that would pass, by kind.
    pub passed: BTreeMap<Kind, u64>,
    /// Packets that would be refused, and which was the first, by reason and direction.
    pub refused: BTreeMap<(Reason, Way), (u64, u64)>,
    /// Packets that cannot be judged.
    pub unjudged: BTreeMap<Unjudged, u64>,
    /// Seals that were opened on it.
    pub opened: Vec<Opened>,
}

/// The end of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that is relayed would pass.
    Passes,
    /// Something would be refused.
    Refused,
    /// Nothing would be refused of what can be judged, and something cannot.
    Unjudged,
    /// Nothing is relayed in this capture.
    Nothing,
}

/// What has been found in a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets in the file.
    pub packets: u64,
    /// Clients that speak TURN.
    pub clients: u32,
    /// Messages between client and server that relay nothing.
    pub turn: u64,
    /// Relayed packets that would pass.
    pub passed: u64,
    /// Relayed packets that would be refused.
    pub refused: u64,
    /// The first of them.
    pub first_refused: Option<u64>,
    /// Relayed packets that cannot be judged, and why.
    pub unjudged: BTreeMap<Unjudged, u64>,
    /// IP fragments, wherever they go.
    pub fragments: u64,
    /// Packets that are not of TURN, and what they are.
    pub aside: BTreeMap<Aside, u64>,
    /// Directions of TCP connections in which something waits for a segment that is not in the capture.
    pub waiting: usize,
    /// The file ends in the middle of a packet.
    pub truncated: bool,
    /// Why the file could not be read to its end.
    pub unreadable: Option<Unreadable>,
    /// Path by path.
    pub paths: Vec<PathSummary>,
}

impl Summary {
    /// The end of the story.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.refused > 0 {
            Outcome::Refused
        } else if self.unjudged.values().any(|&count| count > 0) || self.waiting > 0 {
            Outcome::Unjudged
        } else if self.passed > 0 {
            Outcome::Passes
        } else {
            Outcome::Nothing
        }
    }

    /// Relayed packets that cannot be judged.
    #[must_use]
    pub fn all_unjudged(&self) -> u64 {
        self.unjudged.values().sum()
    }

    pub(super) fn count(&mut self, verdict: Verdict, packet: u64) {
        match verdict {
            Verdict::Passes => self.passed += 1,
            Verdict::Refused(_) => {
                self.refused += 1;
                self.first_refused.get_or_insert(packet);
            }
            Verdict::Unjudged(why) => *self.unjudged.entry(why).or_default() += 1,
            Verdict::Turn | Verdict::Aside => {}
        }
    }

    pub(super) fn take_paths(&mut self, paths: &Paths) {
        let paths = paths.all().iter().map(|(&(client, peer), path)| PathSummary {
            client,
            peer,
            passed: path.passed.clone(),
            refused: path.refused.clone(),
            unjudged: path.unjudged.clone(),
            opened: path.opened.clone(),
        });
        self.paths = paths.collect();
    }
}
