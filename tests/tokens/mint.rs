//! The ten lines of Rust in docs/tokens.md, as they stand there.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

pub fn mint(kid: &str, pem: &str, password_key: &str, claims: &str) -> Result<[String; 2], Box<dyn std::error::Error>> {
    let der = STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>())?;
    let key = SigningKey::from_bytes(der.last_chunk().ok_or("no key of Ed25519")?);
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    let username = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let mut mac = Hmac::<Sha256>::new_from_slice(&URL_SAFE_NO_PAD.decode(password_key.trim())?)?;
    mac.update(username.as_bytes());
    let password = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok([username, password])
}
