//! How a revocation stands in files: what it is about as the key, how long it lasts as the value.

use super::{Revocation, Revoked};
use crate::time::UnixTime;

/// The version of a value: its first byte.
const VERSION: u8 = 1;
/// Bytes of a value.
pub const TIMES: usize = 17;

/// What is revoked, as its label and its words with spaces between; no word holds one.
#[must_use]
pub fn key(what: &Revoked) -> String {
    let label = what.label();
    match what {
        Revoked::Token { issuer, id } => format!("{label} {} {}", issuer.as_str(), id.as_str()),
        Revoked::Call { issuer, call } => format!("{label} {} {}", issuer.as_str(), call.as_str()),
        Revoked::Party { issuer, call, party } => {
            format!("{label} {} {} {}", issuer.as_str(), call.as_str(), party.as_str())
        }
        Revoked::Key { kid } => format!("{label} {}", kid.as_str()),
    }
}

/// The version and two times, 8 bytes each, the first byte the highest.
#[must_use]
pub fn value(revocation: &Revocation) -> [u8; TIMES] {
    let mut bytes = [VERSION; TIMES];
    let (since, until) = (revocation.since.as_secs().to_be_bytes(), revocation.until.as_secs().to_be_bytes());
    bytes.iter_mut().skip(1).zip(since.into_iter().chain(until)).for_each(|(place, byte)| *place = byte);
    bytes
}

/// Reads what [`key`] and [`value`] have written, and nothing else.
#[must_use]
pub fn decode(key: &str, value: &[u8]) -> Option<Revocation> {
    let words: Vec<&str> = key.split(' ').collect();
    let what = match words.as_slice() {
        ["token", issuer, id] => Revoked::Token { issuer: issuer.parse().ok()?, id: id.parse().ok()? },
        ["call", issuer, call] => Revoked::Call { issuer: issuer.parse().ok()?, call: call.parse().ok()? },
        ["party", issuer, call, party] => {
            Revoked::Party { issuer: issuer.parse().ok()?, call: call.parse().ok()?, party: party.parse().ok()? }
        }
        ["key", kid] => Revoked::Key { kid: kid.parse().ok()? },
        _ => return None,
    };
    let (&version, times) = value.split_first()?;
    let (since, until) = times.split_first_chunk::<8>()?;
    let until: [u8; 8] = until.try_into().ok()?;
    let time = |bytes| UnixTime::from_secs(u64::from_be_bytes(bytes));
    (version == VERSION).then(|| Revocation { what, since: time(*since), until: time(until) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let (issuer, call) = ("clinic".parse().unwrap(), "visit".parse().unwrap());
        for what in [
            Revoked::Token { issuer, id: "visit".parse().unwrap() },
            Revoked::Call { issuer, call },
            Revoked::Party { issuer, call, party: "a".parse().unwrap() },
            Revoked::Key { kid: "2026-11".parse().unwrap() },
        ] {
            let revocation = Revocation { what, since: UnixTime::from_secs(7), until: UnixTime::from_secs(u64::MAX) };
            let (key, value) = (key(&what), value(&revocation));
            assert_eq!(decode(&key, &value), Some(revocation));
            let mut other = value;
            other[0] = 2;
            assert_eq!(decode(&key, &other), None, "another version");
            assert_eq!(decode(&key, &value[..16]), None);
            assert_eq!(decode(&key, &[&value[..], &[0]].concat()), None);
            assert_eq!(decode(&format!("{key} more"), &value).filter(|read| read.what == what), None);
        }
        assert_eq!(decode("token clinic", &[1; 17]), None);
        assert_eq!(decode("token clinic two/words", &[1; 17]), None);
        assert_eq!(decode("", &[1; 17]), None);
    }
}
