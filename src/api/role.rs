//! Who asks, and what they may do.

use core::fmt;
use core::str::FromStr;

use super::keys::KeyId;

/// What somebody may do. Nobody has two roles: whoever may end calls cannot enter one, and the web server that hands out
/// credentials cannot look around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, revokes, drains and enrols staff.
    Operator,
    /// Mints credentials, and nothing else.
    Issuer,
}

/// What an endpoint asks of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To see calls and allocations.
    Look,
    /// To end them.
    Revoke,
    /// To make credentials.
    Mint,
    /// To take the relay out of service, and back.
    Drain,
    /// To give people accounts, and to take them away.
    Enrol,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Issuer];

    /// As files and answers write it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Issuer => "issuer",
        }
    }

    /// Whether somebody in this role may do that.
    #[must_use]
    pub const fn may(self, right: Right) -> bool {
        match right {
            Right::Look => matches!(self, Self::Viewer | Self::Operator),
            Right::Revoke | Right::Drain | Right::Enrol => matches!(self, Self::Operator),
            Right::Mint => matches!(self, Self::Issuer),
        }
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        Self::ALL.into_iter().find(|role| role.label() == text).ok_or(InvalidRole)
    }
}

/// A text that names no [`Role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRole;

impl fmt::Display for InvalidRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("write viewer, operator or issuer")
    }
}

impl core::error::Error for InvalidRole {}

/// Who asks, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A user of this host, over the Unix socket, by number.
    User(u32),
    /// The bearer of an API key.
    Key(KeyId),
    /// The bearer of a certificate, by the name in it that has the role.
    Certificate(String),
}

impl fmt::Display for Who {
    /// As the audit log writes it: `uid:0`, `api-key:3f9a2c01`, `certificate:monitor.clinic.example`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(number) => write!(formatter, "uid:{number}"),
            Self::Key(id) => write!(formatter, "api-key:{}", id.as_str()),
            Self::Certificate(name) => write!(formatter, "certificate:{name}"),
        }
    }
}

/// Who asks, and in which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// As what.
    pub role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_its_own_and_no_more() {
        let may = |role: Role| {
            [Right::Look, Right::Revoke, Right::Mint, Right::Drain, Right::Enrol].map(|right| role.may(right))
        };
        assert_eq!(may(Role::Viewer), [true, false, false, false, false]);
        assert_eq!(may(Role::Operator), [true, true, false, true, true]);
        assert_eq!(may(Role::Issuer), [false, false, true, false, false]);
        assert_eq!("admin".parse::<Role>(), Err(InvalidRole));
        assert!(Role::ALL.iter().all(|role| role.label().parse() == Ok(*role)));
    }
}
