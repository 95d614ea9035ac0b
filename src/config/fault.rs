//! What is wrong with a configuration, and where.

use core::fmt;
use std::cell::RefCell;

/// One thing that is wrong. It names keys, files, variables, numbers and bounds, and shows no secret, no name of a user
/// and no address but the network that a mistyped one should be: a log may hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was given.
    pub file: String,
    /// The line, counted from 1; `None` for what is missing from the file and for the file itself.
    pub line: Option<usize>,
    /// The key with its table, as `limits.channels`; empty for the file itself and for syntax.
    pub key: String,
    /// What is wrong, the bound, what to write instead.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(formatter, "{line}:")?;
        }
        if !self.key.is_empty() {
            write!(formatter, " {}:", self.key)?;
        }
        write!(formatter, " {}", self.message)
    }
}

/// Everything that is wrong with a configuration, one fault a line, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The one fault of a file that cannot be read at all.
    pub(super) fn of_file(file: &str, message: String) -> Self {
        Self(vec![Fault { file: file.to_owned(), line: None, key: String::new(), message }])
    }

    /// The faults in the order of the file; what is missing from the file comes last.
    pub fn iter(&self) -> core::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// How many there are, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{fault}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Faults {}

/// A place in the text: an offset in bytes, or none for what is not there.
pub(super) type Place = Option<usize>;

/// Gathers faults while the tables are read.
pub(super) struct Collector<'t> {
    file: String,
    text: &'t str,
    found: RefCell<Vec<(Place, Fault)>>,
}

impl<'t> Collector<'t> {
    pub(super) fn new(file: String, text: &'t str) -> Self {
        Self { file, text, found: RefCell::new(Vec::new()) }
    }

    /// Notes a fault of `key` at `place`.
    pub(super) fn add(&self, place: Place, key: impl Into<String>, message: impl Into<String>) {
        let line = place.map(|offset| {
            // A syntax error at the end of the file is one of the last line that has something on it.
            let before = self.text.get(..offset).unwrap_or(self.text);
            let before = if offset >= self.text.len() { before.trim_end_matches(['\n', '\r']) } else { before };
            before.bytes().filter(|&byte| byte == b'\n').count().saturating_add(1)
        });
        let fault = Fault { file: self.file.clone(), line, key: key.into(), message: message.into() };
        self.found.borrow_mut().push((place, fault));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// The faults, in the order of the file.
    pub(super) fn into_faults(self) -> Faults {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(place, _)| place.unwrap_or(usize::MAX));
        Faults(found.into_iter().map(|(_, fault)| fault).collect())
    }
}
