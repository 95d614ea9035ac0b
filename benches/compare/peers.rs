//! How the relays that are compared are started: each with one thread for datagrams, the same users, and nothing that the
//! work does not need.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::issuer::{CLUSTER, PASSWORD, USERS, keyring, name};

/// Where streams come in, beside datagrams.
pub struct Doors {
    pub tcp: SocketAddr,
    pub tls: SocketAddr,
    /// PEM files.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

pub fn hilum(address: SocketAddr, doors: Option<&Doors>, directory: &Path) -> Command {
    let password = directory.join("password");
    secret(&password, PASSWORD);
    secret(&directory.join("keyring.toml"), &keyring());
    let users: String = (0..USERS)
        .map(|number| {
            format!("[[auth.user]]\nname = \"{}\"\npassword_file = \"{}\"\n", name(number), password.display())
        })
        .collect();
    let config = directory.join("hilum.toml");
    let doors = doors.map_or("tcp = []\n".to_owned(), |doors| {
        format!(
            "tcp = [\"{}\"]\ntls = [\"{}\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
            doors.tcp,
            doors.tls,
            doors.certificate.display(),
            doors.key.display()
        )
    });
    // Tokens have a rate, which is counted, and which the load does not reach.
    let text = format!(
        "[server]\nshards = 1\nstate = \"state\"\n[listen]\nudp = [\"{address}\"]\n{doors}\
         [relay]\naddresses = [\"127.0.0.1\"]\nports = \"20000-65535\"\n\
         closed_addresses = [\"127.0.0.2\", \"127.0.0.3\"]\n{users}\
         [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"{CLUSTER}\"\noutside = true\n[peers]\nallow = [\"127.0.0.1\", \"127.0.0.4\"]\n\
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
pub fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Its door for TCP has the address for datagrams.
pub fn coturn(address: SocketAddr, doors: Option<&Doors>, directory: &Path) -> Command {
    let mut command = Command::new("turnserver");
    match doors {
        Some(doors) => {
            command.arg("--cert").arg(&doors.certificate).arg("--pkey").arg(&doors.key);
            command.arg("--tls-listening-port").arg(doors.tls.port().to_string())
        }
        None => command.args(["--no-tls", "--no-tcp"]),
    };
    command.args(["-n", "--no-dtls", "--no-tcp-relay", "--no-cli", "-m", "1"]);
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

/// Which release of the program `turn-server` takes part.
pub const TURN_SERVER: &str = "4.1.5";

/// Builds the program `turn-server` unless it is there. Better done before anything is pinned to a core.
pub fn build_turn_server() {
    LazyLock::force(&TURN_SERVER_PROGRAM);
}

/// The program, built when it is not there: without its doors for operators and without TLS, which are not measured and
/// take long to build.
static TURN_SERVER_PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    let program = root.join("bin/turn-server");
    let version = Command::new(&program).arg("--version").output();
    if version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(TURN_SERVER)) {
        return program;
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["install", "turn-server", "--version", TURN_SERVER, "--locked", "--quiet"]);
    command.args(["--no-default-features", "--features", "udp", "--root"]).arg(&root);
    let built = command.status().unwrap_or_else(|error| panic!("cargo does not start: {error}"));
    assert!(built.success() && program.exists(), "turn-server {TURN_SERVER} of crates.io cannot be built: {built}");
    program
});

pub fn turn_server(address: SocketAddr, directory: &Path) -> Command {
    let users: String = (0..USERS).map(|number| format!("{} = \"{PASSWORD}\"\n", name(number))).collect();
    let config = directory.join("turn-server.toml");
    let text = format!(
        "[server]\nmax-threads = 1\nrealm = \"bench\"\n[[server.interfaces]]\ntransport = \"udp\"\n\
         listen = \"{address}\"\nexternal = \"{address}\"\nidle-timeout = 3600\n\
         [log]\nlevel = \"error\"\n[auth.static-credentials]\n{users}"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(&*TURN_SERVER_PROGRAM);
    command.arg("--config").arg(config);
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
