//! The requests a TURN client makes, their answers, and how they fail.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use super::login::BadChallenge;
use crate::addr::Family;
use crate::time::Lifetime;
use crate::wire::{
    AttributeType, ChannelNumber, ErrorCode, Malformed, Message, MessageWriter, Method, TransactionId, attribute,
    decode_address,
};

/// What to ask of the server.
#[derive(Clone, PartialEq, Eq)]
pub enum Operation {
    /// Which address does the server see (RFC 8489 §2)?
    Binding,
    /// A relayed address for UDP (RFC 8656 §7).
    Allocate {
        /// The family of the relayed address; `None` leaves it to the server, which means IPv4.
        family: Option<Family>,
        /// The lifetime to ask for; `None` leaves it to the server.
        lifetime: Option<Lifetime>,
    },
    /// More lifetime; zero deletes the allocation (RFC 8656 §8).
    Refresh(Lifetime),
    /// Let these peers in; only their IP addresses count (RFC 8656 §9).
    CreatePermission(Vec<SocketAddr>),
    /// Give a peer a channel number (RFC 8656 §12).
    ChannelBind(ChannelNumber, SocketAddr),
}

impl Operation {
    /// The method that carries it.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::Binding => Method::Binding,
            Self::Allocate { .. } => Method::Allocate,
            Self::Refresh(_) => Method::Refresh,
            Self::CreatePermission(_) => Method::CreatePermission,
            Self::ChannelBind(..) => Method::ChannelBind,
        }
    }

    /// Appends the attributes that say it.
    pub(super) fn write(&self, writer: &mut MessageWriter<'_>, transaction: TransactionId) {
        match self {
            Self::Binding => {}
            Self::Allocate { family, lifetime } => {
                writer.attribute(AttributeType::REQUESTED_TRANSPORT, &[attribute::TRANSPORT_UDP, 0, 0, 0]);
                if let Some(family) = *family {
                    let code = attribute::family_code(family);
                    writer.attribute(AttributeType::REQUESTED_ADDRESS_FAMILY, &[code, 0, 0, 0]);
                }
                if let Some(lifetime) = *lifetime {
                    writer.number(AttributeType::LIFETIME, lifetime.as_secs());
                }
            }
            Self::Refresh(lifetime) => {
                writer.number(AttributeType::LIFETIME, lifetime.as_secs());
            }
            Self::CreatePermission(peers) => {
                for peer in peers {
                    writer.xor_address(AttributeType::XOR_PEER_ADDRESS, *peer, transaction);
                }
            }
            Self::ChannelBind(channel, peer) => {
                let [high, low] = channel.number().to_be_bytes();
                writer.attribute(AttributeType::CHANNEL_NUMBER, &[high, low, 0, 0]).xor_address(
                    AttributeType::XOR_PEER_ADDRESS,
                    *peer,
                    transaction,
                );
            }
        }
    }

    /// Reads the success response to it.
    pub(super) fn answer(&self, message: &Message<'_>) -> Result<Answer, Malformed> {
        let address = |kind| message.xor_address(kind).ok_or(Malformed::AttributeValue)?;
        let lifetime = || {
            let value = message.value(AttributeType::LIFETIME).ok_or(Malformed::AttributeValue)?;
            attribute::decode_lifetime(value)
        };
        Ok(match self {
            Self::Binding => Answer::Mapped(address(AttributeType::XOR_MAPPED_ADDRESS)?),
            Self::Allocate { .. } => Answer::Allocated(Allocation {
                relayed: address(AttributeType::XOR_RELAYED_ADDRESS)?,
                mapped: address(AttributeType::XOR_MAPPED_ADDRESS)?,
                lifetime: lifetime()?,
            }),
            // A server that deletes may leave LIFETIME out.
            Self::Refresh(asked) => Answer::Refreshed(lifetime().or(if *asked == Lifetime::ZERO {
                Ok(Lifetime::ZERO)
            } else {
                Err(Malformed::AttributeValue)
            })?),
            Self::CreatePermission(_) => Answer::Permitted,
            Self::ChannelBind(..) => Answer::Bound,
        })
    }
}

// Peers' addresses do not print.
impl fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Operation({})", self.method().label())
    }
}

/// What the server granted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The relayed transport address: where peers send to.
    pub relayed: SocketAddr,
    /// The client's address as the server sees it.
    pub mapped: SocketAddr,
    /// How long it lives unless refreshed.
    pub lifetime: Lifetime,
}

impl fmt::Debug for Allocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Allocation(redacted, {} s)", self.lifetime.as_secs())
    }
}

/// A success response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To Binding: the client's address as the server sees it.
    Mapped(SocketAddr),
    /// To Allocate.
    Allocated(Allocation),
    /// To Refresh: the lifetime from now.
    Refreshed(Lifetime),
    /// To CreatePermission.
    Permitted,
    /// To ChannelBind.
    Bound,
}

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was refused.
    pub method: Method,
    /// The code.
    pub code: ErrorCode,
    /// The server's words, 128 characters at most; they are the server's and may be anything.
    pub reason: String,
    /// Whether the refused request carried credentials.
    pub with_credentials: bool,
    /// With 300: the server to try instead (RFC 8489 §14.15).
    pub alternate: Option<SocketAddr>,
}

impl Refusal {
    pub(super) fn read(message: &Message<'_>, with_credentials: bool) -> Result<Self, Malformed> {
        let value = message.value(AttributeType::ERROR_CODE).ok_or(Malformed::AttributeValue)?;
        let (code, reason) = ErrorCode::decode(value)?;
        // A reason has fewer than 128 characters (RFC 8489 §14.8); what cannot be shown in one line is left out.
        let reason = String::from_utf8_lossy(reason).chars().filter(|c| !c.is_control()).take(128).collect();
        let alternate = message.value(AttributeType::ALTERNATE_SERVER).and_then(|value| decode_address(value).ok());
        Ok(Self { method: message.method(), code, reason, with_credentials, alternate })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = if self.reason.is_empty() { self.code.reason() } else { &self.reason };
        write!(formatter, "the server refused {}: {} {reason}", self.method.label(), self.code.number())
    }
}

/// Why a request has no answer to work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The server said no.
    Refused(Refusal),
    /// Nobody answered.
    Silent {
        /// How often the request was sent.
        sent: u32,
        /// How long an answer was waited for.
        waited: Duration,
        /// The code of an answer that was not believed, because it did not prove that it comes from the server.
        unproven: Option<ErrorCode>,
    },
    /// The server's challenge cannot be answered.
    Challenge(BadChallenge),
    /// The answer lacks what it must hold, or holds what must be understood and is not (RFC 8489 §6.3.3).
    Answer(Malformed),
    /// The request does not fit a message: too many peers, or credentials too long.
    TooLarge,
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Silent { sent, waited, unproven } => {
                write!(formatter, "no answer to {sent} request(s) in {:.1} s", waited.as_secs_f64())?;
                match unproven {
                    Some(code) => write!(formatter, "; an unproven {} was not believed", code.number()),
                    None => Ok(()),
                }
            }
            Self::Challenge(bad) => bad.fmt(formatter),
            Self::Answer(malformed) => write!(formatter, "the server's answer is broken: {malformed}"),
            Self::TooLarge => formatter.write_str("the request is too large; name fewer peers in one request"),
        }
    }
}

impl core::error::Error for RequestFailure {}
