//! `docs/rfc-coverage.md` tells the truth: each test it names exists, no row is empty, and no scenario is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The functions below `tests/`, by the stem of their file.
type Functions = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    std::fs::read_to_string(root().join("docs/rfc-coverage.md")).unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The functions marked as tests.
fn tests_in(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut lines = source.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line != "#[test]" {
            continue;
        }
        let signature = lines.find(|line| line.contains("fn "));
        let name = signature.and_then(|line| line.split("fn ").nth(1)).and_then(|rest| rest.split('(').next());
        found.extend(name.map(str::to_owned));
    }
    found
}

fn tests() -> Functions {
    let mut functions = Functions::new();
    for path in files(&root().join("tests")) {
        functions.entry(stem(&path)).or_default().extend(tests_in(&std::fs::read_to_string(&path).unwrap()));
    }
    functions
}

/// What stands between backticks in a table and has `::` in it.
fn named(text: &str) -> Vec<(String, String)> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    quoted.filter_map(|name| name.split_once("::")).map(|(file, name)| (file.into(), name.into())).collect()
}

fn missing(text: &str, functions: &Functions) -> Vec<String> {
    let exists = |file: &str, name: &str| functions.get(file).is_some_and(|names| names.contains(name));
    named(text)
        .into_iter()
        .filter(|(file, name)| !exists(file, name))
        .map(|(file, name)| format!("{file}::{name}"))
        .collect()
}

/// Rows of tables that do not have three filled cells.
fn empty_rows(text: &str) -> Vec<&str> {
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    rows.filter(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        cells.len() != 3 || cells.iter().any(|cell| cell.is_empty())
    })
    .collect()
}

/// Sections of the RFC that no row begins with.
fn sections_without_a_row(text: &str) -> Vec<u8> {
    let has = |section: u8| {
        text.lines().any(|line| {
            let number = line.strip_prefix("| ").and_then(|rest| rest.split([' ', '.', ',', '-']).next());
            number == Some(section.to_string().as_str())
        })
    };
    (5..=14).filter(|&section| !has(section)).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let document = document();
    assert!(named(&document).len() > 100);
    assert_eq!(missing(&document, &tests()), [""; 0]);
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    assert_eq!(empty_rows(&document()), [""; 0]);
}

#[test]
fn every_section_from_5_to_14_has_a_row() {
    assert!(sections_without_a_row(&document()).is_empty(), "{:?}", sections_without_a_row(&document()));
}

#[test]
fn every_scenario_file_is_mentioned() {
    let mentioned: BTreeSet<String> = named(&document()).into_iter().map(|(file, _)| file).collect();
    let harness = ["main", "world", "issuer", "message", "restart", "coverage"];
    for path in files(&root().join("tests/scenarios")) {
        let stem = stem(&path);
        assert!(mentioned.contains(&stem) || harness.contains(&stem.as_str()), "{stem} is not in docs/rfc-coverage.md");
    }
}

#[test]
fn every_scenario_file_is_compiled() {
    let read = |file: &str| std::fs::read_to_string(root().join("tests/scenarios").join(file)).unwrap();
    // The world has a minter of its own, wherever the world is used.
    let main = read("main.rs") + &read("world.rs");
    for path in files(&root().join("tests/scenarios")) {
        let stem = stem(&path);
        assert!(stem == "main" || main.lines().any(|line| line == format!("mod {stem};")), "{stem}");
    }
}

// The checks themselves find what they are for.
#[test]
fn a_missing_test_an_empty_row_and_a_missing_section_are_found() {
    let functions = Functions::from([("a".into(), tests_in("#[test]\nfn b() {}\nfn helper() {}"))]);
    assert_eq!(missing("| 5 | x | `a::b`, `a::c`, `a::helper`, `d::b` |", &functions), ["a::c", "a::helper", "d::b"]);
    assert_eq!(empty_rows("| 5 | x | y |\n| 6 | x | |\n| 7 | x |\n|---|---|---|"), ["| 6 | x | |", "| 7 | x |"]);
    let rows: String = (5..=13).map(|section| format!("| {section}.1 | x | y |\n")).collect();
    assert_eq!(sections_without_a_row(&rows), [14]);
}
