"""Headless Chromium and Firefox ESR call each other through the relay, with relayed candidates only.

browser.mjs drives the browsers of one call. Every party has a time-limited credential of its own. Where a call goes
over UDP, a tap stands before the server: it counts the DTLS handshakes, keeps a capture, closes UDP while a call is to
move to TCP, and makes trouble where a scenario asks for it.
"""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from server import HOST, LABEL, SECRET, Server
from tap import Tap, Trouble

HERE = pathlib.Path(__file__).resolve().parent
# Seconds for one call. Its steps have shorter bounds of their own; this one is for a browser that hangs.
BOUND = 150
# Seconds for each part of a call, before and after each restart.
SECONDS = 3
# Numbers the calls.
CALLS = itertools.count(1)
# What browser.mjs must be told, but for the parties and what drive adds.
ORDER = {
    "kind": "good",
    "way": "udp",
    "flags": [],
    "preferences": {},
    "restarts": [],
    "echo": False,
    "packets": 0,
    "seconds": SECONDS,
    "page": None,
}
# The versions as getStats says them.
VERSIONS = {"FEFD": "DTLS 1.2", "FEFC": "DTLS 1.3"}


def trust(home: pathlib.Path, certificate: pathlib.Path) -> None:
    """Chromium asks its user's NSS database whom to trust for a relay; ignoring errors of pages does not reach it."""
    for database in (home / ".pki/nssdb", home / ".local/share/pki/nssdb"):
        database.mkdir(parents=True)
        for command in (["-N", "--empty-password"], ["-A", "-n", "relay", "-t", "C,,", "-i", str(certificate)]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *command], check=True, capture_output=True, timeout=30)


def credential(party: str) -> tuple[str, str]:
    """User name and password of one party, good for ten minutes."""
    name = f"{int(time.time()) + 600}:{LABEL}-{party}"
    return name, base64.b64encode(hmac.digest(SECRET.encode(), name.encode(), hashlib.sha1)).decode()


def ways(server: Server, udp: int, who: tuple[str, str]) -> dict:
    """The ICE server entries of one party, by the transport to the relay."""
    name, password = who
    urls = {
        "udp": f"turn:{HOST}:{udp}?transport=udp",
        "tcp": f"turn:{HOST}:{server.plain}?transport=tcp",
        "tls": f"turns:{HOST}:{server.tls}?transport=tcp",
    }
    return {way: {"urls": url, "username": name, "credential": password} for way, url in urls.items()}


def end(process: subprocess.Popen, pids: pathlib.Path) -> None:
    """Ends what a call has started and has not ended itself. SIGTERM lets the script close its browsers."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    # Chromium ends with the pipe to its driver. Firefox leads a group of its own, whose number the script left here.
    groups = [process.pid] + ([int(line) for line in pids.read_text().split()] if pids.exists() else [])
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    process.wait(timeout=10)


def drive(
    order: dict,
    tap: Tap | None = None,
    during=None,
    certificate: pathlib.Path | None = None,
    inside: list[str] | None = None,
) -> tuple[dict, list[int]]:
    """Runs one call. Returns what it says at its end, and the ClientHellos that had passed before each restart.

    `during` is called when all parties talk; the call goes on when it returns. Chromium trusts `certificate`. `inside`
    begins the command line: it takes the browsers to another network.
    """
    # Short, because browsers put sockets there, whose paths have 107 bytes.
    home = pathlib.Path(tempfile.mkdtemp(prefix="call-"))
    try:
        if certificate:
            trust(home, certificate)
        return drive_at(home, ORDER | {"pids": str(home / "pids"), "asks": during is not None} | order, tap, during, inside or [])
    finally:
        shutil.rmtree(home, ignore_errors=True)


def drive_at(home: pathlib.Path, order: dict, tap: Tap | None, during, inside: list[str]) -> tuple[dict, list[int]]:
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / ".local/share"), "TMPDIR": str(home)}
    complaints = home / "stderr"
    told: list[dict] = []
    hellos: list[int] = []
    faults: list[Exception] = []
    with open(complaints, "wb") as stderr:
        process = subprocess.Popen(
            [*inside, "node", str(HERE / "browser.mjs")],
            env=environment | {"CALL": json.dumps(order)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )

    def listen() -> None:
        for line in process.stdout:
            told.append(json.loads(line))
            if tap and "way" in told[-1]:
                hellos.append(tap.counts.hellos)
                tap.closed = told[-1]["way"] != "udp"
            if "talking" in told[-1]:
                try:
                    during()
                    print("go on", file=process.stdin, flush=True)
                except Exception as error:  # raised below, where the call has ended
                    faults.append(error)
                    process.stdin.close()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        process.wait(timeout=BOUND)
        listener.join(timeout=5)
    except subprocess.TimeoutExpired:
        end(process, home / "pids")
        said = complaints.read_text(errors="replace")[-1500:]
        raise AssertionError(f"no result in {BOUND} s; told {told}:\n{said}") from None
    finally:
        end(process, home / "pids")
    if faults:
        raise faults[0]
    if process.returncode != 0 or not told:
        raise AssertionError(f"exit code {process.returncode}:\n{complaints.read_text(errors='replace')[-2500:]}")
    return told[-1], hellos


def call(
    server: Server,
    parties: list[str],
    way: str = "udp",
    trouble: Trouble | None = None,
    who: list[tuple[str, str]] | None = None,
    during=None,
    direct: bool = False,
    **more,
) -> tuple[dict, str]:
    """One call; `parties` names their browsers, and `who` their credentials, which are time-limited ones by default.

    Returns what the call says at its end, and the same as a line to print.
    """
    # No two calls have a party in common: a seal that one has opened must not help the next.
    number = next(CALLS)
    who = who or [credential(f"{number}-{at}") for at in range(len(parties))]
    with contextlib.ExitStack() as stack:
        tap = None
        if way == "udp" and not direct:
            # The capture stays, beside the server's log, when a scenario has failed.
            capture = server.folder / f"call-{number}-{'-'.join(parties)}.pcap"
            tap = stack.enter_context(Tap((HOST, server.plain), capture, trouble or Trouble()))
        udp = tap.port if tap else server.plain
        relays = [{"browser": each, "relay": ways(server, udp, own)} for each, own in zip(parties, who, strict=True)]
        certificate = server.folder / "certificate.pem" if way == "tls" else None
        said, hellos = drive({"parties": relays, "way": way} | more, tap, during, certificate)
        if tap and (not tap.counts.hellos or any(count != tap.counts.hellos for count in hellos)):
            raise AssertionError(f"not one DTLS handshake, before all restarts: ClientHellos {hellos}, {tap.counts.hellos}")
        line = f"{said['packets']} media packets"
        if "version" in said:
            line += f", {said['lost']} lost, {VERSIONS.get(said['version'], said['version'])} {said['profile']}"
        if more.get("echo"):
            line += ", 1 MB echo intact"
        if more.get("restarts"):
            line += f", new pairs over {', '.join(more['restarts'])}, no second handshake"
        if trouble:
            counts = tap.counts
            line += f"; {counts.lost} lost, {counts.doubled} doubled, {counts.late} late of the handshake's datagrams"
            if not (counts.lost and counts.doubled and counts.late):
                raise AssertionError(f"there was no trouble: {counts}")
        return said, line
