//! API keys: who bears one has its role. The relay keeps a hash of each and could not tell anybody the key.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::role::Role;
use crate::auth::token::Word;
use crate::time::UnixTime;

/// Keys at once: one for each machine that asks, and a rotation of all of them.
pub const MOST_API_KEYS: usize = 256;
/// The longest name of a key in bytes.
pub const LONGEST_NAME: usize = 64;

/// What every key begins with, so that scanners for lost secrets find one.
const PREFIX: &str = "hk_";
/// Random bytes of a secret. So many cannot be guessed, therefore one fast hash is enough to store them.
const SECRET: usize = 32;

/// Tells keys apart; no secret.
pub type KeyId = Word<16>;

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Which.
    pub id: KeyId,
    /// What its bearer may do.
    pub role: Role,
    /// What it is for, in the operator's words: printable ASCII without quotes and backslashes, [`LONGEST_NAME`] at most.
    pub name: String,
    /// When it was made.
    pub created: UnixTime,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKey({}, {})", self.id.as_str(), self.role.label())
    }
}

impl ApiKey {
    /// Makes a key, and the text that its bearer shows: `hk_<id>_<secret>`. Nothing else ever shows it again.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate(role: Role, name: String, created: UnixTime) -> Result<(Self, Zeroizing<String>), NoRandomness> {
        let mut number = [0; 4];
        aws_lc_rs::rand::fill(&mut number).map_err(|_| NoRandomness)?;
        let id = format!("{:08x}", u32::from_be_bytes(number));
        let id: KeyId = id.parse().map_err(|_| NoRandomness)?;
        let mut secret = Zeroizing::new([0; SECRET]);
        aws_lc_rs::rand::fill(secret.as_mut_slice()).map_err(|_| NoRandomness)?;
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_slice()));
        let text = Zeroizing::new(format!("{PREFIX}{}_{}", id.as_str(), encoded.as_str()));
        let hash = Sha256::digest(secret.as_slice()).into();
        Ok((Self { id, role, name, created, hash }, text))
    }
}

/// Whether a text can be the name of a key.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fits = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && byte != b'"' && byte != b'\\';
    text.len() <= LONGEST_NAME && text.bytes().all(fits)
}

/// The system has no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the system has no randomness")
    }
}

impl core::error::Error for NoRandomness {}

/// The keys that are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiKeys(Vec<ApiKey>);

/// Why keys cannot be held together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidApiKeys {
    /// Two of them have one id.
    Twice(KeyId),
    /// There are more than [`MOST_API_KEYS`].
    TooMany,
}

impl fmt::Display for InvalidApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(id) => write!(formatter, "{} is the id of two keys; remove one", id.as_str()),
            Self::TooMany => write!(formatter, "there are more than {MOST_API_KEYS} keys; remove some"),
        }
    }
}

impl core::error::Error for InvalidApiKeys {}

impl ApiKeys {
    /// These keys.
    ///
    /// # Errors
    /// [`InvalidApiKeys`].
    pub fn new(mut keys: Vec<ApiKey>) -> Result<Self, InvalidApiKeys> {
        if keys.len() > MOST_API_KEYS {
            return Err(InvalidApiKeys::TooMany);
        }
        keys.sort_by_key(|key| key.id);
        let twice = keys.windows(2).find_map(|pair| match pair {
            [one, other] if one.id == other.id => Some(one.id),
            _ => None,
        });
        twice.map_or(Ok(Self(keys)), |id| Err(InvalidApiKeys::Twice(id)))
    }

    /// All of them, by id.
    pub fn iter(&self) -> core::slice::Iter<'_, ApiKey> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that `shown` is. The secret is compared as a hash and in constant time; the id is none.
    #[must_use]
    pub fn find(&self, shown: &str) -> Option<&ApiKey> {
        let (id, secret) = shown.strip_prefix(PREFIX)?.split_once('_')?;
        let id: KeyId = id.parse().ok()?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok().filter(|secret| secret.len() == SECRET)?);
        let hash: [u8; 32] = Sha256::digest(secret.as_slice()).into();
        self.0.iter().find(|key| key.id == id).filter(|key| bool::from(key.hash.ct_eq(&hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (ApiKeys, Zeroizing<String>, ApiKey) {
        let (key, text) = ApiKey::generate(Role::Viewer, "monitor".into(), UnixTime::from_secs(7)).unwrap();
        let (other, _) = ApiKey::generate(Role::Issuer, String::new(), UnixTime::from_secs(7)).unwrap();
        (ApiKeys::new(vec![key.clone(), other]).unwrap(), text, key)
    }

    #[test]
    fn a_key_is_found_by_its_own_text_only() {
        let (keys, text, key) = made();
        assert_eq!(keys.find(&text), Some(&key));
        assert_eq!(text.len(), "hk_".len() + 8 + 1 + 43);
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'E' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert_eq!(keys.find(&altered), None, "byte {at}");
        }
        for bad in ["", "hk_", &text[..text.len() - 1], &format!("{}A", text.as_str()), &text["hk_".len()..]] {
            assert_eq!(keys.find(bad), None, "{bad}");
        }
    }

    #[test]
    fn two_keys_have_two_ids_and_there_are_not_too_many() {
        let (_, _, key) = made();
        assert_eq!(ApiKeys::new(vec![key.clone(), key.clone()]), Err(InvalidApiKeys::Twice(key.id)));
        let many = (0..=MOST_API_KEYS).map(|at| ApiKey { id: format!("k{at}").parse().unwrap(), ..key.clone() });
        assert_eq!(ApiKeys::new(many.collect()), Err(InvalidApiKeys::TooMany));
    }

    #[test]
    fn what_is_printed_for_debugging_holds_no_hash() {
        let (keys, _, key) = made();
        let shown = format!("{keys:?}");
        assert!(shown.contains(key.id.as_str()) && !shown.contains("hash"), "{shown}");
    }
}
