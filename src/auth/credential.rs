//! What an operator configures: static users, and secrets that make time-limited credentials.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::token::Token;
use crate::time::UnixTime;
use crate::wire::legacy;

/// USERNAME has fewer than 509 bytes (RFC 8489 §14.3).
pub(super) const LONGEST_NAME: usize = 508;
/// 128 bits: what is shorter can be guessed from one captured request.
const SHORTEST_SECRET: usize = 16;
/// Every secret is tried on every time-limited request: a rotation needs two or three, and more only cost time.
const MOST_SECRETS: usize = 16;
/// A static user costs about 400 bytes of keys; beyond this many, time-limited credentials are the right tool.
const MOST_USERS: usize = 65_536;

/// A user with a password that does not end. Give it a random password: whoever captures one request can guess offline.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct StaticUser {
    /// 1 to 508 bytes, without control characters.
    pub name: String,
    /// At least one byte.
    pub password: Vec<u8>,
}

/// A secret shared with whoever issues time-limited ("TURN REST") credentials.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SharedSecret(Vec<u8>);

impl SharedSecret {
    /// A secret of at least 16 bytes.
    ///
    /// # Errors
    /// [`InvalidCredential::ShortSecret`].
    pub fn new(mut bytes: Vec<u8>) -> Result<Self, InvalidCredential> {
        if bytes.len() < SHORTEST_SECRET {
            bytes.zeroize();
            return Err(InvalidCredential::ShortSecret);
        }
        Ok(Self(bytes))
    }
}

/// Everybody who may ask: checked when made.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub(super) users: Vec<StaticUser>,
    pub(super) secrets: Vec<SharedSecret>,
}

impl Credentials {
    /// Static users and the secrets of time-limited credentials. Either may be empty; if both are, nobody may ask.
    ///
    /// # Errors
    /// The first fault: see [`InvalidCredential`].
    pub fn new(users: Vec<StaticUser>, secrets: Vec<SharedSecret>) -> Result<Self, InvalidCredential> {
        if users.len() > MOST_USERS {
            return Err(InvalidCredential::TooManyUsers);
        }
        if secrets.len() > MOST_SECRETS {
            return Err(InvalidCredential::TooManySecrets);
        }
        let mut names = std::collections::BTreeSet::new();
        for (index, user) in users.iter().enumerate() {
            let name = user.name.as_str();
            if name.is_empty() {
                return Err(InvalidCredential::EmptyName { index });
            }
            if name.len() > LONGEST_NAME {
                return Err(InvalidCredential::LongName { index });
            }
            if !is_clean(name.as_bytes()) {
                return Err(InvalidCredential::ControlCharacter { index });
            }
            if user.password.is_empty() {
                return Err(InvalidCredential::EmptyPassword { index });
            }
            if !secrets.is_empty() && expiry_of(name.as_bytes()).is_some() {
                return Err(InvalidCredential::LooksTimeLimited { index });
            }
            if Token::resembles(name.as_bytes()) {
                return Err(InvalidCredential::LooksLikeToken { index });
            }
            if !names.insert(name) {
                return Err(InvalidCredential::DuplicateName { index });
            }
        }
        Ok(Self { users, secrets })
    }

    /// Whether nobody may ask.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.users.is_empty() && self.secrets.is_empty()
    }
}

// Neither names nor secrets are printed.
impl fmt::Debug for StaticUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StaticUser(redacted)")
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedSecret(redacted)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials({} users, {} shared secrets)", self.users.len(), self.secrets.len())
    }
}

/// What is wrong with configured credentials. The operator is at fault; `index` counts the users from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCredential {
    /// A shared secret of fewer than 16 bytes.
    ShortSecret,
    /// More than 16 shared secrets.
    TooManySecrets,
    /// More than 65536 static users.
    TooManyUsers,
    /// A user without a name.
    EmptyName {
        /// Which user.
        index: usize,
    },
    /// A name of more than 508 bytes.
    LongName {
        /// Which user.
        index: usize,
    },
    /// A name with a control character.
    ControlCharacter {
        /// Which user.
        index: usize,
    },
    /// A name that reads as a time-limited one, beside shared secrets.
    LooksTimeLimited {
        /// Which user.
        index: usize,
    },
    /// A name that reads as a call token.
    LooksLikeToken {
        /// Which user.
        index: usize,
    },
    /// A name that an earlier user has.
    DuplicateName {
        /// Which user.
        index: usize,
    },
    /// A user without a password.
    EmptyPassword {
        /// Which user.
        index: usize,
    },
}

impl InvalidCredential {
    /// Which user, counted from 0; `None` when no single user is at fault.
    #[must_use]
    pub const fn user(self) -> Option<usize> {
        match self {
            Self::ShortSecret | Self::TooManySecrets | Self::TooManyUsers => None,
            Self::EmptyName { index }
            | Self::LongName { index }
            | Self::ControlCharacter { index }
            | Self::LooksTimeLimited { index }
            | Self::LooksLikeToken { index }
            | Self::DuplicateName { index }
            | Self::EmptyPassword { index } => Some(index),
        }
    }
}

impl fmt::Display for InvalidCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.user() {
            write!(formatter, "user {}: ", index.saturating_add(1))?;
        }
        formatter.write_str(match self {
            Self::ShortSecret => {
                "the shared secret has fewer than 16 bytes and can be guessed; make one with `openssl rand -hex 32`"
            }
            Self::TooManySecrets => "there are more than 16 shared secrets; remove those that issue nothing any more",
            Self::TooManyUsers => {
                "there are more than 65536 users; issue time-limited credentials with a shared secret"
            }
            Self::EmptyName { .. } => "the name is empty; it needs 1 to 508 bytes",
            Self::LongName { .. } => "the name has more than 508 bytes, which is what USERNAME can carry; shorten it",
            Self::ControlCharacter { .. } => "the name contains a control character; remove it",
            Self::LooksTimeLimited { .. } => {
                "the name reads as a time-limited one, digits alone or before a colon, which the shared secrets claim; \
                 start it with a letter"
            }
            Self::LooksLikeToken { .. } => {
                "the name reads as a call token, \"eyJ\" and two dots, and would be taken for one; choose another"
            }
            Self::DuplicateName { .. } => "an earlier user has the same name; give each name once",
            Self::EmptyPassword { .. } => "the password is empty; make one with `openssl rand -hex 16`",
        })
    }
}

impl core::error::Error for InvalidCredential {}

/// The username of a time-limited credential, `expiry:label`, or the expiry alone when the label is empty.
#[must_use]
pub fn ephemeral_username(expires: UnixTime, label: &str) -> String {
    if label.is_empty() { expires.as_secs().to_string() } else { format!("{}:{label}", expires.as_secs()) }
}

/// The password of a time-limited credential as coturn and others make it: the base64 of HMAC-SHA-1 under the secret
/// over the username. HMAC-SHA-1 is compatibility, see [`crate::wire::legacy`].
#[must_use]
pub fn ephemeral_password(secret: &SharedSecret, username: &[u8]) -> String {
    String::from_utf8_lossy(ephemeral_password_bytes(secret, username).as_slice()).into_owned()
}

/// 20 bytes of HMAC-SHA-1 are 28 characters of base64.
pub(super) fn ephemeral_password_bytes(secret: &SharedSecret, username: &[u8]) -> Zeroizing<[u8; 28]> {
    let mut password = Zeroizing::new([0; 28]);
    let hash = Zeroizing::new(legacy::hmac_sha1(&secret.0, &[username]));
    // The length is right, so the encoder does not fail; if it did, the password would be no one's.
    if STANDARD.encode_slice(hash.as_slice(), password.as_mut_slice()).is_err() {
        password.zeroize();
    }
    password
}

/// Whether a username is text without control characters. Nothing behind a NUL or a line break can then hide from
/// whoever reads it (RFC 8265 §4.2.2 forbids them).
pub(super) fn is_clean(username: &[u8]) -> bool {
    core::str::from_utf8(username).is_ok_and(|name| !name.chars().any(char::is_control))
}

/// When a username says that its credential ends, if it is the name of a time-limited one: decimal digits, alone or
/// before the first colon.
pub(super) fn expiry_of(username: &[u8]) -> Option<UnixTime> {
    let digits = username.split(|&byte| byte == b':').next()?;
    // 19 digits always fit 64 bits, and no clock shows more than 12 in our time.
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut seconds = 0_u64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        seconds = seconds.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(UnixTime::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> StaticUser {
        StaticUser { name: name.into(), password: b"secret".to_vec() }
    }

    fn secret() -> SharedSecret {
        SharedSecret::new(b"north-hospital-2026".to_vec()).unwrap()
    }

    // Computed with: printf '%s' USERNAME | openssl dgst -sha1 -hmac north-hospital-2026 -binary | base64
    #[test]
    fn a_time_limited_password_is_the_one_that_coturn_computes() {
        assert_eq!(ephemeral_password(&secret(), b"1767225600:visit"), "lZFpZecTvSTI31RBF6x99H0bko4=");
        assert_eq!(ephemeral_password(&secret(), b"1767225600"), "QcSW+wXFj0a/EuoI82S3vBLvdfA=");
    }

    #[test]
    fn a_time_limited_username_tells_its_end() {
        let end = UnixTime::from_secs(1_767_225_600);
        for label in ["", "visit", "ward 3:bed 4"] {
            assert_eq!(expiry_of(ephemeral_username(end, label).as_bytes()), Some(end), "{label}");
        }
        let last = UnixTime::from_secs(9_999_999_999_999_999_999);
        assert_eq!(expiry_of(b"9999999999999999999:far"), Some(last));
        for other in
            ["", ":", ":visit", "visit", "visit:1767225600", "12a:visit", " 12", "-1", "+1", "99999999999999999999"]
        {
            assert_eq!(expiry_of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(SharedSecret::new(vec![b'a'; 15]), Err(InvalidCredential::ShortSecret));
        assert!(SharedSecret::new(vec![b'a'; 16]).is_ok());
    }

    #[test]
    fn each_fault_of_a_user_is_named() {
        let with_secret = |users| Credentials::new(users, vec![secret()]);
        assert_eq!(with_secret(vec![user("a"), user("")]), Err(InvalidCredential::EmptyName { index: 1 }));
        assert_eq!(with_secret(vec![user(&"a".repeat(509))]), Err(InvalidCredential::LongName { index: 0 }));
        assert_eq!(with_secret(vec![user("alice\0x")]), Err(InvalidCredential::ControlCharacter { index: 0 }));
        assert_eq!(with_secret(vec![user("123:ward")]), Err(InvalidCredential::LooksTimeLimited { index: 0 }));
        assert_eq!(with_secret(vec![user("eyJ.a.b")]), Err(InvalidCredential::LooksLikeToken { index: 0 }));
        assert_eq!(with_secret(vec![user("a"), user("a")]), Err(InvalidCredential::DuplicateName { index: 1 }));
        let without = StaticUser { name: "a".into(), password: Vec::new() };
        assert_eq!(with_secret(vec![without]), Err(InvalidCredential::EmptyPassword { index: 0 }));
        assert!(with_secret(vec![user(&"a".repeat(508)), user("ward:3")]).is_ok());
        let most = vec![secret(); 17];
        assert_eq!(Credentials::new(Vec::new(), most), Err(InvalidCredential::TooManySecrets));
    }

    #[test]
    fn a_name_of_digits_is_allowed_where_no_secret_claims_it() {
        assert!(Credentials::new(vec![user("1001")], Vec::new()).is_ok());
    }

    #[test]
    fn nothing_prints_a_name_or_a_secret() {
        let credentials = Credentials::new(vec![user("alice")], vec![secret()]).unwrap();
        let printed = format!("{credentials:?} {:?} {:?}", user("alice"), secret());
        assert!(!printed.contains("alice") && !printed.contains("secret\"") && !printed.contains("north"));
        assert!(!InvalidCredential::DuplicateName { index: 0 }.to_string().is_empty());
    }
}
