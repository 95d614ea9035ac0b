//! `hilum demo`: a relay on loopback that lives as long as the command, real traffic through it, and a visit.

mod authority;
mod browser;
mod clinic;
mod seal;
mod setup;
mod visit;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{self, App, BoundAddresses};
use crate::auth::{ephemeral_password, ephemeral_username};
use crate::client::{Credential, EchoPath, Options, Plan, ProbeReport, Schedule, Traffic, Trust, TurnUri, probe};
use crate::clock::SystemClock;
use crate::config;
use clinic::{Links, Reception};
use setup::Setup;
use visit::Visit;

/// Packets each way and transport, and bytes in each, as large as those of a video call.
const PACKETS: u32 = 1000;
const PACKET_BYTES: usize = 1000;
/// How long the printed credentials work: a day of trying things out.
const CREDENTIAL_SECONDS: u64 = 24 * 3600;

/// Starts a relay on loopback with fresh credentials and a clinic, sends real traffic through it over UDP, TCP and TLS, and
/// prints two links for a visit in two windows of a browser, until Ctrl-C.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Stop after the traffic, and after a visit in a Chromium without a window if there is one; the exit code tells
    /// whether all went well
    #[arg(long)]
    once: bool,
    /// Hold no visit in a browser, also where there is one
    #[arg(long, requires = "once")]
    without_browser: bool,
    /// Print what happened as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `hilum demo`. Success means that every packet of the calls arrived, that the seal stopped all the others, and that
/// the visit, if one was held, was whole.
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
    let reception = Reception::new(setup.origin(), clock)?;
    let relay = start(&setup, &reception, clock).await?;
    let outcome = match reception.open(&relay).await {
        Ok(links) => show(args, (&setup, &relay, &links), clock).await,
        Err(why) => Err(why),
    };
    let waited = if args.once || outcome.is_err() { Ok(()) } else { until_interrupted().await };
    relay.stop().await;
    waited.and(outcome)
}

async fn show(
    args: &DemoArgs,
    (setup, relay, links): (&Setup, &App, &Links),
    clock: SystemClock,
) -> anyhow::Result<ExitCode> {
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
    if !args.json {
        println!("{}\n{}", render(&reports), refused.text());
    }
    let held = if args.once { hold(args, (setup, relay, links), clock).await } else { Held::NotAsked };
    let ice = IceServers::of(&ways, username, password);
    if args.json {
        let authority = setup.authority();
        let (visit, metrics) = (held.visit(), ways.metrics());
        let page = setup.origin() + "/";
        let (ways, refused, ice, authority) = (&reports, &refused, &ice, &authority);
        let found = Found { arrived, ways, refused, visit, links, ice, authority, page, metrics };
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else if !args.once {
        println!("\n{}", authority::how_to_trust(&setup.authority().to_string_lossy(), &setup.mark));
        println!(
            "\nFor an RTCPeerConnection of your own, valid for 24 hours:\n{}",
            serde_json::to_string_pretty(&ice)?
        );
        if let Some(metrics) = ways.metrics() {
            println!("\nMetrics: {metrics}");
        }
        println!("\n{}", how_to_meet(links));
        println!("\nServing until Ctrl-C.");
    }
    let well = arrived && refused.is_complete() && held.is_well();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of the visit.
enum Held {
    /// None was to be held.
    NotAsked,
    /// There is no browser for it.
    NoBrowser,
    /// It was held.
    Visit(Box<Visit>),
    /// It broke off.
    Failed,
}

impl Held {
    fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Visit(visit) => Some(visit),
            Self::NotAsked | Self::NoBrowser | Self::Failed => None,
        }
    }

    fn is_well(&self) -> bool {
        match self {
            Self::NotAsked | Self::NoBrowser => true,
            Self::Visit(visit) => visit.is_complete(),
            Self::Failed => false,
        }
    }
}

/// Holds a visit without anybody if this computer has a Chromium, and says what came of it.
async fn hold(args: &DemoArgs, demo: (&Setup, &App, &Links), clock: SystemClock) -> Held {
    if args.without_browser {
        return Held::NotAsked;
    }
    let Some(program) = browser::find() else {
        eprintln!(
            "\nNo visit: this computer has no Chromium (chromium, chromium-browser, google-chrome). The traffic above needs \
             none."
        );
        return Held::NoBrowser;
    };
    if !args.json {
        println!("\nThen a visit by the links that the demo prints for people, in {}:", program.display());
    }
    match visit::hold(&program, demo, clock).await {
        Ok(visit) => {
            if !args.json {
                println!("{}", visit.text());
            }
            Held::Visit(Box::new(visit))
        }
        Err(why) => {
            eprintln!("The visit broke off: {why:#}. Without one: hilum demo --once --without-browser");
            Held::Failed
        }
    }
}

/// What a person does with the two links.
fn how_to_meet(links: &Links) -> String {
    let Links { clinician, patient } = links;
    format!(
        "A visit, in two windows of a browser on this computer:\n  \
         clinician  {clinician}\n  \
         patient    {patient}\n\
         1. Open the clinician's link: the waiting list, signed in. Nobody waits.\n\
         2. Open the patient's link in another window and press Join: the patient waits, and sees nobody.\n\
         3. The clinician presses Admit. They see and hear each other through this relay alone.\n\
         4. Press the shield in both windows: equal words mean that nobody is in between.\n\
         A browser warns of the certificate until it trusts the authority above; to go on past the warning is enough here.\n\
         Chromium goes to a relay on loopback as it is, Firefox with media.peerconnection.ice.loopback in about:config."
    )
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

async fn start(setup: &Setup, reception: &Arc<Reception>, clock: SystemClock) -> anyhow::Result<App> {
    let config =
        config::check(&setup.configuration(), "demo", &config::System).map_err(|faults| anyhow!("{faults}"))?;
    app::start_beside(config, clock, reception.routes()).await
}

async fn until_interrupted() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// The ways into the demo's relay.
struct Ways {
    uris: Vec<TurnUri>,
    admin: Option<SocketAddr>,
}

impl Ways {
    fn of(addresses: &BoundAddresses) -> anyhow::Result<Self> {
        let first =
            |bound: &[SocketAddr], what| bound.first().copied().ok_or(anyhow!("the relay does not listen on {what}"));
        let udp = format!("turn:{}?transport=udp", first(&addresses.udp, "UDP")?);
        let tcp = format!("turn:{}?transport=tcp", first(&addresses.tcp, "TCP")?);
        let tls = format!("turns:{}?transport=tcp", first(&addresses.tls, "TLS")?);
        Ok(Self { uris: vec![udp.parse()?, tcp.parse()?, tls.parse()?], admin: addresses.admin })
    }

    fn metrics(&self) -> Option<String> {
        self.admin.map(|admin| format!("http://{admin}/metrics"))
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
    /// The visit without anybody, if one was held.
    visit: Option<&'f Visit>,
    links: &'f Links,
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
