//! The snippets of docs/tokens.md, run as they stand there. Rust, Python and Node have to run; the others run where
//! they are installed, and the test says which did not.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::engine::general_purpose::STANDARD;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hilum::auth::token::{Algorithm, verify};
use hilum::mint::SigningKey;

use crate::minting::mint;
use crate::world::{CLAIMS, ED, PASSWORD_KEY, START, at, key, p256, rules, rules_with};

/// How a snippet is run: its block's language, the file it goes into, commands of which the first that is there runs it
/// with the file's name behind, whether it has to, and what it signs with.
struct Language {
    block: &'static str,
    file: &'static str,
    commands: &'static [&'static [&'static str]],
    /// Arguments that the command must understand to be of use.
    probe: &'static [&'static str],
    required: bool,
    algorithm: Algorithm,
}

const LANGUAGES: [Language; 6] = [
    Language {
        block: "python",
        file: "mint.py",
        commands: &[&["python3"], &["/usr/bin/python3"]],
        probe: &["-c", "import cryptography"],
        required: true,
        algorithm: Algorithm::EdDsa,
    },
    Language {
        block: "javascript",
        file: "mint.mjs",
        commands: &[&["node"]],
        probe: &["--version"],
        required: true,
        algorithm: Algorithm::EdDsa,
    },
    Language {
        block: "java",
        file: "Mint.java",
        commands: &[&["java"]],
        probe: &["--describe-module", "jdk.compiler"],
        required: false,
        algorithm: Algorithm::EdDsa,
    },
    Language {
        block: "php",
        file: "mint.php",
        commands: &[&["php"]],
        probe: &["-r", "exit(function_exists('sodium_crypto_sign_detached') ? 0 : 1);"],
        required: false,
        algorithm: Algorithm::EdDsa,
    },
    Language {
        block: "go",
        file: "mint.go",
        commands: &[&["go", "run"]],
        probe: &["version"],
        required: false,
        algorithm: Algorithm::EdDsa,
    },
    Language {
        block: "csharp",
        file: "mint.cs",
        commands: &[&["dotnet", "run"]],
        probe: &["--version"],
        required: false,
        algorithm: Algorithm::Es256,
    },
];

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tokens.md")).unwrap()
}

/// The one block of a language.
fn block(language: &str) -> String {
    let document = document();
    let start = format!("\n```{language}\n");
    let mut blocks = document.split(&start).skip(1).filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block));
    let block = blocks.next().unwrap_or_else(|| panic!("docs/tokens.md has no block of {language}"));
    assert!(blocks.next().is_none(), "docs/tokens.md has two blocks of {language}");
    format!("{block}\n")
}

/// PKCS#8 in PEM of the key of RFC 8037 A.1, put together here because a tree should hold no private key.
fn pem(der: &[u8]) -> String {
    let label = ["PRIVATE", "KEY"].join(" ");
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn ed25519_pem() -> String {
    // RFC 8410 §7: version 0, the algorithm, and the seed in two octet strings.
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    pem(&[&head, crate::world::ed25519().as_bytes().as_slice()].concat())
}

fn p256_pem() -> String {
    // RFC 5915 §3 inside RFC 5208: the private key, and the public one, which .NET wants.
    let point = crate::world::public(Algorithm::Es256).to_bytes();
    let head = [
        0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce,
        0x3d, 3, 1, 7, 4, 0x6d, 0x30, 0x6b, 2, 1, 1, 4, 0x20,
    ];
    let middle = [0xa1, 0x44, 3, 0x42, 0];
    pem(&[&head[..], p256().to_bytes().as_slice(), &middle, &point].concat())
}

fn password_key() -> String {
    format!("{}\n", URL_SAFE_NO_PAD.encode(PASSWORD_KEY))
}

/// Username and password of the document.
fn vector() -> [String; 2] {
    let document = document();
    let block = document.split("\n```text\nusername = ").nth(1).and_then(|rest| rest.split_once("\n```"));
    let (username, password) = block.unwrap().0.split_once("\npassword = ").unwrap();
    [username.to_owned(), password.to_owned()]
}

fn present(command: &[&str], probe: &[&str]) -> bool {
    let output = Command::new(command[0]).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
    output.is_ok_and(|status| status.success())
}

/// Runs a snippet with the vector's keys around it and the claims on standard input.
fn run(language: &Language, command: &[&str]) -> [String; 2] {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let pem = if language.algorithm == Algorithm::EdDsa { ed25519_pem() } else { p256_pem() };
    fs::write(place.join(format!("{ED}.pem")), pem).unwrap();
    fs::write(place.join(format!("{ED}.password")), password_key()).unwrap();
    fs::write(place.join(language.file), block(language.block)).unwrap();
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .arg(language.file)
        .current_dir(place)
        .env("GOCACHE", place.join("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(CLAIMS.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", language.block);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.try_into().unwrap_or_else(|lines| panic!("{}: two lines, not {lines:?}; {errors}", language.block))
}

#[test]
fn the_vector_of_the_document_is_what_a_relay_believes() {
    let [username, password] = vector();
    let rules = rules();
    let candidate = rules.candidate(username.as_bytes(), at(START)).unwrap();
    assert_eq!(candidate.password().as_str(), password);
    let claims = candidate.verify(at(START)).unwrap();
    let key = SigningKey::from_pem(ed25519_pem().as_bytes()).unwrap();
    let minted = key.mint(ED.parse().unwrap(), rules.keyring.keys().next().unwrap().password_key(), &claims).unwrap();
    assert_eq!([minted.username, minted.password.to_string()], [username, password]);
    assert!(document().contains(CLAIMS), "the claims stand in the document");
}

#[test]
fn rust_mints_the_vector_with_the_lines_of_the_document() {
    let source = include_str!("mint.rs").split_once("\n\n").unwrap().1;
    assert_eq!(block("rust"), source, "docs/tokens.md and tests/tokens/mint.rs");
    assert_eq!(mint(ED, &ed25519_pem(), &password_key(), CLAIMS).unwrap(), vector());
    assert!(mint(ED, "", &password_key(), CLAIMS).is_err());
}

#[test]
fn other_languages_mint_the_same_token() {
    let mut missing = Vec::new();
    for language in &LANGUAGES {
        let Some(command) = language.commands.iter().find(|command| present(command, language.probe)) else {
            assert!(!language.required, "{} has to run here: {:?}; install it", language.block, language.commands);
            missing.push(language.block);
            continue;
        };
        let minted = run(language, command);
        if language.algorithm == Algorithm::EdDsa {
            assert_eq!(minted, vector(), "{}", language.block);
        } else {
            // Every signature of ECDSA is another one.
            let rules = rules_with(vec![key(ED, Algorithm::Es256)]);
            let [username, password] = minted;
            assert!(verify(username.as_bytes(), &rules, at(START)).is_ok(), "{}", language.block);
            assert_eq!(rules.candidate(username.as_bytes(), at(START)).unwrap().password().as_str(), password);
        }
        println!("docs/tokens.md: {} mints the vector", language.block);
    }
    // Not captured by the test harness: whoever reads a log shall see it.
    let mut stderr = std::io::stderr();
    for language in missing {
        writeln!(stderr, "docs/tokens.md: the snippet in {language} was NOT RUN: it is not installed here").unwrap();
    }
}
