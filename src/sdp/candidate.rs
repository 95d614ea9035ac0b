//! One ICE candidate (RFC 8839 §5.1): relayed by one of our relays, and silent about what is behind it.

use core::net::IpAddr;

use super::refusal::Refusal;
use super::transport::{is_ice_char, is_ufrag};

/// Bytes of a candidate. Browsers write 150.
pub const LONGEST_CANDIDATE: usize = 512;
/// Pairs of names and values at its end. Browsers write four.
const MOST_EXTENSIONS: usize = 8;

/// A candidate that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The relayed address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// The user name of the ICE credentials that it is for, if it says so.
    pub ufrag: Option<String>,
}

/// Reads a candidate as `RTCIceCandidate.candidate` has it, and holds it against the rules; `ours` says whether an address
/// is one of the region's relays.
///
/// # Errors
/// The rule that it breaks.
pub fn candidate(text: &str, ours: &dyn Fn(IpAddr) -> bool) -> Result<Candidate, Refusal> {
    let malformed = Refusal::CandidateMalformed;
    if text.len() > LONGEST_CANDIDATE || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(malformed);
    }
    let mut words = text.strip_prefix("candidate:").ok_or(malformed)?.split(' ');
    let mut next = || words.next().filter(|word| !word.is_empty()).ok_or(malformed);
    let foundation = next()?;
    if foundation.len() > 32 || !foundation.bytes().all(is_ice_char) {
        return Err(malformed);
    }
    // Firefox gathers for RTCP as well, and does not use it.
    let component: u16 = number(next()?)?;
    if !(1..=256).contains(&component) {
        return Err(malformed);
    }
    let transport = next()?;
    let _priority: u32 = number(next()?)?;
    let address: IpAddr = next()?.parse().map_err(|_| Refusal::CandidateForeign)?;
    let port: u16 = number(next()?)?;
    if next()? != "typ" {
        return Err(malformed);
    }
    if next()? != "relay" {
        return Err(Refusal::CandidateType);
    }
    if !transport.eq_ignore_ascii_case("udp") {
        return Err(Refusal::CandidateTransport);
    }
    if port == 0 {
        return Err(malformed);
    }
    if !ours(address) {
        return Err(Refusal::CandidateForeign);
    }
    let ufrag = extensions(words, address, port)?;
    Ok(Candidate { address, port, ufrag })
}

/// What follows the type: the related address first if there is one, then names and values.
fn extensions<'w>(words: impl Iterator<Item = &'w str>, address: IpAddr, port: u16) -> Result<Option<String>, Refusal> {
    let malformed = Refusal::CandidateMalformed;
    let mut words = words.peekable();
    let mut ufrag = None;
    for _ in 0..MOST_EXTENSIONS {
        let Some(name) = words.next() else { return Ok(ufrag) };
        let value = words.next().filter(|value| !value.is_empty() && !name.is_empty()).ok_or(malformed)?;
        match name {
            "raddr" => {
                let related: IpAddr = value.parse().map_err(|_| Refusal::CandidateRelated)?;
                // Chromium writes zeros; Firefox the relayed address once more. Both hide the client's.
                if !related.is_unspecified() && related != address {
                    return Err(Refusal::CandidateRelated);
                }
            }
            "rport" => {
                let related: u16 = number(value)?;
                if ![0, 9, port].contains(&related) {
                    return Err(Refusal::CandidateRelated);
                }
            }
            "ufrag" if ufrag.is_none() && is_ufrag(value) => ufrag = Some(value.to_owned()),
            "ufrag" => return Err(malformed),
            _ => {}
        }
    }
    if words.peek().is_none() { Ok(ufrag) } else { Err(malformed) }
}

/// A number without sign or space.
fn number<N: core::str::FromStr>(word: &str) -> Result<N, Refusal> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| digits).ok_or(Refusal::CandidateMalformed)
}
