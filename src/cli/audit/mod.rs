//! `hilum audit`: reads an audit log as an auditor does, with its files and what was written down elsewhere.

mod example;
mod read;
mod reveal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::audit::damage::Head;
use crate::audit::export::Window;
use crate::audit::{Day, Label, Stamp};
use crate::time::UnixTime;

/// Verifies an audit log, prints it, and finds a call in it
#[derive(Args, Debug)]
#[command(flatten_help = true)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Reads every record, link and signature; names file and line of whatever is wrong
    Verify(Verify),
    /// Prints the last record's number and hash, to be written down elsewhere
    Head(HeadArgs),
    /// Calls, bytes and refusals by region, and what somebody should know about
    Report(Report),
    /// Prints the records, as they are or as a table
    Export(Export),
    /// Finds a call, token or party by its id, with the pseudonym key; the search itself is recorded
    Reveal(Reveal),
    /// Makes an example log with its keys, to practise on
    Example(ExampleArgs),
}

#[derive(Args, Debug)]
struct Log {
    /// The directory of the log
    directory: PathBuf,
    /// PEM file with the keys that may have signed it; by default audit.pub beside the log, which whoever changed the
    /// log could have changed as well. May be repeated
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
}

#[derive(Args, Debug)]
struct Span {
    /// The first day or second, as 2026-11-27 or 2026-11-27T17:05:00Z; UTC
    #[arg(long, value_name = "TIME", value_parser = first)]
    from: Option<UnixTime>,
    /// The last day or second, itself included
    #[arg(long, value_name = "TIME", value_parser = until)]
    to: Option<UnixTime>,
}

impl Span {
    const fn window(&self) -> Window {
        Window { from: self.from, until: self.to }
    }
}

#[derive(Args, Debug)]
struct Verify {
    #[command(flatten)]
    log: Log,
    /// A head that was written down: shows whether the end was cut off since
    #[arg(long, value_name = "NUMBER:HASH")]
    head: Option<Head>,
}

#[derive(Args, Debug)]
struct HeadArgs {
    /// The directory of the log
    directory: PathBuf,
}

#[derive(Args, Debug)]
struct Report {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The lines of the log, byte for byte
    Jsonl,
    /// A table for spreadsheets
    Csv,
}

#[derive(Args, Debug)]
struct Export {
    #[command(flatten)]
    log: Log,
    /// How records are printed
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    span: Span,
}

#[derive(Args, Debug)]
struct Reveal {
    /// The directory of the log
    directory: PathBuf,
    /// The file whose first line is the pseudonym key
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The id to look for, as it stands in the token
    #[arg(long, value_name = "ID")]
    call: String,
    /// Print its pseudonym on this day too, whether it is in the log or not
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// On what ground: a ticket, without spaces and without names. It is recorded
    #[arg(long, value_name = "TICKET")]
    reason: Label,
}

#[derive(Args, Debug)]
struct ExampleArgs {
    /// A directory that does not exist yet
    directory: PathBuf,
}

/// A day's first second, or a second.
fn first(text: &str) -> Result<UnixTime, String> {
    let day = text.parse::<Day>().map(Day::begin);
    day.or_else(|_| text.parse().map(|stamp: Stamp| stamp.0)).map_err(|_| WRITE_A_TIME.to_owned())
}

/// The second after a day, or after a second.
fn until(text: &str) -> Result<UnixTime, String> {
    let day = text.parse::<Day>().map(|day| day.next().begin());
    day.or_else(|_| text.parse().map(|stamp: Stamp| stamp.0.plus_secs(1))).map_err(|_| WRITE_A_TIME.to_owned())
}

const WRITE_A_TIME: &str = "write a day, 2026-11-27, or a second, 2026-11-27T17:05:00Z, in UTC";

/// Runs `hilum audit`.
///
/// # Errors
/// Files that cannot be read or written.
pub fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Verify(args) => read::verify(args),
        Command::Head(args) => read::head(args),
        Command::Report(args) => read::report(args),
        Command::Export(args) => read::export(args),
        Command::Reveal(args) => reveal::run(args),
        Command::Example(args) => example::run(args),
    }
}
