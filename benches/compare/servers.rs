//! The relays that are compared, each as a process of its own whose CPU time and memory the system tells.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

use super::issuer::ISSUER;
use super::machine;
use super::peers;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hilum,
    /// Debian's.
    Coturn,
    /// A server on the crate `turn`.
    TurnCrate,
    /// The program of crates.io. It opens no port for anybody outside: it relays between its own clients.
    TurnServer,
    /// What forwards between addresses that it was told and does nothing else: the limit.
    Bare,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Hilum, Self::Coturn, Self::TurnCrate, Self::TurnServer, Self::Bare];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Hilum => "Hilum",
            Self::Coturn => "coturn",
            Self::TurnCrate => "`turn` crate",
            Self::TurnServer => "`turn-server`",
            Self::Bare => "bare",
        }
    }
}

/// A running relay with one thread for datagrams; ended when dropped.
pub struct Server {
    child: Child,
    clock: ClockId,
    directory: PathBuf,
    pub kind: Kind,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(kind: Kind) -> Self {
        Self::start_for(kind, false)
    }

    /// `whole`: whether bursts come as one message. The bare forwarder has the faster way for either, the others are the
    /// same.
    pub fn start_for(kind: Kind, whole: bool) -> Self {
        Self::start_with(kind, |address, directory| match kind {
            Kind::Hilum => peers::hilum(address, None, directory),
            Kind::Coturn => peers::coturn(address, None, directory),
            Kind::TurnCrate => ourselves("--serve-turn-crate", address),
            Kind::TurnServer => peers::turn_server(address, directory),
            Kind::Bare => ourselves(if whole { "--serve-bare-trains" } else { "--serve-bare" }, address),
        })
    }

    /// By a command that is made of the address for datagrams and of a directory of its own.
    pub fn start_with(kind: Kind, command: impl FnOnce(SocketAddr, &Path) -> Command) -> Self {
        let address = free();
        let directory = std::env::temp_dir().join(format!("hilum-compare-{}", address.port()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut command = command(address, &directory);
        let output = std::fs::File::create(directory.join("output")).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output).stdin(Stdio::null());
        let child = machine::on_the_other_core(|| command.spawn());
        let child = child.unwrap_or_else(|error| panic!("{} does not start: {error}", kind.name()));
        let clock = clock_getcpuclockid(Pid::from_raw(child.id().cast_signed())).unwrap();
        let server = Self { child, clock, directory, kind, address };
        server.wait_until_it_answers();
        server
    }

    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let began = Instant::now();
        let mut buffer = [0; 1500];
        while began.elapsed() < Duration::from_secs(10) {
            socket.send_to(&super::requests::binding(0), self.address).ok();
            if socket.recv_from(&mut buffer).is_ok() {
                return;
            }
        }
        let output = std::fs::read_to_string(self.directory.join("output")).unwrap_or_default();
        panic!("{} does not answer:\n{output}", self.kind.name());
    }

    /// CPU time used so far, by all threads in user and kernel mode, to the nanosecond.
    pub fn cpu(&self) -> Duration {
        self.clock.now().unwrap().into()
    }

    /// Private memory in bytes.
    pub fn memory(&self) -> u64 {
        self.smaps("Private_Dirty:")
    }

    /// Resident memory in bytes, all that the system counts.
    pub fn resident(&self) -> u64 {
        self.smaps("Rss:")
    }

    /// Has Hilum revoke a call, and says how long the operator waits for the answer.
    pub fn revoke(&self, call: &str) -> Duration {
        let body = format!("{{\"call\":\"{ISSUER}/{call}\"}}");
        let asked = Instant::now();
        let mut stream = UnixStream::connect(self.directory.join("operator.sock")).unwrap();
        write!(
            stream,
            "POST /v1/revocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let took = asked.elapsed();
        assert!(answer.starts_with("HTTP/1.1 20"), "the call is not revoked: {answer}");
        took
    }

    fn smaps(&self, name: &str) -> u64 {
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).unwrap();
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

/// A port that nothing has, neither for datagrams nor for streams.
fn free() -> SocketAddr {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// This program in another role.
fn ourselves(role: &str, address: SocketAddr) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(role).arg(address.to_string());
    command
}
