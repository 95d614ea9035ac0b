//! A whole relay with nothing but a door, as `hilum serve` starts it.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use hilum::addr::Transport;
use hilum::api::{ApiKey, ApiKeys, Role};
use hilum::app::{self, App};
use hilum::client::{Credential, TurnClient, TurnUri};
use hilum::clock::SystemClock;
use hilum::config::{self, Change, Effect};
use hilum::time::UnixTime;
use hilum::wire::{AttributeType, Message};
use ppp::v2;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::world::{Answer, NAME, PASSWORD, PATIENCE, USER, ask, binding, options};

struct Running {
    app: App,
    door: SocketAddr,
    folder: tempfile::TempDir,
    key: String,
}

fn kept(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

async fn start(api: &str) -> Running {
    start_behind("", api).await
}

/// The configuration in a folder that holds what it names.
fn configured(folder: &Path, listen: &str, api: &str) -> config::Config {
    let text = format!(
        "[listen]\nudp = []\ntcp = []\ndoor = [\"127.0.0.1:0\"]\n{listen}[tls]\ncertificate = \"certificate.pem\"\n\
         key = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[auth.user]]\nname = \"{USER}\"\npassword_file = \"password\"\n[api]\nkeys = \"keys.toml\"\n{api}"
    );
    config::check(&text, folder.join("hilum.toml"), &config::System).unwrap_or_else(|faults| panic!("{faults}"))
}

async fn start_behind(listen: &str, api: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned(), "127.0.0.1".to_owned()]).unwrap();
    fs::write(path.join("certificate.pem"), made.cert.pem()).unwrap();
    kept(&path.join("key.pem"), &made.signing_key.serialize_pem());
    kept(&path.join("password"), PASSWORD);
    let (key, shown) = ApiKey::generate(Role::Viewer, "monitor".into(), UnixTime::from_secs(7)).unwrap();
    kept(&path.join("keys.toml"), &config::write_api_keys(&ApiKeys::new(vec![key]).unwrap()));
    let config = configured(path, listen, api);
    let app = app::start(config, SystemClock::start()).await.unwrap();
    let door = app.addresses().door[0];
    Running { app, door, folder, key: shown.to_string() }
}

impl Running {
    async fn asks(&self, asked: &str) -> Answer {
        let mut roots = RootCertStore::empty();
        let file = self.folder.path().join("certificate.pem");
        roots.add(rustls::pki_types::CertificateDer::from_pem_file(file).unwrap()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let socket = TcpStream::connect(self.door).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(ServerName::try_from(NAME).unwrap(), socket).await.unwrap();
        ask(&mut stream, asked).await
    }

    async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.app.addresses().admin.unwrap()).await.unwrap();
        ask(&mut stream, "GET /metrics HTTP/1.1\r\nHost: relay\r\n").await.body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_number_is_turn_over_udp_tcp_and_tls_and_a_page() {
    let relay = start("").await;
    assert_eq!(relay.app.addresses().udp, [relay.door], "datagrams come to the same number");
    let credential = Credential::new(USER, PASSWORD).unwrap();
    for transport in Transport::ALL {
        let uri = TurnUri { host: "127.0.0.1".into(), port: relay.door.port(), transport };
        let mut client = TurnClient::connect_to(&uri, relay.door, &credential, &options()).await.unwrap();
        client.allocate(None, None).await.unwrap();
        client.close().await.unwrap();
    }
    let page = relay.asks("GET / HTTP/1.1\r\nHost: relay.clinic.example\r\n").await;
    assert_eq!((page.status(), page.header("cache-control")), (200, Some("no-store")));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(page.body.contains("a relay for video visits") && !page.body.contains(env!("CARGO_PKG_VERSION")));
    let metrics = relay.metrics().await;
    for line in [
        r#"hilum_door_arrivals_total{arrival="turn"} 1"#,
        r#"hilum_door_arrivals_total{arrival="turn_tls"} 1"#,
        r#"hilum_door_arrivals_total{arrival="http1"} 1"#,
        r#"hilum_door_answers_total{class="2xx"} 1"#,
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
    relay.app.stop().await;
}

/// Where a Binding request over UDP is said to come from, if it is answered.
async fn mapped_over_udp(socket: &UdpSocket, door: SocketAddr, header: &[u8]) -> Option<SocketAddr> {
    socket.send_to(&[header, &binding(7)].concat(), door).await.unwrap();
    let mut bytes = [0; 200];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut bytes)).await.ok()?.unwrap();
    assert_eq!(from, door);
    Message::parse(&bytes[..length]).unwrap().xor_address(AttributeType::XOR_MAPPED_ADDRESS)?.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_come_through_a_balancer_as_well_and_what_is_not_for_turn_is_counted() {
    let mut relay = start_behind("proxies = [\"127.0.0.77\"]\n", "").await;
    let client: SocketAddr = "198.51.100.7:56324".parse().unwrap();
    let addresses = (client, "192.0.2.1:443".parse::<SocketAddr>().unwrap());
    let builder = v2::Builder::with_addresses(v2::Version::Two | v2::Command::Proxy, v2::Protocol::Datagram, addresses);
    let header = builder.build().unwrap();
    let (balancer, direct) =
        (UdpSocket::bind("127.0.0.77:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    assert_eq!(mapped_over_udp(&balancer, relay.door, &header).await, Some(client));
    assert_eq!(mapped_over_udp(&direct, relay.door, &[]).await, direct.local_addr().ok());
    // Who may say for whom they speak waits for a restart, over TCP and UDP alike.
    let changes = relay.app.reload(configured(relay.folder.path(), "", "")).unwrap();
    assert!(matches!(changes[..], [Change { key: "listen.proxies", effect: Effect::NeedsRestart }]), "{changes:?}");
    assert_eq!(mapped_over_udp(&balancer, relay.door, &header).await, Some(client));

    balancer.send_to(&binding(8), relay.door).await.unwrap();
    direct.send_to(&[&header[..], &binding(8)].concat(), relay.door).await.unwrap();
    let (hello, initial, media) = ([22, 254, 253, 0], [0xc3, 0, 0, 1], [0x80, 111, 0, 1]);
    for datagram in [&hello[..], &hello, &initial, &media] {
        direct.send_to(datagram, relay.door).await.unwrap();
    }
    let expected = [("proxy_header", 1), ("proxy_unknown", 1), ("dtls", 2), ("quic", 1), ("media", 1)];
    let looking = async {
        loop {
            let metrics = relay.metrics().await;
            let line = |(reason, count)| format!("hilum_discards_total{{reason=\"{reason}\"}} {count}");
            if expected.map(line).iter().all(|line| metrics.lines().any(|one| one == line)) {
                break;
            }
        }
    };
    timeout(PATIENCE, looking).await.expect("they are counted, each as what it is");
    relay.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_come_through_the_door_where_it_is_opened_to_them() {
    let status = |key: &str| format!("GET /v1/status HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {key}\r\n");
    let closed = start("").await;
    assert_eq!(closed.asks(&status(&closed.key)).await.status(), 404);
    closed.app.stop().await;
    let open = start("door = true\n").await;
    let answer = open.asks(&status(&open.key)).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert!(answer.body.contains("\"allocations\""), "{answer:?}");
    assert_eq!(open.asks(&status("hk_unknown")).await.status(), 401);
    assert_eq!(open.asks(&format!("GET /v1/status HTTP/1.1\r\nHost: {NAME}\r\n")).await.status(), 401);
    // What is not the API's is nobody's.
    assert_eq!(open.asks(&format!("GET /v1/other HTTP/1.1\r\nHost: {NAME}\r\n")).await.status(), 404);
    let revoke = format!(
        "POST /v1/revocations HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {}\r\nContent-Length: 0\r\n",
        open.key
    );
    assert_eq!(open.asks(&revoke).await.status(), 403, "a viewer only looks");
    open.app.stop().await;
}
