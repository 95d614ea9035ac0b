//! What is said about one packet.

use core::fmt;

use crate::addr::PeerAddr;
use crate::policy::seal::{Fact, Profiles, Reason, Way};
use crate::wire::is_rtcp;

/// One packet, or one message in a packet of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The packet's number in the file.
    pub packet: u64,
    /// Nanoseconds since the first packet.
    pub time: u64,
    /// The client's number, if it is a client's.
    pub client: Option<u32>,
    /// The peer, if the packet is relayed.
    pub peer: Option<Name>,
    /// Which way it goes, if it is a client's.
    pub way: Option<Way>,
    /// What it is, in a few words.
    pub what: String,
    /// Bytes of what is relayed, or else of the message.
    pub bytes: usize,
    /// What comes of it.
    pub verdict: Verdict,
    /// The seal that it has opened.
    pub opened: Option<Opened>,
}

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Another client of the capture, by its number.
    Client(u32),
    /// Somebody else, by a number.
    Peer(u32),
    /// Whoever is behind a channel whose binding is not in the capture.
    Channel(u16),
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(number) => write!(formatter, "client {number}"),
            Self::Peer(number) => write!(formatter, "peer {number}"),
            Self::Channel(number) => write!(formatter, "channel 0x{number:04x}"),
        }
    }
}

/// What comes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would pass.
    Passes,
    /// It would be refused.
    Refused(Reason),
    /// It is relayed, and nobody can tell.
    Unjudged(Unjudged),
    /// It is between client and server, and nothing is relayed.
    Turn,
    /// It has nothing to do with TURN, or cannot be understood.
    Aside,
}

/// Why nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unjudged {
    /// Its handshake, if there was one, came before the capture or is lost.
    Handshake,
    /// Less of it was captured than there was.
    Cut,
    /// A part of a fragmented IP packet, to or from the server.
    Fragment,
    /// A part of a TCP connection of which the capture has lost something.
    Lost,
    /// There are more paths or connections than are remembered.
    Bound,
}

impl Unjudged {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Handshake, Self::Cut, Self::Fragment, Self::Lost, Self::Bound];

    /// For programs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Handshake => "handshake_not_captured",
            Self::Cut => "cut",
            Self::Fragment => "ip_fragment",
            Self::Lost => "tcp_lost",
            Self::Bound => "bound",
        }
    }

    /// For people.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Handshake => {
                "The handshake is not in the capture: it begins in the middle, or has lost something. Start it before \
                 the call."
            }
            Self::Cut => "Only the beginning of the packet was captured. Capture whole packets (tcpdump -s 0).",
            Self::Fragment => "A part of a fragmented IP packet. Fragments are not put together here.",
            Self::Lost => "Bytes of a TCP connection are missing in the capture, and a message around them.",
            Self::Bound => "There are more paths or connections in this capture than are remembered. Filter it.",
        }
    }
}

/// A seal, as it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// By this packet.
    pub packet: u64,
    /// The version and suite that were chosen, and the profile in DTLS 1.2: a [`Fact::Opened`].
    pub fact: Fact,
    /// The allowed SRTP profiles that were offered.
    pub offered: Profiles,
}

/// What something relayed claims to be, by its first bytes (RFC 7983).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// STUN between the ends.
    Ice,
    /// DTLS.
    Dtls,
    /// RTP, encrypted or not.
    Rtp,
    /// RTCP, encrypted or not.
    Rtcp,
    /// Anything else.
    Unknown,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ice, Self::Dtls, Self::Rtp, Self::Rtcp, Self::Unknown];

    /// The kind of a datagram.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Self {
        match datagram.first() {
            Some(0..=3) => Self::Ice,
            Some(20..=63) => Self::Dtls,
            Some(128..=191) if is_rtcp(datagram) => Self::Rtcp,
            Some(128..=191) => Self::Rtp,
            Some(_) | None => Self::Unknown,
        }
    }

    /// As it is called once the seal lets it through, or before.
    #[must_use]
    pub const fn label(self, passes: bool) -> &'static str {
        match (self, passes) {
            (Self::Ice, true) => "ICE",
            (Self::Ice, false) => "STUN",
            (Self::Dtls, _) => "DTLS",
            (Self::Rtp, true) => "SRTP",
            (Self::Rtp, false) => "RTP",
            (Self::Rtcp, true) => "SRTCP",
            (Self::Rtcp, false) => "RTCP",
            (Self::Unknown, _) => "unknown",
        }
    }
}

/// A peer as paths are remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    Address(PeerAddr),
    Channel(u16),
}
