"""One door: Chromium in a clinic whose firewall lets port 443 through and nothing else. `python door.py [--binary FILE]`.

Needs root, for network namespaces. Prints a line per scenario and the count at the end; exits 1 if one failed.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import browser
import canaries
import server as servers
from closed import CLUSTER, Counted, ISSUER, Issuer, KID, NORTH, relayed
from judge import Judge
from streets import RELAY, Town

# A ticket that nobody was given: the service hears it and says so.
SOCKET = {"path": "/v1/signal", "protocol": "hilum.v1", "first": json.dumps({"t": "hello", "v": 1, "ticket": "A" * 22})}
NO_TICKET = 4401
ROOT = pathlib.Path(__file__).resolve().parents[2]
ADMIN = "127.0.0.1:9478"
PAIR = ["chromium", "chromium"]
URLS = {
    "udp": f"turn:{RELAY}:443?transport=udp",
    "tcp": f"turn:{RELAY}:443?transport=tcp",
    "tls": f"turns:{RELAY}:443?transport=tcp",
}


class Door(servers.Server):
    """A relay whose one address is all there is, in a namespace of its own."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path, town: Town, issuer: Issuer):
        super().__init__(folder, "door")
        self.town = town
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        key.chmod(0o600)
        config = folder / "door.toml"
        config.write_text(
            f"""
[server]
realm = "{servers.REALM}"
state = "{folder / 'state'}"
shards = 2
drain = 2

[listen]
udp = []
tcp = []
door = ["{RELAY}:443"]

[tls]
certificate = "{certificate}"
key = "{key}"

[relay]
addresses = ["{RELAY}"]

[auth]
accept = ["token"]

[tokens]
keyring = "{issuer.keyring}"
cluster = "{CLUSTER}"
region = "{NORTH}"

[mint]
key = "{folder / KID}.pem"
kid = "{KID}"
issuer = "{ISSUER}"
urls = {json.dumps(list(URLS.values()))}

[signal]
origins = ["https://{RELAY}"]

[[signal.clinic]]
id = "clinic"
name = "Clinic"

[admin]
listen = "{ADMIN}"

[log]
level = "trace"
"""
        )
        self.spawn(town.relay.inside(str(binary), "serve", "--config", str(config)))
        self.wait_ready(lambda: self.answers("/ready"))

    def fetch(self, path: str) -> str:
        command = self.town.relay.inside("curl", "--silent", "--fail", "--max-time", "5", f"http://{ADMIN}{path}")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=15)
        if done.returncode != 0:
            raise OSError(f"curl: exit code {done.returncode}: {done.stderr}")
        return done.stdout


class Scenarios:
    def __init__(self, folder: pathlib.Path, town: Town, door: Door, issuer: Issuer):
        self.folder, self.town, self.door, self.issuer = folder, town, door, issuer

    def all(self):
        """(name, what to call)."""
        for way in URLS:
            yield f"only 443 is open: a page, a WebSocket, and a call over {way}", lambda way=way: self.call([way], way)
        yield "UDP is dropped: the call comes up by TLS", self.without_udp
        yield "nothing but an HTTP proxy: the call comes up by TLS", self.proxied

    def call(self, offered: list[str], way: str, *flags: str) -> str:
        """A page, a WebSocket, then a call of two pages; iceServers names `offered`, and the call must take `way`."""
        counted = Counted(self.door)
        parties = [
            {"browser": each, "relay": {way: {"urls": [URLS[one] for one in offered], "username": name, "credential": secret}}}
            for each, (name, secret) in zip(PAIR, self.issuer.parties(len(PAIR)), strict=True)
        ]
        order = {"parties": parties, "way": way, "flags": list(flags), "page": f"https://{RELAY}/", "socket": SOCKET}
        said, _ = browser.drive(order, certificate=self.folder / "certificate.pem", inside=self.town.clinic.inside())
        counted.look()
        inside, leaving = relayed(counted)
        line = f"the page by {said['protocol']}, {said['packets']} media packets, {said['lost']} lost, {inside} relayed"
        refused = counted.of("hilum_seal_discards_total") + counted.of("hilum_token_refusals_total")
        if inside < said["packets"] or leaving or refused:
            raise AssertionError(f"{line}, {leaving} to or from anybody outside, {refused} refused")
        if said["protocol"] != "h2" or said["closed"] != NO_TICKET:
            raise AssertionError(f"{line}, the WebSocket was closed with {said['closed']}")
        return line

    def without_udp(self) -> str:
        self.town.open("tcp")
        line = self.call(["udp", "tls"], "tls")
        dropped = self.town.gateway.dropped()
        if not dropped:
            raise AssertionError(f"{line}; nobody has tried UDP")
        return f"{line}; {dropped} packets dropped"

    def proxied(self) -> str:
        self.town.open()
        directly = self.town.clinic.inside("curl", "--insecure", "--silent", "--max-time", "3", f"https://{RELAY}/")
        if subprocess.run(directly, stdin=subprocess.DEVNULL, capture_output=True, timeout=15).returncode == 0:
            raise AssertionError("the relay is reached without the proxy")
        proxy = self.town.start_proxy()
        line = self.call(["udp", "tls"], "tls", f"--proxy-server={proxy}")
        connects = self.town.proxy_log.read_text(errors="replace").count(f"CONNECT {RELAY}:443")
        # The page, and an allocation of each party.
        if connects < 1 + len(PAIR):
            raise AssertionError(f"{line}; {connects} connections through the proxy")
        return f"{line}; {connects} connections through the proxy"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default="", help="run the scenarios whose name holds this word")
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/hilum")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    output = ROOT / "target" / "strangers"
    output.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="door-", dir=output))
    servers.make_certificate(folder, RELAY)
    town, door, judge = None, None, Judge("door")

    try:
        town = Town(folder)
        issuer = Issuer(chosen.binary.resolve(), folder)
        door = Door(folder, chosen.binary.resolve(), town, issuer)
        for name, call in Scenarios(folder, town, door, issuer).all():
            if chosen.only in name:
                judge(name, call)
        judge("door: no address, name, password or token in metrics", lambda: canaries.metrics(door, counted=not chosen.only))
        judge("door: the server still runs and ends when asked", lambda: canaries.ends_well(door))
        judge("door: no address, name, password or token in the log", lambda: canaries.log(door))
    finally:
        if door:
            door.stop()
        if town:
            town.end()
        if judge.failed == 0:
            shutil.rmtree(folder, ignore_errors=True)
    return judge.end()


if __name__ == "__main__":
    sys.exit(main())
