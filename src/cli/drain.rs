//! `hilum drain`: takes a relay out of service without ending a call.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use axum::http::Method;
use clap::Args;
use serde_json::{Value, json};

use super::operator::{Way, print};
use crate::clock::SystemClock;

/// The exit code when calls still run.
const STILL_RUNNING: u8 = 3;
/// How often the relay is asked how many allocations run: it counts them once a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Has the relay take no new allocations, and waits until those that run have ended; it goes on draining afterwards
#[derive(Args, Debug)]
pub struct DrainArgs {
    /// Wait for so many seconds at most, 0 to 604800; without it, as long as it takes. If allocations run then, the exit
    /// code is 3
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=604_800))]
    deadline: Option<u32>,
    /// Have the relay take new allocations again
    #[arg(long, conflicts_with = "deadline")]
    cancel: bool,
    #[command(flatten)]
    way: Way,
}

/// Runs `hilum drain`.
///
/// # Errors
/// The relay does not answer, or refuses.
pub fn run(args: &DrainArgs) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::start();
    let began = clock.now().moment;
    let mut answer = args.way.ask(Method::POST, "/v1/drain", Some(&json!({ "draining": !args.cancel })))?;
    if args.cancel {
        say(args, &answer, "new allocations are taken again; running: {}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let deadline = args.deadline.map(|seconds| Duration::from_secs(seconds.into()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    loop {
        if running(&answer) == 0 {
            say(args, &answer, "drained: no allocation runs")?;
            return Ok(ExitCode::SUCCESS);
        }
        let left = deadline.map(|deadline| deadline.saturating_sub(clock.now().moment.since(began)));
        if left == Some(Duration::ZERO) {
            say(args, &answer, "time is up, and no new allocations are taken; still running: {}")?;
            return Ok(ExitCode::from(STILL_RUNNING));
        }
        let pause = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
        runtime.block_on(async { tokio::time::sleep(pause).await });
        let status = args.way.ask(Method::GET, "/v1/status", None)?;
        // Another operator may want the relay back; whoever waits here has to know.
        if status["ready"] == Value::Bool(true) {
            anyhow::bail!("the relay takes new allocations again: somebody has cancelled the draining");
        }
        answer["allocations"] = status["allocations"].clone();
    }
}

fn running(answer: &Value) -> u64 {
    answer["allocations"].as_u64().unwrap_or_default()
}

fn say(args: &DrainArgs, answer: &Value, sentence: &str) -> anyhow::Result<()> {
    if args.way.json {
        return print(answer);
    }
    writeln!(io::stdout(), "{}", sentence.replace("{}", &running(answer).to_string()))?;
    Ok(())
}
