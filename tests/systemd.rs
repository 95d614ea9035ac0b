//! The unit file under systemd's own tools: it verifies, and its exposure stays low. A missing `systemd-analyze` fails
//! the test; Debian's package `systemd` has it.
#![cfg(feature = "server")]
#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The highest exposure, in tenths, that `systemd-analyze security` may report. 0 is a process that can do nothing; a
/// relay must speak to the whole network, which alone costs a point.
const EXPOSURE_LIMIT: &str = "15";
/// What an installation puts where.
const INSTALLED: &str = "/usr/local/bin/hilum";

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The values of a key in a section, in order.
fn values<'u>(unit: &'u str, section: &str, key: &str) -> Vec<&'u str> {
    let mut current = "";
    let mut found = Vec::new();
    for line in unit.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = name;
        } else if let Some((name, value)) = line.split_once('=')
            && current == section
            && name == key
        {
            found.push(value);
        }
    }
    found
}

fn service(key: &str) -> String {
    values(&file("hilum.service"), "Service", key).join(" | ")
}

fn config() -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/hilum.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Runs `systemd-analyze` on a unit whose program is the one that was just built.
fn analyze(unit: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("hilum.service");
    std::fs::write(&path, unit.replace(INSTALLED, env!("CARGO_BIN_EXE_hilum"))).unwrap();
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(&path)
        .output()
        .unwrap_or_else(|error| panic!("systemd-analyze: {error}; install Debian's package `systemd`"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn systemd_understands_every_line() {
    let unit = file("hilum.service");
    let good = analyze(&unit, &["verify"]);
    assert!(good.status.success() && said(&good).is_empty(), "{}", said(&good));

    let bad = analyze(&unit.replace("WatchdogSec=", "WatchdogSeconds="), &["verify"]);
    assert!(said(&bad).contains("WatchdogSeconds"), "the tool sees a misspelt key: {}", said(&bad));
}

#[test]
fn systemd_understands_the_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let service = file("hilum.service").replace(INSTALLED, env!("CARGO_BIN_EXE_hilum"));
    std::fs::write(directory.path().join("hilum.service"), service).unwrap();
    let verify = |sockets: &str| {
        let path = directory.path().join("hilum.socket");
        std::fs::write(&path, sockets).unwrap();
        said(&Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap())
    };
    let sockets = file("hilum.socket");
    let good = verify(&sockets);
    assert!(good.is_empty(), "{good}");
    let bad = verify(&sockets.replace("ReusePort=", "ReusePorts="));
    assert!(bad.contains("ReusePorts"), "the tool sees a misspelt key: {bad}");
}

#[test]
fn the_exposure_is_low() {
    let unit = file("hilum.service");
    let threshold = format!("--threshold={EXPOSURE_LIMIT}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold];
    let good = analyze(&unit, &arguments);
    assert!(good.status.success(), "{}", said(&good));

    let bad = analyze(&unit.replace("ProtectSystem=strict", "").replace("NoNewPrivileges=yes", ""), &arguments);
    assert!(!bad.status.success(), "the tool sees a softer unit");
}

#[test]
fn systemd_hears_from_the_relay_and_reloads_it() {
    assert_eq!(service("Type"), "notify");
    assert_eq!(service("ExecStart"), format!("{INSTALLED} serve --config /etc/hilum/hilum.toml"));
    assert_eq!(service("ExecStartPre"), format!("{INSTALLED} check /etc/hilum/hilum.toml"));
    let reload = service("ExecReload");
    let (check, signal) = reload.split_once(" | ").unwrap();
    assert_eq!(check, service("ExecStartPre"), "a bad configuration makes the reload fail before the signal");
    assert_eq!(signal, "/bin/sh -c 'kill -HUP $MAINPID'");
    // A shard publishes its heartbeat once a second; less than five would kill a relay on a busy machine.
    let watchdog: u32 = service("WatchdogSec").parse().unwrap();
    assert!((5..=30).contains(&watchdog));
    assert_eq!(service("WatchdogSignal"), "SIGKILL", "a process that hangs is not waited for");
    assert_eq!(service("RestartSec"), "100ms", "calls wait for no more than they must");
    let stop: i64 = service("TimeoutStopSec").parse().unwrap();
    assert!(stop >= config()["server"]["drain"].as_integer().unwrap() + 20, "draining is given its time");
}

#[test]
fn the_user_is_ordinary_and_may_listen_on_port_443() {
    assert_eq!(service("User"), "hilum");
    assert_eq!(service("CapabilityBoundingSet"), "CAP_NET_BIND_SERVICE");
    assert_eq!(service("AmbientCapabilities"), "CAP_NET_BIND_SERVICE");
    assert_eq!(service("PrivateUsers"), "", "a private user namespace would take the capability away");

    let users = file("sysusers.d/hilum.conf");
    assert!(users.lines().any(|line| line.starts_with("u hilum ") && line.ends_with("/usr/sbin/nologin")));
    let paths = file("tmpfiles.d/hilum.conf");
    let entries: Vec<&str> = paths.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!entries.is_empty() && entries.iter().all(|line| line.contains(" 0750 root hilum ")), "{entries:?}");
}

// A restart hands over; what it needs lasts from process to process, and no longer.
#[test]
fn a_restart_is_told_from_a_stop_and_finds_what_was_left() {
    assert_eq!(service("RestartKillSignal"), "SIGUSR2");
    assert_eq!(service("KillSignal"), "", "a stop is SIGTERM");
    assert_eq!(
        (service("RuntimeDirectory").as_str(), service("RuntimeDirectoryPreserve").as_str()),
        ("hilum", "restart")
    );
    assert_eq!(service("Environment"), "HILUM_BOOT_ID=%b", "/proc/sys is hidden");
    assert_eq!(service("Restart"), "on-failure", "a crash is followed by another process");
    let kept: usize = service("FileDescriptorStoreMax").parse().unwrap();
    assert!(kept >= hilum::manager::MOST_LISTENING + hilum::manager::MOST_RELAYED);
    // The names of all of them travel in one variable of the environment.
    let longest = "hilum-kept-4294967295-255:".len() * hilum::manager::MOST_LISTENING
        + "hilum-kept-relayed:".len() * hilum::manager::MOST_RELAYED;
    assert!(longest < 128 << 10, "{longest} bytes: the kernel takes 128 KiB");
}

#[test]
fn the_socket_unit_opens_what_the_configuration_has() {
    let unit = file("hilum.socket");
    let ports: Vec<&str> = values(&unit, "Socket", "ListenStream");
    let config = config();
    let configured: Vec<&str> =
        config["listen"]["tcp"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    for port in &ports {
        assert!(configured.iter().any(|address| address.ends_with(&format!(":{port}"))), "{port}: {configured:?}");
    }
    assert!(!ports.is_empty() && values(&unit, "Socket", "ReusePort") == ["yes"]);
    let directory = tempfile::tempdir().unwrap();
    let service = file("hilum.service").replace(INSTALLED, env!("CARGO_BIN_EXE_hilum"));
    std::fs::write(directory.path().join("hilum.service"), service).unwrap();
    let path = directory.path().join("hilum.socket");
    std::fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
}

// Without a directory that outlives the process a revoked token is good again after a restart.
#[test]
fn what_was_revoked_has_a_place_that_nobody_else_reads() {
    assert_eq!((service("StateDirectory").as_str(), service("StateDirectoryMode").as_str()), ("hilum", "0700"));
}

#[test]
fn there_is_a_descriptor_for_every_port_and_connection_that_may_be_configured() {
    let limit: u64 = service("LimitNOFILE").parse().unwrap();
    let config = config();
    let number = |section: &str, key: &str| u64::try_from(config[section][key].as_integer().unwrap()).unwrap();
    // An allocation has a relayed port of each family at most.
    assert!(limit >= 2 * number("limits", "allocations") + number("listen", "connections"));
}

/// The system calls of a filter group, its groups spelled out.
fn group(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", name]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = said(&output);
    let listed = text.lines().filter_map(|line| line.strip_prefix("    ")).map(str::trim);
    let names = listed.filter(|line| !line.starts_with('#'));
    names.flat_map(|name| if name.starts_with('@') { group(name) } else { BTreeSet::from([name.to_owned()]) }).collect()
}

#[test]
fn the_relay_has_a_place_for_its_audit_log() {
    let shown = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/hilum.toml")).unwrap();
    assert!(shown.contains("under systemd \"/var/lib/hilum/audit\""), "what the configuration advises is inside");
}

/// A relay with traffic over UDP, TCP and TLS, and an audit log, watched by `strace`: the unit's filter lets through what
/// they need.
#[test]
fn the_relay_lives_with_the_system_calls_that_it_is_left() {
    let mut allowed = BTreeSet::new();
    for filter in values(&file("hilum.service"), "Service", "SystemCallFilter") {
        let (taken, names) = filter.strip_prefix('~').map_or((false, filter), |names| (true, names));
        for name in names.split_whitespace() {
            allowed = if taken { &allowed - &group(name) } else { &allowed | &group(name) };
        }
    }
    assert!(allowed.contains("sendmmsg") && !allowed.contains("reboot"), "the groups are spelled out");

    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log").to_str().unwrap().to_owned();
    let mut used = system_calls(directory.path(), &["demo", "--once", "--without-browser"]);
    used.extend(system_calls(directory.path(), &["audit", "example", &log]));
    assert!(used.contains("sendmmsg") && used.contains("flock"), "the calls are seen: {used:?}");
    let refused: Vec<_> = used.difference(&allowed).collect();
    assert!(refused.is_empty(), "the unit's SystemCallFilter would refuse {refused:?}");
}

/// The system calls that a command makes, all of its threads together.
fn system_calls(directory: &Path, arguments: &[&str]) -> BTreeSet<String> {
    let trace = directory.join("trace");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_hilum"))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("strace: {error}; install Debian's package `strace`"));
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(&trace).unwrap();
    let calls = text.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim_start().split_once('(')?.0));
    let plain = |call: &&str| {
        !call.is_empty() && call.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    calls.filter(plain).map(str::to_owned).collect()
}
