//! `hilum doctor` as its users meet it: the arguments, the table, the JSON; examined is a server that is not ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]

mod stranger;

use std::io::Write;
use std::net::SocketAddr;

use clap::Parser;
use hilum::cli::doctor::{DoctorArgs, Findings, examine};
use stranger::{Mischief, PASSWORD, USER};
use tempfile::NamedTempFile;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: DoctorArgs,
}

fn parse(words: &[&str]) -> Result<DoctorArgs, clap::Error> {
    Command::try_parse_from(["doctor"].iter().chain(words)).map(|command| command.args)
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The doctor makes its own runtime, so it runs beside the server's.
async fn doctor(words: &[&str]) -> Findings {
    let args = parse(words).unwrap();
    tokio::task::spawn_blocking(move || examine(&args)).await.unwrap().unwrap()
}

/// The stranger's doors: UDP, TCP, and TLS with the certificate in the file.
async fn hospital() -> (turn::server::Server, SocketAddr, [String; 3], NamedTempFile) {
    let (server, udp) = stranger::start().await;
    let (certificate, key) = stranger::certificate("127.0.0.1");
    let tcp = stranger::door(udp, None).await;
    let tls = stranger::door(udp, Some((&certificate, &key))).await;
    let uris = [format!("turn:{udp}"), format!("turn:{tcp}?transport=tcp"), format!("turns:{tls}")];
    (server, udp, uris, file(&certificate))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_server_works_on_all_three_ways() {
    let (server, _, [udp, tcp, tls], ca) = hospital().await;
    let password = file(&format!("{PASSWORD}\nnot the password\n"));
    let (ca, password) = (ca.path().to_str().unwrap(), password.path().to_str().unwrap());
    let words = [&udp, &tcp, &tls, "--username", USER, "--password-file", password, "--ca", ca, "--packets", "20"];
    let findings = doctor(&words).await;
    let table = findings.table();
    assert!(findings.work() && table.ends_with("Every way works."), "{table}");
    assert_eq!(table.matches("20 of 20").count(), 3, "{table}");
    for way in ["UDP 127.0.0.1:", "TCP 127.0.0.1:", "TLS 127.0.0.1:"] {
        assert_eq!(table.matches(way).count(), 1, "{table}");
    }

    let json: serde_json::Value = serde_json::from_str(&findings.json().unwrap()).unwrap();
    assert_eq!(json["works"], true);
    for (way, transport) in json["ways"].as_array().unwrap().iter().zip(["udp", "tcp", "tls"]) {
        assert_eq!(way["works"], true);
        assert_eq!(way["transport"], transport);
        assert_eq!(way["echo"]["path"], "second_allocation");
        assert_eq!((&way["echo"]["sent"], &way["echo"]["lost"]), (&20.into(), &0.into()));
        assert!(way["echo"]["round_trip"]["p95_ms"].as_f64().unwrap() > 0.0);
        assert!(way["failure"].is_null());
    }
    assert!(!findings.json().unwrap().contains(PASSWORD));
    server.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_work_is_explained_and_the_rest_still_counts() {
    let (server, address, [udp, _, tls], _) = hospital().await;
    let lossy = format!("turn:{}", stranger::bad_door(address, Mischief::Lose).await);
    let (other, _) = stranger::certificate("127.0.0.1");
    let (password, other) = (file(PASSWORD), file(&other));
    let (password, other) = (password.path().to_str().unwrap(), other.path().to_str().unwrap());
    let words = [&udp, &lossy, &tls, "--username", USER, "--password-file", password, "--ca", other, "--packets", "20"];
    let findings = doctor(&words).await;
    let table = findings.table();
    assert!(!findings.work(), "{table}");
    assert!(table.contains("2 of 20 packets were lost (10 %)") && table.contains("lossy"), "{table}");
    assert!(table.contains("certificate") && table.contains("--ca FILE"), "{table}");
    assert!(table.ends_with("1 of 3 ways work; a call takes the best of them."), "{table}");
    server.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_where_nothing_listens_is_told_from_a_firewall() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let password = file(PASSWORD);
    let password = password.path().to_str().unwrap();
    let uri = format!("turn:{closed}?transport=tcp");
    let findings = doctor(&[&uri, "--username", USER, "--password-file", password]).await;
    let table = findings.table();
    assert!(table.contains("port closed") && table.contains("nothing listens on TCP port"), "{table}");
    assert!(table.ends_with("No way works."), "{table}");
}

#[test]
fn arguments_that_cannot_work_are_refused_with_what_to_write_instead() {
    let (password, empty, large) = (file(PASSWORD), file("\nsecond line"), file(&"x".repeat(5000)));
    let path = |file: &NamedTempFile| file.path().to_str().unwrap().to_owned();
    let (password, empty, large) = (path(&password), path(&empty), path(&large));
    let user = ["--username", USER];
    for (words, advice) in [
        (vec!["turn:127.0.0.1"], "add --username NAME"),
        (vec!["turn://127.0.0.1", user[0], user[1], "--password-file", &password], "write turn:HOST:PORT"),
        (vec!["example.org:3478", user[0], user[1], "--password-file", &password], "write turn:example.org:3478"),
        (vec!["turn:127.0.0.1", user[0], user[1], "--password-file", &empty], "is empty"),
        (vec!["turn:127.0.0.1", user[0], user[1], "--password-file", &large], "larger than 4096 bytes"),
        (vec!["turn:127.0.0.1", user[0], user[1], "--password-file", "/nowhere/at/all"], "cannot open"),
        (
            vec!["turns:127.0.0.1", user[0], user[1], "--password-file", &password, "--ca", &password],
            "no certificate in",
        ),
        (vec!["a", "b", "c", "d", "e", "f", user[0], user[1], "--password-file", &password], "16 at most"),
    ] {
        let error = examine(&parse(&words).unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains(advice), "{words:?}: {error:#}");
    }
    // A password on the command line is no argument at all.
    for words in [
        vec!["turn:127.0.0.1", "--password", "secret"],
        vec!["turn:127.0.0.1", "--packets", "0"],
        vec!["turn:127.0.0.1", "--size", "1401"],
        vec!["turn:127.0.0.1", "--insecure", "--ca", "x"],
        vec!["--username", USER],
    ] {
        assert!(parse(&words).is_err(), "{words:?}");
    }
}
