//! Files of TOML, read and parsed: what the configuration, the keyring and the file of API keys have in common.

use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::environment::Material;
use super::fault::{Collector, Faults};
use super::section::{Section, kind};
use super::{Environment, System, reason};

/// A file of this system.
pub(super) fn material(path: &Path) -> Result<Material, Faults> {
    System
        .file(path)
        .map_err(|error| Faults::of_file(&path.display().to_string(), format!("cannot be read: {}", reason(&error))))
}

/// Its text.
pub(super) fn text<'m>(material: &'m Material, path: &Path) -> Result<&'m str, Faults> {
    core::str::from_utf8(&material.bytes).map_err(|_| {
        let message = "is not UTF-8, which TOML is written in; convert it".to_owned();
        Faults::of_file(&path.display().to_string(), message)
    })
}

/// The document of a text, and where its faults go. What follows a syntax error is guesswork, and faults of guesses would
/// mislead.
pub(super) fn parse<'t>(text: &'t str, file: &Path) -> Result<(Spanned<DeTable<'t>>, Collector<'t>), Faults> {
    let faults = Collector::new(file.display().to_string(), text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // The parser's words name no value of the file.
        let place = error.span().map_or(text.len(), |span| span.start);
        faults.add(Some(place), "", error.message());
    }
    if errors.is_empty() { Ok((document, faults)) } else { Err(faults.into_faults()) }
}

/// The entries of a file that holds `[[key]]` and nothing else; `file` says in words what it is. An entry that `read` makes
/// nothing of has had its fault noted.
pub(super) fn keys<T>(
    document: &DeTable<'_>,
    faults: &Collector<'_>,
    file: &str,
    known: &'static [&'static str],
    read: impl Fn(&Section<'_>) -> Option<T>,
) -> Vec<T> {
    let mut keys = Vec::new();
    for (name, value) in document {
        let place = Some(name.span().start);
        if name.get_ref().as_ref() != "key" {
            faults.add(place, name.get_ref().as_ref(), format!("is unknown; {file} holds [[key]] and nothing else"));
            continue;
        }
        let Some(list) = value.get_ref().as_array() else {
            faults.add(place, "key", format!("is {}; start each key with [[key]]", kind(value.get_ref())));
            continue;
        };
        for entry in list {
            let place = Some(entry.span().start);
            match entry.get_ref().as_table() {
                Some(table) => keys.extend(read(&Section::of(Some(table), place, "key", known, faults))),
                None => {
                    faults.add(place, "key", format!("holds {}; start each key with [[key]]", kind(entry.get_ref())));
                }
            }
        }
    }
    keys
}
