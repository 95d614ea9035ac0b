//! The values that a transport is described by: certificate, role, ICE credentials.

use core::fmt;

use super::refusal::Refusal;

/// Characters of an ICE user name: RFC 8839 §5.4 asks for 4 at least, 256 at most.
const UFRAG: core::ops::RangeInclusive<usize> = 4..=256;
/// Characters of an ICE password: 128 bits at least.
const PASSWORD: core::ops::RangeInclusive<usize> = 22..=256;

/// A hash function that a fingerprint may be made with (RFC 8122 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashFunction {
    /// 32 bytes: what browsers write.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl HashFunction {
    /// Its name in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of a certificate. Two that are written differently and say the same are equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    function: HashFunction,
    bytes: Vec<u8>,
}

impl Fingerprint {
    /// What it was made with.
    #[must_use]
    pub const fn function(&self) -> HashFunction {
        self.function
    }

    /// The hash.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads `sha-256 12:34:…`.
    pub(super) fn read(value: &str) -> Result<Self, Refusal> {
        let (name, digits) = value.split_once(' ').ok_or(Refusal::FingerprintMalformed)?;
        let weak = ["md2", "md5", "sha-1", "sha-224"];
        if weak.iter().any(|weak| name.eq_ignore_ascii_case(weak)) {
            return Err(Refusal::FingerprintWeak);
        }
        let known = [HashFunction::Sha256, HashFunction::Sha384, HashFunction::Sha512];
        let function = known.into_iter().find(|known| name.eq_ignore_ascii_case(known.name()));
        let function = function.ok_or(Refusal::FingerprintMalformed)?;
        let byte = |pair: &str| {
            let digits = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| digits).ok_or(Refusal::FingerprintMalformed)
        };
        let bytes = digits.split(':').map(byte).collect::<Result<Vec<u8>, Refusal>>()?;
        if bytes.len() == function.bytes() { Ok(Self { function, bytes }) } else { Err(Refusal::FingerprintMalformed) }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({})", self.function.name())
    }
}

/// Who begins the handshake (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Either: the answer decides.
    Actpass,
    /// This side does.
    Active,
    /// The other side does.
    Passive,
}

impl Setup {
    pub(super) fn read(value: &str) -> Result<Self, Refusal> {
        match value {
            "actpass" => Ok(Self::Actpass),
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "holdconn" => Err(Refusal::Holdconn),
            _ => Err(Refusal::Setup),
        }
    }
}

/// The ICE credentials of a transport; others are an ICE restart (RFC 8445 §9).
#[derive(Clone, PartialEq, Eq)]
pub struct Ice {
    pub(super) ufrag: String,
    pub(super) password: String,
}

impl Ice {
    /// The user name, which candidates name as well.
    #[must_use]
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }
}

impl fmt::Debug for Ice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ice(redacted)")
    }
}

/// Whether a text can be the user name of ICE credentials.
pub(super) fn is_ufrag(text: &str) -> bool {
    UFRAG.contains(&text.len()) && text.bytes().all(is_ice_char)
}

pub(super) fn ufrag(value: &str) -> Result<String, Refusal> {
    if is_ufrag(value) { Ok(value.to_owned()) } else { Err(Refusal::Ufrag) }
}

pub(super) fn password(value: &str) -> Result<String, Refusal> {
    let good = PASSWORD.contains(&value.len()) && value.bytes().all(is_ice_char);
    if good { Ok(value.to_owned()) } else { Err(Refusal::Password) }
}

/// ice-char of RFC 8839 §5.1.
pub(super) const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}
