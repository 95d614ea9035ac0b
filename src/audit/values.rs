//! The small values in records: digests, labels, days and times, each with one way to be written.

use core::fmt;
use core::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, OffsetDateTime};

use crate::time::UnixTime;

/// A SHA-256 digest, written as 64 small hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// What stands as the previous hash in the first record of all: nothing came before.
    pub const NONE: Self = Self([0; 32]);
    /// Digits of a written digest.
    pub const DIGITS: usize = 64;

    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        digest(&SHA256, bytes).as_ref().try_into().map_or(Self::NONE, Self)
    }

    /// A digest that was computed piece by piece.
    #[must_use]
    pub fn finish(context: aws_lc_rs::digest::Context) -> Self {
        context.finish().as_ref().try_into().map_or(Self::NONE, Self)
    }
}

impl From<[u8; 32]> for Digest {
    /// One that was computed elsewhere.
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hexadecimal(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        bytes_of(text).map(Self).ok_or(NotAValue("a digest is 64 small hexadecimal digits"))
    }
}

/// The bytes behind small hexadecimal digits, if there are exactly as many as wanted.
pub(super) fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    const fn nibble(digit: u8) -> Option<u8> {
        match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

/// Bytes as small hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    const fn digit(nibble: u8) -> char {
        (if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble }) as char
    }
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Text that is no value of the wanted kind, and what would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAValue(pub &'static str);

impl fmt::Display for NotAValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl core::error::Error for NotAValue {}

/// A word for machines: a region, a key id, a configuration key, a ticket. At most 64 letters, digits and `._:/#-`, and
/// no address, so that none gets into the log by mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Label(String);

impl Label {
    /// The longest label in bytes.
    pub const LONGEST: usize = 64;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Label {
    /// A dash: there is no word.
    fn default() -> Self {
        Self("-".to_owned())
    }
}

impl FromStr for Label {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/#-".contains(&byte);
        if text.is_empty() || text.len() > Self::LONGEST || !text.bytes().all(fits) {
            return Err(NotAValue("a label is 1 to 64 letters, digits and . _ : / # -"));
        }
        let bare = text.split('/').next().unwrap_or_default();
        if bare.parse::<core::net::IpAddr>().is_ok() || bare.parse::<core::net::SocketAddr>().is_ok() {
            return Err(NotAValue("a label is no address: addresses do not belong into the log"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A point in time as records write it, `2026-11-27T17:05:00Z`: UTC, whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Stamp(pub UnixTime);

/// The last second that RFC 3339 can write; later ones are written as this one.
const LAST_SECOND: u64 = 253_402_300_799;

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0.as_secs().min(LAST_SECOND)).unwrap_or_default();
        let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        formatter.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Stamp {
    type Err = NotAValue;

    /// Only the one way in which records write a time.
    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let wrong = NotAValue("a time looks like 2026-11-27T17:05:00Z");
        // RFC 3339 allows small letters and leap seconds; records have neither.
        if text.len() != 20 || text.as_bytes().get(10) != Some(&b'T') || !text.ends_with('Z') || text.contains(":60") {
            return Err(wrong);
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong)?;
        let seconds = u64::try_from(time.unix_timestamp()).map_err(|_| wrong)?;
        Ok(Self(UnixTime::from_secs(seconds)))
    }
}

/// A day in UTC, `2026-11-27`. Pseudonyms change with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// The day of a time.
    #[must_use]
    pub fn of(at: UnixTime) -> Self {
        let seconds = i64::try_from(at.as_secs().min(LAST_SECOND)).unwrap_or_default();
        Self(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH).date())
    }

    /// Its first second.
    #[must_use]
    pub fn begin(self) -> UnixTime {
        let seconds = self.0.midnight().assume_utc().unix_timestamp();
        UnixTime::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// The day after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(Duration::days(1)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

impl FromStr for Day {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let wrong = NotAValue("a day looks like 2026-11-27");
        if text.len() != 10 || !text.is_ascii() {
            return Err(wrong);
        }
        let midnight: Stamp = format!("{text}T00:00:00Z").parse().map_err(|_| wrong)?;
        Ok(Self::of(midnight.0))
    }
}

/// Strings in JSON, checked when they are read.
macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
        impl TryFrom<String> for $kind {
            type Error = NotAValue;

            fn try_from(text: String) -> Result<Self, NotAValue> {
                text.parse()
            }
        }
    )*};
}

pub(super) use as_text;

as_text!(Digest, Label, Stamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_written_in_one_way_and_read_in_no_other() {
        let digest = Digest::of(b"hilum");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        let stamp = Stamp(UnixTime::from_secs(1_795_798_800));
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
        for other in
            ["2026-11-27T17:05:00+00:00", "2026-11-27t17:05:00Z", "2026-11-27T17:05:00.0Z", "2026-13-27T17:05:00Z"]
        {
            assert!(other.parse::<Stamp>().is_err(), "{other}");
        }
        assert_eq!(Stamp(UnixTime::from_secs(u64::MAX)).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_day_begins_at_midnight_utc_and_ends_before_the_next() {
        let day: Day = "2028-02-29".parse().unwrap();
        assert_eq!(day.to_string(), "2028-02-29");
        assert_eq!(day.next().to_string(), "2028-03-01");
        assert_eq!(Day::of(day.begin()), day);
        assert_eq!(Day::of(UnixTime::from_secs(day.begin().as_secs() - 1)).next(), day);
        assert!("2027-02-29".parse::<Day>().is_err());
    }

    #[test]
    fn a_label_is_neither_a_sentence_nor_an_address() {
        for good in ["eu-central-1", "uid:1000", "limits.per_user", "TICKET#42", "1.2"] {
            assert!(good.parse::<Label>().is_ok(), "{good}");
        }
        for bad in ["", "Mrs Example", "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "192.0.2.0/24", "a\nb", "é"] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
        }
        assert!("a".repeat(65).parse::<Label>().is_err());
    }
}
