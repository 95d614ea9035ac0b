"""The relay in the machine: installed by the commands of docs/operating.md, configured for calls on loopback."""

import pathlib
import re
import shutil
import subprocess

from machine import Machine

# Where the machine sees the tree that the documents install from.
TREE = "/src"
# One door, below port 1024.
SERVER, PEERS, ADMIN = "127.0.0.1:443", "127.0.0.2", "127.0.0.1:9478"
CONFIGURATION = "/etc/hilum/hilum.toml"
# As benches/compare/issuer.rs mints.
CLUSTER = "bench"
SHARDS = 2
# What the documents say, but for what a new Debian does not have: everything here is root's, and the program is built.
NOT_HERE = ("cargo build ",)


def tree(root: pathlib.Path, folder: pathlib.Path, binary: pathlib.Path) -> pathlib.Path:
    """What the documents install from, and nothing else of the project."""
    made = folder / "tree"
    (made / "target/release").mkdir(parents=True)
    for name in ("systemd", "config"):
        shutil.copytree(root / name, made / name)
    shutil.copy2(binary, made / "target/release/hilum")
    return made


def commands(text: str, heading: str) -> list[str]:
    """The commands that a document shows under a heading."""
    part = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```console\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line[2:].replace("sudo ", "") for line in lines if line.startswith("$ ")]


def make_certificate(folder: pathlib.Path) -> None:
    """For the address of the door, good for two days."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=door", "-addext", f"subjectAltName=IP:{SERVER.split(':')[0]}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


class Relay:
    """hilum.service of a machine."""

    def __init__(self, machine: Machine, root: pathlib.Path, folder: pathlib.Path):
        self.machine, self.folder = machine, folder
        self.documents = (root / "docs/operating.md").read_text()

    def install(self) -> str:
        said = commands(self.documents, "Install")
        here = [command for command in said if not command.startswith(NOT_HERE)]
        if len(here) < 5:
            raise AssertionError(f"the documents do not say how to install: {said}")
        for command in here:
            self.machine.run(f"cd {TREE} && {command}")
        make_certificate(self.folder)
        for name in ("keyring.toml", "certificate.pem", "key.pem"):
            shutil.copy(self.folder / name, self.machine.path(f"/etc/hilum/{name}"))
            self.machine.run(f"chgrp hilum /etc/hilum/{name} && chmod 640 /etc/hilum/{name}")
        self.configure(
            f"""
[server]
shards = {SHARDS}

[listen]
udp = []
tcp = []
door = ["{SERVER}"]

[tls]
certificate = "certificate.pem"
key = "key.pem"

[relay]
addresses = ["127.0.0.1"]

[tokens]
keyring = "keyring.toml"
cluster = "{CLUSTER}"
outside = true

[peers]
allow = ["{PEERS}"]

[limits]
allocations_per_user = 4

[operator]
socket = "/run/hilum/operator.sock"

[admin]
listen = "{ADMIN}"

[audit]
directory = "/var/lib/hilum/audit"

[log]
level = "info"
"""
        )
        # The unit as it is, and where this relay listens: over UDP once for each shard.
        drop_in = self.machine.path("/etc/systemd/system/hilum.socket.d")
        drop_in.mkdir()
        listen = ["ListenStream=", f"ListenStream={SERVER}", *[f"ListenDatagram={SERVER}"] * SHARDS]
        (drop_in / "listen.conf").write_text("\n".join(["[Socket]", *listen, ""]))
        self.machine.run("systemctl daemon-reload")
        return f"{len(here)} commands"

    def configure(self, text: str) -> None:
        # In place: owner and mode stay as they were installed.
        self.machine.path(CONFIGURATION).write_text(text)

    def configuration(self) -> str:
        return self.machine.path(CONFIGURATION).read_text()

    def state(self) -> str:
        return self.machine.show("hilum", "ActiveState")

    def pid(self) -> int:
        pid = int(self.machine.show("hilum", "MainPID"))
        # Zero means, to kill, whoever asks.
        if pid == 0:
            raise AssertionError("the relay does not run")
        return pid

    def restarts(self) -> int:
        """How often systemd has started it anew by itself."""
        return int(self.machine.show("hilum", "NRestarts"))

    def journal(self) -> str:
        return self.machine.journal("hilum")

    def fetch(self, url: str) -> str:
        options = ("--silent", "--show-error", "--fail", "--max-time", "5", "--cacert", str(self.folder / "certificate.pem"))
        command = self.machine.at_its_network("curl", *options, url)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"{url}: {done.stderr}")
        return done.stdout

    def page(self) -> None:
        """What a browser would see: the door is there over TCP and TLS as well."""
        page = self.fetch(f"https://{SERVER}/")
        if "<title>Hilum</title>" not in page:
            raise AssertionError(f"another page: {page[:500]}")

    def metric(self, name: str) -> int:
        """The sum over all lines of a metric."""
        lines = [line for line in self.fetch(f"http://{ADMIN}/metrics").splitlines() if re.match(rf"{name}[{{ ]", line)]
        if not lines:
            raise AssertionError(f"there is no metric {name}")
        return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))
