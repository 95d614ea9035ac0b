//! Why there is no new certificate. The log gets the kind; what the authority says names ours and our addresses, and
//! goes to a file for the operator alone.

use core::fmt;
use std::io;

use instant_acme::{Error, Problem};

use super::files::ACCOUNT;

/// What RFC 8555 §6.7 puts before the kinds of its errors.
const PREFIX: &str = "urn:ietf:params:acme:error:";
/// The longest explanation that is kept.
const LONGEST: usize = 4096;

/// Those kinds of errors of an authority that an operator can do something about, and what.
const ADVICE: [(&str, &str); 16] = [
    ("accountDoesNotExist", "the authority knows the account no more; another one is made"),
    ("badCSR", "the authority refuses the request's form; see whether it issues for these names"),
    ("caa", "a CAA record in DNS lets other authorities issue for the name, and not this one"),
    ("connection", "the authority cannot reach this relay: see firewall, DNS and the port that the challenge needs"),
    ("dns", "the authority does not find the name in DNS"),
    (
        "externalAccountRequired",
        "the authority asks for an account that it has given out: set binding_id and binding_key",
    ),
    ("incorrectResponse", "something else answers under the name: see DNS and what stands in front of this relay"),
    ("invalidContact", "the authority does not take one of the addresses: see tls.acme.contacts"),
    ("invalidProfile", "the authority has no such kind of certificate, or not for this account: see tls.acme.profile"),
    ("rateLimited", "the authority has been asked too often; it will be asked again"),
    ("rejectedIdentifier", "the authority does not issue for one of the names"),
    ("tls", "the handshake with this relay failed: see whether something in front of it ends TLS"),
    ("unauthorized", "something else answers under the name, or the account may not: see DNS"),
    ("unsupportedContact", "the authority does not write to such addresses: see tls.acme.contacts"),
    ("unsupportedIdentifier", "the authority does not issue for addresses, or not without a profile"),
    (
        "userActionRequired",
        "the authority waits for the account's owner, as when its terms of service change: see what it says",
    ),
];

/// Why an order has come to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The authority, or the way to it.
    Authority(Error),
    /// What the authority says of the proof of a name.
    Proof(Option<Problem>),
    /// The authority does not take the kind of proof that is configured.
    NotOffered,
    /// What it issued is no certificate for the key, or none that could be in use for a while.
    Unusable(&'static str),
    /// The state directory.
    Files(io::Error),
    /// What was kept of the account cannot be understood.
    Account,
    /// A fault of the library.
    Library(String),
    /// It all takes too long.
    Late,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Authority(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Files(error)
    }
}

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl Failure {
    fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Authority(Error::Api(problem)) | Self::Proof(Some(problem)) => Some(problem),
            Self::Authority(_)
            | Self::Proof(None)
            | Self::NotOffered
            | Self::Unusable(_)
            | Self::Files(_)
            | Self::Account
            | Self::Library(_)
            | Self::Late => None,
        }
    }

    /// The kind of error that the authority tells, without what all of them begin with.
    fn kind(&self) -> Option<&str> {
        self.problem()?.r#type.as_deref()?.strip_prefix(PREFIX)
    }

    /// Whether the authority has forgotten us.
    pub(super) fn is_of_account(&self) -> bool {
        self.kind() == Some("accountDoesNotExist")
    }

    /// All that is known, names and addresses included.
    pub(super) fn details(&self) -> String {
        let mut text = self.to_string();
        match self {
            Self::Authority(error) => text = format!("{text}\n{error}"),
            Self::Proof(Some(problem)) => text = format!("{text}\n{problem}"),
            Self::Proof(None)
            | Self::NotOffered
            | Self::Unusable(_)
            | Self::Files(_)
            | Self::Account
            | Self::Library(_)
            | Self::Late => {}
        }
        // What comes from outside is kept to what a terminal can show.
        text.chars().filter(|one| *one == '\n' || !one.is_control()).take(LONGEST).collect::<String>() + "\n"
    }
}

impl fmt::Display for Failure {
    /// Without names and addresses.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((kind, advice)) = self.kind().and_then(|kind| ADVICE.iter().find(|(known, _)| *known == kind)) {
            return write!(formatter, "{kind}: {advice}");
        }
        match self {
            Self::Authority(Error::Api(_)) | Self::Proof(Some(_)) => {
                formatter.write_str("the authority refuses for a reason of its own")
            }
            Self::Proof(None) => formatter.write_str("the authority does not accept the proof and does not say why"),
            Self::Authority(Error::Timeout(_)) | Self::Late => formatter.write_str("the authority takes too long"),
            Self::Authority(Error::Other(_) | Error::Http(_) | Error::InvalidUri(_)) => formatter.write_str(
                "the authority cannot be reached over HTTPS: see firewall, DNS, its address, and tls.acme.ca",
            ),
            Self::Authority(Error::Json(_) | Error::Str(_)) => {
                formatter.write_str("what answers is no ACME server: see tls.acme.directory")
            }
            Self::Authority(_) => formatter.write_str("the authority cannot be asked"),
            Self::NotOffered => formatter
                .write_str("the authority does not take this kind of proof for one of the names: see tls.acme.proof"),
            Self::Unusable(why) => write!(formatter, "the authority has issued {why}"),
            Self::Files(cause) => write!(formatter, "the state directory: {cause}"),
            Self::Account => write!(
                formatter,
                "{ACCOUNT} under acme/ in the state directory is damaged: remove it, and another account is made"
            ),
            Self::Library(cause) => write!(formatter, "a fault of the library: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str) -> Problem {
        let detail = "198.51.100.7: Fetching http://turn.clinic.example/\u{1b}[2J: refused".to_owned();
        Problem { r#type: Some(PREFIX.to_owned() + kind), detail: Some(detail), status: None, subproblems: Vec::new() }
    }

    #[test]
    fn names_and_addresses_stand_in_the_details_and_nowhere_else() {
        for (kind, known) in [("connection", true), ("madeUp", false)] {
            let failures = [Failure::Proof(Some(problem(kind))), Failure::Authority(Error::Api(problem(kind)))];
            for failure in failures {
                let told = failure.to_string();
                assert_eq!(told.contains("firewall"), known, "{told}");
                assert!(!told.contains("198.51") && !told.contains("clinic") && !told.contains("madeUp"), "{told}");
                let details = failure.details();
                assert!(details.contains("198.51.100.7") && details.contains("clinic"), "{details}");
                assert!(!details.contains('\u{1b}'), "{details:?}");
            }
        }
    }

    #[test]
    fn what_an_operator_can_mend_is_told_with_where() {
        for (kind, place) in [
            ("invalidContact", "tls.acme.contacts"),
            ("unsupportedContact", "tls.acme.contacts"),
            ("invalidProfile", "tls.acme.profile"),
            ("userActionRequired", "terms of service"),
        ] {
            let told = Failure::from(Error::Api(problem(kind))).to_string();
            assert!(told.starts_with(kind) && told.contains(place), "{told}");
        }
        let told = Failure::Account.to_string();
        assert!(told.starts_with("account.json") && told.contains("remove it"), "{told}");
    }

    #[test]
    fn a_forgotten_account_is_told_from_other_refusals() {
        assert!(Failure::from(Error::Api(problem("accountDoesNotExist"))).is_of_account());
        assert!(!Failure::from(Error::Api(problem("unauthorized"))).is_of_account());
        assert!(!Failure::Late.is_of_account());
    }

    #[test]
    fn what_an_authority_says_at_length_is_cut() {
        let long = Problem { detail: Some("x".repeat(1 << 20)), ..problem("dns") };
        assert!(Failure::Proof(Some(long)).details().len() <= LONGEST + 1);
    }
}
