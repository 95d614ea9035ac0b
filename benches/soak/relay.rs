//! The relay as a process of its own, and what the system and the relay itself say of it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::findings::Sample;
use super::issuer;
use super::visits::PEERS;

/// `hilum serve`; killed when dropped.
pub struct Relay {
    child: Child,
    folder: tempfile::TempDir,
    /// Over UDP and TCP.
    pub plain: SocketAddr,
    /// Over TLS.
    pub tls: SocketAddr,
    admin: SocketAddr,
}

impl Relay {
    pub async fn start() -> Self {
        let [plain, tls, admin] = [free(), free(), free()];
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write("certificate.pem", &pair.cert.pem());
        write("key.pem", &pair.signing_key.serialize_pem());
        write("keyring.toml", &issuer::keyring());
        write("password", issuer::PASSWORD);
        write("hilum.toml", &configuration(plain, tls, admin));
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
        command.arg("serve").arg("--config").arg(folder.path().join("hilum.toml"));
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        let relay = Self { child, folder, plain, tls, admin };
        let began = Instant::now();
        while !relay.page("/ready").await.starts_with("HTTP/1.1 200") {
            assert!(began.elapsed() < Duration::from_secs(20), "the relay is not ready:\n{}", relay.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        relay
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }

    /// The operator's Unix socket.
    pub fn operator(&self) -> PathBuf {
        self.folder.path().join("operator.sock")
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    async fn page(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(self.admin).await else { return String::new() };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        if stream.write_all(request.as_bytes()).await.is_ok() {
            stream.read_to_string(&mut answer).await.ok();
        }
        answer
    }

    /// How it stands now.
    pub async fn sample(&mut self, began: Instant) -> Sample {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the relay has ended, {status}:\n{}", self.output());
        }
        let directory = format!("/proc/{}", self.child.id());
        // Before the page is asked for, which takes one.
        let descriptors = std::fs::read_dir(format!("{directory}/fd")).unwrap().count() as u64;
        let metrics = self.page("/metrics").await;
        let sum = |name: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as u64
        };
        let field = |file: &str, name: &str| -> u64 {
            let text = std::fs::read_to_string(format!("{directory}/{file}")).unwrap();
            let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            value.split_whitespace().next().unwrap().parse().unwrap()
        };
        Sample {
            at: began.elapsed(),
            resident: field("smaps_rollup", "Rss:") * 1024,
            own: field("smaps_rollup", "Anonymous:") * 1024,
            descriptors,
            threads: field("status", "Threads:"),
            allocations: sum("hilum_allocations{"),
            connections: sum("hilum_connections{"),
        }
    }

    /// CPU time used so far, by all threads in user and kernel mode.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // The kernel counts 100 ticks a second for user space on every common architecture.
        Duration::from_millis(ticks * 10)
    }

    /// Ends it as a supervisor does.
    pub fn stop(mut self) {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the relay ends with {status}:\n{}", self.output());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Everything that keeps something is on: an audit log, a store, the seal, rates. Who comes again and again comes from
/// one address here, and is not to be told that this is too often.
fn configuration(plain: SocketAddr, tls: SocketAddr, admin: SocketAddr) -> String {
    let users: String = (0..issuer::USERS)
        .map(|number| format!("[[auth.user]]\nname = \"{}\"\npassword_file = \"password\"\n", issuer::name(number)))
        .collect();
    format!(
        "[server]\nshards = 2\nstate = \"state\"\n[listen]\nudp = [\"{plain}\"]\ntcp = [\"{plain}\"]\n\
         tls = [\"{tls}\"]\n[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
         [relay]\naddresses = [\"127.0.0.1\"]\n{users}\
         [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"{}\"\n[peers]\nallow = [\"{PEERS}\"]\n\
         [limits]\nallocations_per_user = 1000\nchallenges_per_second = 100000\n[lifetimes]\nallocation = 60\n\
         [operator]\nsocket = \"operator.sock\"\n[audit]\ndirectory = \"audit\"\n[admin]\nlisten = \"{admin}\"\n\
         [log]\nlevel = \"warn\"\n",
        issuer::CLUSTER
    )
}

/// An address that is free for TCP and for UDP.
fn free() -> SocketAddr {
    let both = |_| {
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        UdpSocket::bind(address).is_ok().then_some(address)
    };
    (0..50).find_map(both).unwrap()
}
