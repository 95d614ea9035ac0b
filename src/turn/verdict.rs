//! What becomes of a datagram. There is no empty case: whatever is not sent was discarded for a reason.

use crate::addr::{FiveTuple, PeerAddr, RelayedAddr};

use super::PortKey;

/// Where a slot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To a client: a reply, or data from a peer.
    ToClient(FiveTuple),
    /// To a peer, from a relayed transport address.
    ToPeer {
        /// The port it leaves from.
        port: PortKey,
        /// Where it goes.
        peer: PeerAddr,
        /// Whether the IPv4 header's DF bit is set (RFC 8656 §11.3).
        dont_fragment: bool,
    },
    /// To an allocation on another shard of this relay, without leaving it.
    ToShard {
        /// The number of the shard.
        shard: u8,
        /// The relayed transport address of the sender's allocation.
        from: RelayedAddr,
        /// The relayed transport address of the receiver's allocation.
        to: RelayedAddr,
        /// Which use of that address is meant: in other hands it has another number.
        serial: u32,
    },
    /// Nowhere.
    Discard(Discard),
}

macro_rules! discards {
    ($($name:ident = $label:literal, $doc:literal;)*) => {
        /// Why a datagram was silently dropped. Each variant is a metric label, never a log line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Discard {
            $(#[doc = $doc] $name,)*
        }

        impl Discard {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The metric label.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

discards! {
    Unjudged = "unjudged", "Nobody looked at it: a fault of ours.";
    NotStun = "not_stun", "From a client, and nothing that has a name here.";
    Dtls = "dtls", "To a listening socket, and DTLS by its first byte: TURN over DTLS is not served.";
    Quic = "quic", "To a listening socket, and QUIC by its first byte (RFC 9443), from a sender without channels there.";
    Media = "media", "To a listening socket, and RTP or RTCP by its first byte: it belongs to a relayed address.";
    ProxyHeader = "proxy_header", "From a load balancer, without a PROXY header that can be believed.";
    ProxyUnknown = "proxy_unknown", "With a PROXY header, from somebody who is not named as a load balancer.";
    Malformed = "malformed", "A STUN or ChannelData message whose lengths do not agree, or of an unknown method.";
    Fingerprint = "fingerprint", "FINGERPRINT does not match (RFC 8489 §14.7).";
    NotForServers = "not_for_servers", "A response, or an indication that only servers send.";
    BindingIndication = "binding_indication", "A keep-alive, which asks for nothing (RFC 8489 §6.3.2).";
    ChallengeBudget = "challenge_budget", "The source has had its answers for this second.";
    ReplyTooLarge = "reply_too_large", "An answer to a stranger would be larger than three times the request.";
    UnknownAttribute = "unknown_attribute", "An indication with a comprehension-required attribute nobody knows.";
    NoAllocation = "no_allocation", "Data from a client without an allocation.";
    NoChannel = "no_channel", "ChannelData on a channel that is not bound.";
    NoPermission = "no_permission", "No permission for this peer.";
    MissingAttribute = "missing_attribute", "A Send indication without XOR-PEER-ADDRESS or DATA.";
    PeerForbidden = "peer_forbidden", "Policy does not allow this peer or port.";
    Seal = "seal", "The seal lets it not pass: hilum_seal_discards_total says why.";
    Rate = "rate", "A large packet beyond the rate of its token or user; small ones still pass.";
    RateSmall = "rate_small", "A small packet beyond the rate: what is reserved for small ones is spent, too.";
    RequestRate = "request_rate", "A proven request beyond the requests that its credential has in a second.";
    PeerPort = "peer_port", "Not from the port of the peer that the allocation's channel is bound to.";
    OtherCall = "other_call", "The peer is not of the call that the allocation is bound to, or it is bound to one.";
    IcmpType = "icmp_type", "The network said something that is not passed on (RFC 8656 §11.5).";
    PeerFamily = "peer_family", "The allocation has no relayed address of the peer's family.";
    NoRelayedPort = "no_relayed_port", "Data for a relayed address whose allocation is gone.";
    TooLarge = "too_large", "The message does not fit with its header, or the length field cannot say it.";
    SendFailed = "send_failed", "The system would not send it.";
    QueueFull = "queue_full", "A stream client reads too slowly; the oldest media made room.";
    QueueOld = "queue_old", "A stream client reads too slowly; the media waited too long to be of use.";
    ShardFull = "shard_full", "The shard that it was for has too much waiting already.";
    ConnectionGone = "connection_gone", "The stream client has gone.";
}
