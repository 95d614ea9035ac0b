//! `hilum allocations`: the allocations that run.

use std::process::ExitCode;

use axum::http::Method;
use clap::Args;

use super::Misuse;
use super::operator::{Part, Way, bytes, count, duration, list, print, text};

/// Lists the allocations that run on the relay of this host; no addresses
#[derive(Args, Debug)]
pub struct AllocationsArgs {
    /// Only those of one call
    #[arg(long, value_name = "ISSUER/CALL")]
    call: Option<String>,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    way: Way,
}

/// Runs `hilum allocations`.
///
/// # Errors
/// The relay does not answer, or refuses.
pub fn run(args: &AllocationsArgs) -> anyhow::Result<ExitCode> {
    let mut target = args.part.target("/v1/allocations");
    if let Some(call) = &args.call {
        // No character of a call has a meaning in a URI.
        if !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
            return Err(Misuse("--call: write ISSUER/CALL, as `hilum calls` shows them").into());
        }
        target.push_str("&call=");
        target.push_str(call);
    }
    let answer = args.way.ask(Method::GET, &target, None)?;
    if args.way.json {
        print(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["issuer", "call", "party", "token", "key", "over", "age", "left", "peers", "up", "down"];
    list(&answer, "allocations", header, |allocation| {
        let token = &allocation["token"];
        [
            text(&token["issuer"]),
            text(&token["call"]),
            text(&token["party"]),
            text(&token["id"]),
            text(&token["kid"]),
            text(&allocation["transport"]),
            duration(&allocation["age_seconds"]),
            duration(&allocation["left_seconds"]),
            count(&allocation["permissions"]),
            bytes(&allocation["bytes_up"]),
            bytes(&allocation["bytes_down"]),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}
