//! Who is who, for those who hold the key: calls appear in the log under names that change every day.
//!
//! A day has a key, HMAC-SHA-256 of the day under the master key; a name is HMAC-SHA-256 of the call id under the day's
//! key, cut to 128 bits. Without the master key nothing leads from a name to a call, or from one day's name to the next
//! day's.

use core::fmt;
use core::str::FromStr;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::values::{Day, NotAValue, as_text, bytes_of, hexadecimal};

/// Bytes of a pseudonym: too many to meet by chance, few enough to read aloud.
const BYTES: usize = 16;
/// A master key shorter than this could be guessed.
const SHORTEST_KEY: usize = 32;
/// What the master key is used for, so that the same key elsewhere would give other values.
const PURPOSE: &[u8] = b"hilum audit pseudonym v1 ";
/// What stands for the key itself; no day is written like it.
const KEY_ID: &[u8] = b"hilum audit pseudonym key";
/// Random bytes of a new key, 44 characters.
const RANDOM: usize = 33;

/// A call, token or party in the log: the day it was named on, and 128 keyed bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pseudonym {
    day: Day,
    tag: [u8; BYTES],
}

impl Pseudonym {
    /// The day whose key made it.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.day, hexadecimal(&self.tag))
    }
}

impl FromStr for Pseudonym {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let wrong = NotAValue("a pseudonym is a day, a dot and 32 small hexadecimal digits");
        let (day, tag) = text.split_once('.').ok_or(wrong)?;
        Ok(Self { day: day.parse()?, tag: bytes_of(tag).ok_or(wrong)? })
    }
}

as_text!(Pseudonym);

/// The key behind all pseudonyms of a node or of a cluster.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<Vec<u8>>);

impl MasterKey {
    /// A key of at least 32 bytes.
    ///
    /// # Errors
    /// [`NotAValue`] if it is shorter.
    pub fn new(bytes: &[u8]) -> Result<Self, NotAValue> {
        if bytes.len() < SHORTEST_KEY {
            return Err(NotAValue(
                "a pseudonym key has at least 32 characters; make one with: openssl rand -base64 33",
            ));
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The first line of a file.
    ///
    /// # Errors
    /// The file cannot be read, or the line is too short.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::from_text(&Zeroizing::new(std::fs::read(path)?))
    }

    /// The first line of a text.
    ///
    /// # Errors
    /// The line is too short.
    pub fn from_text(text: &[u8]) -> io::Result<Self> {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Self::new(line.trim_ascii()).map_err(io::Error::other)
    }

    /// The key in a file; a new one, readable by its owner only, if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read or made, or the line is too short.
    pub fn read_or_make(path: &Path) -> io::Result<Self> {
        if path.exists() {
            return Self::read(path);
        }
        let mut bytes = Zeroizing::new([0; RANDOM]);
        aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| io::Error::other("the system has no randomness"))?;
        let line = Zeroizing::new(format!("{}\n", STANDARD.encode(&bytes)));
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        Self::from_text(line.as_bytes())
    }

    /// A name of the key itself, which says nothing of it: to tell whether two logs have the same one.
    #[must_use]
    pub fn id(&self) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), KEY_ID);
        hexadecimal(&tag.as_ref().first_chunk::<BYTES>().copied().unwrap_or_default())
    }

    /// The name of an id on a day.
    #[must_use]
    pub fn pseudonym(&self, id: &[u8], day: Day) -> Pseudonym {
        self.of_day(day).pseudonym(id)
    }

    /// The key of a day, for whoever names many ids.
    #[must_use]
    pub fn of_day(&self, day: Day) -> DayKey {
        let mut purpose = PURPOSE.to_vec();
        purpose.extend_from_slice(day.to_string().as_bytes());
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), &purpose);
        DayKey { day, key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()) }
    }
}

/// The key behind the pseudonyms of one day.
#[derive(Clone)]
pub struct DayKey {
    day: Day,
    key: hmac::Key,
}

impl DayKey {
    /// Its day.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// The name of an id on this day.
    #[must_use]
    pub fn pseudonym(&self, id: &[u8]) -> Pseudonym {
        let long = hmac::sign(&self.key, id);
        Pseudonym { day: self.day, tag: long.as_ref().first_chunk().copied().unwrap_or_default() }
    }
}

impl fmt::Debug for DayKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DayKey(redacted)")
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_changes_with_the_day_the_key_and_the_id_and_with_nothing_else() {
        let key = |byte| MasterKey::new(&[byte; 32]).unwrap();
        let day: Day = "2026-11-27".parse().unwrap();
        let name = key(1).pseudonym(b"call-1", day);
        assert_eq!(name, key(1).pseudonym(b"call-1", day));
        assert_ne!(name, key(2).pseudonym(b"call-1", day));
        assert_ne!(name, key(1).pseudonym(b"call-2", day));
        assert_ne!(name.tag, key(1).pseudonym(b"call-1", day.next()).tag);
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(name, key(1).of_day(day).pseudonym(b"call-1"));
        assert!(!name.to_string().contains("call"));
    }

    #[test]
    fn a_key_that_could_be_guessed_is_none() {
        assert!(MasterKey::new(&[7; 31]).is_err());
        assert_eq!(format!("{:?}", MasterKey::new(&[7; 32]).unwrap()), "MasterKey(redacted)");
    }

    /// The derivation is written down in docs/audit.md, so that others can repeat it; this is its test vector.
    #[test]
    fn the_derivation_is_the_documented_one() {
        let key = MasterKey::new(&[b'k'; 32]).unwrap();
        let name = key.pseudonym(b"call-1", "2026-11-27".parse().unwrap());
        assert_eq!(name.to_string(), "2026-11-27.0eaed7db50b136f8a9a2a161a0de8108");
    }
}
