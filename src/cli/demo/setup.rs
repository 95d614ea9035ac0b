//! The files of one demo: keys, certificates and a configuration, in a directory that goes when the demo goes.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{authority, clinic};
use crate::auth::token::{Algorithm, PasswordKey};
use crate::auth::{Key, Keyring, SharedSecret, Validity};
use crate::client::random;
use crate::config;
use crate::mint::SigningKey;
use crate::time::UnixTime;

/// Under which name the key stands in the keyring that signs the tokens of visits.
const KID: &str = "demo";

/// See the module. Nobody else can read the directory.
pub(super) struct Setup {
    directory: PathBuf,
    /// Random, in hexadecimal digits: tells this demo from others.
    pub(super) mark: String,
    secret: String,
    /// The hash by which a browser can be told to trust the relay's key.
    pub(super) pin: String,
    /// Where the door is to be. Pages have to know before it opens.
    port: u16,
}

impl Setup {
    /// Makes all of it.
    ///
    /// # Errors
    /// No directory or no keys can be made.
    pub(super) fn new(now: UnixTime) -> anyhow::Result<Self> {
        let number: [u8; 8] = random()?;
        let mark = number.iter().fold(String::new(), |mark, byte| format!("{mark}{byte:02x}"));
        let directory = std::env::temp_dir().join(format!("hilum-demo-{mark}"));
        DirBuilder::new().mode(0o700).create(&directory).with_context(|| {
            format!("cannot make the directory {}; set TMPDIR to one that works", directory.display())
        })?;
        let secret: [u8; 32] = random()?;
        let made = authority::make(now, &mark)?;
        let (secret, pin) = (URL_SAFE_NO_PAD.encode(secret), made.pin);
        let setup = Self { directory, mark, secret, pin, port: free_port()? };
        setup.write("authority.pem", &made.authority)?;
        setup.write("certificate.pem", &made.certificate)?;
        setup.write("key.pem", &made.key)?;
        setup.write("secret", &setup.secret)?;
        let (signing, pem) = SigningKey::generate(Algorithm::EdDsa)?;
        let validity = Validity { created: now, not_before: now, not_after: None };
        let key = Key::new(KID.parse()?, signing.public()?, PasswordKey::new(random()?), validity, None)?;
        setup.write("keyring.toml", &config::write_keyring(&Keyring::new(vec![key])?))?;
        setup.write("signing.pem", &pem)?;
        Ok(setup)
    }

    /// A file of this name.
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// The file with the certificate of the demo's own authority.
    pub(super) fn authority(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// A directory for a browser that is not there yet.
    pub(super) fn profile(&self) -> PathBuf {
        self.path("browser")
    }

    /// What the credentials of the relay itself are made of.
    ///
    /// # Errors
    /// It is too short, which it is not.
    pub(super) fn shared_secret(&self) -> anyhow::Result<SharedSecret> {
        SharedSecret::new(self.secret.clone().into_bytes()).map_err(|error| anyhow!("the demo's secret: {error}"))
    }

    /// Where the pages are, as browsers write it. A cookie needs a name, and this one is every computer's own.
    pub(super) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// What an operator would write. Port 0 stands for any free port.
    pub(super) fn configuration(&self) -> String {
        let path = |name: &str| toml::Value::String(self.path(name).to_string_lossy().into_owned());
        format!(
            r#"[server]
realm = "hilum-demo"
state = {state}

[listen]
udp = ["127.0.0.1:0"]
tcp = ["127.0.0.1:0"]
tls = ["127.0.0.1:0"]
door = ["127.0.0.1:{port}"]

[tls]
certificate = {certificate}
key = {key}

[relay]
addresses = ["127.0.0.1"]

[auth]
shared_secret_files = [{secret}]

[tokens]
keyring = {keyring}
cluster = "demo"
region = "here"

[mint]
key = {signing}
kid = "{KID}"
issuer = "demo"
urls = [
    "turn:127.0.0.1:{port}?transport=udp",
    "turn:127.0.0.1:{port}?transport=tcp",
    "turns:localhost:{port}?transport=tcp",
]

[signal]
origins = ["{origin}"]

[[signal.clinic]]
id = "{clinic}"
name = "Demo clinic"

[operator]
socket = ""

[peers]
allow = ["127.0.0.1"]

[admin]
listen = "127.0.0.1:0"

[log]
level = "warn"
"#,
            state = path("state"),
            certificate = path("certificate.pem"),
            key = path("key.pem"),
            secret = path("secret"),
            keyring = path("keyring.toml"),
            signing = path("signing.pem"),
            port = self.port,
            origin = self.origin(),
            clinic = clinic::ID,
        )
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.directory) {
            eprintln!("cannot remove {}: {error}; remove it by hand", self.directory.display());
        }
    }
}

/// Removes a directory, also while processes that are ending still write a last file into it.
fn remove(directory: &Path) -> std::io::Result<()> {
    const TRIES: usize = 100;
    let mut tried = std::fs::remove_dir_all(directory);
    for _ in 1..TRIES {
        match &tried {
            Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                tried = std::fs::remove_dir_all(directory);
            }
            _ => break,
        }
    }
    tried
}

/// A port that is free now. It takes another program at this very moment to have it first, and then the demo says so.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("this computer has no loopback address")?;
    Ok(listener.local_addr()?.port())
}
