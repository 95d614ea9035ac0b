//! The documents are tested like code: links lead somewhere, commands exist, keys, metrics and options are the real ones,
//! alerts are understood by Prometheus. A missing `promtool` or `bash` fails; Debian's package `prometheus` has the first.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[allow(dead_code, reason = "shared with the tidy test, which uses all of it")]
#[path = "tidy/rust.rs"]
mod rust;
#[path = "docs/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hilum::policy::seal::Reason;
use rust::Kind;

const HILUM: &str = env!("CARGO_BIN_EXE_hilum");
const RUNBOOKS: &str = "docs/runbooks/";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every document, by its name from the root.
fn documents() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for directory in ["", "docs", "docs/runbooks"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                let text = read(&name);
                found.insert(name, text);
            }
        }
    }
    assert!(found.len() >= 10, "the documents are seen");
    found
}

/// A fenced block: its language and its text.
struct Block {
    language: String,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    // In a list, a block stands as far in as its item.
    let mut margin = 0;
    for line in document.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside;
            if inside {
                margin = line.len() - line.trim_start().len();
                found.push(Block { language: language.trim().to_owned(), text: String::new() });
            }
        } else if inside && let Some(block) = found.last_mut() {
            block.text.push_str(line.get(margin..).unwrap_or_default());
            block.text.push('\n');
        }
    }
    found
}

/// The document without its fenced blocks.
fn prose(document: &str) -> String {
    let mut inside = false;
    let mut kept = Vec::new();
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// The commands of a console block: lines after `$ `, joined where they go on.
fn commands(block: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(command.to_owned());
        } else if open && let Some(last) = found.last_mut() {
            last.push('\n');
            last.push_str(line);
        }
        open = line.ends_with('\\');
    }
    found
}

/// The arguments after `hilum`, if a command starts it: directly, by `sudo`, or by `cargo run`.
fn hilum_arguments(command: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = command.split_whitespace().filter(|word| *word != "\\").collect();
    let words = words.strip_prefix(&["sudo"]).unwrap_or(&words);
    match words {
        ["hilum", arguments @ ..] => Some(arguments.to_vec()),
        ["cargo", "run", ..] => words.iter().position(|word| *word == "--").map(|at| words[at + 1..].to_vec()),
        _ => None,
    }
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}; install it"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What `hilum SUBCOMMAND --help` prints, and the help of the commands below it; `None` if there is no such subcommand.
fn help(subcommand: &str) -> Option<String> {
    let output = run(HILUM, &[subcommand, "--help"]);
    let text = output.status.success().then(|| said(&output)).filter(|text| text.contains("Usage:"))?;
    let below =
        listed_commands(&text).iter().map(|name| said(&run(HILUM, &[subcommand, name, "--help"]))).collect::<String>();
    Some(text + &below)
}

/// The commands that a help lists, without `help` itself.
fn listed_commands(help: &str) -> BTreeSet<String> {
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    // A command stands two spaces from the margin; what it does is indented further when it goes on.
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split_whitespace().next()).filter(|word| *word != "help").map(str::to_owned).collect()
}

/// The long options that a text names.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let long = words.filter(|word| word.len() > 3 && word.starts_with("--") && !word[2..].starts_with('-'));
    long.map(str::to_owned).filter(|word| word != "--help" && word != "--version").collect()
}

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_');
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(document: &str) -> BTreeSet<String> {
    let prose = prose(document);
    prose.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// The targets of links.
fn links(document: &str) -> Vec<String> {
    let prose = prose(document);
    let parts = prose.split("](").skip(1);
    parts.filter_map(|part| part.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The rows of all tables, as trimmed cells.
fn rows(document: &str) -> Vec<Vec<String>> {
    let prose = prose(document);
    let lines = prose.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines.map(|line| line.split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn every_link_leads_to_a_file_or_heading() {
    assert_eq!(anchor("What doctor says, and what to do"), "what-doctor-says-and-what-to-do");
    assert_eq!(links("[a](b.md#c) ```\n[x](y)"), ["b.md#c", "y"]);

    let documents = documents();
    let mut broken = Vec::new();
    for (name, text) in &documents {
        for link in links(text).into_iter().filter(|link| !link.starts_with("http")) {
            let (file, heading) = link.split_once('#').map_or((link.as_str(), None), |(file, to)| (file, Some(to)));
            let directory = Path::new(name).parent().unwrap_or(Path::new(""));
            let target = if file.is_empty() { PathBuf::from(name) } else { directory.join(file) };
            let Ok(found) = root().join(&target).canonicalize() else {
                broken.push(format!("{name}: {link}: no such file"));
                continue;
            };
            let there = || std::fs::read_to_string(found).unwrap_or_default();
            if heading.is_some_and(|heading| !anchors(&there()).contains(heading)) {
                broken.push(format!("{name}: {link}: no such heading"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_picture_says_what_it_shows_and_is_shown() {
    let shown: BTreeSet<String> = documents().values().flat_map(|text| links(text)).collect();
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(root().join("docs/plots")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let picture = read(&format!("docs/plots/{name}"));
        // What is not seen is read aloud; a reader's dark page gets a dark picture.
        for needed in ["<svg", "<title id=", "<desc id=", "aria-labelledby", "prefers-color-scheme: dark"] {
            if !picture.contains(needed) {
                faults.push(format!("docs/plots/{name} has no {needed}"));
            }
        }
        if !shown.contains(&format!("plots/{name}")) {
            faults.push(format!("docs/plots/{name} is in no document"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_command_is_one_that_a_shell_and_hilum_understand() {
    assert_eq!(commands("# x\n$ a \\\n  b\nout\n$ c"), ["a \\\n  b", "c"]);
    assert_eq!(hilum_arguments("sudo hilum check x"), Some(vec!["check", "x"]));
    assert_eq!(hilum_arguments("cargo run --release -- demo"), Some(vec!["demo"]));
    assert_eq!(hilum_arguments("sudo systemctl reload hilum"), None);
    assert!(help("no-such-subcommand").is_none());
    assert!(!run("bash", &["-n", "-c", "if then"]).status.success(), "the shell sees a bad command");

    let mut seen = 0;
    for (name, text) in documents() {
        for block in blocks(&text).iter().filter(|block| block.language == "console") {
            for command in commands(&block.text) {
                let output = run("bash", &["-n", "-c", &command]);
                assert!(output.status.success(), "{name}: {command}: {}", said(&output));
                let Some(arguments) = hilum_arguments(&command) else { continue };
                let subcommand = arguments.first().unwrap_or_else(|| panic!("{name}: {command}: no subcommand"));
                let help = help(subcommand).unwrap_or_else(|| panic!("{name}: {command}: no such subcommand"));
                for option in options(&arguments.join(" ")) {
                    assert!(options(&help).contains(&option), "{name}: {command}: no option {option}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "the commands are seen");
}

/// Blocks that begin with `# tested` run as they stand, one shell for each, in a directory with the example configuration.
#[test]
fn every_block_that_says_so_runs() {
    let mut seen = 0;
    for (name, text) in documents().into_iter().filter(|(name, _)| !name.starts_with(RUNBOOKS)) {
        for block in blocks(&text).iter().filter(|block| block.text.starts_with("# tested")) {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("hilum.toml"), read("config/hilum.toml")).unwrap();
            let programs = Path::new(HILUM).parent().unwrap().to_str().unwrap();
            let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
            let script = format!("set -eu\n{}", commands(&block.text).join("\n"));
            let output = Command::new("bash")
                .args(["-c", &script])
                .current_dir(directory.path())
                .env("PATH", path)
                .output()
                .unwrap_or_else(|error| panic!("bash: {error}"));
            assert!(output.status.success(), "{name}:\n{}\n{}", block.text, said(&output));
            seen += 1;
        }
    }
    assert!(seen >= 1, "some blocks are tested");
}

/// In runbooks each runs on a relay of its own, with visits, as it was typed there.
#[test]
fn every_command_of_a_runbook_does_what_it_says() {
    let bad = stage::Stage::set(HILUM);
    assert!(!bad.run("false | cat").status.success() && !bad.run("systemctl start nobody").status.success());
    let (mut seen, mut faults) = (0, String::new());
    for (name, text) in documents().into_iter().filter(|(name, _)| name.starts_with(RUNBOOKS)) {
        for block in blocks(&text).iter().filter(|block| block.text.starts_with("# tested")) {
            let stage = stage::Stage::set(HILUM);
            let output = stage.run(&commands(&block.text).join("\n"));
            if !output.status.success() {
                faults += &format!("{name}:\n{}\n{}\n{}\n", block.text, said(&output), stage.log());
            }
            seen += 1;
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    assert!(seen >= 20, "the blocks are seen");
}

#[test]
fn every_alert_leads_to_a_runbook_and_every_runbook_is_in_the_index() {
    let index = read("docs/runbooks/README.md");
    let metrics = read("docs/metrics.md");
    let mut alerts = 0;
    for alert in metrics.split("- alert: ").skip(1) {
        let name = alert.split_whitespace().next().unwrap();
        let page = alert.split("runbook: ").nth(1).and_then(|rest| rest.split(['}', '\n']).next());
        let page = page.unwrap_or_else(|| panic!("{name} has no annotation `runbook`"));
        let page = page.strip_prefix("docs/runbooks/").unwrap_or_else(|| panic!("{name}: {page} is no runbook"));
        let there = rows(&index)
            .into_iter()
            .any(|row| row.first().is_some_and(|cell| cell.contains(&format!("`{name}`"))) && links(&row[1]) == [page]);
        assert!(there, "docs/runbooks/README.md does not lead from {name} to {page}");
        alerts += 1;
    }
    assert!(alerts >= 20, "the alerts are seen");
    for name in documents().into_keys().filter_map(|name| name.strip_prefix(RUNBOOKS).map(str::to_owned)) {
        assert!(name == "README.md" || links(&index).contains(&name), "docs/runbooks/README.md lacks {name}");
    }
}

#[test]
fn cli_md_names_every_subcommand_and_every_option() {
    let document = read("docs/cli.md");
    let overview = said(&run(HILUM, &["--help"]));
    let subcommands = listed_commands(&overview);
    let mut described = BTreeSet::new();
    for section in document.split("\n## hilum ").skip(1) {
        let name = section.split_whitespace().next().unwrap();
        described.insert(name.to_owned());
        let help = help(name).unwrap_or_else(|| panic!("docs/cli.md: no subcommand {name}"));
        assert_eq!(options(&prose(section)), options(&help), "docs/cli.md: the options of hilum {name}");
    }
    assert_eq!(described, subcommands);
}

/// Every key of the example with its default, and whether its comment says that it needs a restart.
fn example_keys() -> BTreeMap<String, (Option<String>, bool)> {
    let mut found = BTreeMap::new();
    let (mut section, mut restart, mut last_was_key) = (String::new(), false, false);
    for line in read("config/hilum.toml").lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let key = bare.split_once(" = ").filter(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        if bare.starts_with('[') && bare.ends_with(']') {
            section = bare.trim_matches(['[', ']']).to_owned();
            restart = false;
        } else if let Some((key, value)) = key {
            let default = (bare == line).then(|| value.to_owned());
            found.insert(format!("{section}.{key}"), (default, restart));
            last_was_key = true;
        } else if line.starts_with('#') {
            restart = (restart && !last_was_key) || line.contains("Restart.") || line.ends_with(" Restart");
            last_was_key = false;
        }
    }
    found
}

#[test]
fn configuration_md_has_every_key_with_its_default_and_when_it_applies() {
    let mut described = BTreeMap::new();
    for row in rows(&read("docs/configuration.md")) {
        let [key, default, applies, _] = row.as_slice() else { continue };
        let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`')) else { continue };
        let default = (default != "-").then(|| default.trim_matches('`').to_owned());
        described.insert(key.to_owned(), (default, applies == "restart"));
    }
    let example = example_keys();
    assert!(example.len() > 30, "the keys are seen");
    assert_eq!(described, example);
}

#[test]
fn every_piece_of_configuration_uses_keys_that_exist() {
    let known = example_keys();
    let mut seen = 0;
    for (name, text) in documents() {
        for block in blocks(&text).iter().filter(|block| block.language == "toml") {
            let table: toml::Table = block.text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            for (section, keys) in table {
                for key in keys.as_table().unwrap_or_else(|| panic!("{name}: {section} is no section")).keys() {
                    let key = format!("{section}.{key}");
                    // A key, or a table that repeats.
                    let there = known.keys().any(|known| *known == key || known.starts_with(&format!("{key}.")));
                    assert!(there, "{name}: no key {key}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 3, "the pieces are seen");
}

/// The names of metrics in the source.
fn metrics() -> BTreeSet<String> {
    let tokens = rust::lex(&read("src/admin/names.rs"));
    let names = tokens.iter().filter(|token| token.kind == Kind::Text && token.text.starts_with("hilum_"));
    names.map(|token| token.text.clone()).collect()
}

#[test]
fn metrics_md_lists_exactly_the_metrics_that_there_are() {
    let first_cells = rows(&read("docs/metrics.md")).into_iter().filter_map(|row| row.into_iter().next());
    let named = first_cells.filter_map(|cell| Some(cell.strip_prefix("`hilum_")?.strip_suffix('`')?.to_owned()));
    let described: BTreeSet<String> = named.map(|rest| format!("hilum_{rest}")).collect();
    assert_eq!(described, metrics());
}

#[test]
fn no_document_names_a_metric_that_is_not() {
    let known = metrics();
    assert!(known.len() >= 10, "the metrics are seen");
    for (name, text) in documents() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if word.starts_with("hilum_") {
                let series = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
                let metric = known.contains(word) || series.is_some_and(|word| known.contains(word));
                assert!(metric, "{name}: there is no metric {word}");
            }
        }
    }
}

#[test]
fn seal_md_lists_every_reason_and_what_it_means() {
    let document = read("docs/seal.md");
    let section = document.split("## Reasons").nth(1).unwrap();
    let described: Vec<(String, String)> = rows(section)
        .into_iter()
        .filter_map(|row| Some((row.first()?.strip_prefix('`')?.strip_suffix('`')?.to_owned(), row.get(1)?.clone())))
        .collect();
    let there: Vec<(String, String)> =
        Reason::ALL.iter().map(|reason| (reason.label().to_owned(), reason.explanation().to_owned())).collect();
    assert_eq!(described, there);
}

#[test]
fn prometheus_understands_the_alerts() {
    let document = read("docs/metrics.md");
    let groups = blocks(&document).into_iter().filter(|block| block.text.starts_with("groups:\n"));
    let groups: Vec<String> = groups.map(|block| block.text).collect();
    let check = |rules: &str| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.yml");
        std::fs::write(&path, rules).unwrap();
        run("promtool", &["check", "rules", path.to_str().unwrap()])
    };
    for rules in &groups {
        let good = check(rules);
        assert!(good.status.success(), "{}", said(&good));
        let bad = rules.replacen("rate(", "rat(", 1).replacen("increase(", "increas(", 1);
        assert!(!check(&bad).status.success(), "the tool sees a bad expression");
    }
    assert!(groups.len() >= 3 && groups.concat().matches("- alert: ").count() >= 15);
}

#[test]
fn troubleshooting_md_explains_every_verdict_of_doctor() {
    let tokens = rust::shipped(&rust::lex(&read("src/client/diagnosis.rs")));
    let verdict = |text: &str| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ');
        plain && text.len() <= 16 && !["UDP", "TCP", ""].contains(&text)
    };
    let spoken: BTreeSet<String> =
        tokens.into_iter().filter(|t| t.kind == Kind::Text && verdict(&t.text)).map(|t| t.text).collect();
    assert!(spoken.len() > 10, "the verdicts are seen");
    let document = read("docs/troubleshooting.md");
    let section = document.split("## What doctor says").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let explained: BTreeSet<String> =
        rows(section).into_iter().filter_map(|row| row.into_iter().next()).filter(|cell| cell != "verdict").collect();
    assert_eq!(explained, spoken);
}

#[test]
fn prose_stays_within_its_margins_and_names_no_machine() {
    for (name, text) in documents() {
        // Programs write these two.
        let generated = ["docs/performance.md", "docs/rfc-coverage.md"].contains(&name.as_str());
        for line in prose(&text).lines().filter(|line| !generated && !line.starts_with('|')) {
            assert!(line.chars().count() <= 120, "{name}: more than 120 columns: {line}");
        }
        for private in ["root", "home", "tmp"].map(|folder| format!("/{folder}/")) {
            assert!(!text.contains(&private), "{name}: {private} is somebody's machine");
        }
    }
}
