//! `config/hilum.toml` is the format: every key with its default.

use std::collections::BTreeSet;

use hilum::config::{TABLES, changes};

use crate::world::{check, config};

const DELIVERED: &str = include_str!("../../config/hilum.toml");

/// The delivered file with credentials in it.
fn delivered() -> String {
    let empty = "shared_secret_files = []";
    assert_eq!(DELIVERED.matches(empty).count(), 1);
    DELIVERED.replace(empty, "shared_secret_files = [\"/s/secret\"]")
}

/// Every key that the delivered file shows, those without a default included, with its table and the words above it.
fn shown() -> Vec<(String, String, String)> {
    let (mut keys, mut table, mut words) = (Vec::new(), String::new(), String::new());
    for line in DELIVERED.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if bare.starts_with('[') {
            table = bare.trim_matches(['[', ']']).to_owned();
            words.clear();
        } else if let Some((key, _)) = bare.split_once(" = ").filter(|(key, _)| !key.contains([' ', ','])) {
            keys.push((table.clone(), key.to_owned(), words.clone()));
        } else if line.starts_with('#') {
            if keys.last().is_some_and(|(of, _, above)| *of == table && *above == words) {
                words.clear();
            }
            words.push_str(line.trim_start_matches('#'));
        } else {
            words.clear();
        }
    }
    keys
}

#[test]
fn the_delivered_file_says_what_an_empty_one_means() {
    let as_delivered = check(&delivered()).unwrap_or_else(|faults| panic!("{faults}"));
    let empty = config("");
    assert_eq!(changes(&as_delivered, &empty), []);
    assert_eq!(format!("{as_delivered:?}"), format!("{empty:?}"));
}

#[test]
fn the_delivered_file_shows_every_key_and_no_other() {
    let shown: BTreeSet<_> = shown().into_iter().map(|(table, key, _)| (table, key)).collect();
    let known: BTreeSet<_> = TABLES
        .iter()
        .flat_map(|(table, keys)| keys.iter().map(|key| ((*table).to_owned(), (*key).to_owned())))
        // Shown as the tables [[auth.user]], [[tls.name]], [tls.acme], [[signal.clinic]], [signal.openid], its rules
        // and [[signal.webhook]].
        .filter(|(table, key)| {
            ![
                ("auth", "user"),
                ("tls", "name"),
                ("tls", "acme"),
                ("signal", "clinic"),
                ("signal", "openid"),
                ("signal.openid", "role"),
                ("signal", "webhook"),
            ]
            .contains(&(table.as_str(), key.as_str()))
        })
        .collect();
    assert_eq!(shown, known);
}

#[test]
fn the_delivered_file_alone_lacks_only_credentials() {
    let faults = check(DELIVERED).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults}");
    assert_eq!(faults.iter().next().map(|fault| fault.key.as_str()), Some("auth"));
}

/// Which keys say "Restart." above them.
pub fn restarts() -> BTreeSet<String> {
    let all = shown().into_iter().filter(|(.., words)| words.contains("Restart."));
    all.map(|(table, key, _)| format!("{table}.{key}")).collect()
}
