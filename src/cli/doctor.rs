//! `hilum doctor`: examines any TURN server the way a video visit will use it, and explains what is wrong.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, ContentArrangement, Table};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::addr::Transport;
use crate::auth::{SharedSecret, ephemeral_password, ephemeral_username};
use crate::client::{Credential, EchoPath, Options, Plan, ProbeReport, Schedule, Trust, TurnUri, probe};
use crate::clock::SystemClock;

/// The environment variable that may hold the password.
pub const PASSWORD_ENV: &str = "HILUM_PASSWORD";
/// Each way may take half a minute, and nobody waits longer than some minutes.
const MOST_WAYS: usize = 16;
/// How long time-limited credentials of a test live: longer than the longest test.
const CREDENTIAL_SECONDS: u64 = 3600;
/// No password or secret is longer; a larger file is the wrong one.
const LARGEST_SECRET_FILE: u64 = 4096;

/// Tries TURN servers with real allocations and relayed packets, and says what works and what to repair.
#[derive(Args, Debug)]
#[command(
    after_help = "The password comes from --password-file or from the environment variable HILUM_PASSWORD, never \
    from the command line, where other users of this computer could read it."
)]
pub struct DoctorArgs {
    /// Server: turn:HOST[:PORT][?transport=udp|tcp], turns:HOST[:PORT], or a host alone for UDP, TCP and TLS at the
    /// default ports
    #[arg(required = true, value_name = "SERVER")]
    servers: Vec<String>,
    /// User name; with --secret-file only a label, "doctor" by default
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    password_file: Option<PathBuf>,
    /// File whose first line is the shared secret of time-limited credentials
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    /// How many packets to relay on each way, one every 20 ms
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    packets: u32,
    /// Bytes in each packet
    #[arg(long, value_name = "BYTES", default_value_t = 172, value_parser = sizes())]
    size: usize,
    /// PEM file with the authority or the self-signed certificate to trust, instead of the system's authorities
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Accept any certificate, to find out whether only the certificate is wrong
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

fn sizes() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(28..=1400)
}

/// Runs `hilum doctor`. Success means that every way that was asked for works.
///
/// # Errors
/// What the arguments lack, or that this computer cannot test.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let findings = examine(args)?;
    println!("{}", if args.json { findings.json()? } else { findings.table() });
    Ok(if findings.work() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tries every way that was asked for. It takes at most 22 s and the time of the packets for each.
///
/// # Errors
/// As [`run`].
pub fn examine(args: &DoctorArgs) -> anyhow::Result<Findings> {
    let ways = ways(&args.servers)?;
    let credential = credential(args)?;
    let options = options(args, &ways)?;
    let plan = Plan { size: args.size, ..Plan::voice(args.packets) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut findings = Findings { ways: Vec::new() };
    // One after the other: side by side they would disturb each other's times and count together against the quota.
    for way in ways {
        if !args.json {
            eprintln!("trying {way} ...");
        }
        let report = runtime.block_on(probe(&way, &credential, &options, &plan));
        findings.ways.push((way, report));
    }
    Ok(findings)
}

/// What came of each way.
#[derive(Debug)]
pub struct Findings {
    ways: Vec<(TurnUri, ProbeReport)>,
}

impl Findings {
    /// Whether every way works.
    #[must_use]
    pub fn work(&self) -> bool {
        !self.ways.is_empty() && self.ways.iter().all(|(_, report)| report.works())
    }

    /// The findings for programs.
    ///
    /// # Errors
    /// None of the values does what JSON cannot; the serializer's type says otherwise.
    pub fn json(&self) -> anyhow::Result<String> {
        let ways = self.ways.iter().map(|(_, report)| JsonWay { works: report.works(), report }).collect();
        Ok(serde_json::to_string_pretty(&Json { works: self.work(), ways })?)
    }

    /// The findings for people: a table, what is wrong, and one line that sums it up.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        let latency = "latency (min/median/p95)";
        table.set_header(["way in", "server answers", "allocation", "relayed echo", latency, "loss", "verdict"]);
        for (way, report) in &self.ways {
            table.add_row(row(way, report));
        }
        let mut text = table.to_string();
        for (way, report) in &self.ways {
            explain(&mut text, way, report);
        }
        let good = self.ways.iter().filter(|(_, report)| report.works()).count();
        let sum = match (good, self.ways.len()) {
            (good, all) if good == all => "Every way works.".to_owned(),
            (0, _) => "No way works.".to_owned(),
            (good, all) => format!("{good} of {all} ways work; a call takes the best of them."),
        };
        format!("{text}\n\n{sum}")
    }
}

#[derive(Serialize)]
struct Json<'r> {
    works: bool,
    ways: Vec<JsonWay<'r>>,
}

#[derive(Serialize)]
struct JsonWay<'r> {
    works: bool,
    #[serde(flatten)]
    report: &'r ProbeReport,
}

fn ways(servers: &[String]) -> anyhow::Result<Vec<TurnUri>> {
    let mut ways = Vec::new();
    for server in servers {
        if TurnUri::has_scheme(server) {
            ways.push(server.parse()?);
        } else {
            ways.extend(TurnUri::every_way(server)?);
        }
    }
    if ways.len() > MOST_WAYS {
        bail!(
            "{} ways are too many for one run, {MOST_WAYS} at most; test the servers one after the other",
            ways.len()
        );
    }
    Ok(ways)
}

fn options(args: &DoctorArgs, ways: &[TurnUri]) -> anyhow::Result<Options> {
    let trust = match (&args.ca, args.insecure) {
        (_, true) => Trust::Anyone,
        (Some(file), false) => Trust::File(file.clone()),
        (None, false) => Trust::System,
    };
    let plain = Options { schedule: Schedule::IMPATIENT, connect_patience: Schedule::IMPATIENT.patience(), tls: None };
    // A computer without authorities can still test what needs none.
    if ways.iter().all(|way| way.transport != Transport::Tls) {
        return Ok(plain);
    }
    Ok(Options { tls: Options::with_trust(&trust)?.tls, ..plain })
}

fn credential(args: &DoctorArgs) -> anyhow::Result<Credential> {
    if let Some(file) = &args.secret_file {
        let secret = SharedSecret::new(first_line(file)?.to_vec())
            .map_err(|error| anyhow!("the secret in {}: {error}", file.display()))?;
        let expires = SystemClock::start().now().unix.plus_secs(CREDENTIAL_SECONDS);
        let username = ephemeral_username(expires, args.username.as_deref().unwrap_or("doctor"));
        let password = ephemeral_password(&secret, username.as_bytes());
        return Ok(Credential::new(username, password)?);
    }
    let Some(username) = &args.username else {
        bail!(
            "a TURN server relays only for known users; add --username NAME and --password-file FILE, or \
             --secret-file FILE"
        );
    };
    let password = match (&args.password_file, std::env::var_os(PASSWORD_ENV)) {
        (Some(file), _) => first_line(file)?.to_vec(),
        (None, Some(password)) => password.into_encoded_bytes(),
        (None, None) => bail!("the password is missing; write --password-file FILE or set {PASSWORD_ENV}"),
    };
    Ok(Credential::new(username.clone(), password)?)
}

fn first_line(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let length = file.take(LARGEST_SECRET_FILE + 1).read_to_end(&mut text);
    let length = length.with_context(|| format!("cannot read {}", path.display()))?;
    if u64::try_from(length).unwrap_or(u64::MAX) > LARGEST_SECRET_FILE {
        bail!("{} is larger than {LARGEST_SECRET_FILE} bytes; it should hold one line", path.display());
    }
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if line.is_empty() {
        bail!("the first line of {} is empty; it should be the password or secret", path.display());
    }
    Ok(Zeroizing::new(line.to_vec()))
}

/// What is wrong with one way, and what to do.
fn explain(text: &mut String, way: &TurnUri, report: &ProbeReport) {
    let name = name_of(way);
    if let Some(failure) = &report.failure {
        text.push_str(&format!("\n\n{name}: {}\n  {}", failure.problem, failure.advice));
    }
    if let Some((EchoPath::LocalPort, reason)) = report.echo.as_ref().map(|echo| (echo.path, &echo.path_reason)) {
        let reason = reason.as_deref().unwrap_or_default();
        let note = "packets went to a port of this computer, not to a second allocation";
        text.push_str(&format!("\n\n{name}: {note} ({reason})."));
    }
}

fn row(way: &TurnUri, report: &ProbeReport) -> [Cell; 7] {
    let timed = |time: Option<f64>| time.map_or("no".to_owned(), |time| format!("yes, {time:.1} ms"));
    let allocation = if report.answer_ms.is_none() { "-".to_owned() } else { timed(report.allocate_ms) };
    let none = || "-".to_owned();
    let (echo, latency, loss) = report.echo.as_ref().map_or((none(), none(), none()), |echo| {
        let latency = echo
            .round_trip
            .map_or_else(none, |time| format!("{:.1} / {:.1} / {:.1} ms", time.min_ms, time.median_ms, time.p95_ms));
        (format!("{} of {}", echo.returned, echo.sent), latency, format!("{} %", echo.loss_percent))
    });
    let verdict = report.failure.as_ref().map_or("works", |failure| failure.verdict);
    [
        Cell::new(name_of(way)),
        Cell::new(timed(report.answer_ms)),
        Cell::new(allocation),
        Cell::new(echo),
        Cell::new(latency),
        Cell::new(loss),
        Cell::new(verdict),
    ]
}

fn name_of(way: &TurnUri) -> String {
    let transport = match way.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    };
    let (open, close) = if way.host.contains(':') { ("[", "]") } else { ("", "") };
    format!("{transport} {open}{}{close}:{}", way.host, way.port)
}
