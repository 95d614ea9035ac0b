"""Starts the server under test on loopback, on ports that are free, and ends it.

Hilum is the server under test. Debian's coturn can stand in for it: when a scenario fails against both, the scenario
is to blame.
"""

import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

REALM = "hilum"
USER = "stranger-on-the-line"
PASSWORD = "correct-horse-battery"
SECRET = "a-secret-that-only-the-strangers-know"
# The label in the user names of time-limited credentials.
LABEL = "guest-of-the-strangers"
# What the calls of call tokens are called.
CALL = "a-call-of-the-strangers"
HOST = "127.0.0.1"
# The servers whose clients send plain bytes: coturn's load generator and aioice on its own shake no hands, and a relay
# that enforces the seal would rightly stop all of it. aiortc and the browsers make real calls, and are sealed.
UNSEALED = ("uclient", "aioice")
# Seconds in which a server must be ready, generous because a loaded machine compiles beside it.
READY_WITHIN = 20


def free_port() -> int:
    """A port that is free for UDP and TCP now."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM
        ) as udp:
            tcp.bind((HOST, 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free for both UDP and TCP")


def make_certificate(folder: pathlib.Path, host: str = HOST) -> tuple[pathlib.Path, pathlib.Path]:
    """A self-signed certificate for an address and localhost, good for two days."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{host}"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return certificate, key


class Server:
    """One running server: where it listens and how to end it."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.folder = folder
        self.log_path = folder / f"{name}.log"
        self.plain, self.tls, self.admin = free_port(), free_port(), free_port()
        self.process = None

    def spawn(self, command: list[str]) -> None:
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def wait_ready(self, ready) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            if ready():
                return
            time.sleep(0.1)
        raise RuntimeError(f"the server is not ready after {READY_WITHIN} s:\n{self.log()[-2000:]}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def fetch(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{HOST}:{self.admin}{path}", timeout=5) as answer:
            return answer.read().decode()

    def answers(self, path: str) -> bool:
        try:
            self.fetch(path)
        except (urllib.error.URLError, OSError):
            return False
        return True

    def refusals(self) -> str:
        """Which requests were refused, from the metrics: for the message of a scenario that failed."""
        lines = (line for line in self.fetch("/metrics").splitlines() if line.startswith("hilum_requests_total"))
        return "; ".join(line for line in lines if 'code="4' in line or 'code="5' in line if not line.endswith(" 0"))

    def accepts_tcp(self) -> bool:
        try:
            for port in (self.plain, self.tls):
                socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> int | None:
        """Asks the server to end; returns its exit code, None if it had to be killed."""
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.terminate()
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
            return None


def by_password(folder: pathlib.Path) -> str:
    """The part of a configuration that takes the static user and time-limited credentials."""
    for name, secret in (("password", PASSWORD), ("secret", SECRET)):
        (folder / name).write_text(secret + "\n")
        (folder / name).chmod(0o600)
    return f"""
[auth]
shared_secret_files = ["{folder / 'secret'}"]

[[auth.user]]
name = "{USER}"
password_file = "{folder / 'password'}"
"""


def start_hilum(
    folder: pathlib.Path,
    name: str,
    binary: pathlib.Path,
    certificate: pathlib.Path,
    key: pathlib.Path,
    who: str | None = None,
    peers: str | None = None,
) -> Server:
    """`name` tells this server's files in the folder from those of others.

    `who` configures who may use it, and `peers` names somebody whom it may reach.
    """
    server = Server(folder, name)
    key.chmod(0o600)
    # A peer on this host is needed by coturn's load generator. Clients of one relay reach each other without being allowed.
    peers = HOST if name in UNSEALED else peers
    allow = f'allow = ["{peers}"]' if peers else ""
    seal = 'mode = "off"\naccept_unsealed = true' if name in UNSEALED else 'mode = "enforce"'
    config = folder / f"{name}.toml"
    config.write_text(
        f"""
[server]
realm = "{REALM}"
shards = 2
# Seconds of patience when told to stop; clients that vanished would use all of them up.
drain = 2

[listen]
udp = ["{HOST}:{server.plain}"]
tcp = ["{HOST}:{server.plain}"]
tls = ["{HOST}:{server.tls}"]

[tls]
certificate = "{certificate}"
key = "{key}"

[relay]
addresses = ["{HOST}"]
{who or by_password(folder)}
[peers]
{allow}

[seal]
{seal}

# All the strangers share two names; a client that ends without a word keeps its allocation for its lifetime.
[limits]
allocations_per_user = 2000

[admin]
listen = "{HOST}:{server.admin}"

[log]
level = "trace"
"""
    )
    server.spawn([str(binary), "serve", "--config", str(config)])
    server.wait_ready(lambda: server.answers("/ready"))
    return server


def start_coturn(folder: pathlib.Path, certificate: pathlib.Path, key: pathlib.Path, credentials: str) -> Server:
    """coturn knows either static users or a shared secret, so it takes two of them to stand in."""
    server = Server(folder, f"coturn-{credentials}")
    kind = f"user={USER}:{PASSWORD}" if credentials == "long-term" else f"use-auth-secret\nstatic-auth-secret={SECRET}"
    config = folder / f"coturn-{credentials}.conf"
    config.write_text(
        f"""listening-ip={HOST}
relay-ip={HOST}
listening-port={server.plain}
tls-listening-port={server.tls}
cert={certificate}
pkey={key}
realm={REALM}
lt-cred-mech
{kind}
allow-loopback-peers
no-cli
no-multicast-peers
pidfile={folder}/coturn-{credentials}.pid
userdb={folder}/coturn-{credentials}.db
log-file=stdout
"""
    )
    server.spawn(["turnserver", "-c", str(config)])
    server.wait_ready(server.accepts_tcp)
    return server
