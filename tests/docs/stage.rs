//! A relay for the pages of `docs/runbooks`: their commands run as an operator types them, and only the places are others:
//! `/etc/hilum` and the like lie in a folder of the test, the relay's names and ports are on loopback, and `sudo`,
//! `systemctl` and `journalctl` stand for those of a machine with systemd.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What stands in for a machine with systemd: starting, stopping and asking for one process.
const SYSTEMCTL: &str = r#"#!/usr/bin/env bash
set -eu
# A process that has ended may be seen (Z) until its parent, whoever that is by now, has looked.
running() { [ -s "$HOUSE/pid" ] && ! grep -qs ') Z' "/proc/$(cat "$HOUSE/pid")/stat" && kill -0 "$(cat "$HOUSE/pid")" 2>/dev/null; }
gone() { for _ in $(seq 600); do running || return 0; sleep 0.05; done; return 1; }
start() {
  setsid "$HOUSE/usr/local/bin/hilum" serve --config "$HOUSE/etc/hilum/hilum.toml" </dev/null >>"$HOUSE/output" 2>&1 &
  echo $! >"$HOUSE/pid"
  for _ in $(seq 600); do curl -fs "http://$ADMIN/ready" >/dev/null && return 0; running || return 1; sleep 0.05; done
  return 1
}
check() { "$HOUSE/usr/local/bin/hilum" check "$HOUSE/etc/hilum/hilum.toml" >/dev/null; }
[ "${2:-hilum}" = hilum ] || { echo "no unit $2" >&2; exit 4; }
case $1 in
  status | is-active) running ;;
  start) running || { check && start; } ;;
  stop) running && kill -TERM "$(cat "$HOUSE/pid")" && gone ;;
  restart) check; if running; then kill -USR2 "$(cat "$HOUSE/pid")"; gone; fi; start ;;
  reload) check && kill -HUP "$(cat "$HOUSE/pid")" ;;
  daemon-reload) ;;
  *) echo "systemctl $1 is not played here" >&2; exit 1 ;;
esac
"#;
/// The relay's own commands find its socket where it is.
const HILUM: &str = r#"#!/usr/bin/env bash
case $1 in
  calls | allocations | revoke | drain | staff) exec "$HOUSE/usr/local/bin/hilum" "$@" --socket "$HOUSE/run/hilum/operator.sock" ;;
  *) exec "$HOUSE/usr/local/bin/hilum" "$@" ;;
esac
"#;

pub struct Stage {
    folder: TempDir,
    admin: SocketAddr,
    door: SocketAddr,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Stage {
    /// A folder in the form of a machine with Hilum on it, which runs.
    pub fn set(hilum: &str) -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap(), admin: free(), door: free() };
        for folder in ["usr/local/bin", "etc/hilum/tls", "var/lib/hilum", "run/hilum", "bin", "work"] {
            std::fs::create_dir_all(stage.path(folder)).unwrap();
        }
        // The new version of an upgrade lies where it was unpacked.
        for name in ["usr/local/bin/hilum", "work/hilum"] {
            std::os::unix::fs::symlink(hilum, stage.path(name)).unwrap();
        }
        stage.program("systemctl", SYSTEMCTL);
        stage.program("hilum", HILUM);
        stage.program("sudo", "#!/bin/sh\nexec \"$@\"\n");
        stage.program("journalctl", "#!/bin/sh\ncat \"$HOUSE/output\"\n");
        std::fs::write(stage.path("etc/hilum/hilum.toml"), stage.configuration()).unwrap();
        stage.must(
            "umask 027; cd /etc/hilum; openssl rand -base64 33 > turn-secret; \
             openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=visit \
             -addext subjectAltName=DNS:visit.clinic.example,DNS:localhost,IP:127.0.0.1 -keyout tls/privkey.pem \
             -out tls/fullchain.pem 2> /dev/null; \
             hilum keys new --keyring keyring.toml --kid 2026-11-27 --out . --issuer clinic > /dev/null; \
             hilum api-key new --role issuer --name records --keys api-keys.toml --json > ../../key.json; \
             systemctl start hilum; \
             hilum staff add dr.rivers --role clinician --clinic physio > /dev/null",
        );
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path(&format!("bin/{name}"));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn configuration(&self) -> String {
        let (door, admin, house) = (self.door, self.admin, self.folder.path().display());
        format!(
            "[server]\nshards = 1\ndrain = 1\nstate = \"{house}/var/lib/hilum\"\nruntime = \"{house}/run/hilum\"\n\
             [listen]\nudp = []\ntcp = []\ndoor = [\"{door}\"]\n\
             [tls]\ncertificate = \"tls/fullchain.pem\"\nkey = \"tls/privkey.pem\"\n\
             [relay]\naddresses = [\"127.0.0.1\"]\n[auth]\nshared_secret_files = [\"turn-secret\"]\n\
             [tokens]\nkeyring = \"keyring.toml\"\ncluster = \"turn-eu\"\nregion = \"eu-north\"\n\
             [operator]\nsocket = \"{house}/run/hilum/operator.sock\"\n[api]\nkeys = \"api-keys.toml\"\ndoor = true\n\
             [mint]\nkey = \"2026-11-27.pem\"\nissuer = \"clinic\"\nurls = [\"turn:{door}?transport=udp\"]\n\
             [signal]\norigins = [\"https://localhost:{}\"]\n[[signal.clinic]]\nid = \"physio\"\nname = \"Physiotherapy\"\n\
             [admin]\nlisten = \"{admin}\"\n[audit]\ndirectory = \"{house}/var/lib/hilum/audit\"\nnode = \"relay-1\"\n",
            door.port()
        )
    }

    /// The same script, for this folder.
    fn here(&self, script: &str) -> String {
        let house = self.folder.path().display();
        let mut script = script.to_owned();
        for place in ["/etc/hilum", "/var/lib/hilum", "/run/hilum", "/usr/local/bin/hilum", "/var/backups"] {
            script = script.replace(place, &format!("{house}{place}"));
        }
        let door = format!("localhost:{}", self.door.port());
        let script = script.replace("visit.clinic.example:443", &door);
        let script = script.replace("https://visit.clinic.example", &format!("https://{door}"));
        script.replace("127.0.0.1:9478", &self.admin.to_string())
    }

    /// Runs a script, as whoever holds the API key and an authority that vouches for the relay.
    pub fn run(&self, script: &str) -> Output {
        let shown = std::fs::read_to_string(self.path("key.json")).unwrap_or_default();
        let key = shown.split("\"key\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        Command::new("bash")
            .args(["-c", &format!("set -eu -o pipefail\n{}", self.here(script))])
            .current_dir(self.path("work"))
            .env("PATH", path)
            .env("HOUSE", self.folder.path())
            .env("ADMIN", self.admin.to_string())
            .env("CURL_CA_BUNDLE", self.path("etc/hilum/tls/fullchain.pem"))
            .env("HILUM_API_KEY", key)
            .output()
            .unwrap_or_else(|error| panic!("bash: {error}"))
    }

    fn must(&self, script: &str) {
        let output = self.run(script);
        let said = [output.stdout, output.stderr].concat();
        let log = std::fs::read_to_string(self.path("output")).unwrap_or_default();
        assert!(output.status.success(), "{}\n{log}", String::from_utf8_lossy(&said));
    }

    /// What the relay has said.
    pub fn log(&self) -> String {
        read(&self.path("output"))
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The relay of this folder, by the number that its start has written down.
        let pid = read(&self.path("pid"));
        Command::new("kill").args(["-KILL", pid.trim()]).output().ok();
    }
}
