//! Reading one table: types, bounds and unknown keys, each fault noted and the reading going on.

use core::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::TABLES;
use super::fault::{Collector, Place};

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One table of the file. A table that is not there reads as an empty one.
pub(super) struct Section<'d> {
    pub(super) faults: &'d Collector<'d>,
    name: &'static str,
    keys: &'static [&'static str],
    table: Option<&'d DeTable<'d>>,
    place: Place,
}

impl<'d> Section<'d> {
    /// Opens a table that stands at the top of the file.
    pub(super) fn open(
        root: &'d DeTable<'d>,
        name: &'static str,
        keys: &'static [&'static str],
        faults: &'d Collector<'d>,
    ) -> Self {
        let entry = root.get_key_value(name);
        let place = entry.map(|(key, _)| key.span().start);
        let value = entry.map(|(_, value)| value.get_ref());
        let table = value.and_then(DeValue::as_table);
        if let (Some(value), None) = (value, table) {
            faults.add(place, name, format!("is {}; it must be a table, started with [{name}]", kind(value)));
        }
        Self::of(table, place, name, keys, faults)
    }

    /// Opens a table that stands at `place` inside another.
    pub(super) fn of(
        table: Option<&'d DeTable<'d>>,
        place: Place,
        name: &'static str,
        keys: &'static [&'static str],
        faults: &'d Collector<'d>,
    ) -> Self {
        let section = Self { faults, name, keys, table, place };
        section.refuse_unknown_keys();
        section
    }

    /// The table is in the file.
    pub(super) const fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Where the table starts.
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// Notes a fault of one key of this table.
    pub(super) fn fault(&self, place: Place, key: &str, message: impl Into<String>) {
        self.faults.add(place, format!("{}.{key}", self.name), message);
    }

    /// The value of a key, whatever its type.
    pub(super) fn value(&self, key: &str) -> Option<Item<&'d DeValue<'d>>> {
        debug_assert!(self.keys.contains(&key), "{key} is missing from the keys of [{}]", self.name);
        let (name, value) = self.table?.get_key_value(key)?;
        Some(Item { value: value.get_ref(), place: Some(name.span().start) })
    }

    /// A whole number within `bounds`; `default` if it is absent or wrong.
    pub(super) fn number(&self, key: &str, bounds: RangeInclusive<u32>, default: u32) -> u32 {
        self.number_at(key, bounds, default).value
    }

    /// A whole number within `bounds` and where it stands; `default` if it is absent or wrong.
    pub(super) fn number_at(&self, key: &str, bounds: RangeInclusive<u32>, default: u32) -> Item<u32> {
        let Some(Item { value, place }) = self.value(key) else {
            return Item { value: default, place: None };
        };
        let wanted = format!("write a whole number from {} to {}", bounds.start(), bounds.end());
        let Some(integer) = value.as_integer() else {
            self.fault(place, key, format!("is {}; {wanted}, without quotes", kind(value)));
            return Item { value: default, place };
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        match number.and_then(|number| u32::try_from(number).ok()).filter(|number| bounds.contains(number)) {
            Some(number) => Item { value: number, place },
            None => {
                self.fault(place, key, format!("{integer} is out of bounds; {wanted}"));
                Item { value: default, place }
            }
        }
    }

    /// A number of things held in memory: as [`Self::number`].
    pub(super) fn count(&self, key: &str, bounds: RangeInclusive<u32>, default: u32) -> usize {
        usize::try_from(self.number(key, bounds, default)).unwrap_or(usize::MAX)
    }

    /// True or false; `default` if it is absent or wrong.
    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        let Some(Item { value, place }) = self.value(key) else { return default };
        value.as_bool().unwrap_or_else(|| {
            self.fault(place, key, format!("is {}; write true or false, without quotes", kind(value)));
            default
        })
    }

    /// A string; `None` if it is absent or wrong.
    pub(super) fn text(&self, key: &str) -> Option<Item<&'d str>> {
        let Item { value, place } = self.value(key)?;
        let text = value.as_str();
        if text.is_none() {
            self.fault(place, key, format!("is {}; write a string in quotes", kind(value)));
        }
        Some(Item { value: text?, place })
    }

    /// A list of strings, each with its place; `None` if it is absent or no list. Wrong entries are left out.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Item<&'d str>>> {
        let Item { value, place } = self.value(key)?;
        let Some(list) = value.as_array() else {
            self.fault(place, key, format!("is {}; write a list of strings, as [\"...\", \"...\"]", kind(value)));
            return None;
        };
        let mut items = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            let place = Some(entry.span().start);
            match entry.get_ref().as_str() {
                Some(value) => items.push(Item { value, place }),
                None => {
                    let message = format!("is {}; write a string in quotes", kind(entry.get_ref()));
                    self.fault(place, &format!("{key}[{index}]"), message);
                }
            }
        }
        Some(items)
    }

    fn refuse_unknown_keys(&self) {
        for (key, _) in self.table.into_iter().flatten() {
            if !self.keys.contains(&key.get_ref().as_ref()) {
                self.fault(Some(key.span().start), key.get_ref(), self.advice(key));
            }
        }
    }

    fn advice(&self, key: &Spanned<std::borrow::Cow<'_, str>>) -> String {
        let key = key.get_ref().as_ref();
        if self.name.starts_with("auth") && ["password", "secret", "secrets", "shared_secret"].contains(&key) {
            return "is unknown; secrets stay outside this file: name a file or an environment variable, with one of "
                .to_owned()
                + &self.keys.iter().filter(|known| known.contains('_')).copied().collect::<Vec<_>>().join(", ");
        }
        if let Some((table, _)) = TABLES.iter().find(|(table, keys)| *table != self.name && keys.contains(&key)) {
            return format!("is unknown here; it belongs under [{table}]");
        }
        unknown(key, self.keys)
    }
}

/// Notes tables that nobody knows.
pub(super) fn refuse_unknown_tables(root: &DeTable<'_>, faults: &Collector<'_>) {
    let names: Vec<&'static str> = TABLES.iter().map(|(name, _)| *name).filter(|name| !name.contains('.')).collect();
    for (key, _) in root {
        let name = key.get_ref().as_ref();
        if !names.contains(&name) {
            let advice = match TABLES.iter().find(|(_, keys)| keys.contains(&name)) {
                Some((table, _)) => format!("is unknown here; it belongs under [{table}]"),
                None => unknown(name, &names),
            };
            faults.add(Some(key.span().start), name, advice);
        }
    }
}

fn unknown(name: &str, known: &[&'static str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("is unknown; did you mean {near}?"),
        None => format!("is unknown; known are {}", known.join(", ")),
    }
}

/// The known name that the fewest single-letter changes lead to, if they are few.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let bound = name.chars().count().div_ceil(3).max(1);
    let (distance, near) = known.iter().map(|known| (edits(name, known), *known)).min()?;
    (distance <= bound).then_some(near)
}

/// Insertions, deletions and replacements of one letter that lead from one name to the other (Levenshtein). Long names
/// are cut: no key has more than 32 letters.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(32).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut before = index.saturating_add(1);
        let mut next = vec![before];
        for (right, above) in other.iter().zip(row.iter().skip(1)) {
            let change = diagonal.saturating_add(usize::from(left != *right));
            before = change.min(above.saturating_add(1)).min(before.saturating_add(1));
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// A value's type, as a message says it.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_single_letters() {
        for (one, other, distance) in [
            ("", "", 0),
            ("udp", "udp", 0),
            ("upd", "udp", 2),
            ("chanels", "channels", 1),
            ("", "tls", 3),
            ("tls", "", 3),
        ] {
            assert_eq!(edits(one, other), distance, "{one} {other}");
        }
        assert_eq!(nearest("chanels", &["channels", "permissions"]), Some("channels"));
        assert_eq!(nearest("zebra", &["channels", "permissions"]), None);
    }
}
