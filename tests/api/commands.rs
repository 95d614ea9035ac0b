//! The commands, against a relay that runs: what is minted opens calls, and what is revoked ends them.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hilum::addr::Transport;
use hilum::app::{self, App};
use hilum::client::{ClientError, Credential, Options, RequestFailure, TurnClient, TurnUri};
use hilum::clock::SystemClock;
use hilum::config;
use hilum::time::Lifetime;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::world::{Answer, exchange, request, secured};

/// A relay as an operator sets it up, with the commands that there are for it.
struct Place {
    directory: TempDir,
    certificate: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let place = Self { directory, certificate };
        let private = |name: &str, text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(place.path(name), text).unwrap();
            std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(0o640)).unwrap();
        };
        private("certificate.pem", &place.certificate);
        private("key.pem", &made.signing_key.serialize_pem());
        let (ring, out) = (place.text("keyring.toml"), place.text(""));
        let keys = ["keys", "new", "--keyring", &ring, "--out", &out, "--kid", "2026-11-27", "--issuer", "clinic"];
        assert_eq!(place.run(&keys).0, 0);
        private(
            "hilum.toml",
            r#"
            [listen]
            udp = ["127.0.0.1:0"]
            tcp = []
            [tls]
            certificate = "certificate.pem"
            key = "key.pem"
            [relay]
            addresses = ["127.0.0.1"]
            [tokens]
            keyring = "keyring.toml"
            cluster = "cluster"
            region = "north"
            [operator]
            socket = "operator.sock"
            [api]
            listen = ["127.0.0.1:0"]
            keys = "api-keys.toml"
            [mint]
            key = "2026-11-27.pem"
            urls = ["turn:turn.clinic.example"]
            [admin]
            listen = ""
            [audit]
            directory = "log"
            [server]
            state = "state"
            "#,
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// Runs a command: exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_hilum")).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs a command that asks the relay.
    fn ask(&self, arguments: &[&str]) -> (i32, String, String) {
        let socket = self.text("operator.sock");
        tokio::task::block_in_place(|| self.run(&[arguments, &["--socket", &socket]].concat()))
    }

    fn new_key(&self, role: &str) -> String {
        let file = self.text("api-keys.toml");
        let (code, out, err) = self.run(&["api-key", "new", "--role", role, "--name", "for the test", "--keys", &file]);
        assert!(code == 0 && err.contains("shown once"), "{err}");
        out.trim().to_owned()
    }

    fn config(&self) -> config::Config {
        config::read(&self.path("hilum.toml")).unwrap_or_else(|faults| panic!("{faults}"))
    }

    async fn start(&self) -> App {
        app::start(self.config(), SystemClock::start()).await.unwrap()
    }

    /// The facts of a kind in the audit log.
    fn recorded(&self, kind: &str) -> Vec<Value> {
        let (code, out, err) = self.run(&["audit", "export", &self.text("log")]);
        assert_eq!(code, 0, "{err}");
        let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["kind"] == kind).map(|line| line["body"].clone()).collect()
    }

    /// Asks over the network.
    async fn remote(&self, address: SocketAddr, key: &str, body: &str) -> Answer {
        let stream = secured(address, &self.certificate, None).await.unwrap();
        let more = format!("Authorization: Bearer {key}\r\n");
        exchange(stream, &request("POST", "/v1/credentials", &more, Some(body))).await.unwrap()
    }
}

/// A client with minted credentials.
async fn client(relay: SocketAddr, minted: &Value) -> Result<TurnClient, ClientError> {
    let server = &minted["iceServers"][0];
    let (username, password) = (server["username"].as_str().unwrap(), server["credential"].as_str().unwrap());
    let credential = Credential::new(username, password).unwrap();
    let uri = TurnUri { host: relay.ip().to_string(), port: relay.port(), transport: Transport::Udp };
    let mut client = TurnClient::connect(&uri, &credential, &Options::plain()).await?;
    client.allocate(None, None).await?;
    Ok(client)
}

/// The code of an error response.
fn code(error: &ClientError) -> u16 {
    match error {
        ClientError::Request(RequestFailure::Refused(refusal)) => refusal.code.number(),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_minted_opens_a_call_and_what_is_revoked_ends_it() {
    let place = Place::new();
    let key = place.new_key("issuer");
    let app = place.start().await;
    let (relay, network) = (app.addresses().udp[0], app.addresses().api[0]);
    let minted = |party: &'static str, call: &'static str| {
        let (place, key) = (&place, &key);
        async move {
            let body = format!(r#"{{"call":"{call}","party":"{party}"}}"#);
            let answer = place.remote(network, key, &body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.body
        }
    };
    let (a, b, other) = (minted("a", "visit-7").await, minted("b", "visit-7").await, minted("a", "visit-8").await);
    let mut one = client(relay, &a).await.unwrap();
    let mut two = client(relay, &b).await.unwrap();
    let mut third = client(relay, &other).await.unwrap();

    let (status, out, err) = place.ask(&["calls"]);
    assert_eq!((status, err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["issuer", "call", "parties", "allocations", "age", "up", "down"]);
    assert_eq!(
        (&lines[1][..5], &lines[2][..3]),
        (&["clinic", "visit-7", "a,", "b", "2"][..], &["clinic", "visit-8", "a"][..])
    );
    let (_, out, _) = place.ask(&["allocations", "--call", "clinic/visit-7", "--json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&listed["total"], &listed["allocations"][0]["token"]["party"]), (&2.into(), &"a".into()));
    assert!(!out.contains("127.0.0.1"), "no address: {out}");
    let (_, out, _) = place.ask(&["allocations", "--limit", "1"]);
    assert!(out.contains("1 of 3 allocations; --offset shows others"), "{out}");

    // A party, by its token: the other one goes on.
    let username = a["iceServers"][0]["username"].as_str().unwrap();
    let (status, out, _) = place.ask(&["revoke", "--token", username]);
    assert!(status == 0 && out.starts_with("token clinic/") && out.ends_with("; 1 allocation ended\n"), "{out}");
    let lifetime = Lifetime::from_secs(600);
    assert_eq!(code(&one.refresh(lifetime).await.unwrap_err()), 403);
    assert_eq!(code(&client(relay, &a).await.map(drop).unwrap_err()), 403, "and no new one");
    two.refresh(lifetime).await.unwrap();

    // The call, what is minted later included.
    let (status, out, _) = place.ask(&["revoke", "--call", "clinic/visit-7", "--until", "2200-01-01"]);
    assert_eq!((status, out.as_str()), (2, ""), "a date that far is the operator's mistake");
    let (status, out, _) = place.ask(&["revoke", "--call", "clinic/visit-7", "--json"]);
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &done["call"], &done["ended"]), (0, &"clinic/visit-7".into(), &1.into()));
    assert_eq!(code(&two.refresh(lifetime).await.unwrap_err()), 403);
    let late = minted("c", "visit-7").await;
    assert_eq!(code(&client(relay, &late).await.map(drop).unwrap_err()), 403);
    third.refresh(lifetime).await.unwrap();
    let (_, out, _) = place.ask(&["calls"]);
    assert!(out.contains("visit-8") && !out.contains("visit-7"), "{out}");

    let (_, out, _) = place.ask(&["revoke", "--kid", "2026-11-27"]);
    assert!(out.contains("kid 2026-11-27 is revoked until") && out.contains("1 allocation ended"), "{out}");
    assert_eq!(place.ask(&["calls"]).1, "no calls\n");
    app.stop().await;
    assert!(!place.path("operator.sock").exists(), "the socket is gone with the relay");

    // Who did what is on record, about pseudonyms.
    let issuer = format!("api-key:{}", &key[3..11]);
    let user = json!(format!("uid:{}", nix::unistd::geteuid()));
    let actions = place.recorded("operator-action");
    let mut actions: Vec<_> = actions.iter().map(|one| (&one["action"], &one["role"], &one["actor"])).collect();
    let [mint, refused] = ["credentials.mint", "revoke.refused:invalid"].map(|action| json!(action));
    let [issuer_role, operator_role] = ["issuer", "operator"].map(|role| json!(role));
    assert_eq!(actions.remove(3), (&refused, &operator_role, &user), "the date that was too far");
    assert_eq!(actions, vec![(&mint, &issuer_role, &json!(issuer)); 4]);
    let revoked = place.recorded("revoked");
    let what: Vec<_> = revoked.iter().map(|one| (&one["what"], &one["ended"], &one["actor"])).collect();
    let [one, two, three] = ["token", "call", "key"].map(|what| json!(what));
    assert_eq!(what, [(&one, &json!(1), &user), (&two, &json!(1), &user), (&three, &json!(1), &user)]);
    assert_eq!(revoked[2]["key"], "2026-11-27");
    let call = &place.recorded("call-begun")[0]["call"];
    assert_eq!(&revoked[1]["subject"], call, "the call has one name in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_removed_opens_nothing_after_a_reload() {
    let place = Place::new();
    let (key, other) = (place.new_key("issuer"), place.new_key("viewer"));
    let (_, said, _) = place.run(&["check", &place.text("hilum.toml")]);
    let network = "127.0.0.1:0 (2 API keys, 0 certificates), minting with the key 2026-11-27";
    assert!(said.contains(&format!("  api      {}, {network}\n", place.text("operator.sock"))), "{said}");
    let mut app = place.start().await;
    let network = app.addresses().api[0];
    let body = r#"{"call":"visit-7","party":"a"}"#;
    assert_eq!(place.remote(network, &key, body).await.status, 200);
    assert_eq!(place.remote(network, &other, body).await.status, 403);

    let file = place.text("api-keys.toml");
    let (_, listed, _) = place.run(&["api-key", "list", "--keys", &file]);
    let id = &key[3..11];
    assert!(listed.contains(id) && listed.contains("issuer") && listed.contains("for the test"), "{listed}");
    let secrets = std::fs::read_to_string(&file).unwrap() + &listed;
    assert!(!secrets.contains(&key[12..]), "the secret is nowhere");
    assert_eq!(place.run(&["api-key", "remove", id, "--keys", &file]).0, 0);
    assert_eq!(place.run(&["api-key", "remove", id, "--keys", &file]).0, 2, "it is not there twice");
    assert_eq!(place.remote(network, &key, body).await.status, 200, "until the reload");
    let changes = app.reload(place.config()).unwrap();
    assert_eq!(changes.iter().map(|change| change.key).collect::<Vec<_>>(), ["api.keys"]);
    assert_eq!(place.remote(network, &key, body).await.status, 401);
    app.stop().await;
    let refused: Vec<_> = place.recorded("operator-action").into_iter().map(|one| one["action"].clone()).collect();
    assert_eq!(refused, ["credentials.mint", "credentials.refused:forbidden", "credentials.mint"]);
    let summed = place.recorded("refusals");
    assert_eq!(summed[0]["reasons"]["operator/unauthenticated"], 1, "nobody's attempts are counted: {summed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_drains_until_its_last_call_has_ended_or_time_is_up() {
    let place = Place::new();
    let key = place.new_key("issuer");
    let app = place.start().await;
    let (relay, network) = (app.addresses().udp[0], app.addresses().api[0]);
    let minted = place.remote(network, &key, r#"{"call":"visit-7","party":"a"}"#).await.body;
    let mut running = client(relay, &minted).await.unwrap();

    let (code_of_exit, out, _) = place.ask(&["drain", "--deadline", "0"]);
    assert_eq!((code_of_exit, out.as_str()), (3, "time is up, and no new allocations are taken; still running: 1\n"));
    assert!(!app.health().is_ready());
    running.refresh(Lifetime::from_secs(600)).await.unwrap();
    assert_eq!(code(&client(relay, &minted).await.map(drop).unwrap_err()), 508);

    let (code_of_exit, out, _) = place.ask(&["drain", "--cancel"]);
    assert_eq!((code_of_exit, out.as_str()), (0, "new allocations are taken again; running: 1\n"));
    assert!(app.health().is_ready());
    let other = client(relay, &minted).await.unwrap();

    let (path, socket) = (env!("CARGO_BIN_EXE_hilum"), place.text("operator.sock"));
    let mut draining = Command::new(path).args(["drain", "--json", "--socket", &socket]).stdout(Stdio::piped()).spawn();
    let draining = draining.as_mut().unwrap();
    let refused = async {
        while app.health().is_ready() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), refused).await.unwrap();
    assert_eq!(draining.try_wait().unwrap(), None, "two allocations run");
    for mut client in [running, other] {
        client.refresh(Lifetime::ZERO).await.unwrap();
    }
    let status = tokio::task::block_in_place(|| draining.wait()).unwrap();
    let mut out = String::new();
    draining.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status.code(), answer), (Some(0), json!({ "draining": true, "allocations": 0 })));

    app.stop().await;
    let deeds: Vec<_> = place.recorded("operator-action").into_iter().map(|one| one["action"].clone()).collect();
    assert_eq!(deeds, ["credentials.mint", "drain", "drain.cancel", "drain"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_does_not_take_the_socket_of_the_first() {
    let place = Place::new();
    place.new_key("viewer");
    let app = place.start().await;
    let fault = app::start(place.config(), SystemClock::start()).await.map(drop).unwrap_err().to_string();
    assert!(fault.contains("another process answers on") && fault.contains("operator.socket"), "{fault}");
    assert_eq!(place.ask(&["calls"]).1, "no calls\n", "and the first one goes on");
    app.stop().await;
}

#[test]
fn commands_say_why_there_is_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("operator.sock");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hilum")).args(arguments).arg("--socket").arg(&socket).output();
        let output = output.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = run(&["calls"]);
    assert!(code == 1 && err.contains("is the relay running") && err.contains("operator.socket"), "{err}");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let (code, err) = run(&["allocations"]);
    assert!(code == 1 && err.contains("is the relay running?"), "{err}");
    for wrong in [
        &["revoke"][..],
        &["revoke", "--call", "a/b", "--kid", "one"],
        &["revoke", "--kid", "one", "--until", "tomorrow"],
        &["allocations", "--call", "a b"],
        &["calls", "--limit", "0"],
        &["drain", "--cancel", "--deadline", "1"],
    ] {
        assert_eq!(run(wrong).0, 2, "{wrong:?}");
    }
}

/// Somebody else than a relay answers.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let socket: &Path = &directory.path().join("operator.sock");
    let listener = tokio::net::UnixListener::bind(socket).unwrap();
    let asked = hilum::api::ask(socket, axum::http::Method::GET, "/v1/calls", None);
    let answered = async {
        let (stream, _) = listener.accept().await.unwrap();
        exchange(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await
    };
    let (asked, _) = timeout(Duration::from_secs(30), async { tokio::join!(asked, answered) }).await.unwrap();
    assert_eq!(asked.unwrap_err().to_string(), "the relay does not answer as it should; look at its log");
}
