//! `hilum keys` and `hilum token`: files, modes, what is printed, exit codes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// Runs the command in a directory: exit code, standard output, standard error.
fn hilum(place: &TempDir, arguments: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("hilum").unwrap();
    let output = command.current_dir(place).args(arguments.split_whitespace()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs a command that has to succeed.
fn done(place: &TempDir, arguments: &str) -> String {
    let (code, out, err) = hilum(place, arguments);
    assert_eq!((code, err.as_str()), (0, ""), "hilum {arguments}: {out}");
    out
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const MINT: &str = "token mint --issuer clinic --audience turn-eu --party a --region eu --json";

fn mint(place: &TempDir, kid: &str, more: &str) -> serde_json::Value {
    json(&done(place, &format!("{MINT} --key {kid}.pem {more}")))
}

fn verify(place: &TempDir, username: &str, more: &str) -> (i32, String, String) {
    hilum(place, &format!("token verify --keyring keys.toml {more} {username}"))
}

#[test]
fn a_new_key_is_three_files_with_their_modes() {
    let place = tempfile::tempdir().unwrap();
    for (kid, more) in [("k1", ""), ("k2", "--alg ES256 --issuer clinic")] {
        let out = done(&place, &format!("keys new --keyring keys.toml --kid {kid} {more}"));
        assert!(out.contains("keys.toml") && out.contains(&format!("{kid}.pem")), "{out}");
        for ending in ["pem", "password"] {
            assert_eq!(mode(place.path().join(format!("{kid}.{ending}"))), 0o600);
        }
    }
    assert_eq!(mode(place.path().join("keys.toml")), 0o640);
    let keyring = fs::read_to_string(place.path().join("keys.toml")).unwrap();
    for kid in ["k1", "k2"] {
        let pem = fs::read_to_string(place.path().join(format!("{kid}.pem"))).unwrap();
        assert!(pem.starts_with(&["-----BEGIN", "PRIVATE", "KEY-----"].join(" ")));
        let longest = pem.lines().nth(1).unwrap();
        assert!(!keyring.contains(longest), "no private key is in the keyring");
        let password = fs::read_to_string(place.path().join(format!("{kid}.password"))).unwrap();
        assert!(keyring.contains(password.trim()));
    }
    // A key is never written over.
    let (code, _, err) = hilum(&place, "keys new --keyring other.toml --kid k1");
    assert_eq!((code, err.contains("cannot make ./k1.pem")), (1, true), "{err}");
    let (code, _, err) = hilum(&place, "keys new --keyring keys.toml --kid k1");
    assert_eq!((code, err.contains("has a key of this id")), (2, true), "{err}");
    let listed = json(&done(&place, "keys list --keyring keys.toml --json"));
    assert_eq!(
        (&listed[0]["kid"], &listed[0]["state"], &listed[0]["age_days"]),
        (&"k1".into(), &"current".into(), &0.into())
    );
    assert_eq!((&listed[1]["alg"], &listed[1]["issuer"]), (&"ES256".into(), &"clinic".into()));
    let table = done(&place, "keys list --keyring keys.toml");
    assert!(table.contains("k2") && table.contains("ES256") && !table.contains("dGhp"), "{table}");
    // No mode is widened, and a keyring that everyone may read is refused.
    fs::set_permissions(place.path().join("keys.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    done(&place, "keys retire k1 --keyring keys.toml");
    assert_eq!(mode(place.path().join("keys.toml")), 0o600);
    fs::set_permissions(place.path().join("keys.toml"), fs::Permissions::from_mode(0o604)).unwrap();
    let (code, _, err) = hilum(&place, "keys list --keyring keys.toml");
    assert_eq!((code, err.contains("(mode 604); chmod 640 it")), (2, true), "{err}");
}

#[test]
fn a_token_is_minted_inspected_and_verified() {
    let place = tempfile::tempdir().unwrap();
    done(&place, "keys new --keyring keys.toml --kid k1");
    done(&place, "keys new --keyring keys.toml --kid k2 --alg ES256");
    for kid in ["k1", "k2"] {
        let minted = mint(&place, kid, "--call visit-7 --kbps 4000 --allocations 12 --peer 10.20.0.0/16:5000-6000");
        let username = minted["username"].as_str().unwrap();
        assert_eq!(minted["credential"].as_str().unwrap().len(), 43);
        let seen = json(&done(&place, &format!("token inspect --json {username}")));
        assert_eq!((&seen["kid"], &seen["claims"]["call"]), (&kid.into(), &"visit-7".into()));
        assert_eq!(seen["claims"]["peers"][0], "10.20.0.0/16:5000-6000");
        assert!(done(&place, &format!("token inspect {username}")).contains("not checked"));
        let (code, out, err) = verify(&place, username, "--audience turn-eu");
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        assert!(out.contains("the token is accepted") && out.contains("10.20.0.0/16"), "{out}");
        let (code, out, _) = verify(&place, username, "--json --at 2026-01-01");
        assert_eq!((code, &json(&out)["reason"]), (1, &"key_not_yet_valid".into()));
        let (code, _, err) = verify(&place, username, "--audience turn-us");
        assert_eq!((code, err.contains("refused (audience)")), (1, true), "{err}");
        let (code, _, err) = verify(&place, &username.replace("eyJpc3Mi", "eyJpc3Nj"), "--audience turn-eu");
        assert_eq!((code, err.contains("refused (signature)")), (1, true), "{err}");
    }
    let expired = mint(&place, "k1", "--starts 2026-01-01T00:00:00Z --ttl 60");
    let (code, _, err) = verify(&place, expired["username"].as_str().unwrap(), "");
    assert_eq!((code, err.contains("refused (ended)")), (1, true), "{err}");
    let ids: Vec<_> = (0..2).map(|_| mint(&place, "k1", "")["call"].clone()).collect();
    assert_ne!(ids[0], ids[1], "calls are random");
}

#[test]
fn faults_of_a_token_are_said_clearly() {
    let place = tempfile::tempdir().unwrap();
    done(&place, "keys new --keyring keys.toml --kid k1");
    let fault = |arguments: &str| {
        let (code, out, err) = hilum(&place, arguments);
        assert!(code != 0 && out.is_empty(), "{arguments}: {out}");
        err
    };
    let mint = |more: &str| fault(&format!("{MINT} --key k1.pem {more}"));
    assert!(mint("--ttl 0").contains("claim `exp`"));
    assert!(mint("--call-seconds 60").contains("claim `end`"));
    assert!(mint("--call-seconds 604801").contains("claim `end`"));
    assert!(mint("--kbps 0").contains("claim `lim.kbps` that is out of bounds; it may be 1 to 10000000"));
    assert!(mint("--call a/b").contains("write 1 to 36 ASCII letters"));
    assert!(mint("--peer 10.0.0.1/8").contains("has bits set after its prefix"));
    assert!(mint("--kid k2 --password-key missing").contains("cannot read the password key missing"));
    let peers = " --peer [2001:db8:1234:5678::/64]:50000-60000".repeat(5);
    assert!(mint(&peers).contains("more than 480 bytes"));
    assert!(fault(&format!("{MINT} --key k1.password")).contains("is not in PEM"));
    assert!(fault("token inspect alice").contains("is no token"));
    assert!(fault("token verify --keyring missing.toml alice").contains("missing.toml: cannot be read"));
}

#[test]
fn a_token_is_verified_for_a_relay_of_a_region() {
    let place = tempfile::tempdir().unwrap();
    done(&place, "keys new --keyring keys.toml --kid k1");
    let token = mint(&place, "k1", "--region eu-north");
    let username = token["username"].as_str().unwrap();
    for here in ["eu", "eu-north"] {
        assert_eq!(verify(&place, username, &format!("--region {here}")).0, 0, "{here}");
    }
    let (code, _, err) = verify(&place, username, "--region eu-south");
    assert_eq!(
        (code, err.contains("refused (elsewhere): the token begins no allocation there: it is for eu, eu-north")),
        (1, true),
        "{err}"
    );
    let (_, out, _) = verify(&place, username, "--region eu-south --json");
    assert_eq!((&json(&out)["accepted"], &json(&out)["reason"]), (&false.into(), &"elsewhere".into()));
}

#[test]
fn keys_overlap_while_they_are_changed() {
    let place = tempfile::tempdir().unwrap();
    done(&place, "keys new --keyring keys.toml --kid k1");
    let old = mint(&place, "k1", "");
    let out = done(&place, "keys rotate --keyring keys.toml --kid k2");
    assert!(out.contains("key k1 ends at 20"), "{out}");
    let new = mint(&place, "k2", "");
    for token in [&old, &new] {
        assert_eq!(verify(&place, token["username"].as_str().unwrap(), "").0, 0, "both are good");
    }
    let states = |place: &TempDir| {
        let listed = json(&done(place, "keys list --keyring keys.toml --json"));
        listed.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(&place), ["retiring", "current"]);
    let (code, _, err) = hilum(&place, "keys retire k1 --keyring keys.toml --remove");
    assert_eq!((code, err.contains("has not ended")), (2, true), "{err}");
    done(&place, "keys retire k1 --keyring keys.toml --at now");
    assert_eq!(states(&place), ["ended", "current"]);
    let (code, _, err) = verify(&place, old["username"].as_str().unwrap(), "--skew 0");
    assert_eq!((code, err.contains("refused (key_ended)")), (1, true), "{err}");
    done(&place, "keys retire k1 --keyring keys.toml --remove");
    let (code, _, err) = verify(&place, old["username"].as_str().unwrap(), "");
    assert_eq!((code, err.contains("refused (unknown_key)")), (1, true), "{err}");
    // Without --kid a key is named by its day.
    done(&place, "keys rotate --keyring keys.toml --overlap 0");
    done(&place, "keys rotate --keyring keys.toml --overlap 0");
    assert_eq!(states(&place).iter().filter(|state| *state == "current").count(), 1);
    let (code, _, err) = hilum(&place, "keys rotate --keyring keys.toml --issuer other");
    assert_eq!((code, err.contains("that issuer has no current key")), (2, true), "{err}");
}

/// A signing key in an HSM: its public half comes as OpenSSL and key services give it.
#[test]
fn a_public_key_from_elsewhere_is_taken() {
    let place = tempfile::tempdir().unwrap();
    done(&place, "keys new --keyring scratch.toml --kid hsm --alg ES256");
    let output = Command::new("openssl")
        .args(["pkey", "-in", "hsm.pem", "-pubout", "-out", "public.pem"])
        .current_dir(&place)
        .output();
    assert!(output.unwrap().status.success(), "openssl reads our private key");
    fs::remove_file(place.path().join("hsm.password")).unwrap();
    let (code, _, err) = hilum(&place, "keys new --keyring keys.toml --kid hsm --public public.pem");
    assert_eq!((code, err.contains("is a key of ES256, and EdDSA was asked for")), (1, true), "{err}");
    let out = done(&place, "keys new --keyring keys.toml --kid hsm --alg ES256 --public public.pem");
    assert!(!out.contains("signing key"), "{out}");
    let minted = mint(&place, "hsm", "");
    assert_eq!(verify(&place, minted["username"].as_str().unwrap(), "").0, 0);
    done(&place, "keys new --keyring scratch.toml --kid ed");
    let output = Command::new("openssl")
        .args(["pkey", "-in", "ed.pem", "-pubout", "-out", "ed.pub"])
        .current_dir(&place)
        .output();
    assert!(output.unwrap().status.success(), "openssl reads our private key");
    fs::remove_file(place.path().join("ed.password")).unwrap();
    done(&place, "keys new --keyring keys.toml --kid ed --public ed.pub");
}
