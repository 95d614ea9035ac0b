//! The machine: which core works for whom, and what the document says of it.

use std::sync::LazyLock;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// This thread, for the system.
const SELF: Pid = Pid::from_raw(0);

/// The cores that this process may use, asked for before it is pinned to one of them.
static CORES: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let allowed = sched_getaffinity(SELF).unwrap_or_default();
    (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect()
});

/// The cores of the load and of the relay: the first and the last, when there are two.
static PINNED: LazyLock<Option<[CpuSet; 2]>> = LazyLock::new(|| {
    let (first, [.., last]) = CORES.split_first()? else { return None };
    Some([first, last].map(|core| {
        let mut set = CpuSet::new();
        set.set(*core).unwrap();
        set
    }))
});

/// Starts a process that has one core for itself, and keeps this thread on another one.
pub fn on_the_other_core<R>(start: impl FnOnce() -> R) -> R {
    let Some([load, relay]) = &*PINNED else { return start() };
    sched_setaffinity(SELF, relay).unwrap();
    let started = start();
    sched_setaffinity(SELF, load).unwrap();
    started
}

/// What the document says of the machine: nothing that would tell which one it is.
pub fn description() -> String {
    let processor = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = CORES.len();
    let virtual_one = line_of("/proc/cpuinfo", "flags").is_some_and(|flags| flags.contains(" hypervisor"));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let pinned =
        if PINNED.is_some() { "the relay on one core, the load on another" } else { "one core for everything" };
    let rows = [
        ("processor", format!("{processor}{}", if virtual_one { ", in a virtual machine" } else { "" })),
        ("cores", format!("{cores}; {pinned}")),
        ("system", format!("Linux {kernel}, over loopback")),
        ("mitigations", mitigations()),
        ("Hilum", env!("CARGO_PKG_VERSION").to_owned()),
        ("coturn", coturn()),
        ("`turn` crate", locked("turn")),
        ("`turn-server`", super::peers::TURN_SERVER.to_owned()),
    ];
    let lines = rows.into_iter().map(|(name, value)| format!("| {name} | {value} |"));
    ["| machine | |".to_owned(), "|---|---|".to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn line_of(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What the kernel does against which faults of the processor: it is part of what a system call costs.
fn mitigations() -> String {
    let Ok(directory) = std::fs::read_dir("/sys/devices/system/cpu/vulnerabilities") else {
        return "unknown".to_owned();
    };
    let mut found: Vec<String> = directory
        .flatten()
        .filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path()).ok()?;
            let name = entry.file_name().into_string().ok()?;
            (!text.starts_with("Not affected")).then(|| format!("{name}: {}", text.trim()))
        })
        .collect();
    found.sort();
    if found.is_empty() { "none needed".to_owned() } else { found.join("; ") }
}

fn coturn() -> String {
    let output = std::process::Command::new("turnserver").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = text.lines().map(str::trim).find(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    format!("{}, Debian's package", version.unwrap_or("unknown"))
}

/// The version of a package in the lock file.
fn locked(package: &str) -> String {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap_or_default();
    let after = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).map_or("unknown", |(_, after)| after);
    after.split('"').next().unwrap_or_default().to_owned()
}
