//! `hilum calls`: the calls that run.

use std::process::ExitCode;

use axum::http::Method;
use clap::Args;
use serde_json::Value;

use super::operator::{Part, Way, bytes, count, duration, list, print, text};

/// Lists the calls that run on the relay of this host
#[derive(Args, Debug)]
pub struct CallsArgs {
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    way: Way,
}

/// Runs `hilum calls`.
///
/// # Errors
/// The relay does not answer, or refuses.
pub fn run(args: &CallsArgs) -> anyhow::Result<ExitCode> {
    let answer = args.way.ask(Method::GET, &args.part.target("/v1/calls"), None)?;
    if args.way.json {
        print(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["issuer", "call", "parties", "allocations", "age", "up", "down"];
    list(&answer, "calls", header, |call| {
        let parties = call["parties"].as_array().into_iter().flatten().filter_map(Value::as_str);
        [
            text(&call["issuer"]),
            text(&call["call"]),
            parties.collect::<Vec<_>>().join(", "),
            count(&call["allocations"]),
            duration(&call["age_seconds"]),
            bytes(&call["bytes_up"]),
            bytes(&call["bytes_down"]),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}
