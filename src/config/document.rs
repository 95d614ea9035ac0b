//! Files of TOML, read and parsed: what the configuration, the keyring and the file of API keys have in common.

use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::environment::Material;
use super::fault::{Collector, Faults};
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
