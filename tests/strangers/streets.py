"""Three networks that a clinic knows: its own, with browsers; a gateway, which lets through what it must; the relay's.

Each is a network namespace of this machine, which is gone when the process that holds it ends.
"""

import pathlib
import re
import subprocess
import time

RELAY, OUTSIDE, GATEWAY, CLINIC = "198.51.100.1", "198.51.100.2", "10.77.1.1", "10.77.1.2"
PROXY_PORT = 8888
# What passes the gateway and comes in at the relay: one port. No state is kept: answers are known by the same port.
RULES = """
flush ruleset
table inet door {{
  chain hold {{
    type filter hook {hook} priority 0; policy drop;
    iifname "lo" accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
    {accept}
    counter
  }}
}}
"""
BOTH_WAYS = "meta l4proto {{ {kinds} }} th dport 443 accept\n    meta l4proto {{ {kinds} }} th sport 443 accept"


class Street:
    """One network namespace."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        own, theirs = pathlib.Path("/proc/self/ns/net"), pathlib.Path(f"/proc/{self.holder.pid}/ns/net")
        end = time.monotonic() + 5
        while own.readlink() == theirs.readlink():
            if self.holder.poll() is not None or time.monotonic() > end:
                raise RuntimeError("no network namespace can be made here; this needs root")
            time.sleep(0.01)
        self.run("ip", "link", "set", "lo", "up")

    def inside(self, *command: str) -> list[str]:
        """The command line that runs a program in this namespace."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--", *command]

    def run(self, *command: str, text: str = "") -> str:
        done = subprocess.run(self.inside(*command), input=text, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def has(self, name: str, address: str) -> None:
        self.run("ip", "address", "add", f"{address}/24", "dev", name)
        self.run("ip", "link", "set", name, "up")

    def filter(self, hook: str, accept: str) -> None:
        self.run("nft", "-f", "-", text=RULES.format(hook=hook, accept=accept))

    def dropped(self) -> int:
        """Packets that its filter has let through to nothing, since it was set."""
        return int(re.search(r"counter packets (\d+)", self.run("nft", "list", "ruleset")).group(1))

    def end(self) -> None:
        self.holder.kill()
        self.holder.wait(timeout=10)


class Town:
    """The three of them."""

    def __init__(self, folder: pathlib.Path):
        self.clinic, self.gateway, self.relay = self.streets = [Street() for _ in range(3)]
        self.proxy = None
        for name, street in (("relay", self.relay), ("clinic", self.clinic)):
            far = ("type", "veth", "peer", "name", "gateway", "netns", str(street.holder.pid))
            self.gateway.run("ip", "link", "add", "name", name, *far)
        self.gateway.has("relay", OUTSIDE)
        self.gateway.has("clinic", GATEWAY)
        self.relay.has("gateway", RELAY)
        self.clinic.has("gateway", CLINIC)
        self.clinic.run("ip", "route", "add", "default", "via", GATEWAY)
        self.relay.run("ip", "route", "add", "default", "via", OUTSIDE)
        self.gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.relay.filter("input", "tcp dport 443 accept\n    udp dport 443 accept")
        self.proxy_file = folder / "proxy.conf"
        self.open("tcp", "udp")

    def open(self, *kinds: str) -> None:
        """What passes the gateway on port 443; nothing else does, and nothing is said of what does not."""
        self.gateway.filter("forward", BOTH_WAYS.format(kinds=", ".join(kinds)) if kinds else "")

    def start_proxy(self) -> str:
        """An HTTP proxy at the gateway, which connects to port 443 and answers to nothing but CONNECT there."""
        lines = [f"Port {PROXY_PORT}", f"Listen {GATEWAY}", f"Allow {CLINIC}", "ConnectPort 443", "LogLevel Connect"]
        self.proxy_file.write_text("\n".join([*lines, f'LogFile "{self.proxy_log}"', "Timeout 60", ""]))
        self.proxy = subprocess.Popen(self.gateway.inside("tinyproxy", "-d", "-c", str(self.proxy_file)))
        end = time.monotonic() + 10
        while f":{PROXY_PORT}" not in self.gateway.run("ss", "-Hltn"):
            if self.proxy.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the proxy does not listen: {self.proxy.poll()}")
            time.sleep(0.05)
        return f"http://{GATEWAY}:{PROXY_PORT}"

    @property
    def proxy_log(self) -> pathlib.Path:
        return self.proxy_file.with_suffix(".log")

    def end(self) -> None:
        if self.proxy:
            self.proxy.terminate()
            self.proxy.wait(timeout=10)
        for street in self.streets:
            street.end()
