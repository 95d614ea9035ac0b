//! `hilum check`: reads a configuration as `hilum serve` does and says what is wrong with it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::auth::token::Region;
use crate::auth::{Destinations, KEY_IS_OLD, Key, Terms};
use crate::clock::SystemClock;
use crate::config::{self, Config, DEFAULT_PATH};
use crate::listen::Identity;
use crate::policy::seal::{Mode, Profile};
use crate::time::{UnixTime, date};

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
    let now = SystemClock::start().now().unix;
    let shown = certificates(&config).flat_map(|certificate| certificate.warnings(now));
    for warning in shown.chain(refused(&config)).chain(warnings(&config, now)) {
        writeln!(io::stderr(), "{}: warning: {warning}", args.file.display())?;
    }
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
        format!("  door     {}", list(door(config))),
        format!(
            "  shown    {}",
            list(ordered(config).into_iter().chain(certificates(config).map(|one| one.summary())))
        ),
        format!("  relay    {}, ports {}-{}", list(relay), ports.start(), ports.end()),
        format!("  seal     {}", seal(config)),
        format!("  admin    {}", list(config.admin)),
        format!("  api      {}", list(api(config))),
        format!("  threads  {}", config.shards),
        // Its Debug form counts users and secrets, and shows none.
        format!("  auth     {:?}{}", config.credentials, terms(config)),
        format!("  tokens   {}", tokens(config)),
        format!("  audit    {}", audit(config)),
    ]
    .join("\n")
}

/// Where everything is spoken, and whether operators are let in there.
fn door(config: &Config) -> Vec<String> {
    let operators = if config.api.door { " (with the API)" } else { "" };
    config.listen.door.iter().map(|address| format!("{address}{operators}")).collect()
}

/// A certificate and the key of the configuration that names its file.
struct Certificate {
    key: String,
    identity: Identity,
}

/// What an authority has been asked for and has not issued.
fn ordered(config: &Config) -> Option<String> {
    let acme = config.acme.as_ref().filter(|acme| !acme.is_issued())?;
    let names: Vec<String> = acme.names.iter().map(ToString::to_string).collect();
    Some(format!("{}, not issued yet by {}", names.join(" and "), acme.directory))
}

/// The certificates that are shown, without what stands in for one. A file that is gone since the configuration was read has none.
fn certificates(config: &Config) -> impl Iterator<Item = Certificate> {
    let stand_in = usize::from(ordered(config).is_some());
    config.tls.iter().enumerate().skip(stand_in).filter_map(|(index, files)| {
        let key = match index.checked_sub(1) {
            None if config.acme.is_some() => "tls.acme".to_owned(),
            None => "tls.certificate".to_owned(),
            Some(further) => format!("tls.name[{further}].certificate"),
        };
        Some(Certificate { key, identity: Identity::load(files).ok()? })
    })
}

impl Certificate {
    fn summary(&self) -> String {
        let names: Vec<&str> = self.identity.names().collect();
        let names = if names.is_empty() { "no name".to_owned() } else { names.join(" and ") };
        format!("{names} until {}", date::to_rfc3339(self.identity.expires()))
    }

    fn warnings(&self, now: UnixTime) -> Vec<String> {
        self.identity.concerns(now).into_iter().map(|concern| format!("{}: {concern}", self.key)).collect()
    }
}

/// What an authority has said when it last refused a certificate.
fn refused(config: &Config) -> Option<String> {
    let file = config.acme.as_ref()?.failure();
    let told = std::fs::read_to_string(&file).ok()?;
    let lines: Vec<&str> = told.lines().collect();
    Some(format!("tls.acme: the last order has failed: {}", lines.join("; ")))
}

/// Where operators are let in, and whether credentials are minted for others.
fn api(config: &Config) -> Vec<String> {
    let (api, access) = (&config.api, &config.api.access);
    let socket = api.socket.iter().map(|socket| socket.display().to_string());
    let network = api.listen.iter().map(|address| {
        format!("{address} ({} API keys, {} certificates)", access.keys.len(), access.certificates.len())
    });
    let minter = access.minter.iter().map(|minter| format!("minting with the key {}", minter.kid.as_str()));
    socket.chain(network).chain(minter).collect()
}

/// Whom static users and time-limited credentials reach, and where, if that is not everywhere.
fn terms(config: &Config) -> String {
    let Terms { reach, regions } = &config.terms;
    let reach = match reach {
        Destinations::Clients => ", for clients of this relay alone",
        Destinations::Anywhere => "",
    };
    let regions: Vec<&str> = regions.iter().map(Region::as_str).collect();
    let regions = if regions.is_empty() { String::new() } else { format!(", in {}", regions.join(" or ")) };
    format!("{reach}{regions}")
}

/// Which call tokens are accepted, and where this relay stands.
fn tokens(config: &Config) -> String {
    let tokens = &config.tokens;
    let region = tokens.region.map_or_else(|| "no region".to_owned(), |region| format!("region {}", region.as_str()));
    let Some(rules) = &tokens.rules else { return format!("none accepted, {region}") };
    format!("keyring of {}, cluster {}, {region}", rules.keyring.keys().len(), rules.audience.as_str())
}

/// Where the audit log is, how long it is kept, and who gets a copy.
fn audit(config: &Config) -> String {
    let config::Audit { directory, rotation, when_failing, syslog, .. } = &config.audit;
    let Some(directory) = directory else { return "no log".to_owned() };
    let kept = rotation.keep.map_or_else(|| "kept".to_owned(), |seconds| format!("kept for {} days", seconds / 86_400));
    let copy = syslog.as_ref().map_or_else(String::new, |syslog| format!(", sent to {}:{}", syslog.host, syslog.port));
    format!("{}, {kept}{copy}; {} when it fails", directory.display(), when_failing.label())
}

/// What is no fault and should be seen to.
fn warnings(config: &Config, now: UnixTime) -> Vec<String> {
    let Some(rules) = &config.tokens.rules else { return Vec::new() };
    let age = |key: &Key| key.age(now) / 86_400;
    let old = rules.keyring.current(now).filter(|key| age(key) >= KEY_IS_OLD);
    let mut warnings: Vec<String> = old
        .map(|key| {
            let (kid, age) = (key.kid(), age(key));
            format!("tokens.keyring: the key {} is {age} days old; change it with `hilum keys rotate`", kid.as_str())
        })
        .collect();
    if !rules.keyring.keys().any(|key| key.check(now, rules.skew).is_ok()) {
        warnings.push(
            "tokens.keyring: holds no key that is good now, so that no token is accepted; see `hilum keys list`"
                .to_owned(),
        );
    }
    warnings
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
