//! The client's side of long-term credentials (RFC 8489 §9.2): what a 401 or 438 asks for, and how a request answers.

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::wire::{AttributeType, IntegrityKey, IntegrityKind, Message, MessageWriter, PasswordAlgorithm, padded};

/// A nonce that starts like this tells in its next four characters what the server can do (RFC 8489 §9.2).
const NONCE_COOKIE: &[u8] = b"obMatJos2";
/// The bit of "Password algorithms" in those 24, counted from the left (RFC 8489 §18.1).
const PASSWORD_ALGORITHMS_BIT: u8 = 0x80;
/// REALM and NONCE are at most 763 bytes long (RFC 8489 §14.9, §14.10).
const LONGEST_TEXT: usize = 763;

/// A user name and its password. It does not print the password, and forgets it when dropped.
#[derive(Clone)]
pub struct Credential {
    username: String,
    password: Zeroizing<Vec<u8>>,
}

impl Credential {
    /// A user name of up to 508 bytes (RFC 8489 §14.3: fewer than 509) and a password.
    ///
    /// # Errors
    /// [`InvalidUsername`] when the name is empty or longer.
    pub fn new(username: impl Into<String>, password: impl Into<Vec<u8>>) -> Result<Self, InvalidUsername> {
        let (username, password) = (username.into(), Zeroizing::new(password.into()));
        if (1..=508).contains(&username.len()) { Ok(Self { username, password }) } else { Err(InvalidUsername) }
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential(redacted)")
    }
}

/// A user name that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUsername;

impl fmt::Display for InvalidUsername {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a user name has 1 to 508 bytes; give another one")
    }
}

impl core::error::Error for InvalidUsername {}

/// Why a challenge cannot be answered. The server, or somebody between, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadChallenge {
    /// No REALM, or one that is too long.
    Realm,
    /// No NONCE, or one that is too long.
    Nonce,
    /// The nonce announces PASSWORD-ALGORITHMS and there are none: somebody took them out (RFC 8489 §9.2.5).
    BidDown,
    /// Neither MD5 nor SHA-256 is among the algorithms.
    Algorithms,
}

impl fmt::Display for BadChallenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Realm => "the server's challenge has no usable REALM",
            Self::Nonce => "the server's challenge has no usable NONCE",
            Self::BidDown => {
                "the server's list of password algorithms was removed on the way: somebody changes packets"
            }
            Self::Algorithms => "the server offers neither MD5 nor SHA-256 as password algorithm",
        })
    }
}

impl core::error::Error for BadChallenge {}

/// What the server asked for, and the key that answers it.
#[derive(Clone, Debug)]
pub struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    /// The server's PASSWORD-ALGORITHMS, to be sent back as they are, and the one chosen.
    offer: Option<(Vec<u8>, PasswordAlgorithm)>,
    key: IntegrityKey,
}

impl Challenge {
    /// Reads a 401 or 438. A 438 without realm keeps the one of `previous`.
    ///
    /// # Errors
    /// See [`BadChallenge`]; the request must not be tried again then.
    pub fn read(message: &Message<'_>, credential: &Credential, previous: Option<&Self>) -> Result<Self, BadChallenge> {
        let bounded = |value: &[u8]| (1..=LONGEST_TEXT).contains(&value.len());
        let realm = message.value(AttributeType::REALM).or(previous.map(|previous| previous.realm.as_slice()));
        let realm = realm.filter(|realm| bounded(realm)).ok_or(BadChallenge::Realm)?.to_vec();
        let nonce = message.value(AttributeType::NONCE).filter(|nonce| bounded(nonce)).ok_or(BadChallenge::Nonce)?;
        let offer = if announces_algorithms(nonce) {
            let list = message.value(AttributeType::PASSWORD_ALGORITHMS).ok_or(BadChallenge::BidDown)?;
            Some((list.to_vec(), first_known(list).ok_or(BadChallenge::Algorithms)?))
        } else {
            None
        };
        let algorithm = offer.as_ref().map_or(PasswordAlgorithm::Md5, |(_, algorithm)| *algorithm);
        let key = IntegrityKey::long_term(algorithm, credential.username.as_bytes(), &realm, &credential.password);
        Ok(Self { realm, nonce: nonce.to_vec(), offer, key })
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &[u8] {
        &self.realm
    }

    /// The password algorithm in use.
    #[must_use]
    pub fn algorithm(&self) -> PasswordAlgorithm {
        self.offer.as_ref().map_or(PasswordAlgorithm::Md5, |(_, algorithm)| *algorithm)
    }

    /// Which integrity attribute requests and answers carry: with a server that lists password algorithms only the
    /// SHA-256 one (RFC 8489 §9.2.5).
    #[must_use]
    pub const fn integrity(&self) -> IntegrityKind {
        if self.offer.is_some() { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 }
    }

    /// Appends what proves the credential to a request; nothing but FINGERPRINT may follow.
    pub fn sign(&self, writer: &mut MessageWriter<'_>, credential: &Credential) {
        writer
            .attribute(AttributeType::USERNAME, credential.username.as_bytes())
            .attribute(AttributeType::REALM, &self.realm)
            .attribute(AttributeType::NONCE, &self.nonce);
        if let Some((list, chosen)) = &self.offer {
            let [high, low] = chosen.code().to_be_bytes();
            writer
                .attribute(AttributeType::PASSWORD_ALGORITHMS, list)
                .attribute(AttributeType::PASSWORD_ALGORITHM, &[high, low, 0, 0]);
        }
        writer.integrity(self.integrity(), &self.key);
    }

    /// Whether the server has proven with this answer that it knows the password too.
    #[must_use]
    pub fn verifies(&self, answer: &Message<'_>) -> bool {
        self.key.verify(self.integrity(), answer)
    }
}

fn announces_algorithms(nonce: &[u8]) -> bool {
    let features = nonce.strip_prefix(NONCE_COOKIE).and_then(|rest| rest.first_chunk::<4>());
    let features = features.and_then(|four| STANDARD.decode(four).ok());
    features.and_then(|bits| bits.first().copied()).is_some_and(|bits| bits & PASSWORD_ALGORITHMS_BIT != 0)
}

/// The first algorithm of PASSWORD-ALGORITHMS that we know (RFC 8489 §9.2.5, §14.11).
fn first_known(mut list: &[u8]) -> Option<PasswordAlgorithm> {
    loop {
        let ([code_high, code_low, length_high, length_low], rest) = list.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        match (u16::from_be_bytes([*code_high, *code_low]), length) {
            (1, 0) => return Some(PasswordAlgorithm::Md5),
            (2, 0) => return Some(PasswordAlgorithm::Sha256),
            _ => list = rest.get(padded(length)..)?,
        }
    }
}
