//! The command line: one file for each subcommand.
//!
//! The exit code says whose turn it is: 0, all is well; 1, something failed while running; 2, the command line or the
//! configuration is wrong; 3, time is up and calls still run.

pub mod allocations;
pub mod api_key;
pub mod audit;
pub mod calls;
pub mod check;
pub mod credentials;
pub mod demo;
pub mod doctor;
pub mod drain;
pub mod explain;
mod held;
pub mod keys;
mod operator;
pub mod revoke;
pub mod serve;
pub mod staff;
pub mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::api::NoAnswer;
use crate::config::Faults;

/// The exit code of a command line or a configuration that is wrong; clap uses the same.
const USAGE: u8 = 2;

/// What `--version` says: also whether TLS is that of the validated module.
const VERSION: &str =
    if cfg!(feature = "fips") { concat!(env!("CARGO_PKG_VERSION"), "+fips") } else { env!("CARGO_PKG_VERSION") };

#[derive(Parser, Debug)]
#[command(name = "hilum", version = VERSION, about = "A TURN/STUN relay that a hospital runs itself", long_about = None)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Allocations(allocations::AllocationsArgs),
    ApiKey(api_key::ApiKeyArgs),
    Audit(audit::AuditArgs),
    Calls(calls::CallsArgs),
    Check(check::CheckArgs),
    Credentials(credentials::CredentialsArgs),
    Demo(demo::DemoArgs),
    Doctor(doctor::DoctorArgs),
    Drain(drain::DrainArgs),
    Explain(explain::ExplainArgs),
    Keys(keys::KeysArgs),
    Revoke(revoke::RevokeArgs),
    Serve(serve::ServeArgs),
    Staff(staff::StaffArgs),
    Token(token::TokenArgs),
}

/// Runs the command that this process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Allocations(args) => allocations::run(&args),
        Command::ApiKey(args) => api_key::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Calls(args) => calls::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Credentials(args) => credentials::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Drain(args) => drain::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Revoke(args) => revoke::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Staff(args) => staff::run(&args),
        Command::Token(args) => token::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        match error.downcast_ref::<Faults>() {
            // Each fault names its file and line; nothing needs to stand before it.
            Some(faults) => eprintln!("{faults}"),
            None => eprintln!("hilum: {error:#}"),
        }
        let refused = error.downcast_ref::<NoAnswer>().is_some_and(NoAnswer::is_of_caller);
        let misused = error.is::<Faults>() || error.is::<Misuse>() || refused;
        ExitCode::from(if misused { USAGE } else { 1 })
    })
}

/// The command asks for what the configuration cannot give: the operator's to mend, exit code 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misuse(pub &'static str);

impl core::fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl core::error::Error for Misuse {}
