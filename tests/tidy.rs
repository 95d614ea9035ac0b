//! The source tree has a test of its own: floors, wall, lengths, words, licences. Each law is shown to fail on a bad
//! example before it is held against the tree.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[path = "tidy/laws.rs"]
mod laws;
#[path = "tidy/rust.rs"]
mod rust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use laws::{Exception, FLOORS, Fault};

/// Lines of a file. 400 is the aim; beyond 600 nobody reads it whole.
const FILE_LIMIT: usize = 600;
/// Lines of a function: a screen and a bit. 60 is the aim.
const FUNCTION_LIMIT: usize = 80;

/// Functions that may be longer. The number may only go down.
const LONG_FUNCTIONS: &[Exception] = &[
    Exception {
        file: "tests/fuzz/seeds.rs",
        function: "messages",
        lines: 148,
        reason: "a list with one entry for each kind of message; parts of it would only need names",
    },
    Exception {
        file: "tests/fuzz/seeds.rs",
        function: "programs",
        lines: 82,
        reason: "a list with one entry for each program; parts of it would only need names",
    },
];

/// Files outside `src/plane/sys.rs` that hold `unsafe`, and why.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("src/plane/sys.rs", "the system calls that no safe crate offers"),
    ("tests/counting/mod.rs", "a counting allocator is the only witness of what is allocated and left behind"),
];

/// Files with 64 hexadecimal digits that are no secret, and why.
const PUBLISHED_DIGITS: &[(&str, &str)] = &[
    ("Cargo.lock", "checksums of packages"),
    ("fuzz/Cargo.lock", "checksums of packages"),
    ("tests/wire/integrity.rs", "vectors that the RFCs print"),
    ("tests/wire/vectors.rs", "vectors that the RFCs print"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the tree as (path from the root, absolute path), in order; what others built is left out.
fn files() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let foreign = [".git", "target", "node_modules", ".venv", "__pycache__"];
            if path.is_dir() && !path.is_symlink() {
                if !foreign.iter().any(|each| path.ends_with(each)) {
                    open.push(path);
                }
            } else if path.is_file() {
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

/// The Rust files below a directory, with their text; the names are relative to it.
fn rust_files(under: &str) -> Vec<(String, String)> {
    let all = files().into_iter().filter(|(name, _)| name.ends_with(".rs"));
    let inside = all.filter_map(|(name, path)| Some((name.strip_prefix(under)?.to_owned(), path)));
    inside.map(|(name, path)| (name, std::fs::read_to_string(path).unwrap())).collect()
}

/// Fails with every fault in `file:line: what` form.
fn none(faults: impl IntoIterator<Item = (String, Fault)>) {
    let lines: Vec<String> =
        faults.into_iter().map(|(file, fault)| format!("{file}:{}: {}", fault.line, fault.what)).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// Holds one law against every file of a list.
fn hold(files: &[(String, String)], law: impl Fn(&str, &str) -> Vec<Fault>) {
    assert!(!files.is_empty(), "nothing to judge");
    none(files.iter().flat_map(|(name, source)| law(name, source).into_iter().map(|fault| (name.clone(), fault))));
}

fn lines_of(faults: &[Fault]) -> Vec<usize> {
    faults.iter().map(|fault| fault.line).collect()
}

/// The first path component, or the file's own name without its ending.
fn top(file: &str) -> String {
    laws::module_path(file).first().cloned().unwrap_or_default()
}

#[test]
fn arrows_only_point_down() {
    let up =
        "use crate::turn::Relay;\nfn f() { crate::auth::g(); super::policy::h() }\nuse crate::{addr::A, cli as c};";
    assert_eq!(lines_of(&laws::upward_arrows("wire/mod.rs", up)), [1, 2, 2, 3]);
    assert_eq!(laws::upward_arrows("turn/relay.rs", "use crate::wire::Message; use super::slot::Slot;"), []);
    assert_eq!(laws::upward_arrows("wire/frame.rs", "// crate::turn\nconst A: &str = \"crate::turn\";"), []);
    assert_eq!(lines_of(&laws::upward_arrows("listen/tls.rs", "use crate::admin::Names;")), [1], "edges apart");
    assert_eq!(lines_of(&laws::upward_arrows("plane/udp.rs", "use super::super::app::App;")), [1]);

    hold(&rust_files("src/"), laws::upward_arrows);
}

#[test]
fn imports_form_no_ring() {
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let ring = laws::ring(&BTreeSet::from([pair("a", "b"), pair("b", "c"), pair("c", "b")]));
    assert_eq!(ring, Some(vec!["b".to_owned(), "c".to_owned()]));
    assert_eq!(laws::ring(&BTreeSet::from([pair("a", "b"), pair("a", "c"), pair("b", "c")])), None);

    let mut arrows = BTreeSet::new();
    for (file, source) in rust_files("src/") {
        arrows.extend(laws::arrows(&file, &source).into_iter().map(|(_, to)| (top(&file), to)));
    }
    assert!(arrows.len() > 20, "the arrows are seen");
    assert_eq!(laws::ring(&arrows), None);
}

#[test]
fn every_module_has_its_floor_and_the_wall_stands_in_lib_rs() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut declared = BTreeSet::new();
    let mut gated = false;
    for line in lib.lines() {
        if let Some(module) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            let floor = FLOORS.iter().find(|floor| floor.module == module);
            let floor = floor.unwrap_or_else(|| panic!("`{module}` has no floor in tests/tidy/laws.rs"));
            assert_eq!(gated, !floor.below_the_wall, "`{module}` is on the wrong side of the feature `server`");
            declared.insert(module);
        }
        gated = line == "#[cfg(feature = \"server\")]";
    }
    let known: BTreeSet<&str> = FLOORS.iter().map(|floor| floor.module).collect();
    assert_eq!(declared, known);
}

/// The modules on each line of the drawing, from the top down.
fn drawn(architecture: &str) -> Vec<Vec<String>> {
    let drawing = architecture.split("```text").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    // What a module is for stands two spaces or more to the right of the names, which are two spaces apart at most.
    let names = |line: &str| -> Vec<String> {
        let left = line.trim_start().split("   ").next().unwrap_or_default();
        left.split_whitespace().map(str::to_owned).collect()
    };
    let lines = drawing.lines().filter(|line| !line.trim().is_empty() && !line.contains("----"));
    lines.map(names).filter(|names| names != &["main"]).collect()
}

#[test]
fn the_drawing_in_architecture_md_is_the_house_that_stands() {
    let mut ranks: Vec<u8> = FLOORS.iter().map(|floor| floor.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let of = |rank| FLOORS.iter().filter(move |floor| floor.rank == rank).map(|floor| floor.module.to_owned());
    let floors: Vec<Vec<String>> = ranks.into_iter().rev().map(|rank| of(rank).collect()).collect();
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert_eq!(drawn(&architecture), floors);
}

#[test]
fn below_the_wall_there_is_no_clock_no_socket_no_runtime_no_chance() {
    let bad = "use std::net::UdpSocket;\nuse std::{sync::Arc, time::Instant};\nfn f() { println!(); }\nuse tokio::spawn;\n\
               fn g() { unsafe { h() } }\nuse rand_core::{RngCore, OsRng};";
    assert_eq!(lines_of(&laws::over_the_wall(bad)), [1, 2, 3, 4, 5, 6]);
    let good =
        "use core::net::IpAddr; use std::sync::Arc; // std::net\n#[cfg(test)]\nmod tests { use std::time::Instant; }";
    assert_eq!(laws::over_the_wall(good), []);

    let below = |file: &str| FLOORS.iter().any(|floor| floor.module == top(file) && floor.below_the_wall);
    let tests = |file: &str| file.ends_with("/tests.rs") || file.contains("/tests/");
    let core: Vec<_> = rust_files("src/").into_iter().filter(|(file, _)| below(file) && !tests(file)).collect();
    hold(&core, |_, source| laws::over_the_wall(source));
}

#[test]
fn the_core_builds_without_the_world() {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--no-default-features", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("hmac"), "the tree is seen");
    let world =
        ["tokio", "mio", "libc", "nix", "socket2", "rustls", "rand", "getrandom", "clap", "prometheus", "tracing"];
    let found: Vec<_> = world.iter().filter(|name| names.contains(*name)).collect();
    assert!(found.is_empty(), "the core depends on {found:?}");
}

#[test]
fn nothing_is_put_off() {
    let bad =
        "// TODO: later\nfn f() { todo!() }\nfn g() { unimplemented!() }\nfn h() { dbg!(1); }\n/* FIXME */\n/// stub";
    assert_eq!(lines_of(&laws::unfinished(bad)), [1, 2, 3, 4, 5, 6]);
    assert_eq!(laws::unfinished("// A mastodon.\nfn todo() { let s = \"TODO\"; todo(); }"), []);

    hold(&rust_files(""), |_, source| laws::unfinished(source));
}

#[test]
fn only_the_command_line_prints() {
    assert_eq!(lines_of(&laws::printing("fn f() {\n println!(\"x\");\n}\nfn g() { eprint!(\"y\") }")), [2, 4]);
    assert_eq!(laws::printing("#[cfg(test)]\nmod tests { fn f() { println!(\"x\") } }"), []);

    let speaks = |file: &str| file.starts_with("cli/") || file == "main.rs";
    let silent: Vec<_> = rust_files("src/").into_iter().filter(|(file, _)| !speaks(file)).collect();
    hold(&silent, |_, source| laws::printing(source));
}

#[test]
fn files_and_functions_fit_a_reader() {
    assert_eq!(laws::too_long("a\nb\nc", 2).len(), 1);
    assert_eq!(laws::too_long("a\nb", 2), []);
    let long = "fn short() {}\nfn long(a: [u8; 3]) -> u8\n{\n  1\n}\ntrait T { fn none(&self); }";
    assert_eq!(lines_of(&laws::long_functions("f", long, 3, &[])), [2]);
    let excepted = |lines| Exception { file: "f", function: "long", lines, reason: "one arm for each of many cases" };
    assert_eq!(laws::long_functions("f", long, 3, &[excepted(4)]), []);
    assert_eq!(laws::long_functions("f", long, 3, &[excepted(9)]).len(), 1, "the ratchet only goes down");

    let all = rust_files("");
    hold(&all, |_, source| laws::too_long(source, FILE_LIMIT));
    hold(&all, |file, source| laws::long_functions(file, source, FUNCTION_LIMIT, LONG_FUNCTIONS));
    let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    for exception in LONG_FUNCTIONS {
        assert!(names.contains(exception.file), "{} is gone; so should its exception be", exception.file);
    }
}

#[test]
fn unsafe_lives_in_one_file_and_says_why_it_is_sound() {
    assert_eq!(lines_of(&laws::unproven_unsafe("// SAFETY: x\nlet a =\n  unsafe { b() };\n\n\n\nunsafe { c() }")), [7]);
    assert_eq!(lines_of(&laws::unproven_unsafe("// a remark\nunsafe { c() }")), [2]);
    assert_eq!(laws::unproven_unsafe("unsafe fn demanding();"), []);
    assert_eq!(laws::unproven_unsafe("let s = \"unsafe\"; // unsafe\n#![deny(unsafe_code)]"), []);
    assert_eq!(laws::unsafe_lines("fn f() {\n unsafe { g() }\n}"), [2]);

    let allowed = |file: &str| UNSAFE_FILES.iter().any(|(name, reason)| *name == file && reason.len() > 20);
    hold(&rust_files(""), |file, source| match allowed(file) {
        true => laws::unproven_unsafe(source),
        false => laws::unsafe_lines(source)
            .into_iter()
            .map(|line| Fault { line, what: "`unsafe` outside src/plane/sys.rs".into() })
            .collect(),
    });
}

#[test]
fn every_silenced_lint_has_a_reason() {
    let bad = "#[allow(dead_code)]\nfn f() {}\n#![expect(unused)]\n#[cfg_attr(test, allow(unused))]\nfn g() {}";
    assert_eq!(lines_of(&laws::silent_exceptions(bad)), [1, 3, 4]);
    let good = "#[expect(unused, reason = \"r\")]\nfn f() { x.expect(\"y\"); allow(1); [expect(2)]; }";
    assert_eq!(laws::silent_exceptions(good), []);

    hold(&rust_files(""), |_, source| laws::silent_exceptions(source));
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_eq!(lines_of(&laws::unintroduced("use a;\n//! late")), [1]);
    assert_eq!(laws::unintroduced("//! Early."), []);
    assert_eq!(laws::unintroduced("#![no_main]\n//! Early."), []);

    // A fuzz target proper is one line that calls into tests/fuzz.
    let all = rust_files("").into_iter().filter(|(file, _)| !file.starts_with("fuzz/fuzz_targets/"));
    hold(&all.collect::<Vec<_>>(), |_, source| laws::unintroduced(source));
}

#[test]
fn the_tree_holds_no_secret() {
    let key = "0123456789abcdef".repeat(4);
    assert_eq!(lines_of(&laws::secrets(&format!("x\nkey = \"{key}\"\n-----BEGIN {} KEY-----", "PRIVATE"))), [2, 3]);
    assert_eq!(laws::secrets(&format!("image@sha256:{key} {key}0")), []);

    let mut faults = Vec::new();
    for (name, path) in files() {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        if !PUBLISHED_DIGITS.iter().any(|(file, reason)| *file == name && !reason.is_empty()) {
            faults.extend(laws::secrets(&text).into_iter().map(|fault| (name.clone(), fault)));
        }
    }
    none(faults);
}

#[test]
fn every_metric_is_named_once_in_one_file() {
    let source = "const A: &str = \"hilum_a_total\";\n// \"hilum_b\"\nlet c = \"hilum_c at {}\"; let d = \"hilum\";";
    assert_eq!(laws::metric_names(source), [(1, "hilum_a_total".to_owned())]);

    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, source) in rust_files("src/") {
        for (line, name) in laws::metric_names(&source) {
            seen.entry(name).or_default().push(format!("{file}:{line}"));
        }
    }
    assert!(seen.len() >= 10, "the metrics are seen: {seen:?}");
    for (name, places) in seen {
        let once = places.len() == 1 && places.iter().all(|place| place.starts_with("admin/names.rs:"));
        assert!(once, "`{name}` belongs once into src/admin/names.rs, and is at {places:?}");
    }
}

fn toml_of(file: &str) -> toml::Table {
    std::fs::read_to_string(root().join(file)).unwrap().parse().unwrap()
}

fn text_at<'t>(table: &'t toml::Table, path: &[&str]) -> &'t str {
    let (last, tables) = path.split_last().unwrap();
    let table = tables.iter().fold(table, |table, key| table[*key].as_table().unwrap());
    table[*last].as_str().unwrap()
}

#[test]
fn the_package_says_what_it_is() {
    let cargo = toml_of("Cargo.toml");
    assert_eq!(text_at(&cargo, &["package", "license"]), "MIT OR Apache-2.0");
    assert_eq!(text_at(&cargo, &["package", "edition"]), "2024");
    assert_eq!(cargo["package"]["publish"].as_bool(), Some(false));
    assert!(!text_at(&cargo, &["package", "description"]).is_empty());
    for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"] {
        assert!(root().join(file).is_file(), "{file} is missing");
    }
    let toolchain = toml_of("rust-toolchain.toml");
    let channel = text_at(&toolchain, &["toolchain", "channel"]);
    assert_eq!(channel, "stable", "a fixed one would have to be fetched where another is installed");

    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = text_at(&cargo, &["package", "version"]);
    assert!(changelog.contains(&format!("## [{version}]")), "CHANGELOG.md has no entry for {version}");
}

#[test]
fn what_is_optional_belongs_to_the_server() {
    let cargo = toml_of("Cargo.toml");
    let enabled: BTreeSet<&str> =
        cargo["features"]["server"].as_array().unwrap().iter().filter_map(|each| each.as_str()).collect();
    for (name, dependency) in cargo["dependencies"].as_table().unwrap() {
        let optional = dependency.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
        let listed = enabled.contains(format!("dep:{name}").as_str());
        assert_eq!(optional, listed, "`{name}`: optional and listed under `server`, or neither");
    }
    assert!(enabled.len() > 10, "the server's dependencies are seen");
}

/// Name, version, licence and source of every package that is compiled for Linux, for tests too.
fn packages() -> Vec<[String; 4]> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let used: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let all = metadata["packages"].as_array().unwrap().iter();
    let text = |package: &serde_json::Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    all.filter(|package| used.contains(package["id"].as_str().unwrap_or_default()))
        .map(|package| ["name", "version", "license", "source"].map(|key| text(package, key)))
        .collect()
}

#[test]
fn every_package_has_a_licence_and_a_source_that_deny_toml_allows() {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let some = list(&["MIT", "ISC"]);
    assert!(laws::permitted("GPL-3.0 OR MIT", &some) && laws::permitted("MIT/Apache-2.0", &some));
    assert!(laws::permitted("(MIT OR GPL-3.0) AND ISC", &some) && !laws::permitted("MIT AND GPL-3.0", &some));
    assert!(!laws::permitted("", &some) && !laws::permitted("MIT WITH x", &some));

    let deny = toml_of("deny.toml");
    let allowed: Vec<String> = deny["licenses"]["allow"].clone().try_into().unwrap();
    let exceptions = deny["licenses"]["exceptions"].as_array().cloned().unwrap_or_default();
    let banned: Vec<&str> =
        deny["bans"]["deny"].as_array().unwrap().iter().filter_map(|b| b["crate"].as_str()).collect();
    let packages = packages();
    assert!(packages.len() > 100, "the packages are seen");
    let wrapped = ["ring"];
    for [name, version, licence, source] in &packages {
        let excepted = exceptions.iter().filter(|each| each["crate"].as_str() == Some(name));
        let more = excepted.flat_map(|each| each["allow"].clone().try_into::<Vec<String>>().unwrap());
        let allowed: Vec<String> = allowed.iter().cloned().chain(more).collect();
        assert!(laws::permitted(licence, &allowed), "{name} {version}: licence `{licence}` is not allowed");
        let known = ["", "registry+https://github.com/rust-lang/crates.io-index"];
        assert!(known.contains(&source.as_str()), "{name} {version} comes from {source}");
        assert!(wrapped.contains(&name.as_str()) || !banned.contains(&name.as_str()), "{name} is banned in deny.toml");
    }
    assert!(banned.contains(&"openssl"));
}
