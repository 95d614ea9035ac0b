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


def ways(server: Server, udp: int, party: str) -> dict:
    """The ICE server entries of one party, by the transport to the relay."""
    name, password = credential(party)
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


def drive(home: pathlib.Path, call: dict, tap: Tap | None) -> tuple[dict, list[int]]:
    """Runs one call. Returns what it says at its end, and the ClientHellos that had passed before each restart."""
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / ".local/share"), "TMPDIR": str(home)}
    complaints = home / "stderr"
    told: list[dict] = []
    hellos: list[int] = []
    with open(complaints, "wb") as stderr:
        process = subprocess.Popen(
            ["node", str(HERE / "browser.mjs")],
            env=environment | {"CALL": json.dumps(call)},
            stdin=subprocess.DEVNULL,
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
    if process.returncode != 0 or not told:
        raise AssertionError(f"exit code {process.returncode}:\n{complaints.read_text(errors='replace')[-2500:]}")
    return told[-1], hellos


def call(server: Server, parties: list[str], way: str = "udp", trouble: Trouble | None = None, **more) -> tuple[dict, str]:
    """One call; `parties` names their browsers. Returns what it says at its end, and the same as a line to print."""
    # No two calls have a party in common: a seal that one has opened must not help the next.
    number = next(CALLS)
    name = f"call-{number}-{'-'.join(parties)}-{way}"
    # Short, because browsers put sockets there, whose paths have 107 bytes.
    home = pathlib.Path(tempfile.mkdtemp(prefix="call-"))
    if way == "tls":
        trust(home, server.folder / "certificate.pem")
    try:
        with contextlib.ExitStack() as stack:
            tap = None
            if way == "udp" and not more.pop("direct", False):
                # The capture stays, beside the server's log, when a scenario has failed.
                capture = server.folder / f"{name}.pcap"
                tap = stack.enter_context(Tap((HOST, server.plain), capture, trouble or Trouble()))
            udp = tap.port if tap else server.plain
            order = {
                "parties": [{"browser": one, "relay": ways(server, udp, f"{number}-{at}")} for at, one in enumerate(parties)],
                "way": way,
                "pids": str(home / "pids"),
                "flags": [],
                "preferences": {},
                "restarts": [],
                "echo": False,
                "clear": False,
                "packets": 0,
                "seconds": SECONDS,
            }
            said, hellos = drive(home, order | more, tap)
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
    finally:
        shutil.rmtree(home, ignore_errors=True)
