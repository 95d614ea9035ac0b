//! What a token says: the claims, their JSON, and their bounds.

use core::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use super::json::Reader;
use super::{
    Audience, Call, ClaimFault, InvalidJson, Issuer, PartyLabel, PeerRange, Region, TokenId, TokenRefusal, Word,
};
use crate::auth::{Party, Subject};
use crate::time::UnixTime;

/// Regions of a token. A token is for one place or a few, else its region says nothing.
pub const MOST_REGIONS: usize = 8;
/// Outside peers of a token: what fits a username beside the rest.
pub const MOST_PEERS: usize = 8;
/// kbit/s of a token: 10 Gbit/s.
pub const MOST_KBPS: u32 = 10_000_000;
/// Allocations of a token at once. A browser makes one for each interface and URL, twice while ICE restarts.
pub const MOST_ALLOCATIONS: u16 = 1024;
/// Seconds from `nbf` to `end`: 7 days. Revocations are kept until `end`, so this bounds their list.
pub const LONGEST_CALL: u64 = 7 * 86_400;

/// The claims of a token, in bounds: they come from [`super::Token::claims`], or go through
/// [`super::signing_input`], which checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: who minted it.
    pub issuer: Issuer,
    /// `aud`: the cluster it is for.
    pub audience: Audience,
    /// `jti`: which token of its issuer it is.
    pub id: TokenId,
    /// `nbf`: nothing before it.
    pub not_before: UnixTime,
    /// `exp`: no new allocation at or after it; later than `nbf`.
    pub expires: UnixTime,
    /// `end`: running allocations end; at `exp` or later, and at most [`LONGEST_CALL`] after `nbf`.
    pub end: UnixTime,
    /// `call`: the call, unique for its issuer.
    pub call: Call,
    /// `party`: whose token it is within the call.
    pub party: PartyLabel,
    /// `reg`: the regions whose relays it may use; 1 to [`MOST_REGIONS`].
    pub regions: Vec<Region>,
    /// `lim`: how much. It can only narrow what the relay's configuration allows.
    pub limits: Limits,
    /// `peers`: outside peers; at most [`MOST_PEERS`], usually none. Configuration has to agree.
    pub peers: Vec<PeerRange>,
}

/// How much a token allows; `None` leaves it to the relay's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `lim.kbps`: kbit/s of application data each way, over all its allocations; 1 to [`MOST_KBPS`].
    pub kbps: Option<u32>,
    /// `lim.alloc`: allocations at once; 1 to [`MOST_ALLOCATIONS`].
    pub allocations: Option<u16>,
}

/// A call of an issuer, as a hash: calls of two issuers differ, whatever they are named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallHash([u8; 16]);

impl fmt::Debug for CallHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CallHash(redacted)")
    }
}

/// What a token is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// A new allocation: until `exp`.
    Begin,
    /// Refresh, permissions and channels of a running allocation: until `end`.
    Continue,
}

impl Claims {
    /// Whether the token may be used for this now. Clocks may be `skew` seconds apart, either way.
    ///
    /// # Errors
    /// [`TokenRefusal::NotYetValid`], [`TokenRefusal::Expired`] or [`TokenRefusal::Ended`].
    pub fn check(&self, purpose: Use, now: UnixTime, skew: u64) -> Result<(), TokenRefusal> {
        if now.plus_secs(skew) < self.not_before {
            return Err(TokenRefusal::NotYetValid);
        }
        if now >= self.end.plus_secs(skew) {
            return Err(TokenRefusal::Ended);
        }
        if purpose == Use::Begin && now >= self.expires.plus_secs(skew) {
            return Err(TokenRefusal::Expired);
        }
        Ok(())
    }

    /// Whose token it is: the token itself, however its username is spelled. No other kind of credential has it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject::of(&joined(&["token", self.issuer.as_str(), self.id.as_str()]))
    }

    /// Who is behind it: the same for all tokens of one party of one call.
    #[must_use]
    pub fn party(&self) -> Party {
        Party::of(&joined(&["party", self.issuer.as_str(), self.call.as_str(), self.party.as_str()]))
    }

    /// The call, of this issuer, as something to compare and to count.
    #[must_use]
    pub fn call_hash(&self) -> CallHash {
        let hash = Sha256::digest(joined(&["call", self.issuer.as_str(), self.call.as_str()]));
        CallHash(hash.first_chunk::<16>().copied().unwrap_or_default())
    }

    /// Reads the JSON of the claims.
    pub(in crate::auth) fn parse(json: &[u8]) -> Result<Self, TokenRefusal> {
        let mut read = Read::default();
        let mut reader = Reader::new(json);
        reader.members(|name, value| read.member(name, value))?;
        reader.end()?;
        let claims = read.claims()?;
        claims.validate()?;
        Ok(claims)
    }

    /// Writes the JSON of the claims, without white space, in the order of the table.
    pub(in crate::auth) fn to_json(&self) -> Result<String, TokenRefusal> {
        self.validate()?;
        let mut json = String::with_capacity(256);
        // Writing to a String does not fail; if it did, no token would come of it.
        self.write(&mut json).map_err(|_| TokenRefusal::Form)?;
        Ok(json)
    }

    fn write(&self, json: &mut String) -> core::fmt::Result {
        let (issuer, audience, id) = (self.issuer.as_str(), self.audience.as_str(), self.id.as_str());
        write!(json, "{{\"iss\":\"{issuer}\",\"aud\":\"{audience}\",\"jti\":\"{id}\"")?;
        let times = [("nbf", self.not_before), ("exp", self.expires), ("end", self.end)];
        for (name, time) in times {
            write!(json, ",\"{name}\":{}", time.as_secs())?;
        }
        write!(json, ",\"call\":\"{}\",\"party\":\"{}\",\"reg\":[", self.call.as_str(), self.party.as_str())?;
        for (index, region) in self.regions.iter().enumerate() {
            write!(json, "{}\"{}\"", if index == 0 { "" } else { "," }, region.as_str())?;
        }
        json.push(']');
        match (self.limits.kbps, self.limits.allocations) {
            (None, None) => {}
            (Some(kbps), None) => write!(json, ",\"lim\":{{\"kbps\":{kbps}}}")?,
            (None, Some(most)) => write!(json, ",\"lim\":{{\"alloc\":{most}}}")?,
            (Some(kbps), Some(most)) => write!(json, ",\"lim\":{{\"kbps\":{kbps},\"alloc\":{most}}}")?,
        }
        for (index, peer) in self.peers.iter().enumerate() {
            write!(json, "{}\"{peer}\"", if index == 0 { ",\"peers\":[" } else { "," })?;
        }
        json.push_str(if self.peers.is_empty() { "}" } else { "]}" });
        Ok(())
    }

    /// The bounds that the types do not hold.
    fn validate(&self) -> Result<(), TokenRefusal> {
        let fault = |name, fault| Err(TokenRefusal::Claim { name, fault });
        if self.expires <= self.not_before {
            return fault("exp", ClaimFault::Before { other: "nbf" });
        }
        if self.end < self.expires {
            return fault("end", ClaimFault::Before { other: "exp" });
        }
        if self.not_before.seconds_until(self.end) > LONGEST_CALL {
            let nbf = self.not_before.as_secs();
            let bounds = ClaimFault::Bounds { least: self.expires.as_secs(), most: nbf.saturating_add(LONGEST_CALL) };
            return fault("end", bounds);
        }
        let sizes = [
            ("reg", count(self.regions.len()), 1, count(MOST_REGIONS)),
            ("peers", count(self.peers.len()), 0, count(MOST_PEERS)),
            ("lim.kbps", self.limits.kbps.map_or(1, u64::from), 1, u64::from(MOST_KBPS)),
            ("lim.alloc", self.limits.allocations.map_or(1, u64::from), 1, u64::from(MOST_ALLOCATIONS)),
        ];
        for (name, size, least, most) in sizes {
            if !(least..=most).contains(&size) {
                return fault(name, ClaimFault::Bounds { least, most });
            }
        }
        Ok(())
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Parts with a NUL after each: no part holds one, so no two lists join to the same bytes, and no username does,
/// because those hold no control characters.
fn joined(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.bytes().chain([0])).collect()
}

impl From<InvalidJson> for TokenRefusal {
    fn from(why: InvalidJson) -> Self {
        Self::ClaimsJson(why)
    }
}

/// The claims as far as they have been read.
#[derive(Default)]
struct Read {
    iss: Option<Issuer>,
    aud: Option<Audience>,
    jti: Option<TokenId>,
    nbf: Option<u64>,
    exp: Option<u64>,
    end: Option<u64>,
    call: Option<Call>,
    party: Option<PartyLabel>,
    reg: Option<Vec<Region>>,
    lim: Option<Limits>,
    peers: Option<Vec<PeerRange>>,
}

impl Read {
    fn member(&mut self, name: &str, value: &mut Reader<'_>) -> Result<(), TokenRefusal> {
        match name {
            "iss" => once("iss", &mut self.iss, word("iss", value.text()?)?),
            "aud" => once("aud", &mut self.aud, word("aud", value.text()?)?),
            "jti" => once("jti", &mut self.jti, word("jti", value.text()?)?),
            "nbf" => once("nbf", &mut self.nbf, value.number()?),
            "exp" => once("exp", &mut self.exp, value.number()?),
            "end" => once("end", &mut self.end, value.number()?),
            "call" => once("call", &mut self.call, word("call", value.text()?)?),
            "party" => once("party", &mut self.party, word("party", value.text()?)?),
            "reg" => once("reg", &mut self.reg, list("reg", MOST_REGIONS, value, |text| word("reg", text))?),
            "lim" => once("lim", &mut self.lim, limits(value)?),
            "peers" => {
                let range = |text: &str| text.parse().map_err(|why| refused("peers", ClaimFault::Peer(why)));
                once("peers", &mut self.peers, list("peers", MOST_PEERS, value, range)?)
            }
            _ => Err(TokenRefusal::UnknownClaim),
        }
    }

    fn claims(self) -> Result<Claims, TokenRefusal> {
        let missing = |name| refused(name, ClaimFault::Missing);
        let time = |name, value: Option<u64>| value.map(UnixTime::from_secs).ok_or_else(|| missing(name));
        Ok(Claims {
            issuer: self.iss.ok_or_else(|| missing("iss"))?,
            audience: self.aud.ok_or_else(|| missing("aud"))?,
            id: self.jti.ok_or_else(|| missing("jti"))?,
            not_before: time("nbf", self.nbf)?,
            expires: time("exp", self.exp)?,
            end: time("end", self.end)?,
            call: self.call.ok_or_else(|| missing("call"))?,
            party: self.party.ok_or_else(|| missing("party"))?,
            regions: self.reg.ok_or_else(|| missing("reg"))?,
            limits: self.lim.unwrap_or_default(),
            peers: self.peers.unwrap_or_default(),
        })
    }
}

const fn refused(name: &'static str, fault: ClaimFault) -> TokenRefusal {
    TokenRefusal::Claim { name, fault }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), TokenRefusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(refused(name, ClaimFault::Twice)),
    }
}

fn word<const MOST: usize>(name: &'static str, text: &str) -> Result<Word<MOST>, TokenRefusal> {
    text.parse().map_err(|_| refused(name, ClaimFault::Word { most: MOST }))
}

/// A list of 1 to `most` texts. An empty one is refused: leaving it out says the same, and one thing has one spelling.
fn list<T>(
    name: &'static str,
    most: usize,
    value: &mut Reader<'_>,
    item: impl Fn(&str) -> Result<T, TokenRefusal>,
) -> Result<Vec<T>, TokenRefusal> {
    let out_of_bounds = refused(name, ClaimFault::Bounds { least: 1, most: count(most) });
    let mut items = Vec::new();
    value.texts(|text| {
        if items.len() == most {
            return Err(out_of_bounds);
        }
        // Nearly all tokens name one, and there may be a hundred thousand of them.
        items.reserve_exact(1);
        items.push(item(text)?);
        Ok(())
    })?;
    if items.is_empty() { Err(out_of_bounds) } else { Ok(items) }
}

fn limits(value: &mut Reader<'_>) -> Result<Limits, TokenRefusal> {
    let mut limits = Limits::default();
    value.members(|name, value| match name {
        "kbps" => once("lim.kbps", &mut limits.kbps, bounded("lim.kbps", value.number()?, MOST_KBPS)?),
        "alloc" => once("lim.alloc", &mut limits.allocations, bounded("lim.alloc", value.number()?, MOST_ALLOCATIONS)?),
        _ => Err(TokenRefusal::UnknownClaim),
    })?;
    Ok(limits)
}

/// A number from 1 to `most`, in the type of `most`.
fn bounded<T: TryFrom<u64> + Into<u64> + Copy>(name: &'static str, number: u64, most: T) -> Result<T, TokenRefusal> {
    let out_of_bounds = refused(name, ClaimFault::Bounds { least: 1, most: most.into() });
    if !(1..=most.into()).contains(&number) {
        return Err(out_of_bounds);
    }
    T::try_from(number).map_err(|_| out_of_bounds)
}
