//! What is asked, read strictly: unknown fields and parameters are refused, and every refusal names the field.

use core::fmt::Display;
use core::str::FromStr;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::Page;
use super::problem::Problem;
use crate::auth::Revoked;
use crate::auth::token::{Claims, Limits, Token};
use crate::time::UnixTime;
use crate::time::date::from_rfc3339;

/// Entries of a page at most, and by default: a megabyte of JSON at most.
pub const MOST_ENTRIES: usize = 1000;

/// What a list is asked for: which part of it, and of which call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) page: Page,
    pub(super) call: Option<Revoked>,
}

impl List {
    /// Reads `limit=`, `offset=` and, where `of_call`, `call=ISSUER/CALL`.
    pub(super) fn read(query: &str, of_call: bool) -> Result<Self, Problem> {
        let mut list = Self { page: Page { offset: 0, limit: MOST_ENTRIES }, call: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST_ENTRIES).contains(limit));
                    list.page.limit = limit.ok_or_else(|| {
                        Problem::invalid(format!("limit: write a whole number from 1 to {MOST_ENTRIES}"))
                    })?;
                }
                "offset" => {
                    let offset = value.parse().ok();
                    list.page.offset =
                        offset.ok_or_else(|| Problem::invalid("offset: write how many entries to leave out"))?;
                }
                // Nothing else in a call needs an escape.
                "call" if of_call => list.call = Some(call(&value.replace("%2F", "/").replace("%2f", "/"))?),
                _ => {
                    let known = if of_call { "limit, offset and call" } else { "limit and offset" };
                    return Err(Problem::invalid(format!("a parameter is unknown; known are {known}")));
                }
            }
        }
        Ok(list)
    }
}

/// Reads a body.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A list would be taken for the fields in their order, which nobody should rely on.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("the body is no JSON object; write {\"field\": \"value\"}"));
    }
    // The parser names fields and places, and quotes only what was sent.
    serde_json::from_slice(bytes).map_err(|why| Problem::invalid(format!("the body is not as it should be: {why}")))
}

/// `POST /v1/drain`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    pub(super) draining: bool,
}

/// `POST /v1/revocations`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    token: Option<String>,
    call: Option<String>,
    party: Option<String>,
    kid: Option<String>,
    until: Option<String>,
}

impl Revoke {
    /// What is to be revoked, when its token ends if it was shown, and until when that is to hold.
    pub(super) fn read(&self) -> Result<(Revoked, Option<UnixTime>, Option<UnixTime>), Problem> {
        let until = self.until.as_ref().map(|until| time("until", until)).transpose()?;
        let (what, end) = match (&self.token, &self.call, &self.party, &self.kid) {
            (Some(token), None, None, None) => self::token(token)?,
            (None, Some(call), None, None) => (self::call(call)?, None),
            (None, None, Some(party), None) => (self::party(party)?, None),
            (None, None, None, Some(kid)) => (Revoked::Key { kid: word("kid", kid)? }, None),
            _ => return Err(Problem::invalid("name exactly one of token, call, party and kid")),
        };
        Ok((what, end, until))
    }
}

/// A token: its username, or its issuer and id. The signature of a username is not looked at: what is not our token opens
/// nothing, and revoking it closes nothing.
fn token(text: &str) -> Result<(Revoked, Option<UnixTime>), Problem> {
    if let Some((issuer, id)) = text.split_once('/') {
        return Ok((Revoked::Token { issuer: word("token", issuer)?, id: word("token", id)? }, None));
    }
    let claims: Claims = Token::parse(text.as_bytes()).and_then(|token| token.claims()).map_err(|why| {
        Problem::invalid(format!("token: is neither ISSUER/ID nor the username of a call token, which {why}"))
    })?;
    Ok((Revoked::Token { issuer: claims.issuer, id: claims.id }, Some(claims.end)))
}

fn call(text: &str) -> Result<Revoked, Problem> {
    let parts = text.split_once('/').ok_or_else(|| Problem::invalid("call: write ISSUER/CALL"))?;
    Ok(Revoked::Call { issuer: word("call", parts.0)?, call: word("call", parts.1)? })
}

fn party(text: &str) -> Result<Revoked, Problem> {
    let parts = text.split_once('/').and_then(|(issuer, rest)| Some((issuer, rest.split_once('/')?)));
    let (issuer, (call, party)) = parts.ok_or_else(|| Problem::invalid("party: write ISSUER/CALL/PARTY"))?;
    Ok(Revoked::Party { issuer: word("party", issuer)?, call: word("party", call)?, party: word("party", party)? })
}

fn word<W: FromStr<Err: Display>>(field: &str, text: &str) -> Result<W, Problem> {
    text.parse().map_err(|why| Problem::invalid(format!("{field}: {why}")))
}

fn time(field: &str, text: &str) -> Result<UnixTime, Problem> {
    let wanted = || Problem::invalid(format!("{field}: write a time in UTC, as 2026-11-27T16:00:00Z, or a date"));
    from_rfc3339(text).ok_or_else(wanted)
}

/// `POST /v1/accounts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Add {
    pub(super) name: String,
    pub(super) role: String,
    #[serde(default)]
    pub(super) clinics: Vec<String>,
    pub(super) openid: Option<String>,
}

/// `POST /v1/accounts/role`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrol {
    pub(super) name: String,
    pub(super) role: String,
    #[serde(default)]
    pub(super) clinics: Vec<String>,
}

/// `POST /v1/accounts/remove`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    pub(super) name: String,
}

/// `POST /v1/credentials`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mint {
    call: String,
    party: String,
    regions: Option<Vec<String>>,
    not_before: Option<String>,
    expires: Option<String>,
    end: Option<String>,
    limits: Option<MintLimits>,
    #[serde(default)]
    peers: Vec<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MintLimits {
    kbps: Option<u32>,
    allocations: Option<u16>,
}

/// Seconds during which allocations may begin, if nobody says.
const USUAL_WINDOW: u64 = 3600;
/// Seconds after which they end, if nobody says.
const USUAL_CALL: u64 = 14_400;

impl Mint {
    /// The claims, but for those that the relay's configuration gives: `base` has them.
    pub(super) fn claims(&self, base: Claims, now: UnixTime) -> Result<Claims, Problem> {
        let not_before = self.not_before.as_ref().map_or(Ok(now), |text| time("not_before", text))?;
        let expires = match &self.expires {
            Some(text) => time("expires", text)?,
            None => not_before.plus_secs(USUAL_WINDOW),
        };
        let end = match &self.end {
            Some(text) => time("end", text)?,
            None => not_before.plus_secs(USUAL_CALL).max(expires),
        };
        let regions = match &self.regions {
            Some(texts) => texts.iter().map(|text| word("regions", text)).collect::<Result<_, _>>()?,
            None if base.regions.is_empty() => {
                let message = "regions: is missing, and this relay has no region of its own; name the regions";
                return Err(Problem::invalid(message));
            }
            None => base.regions,
        };
        let limits = self.limits.unwrap_or_default();
        Ok(Claims {
            not_before,
            expires,
            end,
            call: word("call", &self.call)?,
            party: word("party", &self.party)?,
            regions,
            limits: Limits { kbps: limits.kbps, allocations: limits.allocations },
            peers: self.peers.iter().map(|text| word("peers", text)).collect::<Result<_, _>>()?,
            ..base
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revoke(json: &str) -> Result<(Revoked, Option<UnixTime>, Option<UnixTime>), Problem> {
        body::<Revoke>(json.as_bytes()).and_then(|revoke| revoke.read())
    }

    #[test]
    fn a_revocation_names_one_thing_in_its_own_form() {
        let word = |text: &str| text.parse().unwrap();
        let call = Revoked::Call { issuer: "clinic".parse().unwrap(), call: word("visit-7") };
        assert_eq!(revoke(r#"{"call":"clinic/visit-7"}"#), Ok((call, None, None)));
        assert_eq!(revoke(r#"{"call":"clinic\/visit-7"}"#), Ok((call, None, None)), "as PHP writes it");
        let until = Some(UnixTime::from_secs(1_795_798_151));
        let kid = Revoked::Key { kid: "2026-11-27".parse().unwrap() };
        assert_eq!(revoke(r#"{"kid":"2026-11-27","until":"2026-11-27T16:49:11Z"}"#), Ok((kid, None, until)));
        for (wrong, says) in [
            ("", "no JSON object"),
            (r#"["clinic/1",null,null,null,null]"#, "no JSON object"),
            (r#"{"kid":"one""#, "EOF"),
            ("{}", "exactly one"),
            (r#"{"call":"clinic/visit","kid":"one"}"#, "exactly one"),
            (r#"{"call":"clinic/visit","call":"clinic/visit"}"#, "duplicate field"),
            (r#"{"call":"visit"}"#, "ISSUER/CALL"),
            (r#"{"party":"clinic/visit"}"#, "ISSUER/CALL/PARTY"),
            (r#"{"party":"clinic/visit/a/b"}"#, "party: "),
            (r#"{"token":"nonsense"}"#, "neither ISSUER/ID nor"),
            (r#"{"token":"clinic/"}"#, "token: write 1 to 36"),
            (r#"{"kid":"a b"}"#, "kid: write 1 to 16"),
            (r#"{"kid":"one","until":"tomorrow"}"#, "until: write a time in UTC"),
            (r#"{"kid":"one","because":"x"}"#, "unknown field `because`"),
            (r#"{"kid":7}"#, "invalid type"),
        ] {
            let problem = revoke(wrong).unwrap_err();
            assert!(problem.error == "invalid" && problem.message.contains(says), "{wrong}: {problem:?}");
        }
    }

    #[test]
    fn a_list_has_bounds_and_known_parameters() {
        let all = List { page: Page { offset: 0, limit: MOST_ENTRIES }, call: None };
        assert_eq!(List::read("", false), Ok(all));
        let list = List::read("limit=10&offset=20&call=clinic%2Fvisit", true).unwrap();
        assert_eq!(list.page, Page { offset: 20, limit: 10 });
        assert_eq!(Some(list), List::read("limit=10&offset=20&call=clinic/visit", true).ok());
        for wrong in ["limit=0", "limit=1001", "limit=", "offset=-1", "call=a/b", "page=2"] {
            assert_eq!(List::read(wrong, false).unwrap_err().error, "invalid", "{wrong}");
        }
    }
}
