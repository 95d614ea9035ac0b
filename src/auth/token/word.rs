//! The short words of a token: labels that are compared, counted and hashed, and that name nobody.

use core::fmt;
use core::str::FromStr;

/// 1 to `MOST` ASCII letters, digits, `.`, `-` and `_`: the alphabet of base64url and of host names. No value of it
/// needs an escape in JSON or ends a line in a log.
///
/// Its `Debug` form is redacted: calls, parties and token ids stay out of logs. [`Word::as_str`] shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word<const MOST: usize> {
    /// Zeros after the word.
    bytes: [u8; MOST],
    length: u8,
}

/// The id of a key (RFC 7515 §4.1.4).
pub type Kid = Word<16>;
/// Who mints tokens: a clinic, a tenant.
pub type Issuer = Word<32>;
/// Which relays a token is for: the name of a cluster.
pub type Audience = Word<32>;
/// Tells one token from all others of its issuer; best 128 random bits, 22 characters of base64url. A UUID fits.
pub type TokenId = Word<36>;
/// A call, unique for its issuer; best 128 random bits. A UUID fits.
pub type Call = Word<36>;
/// A party within its call: "a", "host", a random word. Never a name.
pub type PartyLabel = Word<16>;
/// Where a relay stands: "eu-north".
pub type Region = Word<16>;

impl<const MOST: usize> Word<MOST> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        // ASCII alone comes in, so this does not fail.
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl<const MOST: usize> FromStr for Word<MOST> {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let wrong = InvalidWord { most: MOST };
        let mut bytes = [0; MOST];
        let place = bytes.get_mut(..text.len()).filter(|place| !place.is_empty()).ok_or(wrong)?;
        place.copy_from_slice(text.as_bytes());
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
            return Err(wrong);
        }
        Ok(Self { bytes, length: u8::try_from(text.len()).map_err(|_| wrong)? })
    }
}

impl<const MOST: usize> fmt::Debug for Word<MOST> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Word(redacted)")
    }
}

/// A text that is no [`Word`]: empty, too long, or with other characters. Whoever wrote it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidWord {
    /// The most characters it may have.
    pub most: usize,
}

impl fmt::Display for InvalidWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "write 1 to {} ASCII letters, digits, \".\", \"-\" or \"_\"", self.most)
    }
}

impl core::error::Error for InvalidWord {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_a_small_alphabet_and_a_bound() {
        for good in ["a", "eu-north", "Az09._-", "sixteen-letters."] {
            assert_eq!(good.parse::<Kid>().unwrap().as_str(), good);
        }
        for bad in ["", "seventeen-letters", "a b", "a/b", "a\"", "ä", "a\n", "a\0"] {
            assert_eq!(bad.parse::<Kid>(), Err(InvalidWord { most: 16 }), "{bad:?}");
        }
        assert!("123e4567-e89b-12d3-a456-426614174000".parse::<TokenId>().is_ok(), "a UUID");
    }

    #[test]
    fn words_sort_as_texts_do_and_print_nothing() {
        let word = |text: &str| text.parse::<Kid>().unwrap();
        assert!(word("a") < word("ab") && word("ab") < word("b"));
        assert_eq!(format!("{:?}", word("visit-7")), "Word(redacted)");
    }
}
