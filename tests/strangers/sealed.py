"""What the seal owes to browsers: not one packet of a good call refused, not one clear media packet delivered.

The good calls have a server of their own, so that its counters speak of nothing else.
"""

import re
import time

import browser
from server import Server
from tap import Trouble

# Media packets that the good calls must have relayed in all, for "none refused" to mean something.
ENOUGH = 20_000
# Datagrams of the first call's handshake that go wrong; more than a network that carries video would lose.
ROUGH = Trouble(loss=0.2, duplication=0.2, reordering=0.3, seed=7)
# What may be counted around good calls and stops nothing of them. Checks come before their permission, as ICE's do. What
# is sent to a party that has hung up finds no allocation: its port is nobody's, which policy forbids. And challenges end
# at a source's budget, since all clients share one address here.
AROUND = {"no_permission", "no_relayed_port", "no_allocation", "peer_forbidden", "connection_gone", "challenge_budget"}
# Which part of all messages may be dropped because a stream was read too slowly: a megabyte at once over TCP, on a
# machine that has other work, overruns a queue, and SCTP sends it again.
SLOW = 0.01
# An ICE restart, another one that moves to TCP, and one that moves back.
RESTARTS = ["udp", "tcp", "udp"]
FOUR = ["chromium", "firefox", "chromium", "firefox"]
# The DTLS handshake inside ICE checks, which Chromium can do and Debian's does not by default.
INSIDE_STUN = ["--force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/"]


class Calls:
    """The good calls: how many media packets have arrived in them, and how many pairs of parties they had."""

    def __init__(self):
        self.packets = 0
        self.pairs = 0

    def make(self, server: Server, *parties: str, **more) -> str:
        said, line = browser.call(server, list(parties), **more)
        self.packets += said["packets"]
        self.pairs += len(parties) * (len(parties) - 1) // 2
        return line

    def scenarios(self, at):
        """(name, what to call); `at` gives the server of the good calls."""

        def one(*parties, **more):
            return lambda: self.make(at(), *parties, **more)

        for pair in (("chromium", "chromium"), ("firefox", "firefox"), ("chromium", "firefox")):
            yield f"browsers: {'-'.join(pair)}, moved to tcp and back", one(*pair, echo=True, restarts=RESTARTS)
        yield "browsers: firefox-chromium over tcp", one("firefox", "chromium", way="tcp", echo=True, restarts=["tcp"])
        yield "browsers: chromium-chromium over tls", one("chromium", "chromium", way="tls", echo=True, restarts=["tls"])
        old = {"media.peerconnection.dtls.version.max": 0x0303}
        yield "browsers: firefox-chromium with DTLS 1.2", one("firefox", "chromium", echo=True, preferences=old)
        yield "browsers: chromium-chromium, DTLS inside ICE checks", one("chromium", "chromium", echo=True, flags=INSIDE_STUN)
        yield "browsers: four in a mesh", one(*FOUR, seconds=10, packets=ENOUGH, direct=True)

    def none_refused(self, server: Server) -> str:
        """The server's word for it: nothing refused by the seal, and nothing of a call dropped for another reason."""
        time.sleep(1.2)  # metrics are published once a second
        text = server.fetch("/metrics")
        relayed = total(text, "hilum_packets_total", r'direction="to_client"')
        if self.packets < ENOUGH or relayed < self.packets:
            raise AssertionError(f"{self.packets} media packets arrived, {relayed} relayed: fewer than {ENOUGH}")
        for name in ("hilum_seal_discards_total", "hilum_seal_reported_total"):
            if re.search(rf"^{name}\b", text, re.MULTILINE) is None:
                raise AssertionError(f"the server has no metric {name}")
            if total(text, name):
                raise AssertionError(f"refused of good calls: {counted(text, name)}")
        # One handshake for each two parties, over whatever paths and transports they went on.
        seals = total(text, "hilum_seal_opened_total")
        if seals != self.pairs:
            raise AssertionError(f"{seals} seals for {self.pairs} pairs: {counted(text, 'hilum_seal_opened_total')}")
        # A stream that is read too slowly, as on a loaded machine, makes room by itself.
        late = total(text, "hilum_discards_total", r'reason="queue_full"')
        dropped = [line for line in counted(text, "hilum_discards_total") if reason(line) not in AROUND | {"queue_full"}]
        if dropped or late > relayed * SLOW:
            raise AssertionError(f"dropped of good calls: {dropped}, {late} in full queues")
        return f"{self.packets} media packets arrived of {relayed} messages, {seals} seals, 0 refused, {late} in full queues"


def counted(text: str, name: str, labels: str = "") -> list[str]:
    """The lines of a metric that are not zero."""
    lines = [line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line) and re.search(labels, line)]
    return [line for line in lines if float(line.rsplit(" ", 1)[1])]


def total(text: str, name: str, labels: str = "") -> int:
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in counted(text, name, labels)))


def reason(line: str) -> str:
    found = re.search(r'reason="(\w+)"', line)
    return found.group(1) if found else ""


def refused(server: Server) -> dict[str, int]:
    """What the seal has stopped until now, by reason."""
    time.sleep(1.2)  # metrics are published once a second
    lines = counted(server.fetch("/metrics"), "hilum_seal_discards_total")
    return {reason(line): int(float(line.rsplit(" ", 1)[1])) for line in lines}


def since(server: Server, before: dict[str, int]) -> dict[str, int]:
    return {why: count - before.get(why, 0) for why, count in refused(server).items() if count != before.get(why, 0)}


def rough(server: Server, *parties: str) -> str:
    """A handshake that is lost, doubled and reordered on the way opens the seal all the same.

    Only here may something of a good call be refused: what a client sends after its Finished, when the Finished was lost
    before it came to the relay. The other client could not use it either.
    """
    before = refused(server)
    line = browser.call(server, list(parties), trouble=ROUGH)[1]
    early = since(server, before)
    if not set(early) <= {"media_early", "dtls_early"}:
        raise AssertionError(f"refused for another reason than that it came too early: {early}")
    return f"{line}; {sum(early.values())} datagrams came too early"


def clear(server: Server, sealed: bool) -> str:
    """Chromium with its encryption switched off: ICE connects and media is sent, and through the seal none arrives.

    With the seal off all of it arrives: that is the proof that it was there to be stopped.
    """
    before = refused(server)
    flags = ["--disable-webrtc-encryption"]
    said, _ = browser.call(server, ["chromium", "chromium"], kind="clear", flags=flags, direct=True)
    stopped = since(server, before)
    line = f"of {said['sent']} clear media packets, {said['packets']} were delivered; refused: {stopped or 'none'}"
    if sealed and (said["packets"] or not stopped.get("media_unsealed")) or not sealed and (stopped or not said["packets"]):
        raise AssertionError(line)
    return line
