//! `hilum check`: reads a configuration as `hilum serve` does and says what is wrong with it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{self, Config, DEFAULT_PATH};
use crate::policy::seal::{Mode, Profile};

/// Reads a configuration as `serve` does and reports every fault at once
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The configuration
    #[arg(default_value = DEFAULT_PATH)]
    file: PathBuf,
}

/// Runs `hilum check`.
///
/// # Errors
/// The [`config::Faults`] of the file, or that standard output is closed.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = config::read(&args.file)?;
    writeln!(io::stdout(), "{}: ok\n{}", args.file.display(), summary(&config))?;
    Ok(ExitCode::SUCCESS)
}

/// What stands behind the words of the file: wildcards, default routes and zeros resolved.
fn summary(config: &Config) -> String {
    fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if values.is_empty() { "nowhere".to_owned() } else { values.join(", ") }
    }
    let relay = config.relay.addresses.iter().map(|address| {
        if address.local == address.external {
            address.local.to_string()
        } else {
            format!("{} (seen as {})", address.local, address.external)
        }
    });
    let ports = &config.relay.ports;
    [
        format!("  UDP      {}", list(&config.udp)),
        format!("  TCP      {}", list(&config.listen.tcp)),
        format!("  TLS      {}", list(&config.listen.tls)),
        format!("  relay    {}, ports {}-{}", list(relay), ports.start(), ports.end()),
        format!("  seal     {}", seal(config)),
        format!("  admin    {}", list(config.admin)),
        format!("  threads  {}", config.shards),
        // Its Debug form counts users and secrets, and shows none.
        format!("  auth     {:?}", config.credentials),
    ]
    .join("\n")
}

/// What the seal asks of a call.
fn seal(config: &Config) -> String {
    let seal = &config.policy.seal;
    let mode = seal.mode.label();
    if seal.mode == Mode::Off {
        return format!("{mode}: whatever clients send is relayed unread");
    }
    let profiles: Vec<&str> = seal.profiles.iter().map(Profile::label).collect();
    let statistics = if seal.statistics { "" } else { ", no statistics" };
    format!("{mode}, DTLS {} or later, {}{statistics}", seal.min_version.label(), profiles.join(" or "))
}
