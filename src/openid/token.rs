//! ID tokens (OpenID Connect Core 1.0 §3.1.3.7): signature, issuer and audience are the library's to judge; the rest is
//! held against what was asked, and against our own clock.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::failed::Fault;
use super::keys::Keys;
use super::{LONGEST, Settings};
use crate::time::UnixTime;

/// Bytes of a token: one with two hundred groups has some ten thousand.
const LONGEST_TOKEN: usize = 64 * 1024;
/// Seconds that two clocks may be apart.
const SKEW: u64 = 60;
/// Seconds after which a token is not from this sign-in: it is fetched when somebody comes back, and at once.
const OLDEST: u64 = 600;
/// Groups that are looked at.
const MOST_GROUPS: usize = 1024;
/// Characters of a name to show.
const LONGEST_NAME: usize = 64;

/// Who has signed in, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who: what the claim `account` holds, 1 to 255 printable characters of ASCII.
    pub subject: String,
    /// What to call them, if the provider says something that can be shown. It proves nothing.
    pub shown: Option<String>,
    /// Their groups: what the claim `groups` holds.
    pub groups: Vec<String>,
}

/// What a token is held against.
pub(super) struct Expected<'e> {
    pub(super) settings: &'e Settings,
    pub(super) nonce: &'e str,
    pub(super) now: UnixTime,
}

/// The name of the key that a token says it is signed with.
pub(super) fn kid(token: &str) -> Option<String> {
    decode_header(token).ok()?.kid
}

impl Expected<'_> {
    /// Whom a token is about.
    pub(super) fn verify(&self, token: &str, keys: &Keys) -> Result<Identity, Fault> {
        if token.len() > LONGEST_TOKEN {
            return Err(Fault::Form);
        }
        // What names no algorithm that the library has, as `none`, ends here.
        let header = decode_header(token).map_err(|_| Fault::Algorithm)?;
        if header.crit.is_some() || header.enc.is_some() {
            return Err(Fault::Form);
        }
        let key = keys
            .find(header.kid.as_deref(), header.alg)
            .map_err(|known| if known { Fault::Algorithm } else { Fault::Key })?;
        let mut validation = Validation::new(header.alg);
        // Our own clock says what time it is.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.client_id]);
        let decoded = decode::<Map<String, Value>>(token, key, &validation);
        let claims = decoded.map_err(|error| fault(error.kind()))?.claims;
        self.is_ours(&claims)?;
        self.is_of_now(&claims)?;
        let nonce = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
        if !bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err(Fault::Nonce);
        }
        self.identity(&claims)
    }

    /// A token for several has to say that it was made for us; if it says for whom, it has to be us.
    fn is_ours(&self, claims: &Map<String, Value>) -> Result<(), Fault> {
        let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
        match claims.get("azp") {
            None if !several => Ok(()),
            Some(Value::String(party)) if *party == self.settings.client_id => Ok(()),
            _ => Err(Fault::Audience),
        }
    }

    fn is_of_now(&self, claims: &Map<String, Value>) -> Result<(), Fault> {
        let (Some(expires), Some(issued)) = (seconds(claims, "exp"), seconds(claims, "iat")) else {
            return Err(Fault::Form);
        };
        let now = self.now.as_secs();
        let alive = now < expires.saturating_add(SKEW);
        let begun = |at: u64| at <= now.saturating_add(SKEW);
        let recent = begun(issued) && now <= issued.saturating_add(OLDEST).saturating_add(SKEW);
        let begun = seconds(claims, "nbf").is_none_or(begun);
        if alive && recent && begun { Ok(()) } else { Err(Fault::Time) }
    }

    fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, Fault> {
        let subject = claims.get(&self.settings.account).and_then(Value::as_str).unwrap_or_default();
        let printable = subject.bytes().all(|byte| byte.is_ascii_graphic());
        if subject.is_empty() || subject.len() > LONGEST || !printable {
            return Err(Fault::Account);
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| can_be_shown(text));
        let groups = match claims.get(&self.settings.groups) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(all)) => {
                all.iter().take(MOST_GROUPS).filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let shown = text("preferred_username").or_else(|| text("name")).map(str::to_owned);
        Ok(Identity { subject: subject.to_owned(), shown, groups })
    }
}

/// A time, which may have a fraction (RFC 7519 §2).
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<u64> {
    let number = claims.get(name)?.as_number()?;
    number.as_u64().or_else(|| number.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
}

fn can_be_shown(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

fn fault(kind: &ErrorKind) -> Fault {
    let lacks = |wanted: &str| matches!(kind, ErrorKind::MissingRequiredClaim(claim) if claim == wanted);
    if matches!(kind, ErrorKind::InvalidIssuer) || lacks("iss") {
        Fault::Issuer
    } else if matches!(kind, ErrorKind::InvalidAudience) || lacks("aud") {
        Fault::Audience
    } else if matches!(kind, ErrorKind::InvalidSignature) {
        Fault::Signature
    } else if matches!(kind, ErrorKind::InvalidAlgorithm) {
        Fault::Algorithm
    } else {
        Fault::Form
    }
}
