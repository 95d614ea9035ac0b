"""Other people's TURN clients against the relay: `python strangers.py [--against hilum|coturn] [--only WORD]`.

Prints a line per scenario and the count at the end; exits 1 if one failed. `--against coturn` runs the same scenarios
against Debian's coturn, which tells a fault of a scenario from a fault of the relay.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import canaries
import closed
import ice
import sealed
import server as servers
import uclient
from judge import Judge

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRANSPORTS = ("udp", "tcp", "tls")
CREDENTIALS = ("long-term", "shared-secret")
# Each has a server of its own: see `scenarios`.
TOOLS = ("uclient", "aioice", "webrtc", "browsers", "refusals")


def scenarios(at):
    """(name, what to call) in the order they run; `at` gives the server for a tool and a kind of credential.

    uclient ends without deleting its allocations. The other clients use a server of their own: an ephemeral port that
    uclient had left would be refused there with 437, as it must be, and they do not try another one.
    """
    yield "stunclient: a Binding is answered", lambda: uclient.stunclient(at("uclient", "long-term"))
    for transport in TRANSPORTS:
        for kind in CREDENTIALS:
            yield f"uclient: 10,000 packets over {transport}, {kind}", (
                lambda transport=transport, kind=kind: uclient.paced(at("uclient", kind), transport, kind)
            )
    yield "uclient: even port and reserved port", lambda: uclient.even_port(at("uclient", "long-term"), "long-term")
    yield "uclient: don't fragment", lambda: uclient.dont_fragment(at("uclient", "shared-secret"), "shared-secret")
    for transport in ("udp", "tcp"):
        yield f"uclient: client to client over {transport}", (
            lambda transport=transport: uclient.client_to_client(at("uclient", "shared-secret"), transport, "shared-secret")
        )
    for transport in TRANSPORTS:
        for kind in CREDENTIALS:
            yield f"aioice: relay to relay over {transport}, {kind}", (
                lambda transport=transport, kind=kind: ice.aioice_both_ways(at("aioice", kind), transport, kind)
            )
    yield "aiortc: data channel, relayed candidates only", lambda: ice.aiortc_both_ways(at("webrtc", "shared-secret"))


def browsers(at, chosen):
    """The scenarios of browsers, on servers whose seal is on; but for one, which shows that clear media is sent."""
    calls = sealed.Calls()
    good = list(calls.scenarios(lambda: at("browsers", "shared-secret")))
    yield from good
    if chosen.against == "hilum":
        # The sum means nothing when some calls were left out.
        if all(chosen.only in name for name, _ in good):
            yield "browsers: no packet of a good call refused", lambda: calls.none_refused(at("browsers", "shared-secret"))
        for pair in (("firefox", "chromium"), ("chromium", "firefox")):
            yield f"browsers: {'-'.join(pair)}, rough handshake", (
                lambda pair=pair: sealed.rough(at("refusals", "shared-secret"), *pair)
            )
        yield "clear media: delivered with the seal off", lambda: sealed.clear(at("aioice", "shared-secret"), sealed=False)
        yield "clear media: not delivered", lambda: sealed.clear(at("refusals", "shared-secret"), sealed=True)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--against", choices=("hilum", "coturn"), default="hilum")
    options.add_argument("--only", default="", help="run the scenarios whose name holds this word")
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/hilum")
    chosen = options.parse_args()
    # Told to stop, this ends what it has started before it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    output = ROOT / "target" / "strangers"
    output.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=output))
    certificate, key = servers.make_certificate(folder)
    # Python's clients trust it from here; Chromium is told by browser.trust.
    os.environ["SSL_CERT_FILE"] = str(certificate)
    running, tokens, judge = {}, None, Judge("strangers")

    try:
        if chosen.against == "hilum":
            for tool in TOOLS:
                one = servers.start_hilum(folder, tool, chosen.binary, certificate, key)
                running |= {(tool, kind): one for kind in CREDENTIALS}
            tokens = closed.Closed(folder, chosen.binary, certificate, key)
            running |= {("north", "tokens"): tokens.north, ("south", "tokens"): tokens.south}
        else:
            for kind in CREDENTIALS:
                one = servers.start_coturn(folder, certificate, key, kind)
                running |= {(tool, kind): one for tool in TOOLS}
        at = lambda *which: running[which]
        for name, call in [*scenarios(at), *browsers(at, chosen), *(tokens.scenarios() if tokens else ())]:
            if chosen.only in name:
                judge(name, call)
        if chosen.against == "hilum":
            # Some scenarios chosen alone allocate nothing.
            for tool, one in {tool: one for (tool, _), one in running.items()}.items():
                judge(f"{tool}: no address, name, password or token in metrics", (
                    lambda one=one: canaries.metrics(one, counted=not chosen.only)
                ))
                judge(f"{tool}: the server still runs and ends when asked", lambda one=one: canaries.ends_well(one))
                judge(f"{tool}: no address, name, password or token in the log", lambda one=one: canaries.log(one))
            judge("tokens: the audit log of what the browsers did", tokens.recorded)
    finally:
        for one in set(running.values()):
            one.stop()
        if judge.failed == 0:
            shutil.rmtree(folder, ignore_errors=True)
    return judge.end()


if __name__ == "__main__":
    sys.exit(main())
