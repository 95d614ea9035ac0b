//! What can be asked: each method and path, and the right it takes.

use axum::http::Method;

use super::problem::Problem;
use super::role::Right;

/// One thing that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// What this relay is and does.
    Status,
    /// The calls that run.
    Calls,
    /// The allocations that run.
    Allocations,
    /// What is revoked.
    Revocations,
    /// Revoke something.
    Revoke,
    /// Make credentials for a party of a call.
    Credentials,
    /// Take no new allocations, or take them again.
    Drain,
    /// The accounts of staff.
    Accounts,
    /// A new account.
    AccountAdd,
    /// Another role for an account.
    AccountRole,
    /// An account is no more.
    AccountRemove,
    /// Who has access.
    Review,
}

impl Endpoint {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Status,
        Self::Calls,
        Self::Allocations,
        Self::Revocations,
        Self::Revoke,
        Self::Credentials,
        Self::Drain,
        Self::Accounts,
        Self::AccountAdd,
        Self::AccountRole,
        Self::AccountRemove,
        Self::Review,
    ];

    /// Every path, once.
    #[must_use]
    pub fn paths() -> Vec<&'static str> {
        let mut paths = Self::ALL.map(Self::path).to_vec();
        // Two methods may share a path.
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Calls => "calls",
            Self::Allocations => "allocations",
            Self::Revocations => "revocations",
            Self::Revoke => "revoke",
            Self::Credentials => "credentials",
            Self::Drain => "drain",
            Self::Accounts => "accounts",
            Self::AccountAdd => "account_add",
            Self::AccountRole => "account_role",
            Self::AccountRemove => "account_remove",
            Self::Review => "review",
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Status => "/v1/status",
            Self::Calls => "/v1/calls",
            Self::Allocations => "/v1/allocations",
            Self::Revocations | Self::Revoke => "/v1/revocations",
            Self::Credentials => "/v1/credentials",
            Self::Drain => "/v1/drain",
            Self::Accounts | Self::AccountAdd => "/v1/accounts",
            Self::AccountRole => "/v1/accounts/role",
            Self::AccountRemove => "/v1/accounts/remove",
            Self::Review => "/v1/review",
        }
    }

    /// How it is asked for.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Status | Self::Calls | Self::Allocations | Self::Revocations | Self::Accounts | Self::Review => {
                Method::GET
            }
            Self::Revoke
            | Self::Credentials
            | Self::Drain
            | Self::AccountAdd
            | Self::AccountRole
            | Self::AccountRemove => Method::POST,
        }
    }

    /// What it takes to ask.
    #[must_use]
    pub const fn right(self) -> Right {
        match self {
            Self::Status | Self::Calls | Self::Allocations | Self::Revocations => Right::Look,
            Self::Revoke => Right::Revoke,
            Self::Credentials => Right::Mint,
            Self::Drain => Right::Drain,
            Self::Accounts | Self::AccountAdd | Self::AccountRole | Self::AccountRemove | Self::Review => Right::Enrol,
        }
    }

    /// Whether asking changes something; then it is recorded who did.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(
            self,
            Self::Revoke | Self::Credentials | Self::Drain | Self::AccountAdd | Self::AccountRole | Self::AccountRemove
        )
    }

    /// What a request line asks for.
    pub(super) fn find(method: &Method, path: &str) -> Result<Self, Problem> {
        let mut here = Self::ALL.into_iter().filter(|endpoint| endpoint.path() == path).peekable();
        if here.peek().is_none() {
            let known: Vec<&str> = Self::ALL.iter().map(|endpoint| endpoint.path()).collect();
            return Err(Problem::not_found(format!("there is no such path; known are {}", known.join(", "))));
        }
        here.find(|endpoint| endpoint.method() == *method).ok_or_else(|| {
            let allow = match path {
                "/v1/revocations" | "/v1/accounts" => "GET, POST",
                "/v1/credentials" | "/v1/drain" | "/v1/accounts/role" | "/v1/accounts/remove" => "POST",
                _ => "GET",
            };
            let message = format!("this path takes {allow}");
            Problem { allow: Some(allow), ..Problem::method_not_allowed(message) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_says_what_is() {
        assert_eq!(Endpoint::find(&Method::POST, "/v1/revocations"), Ok(Endpoint::Revoke));
        let unknown = Endpoint::find(&Method::GET, "/v2/calls").unwrap_err();
        assert!(unknown.error == "not_found" && unknown.message.contains("/v1/credentials"), "{unknown:?}");
        for (method, path, allow) in [
            (Method::DELETE, "/v1/revocations", "GET, POST"),
            (Method::GET, "/v1/credentials", "POST"),
            (Method::GET, "/v1/drain", "POST"),
            (Method::HEAD, "/v1/status", "GET"),
        ] {
            let problem = Endpoint::find(&method, path).unwrap_err();
            assert_eq!((problem.error, problem.allow), ("method_not_allowed", Some(allow)));
        }
        for (at, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(endpoint as usize, at);
        }
    }
}
