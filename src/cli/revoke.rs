//! `hilum revoke`: ends a token, a call, a party or a key at once.

use std::io::{self, Write as _};
use std::process::ExitCode;

use axum::http::Method;
use clap::Args;
use serde_json::{Value, json};

use super::keys::time;
use super::operator::{Way, print, text};
use super::token;
use crate::time::UnixTime;
use crate::time::date::to_rfc3339;

/// Revokes a token, a call, a party of a call or a key: what lives by it ends at once, and it opens nothing any more
#[derive(Args, Debug)]
pub struct RevokeArgs {
    #[command(flatten)]
    what: What,
    /// When the revocation may be forgotten, as 2026-12-24T16:00:00Z; by default in 7 days and 10 minutes, the longest that
    /// a token which is valid now can live, or at the end of a token that is given whole, if that is later
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<UnixTime>,
    #[command(flatten)]
    way: Way,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// One token: its username, or its issuer and id; the username from standard input if it is -
    #[arg(long, value_name = "USERNAME|ISSUER/ID")]
    token: Option<String>,
    /// A call: every token of it, those minted later included
    #[arg(long, value_name = "ISSUER/CALL")]
    call: Option<String>,
    /// A party of a call: every token of it
    #[arg(long, value_name = "ISSUER/CALL/PARTY")]
    party: Option<String>,
    /// A key: every token that it signed
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
}

impl What {
    fn named(&self) -> anyhow::Result<(&'static str, String)> {
        Ok(match self {
            Self { token: Some(token), .. } => ("token", token::read(token)?),
            Self { call: Some(call), .. } => ("call", call.clone()),
            Self { party: Some(party), .. } => ("party", party.clone()),
            Self { kid, .. } => ("kid", kid.clone().unwrap_or_default()),
        })
    }
}

/// Runs `hilum revoke`.
///
/// # Errors
/// The relay does not answer, or refuses.
pub fn run(args: &RevokeArgs) -> anyhow::Result<ExitCode> {
    let (name, value) = args.what.named()?;
    let mut body = json!({ name: value });
    if let Some(until) = args.until {
        body["until"] = Value::from(to_rfc3339(until));
    }
    let answer = args.way.ask(Method::POST, "/v1/revocations", Some(&body))?;
    if args.way.json {
        print(&answer)?;
    } else {
        let (what, until) = (text(&answer[name]), text(&answer["until"]));
        let ended = answer["ended"].as_u64().unwrap_or_default();
        let allocations = if ended == 1 { "allocation" } else { "allocations" };
        writeln!(io::stdout(), "{name} {what} is revoked until {until}; {ended} {allocations} ended")?;
    }
    if let Some(warning) = answer["warning"].as_str() {
        writeln!(io::stderr(), "hilum: {warning}")?;
    }
    Ok(ExitCode::SUCCESS)
}
