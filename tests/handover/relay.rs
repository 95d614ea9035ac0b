//! A relay as a process of its own, which leaves something to the next one.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::manager::spawn;
use crate::world::{Place, until};

/// Where a relay is, whichever process it is.
pub struct Site {
    pub place: Place,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub file: PathBuf,
}

/// Looks at a journal of one length after which it has what there is to have: a shard holds a change for a quarter of a
/// second, and the tests' machine may be busy.
const STILL: u32 = 30;

impl Site {
    /// Waits until the journal has what runs, and nothing is added any more.
    pub async fn rests(&self) {
        let (mut length, mut still) = (0, 0);
        until("the journal rests", async || {
            let now = std::fs::metadata(self.journal()).map_or(0, |found| found.len());
            still = if now == length && now > 0 { still + 1 } else { 0 };
            length = now;
            still >= STILL
        })
        .await;
    }

    pub fn new() -> Self {
        Self::with("[server]\nshards = 2\nruntime = \"run\"\n")
    }

    /// `server` is the table of that name.
    pub fn with(server: &str) -> Self {
        let (place, address, admin) = (Place::new(), lasting(), lasting());
        let file = configure(&place, "hilum.toml", address, admin, server);
        Self { place, address, admin, file }
    }

    pub fn journal(&self) -> PathBuf {
        self.place.path("run/hilum.journal")
    }

    /// Starts a process without a service manager, and waits until it is ready.
    pub async fn start(&self) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
        command.arg("serve").arg("--config").arg(&self.file);
        self.started_with(command, Vec::new(), None).await
    }

    /// The same with sockets, and with a service manager that listens at a path.
    pub async fn started_with(&self, mut command: Command, open: Vec<OwnedFd>, manager: Option<&Path>) -> Server {
        match manager {
            Some(path) => command.env("NOTIFY_SOCKET", path),
            None => command.env_remove("NOTIFY_SOCKET"),
        };
        let process = spawn(command.stdin(Stdio::null()).stderr(Stdio::null()), open);
        let server = Server { process, admin: self.admin };
        until("the relay is ready", async || server.page("/ready").await.starts_with("HTTP/1.1 200")).await;
        server
    }
}

/// An address that stays free while no process has it: its port is none that the system gives to clients.
pub fn lasting() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id();
    let both = |_| {
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::try_from(number).unwrap()));
        let free = TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok();
        free.then_some(address)
    };
    (0..1000).find_map(both).unwrap()
}

pub fn configure(place: &Place, name: &str, address: SocketAddr, admin: SocketAddr, server: &str) -> PathBuf {
    let text = format!(
        "{server}[listen]\nudp = [\"{address}\"]\ntcp = [\"{address}\"]\n[relay]\naddresses = [\"127.0.0.1\"]\n\
         [auth]\nshared_secret_files = [\"secret\"]\n[peers]\nallow = [\"127.0.0.2\"]\n\
         [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"cluster\"\nregion = \"eu-north\"\n\
         [operator]\nsocket = \"operator.sock\"\n[admin]\nlisten = \"{admin}\"\n[audit]\ndirectory = \"audit\"\n"
    );
    place.write(name, &text)
}

/// One process.
pub struct Server {
    process: Child,
    admin: SocketAddr,
}

impl Server {
    pub async fn page(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(self.admin).await else { return String::new() };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        if stream.write_all(request.as_bytes()).await.is_ok() {
            // What has come is enough to look at.
            stream.read_to_end(&mut answer).await.ok();
        }
        String::from_utf8(answer).unwrap()
    }

    /// The value of a metric, with its labels as they are written.
    pub async fn metric(&self, name: &str) -> Option<u64> {
        let page = self.page("/metrics").await;
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until the process has ended, and that it has ended well.
    pub async fn ended(&mut self) {
        let mut status = None;
        until("the relay ends", async || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        })
        .await;
        assert!(status.unwrap().success(), "{status:?}");
    }

    /// Kill -9.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
