//! The command: exit codes, options, and what is printed where.

use std::io::Write as _;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::call::*;
use crate::writer::Format;

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn capture(datagrams: &[(bool, Vec<u8>)]) -> NamedTempFile {
    file(&Format::PLAIN.file(&over_udp(&Client::default().leg(datagrams), address(CLIENT), address(SERVER))))
}

/// Runs the command: exit code, standard output, standard error.
fn hilum(file: &NamedTempFile, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("hilum").unwrap();
    let output = command.arg("explain").arg(file.path()).args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_says_what_would_happen() {
    let (code, out, err) = hilum(&capture(&good()), &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.ends_with("All 48 relayed packets would pass.\n"), "{out}");
    let (code, out, _) = hilum(&capture(&media("pcmu", 2)), &[]);
    assert_eq!(code, 1, "{out}");
    let (code, out, _) = hilum(&capture(&[]), &[]);
    assert_eq!(code, 2, "{out}");
    assert!(out.ends_with("Nothing is relayed in this capture.\n"), "{out}");
    let (code, out, err) = hilum(&file(b"no capture at all"), &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("is neither a pcap nor a pcapng file"), "{err}");
    let missing = Command::cargo_bin("hilum").unwrap().args(["explain", "/no/such/file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn min_dtls_and_server_are_heeded() {
    let good = capture(&good());
    assert_eq!(hilum(&good, &["--min-dtls", "1.3"]).0, 1);
    assert_eq!(hilum(&good, &["--min-dtls", "1.2"]).0, 0);
    assert_eq!(hilum(&good, &["--min-dtls", "1.0"]).0, 2);
    assert_eq!(hilum(&good, &["--server", SERVER]).0, 0);
    assert_eq!(hilum(&good, &["--server", "192.0.2.99"]).0, 2);
    assert_eq!(hilum(&good, &["--config", "/no/such/file"]).0, 2);
}

#[test]
fn addresses_are_shown_on_demand_only() {
    let good = capture(&good());
    for words in [&["--packets"][..], &["--json"], &[]] {
        let (_, out, _) = hilum(&good, words);
        assert!(!out.contains("192.0.2.10") && !out.contains("203.0.113.7"), "{out}");
        let (_, out, _) = hilum(&good, &[words, &["--addresses"]].concat());
        assert!(out.contains("192.0.2.10:50000") && out.contains("203.0.113.7:40000"), "{out}");
    }
}

#[test]
fn packets_are_printed_one_by_one() {
    let (_, out, _) = hilum(&capture(&good()), &["--packets"]);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].trim_start().starts_with("1 ") && lines[0].ends_with("allocate request"), "{out}");
    assert!(lines[12].contains("the seal opens: DTLS 1.2, aead, AEAD-AES-128-GCM"), "{out}");
    assert!(lines[13].contains("SRTP") && lines[13].ends_with("passes"), "{out}");
}

#[test]
fn json_is_an_object_for_each_packet_and_a_summary() {
    let (code, out, _) = hilum(&capture(&[check(), media("pcmu", 1)].concat()), &["--json"]);
    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, packets) = objects.split_last().unwrap();
    assert_eq!((code, packets.len()), (1, 10));
    assert_eq!(packets[8]["verdict"], "refused");
    assert_eq!(packets[8]["reason"], "media_unsealed");
    assert_eq!(packets[8]["way"], "from the client");
    assert_eq!(summary["summary"]["refused"], 2);
    assert_eq!(summary["summary"]["first_refused"], 9);
    assert_eq!(summary["summary"]["paths"][0]["refused"][0]["reason"], "media_unsealed");
}
