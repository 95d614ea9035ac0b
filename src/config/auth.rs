//! `[auth]`: who may ask. Secrets come from files and environment variables, never from the configuration itself, and
//! no fault shows one.

use zeroize::Zeroizing;

use super::fault::Place;
use super::section::{Item, Section, kind};
use super::terms::{self, Kind};
use super::tokens::Tokens;
use super::{Reader, reason};
use crate::auth::{Credentials, SharedSecret, StaticUser, Terms};

pub(super) const KEYS: [&str; 6] = ["accept", "reach", "regions", "shared_secret_files", "shared_secret_env", "user"];
pub(super) const USER: [&str; 3] = ["name", "password_file", "password_env"];

/// Faults of users that are listed: who has more can mend these first.
const MOST_USER_FAULTS: usize = 100;

/// What `[auth]` says.
pub(super) struct Auth {
    pub(super) credentials: Credentials,
    /// The secret that makes new credentials.
    pub(super) issuing: Option<SharedSecret>,
    pub(super) terms: Terms,
}

/// Reads everybody who may ask. `keyring`: where call tokens are configured, which may ask as well. `None` only with a
/// fault noted.
pub(super) fn read(reader: &Reader<'_>, tokens: &Tokens, keyring: Option<Place>) -> Option<Auth> {
    let section = reader.section("auth", &KEYS);
    let mut secrets = Vec::new();
    for source in [Source::File, Source::Variable] {
        let key = source.list();
        for (index, text) in section.texts(key).unwrap_or_default().into_iter().enumerate() {
            let key = format!("{key}[{index}]");
            if let Some(bytes) = source.read(reader, &section, &key, text) {
                secrets.extend(lines(&section, &key, text.place, &bytes));
            }
        }
    }
    let users = users(reader, &section);
    let issuing = secrets.first().cloned();
    let terms = terms::terms(&section, tokens);
    let named = [
        (Kind::Static, "auth.user", "user"),
        (Kind::Secret, "auth.shared_secret_files", Source::File.list()),
        (Kind::Secret, "auth.shared_secret_env", Source::Variable.list()),
    ];
    let named = named.into_iter().filter_map(|(kind, name, key)| {
        let item = section.value(key)?;
        has_any(item).then_some((kind, name, item.place))
    });
    let there: Vec<_> = named.chain(keyring.map(|place| (Kind::Token, "tokens.keyring", place))).collect();
    terms::refuse_useless(&section, &there);
    if there.is_empty() {
        let message = "nobody may ask: a relay needs credentials, else it would be open to the world; name a file under \
                       shared_secret_files, a user under [[auth.user]], or a keyring under [tokens]";
        reader.faults.add(section.place(), "auth", message);
        return None;
    }
    accept(reader, users, secrets).map(|credentials| Auth { credentials, issuing, terms })
}

fn has_any(item: Item<&toml::de::DeValue<'_>>) -> bool {
    // Of a wrong type: that is a fault of its own already.
    item.value.as_array().is_none_or(|list| !list.is_empty())
}

/// Where a secret is kept.
#[derive(Clone, Copy)]
enum Source {
    File,
    Variable,
}

impl Source {
    const fn list(self) -> &'static str {
        match self {
            Self::File => "shared_secret_files",
            Self::Variable => "shared_secret_env",
        }
    }

    /// Reads what `text` names; notes a fault of `key` if that cannot be.
    fn read(
        self,
        reader: &Reader<'_>,
        section: &Section<'_>,
        key: &str,
        text: Item<&str>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let fault = |message: String| section.fault(text.place, key, message);
        match self {
            Self::File => {
                let path = reader.path(text.value);
                let material = match reader.environment.file(&path) {
                    Ok(material) => material,
                    Err(error) => {
                        fault(format!("{} cannot be read: {}", path.display(), reason(&error)));
                        return None;
                    }
                };
                if let Some(open) = material.open_to_all() {
                    fault(format!("{} {open}", path.display()));
                }
                Some(material.bytes)
            }
            Self::Variable => {
                let bytes = reader.environment.variable(text.value);
                if bytes.is_none() {
                    fault(format!("the environment variable {} is not set", variable(text.value)));
                }
                bytes
            }
        }
    }
}

/// The name of a variable, as a fault may show it: whoever pastes a secret in its place must not find it in a log.
fn variable(name: &str) -> &str {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.bytes().all(fits) { name } else { "of that name" }
}

/// The secrets of one file or variable: one a line, blank lines left out.
fn lines(section: &Section<'_>, key: &str, place: Place, bytes: &[u8]) -> Vec<SharedSecret> {
    let mut secrets = Vec::new();
    let mut empty = true;
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        empty = false;
        match SharedSecret::new(line.to_vec()) {
            Ok(secret) => secrets.push(secret),
            Err(why) => section.fault(place, key, format!("line {}: {why}", index.saturating_add(1))),
        }
    }
    if empty {
        section.fault(place, key, "is empty; write a secret into it, as `openssl rand -hex 32` makes one");
    }
    secrets
}

/// The users, each with its place. One that has a fault of its own is left out.
fn users(reader: &Reader<'_>, auth: &Section<'_>) -> Vec<Item<StaticUser>> {
    let Some(Item { value, place }) = auth.value("user") else { return Vec::new() };
    let Some(list) = value.as_array() else {
        auth.fault(place, "user", format!("is {}; start each user with [[auth.user]]", kind(value)));
        return Vec::new();
    };
    let mut users = Vec::with_capacity(list.len());
    for entry in list {
        let place = Some(entry.span().start);
        let Some(table) = entry.get_ref().as_table() else {
            auth.fault(place, "user", format!("holds {}; start each user with [[auth.user]]", kind(entry.get_ref())));
            continue;
        };
        let section = Section::of(Some(table), place, "auth.user", &USER, reader.faults);
        let name = section.text("name");
        if section.value("name").is_none() {
            section.fault(place, "name", "is missing; give the user a name");
        }
        let password = password(reader, &section);
        if let (Some(name), Some(password)) = (name, password) {
            let user = StaticUser { name: name.value.to_owned(), password };
            users.push(Item { value: user, place: name.place });
        }
    }
    users
}

fn password(reader: &Reader<'_>, section: &Section<'_>) -> Option<Vec<u8>> {
    let (source, key) = match (section.value("password_file"), section.value("password_env")) {
        (Some(_), None) => (Source::File, "password_file"),
        (None, Some(_)) => (Source::Variable, "password_env"),
        (None, None) => {
            section.fault(section.place(), "password_file", "is missing, and so is password_env; give one of them");
            return None;
        }
        (Some(_), Some(item)) => {
            section.fault(item.place, "password_env", "stands beside password_file; give one of them");
            return None;
        }
    };
    let text = section.text(key)?;
    let bytes = source.read(reader, section, key, text)?;
    let line = bytes.trim_ascii_end();
    if line.is_empty() {
        section.fault(text.place, key, "is empty; write a password into it, as `openssl rand -hex 16` makes one");
        return None;
    }
    if line.contains(&b'\n') {
        section.fault(text.place, key, "has more than one line; a user has one password");
        return None;
    }
    Some(line.to_vec())
}

/// Asks `auth` whether the credentials are sound, and notes each user that is not.
fn accept(reader: &Reader<'_>, users: Vec<Item<StaticUser>>, secrets: Vec<SharedSecret>) -> Option<Credentials> {
    let places: Vec<Place> = users.iter().map(|user| user.place).collect();
    let mut users: Vec<StaticUser> = users.into_iter().map(|user| user.value).collect();
    let mut sound = true;
    for _ in 0..MOST_USER_FAULTS {
        let why = match Credentials::new(users.clone(), secrets.clone()) {
            Ok(credentials) => return sound.then_some(credentials),
            Err(why) => why,
        };
        sound = false;
        let at = why.user();
        let place = at.and_then(|index| places.get(index).copied()).flatten();
        reader.faults.add(place, if at.is_some() { "auth.user.name" } else { "auth" }, why.to_string());
        // A sound user in its stead lets `auth` find the next fault, and keeps the numbers.
        let stand_in = |index: usize| StaticUser { name: format!("\u{fffd} {index}"), password: b"-".to_vec() };
        match at.and_then(|index| users.get_mut(index).map(|user| (index, user))) {
            Some((index, user)) => *user = stand_in(index),
            None => return None,
        }
    }
    None
}
