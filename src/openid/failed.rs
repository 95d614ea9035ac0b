//! Why nobody is signed in by a provider: words for metrics and logs, without anything that somebody sent.

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// What the browser brings back was not begun by it, was begun too long ago, or was brought back before.
    State,
    /// Somebody has turned back at the provider.
    Cancelled,
    /// The provider refuses: us, the code, or something that we ask for. What it says, if it says a word that is known.
    Refused(&'static str),
    /// The provider is not to be had, and why.
    Unavailable(&'static str),
    /// Too many wait for it.
    Busy,
    /// What it says of the person is not good.
    Token(Fault),
}

/// What is wrong with an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none, or lacks what every one has.
    Form,
    /// It is signed in a way that is not taken: by nobody, by a shared secret, or in one that does not go with the key.
    Algorithm,
    /// The provider has no such key.
    Key,
    /// The signature is not the key's.
    Signature,
    /// It is another provider's.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It has expired, or is from another time.
    Time,
    /// It answers another question.
    Nonce,
    /// It does not say who it is about in a form that can be kept.
    Account,
}

impl Failed {
    /// A word for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Cancelled => "cancelled",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Busy => "busy",
            Self::Token(_) => "token",
        }
    }

    /// What the operator can do about it; `None` if there is nothing.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::State | Self::Cancelled | Self::Busy => None,
            Self::Refused(why) | Self::Unavailable(why) => Some(why),
            Self::Token(fault) => Some(fault.advice()),
        }
    }
}

impl Fault {
    const fn advice(self) -> &'static str {
        match self {
            Self::Form => "its ID token cannot be read",
            Self::Algorithm => {
                "its ID token is not signed with RS256, PS256, ES256 or EdDSA: see the client's settings"
            }
            Self::Key => "its ID token is signed with a key that it does not publish",
            Self::Signature => "the signature of its ID token is wrong",
            Self::Issuer => "its ID token names another issuer than signal.openid.issuer",
            Self::Audience => "its ID token is for another client than signal.openid.client_id",
            Self::Time => "its ID token is from another time: see the clocks of both",
            Self::Nonce => "its ID token answers another request",
            Self::Account => "its ID token has no usable claim signal.openid.account",
        }
    }
}
