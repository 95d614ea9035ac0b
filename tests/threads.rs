//! `hilum serve` as a process: on which CPUs its threads may run, on which ports it may listen without being root, and what
//! it says when it may not.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hilum::clock::SystemClock;
use tempfile::TempDir;

/// Far more than a start takes: only a failing test waits for it.
const SOON: Duration = Duration::from_secs(20);

/// Looks until there is something to see.
fn seen<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let clock = SystemClock::start();
    let began = clock.now().moment;
    while clock.now().moment.since(began) < SOON {
        if let Some(seen) = look() {
            return Some(seen);
        }
        std::thread::yield_now();
    }
    None
}

/// A listener on any port.
const ANY: &str = "\"127.0.0.1:0\"";
/// Two on a port that is not for everybody.
const LOW: &str = "\"127.0.0.1:443\", \"[::1]:443\"";

/// A relay, and what it was started with.
struct Relay {
    process: Child,
    _folder: TempDir,
}

fn configuration(server: &str, udp: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "open sesame, said Ali Baba").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("secret"), mode).unwrap();
    let file = folder.path().join("hilum.toml");
    let text = format!(
        "[server]\n{server}\n[listen]\nudp = [{udp}]\ntcp = []\n[relay]\naddresses = [\"127.0.0.1\"]\n\
         [auth]\nshared_secret_files = [\"secret\"]\n[admin]\nlisten = \"\"\n"
    );
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

impl Relay {
    /// Starts it behind a command that changes what it may.
    fn start(server: &str, behind: &[&str]) -> Self {
        Self::start_on(ANY, server, behind)
    }

    /// The same with these listeners.
    fn start_on(udp: &str, server: &str, behind: &[&str]) -> Self {
        let (folder, file) = configuration(server, udp);
        let mut command = Command::new(behind[0]);
        command.args(&behind[1..]).arg(env!("CARGO_BIN_EXE_hilum")).arg("serve").arg("--config").arg(&file);
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { process, _folder: folder }
    }

    /// The CPUs of each shard are as expected at last: a thread has its name before it has its CPU.
    fn expect_shards(&mut self, expected: &[(usize, &str)]) {
        let expected = expected.iter().map(|(shard, cpus)| (format!("shard-{shard}"), (*cpus).to_owned())).collect();
        let are = seen(|| {
            assert_eq!(self.process.try_wait().unwrap(), None, "the relay has ended");
            (threads(self.process.id()) == expected).then_some(())
        });
        assert!(are.is_some(), "{:?}, and not {expected:?}", threads(self.process.id()));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Name and CPUs of the shards of a process.
fn threads(process: u32) -> BTreeMap<String, String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| {
            let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let name = field("Name:")?;
            name.starts_with("shard-").then(|| (name.to_owned(), field("Cpus_allowed_list:").unwrap().to_owned()))
        })
        .collect()
}

/// What this process may use, as the system writes it and one by one.
fn allowed() -> (String, Vec<usize>) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim().to_owned();
    let each = list.split(',').flat_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse::<usize>().unwrap()..=last.parse().unwrap()
    });
    let each = each.collect();
    (list, each)
}

#[test]
fn each_shard_is_held_on_a_cpu_of_its_own() {
    let (_, cpus) = allowed();
    let shards = cpus.len().min(2);
    let cpus: Vec<String> = cpus.iter().take(shards).map(usize::to_string).collect();
    let expected: Vec<(usize, &str)> = cpus.iter().map(String::as_str).enumerate().collect();
    Relay::start(&format!("pin = true\nshards = {shards}"), &["env"]).expect_shards(&expected);
}

#[test]
fn without_a_word_shards_run_anywhere() {
    Relay::start("shards = 1", &["env"]).expect_shards(&[(0, &allowed().0)]);
}

#[test]
fn the_cpus_are_those_that_the_process_may_use() {
    let last = allowed().1.last().unwrap().to_string();
    Relay::start("pin = true", &["taskset", "-c", &last]).expect_shards(&[(0, &last)]);
    let (_folder, file) = configuration("pin = true\nshards = 2", ANY);
    let mut check = Command::new("taskset");
    check.args(["-c", &last, env!("CARGO_BIN_EXE_hilum"), "check"]).arg(file);
    let output = check.output().expect("taskset is of Debian's package util-linux");
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("server.pin: would put 2 shards on 1 CPUs"), "{said}");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// In a network of its own, where low ports are kept whatever this host says, with these capabilities and no other power:
/// `noroot` takes from the user 0 what it has over others.
fn with_capabilities(listed: &str) -> Vec<String> {
    let network = if is_root() { "--net" } else { "--net --map-root-user" };
    let alone = format!(
        "ip link set lo up && exec setpriv --securebits=+noroot --bounding-set={listed} --inh-caps={listed} \
         --ambient-caps={listed} \"$@\""
    );
    let mut words: Vec<String> = vec!["unshare".to_owned()];
    words.extend(network.split(' ').map(str::to_owned));
    words.extend(["sh", "-c", &alone, "sh"].map(str::to_owned));
    words
}

/// How many UDP sockets of a process' network are bound to port 443.
fn listeners_on_443(process: u32) -> usize {
    let of = |file| std::fs::read_to_string(format!("/proc/{process}/net/{file}")).unwrap_or_default();
    let tables = [of("udp"), of("udp6")].concat();
    tables.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(":01BB"))).count()
}

// What the unit for systemd gives: an ordinary user with one capability.
#[test]
fn a_relay_listens_on_port_443_with_one_capability_and_says_so_without() {
    let behind = with_capabilities("-all,+net_bind_service");
    let behind: Vec<&str> = behind.iter().map(String::as_str).collect();
    let mut relay = Relay::start_on(LOW, "shards = 2", &behind);
    let bound = seen(|| {
        assert_eq!(relay.process.try_wait().unwrap(), None, "the relay has ended");
        (listeners_on_443(relay.process.id()) == 4).then_some(())
    });
    assert!(bound.is_some(), "two shards listen on two addresses");

    let behind = with_capabilities("-all");
    let behind: Vec<&str> = behind.iter().map(String::as_str).collect();
    let mut relay = Relay::start_on(LOW, "shards = 2", &behind);
    let status = seen(|| relay.process.try_wait().unwrap()).expect("it ends");
    let mut said = String::new();
    relay.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!status.success());
    assert!(said.contains("cannot listen on udp 127.0.0.1:443: Permission denied"), "{said}");
    assert!(said.contains("ports below 1024 need CAP_NET_BIND_SERVICE"), "{said}");
}

// Newer systems let everybody; those that do not are quoted.
#[test]
fn a_relay_that_may_not_poll_busily_says_what_it_lacks() {
    // Whoever is root here gives the capability away; others never had it.
    let root = is_root();
    let behind: &[&str] =
        if root { &["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"] } else { &["env"] };
    let mut relay = Relay::start("shards = 1\nbusy_poll = 1000", behind);
    let ended = seen(|| {
        let ended = relay.process.try_wait().unwrap();
        (ended.is_some() || threads(relay.process.id()).len() == 1).then_some(ended)
    });
    if let Some(status) = ended.expect("the relay starts or ends") {
        let mut said = String::new();
        relay.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!status.success());
        assert!(said.contains("server.busy_poll beyond net.core.busy_read needs CAP_NET_ADMIN"), "{said}");
    }
}
