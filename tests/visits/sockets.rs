//! `docs/data-flow.md` held against a running relay with everything turned on: its sockets are read from the system, and
//! each has a row in the page, and each row a socket.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use serde_json::{Value, json};

use crate::place::{ORIGIN, Place, soon};

/// Sections of the configuration that open nothing: what they say is kept in memory or about other sockets. Whoever adds a
/// section either turns it on below and gives its sockets a row in the page, or names it here.
const QUIET: [&str; 7] = ["auth.user", "peers", "seal", "limits", "lifetimes", "log", "signal.openid.role"];

/// A socket of the process.
#[derive(Debug)]
struct Open {
    transport: &'static str,
    /// Where it is bound.
    local: Option<SocketAddr>,
    /// Whom it is connected to.
    remote: Option<SocketAddr>,
    listens: bool,
    /// The file of a Unix socket.
    file: Option<String>,
}

/// One row of the page: the key under which the address stands, the transport, and which side connects.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    key: String,
    transport: String,
    outgoing: bool,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn rows(page: &str) -> Vec<Row> {
    let part = |heading: &str| page.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let of = |heading, outgoing| {
        let lines = part(heading).lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let cells = lines.map(|line| line.split(" | ").collect::<Vec<_>>()).filter(|cells| cells[0] != "key");
        let row = move |cells: Vec<&str>| {
            assert!(cells.len() == 7 && cells.iter().all(|cell| !cell.trim().is_empty()), "{cells:?}");
            Row { key: cells[0].trim_matches('`').to_owned(), transport: cells[1].to_owned(), outgoing }
        };
        cells.map(row).collect::<Vec<_>>()
    };
    [of("Who connects to Hilum", false), of("Where Hilum connects to", true)].concat()
}

/// Where a key of the configuration points; a table points where its `directory`, `issuer` or `url` does.
fn addresses(configuration: &toml::Table, key: &str) -> Vec<SocketAddr> {
    let mut value = &toml::Value::Table(configuration.clone());
    for name in key.split('.') {
        value = value.get(name).unwrap_or_else(|| panic!("{key} is in the page and not turned on"));
    }
    let one = |value: &toml::Value| {
        let value = ["directory", "issuer", "url"].iter().find_map(|name| value.get(name)).unwrap_or(value);
        let text = value.as_str().unwrap().trim_start_matches("https://");
        text.split('/').next().unwrap().parse().unwrap_or_else(|error| panic!("{key}: {text}: {error}"))
    };
    value.as_array().map_or_else(|| vec![one(value)], |list| list.iter().map(one).collect())
}

/// Whether a row tells of a socket.
fn tells(row: &Row, open: &Open, configuration: &toml::Table) -> bool {
    if row.transport != open.transport {
        return false;
    }
    let text = |section: &str, key: &str| configuration[section][key].as_str().unwrap().to_owned();
    match row.key.as_str() {
        "-" => open.file.is_none(),
        "operator.socket" => open.file.as_ref() == Some(&text("operator", "socket")),
        "relay.ports" => {
            let (first, last) =
                text("relay", "ports").split_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            let range = first.parse::<u16>().unwrap()..=last.parse().unwrap();
            let listening = ["udp", "door"].iter().flat_map(|key| addresses(configuration, &format!("listen.{key}")));
            let listening: Vec<_> = listening.collect();
            open.local.is_some_and(|local| range.contains(&local.port()) && !listening.contains(&local))
        }
        key if row.outgoing => open.remote.is_some_and(|remote| addresses(configuration, key).contains(&remote)),
        key => open.local.is_some_and(|local| addresses(configuration, key).contains(&local)),
    }
}

/// Sockets that no row tells of.
fn strangers<'s>(rows: &[Row], sockets: &'s [Open], configuration: &toml::Table) -> Vec<&'s Open> {
    sockets.iter().filter(|open| !rows.iter().any(|row| tells(row, open, configuration))).collect()
}

/// Rows that tell of no socket.
fn empty(rows: &[Row], sockets: &[Open], configuration: &toml::Table) -> Vec<Row> {
    let stands = |row: &Row| {
        // Where somebody is to connect to, something must listen; a connection that came does not make up for it.
        let good = |open: &&Open| row.outgoing || open.transport != "tcp" || open.listens;
        sockets.iter().filter(good).any(|open| tells(row, open, configuration))
    };
    rows.iter().filter(|row| !stands(row)).cloned().collect()
}

/// `0100007F:0D96`, as the kernel writes an address: words of four bytes in the order of this machine.
fn address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let words = ip
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(core::str::from_utf8(word).unwrap(), 16).unwrap().to_ne_bytes());
    let bytes: Vec<u8> = words.flatten().collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).unwrap())),
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).unwrap())
}

/// Every socket that the process has open.
fn sockets(pid: u32) -> Vec<Open> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
    let inode = |link: std::path::PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    let wanted: BTreeSet<String> = links.filter_map(inode).collect();
    let mut found = BTreeMap::new();
    for (file, transport) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{file}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (local, remote) = (address(words[1]), address(words[2]));
            let remote = (remote.port() != 0).then_some(remote);
            // TCP_LISTEN of the kernel's net/tcp_states.h.
            let listens = transport == "tcp" && words[3] == "0A";
            found.insert(words[9].to_owned(), Open { transport, local: Some(local), remote, listens, file: None });
        }
    }
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
    for line in text.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let file = words.get(7).map(|file| (*file).to_owned());
        let listens = file.is_some();
        found.insert(words[6].to_owned(), Open { transport: "unix", local: None, remote: None, listens, file });
    }
    let unknown = || Open { transport: "another kind", local: None, remote: None, listens: false, file: None };
    wanted.into_iter().map(|inode| found.remove(&inode).unwrap_or_else(unknown)).collect()
}

/// A port that is free for both transports. Somebody else may take it before it is used; then the test fails.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// All that can be turned on without the world: whom Hilum connects to takes the connection and says nothing.
fn everything(
    [udp, tls, door, api, admin]: [SocketAddr; 5],
    [authority, logs, records, provider]: [SocketAddr; 4],
) -> String {
    format!(
        "[server]\nshards = 2\nstate = \"state\"\nruntime = \"runtime\"\n\
         [listen]\nudp = [\"{udp}\"]\ntcp = [\"{udp}\"]\ntls = [\"{tls}\"]\ndoor = [\"{door}\"]\n\
         [tls.acme]\ndirectory = \"https://{authority}/directory\"\nca = \"certificate.pem\"\n\
         names = [\"turn.clinic.example\"]\nterms_agreed = true\n\
         [[tls.name]]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
         [relay]\naddresses = [\"127.0.0.1\"]\nports = \"49152-65535\"\n\
         [auth]\nshared_secret_files = [\"secret\"]\n\
         [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"cluster\"\nregion = \"eu-north\"\n\
         [operator]\nsocket = \"operator.sock\"\n\
         [api]\nlisten = [\"{api}\"]\ndoor = true\nkeys = \"api-keys.toml\"\n\
         [mint]\nkey = \"signing.pem\"\nkid = \"2026-11\"\nissuer = \"clinic\"\n\
         urls = [\"turn:localhost:443?transport=udp\"]\n\
         [signal]\norigins = [\"{ORIGIN}\"]\n[[signal.clinic]]\nid = \"physio\"\nname = \"Physiotherapy\"\n\
         [[signal.webhook]]\nurl = \"https://{records}/\"\nca = \"certificate.pem\"\nsecret_file = \"webhook-secret\"\n\
         [signal.openid]\nissuer = \"https://{provider}\"\nca = \"certificate.pem\"\nclient_id = \"hilum\"\n\
         client_secret_file = \"secret\"\n\
         [admin]\nlisten = \"{admin}\"\n\
         [audit]\ndirectory = \"audit\"\nnode = \"relay-1\"\nsyslog = \"{logs}\"\nsyslog_ca = \"certificate.pem\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_socket_of_a_running_relay_is_in_the_page_and_every_row_has_one() {
    let mute = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let theirs = mute.each_ref().map(|listener| listener.local_addr().unwrap());
    let ours = [free(), free(), free(), free(), free()];
    let text = everything(ours, theirs);
    let mut place = Place::process(ours[2], &text).await;
    let mut configuration: toml::Table = text.parse().unwrap();
    // The kernel tells the file by its whole name.
    let socket = place.path("operator.sock").to_str().unwrap().to_owned();
    configuration["operator"].as_table_mut().unwrap().insert("socket".to_owned(), socket.into());
    let rows = rows(&read("docs/data-flow.md"));
    assert!(rows.len() >= 14, "the rows are seen");

    // Something that the records have to be told.
    let asked = json!({"clinic": "physio", "starts": place.now(), "minutes": 30, "people": [{"role": "patient"}]});
    let (_, made) = place.key("POST", "/v1/appointments", &asked).await;
    let (status, _) =
        place.key("DELETE", &format!("/v1/appointments/{}", made["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(status, 204);

    // Those who come do not make a socket of another kind: connections that say nothing, and a patient who waits.
    let comers: Vec<TcpStream> = ours.iter().map(|address| TcpStream::connect(address).unwrap()).collect();
    let asked = json!({"clinic": "physio", "starts": place.now(), "minutes": 30, "people": [{"role": "patient"}]});
    let (_, made) = place.key("POST", "/v1/appointments", &asked).await;
    let secret = made["links"][0]["url"].as_str().unwrap().split_once('#').unwrap().1;
    let (_, joined) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    let mut patient = place.socket().await;
    patient.hello(&joined["ticket"]).await;
    // The provider is asked when somebody of the staff wants to sign in, for as long as it says nothing.
    let signing_in = async {
        loop {
            place.get("/v1/staff/openid/begin", "").await;
        }
    };
    // Whom Hilum connects to is left after some seconds of silence, so each row may have its own moment.
    let (mut now, mut left) = (Vec::new(), rows.clone());
    let agreeing = soon("the page and the process agree", async || {
        now = sockets(place.pid());
        let strangers = strangers(&rows, &now, &configuration);
        left = empty(&left, &now, &configuration);
        println!("without a row: {strangers:?}, without a socket: {left:?}");
        strangers.is_empty() && left.is_empty()
    });
    tokio::select! {
        () = agreeing => {}
        () = signing_in => {}
    }

    // It can fail: a row too few, and one too many.
    for missing in ["listen.door", "admin.listen", "relay.ports", "operator.socket"] {
        let fewer: Vec<Row> = rows.iter().filter(|row| row.key != missing).cloned().collect();
        assert!(!strangers(&fewer, &now, &configuration).is_empty(), "{missing}");
    }
    let more = Row { key: "api.listen".to_owned(), transport: "udp".to_owned(), outgoing: false };
    assert_eq!(empty(std::slice::from_ref(&more), &now, &configuration), [more]);
    drop(comers);
    place.terminate().await;
}

#[test]
fn nothing_in_the_configuration_can_open_a_socket_that_was_not_turned_on() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let on: toml::Table = everything([nowhere; 5], [nowhere; 4]).parse().unwrap();
    let example = read("config/hilum.toml");
    let names = example.lines().map(|line| line.trim_start_matches("# "));
    let sections = names.filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    let sections: BTreeSet<&str> = sections.map(|name| name.trim_matches(['[', ']'])).collect();
    assert!(sections.len() > 15, "the sections are seen");
    for section in sections {
        let mut value = Some(&toml::Value::Table(on.clone())).cloned();
        for name in section.split('.') {
            value = value.and_then(|value| value.get(name).cloned());
        }
        let known = value.is_some() || QUIET.contains(&section);
        assert!(known, "[{section}]: turn it on in this test, with a row in docs/data-flow.md for what it opens");
    }
}
