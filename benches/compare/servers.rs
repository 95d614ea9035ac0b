//! The relays that are compared, each as a process of its own whose CPU time and memory the system tells.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::issuer::{CLUSTER, ISSUER, PASSWORD, USERS, keyring, name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hilum,
    Coturn,
    TurnCrate,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Hilum, Self::Coturn, Self::TurnCrate];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Hilum => "Hilum",
            Self::Coturn => "coturn",
            Self::TurnCrate => "`turn` crate",
        }
    }
}

/// A running relay with one thread for datagrams; ended when dropped.
pub struct Server {
    child: Child,
    directory: PathBuf,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(kind: Kind) -> Self {
        let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap();
        let directory = std::env::temp_dir().join(format!("hilum-compare-{}", address.port()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut command = match kind {
            Kind::Hilum => hilum(address, &directory),
            Kind::Coturn => coturn(address, &directory),
            Kind::TurnCrate => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.arg("--serve-turn-crate").arg(address.to_string());
                command
            }
        };
        let output = std::fs::File::create(directory.join("output")).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output).stdin(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", kind.name()));
        let server = Self { child, directory, address };
        server.wait_until_it_answers(kind);
        server
    }

    fn wait_until_it_answers(&self, kind: Kind) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let began = Instant::now();
        let mut buffer = [0; 1500];
        while began.elapsed() < Duration::from_secs(10) {
            socket.send_to(&super::load::binding_request(0), self.address).ok();
            if socket.recv_from(&mut buffer).is_ok() {
                return;
            }
        }
        let output = std::fs::read_to_string(self.directory.join("output")).unwrap_or_default();
        panic!("{} does not answer:\n{output}", kind.name());
    }

    /// CPU time used so far, by all threads in user and kernel mode.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // The kernel counts 100 ticks a second for user space on every common architecture.
        Duration::from_millis(ticks * 10)
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

fn hilum(address: SocketAddr, directory: &std::path::Path) -> Command {
    let password = directory.join("password");
    secret(&password, PASSWORD);
    secret(&directory.join("keyring.toml"), &keyring());
    let users: String = (0..USERS)
        .map(|number| {
            format!("[[auth.user]]\nname = \"{}\"\npassword_file = \"{}\"\n", name(number), password.display())
        })
        .collect();
    let config = directory.join("hilum.toml");
    // Tokens have a rate, which is counted, and which the load does not reach.
    let text = format!(
        "[server]\nshards = 1\nstate = \"state\"\n[listen]\nudp = [\"{address}\"]\ntcp = []\n\
         [relay]\naddresses = [\"127.0.0.1\"]\nports = \"20000-65535\"\n\
         closed_addresses = [\"127.0.0.2\", \"127.0.0.3\"]\n{users}\
         [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"{CLUSTER}\"\n[peers]\nallow = [\"127.0.0.1\"]\n\
         [limits]\nallocations = 200000\nallocations_per_user = 200000\nallocations_per_source = 200000\n\
         challenges_per_second = 1000000\nrequests_per_second = 1000000\nkbps_per_token = 10000000\n\
         packets_per_second_per_token = 10000000\n[operator]\nsocket = \"operator.sock\"\n\
         [audit]\ndirectory = \"audit\"\n[admin]\nlisten = \"\"\n[log]\nlevel = \"warn\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
    command.arg("serve").arg("--config").arg(config);
    command
}

/// A file that nobody else may read.
fn secret(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn coturn(address: SocketAddr, directory: &std::path::Path) -> Command {
    let mut command = Command::new("turnserver");
    command.args(["-n", "--no-tls", "--no-dtls", "--no-tcp", "--no-tcp-relay", "--no-cli", "-m", "1"]);
    command.args(["--allow-loopback-peers", "--no-multicast-peers", "--no-rfc5780", "--no-software-attribute"]);
    command.args(["--min-port", "20000", "--max-port", "65535", "--lt-cred-mech", "--realm", "bench"]);
    command.args(["-L", "127.0.0.1", "-E", "127.0.0.1", "--log-file", "stdout", "--simple-log"]);
    command.arg("-p").arg(address.port().to_string());
    for number in 0..USERS {
        command.arg("-u").arg(format!("{}:{PASSWORD}", name(number)));
    }
    command.arg("--pidfile").arg(directory.join("pid")).arg("--db").arg(directory.join("turndb"));
    command
}

struct SamePassword;

impl turn::auth::AuthHandler for SamePassword {
    fn auth_handle(&self, username: &str, realm: &str, _source: SocketAddr) -> Result<Vec<u8>, turn::Error> {
        Ok(turn::auth::generate_auth_key(username, realm, PASSWORD))
    }
}

/// Runs a server on the `turn` crate in this process, on one worker thread, until it is killed.
pub fn turn_crate(address: &str) {
    use turn::relay::relay_static::RelayAddressGeneratorStatic;
    use turn::server::config::{ConnConfig, ServerConfig};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind(address).await.unwrap();
        let generator = RelayAddressGeneratorStatic {
            relay_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            address: "127.0.0.1".to_owned(),
            net: Arc::new(webrtc_util::vnet::net::Net::new(None)),
        };
        let config = ServerConfig {
            conn_configs: vec![ConnConfig { conn: Arc::new(socket), relay_addr_generator: Box::new(generator) }],
            realm: "bench".to_owned(),
            auth_handler: Arc::new(SamePassword),
            channel_bind_timeout: Duration::ZERO,
            alloc_close_notify: None,
        };
        let _server = turn::server::Server::new(config).await.unwrap();
        std::future::pending::<()>().await;
    });
}
