//! The keyring file: the public keys and password keys of call tokens, as TOML. `hilum keys` writes it, relays read it.

use core::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use toml::de::DeValue;
use zeroize::Zeroizing;

use super::document;
use super::fault::Faults;
use super::section::{Section, kind};
use crate::auth::token::{Algorithm, Issuer, Kid, PasswordKey};
use crate::auth::{InvalidKey, Key, Keyring, PublicKey, Validity};
use crate::time::UnixTime;
use crate::time::date::{from_rfc3339, to_rfc3339};

/// Where the keyring is when nobody says otherwise.
pub const DEFAULT_KEYRING: &str = "/etc/hilum/keyring.toml";

const KEYS: [&str; 8] = ["kid", "alg", "public", "password", "issuer", "created", "not_before", "not_after"];

/// Reads and checks a keyring on this system.
///
/// # Errors
/// Everything that is wrong with it. No fault shows a key.
pub fn read_keyring(path: &Path) -> Result<Keyring, Faults> {
    let material = document::material(path)?;
    if let Some(open) = material.open_to_all() {
        return Err(Faults::of_file(&path.display().to_string(), open.to_string()));
    }
    parse_keyring(document::text(&material, path)?, path)
}

/// Checks the text of a keyring. `file` is what faults name.
///
/// # Errors
/// Everything that is wrong with it. No fault shows a key.
pub fn parse_keyring(text: &str, file: impl AsRef<Path>) -> Result<Keyring, Faults> {
    let (document, faults) = document::parse(text, file.as_ref())?;
    let keys = document::keys(document.get_ref(), &faults, "a keyring", &KEYS, key);
    match Keyring::new(keys) {
        Ok(keyring) if faults.is_empty() => return Ok(keyring),
        Ok(_) => {}
        Err(why @ (InvalidKey::Twice { .. } | InvalidKey::TooMany | InvalidKey::Public | InvalidKey::Window)) => {
            faults.add(None, "key", why.to_string());
        }
    }
    Err(faults.into_faults())
}

/// One key; `None` only with a fault noted.
fn key(section: &Section<'_>) -> Option<Key> {
    let kid = word::<Kid>(section, "kid");
    let algorithm = parsed(section, "alg", "write \"EdDSA\" or \"ES256\"", |text| text.parse::<Algorithm>().ok());
    let public = parsed(section, "public", "write the public key in base64url", bytes);
    let password = parsed(section, "password", "write 32 random bytes in base64url", |text| {
        Some(PasswordKey::new(bytes(text)?.as_slice().try_into().ok()?))
    });
    let issuer = if section.value("issuer").is_some() { Some(word::<Issuer>(section, "issuer")) } else { None };
    let created = time(section, "created");
    let not_before = time(section, "not_before");
    let not_after = if section.value("not_after").is_some() { Some(time(section, "not_after")) } else { None };
    let place = section.value("public").map_or(section.place(), |item| item.place);
    let public = match PublicKey::new(algorithm?, &public?) {
        Ok(public) => public,
        Err(why) => {
            section.fault(place, "public", why.to_string());
            return None;
        }
    };
    let issuer = match issuer {
        Some(issuer) => Some(issuer?),
        None => None,
    };
    let not_after = match not_after {
        Some(end) => Some(end?),
        None => None,
    };
    let validity = Validity { created: created?, not_before: not_before?, not_after };
    match Key::new(kid?, public, password?, validity, issuer) {
        Ok(key) => Some(key),
        Err(why) => {
            section.fault(section.place(), "not_after", why.to_string());
            None
        }
    }
}

/// A text that has to be there and that `read` understands.
fn parsed<T>(section: &Section<'_>, key: &str, advice: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let Some(item) = section.value(key) else {
        section.fault(section.place(), key, format!("is missing; {advice}"));
        return None;
    };
    let DeValue::String(text) = item.value else {
        section.fault(item.place, key, format!("is {}; write a string in quotes", kind(item.value)));
        return None;
    };
    let value = read(text);
    if value.is_none() {
        section.fault(item.place, key, format!("is not understood; {advice}"));
    }
    value
}

fn word<W: core::str::FromStr<Err: core::fmt::Display>>(section: &Section<'_>, key: &str) -> Option<W> {
    let advice = W::from_str("").err().map(|why| why.to_string()).unwrap_or_default();
    parsed(section, key, &advice, |text| text.parse().ok())
}

fn time(section: &Section<'_>, key: &str) -> Option<UnixTime> {
    parsed(section, key, "write a time in UTC, as \"2026-11-27T16:00:00Z\"", from_rfc3339)
}

fn bytes(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    URL_SAFE_NO_PAD.decode(text).ok().map(Zeroizing::new)
}

/// Writes a keyring as [`parse_keyring`] reads it. It holds password keys: whoever keeps it keeps it from others.
#[must_use]
pub fn write_keyring(keyring: &Keyring) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::from(
        "# Keys of call tokens, written by `hilum keys`: public keys and password keys, no signing key. Mode 640.\n",
    ));
    for key in keyring.keys() {
        let encoded = |bytes: &[u8]| Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes));
        let validity = key.validity();
        let algorithm = key.public().algorithm().label();
        let (public, password) = (encoded(&key.public().to_bytes()), encoded(key.password_key().as_bytes()));
        text.push_str("\n[[key]]\n");
        let mut line = |name: &str, value: &str| {
            // Writing to a String does not fail.
            writeln!(text, "{name} = \"{value}\"").unwrap_or_default();
        };
        line("kid", key.kid().as_str());
        line("alg", algorithm);
        line("public", &public);
        line("password", &password);
        if let Some(issuer) = key.issuer() {
            line("issuer", issuer.as_str());
        }
        line("created", &to_rfc3339(validity.created));
        line("not_before", &to_rfc3339(validity.not_before));
        if let Some(end) = validity.not_after {
            line("not_after", &to_rfc3339(end));
        }
    }
    text
}
