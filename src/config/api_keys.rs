//! The file of API keys: ids, roles and hashes, as TOML. `hilum api-key` writes it, relays read it.

use core::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::document;
use super::fault::Faults;
use super::section::Section;
use crate::api::{ApiKey, ApiKeys, is_name};
use crate::time::date::{from_rfc3339, to_rfc3339};

/// Where the API keys are when nobody says otherwise.
pub const DEFAULT_API_KEYS: &str = "/etc/hilum/api-keys.toml";

const KEYS: [&str; 5] = ["id", "role", "name", "created", "hash"];

/// Reads and checks a file of API keys on this system.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_api_keys(path: &Path) -> Result<ApiKeys, Faults> {
    parse_api_keys(document::text(&document::material(path)?, path)?, path)
}

/// Checks the text of a file of API keys. `file` is what faults name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_api_keys(text: &str, file: impl AsRef<Path>) -> Result<ApiKeys, Faults> {
    let (document, faults) = document::parse(text, file.as_ref())?;
    let keys = document::keys(document.get_ref(), &faults, "the file", &KEYS, key);
    match ApiKeys::new(keys) {
        Ok(keys) if faults.is_empty() => return Ok(keys),
        Ok(_) => {}
        Err(why) => faults.add(None, "key", why.to_string()),
    }
    Err(faults.into_faults())
}

/// One key; `None` only with a fault noted.
fn key(section: &Section<'_>) -> Option<ApiKey> {
    fn parsed<T>(section: &Section<'_>, key: &str, advice: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = section.text(key);
        let value = text.and_then(|text| read(text.value));
        if value.is_none() {
            let place = text.map_or(section.place(), |text| text.place);
            section.fault(place, key, format!("is missing or not understood; {advice}"));
        }
        value
    }
    let id = parsed(section, "id", "write 1 to 16 letters and digits", |text| {
        text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    let role = parsed(section, "role", "write viewer, operator or issuer", |text| text.parse().ok());
    let name = parsed(section, "name", "write at most 64 printable characters of ASCII", |text| {
        is_name(text).then(|| text.to_owned())
    });
    let created = parsed(section, "created", "write a time in UTC, as \"2026-11-27T16:00:00Z\"", from_rfc3339);
    let hash = parsed(section, "hash", "make keys with `hilum api-key new`", |text| {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
    });
    Some(ApiKey { id: id?, role: role?, name: name?, created: created?, hash: hash? })
}

/// Writes API keys as [`parse_api_keys`] reads them.
#[must_use]
pub fn write_api_keys(keys: &ApiKeys) -> String {
    let mut text =
        String::from("# API keys, written by `hilum api-key`: hashes, no secret. The relay reads it on reload.\n");
    for key in keys.iter() {
        let (id, role, hash) = (key.id.as_str(), key.role.label(), URL_SAFE_NO_PAD.encode(key.hash));
        let (name, created) = (&key.name, to_rfc3339(key.created));
        // Writing to a String does not fail.
        writeln!(
            text,
            "\n[[key]]\nid = \"{id}\"\nrole = \"{role}\"\nname = \"{name}\"\ncreated = \"{created}\"\nhash = \"{hash}\""
        )
        .unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Role;
    use crate::time::UnixTime;

    #[test]
    fn what_is_written_is_read() {
        let made =
            |role, name: &str| ApiKey::generate(role, name.into(), UnixTime::from_secs(1_795_798_151)).unwrap().0;
        let keys = ApiKeys::new(vec![made(Role::Operator, "night shift"), made(Role::Issuer, "")]).unwrap();
        assert_eq!(parse_api_keys(&write_api_keys(&keys), "api-keys.toml"), Ok(keys));
    }

    #[test]
    fn a_fault_names_its_line_and_what_to_write() {
        let good = "[[key]]\nid = \"1\"\nrole = \"viewer\"\nname = \"\"\ncreated = \"2026-11-27\"\n\
                    hash = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n";
        assert_eq!(parse_api_keys(good, "k").map(|keys| keys.len()), Ok(1));
        for (from, to, says) in [
            ("viewer", "admin", "k:3: key.role: is missing or not understood; write viewer, operator or issuer"),
            ("id = \"1\"", "id = \"a_b\"", "k:2: key.id: "),
            ("hash = \"A", "hash = \"", "k:6: key.hash: "),
            ("name", "label", "key.label: is unknown"),
            ("[[key]]", "[[keys]]", "k:1: keys: is unknown; the file holds [[key]]"),
            ("[[key]]", "[[key]", "k:1: "),
        ] {
            let faults = parse_api_keys(&good.replace(from, to), "k").unwrap_err().to_string();
            assert!(faults.contains(says), "{faults}");
        }
        let twice = parse_api_keys(&format!("{good}{good}"), "k").unwrap_err().to_string();
        assert!(twice.contains("1 is the id of two keys"), "{twice}");
    }
}
