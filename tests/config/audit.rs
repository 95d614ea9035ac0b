//! `[audit]`: what it means, and what is wrong with it.

use std::path::Path;

use hilum::audit::{Rotation, WhenFailing, syslog};
use hilum::config::{self, Syslog};
use sha2::{Digest as _, Sha256};

use crate::faults::holds;
use crate::world::{AUTH, config, world};

#[test]
fn there_is_no_log_unless_a_directory_is_named() {
    let audit = config("").audit;
    assert_eq!((audit.directory.as_ref(), audit.when_failing), (None, WhenFailing::Continue));
    assert_eq!(audit.rotation, Rotation::default());
}

#[test]
fn keys_that_are_not_named_stand_beside_the_log_and_need_not_be_there() {
    let audit = config("[audit]\ndirectory = \"/var/lib/hilum/audit\"").audit;
    let [signing, pseudonym] = audit.key_files(audit.directory.as_deref().unwrap());
    assert_eq!(signing, Path::new("/var/lib/hilum/audit-signing.pem"));
    assert_eq!(pseudonym, Path::new("/var/lib/hilum/audit-pseudonym.key"));
    let named = config("[audit]\ndirectory = \"/l\"\nsigning_key = \"/s/audit.pem\"\nkeep_days = 3650").audit;
    let [signing, pseudonym] = named.key_files(Path::new("/l"));
    assert_eq!((signing.as_path(), pseudonym.as_path()), (Path::new("/s/audit.pem"), Path::new("/l-pseudonym.key")));
    assert_eq!(named.rotation.keep, Some(3650 * 86_400));
}

#[test]
fn a_receiver_is_a_name_or_an_address_with_or_without_a_port() {
    for (written, host, port) in [
        ("logs.example.org", "logs.example.org", syslog::PORT),
        ("logs.example.org:1514", "logs.example.org", 1514),
        ("192.0.2.9", "192.0.2.9", syslog::PORT),
        ("192.0.2.9:1514", "192.0.2.9", 1514),
        ("[2001:db8::9]:1514", "2001:db8::9", 1514),
        ("2001:db8::9", "2001:db8::9", syslog::PORT),
    ] {
        let read = config(&format!("[audit]\nsyslog = \"{written}\"")).audit.syslog;
        assert_eq!(read, Some(Syslog { host: host.to_owned(), port }), "{written}");
    }
    let advice = "write it as \"logs.example.org:6514\"";
    for written in ["logs example", "logs:port", "logs:0", ":6514", "tcp://logs"] {
        holds(&[(&format!("[audit]\nsyslog = \"{written}\""), &[(2, "audit.syslog", advice)])]);
    }
}

#[test]
fn a_key_that_is_none_or_that_everyone_may_read_is_refused() {
    holds(&[
        ("[audit]\nsigning_key = \"/s/none\"", &[(2, "audit.signing_key", "there is no such file")]),
        ("[audit]\nsigning_key = \"/s/secret\"", &[(2, "audit.signing_key", "no BEGIN PRIVATE KEY block in it")]),
        ("[audit]\nsigning_key = \"/s/key.pem\"", &[(2, "audit.signing_key", "openssl genpkey -algorithm ed25519")]),
        ("[audit]\nsigning_key = \"/s/open-audit.pem\"", &[(2, "audit.signing_key", "chmod 640 it")]),
        ("[audit]\npseudonym_key = \"/s/password\"", &[(2, "audit.pseudonym_key", "at least 32 characters")]),
        ("[audit]\nnode = \"192.0.2.1\"", &[(2, "audit.node", "a label is no address")]),
        ("[audit]\nwhen_failing = \"stop\"", &[(2, "audit.when_failing", "write one of \"continue\", \"refuse\"")]),
        ("[audit]\nsegment_hours = 0", &[(2, "audit.segment_hours", "from 1 to 168")]),
    ]);
    // One that was made beside the log is looked at as well.
    let mut world = world();
    let text = format!("[audit]\ndirectory = \"/s/audit\"\n{AUTH}");
    assert!(config::check(&text, "hilum.toml", &world).is_ok());
    world.files.insert("/s/audit-signing.pem".into(), (b"torn".to_vec(), 0o600));
    let faults = config::check(&text, "hilum.toml", &world).unwrap_err().to_string();
    assert!(faults.starts_with("hilum.toml: audit.signing_key: /s/audit-signing.pem is no such key"), "{faults}");
}

#[test]
fn what_the_receiver_is_shown_and_trusted_by_is_looked_at() {
    holds(&[
        ("[audit]\nsyslog_ca = \"/s/secret\"", &[(2, "audit.syslog_ca", "no certificate in it")]),
        ("[audit]\nsyslog_ca = \"/s/none\"", &[(2, "audit.syslog_ca", "there is no such file")]),
        ("[audit]\nsyslog_key = \"/s/key.pem\"", &[(2, "audit.syslog_certificate", "go together")]),
        (
            "[audit]\nsyslog_certificate = \"/s/certificate.pem\"\nsyslog_key = \"/s/other.pem\"",
            &[(3, "audit.syslog_key", "")],
        ),
        (
            "[audit]\nsyslog_certificate = \"/s/certificate.pem\"\nsyslog_key = \"/s/open.pem\"",
            &[(3, "audit.syslog_key", "chmod 640")],
        ),
    ]);
}

#[test]
fn the_hash_of_a_configuration_is_that_of_its_text() {
    let text = format!("# a comment counts\n{AUTH}");
    let read = config::check(&text, "hilum.toml", &world()).unwrap();
    assert_eq!(read.text.0, <[u8; 32]>::from(Sha256::digest(&text)));
}
