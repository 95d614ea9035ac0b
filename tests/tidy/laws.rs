//! The laws, each a function from text to faults, so that each can be shown to fail.

use std::collections::BTreeSet;

use crate::rust::{Function, Kind, Path, Token, closing, functions, lex, paths, shipped};

/// What is wrong, and on which line (0: the file as a whole).
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: usize,
    pub what: String,
}

fn fault(line: usize, what: impl Into<String>) -> Fault {
    Fault { line, what: what.into() }
}

/// A module of `src`, its floor, and whether it lies below the wall. Arrows go to lower floors only; modules of one
/// floor do not know each other.
pub struct Floor {
    pub module: &'static str,
    pub rank: u8,
    pub below_the_wall: bool,
}

const fn core(module: &'static str, rank: u8) -> Floor {
    Floor { module, rank, below_the_wall: true }
}

const fn server(module: &'static str, rank: u8) -> Floor {
    Floor { module, rank, below_the_wall: false }
}

/// The house, from the ground up. ARCHITECTURE.md draws it and is held to this list.
pub const FLOORS: &[Floor] = &[
    core("addr", 0),
    core("redact", 0),
    core("sdp", 0),
    core("time", 0),
    core("wire", 1),
    core("auth", 2),
    core("policy", 3),
    core("turn", 4),
    server("clock", 5),
    server("https", 5),
    server("log", 5),
    server("manager", 5),
    server("mint", 5),
    server("visit", 5),
    server("acme", 6),
    server("audit", 6),
    server("journal", 6),
    server("openid", 6),
    server("store", 6),
    server("webhook", 6),
    server("plane", 7),
    server("explain", 8),
    server("admin", 9),
    server("api", 9),
    server("client", 9),
    server("listen", 9),
    server("signal", 10),
    server("config", 11),
    server("app", 12),
    server("cli", 13),
];

fn floor(module: &str) -> Option<&'static Floor> {
    FLOORS.iter().find(|floor| floor.module == module)
}

/// The module path of a file under `src`: `plane/udp.rs` is `[plane, udp]`, `plane/mod.rs` is `[plane]`.
pub fn module_path(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

/// The top-level module that a path in the file `of` leads to, if it leaves its own.
fn target<'p>(path: &'p Path, of: &[String]) -> Option<&'p str> {
    let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
    let name = match path.segments.first().map(String::as_str)? {
        "crate" | "hilum" => path.segments.get(1)?,
        "super" if supers >= of.len() => path.segments.get(supers)?,
        _ => return None,
    };
    (of.first() != Some(name)).then_some(name.as_str())
}

/// Every arrow from a file to another module of the house.
pub fn arrows(file: &str, source: &str) -> Vec<(usize, String)> {
    let of = module_path(file);
    let found = paths(&lex(source));
    let known = found.iter().filter_map(|path| Some((path.line, target(path, &of)?)));
    known.filter(|(_, name)| floor(name).is_some()).map(|(line, name)| (line, name.to_owned())).collect()
}

/// Law 2: arrows only point down.
pub fn upward_arrows(file: &str, source: &str) -> Vec<Fault> {
    let of = module_path(file);
    let Some(from) = of.first().and_then(|module| floor(module)) else { return Vec::new() };
    let mut faults = Vec::new();
    for (line, name) in arrows(file, source) {
        let Some(to) = floor(&name) else { continue };
        if to.rank >= from.rank {
            let way = if to.rank == from.rank { "its own floor" } else { "a floor above" };
            faults.push(fault(line, format!("`{}` knows `{name}`, which is on {way}", from.module)));
        }
    }
    faults
}

/// A ring of imports among (from, to) pairs, if there is one.
pub fn ring(arrows: &BTreeSet<(String, String)>) -> Option<Vec<String>> {
    fn walk<'a>(
        at: &'a str,
        trail: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
        arrows: &'a BTreeSet<(String, String)>,
    ) -> Option<Vec<String>> {
        if let Some(start) = trail.iter().position(|seen| *seen == at) {
            return Some(trail[start..].iter().map(|seen| (*seen).to_owned()).collect());
        }
        // Whatever was walked to its end before is part of no ring.
        if done.contains(at) {
            return None;
        }
        trail.push(at);
        let mut onward = arrows.iter().filter(|(from, _)| from == at);
        let found = onward.find_map(|(_, to)| walk(to, trail, done, arrows));
        trail.pop();
        done.insert(at);
        found
    }
    let mut done = BTreeSet::new();
    arrows.iter().find_map(|(from, _)| walk(from, &mut Vec::new(), &mut done, arrows))
}

/// Law 1, as paths that the core may not spell, each with what to do instead.
const BEYOND_THE_WALL: &[(&[&str], &str)] = &[
    (&["std", "net"], "the types are in `core::net`; sockets belong to `plane` and `listen`"),
    (&["std", "time"], "take a `Now`; durations are in `core::time`"),
    (&["std", "thread"], "a shard is the only thread the core knows, and it does not know it"),
    (&["std", "fs"], "`config` reads files"),
    (&["std", "io"], "`plane` and `listen` do I/O"),
    (&["std", "env"], "`config` reads the environment"),
    (&["std", "process"], "`main` ends the process"),
    (&["tokio"], "the runtime belongs to the edges"),
    (&["tracing"], "return an `Event`; `app` logs it"),
    (&["rand"], "take a seed"),
    (&["getrandom"], "take a seed"),
    (&["rand_core", "OsRng"], "take a seed"),
    (&["libc"], "`plane::sys` speaks to the system"),
    (&["nix"], "`plane::sys` speaks to the system"),
    (&["socket2"], "`plane` opens sockets"),
    (&["rustls"], "`listen` speaks TLS"),
    (&["prometheus"], "count in `turn::Tally`"),
    (&["println"], "return a value"),
    (&["eprintln"], "return a value"),
    (&["print"], "return a value"),
    (&["eprint"], "return a value"),
    (&["unsafe"], "only `plane::sys` may"),
];

/// Law 1: what a file below the wall may not name.
pub fn over_the_wall(source: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for path in paths(&shipped(&lex(source))) {
        for (banned, instead) in BEYOND_THE_WALL {
            let same = banned.len() <= path.segments.len() && banned.iter().zip(&path.segments).all(|(a, b)| a == b);
            if same {
                faults.push(fault(path.line, format!("`{}` below the wall: {instead}", banned.join("::"))));
            }
        }
    }
    faults
}

/// Words for work that was put off, and tools of the workbench.
pub fn unfinished(source: &str) -> Vec<Fault> {
    let tokens = lex(source);
    let mut faults = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let next_is_bang = tokens.get(at + 1).is_some_and(|next| next.is("!"));
        let banned = match token.kind {
            Kind::Comment => {
                let mut words = token.text.split(|c: char| !c.is_alphanumeric());
                let word = words.find(|word| ["TODO", "FIXME", "XXX", "HACK"].contains(word));
                word.or((token.text.trim().trim_end_matches('.') == "stub").then_some("stub"))
            }
            Kind::Word if next_is_bang => ["todo", "unimplemented", "dbg"].into_iter().find(|&name| token.is(name)),
            Kind::Word | Kind::Punctuation | Kind::Text => None,
        };
        if let Some(word) = banned {
            faults.push(fault(token.line, format!("`{word}`: finish it, or write an issue")));
        }
    }
    faults
}

/// Output belongs to the command line: a library that prints surprises its caller.
pub fn printing(source: &str) -> Vec<Fault> {
    let code = shipped(&lex(source));
    let printing = |pair: &[Token]| {
        pair[1].is("!") && ["println", "eprintln", "print", "eprint"].iter().any(|name| pair[0].is(name))
    };
    code.windows(2).filter(|pair| printing(pair)).map(|pair| fault(pair[0].line, "prints; only `cli` may")).collect()
}

/// A file that is longer than its limit.
pub fn too_long(source: &str, limit: usize) -> Vec<Fault> {
    let lines = source.lines().count();
    if lines > limit { vec![fault(0, format!("{lines} lines, limit {limit}: split it"))] } else { Vec::new() }
}

/// A function that may be longer than the rest, and why.
pub struct Exception {
    pub file: &'static str,
    pub function: &'static str,
    pub lines: usize,
    pub reason: &'static str,
}

/// Functions longer than `limit` that are not excepted, and exceptions that are no longer needed: a ratchet.
pub fn long_functions(file: &str, source: &str, limit: usize, exceptions: &[Exception]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let all = functions(&lex(source));
    for Function { name, line, lines } in &all {
        let exception = exceptions.iter().find(|each| each.file == file && each.function == name);
        let allowed = exception.map_or(limit, |each| each.lines);
        if *lines > allowed {
            faults.push(fault(*line, format!("`{name}` has {lines} lines, limit {allowed}: split it")));
        }
    }
    for exception in exceptions.iter().filter(|each| each.file == file) {
        let longest = all.iter().filter(|each| each.name == exception.function).map(|each| each.lines).max();
        if longest.is_none_or(|lines| lines < exception.lines) {
            let (name, found) = (exception.function, longest.unwrap_or(0));
            faults.push(fault(0, format!("exception for `{name}` says {}, found {found}: lower it", exception.lines)));
        }
        if exception.reason.len() < 20 {
            faults.push(fault(0, format!("exception for `{}` has no reason", exception.function)));
        }
    }
    faults
}

/// `unsafe` without a comment that says why it is sound, at most two lines above it.
pub fn unproven_unsafe(source: &str) -> Vec<Fault> {
    let tokens = lex(source);
    let says = |line: usize| {
        let here = |at: usize| tokens.iter().find(|t| t.kind == Kind::Comment && t.line == at);
        let mut at = line;
        for _ in 0..3 {
            if here(at).is_some() {
                break;
            }
            at = at.saturating_sub(1);
        }
        let mut block = (0..=at).rev().map_while(here);
        block.any(|comment| comment.text.starts_with("SAFETY:") || comment.text.starts_with("# Safety"))
    };
    let mut faults = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        // `unsafe fn` makes a demand; only a block or an implementation claims to meet one.
        let demand = tokens.get(at + 1).is_some_and(|next| next.is("fn"));
        if token.is("unsafe") && !demand && !says(token.line) {
            faults.push(fault(token.line, "`unsafe` without `// SAFETY:`"));
        }
    }
    faults
}

/// Where `unsafe` is written at all.
pub fn unsafe_lines(source: &str) -> Vec<usize> {
    lex(source).iter().filter(|token| token.is("unsafe")).map(|token| token.line).collect()
}

/// A silenced lint without its reason.
pub fn silent_exceptions(source: &str) -> Vec<Fault> {
    let code: Vec<Token> = lex(source).into_iter().filter(|token| token.kind != Kind::Comment).collect();
    let mut faults = Vec::new();
    for (at, token) in code.iter().enumerate() {
        let opens = token.is("#") && code.iter().skip(at + 1).find(|next| !next.is("!")).is_some_and(|t| t.is("["));
        if !opens {
            continue;
        }
        let open = if code[at + 1].is("!") { at + 2 } else { at + 1 };
        let attribute = &code[open..closing(&code, open).min(code.len())];
        for (step, pair) in attribute.windows(2).enumerate() {
            if (pair[0].is("allow") || pair[0].is("expect")) && pair[1].is("(") {
                let end = closing(attribute, step + 1).min(attribute.len());
                if !attribute[step..end].iter().any(|token| token.is("reason")) {
                    faults.push(fault(pair[0].line, format!("`{}` without a reason", pair[0].text)));
                }
            }
        }
    }
    faults
}

/// Something that looks like a key: 64 hexadecimal digits in a row (a digest after `sha256:` is none), or a private
/// key in PEM.
pub fn secrets(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let digest = |word: &str| line.contains(&format!("sha256:{word}"));
        let words = line.split(|c: char| !c.is_ascii_alphanumeric());
        if words.filter(|word| word.len() == 64).any(|w| w.chars().all(|c| c.is_ascii_hexdigit()) && !digest(w)) {
            faults.push(fault(at + 1, "64 hexadecimal digits look like a key"));
        }
        if line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY") {
            faults.push(fault(at + 1, "a private key"));
        }
    }
    faults
}

/// A file that does not say what it is for.
pub fn unintroduced(source: &str) -> Vec<Fault> {
    let introduced = source.lines().find(|line| !line.starts_with("#![")).is_some_and(|line| line.starts_with("//!"));
    if introduced { Vec::new() } else { vec![fault(1, "the first line does not say what the file is for (`//!`)")] }
}

/// The names of metrics that a file spells.
pub fn metric_names(source: &str) -> Vec<(usize, String)> {
    let named = |token: &Token| {
        let lower = token.text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        token.kind == Kind::Text && token.text.starts_with("hilum_") && lower
    };
    shipped(&lex(source)).iter().filter(|token| named(token)).map(|token| (token.line, token.text.clone())).collect()
}

/// Whether an SPDX expression can be met with the allowed licences alone.
pub fn permitted(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = alternatives(&words, &mut at, allowed);
    met && at == words.len()
}

fn alternatives(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = conjunction(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= conjunction(words, at, allowed);
    }
    met
}

fn conjunction(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = licence(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= licence(words, at, allowed);
    }
    met
}

fn licence(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(&word) = words.get(*at) else { return false };
    *at += 1;
    if word == "(" {
        let met = alternatives(words, at, allowed);
        *at += 1;
        return met;
    }
    let mut name = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&name)
}
