//! `[operator]`: the Unix socket, and who may use it.

use std::path::PathBuf;

use super::Reader;
use super::section::{Item, Section};
use crate::api::{People, Person};

pub(super) const KEYS: [&str; 3] = ["socket", "operators", "viewers"];

/// A path that the kernel takes for a socket, with the zero after it (unix(7): `sun_path`).
const LONGEST_PATH: usize = 107;
/// People that are named: whoever has more makes a group.
const MOST_PEOPLE: usize = 256;

/// Reads the table: where the socket is, if anywhere, and the people.
pub(super) fn read(reader: &Reader<'_>) -> (Option<PathBuf>, People) {
    let section = reader.section("operator", &KEYS);
    let people =
        People { operators: people(reader, &section, "operators"), viewers: people(reader, &section, "viewers") };
    let socket = section.text("socket").filter(|text| !text.value.is_empty()).map(|text| {
        let path = reader.path(text.value);
        if path.as_os_str().len() > LONGEST_PATH {
            let message = format!("has more than {LONGEST_PATH} bytes, and no system takes it; choose a shorter path");
            section.fault(text.place, "socket", message);
        }
        path
    });
    (socket, people)
}

/// `user:NAME` and `group:NAME`, by name or number, looked up once.
fn people(reader: &Reader<'_>, section: &Section<'_>, key: &'static str) -> Vec<Person> {
    let mut people = Vec::new();
    for (index, Item { value, place }) in section.texts(key).unwrap_or_default().into_iter().enumerate() {
        let name = format!("{key}[{index}]");
        let fault = |message: &str| section.fault(place, &name, message);
        if index == MOST_PEOPLE {
            fault("is one too many; name a group instead");
            break;
        }
        let environment = reader.environment;
        let found = match value.split_once(':') {
            Some(("user", user)) => user.parse().ok().or_else(|| environment.user(user)).map(Person::User),
            Some(("group", group)) => group.parse().ok().or_else(|| environment.group(group)).map(Person::Group),
            _ => {
                fault("is nobody; write \"user:NAME\" or \"group:NAME\", by name or number");
                continue;
            }
        };
        match found {
            Some(person) => people.push(person),
            None => fault("is not known to this host; see `getent passwd` and `getent group`"),
        }
    }
    people
}
