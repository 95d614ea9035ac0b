//! `hilum token`: mints a call token, shows what one says, and says whether a relay would take it.

use core::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::keys::time;
use crate::auth::token::{
    Audience, Call, Claims, Issuer, Kid, LONGEST_TOKEN, Limits, PartyLabel, PasswordKey, PeerRange, Region, Token,
    TokenId, TokenRefusal, TokenRules, Use, verify,
};
use crate::clock::SystemClock;
use crate::config::date::to_rfc3339;
use crate::config::{DEFAULT_KEYRING, read_keyring};
use crate::mint::{self, SigningKey};
use crate::time::UnixTime;

/// Mints a call token, shows what one says, or says whether a relay would take it
#[derive(Args, Debug)]
pub struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Mints a token: a username and its password
    Mint(Box<MintArgs>),
    /// Shows what a token says. Its signature is not looked at
    Inspect(InspectArgs),
    /// Says whether a relay with this keyring takes a token now; exit code 1 if it does not
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct MintArgs {
    /// The signing key, as `hilum keys new` writes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The key's id; by default the name of its file without the ending
    #[arg(long)]
    kid: Option<Kid>,
    /// The file with the password key; by default beside the signing key, with the ending .password
    #[arg(long, value_name = "FILE")]
    password_key: Option<PathBuf>,
    /// `iss`: who mints
    #[arg(long)]
    issuer: Issuer,
    /// `aud`: the cluster of the relays
    #[arg(long)]
    audience: Audience,
    /// `call`: the call; random by default
    #[arg(long)]
    call: Option<Call>,
    /// `party`: whose token it is within the call. Use no name
    #[arg(long)]
    party: PartyLabel,
    /// `reg`: a region whose relays it may use; once for each
    #[arg(long = "region", required = true)]
    regions: Vec<Region>,
    /// `jti`: the token's own id; random by default
    #[arg(long)]
    id: Option<TokenId>,
    /// `nbf`: when it becomes valid, as 2026-11-27T16:00:00Z; at once by default
    #[arg(long, value_name = "TIME", value_parser = time)]
    starts: Option<UnixTime>,
    /// `exp`: seconds from its start during which allocations may begin
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    ttl: u32,
    /// `end`: seconds from its start after which running allocations end; at most 7 days
    #[arg(long, value_name = "SECONDS", default_value_t = 14_400)]
    call_seconds: u32,
    /// `lim.kbps`: kbit/s each way
    #[arg(long)]
    kbps: Option<u32>,
    /// `lim.alloc`: allocations at once
    #[arg(long)]
    allocations: Option<u16>,
    /// `peers`: a network outside that it may reach, with ports, as 10.20.0.0/16:5000-6000; once for each
    #[arg(long = "peer")]
    peers: Vec<PeerRange>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct InspectArgs {
    /// The token, which is the username; from standard input if it is -
    token: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// The token, which is the username; from standard input if it is -
    token: String,
    /// The keyring
    #[arg(long, value_name = "FILE", default_value = DEFAULT_KEYRING)]
    keyring: PathBuf,
    /// The cluster of the relay; what the token says by default
    #[arg(long)]
    audience: Option<Audience>,
    /// Where the relay stands; any of the token's regions by default
    #[arg(long)]
    region: Option<Region>,
    /// What the token is to be used for
    #[arg(long = "for", value_enum, default_value_t = Purpose::Begin)]
    purpose: Purpose,
    /// Another time than now, as 2026-11-27T16:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<UnixTime>,
    /// Seconds that clocks may be apart
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=3600))]
    skew: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Purpose {
    /// A new allocation
    Begin,
    /// A running allocation
    Continue,
}

/// Runs `hilum token`.
///
/// # Errors
/// A key or a keyring that cannot be read, claims out of bounds, or a text that is no token.
pub fn run(args: &TokenArgs) -> anyhow::Result<ExitCode> {
    let now = SystemClock::start().now().unix;
    match &args.action {
        Action::Mint(args) => mint_one(args, now),
        Action::Inspect(args) => inspect(args),
        Action::Verify(args) => judge(args, now),
    }
}

fn mint_one(args: &MintArgs, now: UnixTime) -> anyhow::Result<ExitCode> {
    let kid = match args.kid {
        Some(kid) => kid,
        None => kid_of(&args.key)?,
    };
    let pem = Zeroizing::new(fs::read(&args.key).with_context(|| format!("cannot read {}", args.key.display()))?);
    let key = SigningKey::from_pem(&pem).with_context(|| args.key.display().to_string())?;
    let beside = args.password_key.clone().unwrap_or_else(|| args.key.with_extension("password"));
    let password = password_key(&beside)?;
    let starts = args.starts.unwrap_or(now);
    let claims = Claims {
        issuer: args.issuer,
        audience: args.audience,
        id: given_or_random(args.id)?,
        not_before: starts,
        expires: starts.plus_secs(args.ttl.into()),
        end: starts.plus_secs(args.call_seconds.into()),
        call: given_or_random(args.call)?,
        party: args.party,
        regions: args.regions.clone(),
        limits: Limits { kbps: args.kbps, allocations: args.allocations },
        peers: args.peers.clone(),
    };
    let minted = key.mint(kid, &password, &claims)?;
    let mut out = io::stdout();
    if args.json {
        let about = json!({
            "username": minted.username,
            "credential": minted.password.as_str(),
            "call": claims.call.as_str(),
            "expires": to_rfc3339(claims.expires),
            "ends": to_rfc3339(claims.end),
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&about)?)?;
    } else {
        writeln!(out, "username  {}\npassword  {}", minted.username, minted.password.as_str())?;
        writeln!(out, "call      {}", claims.call.as_str())?;
        writeln!(out, "begins    until {}", to_rfc3339(claims.expires))?;
        writeln!(out, "ends      at {}", to_rfc3339(claims.end))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn kid_of(file: &Path) -> anyhow::Result<Kid> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.parse().map_err(|why| anyhow!("the name of {} is no key id: {why}; name it with --kid", file.display()))
}

fn password_key(file: &Path) -> anyhow::Result<PasswordKey> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.with_context(|| format!("cannot read the password key {}", file.display()))?;
    let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map(Zeroizing::new).unwrap_or_default();
    let bytes: Result<[u8; 32], _> = bytes.as_slice().try_into();
    let bytes = bytes.map_err(|_| anyhow!("{}: holds no password key: 32 bytes in base64url", file.display()))?;
    Ok(PasswordKey::new(bytes))
}

fn given_or_random<W: core::str::FromStr<Err: core::error::Error + Send + Sync + 'static>>(
    given: Option<W>,
) -> anyhow::Result<W> {
    match given {
        Some(word) => Ok(word),
        None => Ok(mint::random_id()?.parse()?),
    }
}

/// The token of the command line, or of standard input.
pub(super) fn read(token: &str) -> anyhow::Result<String> {
    if token != "-" {
        return Ok(token.to_owned());
    }
    let mut text = String::new();
    let most = u64::try_from(LONGEST_TOKEN * 2).unwrap_or(u64::MAX);
    io::stdin().take(most).read_to_string(&mut text).context("cannot read standard input")?;
    Ok(text.trim().to_owned())
}

fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let text = read(&args.token)?;
    let read = Token::parse(text.as_bytes()).and_then(|token| Ok((token, token.claims()?)));
    let (token, claims) = read.map_err(|why| anyhow!("the token {why}"))?;
    if args.json {
        let mut about = described(&token, &claims);
        about["signature"] = Value::from("unchecked");
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&about)?)?;
    } else {
        writeln!(io::stdout(), "{}signature    not checked; `hilum token verify` does", table(&token, &claims))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn judge(args: &VerifyArgs, now: UnixTime) -> anyhow::Result<ExitCode> {
    let text = read(&args.token)?;
    let keyring = read_keyring(&args.keyring)?;
    let now = args.at.unwrap_or(now);
    let refused = |why: TokenRefusal| (why.label(), why.to_string());
    match accept(args, &text, keyring, now).map_err(refused).and_then(|accepted| is_here(args, accepted)) {
        Ok((token, claims)) => {
            if args.json {
                let mut about = described(&token, &claims);
                about["accepted"] = Value::from(true);
                writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&about)?)?;
            } else {
                writeln!(io::stdout(), "{}signature    right; the token is accepted", table(&token, &claims))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err((label, why)) => {
            if args.json {
                let about = json!({ "accepted": false, "reason": label, "message": format!("the token {why}") });
                writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&about)?)?;
            } else {
                eprintln!("hilum: refused ({label}): the token {why}");
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn accept<'t>(
    args: &VerifyArgs,
    text: &'t str,
    keyring: crate::auth::Keyring,
    now: UnixTime,
) -> Result<(Token<'t>, Claims), TokenRefusal> {
    let token = Token::parse(text.as_bytes())?;
    let audience = match args.audience {
        Some(audience) => audience,
        None => token.claims()?.audience,
    };
    let rules = TokenRules { keyring, audience, skew: args.skew };
    let claims = verify(text.as_bytes(), &rules, now)?;
    let purpose = match args.purpose {
        Purpose::Begin => Use::Begin,
        Purpose::Continue => Use::Continue,
    };
    claims.check(purpose, now, args.skew)?;
    Ok((token, claims))
}

/// The same, if the token is for a relay where this one stands.
fn is_here<'t>(
    args: &VerifyArgs,
    (token, claims): (Token<'t>, Claims),
) -> Result<(Token<'t>, Claims), (&'static str, String)> {
    if args.region.is_none_or(|region| claims.regions.contains(&region)) {
        return Ok((token, claims));
    }
    let regions = words(&claims.regions).join(", ");
    Err((
        "elsewhere",
        format!("begins no allocation there: it is for {regions}; send the client to a relay of that region"),
    ))
}

fn words<const MOST: usize>(words: &[crate::auth::token::Word<MOST>]) -> Vec<&str> {
    words.iter().map(|word| word.as_str()).collect()
}

/// The token as JSON, claims by their names in the token.
fn described(token: &Token<'_>, claims: &Claims) -> Value {
    let peers: Vec<String> = claims.peers.iter().map(ToString::to_string).collect();
    json!({
        "alg": token.algorithm().label(),
        "kid": token.kid().as_str(),
        "claims": {
            "iss": claims.issuer.as_str(),
            "aud": claims.audience.as_str(),
            "jti": claims.id.as_str(),
            "nbf": claims.not_before.as_secs(),
            "exp": claims.expires.as_secs(),
            "end": claims.end.as_secs(),
            "call": claims.call.as_str(),
            "party": claims.party.as_str(),
            "reg": words(&claims.regions),
            "lim": { "kbps": claims.limits.kbps, "alloc": claims.limits.allocations },
            "peers": peers,
        },
        "bytes": token.username().len(),
    })
}

/// The token for people, one line for each thing that it says.
fn table(token: &Token<'_>, claims: &Claims) -> String {
    let peers: Vec<String> = claims.peers.iter().map(ToString::to_string).collect();
    let limit = |limit: Option<u64>, unit: &str| {
        limit.map_or_else(|| "as the relay allows".to_owned(), |limit| format!("{limit}{unit}"))
    };
    let lines = [
        ("key", format!("{} ({})", token.kid().as_str(), token.algorithm().label())),
        ("issuer", claims.issuer.as_str().to_owned()),
        ("audience", claims.audience.as_str().to_owned()),
        ("id", claims.id.as_str().to_owned()),
        ("valid", format!("from {}", to_rfc3339(claims.not_before))),
        ("begins", format!("until {}", to_rfc3339(claims.expires))),
        ("ends", format!("at {}", to_rfc3339(claims.end))),
        ("call", claims.call.as_str().to_owned()),
        ("party", claims.party.as_str().to_owned()),
        ("regions", words(&claims.regions).join(", ")),
        ("rate", limit(claims.limits.kbps.map(u64::from), " kbit/s")),
        ("allocations", limit(claims.limits.allocations.map(u64::from), "")),
        ("peers", if peers.is_empty() { "those of the call".to_owned() } else { peers.join(", ") }),
        ("bytes", format!("{} of {LONGEST_TOKEN}", token.username().len())),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a String does not fail.
        writeln!(text, "{name:<11}  {value}").unwrap_or_default();
    }
    text
}
