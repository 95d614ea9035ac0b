//! `hilum keys`: makes, lists, changes and ends the keys of call tokens.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Misuse;
use super::held::{Held, create};
use crate::auth::token::{Algorithm, Issuer, Kid, LONGEST_CALL};
use crate::auth::{Key, KeyState, Keyring, PublicKey, Validity};
use crate::clock::SystemClock;
use crate::config::date::{date, from_rfc3339, to_rfc3339};
use crate::config::{DEFAULT_KEYRING, read_keyring, write_keyring};
use crate::mint::{self, SigningKey};
use crate::time::UnixTime;

const DAY: u64 = 86_400;
/// How long an old key stays when a new one takes over: a day to tell the issuers, and the longest call.
const OVERLAP: u64 = DAY + LONGEST_CALL;

/// Makes, lists, changes and ends the keys that call tokens are signed with
#[derive(Args, Debug)]
#[command(
    after_help = "The keyring is for relays: public keys and password keys. A new signing key is written beside it, as \
    KID.pem and KID.password with mode 600: both belong to the issuer, and the first to nobody else."
)]
pub struct KeysArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Makes a key and puts it into the keyring, which is made if there is none
    New(NewArgs),
    /// Lists the keys of the keyring with their age; shows no secret
    List(ListArgs),
    /// Makes a key like the current one, and lets that one end when its calls have
    Rotate(RotateArgs),
    /// Ends a key
    Retire(RetireArgs),
}

#[derive(Args, Debug)]
struct Place {
    /// The keyring
    #[arg(long, value_name = "FILE", default_value = DEFAULT_KEYRING)]
    keyring: PathBuf,
}

#[derive(Args, Debug)]
struct Fresh {
    /// The key's id; today's date by default
    #[arg(long)]
    kid: Option<Kid>,
    /// Where KID.pem and KID.password are written
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    out: PathBuf,
    /// Take this public key, as PEM, of a signing key that is held elsewhere, in an HSM or a key service
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
    /// When tokens of the key are accepted first: a time as 2026-11-27T16:00:00Z; at once by default
    #[arg(long, value_name = "TIME", value_parser = time)]
    starts: Option<UnixTime>,
}

#[derive(Args, Debug)]
struct NewArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    fresh: Fresh,
    /// How tokens are signed
    #[arg(long, value_enum, default_value_t = Kind::EdDsa)]
    alg: Kind,
    /// The only issuer that tokens of this key may name; any by default
    #[arg(long)]
    issuer: Option<Issuer>,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct RotateArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    fresh: Fresh,
    /// Whose key is changed; needed when the keyring has current keys of several issuers
    #[arg(long)]
    issuer: Option<Issuer>,
    /// Seconds that the old key stays good from the start of the new one; by default 8 days: one to tell the issuers,
    /// and the longest call
    #[arg(long, value_name = "SECONDS", default_value_t = OVERLAP, hide_default_value = true)]
    overlap: u64,
}

#[derive(Args, Debug)]
struct RetireArgs {
    /// The key's id
    kid: Kid,
    #[command(flatten)]
    place: Place,
    /// When tokens of the key end, running calls included: a time, or "now"; by default in 8 days, so that what was
    /// minted runs out by itself
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Take the key out of the keyring, once it has ended
    #[arg(long, conflicts_with = "at")]
    remove: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    #[value(name = "EdDSA")]
    EdDsa,
    #[value(name = "ES256")]
    Es256,
}

impl From<Kind> for Algorithm {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::EdDsa => Self::EdDsa,
            Kind::Es256 => Self::Es256,
        }
    }
}

/// A time on the command line.
pub(super) fn time(text: &str) -> Result<UnixTime, String> {
    from_rfc3339(text).ok_or_else(|| "write a time in UTC, as 2026-11-27T16:00:00Z".to_owned())
}

/// Runs `hilum keys`.
///
/// # Errors
/// The faults of the keyring, or a file that cannot be written.
pub fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let now = SystemClock::start().now().unix;
    match &args.action {
        Action::New(args) => new(args, now)?,
        Action::List(args) => list(args, now)?,
        Action::Rotate(args) => rotate(args, now)?,
        Action::Retire(args) => retire(args, now)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(args: &NewArgs, now: UnixTime) -> anyhow::Result<()> {
    let file = &args.place.keyring;
    let held = Held::take(file)?;
    let keyring = if file.exists() { read_keyring(file)? } else { Keyring::default() };
    let made = make(&keyring, &args.fresh, args.alg.into(), args.issuer, now)?;
    let kid = made.kid();
    save(&held, keyring.keys().cloned().chain([made]).collect())?;
    say(file, kid, &args.fresh)
}

fn rotate(args: &RotateArgs, now: UnixTime) -> anyhow::Result<()> {
    let file = &args.place.keyring;
    let held = Held::take(file)?;
    let keyring = read_keyring(held.path())?;
    let current = |key: &&Key| key.state(now) == KeyState::Current;
    let mut issuers: Vec<Option<Issuer>> = keyring.keys().filter(current).map(Key::issuer).collect();
    issuers.sort_unstable();
    issuers.dedup();
    let issuer = match (args.issuer, issuers.as_slice()) {
        (Some(issuer), _) => Some(issuer),
        (None, [issuer]) => *issuer,
        (None, []) => return Err(Misuse("the keyring has no current key; make one with `hilum keys new`").into()),
        (None, _) => {
            return Err(Misuse("the keyring has current keys of several issuers; name one with --issuer").into());
        }
    };
    let theirs = |key: &&Key| current(key) && key.issuer() == issuer;
    let newest = keyring.keys().filter(theirs).max_by_key(|key| key.validity().created);
    let Some(newest) = newest else { return Err(Misuse("that issuer has no current key").into()) };
    let made = make(&keyring, &args.fresh, newest.public().algorithm(), issuer, now)?;
    let (kid, end) = (made.kid(), made.validity().not_before.plus_secs(args.overlap));
    let mut keys = vec![made];
    for key in keyring.keys() {
        keys.push(if theirs(&key) { key.clone().ending(end)? } else { key.clone() });
    }
    save(&held, keys)?;
    say(file, kid, &args.fresh)?;
    for key in keyring.keys().filter(theirs) {
        writeln!(io::stdout(), "key {} ends at {}", key.kid().as_str(), to_rfc3339(end))?;
    }
    Ok(())
}

fn retire(args: &RetireArgs, now: UnixTime) -> anyhow::Result<()> {
    let held = Held::take(&args.place.keyring)?;
    let keyring = read_keyring(held.path())?;
    let Some(key) = keyring.get(&args.kid) else {
        return Err(Misuse("the keyring has no key of this id; `hilum keys list` shows them").into());
    };
    let others = keyring.keys().filter(|other| other.kid() != args.kid).cloned();
    let kid = args.kid.as_str();
    if args.remove {
        if key.state(now) != KeyState::Ended {
            return Err(Misuse("this key has not ended; end it first, with --at now if it must be").into());
        }
        save(&held, others.collect())?;
        writeln!(io::stdout(), "key {kid} is removed")?;
        return Ok(());
    }
    let end = match args.at.as_deref() {
        None => now.plus_secs(OVERLAP),
        Some("now") => now,
        Some(text) => time(text).map_err(anyhow::Error::msg)?,
    };
    // A key that never began ends as it begins.
    let end = end.max(key.validity().not_before);
    save(&held, others.chain([key.clone().ending(end)?]).collect())?;
    writeln!(io::stdout(), "key {kid} ends at {}", to_rfc3339(end))?;
    Ok(())
}

fn save(held: &Held, keys: Vec<Key>) -> anyhow::Result<()> {
    held.replace(&write_keyring(&Keyring::new(keys)?))
}

/// A new key that is in no keyring yet; its private half and its password key are written.
fn make(
    keyring: &Keyring,
    fresh: &Fresh,
    algorithm: Algorithm,
    issuer: Option<Issuer>,
    now: UnixTime,
) -> anyhow::Result<Key> {
    let kid = match fresh.kid {
        Some(kid) => kid,
        None => free_kid(keyring, now)?,
    };
    if keyring.get(&kid).is_some() {
        return Err(Misuse("the keyring has a key of this id; choose another with --kid").into());
    }
    let password = mint::password_key()?;
    let (public, private) = match &fresh.public {
        Some(file) => (public(file, algorithm)?, None),
        None => {
            let (key, pem) = SigningKey::generate(algorithm)?;
            (key.public()?, Some(pem))
        }
    };
    if let Some(pem) = private {
        create(&fresh.out.join(format!("{}.pem", kid.as_str())), pem.as_bytes())?;
    }
    let encoded = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(password.as_bytes())));
    create(&fresh.out.join(format!("{}.password", kid.as_str())), encoded.as_bytes())?;
    let validity = Validity { created: now, not_before: fresh.starts.unwrap_or(now), not_after: None };
    Ok(Key::new(kid, public, password, validity, issuer)?)
}

fn public(file: &Path, algorithm: Algorithm) -> anyhow::Result<PublicKey> {
    let pem = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let public = mint::public_from_pem(&pem).with_context(|| file.display().to_string())?;
    if public.algorithm() != algorithm {
        bail!(
            "{}: is a key of {}, and {} was asked for",
            file.display(),
            public.algorithm().label(),
            algorithm.label()
        );
    }
    Ok(public)
}

/// Today's date, with a letter if the day has a key already.
fn free_kid(keyring: &Keyring, now: UnixTime) -> anyhow::Result<Kid> {
    let (year, month, day) = date(now);
    let day = format!("{year}-{month:02}-{day:02}");
    let letters = ('b'..='z').map(|letter| format!("{day}{letter}"));
    for name in [day.clone()].into_iter().chain(letters) {
        let kid = name.parse()?;
        if keyring.get(&kid).is_none() {
            return Ok(kid);
        }
    }
    Err(Misuse("today has 26 keys already; choose an id with --kid").into())
}

fn say(keyring: &Path, kid: Kid, fresh: &Fresh) -> anyhow::Result<()> {
    let kid = kid.as_str();
    let out = fresh.out.join(kid);
    let mut stdout = io::stdout();
    writeln!(stdout, "key {kid} is in {}; give that to the relays and reload them", keyring.display())?;
    if fresh.public.is_none() {
        writeln!(stdout, "signing key   {}.pem; for the issuer alone", out.display())?;
    }
    writeln!(stdout, "password key  {}.password; for the issuer", out.display())?;
    Ok(())
}

#[derive(Serialize)]
struct Listed {
    kid: String,
    alg: &'static str,
    issuer: Option<String>,
    state: &'static str,
    age_days: u64,
    created: String,
    not_before: String,
    not_after: Option<String>,
}

impl Listed {
    fn of(key: &Key, now: UnixTime) -> Self {
        let validity = key.validity();
        Self {
            kid: key.kid().as_str().to_owned(),
            alg: key.public().algorithm().label(),
            issuer: key.issuer().map(|issuer| issuer.as_str().to_owned()),
            state: key.state(now).label(),
            age_days: key.age(now) / DAY,
            created: to_rfc3339(validity.created),
            not_before: to_rfc3339(validity.not_before),
            not_after: validity.not_after.map(to_rfc3339),
        }
    }
}

fn list(args: &ListArgs, now: UnixTime) -> anyhow::Result<()> {
    let keyring = read_keyring(&args.place.keyring)?;
    let keys: Vec<Listed> = keyring.keys().map(|key| Listed::of(key, now)).collect();
    if args.json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&keys)?)?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["kid", "alg", "issuer", "state", "age (days)", "from", "until"]);
    for key in keys {
        let (issuer, until) = (key.issuer.unwrap_or_else(|| "any".to_owned()), key.not_after.unwrap_or_default());
        let age = key.age_days.to_string();
        table.add_row([key.kid, key.alg.to_owned(), issuer, key.state.to_owned(), age, key.not_before, until]);
    }
    writeln!(io::stdout(), "{table}")?;
    Ok(())
}
