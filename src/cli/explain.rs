//! `hilum explain`: what the seal would say about a capture, by the code that the relay runs.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::config;
use crate::explain::{Capture, Explainer, Names, Options, Outcome, Server, Summary};
use crate::policy::seal::{Settings, Version};

use super::USAGE;

/// Reads a capture of TURN clients and says which relayed packets the seal would let through, and why not the others.
#[derive(Args, Debug)]
#[command(
    after_help = "Capture on the client or on the relay, from before the call begins, and whole packets: tcpdump -s 0 \
    -w call.pcap port 3478. Clients and peers are numbers in what is printed, so that it can be passed on; --addresses \
    shows their addresses. The exit code is 0 when all that is relayed would pass, 1 when something would be refused, \
    and 2 when the file cannot be read or does not show enough to tell."
)]
pub struct ExplainArgs {
    /// The capture: pcap or pcapng
    file: PathBuf,
    /// The TURN server, IP or IP:PORT; whoever is asked for allocations, by default
    #[arg(long, value_name = "SERVER")]
    server: Option<Server>,
    /// Judge by the [seal] settings of a configuration; by the defaults without it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The oldest version of DTLS that may open a seal
    #[arg(long, value_name = "VERSION")]
    min_dtls: Option<MinDtls>,
    /// One line for each packet, before the summary
    #[arg(long)]
    packets: bool,
    /// One JSON object in a line for each packet, and one with the summary
    #[arg(long)]
    json: bool,
    /// Show the addresses of clients and peers
    #[arg(long)]
    addresses: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MinDtls {
    #[value(name = "1.2")]
    Dtls12,
    #[value(name = "1.3")]
    Dtls13,
}

/// Runs `hilum explain`.
///
/// # Errors
/// The [`config::Faults`] of the configuration, or that standard output is closed.
pub fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let options = Options { server: args.server, settings: settings(args)? };
    let file = args.file.display();
    let opened = File::open(&args.file).map_err(|error| format!("cannot be read: {error}"));
    let mut capture = match opened.and_then(|file| Capture::open(file).map_err(|error| error.to_string())) {
        Ok(capture) => capture,
        Err(error) => {
            eprintln!("hilum: {file}: {error}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let (summary, names) = read(&mut capture, &options, args, &mut out)?;
    if args.json {
        writeln!(out, "{}", summary.json(&names))?;
    } else {
        if args.packets && summary.packets > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", summary.text(&names))?;
    }
    out.flush()?;
    if let Some(unreadable) = summary.unreadable {
        eprintln!("hilum: {file}: {unreadable}");
    }
    Ok(exit_code(&summary))
}

fn settings(args: &ExplainArgs) -> anyhow::Result<Settings> {
    let mut settings = match &args.config {
        Some(file) => config::read(file)?.policy.seal,
        None => Settings::default(),
    };
    if let Some(version) = args.min_dtls {
        settings.min_version = match version {
            MinDtls::Dtls12 => Version::Dtls12,
            MinDtls::Dtls13 => Version::Dtls13,
        };
    }
    Ok(settings)
}

/// Reads all packets, and prints them if they are to be seen.
fn read(
    capture: &mut Capture<'_>,
    options: &Options,
    args: &ExplainArgs,
    out: &mut impl Write,
) -> io::Result<(Summary, Names)> {
    let mut explainer = Explainer::new(options);
    explainer.show_addresses(args.addresses);
    let end = loop {
        let packet = match capture.packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break None,
            Err(unreadable) => break Some(unreadable),
        };
        for line in explainer.read(&packet) {
            if args.json {
                writeln!(out, "{}", line.json(explainer.names()))?;
            } else if args.packets {
                writeln!(out, "{}", line.text(explainer.names()))?;
            }
        }
    };
    Ok(explainer.finish(capture.truncated(), end))
}

fn exit_code(summary: &Summary) -> ExitCode {
    match (summary.outcome(), summary.unreadable) {
        (Outcome::Refused, _) => ExitCode::FAILURE,
        (Outcome::Passes, None) => ExitCode::SUCCESS,
        (Outcome::Passes, Some(_)) | (Outcome::Unjudged | Outcome::Nothing, _) => ExitCode::from(USAGE),
    }
}
