//! `[tokens]`: which call tokens are accepted, and where this relay stands.

use std::net::SocketAddr;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::fault::Place;
use super::section::{Item, Section};
use super::{Reader, keyring, listen, reason};
use crate::auth::token::{Audience, Region, TokenRules, Word};

pub(super) const KEYS: [&str; 6] = ["keyring", "cluster", "skew", "region", "elsewhere", "outside"];

/// What `[tokens]` says.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// What is demanded of a call token; `None` when none is accepted.
    pub rules: Option<TokenRules>,
    /// What the rules were made of, to tell whether they have changed: the keyring's path and the hash of its bytes.
    pub keyring: Option<(PathBuf, [u8; 32])>,
    /// Which cluster this relay is of.
    pub cluster: Option<Audience>,
    /// Seconds that clocks may be apart.
    pub skew: u32,
    /// Where this relay stands.
    pub region: Option<Region>,
    /// Relays of other regions.
    pub elsewhere: Vec<(Region, SocketAddr)>,
    /// Whether the peers outside that a token names may be reached.
    pub outside: bool,
}

/// Reads the table, and says where the keyring is named, if it is.
pub(super) fn read(reader: &Reader<'_>) -> (Tokens, Option<Place>) {
    let section = reader.section("tokens", &KEYS);
    let cluster = word(&section, "cluster");
    let region = word(&section, "region");
    let skew = section.number("skew", 0..=600, 60);
    let elsewhere = elsewhere(&section);
    let outside = section.flag("outside", false);
    let mut tokens = Tokens { rules: None, keyring: None, cluster, skew, region, elsewhere, outside };
    let Some(Item { value: path, place }) = section.text("keyring").filter(|path| !path.value.is_empty()) else {
        return (tokens, None);
    };
    let Some(audience) = cluster else {
        let message = "names keys, and without a cluster no token could be for this relay; write cluster = \"...\" beside \
                       it, the aud of your tokens";
        section.fault(place, "keyring", message);
        return (tokens, Some(place));
    };
    let path = reader.path(path);
    let fault = |message: String| section.fault(place, "keyring", message);
    match reader.environment.file(&path).map(|material| (material.open_to_all(), material)) {
        Err(error) => fault(format!("{} cannot be read: {}", path.display(), reason(&error))),
        Ok((Some(open), _)) => fault(format!("{} {open}", path.display())),
        Ok((None, material)) => match keyring::parse_keyring(&String::from_utf8_lossy(&material.bytes), &path) {
            Ok(keyring) => {
                tokens.rules = Some(TokenRules { keyring, audience, skew: skew.into() });
                tokens.keyring = Some((path, Sha256::digest(&material.bytes).into()));
            }
            Err(faults) => faults.iter().for_each(|one| fault(one.to_string())),
        },
    }
    (tokens, Some(place))
}

/// A word as tokens have them; absent when empty.
pub(super) fn word<const MOST: usize>(section: &Section<'_>, key: &str) -> Option<Word<MOST>> {
    let Item { value, place } = section.text(key).filter(|text| !text.value.is_empty())?;
    let word = value.parse();
    word.map_err(|why| section.fault(place, key, format!("is out of form; {why}"))).ok()
}

/// `region=address` for each relay of another region.
fn elsewhere(section: &Section<'_>) -> Vec<(Region, SocketAddr)> {
    let mut servers = Vec::new();
    for (index, Item { value, place }) in section.texts("elsewhere").unwrap_or_default().into_iter().enumerate() {
        let key = format!("elsewhere[{index}]");
        let parts =
            value.split_once('=').map(|(region, server)| (region.trim().parse(), listen::address(server.trim())));
        match parts {
            Some((Ok(region), Ok(server))) if !server.ip().is_unspecified() && server.port() != 0 => {
                servers.push((region, server));
            }
            _ => section.fault(place, &key, "is no region and address, as \"eu-south=192.0.2.9:3478\""),
        }
    }
    servers
}
