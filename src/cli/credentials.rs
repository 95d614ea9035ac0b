//! `hilum credentials`: makes a time-limited pair from the configured shared secret.

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Misuse;
use crate::auth::{ephemeral_password, ephemeral_username};
use crate::clock::SystemClock;
use crate::config::{self, Config, DEFAULT_PATH};

/// The longest label: with 20 digits and a colon before it, a username stays far below the 508 bytes of USERNAME.
const LONGEST_LABEL: usize = 256;

/// Makes a username and a password that end by themselves, from the first shared secret
#[derive(Args, Debug)]
pub struct CredentialsArgs {
    /// The configuration
    #[arg(long, default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Seconds that the pair is good for, 60 to 86400; a call that outlasts them ends
    #[arg(long, default_value_t = 14_400, value_parser = clap::value_parser!(u32).range(60..=86_400))]
    ttl: u32,
    /// Stands in the username after the time; the quota of allocations counts by username. Use no patient's name
    #[arg(long, default_value = "", value_parser = label, hide_default_value = true)]
    label: String,
    /// The host name that clients know this relay by; without it, the addresses of the listeners
    #[arg(long, value_parser = host)]
    host: Option<String>,
    /// Print JSON only, as a browser's RTCPeerConnection takes it
    #[arg(long)]
    json: bool,
}

fn label(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_LABEL || text.chars().any(char::is_control) {
        return Err(format!("write at most {LONGEST_LABEL} bytes without control characters"));
    }
    Ok(text.to_owned())
}

/// A host name or an address, as it stands in a URI (RFC 7065).
fn host(text: &str) -> Result<String, String> {
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(in_uri(address));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if text.is_empty() || text.len() > 253 || !text.bytes().all(fits) {
        return Err("write a host name or an IP address, without a port".to_owned());
    }
    Ok(text.to_owned())
}

fn in_uri(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// What a browser's `RTCPeerConnection` takes.
#[derive(Serialize)]
struct Ice {
    #[serde(rename = "iceServers")]
    servers: [IceServer; 1],
}

#[derive(Serialize)]
struct IceServer {
    urls: Vec<String>,
    username: String,
    credential: String,
}

/// Runs `hilum credentials`.
///
/// # Errors
/// The faults of the configuration, or that it has no shared secret.
pub fn run(args: &CredentialsArgs) -> anyhow::Result<ExitCode> {
    let config = config::read(&args.config)?;
    let Some(secret) = &config.issuing_secret else {
        return Err(Misuse(
            "this configuration has static users only, and time-limited credentials need a shared secret; name a file \
             under [auth] shared_secret_files",
        )
        .into());
    };
    let expires = SystemClock::start().now().unix.plus_secs(args.ttl.into());
    let username = ephemeral_username(expires, &args.label);
    let credential = ephemeral_password(secret, username.as_bytes());
    let urls = uris(&config, args.host.as_deref());
    let mut out = io::stdout().lock();
    if !args.json {
        writeln!(out, "username  {username}\npassword  {credential}\n")?;
        writeln!(out, "Good for {} seconds. For a browser's RTCPeerConnection:", args.ttl)?;
    }
    let ice = Ice { servers: [IceServer { urls, username, credential }] };
    writeln!(out, "{}", serde_json::to_string_pretty(&ice)?)?;
    Ok(ExitCode::SUCCESS)
}

/// One URI for each way in, UDP first as the fastest, TLS last as the one that passes every firewall.
fn uris(config: &Config, host: Option<&str>) -> Vec<String> {
    let listen = &config.listen;
    // The door is among those of UDP already.
    let ways = [
        ("turn", config.udp.clone(), "udp"),
        ("turn", [&listen.tcp[..], &listen.door].concat(), "tcp"),
        ("turns", [&listen.tls[..], &listen.door].concat(), "tcp"),
    ];
    let mut uris = Vec::new();
    for (scheme, listeners, transport) in ways {
        // Loopback is for clients on this host only; it is named when there is nothing else.
        let remote = listeners.iter().any(|address| !address.ip().is_loopback());
        for address in listeners.iter().filter(|address| !remote || !address.ip().is_loopback()) {
            let name = host.map_or_else(|| in_uri(seen(config, *address)), str::to_owned);
            let uri = format!("{scheme}:{name}:{}?transport={transport}", address.port());
            if !uris.contains(&uri) {
                uris.push(uri);
            }
        }
    }
    uris
}

/// The address that clients see: a NAT's where one is configured for this address.
fn seen(config: &Config, listener: SocketAddr) -> IpAddr {
    let relay = config.relay.addresses.iter().find(|address| address.local == listener.ip());
    relay.map_or(listener.ip(), |address| address.external)
}
