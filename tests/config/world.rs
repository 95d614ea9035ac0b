//! A host in memory: files, variables and addresses that a configuration may name.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use hilum::api::{ApiKey, ApiKeys, Role};
use hilum::auth::token::{Algorithm, PasswordKey};
use hilum::auth::{Key, Keyring, PublicKey, Validity};
use hilum::config::{self, Config, Environment, Faults, Host, Material};
use hilum::time::UnixTime;
use zeroize::Zeroizing;

/// What makes an otherwise empty configuration complete.
pub const AUTH: &str = "[auth]\nshared_secret_files = [\"/s/secret\"]\n";

/// Every secret of the world contains one of these words, so that a test can look for them in messages.
pub const SECRET_WORDS: [&str; 2] = ["sesame", "PRIVATE KEY-----\nM"];

pub struct World {
    pub files: BTreeMap<PathBuf, (Vec<u8>, u32)>,
    pub variables: BTreeMap<String, Vec<u8>>,
    pub host: Host,
}

impl Environment for World {
    fn variable(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.variables.get(name).cloned().map(Zeroizing::new)
    }

    fn file(&self, path: &Path) -> io::Result<Material> {
        let (bytes, mode) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Material { bytes: Zeroizing::new(bytes.clone()), mode: *mode })
    }

    fn host(&self) -> io::Result<Host> {
        Ok(self.host.clone())
    }

    fn user(&self, name: &str) -> Option<u32> {
        (name == "ward").then_some(1001)
    }

    fn group(&self, name: &str) -> Option<u32> {
        (name == "staff").then_some(50)
    }
}

pub fn world() -> World {
    let pair = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (ours, other) = (pair("relay.example"), pair("other.example"));
    let audit = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let keyring = |kid: &str| {
        let public =
            PublicKey::new(Algorithm::EdDsa, SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes()).unwrap();
        let start = UnixTime::from_secs(1_700_000_000);
        let validity = Validity { created: start, not_before: start, not_after: None };
        let key = Key::new(kid.parse().unwrap(), public, PasswordKey::new([5; 32]), validity, None).unwrap();
        config::write_keyring(&Keyring::new(vec![key]).unwrap()).as_bytes().to_vec()
    };
    let api_keys = |name: &str| {
        let (key, _) = ApiKey::generate(Role::Viewer, name.to_owned(), UnixTime::from_secs(1_700_000_000)).unwrap();
        config::write_api_keys(&ApiKeys::new(vec![key]).unwrap()).into_bytes()
    };
    // The private half of the keyring's key, as PKCS#8 (RFC 8410 §7).
    let signing = |secret: [u8; 32]| {
        let der = [&b"0.\x02\x01\x000\x05\x06\x03+ep\x04\x22\x04\x20"[..], &secret].concat();
        format!("-----BEGIN PRIVATE {0}\n{1}\n-----END PRIVATE {0}\n", "KEY-----", STANDARD.encode(der)).into_bytes()
    };
    let files: [(&str, Vec<u8>, u32); 27] = [
        ("/s/api-keys.toml", api_keys("monitor"), 0o640),
        ("/s/signing.pem", signing([9; 32]), 0o640),
        ("/s/open-signing.pem", signing([9; 32]), 0o644),
        ("/s/other-signing.pem", signing([8; 32]), 0o640),
        ("/s/keyring.toml", keyring("one"), 0o640),
        ("/s/other-keyring.toml", keyring("two"), 0o640),
        ("/s/open-keyring.toml", keyring("one"), 0o644),
        ("/s/secret", b"open sesame, said Ali Baba\n".to_vec(), 0o640),
        ("/s/rotation", b"the new sesame of this year\n\nthe old sesame of last year\r\n".to_vec(), 0o600),
        ("/s/empty", b" \n\n".to_vec(), 0o640),
        ("/s/short", b"open sesame\nopen sesame, said Ali Baba\nsesame again\n".to_vec(), 0o640),
        ("/s/open", b"open sesame, said Ali Baba\n".to_vec(), 0o644),
        ("/s/password", b"sesame\n".to_vec(), 0o640),
        ("/s/passwords", b"sesame\nsesame seed\n".to_vec(), 0o640),
        ("/s/certificate.pem", ours.cert.pem().into_bytes(), 0o644),
        ("/s/key.pem", ours.signing_key.serialize_pem().into_bytes(), 0o640),
        ("/s/audit.pem", audit.serialize_pem().into_bytes(), 0o640),
        ("/s/pseudonym.key", b"open sesame, said Ali Baba to the mountain\n".to_vec(), 0o640),
        ("/s/open-audit.pem", audit.serialize_pem().into_bytes(), 0o644),
        ("/s/open.pem", ours.signing_key.serialize_pem().into_bytes(), 0o644),
        ("/s/other-certificate.pem", other.cert.pem().into_bytes(), 0o644),
        ("/s/binding", b"c2VzYW1lIG9mIGFuIGF1dGhvcml0eQ\n".to_vec(), 0o640),
        ("/s/webhook", b"whsec_sesamesesamesesamesesamesesamese\n".to_vec(), 0o640),
        (
            "/s/webhooks",
            b"whsec_sesamesesamesesamesesamesesamese\nwhsec_sesameSesamesesamesesamesesamese\n".to_vec(),
            0o600,
        ),
        ("/s/open-webhook", b"whsec_sesamesesamesesamesesamesesamese\n".to_vec(), 0o644),
        ("/s/open-binding", b"c2VzYW1lIG9mIGFuIGF1dGhvcml0eQ\n".to_vec(), 0o644),
        ("/s/other.pem", other.signing_key.serialize_pem().into_bytes(), 0o640),
    ];
    let addresses = ["127.0.0.1", "10.0.0.5", "::1", "fe80::1", "2001:db8::5"].map(|ip| ip.parse().unwrap());
    World {
        files: files.into_iter().map(|(path, bytes, mode)| (path.into(), (bytes, mode))).collect(),
        variables: [
            ("HILUM_SECRET".to_owned(), b"sesame of the environment".to_vec()),
            ("HILUM_PASSWORD".to_owned(), b"sesame".to_vec()),
            ("HILUM_EMPTY".to_owned(), Vec::new()),
        ]
        .into(),
        host: Host {
            addresses: addresses.to_vec(),
            default_sources: ["10.0.0.5", "2001:db8::5"].map(|ip| ip.parse().unwrap()).to_vec(),
            cpus: 4,
            cores: vec![1, 2, 3, 5, 8],
        },
    }
}

pub fn check(text: &str) -> Result<Config, Faults> {
    config::check(text, "hilum.toml", &world())
}

/// The configuration of a text with credentials added.
pub fn config(text: &str) -> Config {
    check(&format!("{text}\n{AUTH}")).unwrap_or_else(|faults| panic!("{faults}"))
}
