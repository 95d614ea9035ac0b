//! The password that belongs to a token.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// What a key's passwords are made with: 32 random bytes, known to the issuer and to the relays. With it a relay can
/// compute the password of a token that exists, and still sign none.
#[derive(Clone)]
pub struct PasswordKey(Zeroizing<[u8; 32]>);

impl PasswordKey {
    /// Takes the key's bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for whoever writes them into a keyring.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The password of a username: base64url, without padding, of its HMAC-SHA-256 (RFC 2104) under this key.
    #[must_use]
    pub fn password(&self, username: &[u8]) -> Password {
        let mut password = Zeroizing::new([0; 43]);
        // Any length of key does for HMAC, and 32 bytes are 43 characters: neither fails. If one did, the password
        // would be no one's.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else { return Password(password) };
        mac.update(username);
        let mut hash = mac.finalize().into_bytes();
        if URL_SAFE_NO_PAD.encode_slice(hash, password.as_mut_slice()).is_err() {
            password.zeroize();
        }
        hash.as_mut_slice().zeroize();
        Password(password)
    }
}

impl fmt::Debug for PasswordKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordKey(redacted)")
    }
}

/// A password: 43 characters of base64url.
#[derive(Clone)]
pub struct Password(Zeroizing<[u8; 43]>);

impl Password {
    /// The characters, as MESSAGE-INTEGRITY takes them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.0.as_slice()).unwrap_or_default()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with: printf '%s' USERNAME | openssl dgst -sha256 -hmac thirty-two-bytes-of-password-key -binary |
    // basenc --base64url
    #[test]
    fn a_password_is_the_one_that_openssl_computes() {
        let key = PasswordKey::new(*b"thirty-two-bytes-of-password-key");
        assert_eq!(key.password(b"eyJ.e30.AA").as_str(), "0mEWx1eu5SiupDg892a3Ww4f3iYdkQ1fWDSdQqiCR6M");
        assert_eq!(key.password(b"eyJ.e30.AA").as_bytes().len(), 43);
        assert_ne!(key.password(b"eyJ.e30.AB").as_str(), key.password(b"eyJ.e30.AA").as_str());
    }

    #[test]
    fn nothing_is_printed() {
        let key = PasswordKey::new([7; 32]);
        assert_eq!(format!("{key:?} {:?}", key.password(b"")), "PasswordKey(redacted) Password(redacted)");
    }
}
