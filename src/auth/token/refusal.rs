//! Why a token is refused.

use core::fmt;

use super::{InvalidJson, InvalidPeerRange, InvalidWord};

/// Why a username proves no token, or a token does not hold now. It shows nothing of the token, so a log may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenRefusal {
    /// Not three parts with dots between, or more than [`super::LONGEST_TOKEN`] bytes, or not ASCII.
    Form,
    /// A part is not base64url in its one spelling: padding, other characters, bits left over (RFC 7515 §2, RFC 4648
    /// §3.5), or a signature that is not 64 bytes.
    Encoding,
    /// The header has members other than `alg` and `kid`, one of them twice, or lacks one.
    Header,
    /// The header is not the plain JSON of tokens.
    HeaderJson(InvalidJson),
    /// The algorithm is neither EdDSA nor ES256, or not that of the key.
    Algorithm,
    /// The keyring has no key of this id.
    UnknownKey,
    /// The key is not valid yet.
    KeyNotYetValid,
    /// The key is not valid any more.
    KeyEnded,
    /// The signature is not that of the key over this header and these claims.
    Signature,
    /// The claims are not the plain JSON of tokens.
    ClaimsJson(InvalidJson),
    /// A claim that is not in the table.
    UnknownClaim,
    /// A claim is missing, there twice, or out of its bounds.
    Claim {
        /// The claim's name in the token, as `lim.kbps`.
        name: &'static str,
        /// What is wrong with it.
        fault: ClaimFault,
    },
    /// The key belongs to another issuer.
    Issuer,
    /// The token is for another cluster.
    Audience,
    /// Before `nbf`.
    NotYetValid,
    /// After `exp`: no new allocation.
    Expired,
    /// After `end`: nothing any more.
    Ended,
    /// It, its party, its call or its key has been revoked.
    Revoked,
}

/// What is wrong with a claim. The issuer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimFault {
    /// It is not there and has to be.
    Missing,
    /// It is there twice.
    Twice,
    /// Its text is empty, too long, or has other characters.
    Word {
        /// The most characters it may have.
        most: usize,
    },
    /// It is a number or a list whose size is out of bounds.
    Bounds {
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// It is no network, or its ports are none.
    Peer(InvalidPeerRange),
    /// It must be later than another claim.
    Before {
        /// The other claim.
        other: &'static str,
    },
}

impl TokenRefusal {
    /// Every label, for metrics.
    pub const LABELS: [&'static str; 15] = [
        "form",
        "encoding",
        "header",
        "algorithm",
        "unknown_key",
        "key_not_yet_valid",
        "key_ended",
        "signature",
        "claims",
        "issuer",
        "audience",
        "not_yet_valid",
        "expired",
        "ended",
        "revoked",
    ];

    /// What a metric calls it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Encoding => "encoding",
            Self::Header | Self::HeaderJson(_) => "header",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::KeyNotYetValid => "key_not_yet_valid",
            Self::KeyEnded => "key_ended",
            Self::Signature => "signature",
            Self::ClaimsJson(_) | Self::UnknownClaim | Self::Claim { .. } => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Ended => "ended",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Form => "is no token: it must be three parts with dots between, of 480 bytes together at most",
            Self::Encoding => {
                "is not base64url in its one spelling: no padding, no other characters, no bits left over; the \
                 signature has 64 bytes"
            }
            Self::Header => "has another header than {\"alg\":\"...\",\"kid\":\"...\"}; nothing else may stand in it",
            Self::HeaderJson(why) => return write!(formatter, "has a header that {why}"),
            Self::Algorithm => "has another alg than its key; write EdDSA or ES256, as the keyring says",
            Self::UnknownKey => "has a kid that the keyring does not hold; give the relay the key first",
            Self::KeyNotYetValid => "is of a key that is not valid yet; compare the clocks and the keyring",
            Self::KeyEnded => "is of a key that has ended; mint with a current one",
            Self::Signature => "is not signed by its key, or was altered",
            Self::ClaimsJson(why) => return write!(formatter, "has claims whose JSON {why}"),
            Self::UnknownClaim => "has a claim that no relay knows; docs/tokens.md lists them all",
            Self::Claim { name, fault } => return write!(formatter, "has a claim `{name}` that {fault}"),
            Self::Issuer => "is signed by a key that belongs to another issuer",
            Self::Audience => "is for another cluster: compare `aud`",
            Self::NotYetValid => "is not valid yet: `nbf` is in the future; compare the clocks",
            Self::Expired => "begins no allocation any more: `exp` has passed; mint another",
            Self::Ended => "has ended: `end` has passed",
            Self::Revoked => "has been revoked, or its party, its call or its key; ask whoever did it",
        })
    }
}

impl core::error::Error for TokenRefusal {}

impl fmt::Display for ClaimFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("is missing"),
            Self::Twice => formatter.write_str("is there twice"),
            Self::Word { most } => {
                write!(formatter, "is out of form; {}", InvalidWord { most: *most })
            }
            Self::Bounds { least, most } => write!(formatter, "is out of bounds; it may be {least} to {most}"),
            Self::Peer(why) => fmt::Display::fmt(why, formatter),
            Self::Before { other } => write!(formatter, "is too early; it must be later than `{other}`"),
        }
    }
}
