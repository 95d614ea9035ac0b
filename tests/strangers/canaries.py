"""What the server writes about people: nothing. Its log and metrics are searched after real clients have used it."""

import ipaddress
import re

from server import CALL, LABEL, PASSWORD, SECRET, USER, Server

# How every call token begins: `{"alg":` in base64.
TOKEN = "eyJhbGciOi"
# What the scenarios sent that belongs to a person or is a secret. The fake clients' names are long on purpose.
SECRETS = {"user name": USER, "label": LABEL, "password": PASSWORD, "secret": SECRET, "token": TOKEN, "call": CALL}
# The expiry that starts the user name of a time-limited credential.
EXPIRY = re.compile(r"\b\d{10}:")
# What could be an address; `ipaddress` decides. A time of day is taken out before: it has two colons as well.
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w)(?!\.\d)")
IPV6 = re.compile(r"(?<![\w:])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f]{0,4}(?![\w:])")
TIME_OF_DAY = re.compile(r"\b\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|\b)")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def is_address(word: str) -> bool:
    """True for an address of either family. Of `::` alone, which separates names too, False."""
    try:
        return bool(re.search(r"\w", word)) and bool(ipaddress.ip_address(word))
    except ValueError:
        return False


def findings(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        line = TIME_OF_DAY.sub("", COLOUR.sub("", line))
        found += [f"the {what}: {line}" for what, value in SECRETS.items() if value in line]
        found += [f"a user name's expiry: {line}" for _ in EXPIRY.findall(line)]
        found += [f"an address, {word}: {line}" for word in IPV4.findall(line) + IPV6.findall(line) if is_address(word)]
    return found


def judge(text: str) -> None:
    found = findings(text)
    if found:
        shown = "\n  ".join(line[:300] for line in found[:10])
        raise AssertionError(f"{len(found)} lines tell too much:\n  {shown}")


def prove_the_search_finds() -> None:
    """A search that finds nothing anywhere proves nothing: it must find each kind in a line made for it."""
    lines = ["peer=192.0.2.7:3478", "from [2001:db8::7]:9", "at ::1", f"user {USER}", f"1764063600:{LABEL}", "to fe80::1"]
    for line in lines + [f"pw {PASSWORD}", f"s {SECRET}", "ip 10.1.2.3", "ip 10.1.2.3.", f"of {CALL}-1", f"t {TOKEN}"]:
        if not findings(line):
            raise AssertionError(f"the search itself is broken: nothing found in {line!r}")
    for line in ["2026-11-25T09:40:00.123456Z INFO hilum::turn: started", "shard=0 version 0.1.0", "hilum::plane::udp 09:40:01", "a :: b"]:
        if findings(line):
            raise AssertionError(f"the search itself is broken: {findings(line)}")


def metrics(server: Server, counted: bool) -> str:
    prove_the_search_finds()
    text = server.fetch("/metrics")
    judge(text)
    if counted and not re.search(r"^hilum_\w*allocat\w*(?:\{[^}]*\})? [1-9]", text, re.MULTILINE):
        raise AssertionError("no metric of allocations has counted the strangers")
    return f"{len(text.splitlines())} lines"


def ends_well(server: Server) -> str:
    if server.process.poll() is not None:
        raise AssertionError(f"the server ended by itself with {server.process.returncode}:\n{server.log()[-2000:]}")
    code = server.stop()
    if code != 0:
        raise AssertionError(f"exit code {code} after SIGTERM (None: not within 10 s)")
    return "exit code 0"


def log(server: Server) -> str:
    prove_the_search_finds()
    text = server.log()
    if not text.strip():
        raise AssertionError("the log is empty")
    if "panicked" in text:
        raise AssertionError("something panicked:\n" + text[-2000:])
    judge(text)
    return f"{len(text.splitlines())} lines"
