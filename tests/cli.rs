//! The command line: what it prints, where, and the exit code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should say where"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use assert_cmd::Command;
use hilum::auth::{SharedSecret, ephemeral_password};
use tempfile::TempDir;

const SECRET: &str = "open sesame, said Ali Baba";

/// Loopback only, so that the tests hold on a host without a network.
const LOOPBACK: &str = r#"[listen]
udp = ["127.0.0.1:3478"]
tcp = ["127.0.0.1:3478"]
[relay]
addresses = ["127.0.0.1"]
"#;

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory };
        place.write("secret", SECRET, 0o640);
        place
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    /// A right configuration with more after it.
    fn configuration(&self, more: &str) -> String {
        let path = self.write("hilum.toml", &format!("{LOOPBACK}{more}"), 0o644);
        path.to_string_lossy().into_owned()
    }
}

const AUTH: &str = "[auth]\nshared_secret_files = [\"secret\"]\n";

/// Runs the command: exit code, standard output, standard error.
fn hilum(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("hilum").unwrap().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_right_configuration_is_ok_and_summed_up() {
    let place = Place::new();
    let file = place.configuration(AUTH);
    let (code, out, err) = hilum(&["check", &file]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with(&format!("{file}: ok\n")), "{out}");
    for line in [
        "UDP      127.0.0.1:3478",
        "TLS      nowhere",
        "door     nowhere",
        "relay    127.0.0.1, ports 49152-65535",
        "1 shared secret",
        "audit    no log",
    ] {
        assert!(out.contains(line), "{line:?} is not in {out}");
    }
    assert!(!out.contains("sesame"), "{out}");
}

#[test]
fn an_old_key_and_one_that_has_ended_are_warned_of() {
    let place = Place::new();
    let keyring = place.directory.path().join("keyring.toml").to_string_lossy().into_owned();
    let out = place.directory.path().to_string_lossy().into_owned();
    let made = hilum(&["keys", "new", "--keyring", &keyring, "--kid", "k1", "--out", &out]);
    assert_eq!(made.0, 0, "{}", made.2);
    let tokens = "[tokens]\nkeyring = \"keyring.toml\"\ncluster = \"turn-eu\"\nregion = \"eu-north\"\nskew = 0\n";
    let auth = "[auth]\nshared_secret_files = [\"secret\"]\nreach = \"clients\"\nregions = [\"eu-north\"]\n";
    let file = place.configuration(&format!("{auth}{tokens}"));
    let (code, out, err) = hilum(&["check", &file]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in ["keyring of 1, cluster turn-eu, region eu-north", "for clients of this relay alone, in eu-north"] {
        assert!(out.contains(line), "{line:?} is not in {out}");
    }
    let text = std::fs::read_to_string(&keyring).unwrap();
    let created = text.lines().find(|line| line.starts_with("created")).unwrap();
    std::fs::write(&keyring, text.replace(created, "created = \"2020-01-01\"")).unwrap();
    let (code, _, err) = hilum(&["check", &file]);
    assert_eq!(code, 0, "a warning is no fault");
    assert!(err.starts_with(&format!("{file}: warning: tokens.keyring: the key k1 is ")), "{err}");
    assert!(err.contains(" days old; change it with `hilum keys rotate`") && err.lines().count() == 1, "{err}");
    hilum(&["keys", "retire", "k1", "--keyring", &keyring, "--at", "now"]);
    let (code, _, err) = hilum(&["check", &file]);
    assert_eq!((code, err.lines().count()), (0, 1), "{err}");
    assert!(err.contains("warning: tokens.keyring: holds no key that is good now"), "{err}");
}

#[test]
fn a_certificate_that_clients_refuse_is_warned_of() {
    let place = Place::new();
    let file = place.configuration(&format!("{AUTH}[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n"));
    let key = rcgen::KeyPair::generate().unwrap();
    place.write("k.pem", &key.serialize_pem(), 0o640);
    let parameters = |names: &[&str], from, to| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        (parameters.not_before, parameters.not_after) = (from, to);
        parameters
    };
    let check = |chain: &str| {
        place.write("c.pem", chain, 0o644);
        let (code, out, err) = hilum(&["check", &file]);
        assert_eq!(code, 0, "{err}");
        (out, err.lines().map(|line| line.replace(&file, "F")).collect::<Vec<_>>())
    };
    let (past, future) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2400, 1, 1));
    let alone = |parameters: rcgen::CertificateParams| parameters.self_signed(&key).unwrap().pem();

    let sound = alone(parameters(&["turn.clinic.example", "*.ward.example"], past, future));
    let (out, warned) = check(&sound);
    let said = "shown    turn.clinic.example and *.ward.example until 2400-01-01T00:00:00Z";
    assert!(out.contains(said) && warned.is_empty(), "{out} {warned:?}");
    let one = |warned: &[String], says: &str| {
        assert!(
            matches!(warned, [only] if only.starts_with("F: warning: tls.certificate: ") && only.contains(says)),
            "{warned:?}"
        );
    };
    one(&check(&alone(parameters(&["a"], past, rcgen::date_time_ymd(2021, 1, 1)))).1, "has expired");
    one(&check(&alone(parameters(&["a"], rcgen::date_time_ymd(2390, 1, 1), future))).1, "is not valid yet");
    one(&check(&alone(parameters(&[], past, future))).1, "has no name in it");
    let mut clients = parameters(&["a"], past, future);
    clients.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    one(&check(&alone(clients)).1, "is not for servers");

    let issuer = |name: &str| {
        let mut authority = parameters(&[], past, future);
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, name);
        rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap()
    };
    let (authority, other) = (issuer("an authority"), issuer("another"));
    let mut issued = parameters(&["a"], past, future);
    issued.distinguished_name.push(rcgen::DnType::CommonName, "a relay");
    let issued = issued.signed_by(&key, &authority).unwrap().pem();
    one(&check(&issued).1, "is followed by no intermediate certificate");
    one(&check(&format!("{issued}{}", other.pem())).1, "do not issue each other in that order");
    assert!(check(&format!("{issued}{}", authority.pem())).1.is_empty());
}

#[test]
fn a_weak_key_is_refused() {
    let place = Place::new();
    let at = |name: &str| place.directory.path().join(name).to_string_lossy().into_owned();
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=a", "-addext", "subjectAltName=DNS:a"])
        .args(["-keyout", &at("k.pem"), "-out", &at("c.pem")])
        .output()
        .expect("Debian's package openssl");
    assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    let key = fs::read_to_string(at("k.pem")).unwrap();
    place.write("k.pem", &key, 0o640);
    let file = place.configuration(&format!("{AUTH}[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n"));
    let (code, _, err) = hilum(&["check", &file]);
    assert!(code == 2 && err.contains("tls.key: has a key of a kind that TLS does not sign with"), "{err}");
    assert!(err.contains("RSA of 2048 bits or more"), "{err}");
}

#[test]
fn an_audit_log_is_summed_up_and_not_made() {
    let place = Place::new();
    let more =
        "[audit]\ndirectory = \"log\"\nkeep_days = 3650\nwhen_failing = \"refuse\"\nsyslog = \"logs.example.org\"\n";
    let file = place.configuration(&format!("{AUTH}{more}"));
    let (code, out, err) = hilum(&["check", &file]);
    assert_eq!((code, err.as_str()), (0, ""));
    let log = place.directory.path().join("log");
    let line =
        format!("audit    {}, kept for 3650 days, sent to logs.example.org:6514; refuse when it fails", log.display());
    assert!(out.contains(&line), "{out}");
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 2, "the configuration and the secret");
}

#[test]
fn every_fault_is_on_standard_error_with_exit_code_2() {
    let place = Place::new();
    place.write("open", SECRET, 0o604);
    let wrong = LOOPBACK.replace("tcp = [", "tcp = [\"192.0.2.1\", ");
    let file = place.write(
        "wrong.toml",
        &format!("{wrong}[limits]\nchanels = 1\n[auth]\nshared_secret_files = [\"open\", \"missing\"]\n"),
        0o644,
    );
    let file = file.to_string_lossy();
    let (code, out, err) = hilum(&["check", &file]);
    assert_eq!((code, out.as_str()), (2, ""));
    let lines: Vec<&str> = err.lines().collect();
    let expected = [
        "3: listen.tcp[0]: is not an address with a port",
        "7: limits.chanels: is unknown; did you mean channels?",
        "9: auth.shared_secret_files[0]: ",
        "9: auth.shared_secret_files[1]: ",
    ];
    assert_eq!(lines.len(), expected.len(), "{err}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("{file}:{expected}")), "{line}");
    }
    assert!(err.contains("(mode 604); chmod 640 it") && err.contains("there is no such file"), "{err}");
    assert!(!err.contains("sesame"), "{err}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_exit_code_2() {
    let place = Place::new();
    let missing = place.directory.path().join("missing.toml").to_string_lossy().into_owned();
    for arguments in [&["check", &missing][..], &["credentials", "--config", &missing]] {
        let (code, out, err) = hilum(arguments);
        assert_eq!((code, out.as_str()), (2, ""));
        assert_eq!(err, format!("{missing}: cannot be read: there is no such file\n"));
    }
    let directory = place.directory.path().to_string_lossy().into_owned();
    assert_eq!(hilum(&["check", &directory]).2, format!("{directory}: cannot be read: it is a directory\n"));
    let binary = place.directory.path().join("binary.toml");
    fs::write(&binary, [0xff, 0xfe]).unwrap();
    assert!(hilum(&["check", &binary.to_string_lossy()]).2.contains("is not UTF-8"));
}

#[test]
fn a_command_line_that_is_wrong_is_exit_code_2() {
    for arguments in [&[][..], &["nonsense"], &["check", "--nonsense"], &["credentials", "--ttl", "59"]] {
        let (code, out, err) = hilum(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(!err.is_empty());
    }
    let (code, out, _) = hilum(&["--version"]);
    assert_eq!((code, out), (0, format!("hilum {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn credentials_end_when_asked_and_follow_the_secret() {
    let place = Place::new();
    let file = place.configuration(AUTH);
    let arguments =
        ["credentials", "--config", &file, "--ttl", "60", "--label", "ward 3", "--host", "relay.example", "--json"];
    #[expect(clippy::disallowed_methods, reason = "the command asks the real clock, and so does its test")]
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = clock();
    let (code, out, err) = hilum(&arguments);
    let after = clock();
    assert_eq!((code, err.as_str()), (0, ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let server = &json["iceServers"][0];
    let username = server["username"].as_str().unwrap();
    let (expires, label) = username.split_once(':').unwrap();
    assert!((before + 60..=after + 60).contains(&expires.parse().unwrap()), "{expires}");
    assert_eq!(label, "ward 3");
    let secret = SharedSecret::new(SECRET.as_bytes().to_vec()).unwrap();
    assert_eq!(server["credential"], ephemeral_password(&secret, username.as_bytes()));
    let urls = ["turn:relay.example:3478?transport=udp", "turn:relay.example:3478?transport=tcp"];
    assert_eq!(server["urls"], serde_json::json!(urls));
    assert!(!out.contains("sesame"));
}

#[test]
fn credentials_for_people_show_the_pair_and_the_addresses() {
    let place = Place::new();
    let more = format!("external = {{ \"127.0.0.1\" = \"203.0.113.5\" }}\n{AUTH}");
    let file = place.configuration(&more);
    let (code, out, _) = hilum(&["credentials", "--config", &file]);
    assert_eq!(code, 0);
    assert!(out.starts_with("username  ") && out.contains("\npassword  "), "{out}");
    assert!(
        out.contains("Good for 14400 seconds.") && out.contains("\"turn:203.0.113.5:3478?transport=udp\""),
        "{out}"
    );
}

#[test]
fn tls_listeners_become_turns_uris() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    place.write("certificate.pem", &made.cert.pem(), 0o644);
    place.write("key.pem", &made.signing_key.serialize_pem(), 0o600);
    let text = format!(
        "[listen]\nudp = []\ntcp = []\ntls = [\"127.0.0.1:5349\"]\n[tls]\ncertificate = \"certificate.pem\"\n\
         key = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n{AUTH}"
    );
    let file = place.write("tls.toml", &text, 0o644).to_string_lossy().into_owned();
    let (code, out, err) = hilum(&["credentials", "--config", &file, "--json", "--host", "2001:db8::1"]);
    assert_eq!(code, 0, "{err}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let urls = ["turns:[2001:db8::1]:5349?transport=tcp"];
    assert_eq!(json["iceServers"][0]["urls"], serde_json::json!(urls));
}

#[test]
fn a_door_is_every_way_in() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    place.write("certificate.pem", &made.cert.pem(), 0o644);
    place.write("key.pem", &made.signing_key.serialize_pem(), 0o600);
    let text = format!(
        "[listen]\nudp = []\ntcp = []\ndoor = [\"127.0.0.1:443\"]\n[tls]\ncertificate = \"certificate.pem\"\n\
         key = \"key.pem\"\n[relay]\naddresses = [\"127.0.0.1\"]\n{AUTH}"
    );
    let file = place.write("door.toml", &text, 0o644).to_string_lossy().into_owned();
    let (_, out, _) = hilum(&["check", &file]);
    assert!(out.contains("UDP      127.0.0.1:443\n") && out.contains("door     127.0.0.1:443\n"), "{out}");
    let (code, out, err) = hilum(&["credentials", "--config", &file, "--json", "--host", "relay.clinic.example"]);
    assert_eq!(code, 0, "{err}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let urls = [
        "turn:relay.clinic.example:443?transport=udp",
        "turn:relay.clinic.example:443?transport=tcp",
        "turns:relay.clinic.example:443?transport=tcp",
    ];
    assert_eq!(json["iceServers"][0]["urls"], serde_json::json!(urls));
}

#[test]
fn static_users_have_no_time_limited_credentials() {
    let place = Place::new();
    place.write("password", "sesame", 0o600);
    let file = place.configuration("[[auth.user]]\nname = \"ward\"\npassword_file = \"password\"\n");
    assert_eq!(hilum(&["check", &file]).0, 0);
    let (code, out, err) = hilum(&["credentials", "--config", &file]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("static users only") && err.contains("shared_secret_files"), "{err}");
}

#[test]
fn secrets_come_from_the_environment_too() {
    let place = Place::new();
    let file = place.configuration("[auth]\nshared_secret_env = [\"HILUM_TEST_SECRET\"]\n");
    let run = |secret: Option<&str>| {
        let mut command = Command::cargo_bin("hilum").unwrap();
        command.args(["check", &file]).env_remove("HILUM_TEST_SECRET");
        if let Some(secret) = secret {
            command.env("HILUM_TEST_SECRET", secret);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(Some(SECRET)).0, 0);
    let (code, err) = run(None);
    assert!(code == 2 && err.contains("the environment variable HILUM_TEST_SECRET is not set"), "{err}");
    let (code, err) = run(Some("short sesame"));
    assert!(code == 2 && err.contains("16") && !err.contains("sesame"), "{err}");
}
