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
use hilum::config;
use hilum::time::UnixTime;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::world::{Answer, NAME, PASSWORD, USER, ask, options};

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
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned(), "127.0.0.1".to_owned()]).unwrap();
    fs::write(path.join("certificate.pem"), made.cert.pem()).unwrap();
    kept(&path.join("key.pem"), &made.signing_key.serialize_pem());
    kept(&path.join("password"), PASSWORD);
    let (key, shown) = ApiKey::generate(Role::Viewer, "monitor".into(), UnixTime::from_secs(7)).unwrap();
    kept(&path.join("keys.toml"), &config::write_api_keys(&ApiKeys::new(vec![key]).unwrap()));
    let text = format!(
        "[listen]\nudp = []\ntcp = []\ndoor = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"certificate.pem\"\n\
         key = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[auth.user]]\nname = \"{USER}\"\npassword_file = \"password\"\n[api]\nkeys = \"keys.toml\"\n{api}"
    );
    let config =
        config::check(&text, path.join("hilum.toml"), &config::System).unwrap_or_else(|faults| panic!("{faults}"));
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
