//! Words that must stay nowhere: what people are called, what a page says too much, links, passwords, tickets and tokens
//! pass signaling, and are then looked for in the log, the store, the audit log, the metrics and the memory of the process.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use hilum::addr::Transport;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::place::{ORIGIN, Place, allocate, code, soon};

/// What a test lets pass, by what it is.
type Canaries = Vec<(&'static str, String)>;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn configuration(door: SocketAddr, admin: SocketAddr) -> String {
    format!(
        "[server]\nshards = 1\nstate = \"state\"\nruntime = \"runtime\"\n[listen]\nudp = []\ntcp = []\ndoor = [\"{door}\"]\n\
         [tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n\
         [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"cluster\"\nregion = \"eu-north\"\n\
         [operator]\nsocket = \"operator.sock\"\n[api]\nkeys = \"api-keys.toml\"\n\
         [mint]\nkey = \"signing.pem\"\nkid = \"2026-11\"\nissuer = \"clinic\"\nurls = [\"turn:{door}?transport=udp\"]\n\
         [signal]\norigins = [\"{ORIGIN}\"]\n[[signal.clinic]]\nid = \"physio\"\nname = \"Physiotherapy\"\n\
         [admin]\nlisten = \"{admin}\"\n[audit]\ndirectory = \"audit\"\nnode = \"relay-1\"\n[log]\nlevel = \"trace\"\n"
    )
}

/// A copy of all that the process has in memory and may read.
fn memory(pid: u32, to: &Path) {
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let copy = std::fs::File::create(to).unwrap();
    let (mut at, mut seen) = (0, 0);
    for line in std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kernels = words.get(5).is_some_and(|name| name.starts_with("[v"));
        if !words[1].starts_with("rw") || kernels {
            continue;
        }
        let (start, end) = words[0].split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut from, end) = (number(start), number(end));
        let mut page = vec![0; 1 << 20];
        while from < end {
            let wanted = page.len().min(usize::try_from(end - from).unwrap());
            // A part may go while it is read.
            let Ok(read @ 1..) = memory.read_at(&mut page[..wanted], from) else { break };
            copy.write_all_at(&page[..read], at).unwrap();
            at += u64::try_from(read).unwrap();
            from += u64::try_from(read).unwrap();
            seen += read;
        }
    }
    assert!(seen > 1 << 20, "the memory is seen");
}

/// How often each word stands in a file or the files of a folder.
fn found(canaries: &Canaries, place: &Path) -> Vec<(&'static str, usize)> {
    let count = |word: &String| {
        let output = Command::new("grep").args(["-r", "-a", "-o", "-F", "-h", "-e", word]).arg(place).output().unwrap();
        output.stdout.iter().filter(|byte| **byte == b'\n').count()
    };
    canaries.iter().map(|(what, word)| (*what, count(word))).filter(|(_, times)| *times > 0).collect()
}

async fn metrics(admin: SocketAddr) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// A visit in which all of them pass.
async fn visit(place: &Place) -> Canaries {
    let mut canaries: Canaries = Vec::new();
    let mut keep = |what, word: &Value| canaries.push((what, word.as_str().unwrap().to_owned()));
    let added = place
        .operator("POST", "/v1/accounts", &json!({"name": "dr.one", "role": "clinician", "clinics": ["physio"]}))
        .await;
    let authenticator = added["authenticator"].as_str().unwrap();
    keep("the password of the staff", &added["password"]);
    keep("the secret of an authenticator", &json!(authenticator.split_once("secret=").unwrap().1.split('&').next()));
    let wrong = json!({"name": "dr.one", "password": "Canary-wrong-password", "code": "000000"});
    assert_eq!(place.page("/v1/staff/signin", "", &wrong).await.0, 401);
    keep("a wrong password", &wrong["password"]);
    let code = code(authenticator, place.now());
    let cookie = place.sign_in(&json!({"name": "dr.one", "password": added["password"], "code": code})).await;
    keep("a session", &json!(cookie.split_once('=').unwrap().1));

    let asked = json!({"clinic": "physio", "label": "Canary-label", "starts": place.now(), "minutes": 30,
        "people": [{"role": "patient"}]});
    let (status, made) = place.key("POST", "/v1/appointments", &asked).await;
    assert_eq!(status, 201, "{made}");
    let secret = json!(made["links"][0]["url"].as_str().unwrap().split_once('#').unwrap().1);
    keep("a link", &secret);
    let (status, joined) = place.page("/v1/visit/join", "", &json!({"secret": secret})).await;
    assert_eq!(status, 200, "{joined}");
    keep("a browser's word to come back by", &joined["browser"]);
    keep("a patient's ticket", &joined["ticket"]);
    let mut patient = place.socket().await;
    let greeted = patient.greeted(&joined["ticket"]).await;
    keep("a word to resume by", &greeted["resume"]);
    let (_, ticket) = place.page("/v1/staff/ticket", &cookie, &json!({"clinic": "physio"})).await;
    keep("a clinician's ticket", &ticket["ticket"]);
    let mut clinician = place.socket().await;
    clinician.hello(&ticket["ticket"]).await;
    let room = &made["id"];
    clinician.say(json!({"t": "admit", "room": room})).await;
    clinician.say(json!({"t": "join", "room": room})).await;
    let admitted = patient.until("admitted").await;
    let joined = clinician.until("joined").await;
    for turn in [&admitted["turn"], &joined["turn"]] {
        keep("a call token", &turn["username"]);
        keep("the password of a call token", &turn["credential"]);
    }
    let allocation = allocate(place.door(), Transport::Udp, &admitted["turn"]).await;
    assert!(allocation.is_ok());

    // What a page of somebody else's making says too much: as a name of the session, and in a field that nobody knows.
    let peer = patient.until("peer").await["id"].clone();
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Canary-name\r\nt=0 0\r\n";
    patient.say(json!({"t": "sdp", "to": peer, "desc": {"type": "offer", "sdp": sdp}})).await;
    assert_eq!(patient.until("refused").await["code"], "sdp_words");
    canaries.push(("a name in a description", "Canary-name".to_owned()));
    patient.say(json!({"t": "ping", "chat": "Canary-chat"})).await;
    assert_eq!(patient.closed().await, 4400);
    canaries.push(("chat", "Canary-chat".to_owned()));
    let field = json!({"name": "Canary-field"});
    let (status, _) = place.page("/v1/visit/look?name=Canary-query", "canary=Canary-cookie", &field).await;
    assert!(status >= 400);
    for (what, word) in [("a query", "Canary-query"), ("a cookie", "Canary-cookie"), ("a field", "Canary-field")] {
        canaries.push((what, word.to_owned()));
    }
    clinician.say(json!({"t": "end"})).await;
    clinician.until("ended").await;
    let (status, _) = place.page("/v1/staff/signout", &cookie, &Value::Null).await;
    assert_eq!(status, 204);
    canaries
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_signaling_is_afterwards_in_no_file_no_metric_and_no_memory() {
    let (door, admin) = (free(), free());
    let mut place = Place::process(door, &configuration(door, admin)).await;
    let canaries = visit(&place).await;
    assert!(canaries.len() >= 16 && canaries.iter().all(|(_, word)| word.len() >= 11), "{canaries:?}");
    let page = metrics(admin).await;
    assert!(page.contains("hilum_") && canaries.iter().all(|(_, word)| !page.contains(word.as_str())));

    // What may be there shows that the search finds what is there.
    let allowed = vec![("a label", "Canary-label".to_owned()), ("a name of the staff", "dr.one".to_owned())];
    let copy = place.path("memory");
    let mut left = Vec::new();
    // Connections that were closed are let go a moment later.
    soon("everything is forgotten", async || {
        memory(place.pid(), &copy);
        let before = std::mem::replace(&mut left, found(&canaries, &copy));
        if before != left {
            println!("in memory: {left:?}");
        }
        left.is_empty()
    })
    .await;
    assert_eq!(found(&allowed, &copy).len(), 2, "the label of an appointment stays for a day, and so do accounts");
    std::fs::remove_file(&copy).unwrap();

    place.terminate().await;
    for name in ["state", "audit", "output"] {
        assert_eq!(found(&canaries, &place.path(name)), [], "{name}");
    }
    let names = |name: &str| found(&allowed, &place.path(name)).into_iter().map(|(what, _)| what).collect::<Vec<_>>();
    assert_eq!(names("state"), ["a label", "a name of the staff"]);
    assert_eq!(names("audit"), ["a name of the staff"]);
    assert_eq!(names("output"), [""; 0]);
}
