//! What is said about a certificate and a key that do not do.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hilum::listen::{Identity, PairFiles};
use hilum::time::UnixTime;

use crate::world::Pair;

fn refusal(certificate: &Path, key: &Path) -> String {
    let files = PairFiles { certificate: certificate.to_owned(), key: key.to_owned() };
    Identity::load(&files).map(drop).unwrap_err().to_string()
}

#[test]
fn a_pair_that_belongs_together_says_when_it_expires() {
    let directory = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["relay.example".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(2031, 5, 17);
    let (certificate_file, key_file) = (directory.path().join("c.pem"), directory.path().join("k.pem"));
    std::fs::write(&certificate_file, parameters.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key_file, Permissions::from_mode(0o640)).unwrap();
    let identity = Identity::load(&PairFiles { certificate: certificate_file, key: key_file }).unwrap();
    // `date -u -d 2031-05-17 +%s`
    assert_eq!(identity.expires(), UnixTime::from_secs(1_936_742_400));
    assert!(!format!("{identity:?}").contains("relay.example"));
}

#[test]
fn a_missing_file_is_named_with_its_cause() {
    let pair = Pair::new();
    let missing = pair.directory.path().join("missing.pem");
    for text in [refusal(&missing, &pair.key), refusal(&pair.certificate, &missing)] {
        assert!(text.starts_with(&format!("cannot read {}: No such file", missing.display())), "{text}");
        assert!(text.ends_with("readable by the user that hilum runs as"), "{text}");
    }
}

#[test]
fn files_that_were_mixed_up_are_named() {
    let pair = Pair::new();
    let text = refusal(&pair.key, &pair.key);
    assert!(text.starts_with(&format!("{} has no certificate; it must hold PEM", pair.key.display())), "{text}");
    std::fs::set_permissions(&pair.certificate, Permissions::from_mode(0o640)).unwrap();
    let text = refusal(&pair.certificate, &pair.certificate);
    assert!(
        text.starts_with(&format!("{} has no private key; it must hold PEM", pair.certificate.display())),
        "{text}"
    );
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let (pair, other) = (Pair::new(), Pair::new());
    let text = refusal(&pair.certificate, &other.key);
    assert!(text.contains("does not belong to the first certificate in"), "{text}");
    assert!(text.contains(&other.key.display().to_string()), "{text}");
    assert!(text.contains(&pair.certificate.display().to_string()), "{text}");
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let pair = Pair::new();
    std::fs::write(&pair.certificate, "-----BEGIN CERTIFICATE-----\nAAECAwQ=\n-----END CERTIFICATE-----\n").unwrap();
    let text = refusal(&pair.certificate, &pair.key);
    assert!(text.contains("cannot be understood; see `openssl x509"), "{text}");
}

#[test]
fn a_broken_key_is_refused_without_quoting_it() {
    let pair = Pair::new();
    std::fs::write(&pair.key, "-----BEGIN PRIVATE KEY\nsecret-words\n-----END PRIVATE KEY-----\n").unwrap();
    let text = refusal(&pair.certificate, &pair.key);
    assert!(text.contains("has no private key") && !text.contains("secret-words"), "{text}");
    std::fs::write(&pair.key, "-----BEGIN PRIVATE KEY-----\nAAECAwQ=\n-----END PRIVATE KEY-----\n").unwrap();
    let text = refusal(&pair.certificate, &pair.key);
    assert!(text.contains("of a kind that TLS does not sign with"), "{text}");
}

#[test]
fn a_key_that_everybody_may_use_is_refused() {
    let pair = Pair::new();
    for mode in [0o644, 0o604, 0o602, 0o601] {
        std::fs::set_permissions(&pair.key, Permissions::from_mode(mode)).unwrap();
        let text = refusal(&pair.certificate, &pair.key);
        let expected =
            format!("{} may be used by everyone on this host (mode {mode:03o}); chmod 640 it", pair.key.display());
        assert_eq!(text, expected);
    }
    std::fs::set_permissions(&pair.key, Permissions::from_mode(0o640)).unwrap();
    pair.load();
}

#[test]
fn what_a_log_is_told_names_no_file() {
    let (pair, other) = (Pair::named(&["ward-7.example"]), Pair::new());
    let (missing, open) = (pair.directory.path().join("ward-7.pem"), pair.directory.path().join("ward-7-open.pem"));
    std::fs::copy(&pair.key, &open).unwrap();
    std::fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    for (certificate, key, words) in [
        (&pair.certificate, &missing, "one of them cannot be read: No such file"),
        (&pair.certificate, &open, "the key's file may be used by everyone on this host (mode 644); chmod 640 it"),
        (&pair.key, &pair.key, "the certificate's file has no certificate"),
        (&pair.certificate, &other.key, "the key's file has a key that does not belong"),
    ] {
        let files = PairFiles { certificate: certificate.clone(), key: key.clone() };
        let told = Identity::load(&files).map(drop).unwrap_err().without_files();
        assert!(told.starts_with(words), "{told}");
        assert!(!told.contains("ward-7") && !told.contains(&*pair.directory.path().to_string_lossy()), "{told}");
    }
}

#[test]
fn a_file_too_large_for_a_certificate_is_not_read() {
    let pair = Pair::new();
    std::fs::write(&pair.certificate, vec![b'a'; 1024 * 1024 + 1]).unwrap();
    assert!(refusal(&pair.certificate, &pair.key).contains("is larger than 1 MiB"));
}
