//! `hilum demo`: a relay on loopback that lives as long as the command, and real traffic through it.

mod authority;
mod seal;

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{self, App, BoundAddresses};
use crate::auth::{SharedSecret, ephemeral_password, ephemeral_username};
use crate::client::{
    Credential, EchoPath, Options, Plan, ProbeReport, Schedule, Traffic, Trust, TurnUri, probe, random,
};
use crate::clock::SystemClock;
use crate::config;
use crate::time::UnixTime;

/// Packets each way and transport, and bytes in each, as large as those of a video call.
const PACKETS: u32 = 1000;
const PACKET_BYTES: usize = 1000;
/// How long the printed credentials work: a day of trying things out.
const CREDENTIAL_SECONDS: u64 = 24 * 3600;

/// Starts a relay on loopback with fresh credentials, sends real traffic through it over UDP, TCP and TLS, shows what
/// happened, and keeps serving until Ctrl-C.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Stop after the traffic; the exit code tells whether every packet arrived, and none that nobody had encrypted
    #[arg(long)]
    once: bool,
    /// Print what happened as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `hilum demo`. Success means that every packet of the calls arrived, and that the seal stopped all the others.
///
/// # Errors
/// The relay cannot be started.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demonstrate(args))
}

async fn demonstrate(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::start();
    let setup = Setup::new(clock.now().unix)?;
    let relay = start(&setup, clock).await?;
    let outcome = show(args, &setup, &relay, clock).await;
    let waited = if args.once || outcome.is_err() { Ok(()) } else { until_interrupted().await };
    relay.stop().await;
    waited.and(outcome)
}

async fn show(args: &DemoArgs, setup: &Setup, relay: &App, clock: SystemClock) -> anyhow::Result<ExitCode> {
    let ways = Ways::of(&relay.addresses())?;
    let secret = setup.shared_secret()?;
    let pair = |label: &str| {
        let username = ephemeral_username(clock.now().unix.plus_secs(CREDENTIAL_SECONDS), label);
        let password = ephemeral_password(&secret, username.as_bytes());
        (username, password)
    };
    let (username, password) = pair("demo");
    if !args.json {
        println!("{}", ways.introduction());
    }
    let credential = Credential::new(username.clone(), password.clone())?;
    let options = Options { schedule: Schedule::IMPATIENT, ..Options::with_trust(&Trust::File(setup.authority()))? };
    let reports = converse(&ways.uris, &credential, &options).await;
    let arrived = reports.iter().all(all_arrived);
    let (other, its_password) = pair("demo-unsealed");
    let udp = ways.uris.first().ok_or(anyhow!("there is no way into the relay"))?;
    let refused = seal::refuse(relay, udp, &Credential::new(other, its_password)?, &options).await;
    let ice = IceServers::of(&ways, username, password);
    if args.json {
        let authority = setup.authority();
        let (page, metrics) = (ways.page(), ways.metrics());
        let found =
            Found { arrived, ways: &reports, refused: &refused, ice: &ice, authority: &authority, page, metrics };
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        println!("{}\n{}", render(&reports), refused.text());
    }
    if !args.once && !args.json {
        println!("\nFor a browser's RTCPeerConnection, valid for 24 hours:\n{}", serde_json::to_string_pretty(&ice)?);
        if let Some(metrics) = ways.metrics() {
            println!("\nMetrics: {metrics}");
        }
        println!("\nA page: {}", ways.page());
        println!("\n{}", authority::how_to_trust(&setup.authority().to_string_lossy(), &setup.mark));
        println!("\nServing until Ctrl-C.");
    }
    Ok(if arrived && refused.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Two clients on each way send each other packets through the relay.
async fn converse(uris: &[TurnUri], credential: &Credential, options: &Options) -> Vec<ProbeReport> {
    let plan = Plan {
        traffic: Traffic::Sealed,
        packets: PACKETS,
        size: PACKET_BYTES,
        // 2,000 packets a second: some video calls at once, and over in half a second.
        interval: Duration::from_micros(500),
        // 64 KB under way fit every socket buffer, so that what gets lost is lost by the relay.
        window: 64,
        grace: Duration::from_secs(2),
        deadline: Duration::from_secs(30),
    };
    let mut reports = Vec::new();
    for uri in uris {
        reports.push(probe(uri, credential, options, &plan).await);
    }
    reports
}

fn all_arrived(report: &ProbeReport) -> bool {
    let second = report.echo.as_ref().is_some_and(|echo| echo.path == EchoPath::SecondAllocation);
    second && report.is_lossless()
}

async fn start(setup: &Setup, clock: SystemClock) -> anyhow::Result<App> {
    let config =
        config::check(&setup.configuration(), "demo", &config::System).map_err(|faults| anyhow!("{faults}"))?;
    app::start(config, clock).await
}

async fn until_interrupted() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// The files of one demo, in a directory that nobody else can read and that goes when the demo goes.
struct Setup {
    directory: PathBuf,
    /// Random, in hexadecimal digits: tells this demo from others.
    mark: String,
    secret: String,
}

impl Setup {
    fn new(now: UnixTime) -> anyhow::Result<Self> {
        let number: [u8; 8] = random()?;
        let mark = number.iter().fold(String::new(), |mark, byte| format!("{mark}{byte:02x}"));
        let directory = std::env::temp_dir().join(format!("hilum-demo-{mark}"));
        DirBuilder::new().mode(0o700).create(&directory).with_context(|| {
            format!("cannot make the directory {}; set TMPDIR to one that works", directory.display())
        })?;
        let secret: [u8; 32] = random()?;
        let setup = Self { directory, mark, secret: URL_SAFE_NO_PAD.encode(secret) };
        let made = authority::make(now, &setup.mark)?;
        write_private(&setup.authority(), &made.authority)?;
        write_private(&setup.certificate(), &made.certificate)?;
        write_private(&setup.key(), &made.key)?;
        write_private(&setup.secret_file(), &setup.secret)?;
        Ok(setup)
    }

    fn authority(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    fn certificate(&self) -> PathBuf {
        self.directory.join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    fn secret_file(&self) -> PathBuf {
        self.directory.join("secret")
    }

    fn shared_secret(&self) -> anyhow::Result<SharedSecret> {
        SharedSecret::new(self.secret.clone().into_bytes()).map_err(|error| anyhow!("the demo's secret: {error}"))
    }

    /// What an operator would write. Port 0 stands for any free port.
    fn configuration(&self) -> String {
        let path = |path: PathBuf| toml::Value::String(path.to_string_lossy().into_owned());
        format!(
            r#"[server]
realm = "hilum-demo"

[listen]
udp = ["127.0.0.1:0"]
tcp = ["127.0.0.1:0"]
tls = ["127.0.0.1:0"]
door = ["127.0.0.1:0"]

[tls]
certificate = {certificate}
key = {key}

[relay]
addresses = ["127.0.0.1"]

[auth]
shared_secret_files = [{secret}]

[peers]
allow = ["127.0.0.1"]

[admin]
listen = "127.0.0.1:0"

[log]
level = "warn"
"#,
            certificate = path(self.certificate()),
            key = path(self.key()),
            secret = path(self.secret_file()),
        )
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            eprintln!("cannot remove {}: {error}; remove it by hand", self.directory.display());
        }
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The ways into the demo's relay.
struct Ways {
    uris: Vec<TurnUri>,
    admin: Option<SocketAddr>,
    door: SocketAddr,
}

impl Ways {
    fn of(addresses: &BoundAddresses) -> anyhow::Result<Self> {
        let first =
            |bound: &[SocketAddr], what| bound.first().copied().ok_or(anyhow!("the relay does not listen on {what}"));
        let udp = format!("turn:{}?transport=udp", first(&addresses.udp, "UDP")?);
        let tcp = format!("turn:{}?transport=tcp", first(&addresses.tcp, "TCP")?);
        let tls = format!("turns:{}?transport=tcp", first(&addresses.tls, "TLS")?);
        let door = first(&addresses.door, "the door")?;
        Ok(Self { uris: vec![udp.parse()?, tcp.parse()?, tls.parse()?], admin: addresses.admin, door })
    }

    fn metrics(&self) -> Option<String> {
        self.admin.map(|admin| format!("http://{admin}/metrics"))
    }

    fn page(&self) -> String {
        format!("https://{}/", self.door)
    }

    fn introduction(&self) -> String {
        let mut text = "Hilum relays on this computer:\n".to_owned();
        for uri in &self.uris {
            // Writing to a String does not fail.
            writeln!(text, "  {uri}").unwrap_or_default();
        }
        write!(
            text,
            "\nOn each way two clients get a relayed address of their own and carry out what a call does, in form: a DTLS\n\
             handshake, then SRTP. One sends {PACKETS} packets of {PACKET_BYTES} bytes through the relay to the other, \
             which sends\neach of them back."
        )
        .unwrap_or_default();
        text
    }
}

/// What a browser's `RTCPeerConnection` takes.
#[derive(Serialize)]
struct IceServers {
    #[serde(rename = "iceServers")]
    ice_servers: [IceServer; 1],
}

#[derive(Serialize)]
struct IceServer {
    urls: Vec<String>,
    username: String,
    credential: String,
}

impl IceServers {
    fn of(ways: &Ways, username: String, credential: String) -> Self {
        let urls = ways.uris.iter().map(ToString::to_string).collect();
        Self { ice_servers: [IceServer { urls, username, credential }] }
    }
}

#[derive(Serialize)]
struct Found<'f> {
    arrived: bool,
    ways: &'f [ProbeReport],
    refused: &'f seal::Refused,
    #[serde(flatten)]
    ice: &'f IceServers,
    /// The file with the certificate of the demo's own authority.
    authority: &'f Path,
    /// What the door shows.
    page: String,
    metrics: Option<String>,
}

fn render(reports: &[ProbeReport]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "way in",
        "sent",
        "reached the other",
        "came back",
        "lost",
        "round trip (median/p95)",
        "relayed",
    ]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for report in reports {
        table.add_row(row(report));
    }
    let mut text = format!("\n{table}");
    for report in reports {
        if let Some(failure) = &report.failure {
            write!(text, "\n{}: {}\n  {}", report.uri, failure.problem, failure.advice).unwrap_or_default();
        }
    }
    let echoes = || reports.iter().filter_map(|report| report.echo.as_ref());
    let sent: u32 = echoes().map(|echo| echo.sent).sum();
    let lost: u32 = echoes().map(|echo| echo.lost).sum();
    let sum = if reports.iter().all(all_arrived) {
        format!("All {sent} packets arrived and came back.")
    } else {
        format!("Not everything arrived: {lost} of {sent} packets did not come back.")
    };
    write!(text, "\n{sum}").unwrap_or_default();
    text
}

fn row(report: &ProbeReport) -> [String; 7] {
    let way = format!("TURN over {}", report.transport.to_uppercase());
    let Some(echo) = &report.echo else {
        return [way, "0".into(), "-".into(), "-".into(), "-".into(), "-".into(), "nothing".into()];
    };
    let times =
        echo.round_trip.map_or_else(|| "-".to_owned(), |time| format!("{:.2} / {:.2} ms", time.median_ms, time.p95_ms));
    let bytes = f64::from(echo.reached.saturating_add(echo.returned))
        * f64::from(u32::try_from(echo.packet_bytes).unwrap_or(0));
    [
        way,
        echo.sent.to_string(),
        echo.reached.to_string(),
        echo.returned.to_string(),
        echo.lost.to_string(),
        times,
        format!("{:.1} MB", bytes / 1e6),
    ]
}
