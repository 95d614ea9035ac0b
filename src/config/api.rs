//! `[api]`: the operator's way in over the network. `[mint]`: credentials that are made there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use toml::de::DeValue;

use super::environment::Material;
use super::host::Host;
use super::section::{Item, Section, kind};
use super::tokens::{Tokens, word};
use super::{Reader, api_keys, listen, operator, reason};
use crate::api::{Access, ApiKeys, MOST_CERTIFICATES, Minter, Role};
use crate::auth::Key;
use crate::auth::token::{Issuer, Kid};
use crate::client::TurnUri;
use crate::mint::SigningKey;

pub(super) const KEYS: [&str; 5] = ["listen", "door", "keys", "client_ca", "certificates"];
pub(super) const MINT: [&str; 4] = ["key", "kid", "issuer", "urls"];

/// URLs of one answer: every transport of a few relays. Browsers slow down with more.
const MOST_URLS: usize = 16;

/// A file, and the hash of what was in it, to tell whether it has changed.
type Seen = (PathBuf, [u8; 32]);

/// What `[operator]`, `[api]` and `[mint]` say.
#[derive(Clone, Debug, Default)]
pub struct Api {
    /// The Unix socket; `None` for none.
    pub socket: Option<PathBuf>,
    /// Where the network is listened to, with TLS.
    pub listen: Vec<SocketAddr>,
    /// Whether operators are received at the door, too.
    pub door: bool,
    /// Who may vouch for the certificates of clients; empty if none are asked for.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Who may what.
    pub access: Arc<Access>,
    /// The file of the API keys.
    pub keys: Option<Seen>,
    /// The file of the authorities.
    pub client_ca: Option<Seen>,
    /// The file of the signing key.
    pub mint_key: Option<Seen>,
    /// What the keyring calls the signing key, if it is not the name of its file.
    pub mint_kid: Option<Kid>,
    /// Who mints.
    pub mint_issuer: Option<Issuer>,
    /// Where clients find the relays.
    pub mint_urls: Vec<String>,
}

/// Reads the tables.
pub(super) fn read(reader: &Reader<'_>, host: &Host, tokens: &Tokens, (taken, door): (&[SocketAddr], bool)) -> Api {
    let (socket, people) = operator::read(reader);
    let section = reader.section("api", &KEYS);
    let listen = listeners(&section, host, taken);
    let (keys, accepted) = keys(reader, &section).unzip();
    let (client_ca, authorities) = authorities(reader, &section).unzip();
    let certificates = certificates(&section);
    let place = section.value("listen").and_then(|item| item.place);
    if !listen.is_empty() && keys.is_none() && client_ca.is_none() {
        let message = "nobody could ask there; name a file under keys, as `hilum api-key new` makes it, or a client_ca";
        section.fault(place, "listen", message);
    }
    if !listen.is_empty() && !reader.root.contains_key("tls") {
        section.fault(
            place,
            "listen",
            "needs a certificate and a key; name their files under [tls], or empty this list",
        );
    }
    let door = at_door(&section, door, keys.is_some());
    if !certificates.is_empty() && client_ca.is_none() {
        let place = section.value("certificates").and_then(|item| item.place);
        section.fault(place, "certificates", "needs a client_ca beside it: who vouches for them?");
    }
    let mint = reader.section("mint", &MINT);
    let mut api =
        Api { socket, listen, door, authorities: authorities.unwrap_or_default(), keys, client_ca, ..minting(&mint) };
    let minter = minter(reader, &mint, &mut api, tokens);
    api.access = Arc::new(Access { people, keys: accepted.unwrap_or_default(), certificates, minter });
    api
}

/// Whether the door leads to the API.
fn at_door(section: &Section<'_>, is_there: bool, keys: bool) -> bool {
    let door = section.flag("door", false);
    let place = section.value("door").and_then(|item| item.place);
    if door && !is_there {
        section.fault(place, "door", "needs a door; name its address under [listen] door");
    } else if door && !keys {
        // Visitors of the door are not asked for certificates.
        let message = "nobody could ask there; name a file under keys, as `hilum api-key new` makes it";
        section.fault(place, "door", message);
    }
    door
}

fn listeners(section: &Section<'_>, host: &Host, taken: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for (index, Item { value, place }) in section.texts("listen").unwrap_or_default().into_iter().enumerate() {
        let fault = |message: &str| section.fault(place, &format!("listen[{index}]"), message);
        match listen::address(value) {
            Err(why) => fault(why),
            // A wildcard may stay one here: over TCP an answer always leaves from the address that was asked.
            Ok(address) if !address.ip().is_unspecified() && !host.has(address.ip()) => fault(listen::NOT_OURS),
            Ok(address) if addresses.iter().chain(taken).any(|other| listen::exclude(*other, address)) => {
                fault("is taken by another listener; choose another port");
            }
            Ok(address) => addresses.push(address),
        }
    }
    addresses
}

/// A file that a key names; `None` if it names none, or with a fault noted.
fn file(reader: &Reader<'_>, section: &Section<'_>, key: &str, secret: bool) -> Option<(Item<PathBuf>, Material)> {
    let Item { value, place } = section.text(key).filter(|text| !text.value.is_empty())?;
    let path = reader.path(value);
    let material = match reader.environment.file(&path) {
        Err(error) => {
            section.fault(place, key, format!("{} cannot be read: {}", path.display(), reason(&error)));
            return None;
        }
        Ok(material) => material,
    };
    if let Some(open) = material.open_to_all().filter(|_| secret) {
        section.fault(place, key, format!("{} {open}", path.display()));
        return None;
    }
    Some((Item { value: path, place }, material))
}

fn seen(path: &Item<PathBuf>, material: &Material) -> Seen {
    (path.value.clone(), Sha256::digest(&material.bytes).into())
}

fn keys(reader: &Reader<'_>, section: &Section<'_>) -> Option<(Seen, ApiKeys)> {
    let (path, material) = file(reader, section, "keys", true)?;
    match api_keys::parse_api_keys(&String::from_utf8_lossy(&material.bytes), &path.value) {
        Ok(keys) => Some((seen(&path, &material), keys)),
        Err(faults) => {
            for fault in faults.iter() {
                section.fault(path.place, "keys", fault.to_string());
            }
            None
        }
    }
}

fn authorities(reader: &Reader<'_>, section: &Section<'_>) -> Option<(Seen, Vec<CertificateDer<'static>>)> {
    let (path, material) = file(reader, section, "client_ca", false)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&material.bytes).filter_map(Result::ok).collect();
    let mut roots = rustls::RootCertStore::empty();
    if found.is_empty() || found.iter().any(|authority| roots.add(authority.clone()).is_err()) {
        let message = format!("{} must hold certificates of authorities, as PEM", path.value.display());
        section.fault(path.place, "client_ca", message);
        return None;
    }
    Some((seen(&path, &material), found))
}

/// The roles of certificates, by DNS name.
fn certificates(section: &Section<'_>) -> BTreeMap<String, Role> {
    let Some(Item { value, place }) = section.value("certificates") else { return BTreeMap::new() };
    let Some(table) = value.as_table() else {
        let message = format!("is {}; write a table, as {{ \"monitor.clinic.example\" = \"viewer\" }}", kind(value));
        section.fault(place, "certificates", message);
        return BTreeMap::new();
    };
    let mut roles = BTreeMap::new();
    for (name, role) in table {
        let place = Some(name.span().start);
        let name = name.get_ref().to_ascii_lowercase();
        // What the audit log takes: letters, digits, dots and hyphens.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        let role = DeValue::as_str(role.get_ref()).and_then(|text| text.parse::<Role>().ok());
        if name.is_empty() || name.len() > 48 || !name.bytes().all(fits) {
            section.fault(place, "certificates", "holds a name that is no DNS name of 1 to 48 characters");
        } else if let Some(role) = role {
            roles.insert(name, role);
        } else {
            section.fault(place, "certificates", "holds a role that is none; write viewer, operator or issuer");
        }
    }
    if roles.len() > MOST_CERTIFICATES {
        section.fault(place, "certificates", format!("has more than {MOST_CERTIFICATES} names"));
    }
    roles
}

/// What stands in `[mint]`, the key left out.
fn minting(section: &Section<'_>) -> Api {
    let mut urls = Vec::new();
    for (index, Item { value, place }) in section.texts("urls").unwrap_or_default().into_iter().enumerate() {
        let fault = |message: String| section.fault(place, &format!("urls[{index}]"), message);
        match value.parse::<TurnUri>() {
            Err(why) => fault(why.to_string()),
            Ok(_) if index == MOST_URLS => fault(format!("is one too many; a browser is told {MOST_URLS} at most")),
            Ok(_) => urls.push(value.to_owned()),
        }
    }
    Api { mint_kid: word(section, "kid"), mint_issuer: word(section, "issuer"), mint_urls: urls, ..Api::default() }
}

/// Who mints, if a signing key is named: it has to be a key of our own keyring, so that what is minted is accepted.
fn minter(reader: &Reader<'_>, section: &Section<'_>, api: &mut Api, tokens: &Tokens) -> Option<Minter> {
    let (path, material) = file(reader, section, "key", true)?;
    let fault = |message: String| section.fault(path.place, "key", message);
    let key = match SigningKey::from_pem(&material.bytes) {
        Ok(key) => key,
        Err(why) => {
            fault(format!("{} {why}", path.value.display()));
            return None;
        }
    };
    api.mint_key = Some(seen(&path, &material));
    let stem = path.value.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    let Some(kid) = api.mint_kid.or(stem) else {
        fault("has a file whose name is no key id; write the id as kid".to_owned());
        return None;
    };
    let Some(rules) = &tokens.rules else {
        // A keyring that cannot be read is a fault of its own already.
        if reader.faults.is_empty() {
            fault("signs tokens that this relay would refuse; name the keyring under [tokens]".to_owned());
        }
        return None;
    };
    let same = |known: &&Key| key.public().is_ok_and(|public| public.to_bytes() == known.public().to_bytes());
    let Some(known) = rules.keyring.get(&kid).filter(same) else {
        fault(format!("is not the key {} of the keyring; name the one that is, or its id as kid", kid.as_str()));
        return None;
    };
    let password = known.password_key().clone();
    let Some(issuer) = api.mint_issuer.or(known.issuer()) else {
        section.fault(section.place(), "issuer", "is missing; write who mints, the iss of every token");
        return None;
    };
    if known.issuer().is_some_and(|only| only != issuer) {
        section.fault(section.place(), "issuer", "is another one than the keyring allows for this key");
    }
    if api.mint_urls.is_empty() {
        let message =
            "is missing; write where clients find the relays, as [\"turn:turn.clinic.example:3478?transport=udp\"]";
        section.fault(section.place(), "urls", message);
    }
    let regions = tokens.region.into_iter().collect();
    Some(Minter { key, kid, password, issuer, audience: rules.audience, regions, urls: api.mint_urls.clone() })
}
