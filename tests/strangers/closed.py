"""What call tokens owe to browsers: those of one call meet, and nobody else comes to anything.

Two servers take tokens and nothing else: one in the north, which names the other one, in the south. Every scenario
says what the server has counted meanwhile, since no address and no token is ever logged.
"""

import base64
import collections
import hmac
import json
import pathlib
import re
import subprocess
import time

import browser
import canaries
import ice
import outside
from server import CALL, HOST, Server, start_hilum

ISSUER, CLUSTER = "strangers-clinic", "strangers-cluster"
NORTH, SOUTH, NOWHERE = "stranger-north", "stranger-south", "stranger-east"
KID = "strangers-key"
# The two browsers, and what they are called in a call of both.
BOTH = {"chromium": "chromium 1", "firefox": "firefox 2"}
# An hour: far beyond the minute that clocks may be apart.
HOUR = 3600
FOUR = ["chromium", "firefox", "chromium", "firefox"]
# What a browser is told of a credential that is refused, and what the server counts.
REFUSED = {
    "before its window": (401, "not_yet_valid"),
    "too late to begin": (403, "expired"),
    "after its end": (401, "ended"),
    # Without the password nobody has said anything: that is a stranger's 401.
    "altered": (401, None),
    "forged": (401, "signature"),
    "of another cluster": (401, "audience"),
    "of a region that nobody serves": (403, None),
    "revoked": (403, "revoked"),
}


class Issuer:
    """Makes the keys, and mints with them, as whoever runs the web page would: by the program itself."""

    def __init__(self, binary: pathlib.Path, folder: pathlib.Path):
        self.binary, self.folder = binary, folder
        self.keyring = folder / "keyring.toml"
        self.calls = 0
        self.hilum("keys", "new", "--keyring", self.keyring, "--kid", KID, "--issuer", ISSUER, "--out", folder)

    def hilum(self, *arguments) -> str:
        command = [str(self.binary), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command[1:3])}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def call(self) -> str:
        """The name of a call that nobody has been in."""
        self.calls += 1
        return f"{CALL}-{self.calls}"

    def mint(
        self,
        call: str,
        party: str,
        region: str = NORTH,
        cluster: str = CLUSTER,
        window: tuple[int, int, int] = (0, HOUR, 2 * HOUR),
        peers: list[str] = [],
    ) -> tuple[str, str]:
        """User name and password. The window is nbf, exp and end, in seconds from now."""
        starts, expires, ends = window
        begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + starts))
        said = self.hilum(
            *("token", "mint", "--json", "--key", self.folder / f"{KID}.pem", "--issuer", ISSUER, "--audience", cluster),
            *("--call", call, "--party", party, "--region", region),
            *("--starts", begin, "--ttl", expires - starts, "--call-seconds", ends - starts),
            *(word for peer in peers for word in ("--peer", peer)),
        )
        minted = json.loads(said)
        return minted["username"], minted["credential"]

    def parties(self, count: int) -> list[tuple[str, str]]:
        """Tokens of the parties of one call."""
        call = self.call()
        return [self.mint(call, f"party-{at}") for at in range(count)]

    def altered(self) -> tuple[str, str]:
        """A token of which one character was changed on the way, with the password that it came with."""
        username, password = self.mint(self.call(), "party-0")
        return another(username), password

    def forged(self) -> tuple[str, str]:
        """The same with the right password, which a thief of the relay's keys can compute."""
        username, _ = self.altered()
        key = base64.urlsafe_b64decode((self.folder / f"{KID}.password").read_text().strip() + "=")
        digest = hmac.digest(key, username.encode(), "sha256")
        return username, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def another(token: str) -> str:
    """The token with another character in the middle of its claims."""
    at = token.index(".") + (token.rindex(".") - token.index(".")) // 2
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def counts(server: Server) -> dict[str, int]:
    """All counters of the server."""
    time.sleep(1.2)  # metrics are published once a second
    lines = (line.rsplit(" ", 1) for line in server.fetch("/metrics").splitlines() if not line.startswith("#"))
    return {name: int(float(count)) for name, count in lines if re.match(r"\w+_total\b", name)}


class Counted:
    """What a server has counted since this was made."""

    def __init__(self, server: Server):
        self.server = server
        self.before = counts(server)
        self.after = self.before

    def look(self) -> "Counted":
        self.after = counts(self.server)
        return self

    def of(self, metric: str, **labels: str) -> int:
        """The sum over all lines of a metric that have these labels."""
        if not any(re.match(rf"{metric}\b", name) for name in self.after):
            raise AssertionError(f"the server has no metric {metric}")
        has = lambda name: re.match(rf"{metric}\b", name) and all(f'{key}="{value}"' in name for key, value in labels.items())
        return sum(count - self.before.get(name, 0) for name, count in self.after.items() if has(name))

    def by(self, metric: str, label: str) -> dict[str, int]:
        """What is not zero, by the value of a label."""
        found = (re.search(rf'^{metric}\{{.*\b{label}="(\w+)"', name) for name in self.after)
        each = {value: self.of(metric, **{label: value}) for value in sorted({match.group(1) for match in found if match})}
        return {value: count for value, count in each.items() if count}


def sockets(server: Server) -> str:
    """The UDP sockets that the server has, by the system's own account."""
    lines = subprocess.run(["ss", "-Huanp"], check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
    own = [line.split()[3] for line in lines if f"pid={server.process.pid}," in line]
    listening = [local for local in own if local == f"{HOST}:{server.plain}"]
    if not listening:
        raise AssertionError(f"ss shows no socket of the server: {lines[:5]}")
    if len(own) != len(listening):
        raise AssertionError(f"{len(own)} UDP sockets, of which {len(listening)} listen: closed calls need no other")
    return f"no UDP sockets but the {len(listening)} that listen"


class Closed:
    """The two servers and the issuer of their tokens."""

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path, certificate: pathlib.Path, key: pathlib.Path):
        self.issuer = Issuer(binary, folder)
        # What the audit log of the north must say in the end: calls by what the seal saw, refusals by reason, revocations.
        self.calls, self.reasons, self.revocations = (collections.Counter() for _ in range(3))

        # Only the server of the south heeds it when a token names somebody outside, so only that one opens ports.
        def start(name: str, region: str, elsewhere: list[str], peers: str | None = None) -> Server:
            who = f"""
[tokens]
keyring = "{self.issuer.keyring}"
cluster = "{CLUSTER}"
region = "{region}"
elsewhere = {json.dumps(elsewhere)}
outside = {"true" if peers else "false"}

[operator]
socket = "{folder / name}.sock"

[audit]
directory = "{folder / name}-audit"
"""
            return start_hilum(folder, name, binary, certificate, key, who, peers)

        self.south = start("south", SOUTH, [], outside.NEIGHBOUR)
        try:
            self.north = start("north", NORTH, [f"{SOUTH}={HOST}:{self.south.plain}"])
        except Exception:
            self.south.stop()
            raise

    def scenarios(self):
        """(name, what to call)."""

        def met(*parties, **more):
            return lambda: self.met(parties, **more)

        yield "tokens of one call: four browsers in a mesh", met(*FOUR, direct=True)
        yield "tokens of one call: firefox-chromium over tcp", met("firefox", "chromium", way="tcp")
        yield "tokens of one call: chromium-chromium over tls", met("chromium", "chromium", way="tls")
        yield "tokens of one call: aiortc", self.aiortc
        yield "tokens of four calls: no two browsers meet", self.apart
        yield "tokens that do not hold: no browser gets a candidate", self.refused
        yield "a call that is revoked: its media stops", self.revoked
        yield "beyond the call: nothing is reached", self.beyond

    def met(self, parties: tuple[str, ...], **more) -> str:
        """A good call, of which nothing is refused."""
        north, seen = Counted(self.north), []
        who = self.issuer.parties(len(parties))
        said, line = browser.call(self.north, list(parties), who=who, during=lambda: seen.append(sockets(self.north)), **more)
        north.look()
        refused = {metric: north.of(metric) for metric in ("hilum_token_refusals_total", "hilum_peer_refusals_total")}
        refused |= {"elsewhere": north.of("hilum_tokens_elsewhere_total")}
        refused |= {"other_call": north.of("hilum_discards_total", reason="other_call")}
        if any(refused.values()):
            raise AssertionError(f"something of a good call was refused: {refused}")
        inside, leaving = relayed(north)
        if inside < said["packets"] or leaving:
            raise AssertionError(f"{said['packets']} media packets arrived, {inside} inside the relay, {leaving} outside")
        self.calls["sealed"] += 1
        return f"{line}; {inside} inside the relay, {leaving} outside; {seen[0]}"

    def aiortc(self) -> str:
        line = ice.aiortc_both_ways(self.north, *self.issuer.parties(2))
        self.calls["sealed"] += 1
        return line

    def parties(self, browsers: list[str], who: list[tuple[str, str]]) -> list[dict]:
        relays = [browser.ways(self.north, self.north.plain, each) for each in who]
        return [{"browser": each, "relay": relay} for each, relay in zip(browsers, relays, strict=True)]

    def apart(self) -> str:
        """Every party has a call of its own: each gets candidates, and none a way to another."""
        north = Counted(self.north)
        alone = [self.issuer.parties(1)[0] for _ in FOUR]
        said, _ = browser.drive({"kind": "apart", "parties": self.parties(FOUR, alone)})
        north.look()
        begun, stopped = north.of("hilum_allocations_begun_total"), north.of("hilum_discards_total", reason="other_call")
        passed = sum(relayed(north))
        line = f"{said['failed']} connections failed; {begun} allocations, {stopped} checks stopped, {passed} packets relayed"
        # Every side of every connection checks more than once.
        if begun < len(FOUR) or stopped < 2 * said["failed"] or passed:
            raise AssertionError(line)
        self.calls["not-opened"] += len(FOUR)
        self.reasons["datagram/other_call"] += stopped
        return line

    def refused(self) -> str:
        """No candidate for any of them, and the browser is told why. With a token of the south Firefox goes there.

        Chromium is sent there as well, and does not go because it lets no relay send it to a loopback address.
        """
        north, south = Counted(self.north), Counted(self.south)
        who = self.cases() | {"south": self.issuer.mint(self.issuer.call(), "a", SOUTH)}
        relays = {name: browser.ways(self.north, self.north.plain, each)["udp"] for name, each in who.items()}
        said, _ = browser.drive({"kind": "refused", "parties": [{"browser": each, "cases": relays} for each in BOTH]})
        told = collections.Counter()
        for each, party in BOTH.items():
            for name, (code, reason) in REFUSED.items():
                errors = expect(f"{each}, {name}", said[party][name], code)
                told[reason] += errors
        from_chromium = expect("chromium, sent to the south", said[BOTH["chromium"]]["south"], 300)
        went = said[BOTH["firefox"]]["south"]
        if not went["ended"] or "relay" not in went["types"] or went["errors"]:
            raise AssertionError(f"Firefox has not followed to the south: {went}")
        north.look(), south.look()
        # A question that is asked again on a slow machine is counted again.
        counted = north.by("hilum_token_refusals_total", "reason") | {None: told[None]}
        if set(counted) != set(told) or any(counted[reason] < count for reason, count in told.items()):
            raise AssertionError(f"the browsers were told of {dict(told)}, the server has counted {counted}")
        elsewhere, sent = north.of("hilum_tokens_elsewhere_total"), north.of("hilum_requests_total", code="300")
        begun = {"north": north.of("hilum_allocations_begun_total"), "south": south.of("hilum_allocations_begun_total")}
        if begun["north"] or not begun["south"] or sent <= from_chromium or elsewhere < sent + len(BOTH):
            raise AssertionError(f"allocations {begun}, {elsewhere} for other regions, {sent} sent to another relay")
        self.reasons.update({f"token/{reason}": count for reason, count in counted.items() if reason})
        codes = {name: code for name, (code, _) in REFUSED.items()}
        return f"both browsers are told {codes}; counted {counted}, {elsewhere} for other regions; allocations {begun}"

    def cases(self) -> dict[str, tuple[str, str]]:
        """A token for each of REFUSED."""
        mint = lambda **more: self.issuer.mint(self.issuer.call(), "a", **more)
        made = [
            mint(window=(HOUR, 2 * HOUR, 3 * HOUR)),
            mint(window=(-2 * HOUR, -HOUR, HOUR)),
            mint(window=(-3 * HOUR, -2 * HOUR, -HOUR)),
            self.issuer.altered(),
            self.issuer.forged(),
            mint(cluster="another-cluster"),
            mint(region=NOWHERE),
            mint(),
        ]
        self.revoke("token", made[-1][0])
        return dict(zip(REFUSED, made, strict=True))

    def operate(self, *arguments) -> str:
        return self.issuer.hilum(*arguments, "--socket", f"{self.north.folder / 'north'}.sock")

    def revoke(self, what: str, which: str) -> None:
        self.operate("revoke", f"--{what}", which)
        self.revocations[what] += 1

    def revoked(self) -> str:
        """Two browsers talk, the call is revoked, and it is over for both: no media, and no new candidate."""
        north, call = Counted(self.north), self.issuer.call()
        who = [self.issuer.mint(call, party) for party in ("party-0", "party-1")]
        took = []

        def cut() -> None:
            running = self.operate("calls")
            if call not in running:
                raise AssertionError(f"hilum calls does not show the call: {running}")
            begin = time.monotonic()
            self.revoke("call", f"{ISSUER}/{call}")
            took.append(time.monotonic() - begin)
            running = self.operate("calls")
            if call in running:
                raise AssertionError(f"hilum calls still shows the call: {running}")

        browsers = list(BOTH)
        said, _ = browser.drive({"kind": "cut", "parties": self.parties(browsers, who)}, during=cut)
        errors = sum(expect(f"{each}, again", again, 403) for each, again in zip(browsers, said["again"], strict=True))
        north.look()
        ended, refused = (
            north.of("hilum_allocations_ended_total", cause="revoked"),
            north.of("hilum_token_refusals_total", reason="revoked"),
        )
        line = f"{said['before']} media packets before, {said['more']} after, while {said['sent']} were sent; "
        line += f"{ended} allocations ended in {took[0] * 1000:.0f} ms, command included; {refused} refusals with 403"
        if ended < len(who) or refused < errors:
            raise AssertionError(line)
        self.calls["sealed"] += 1
        self.reasons["token/revoked"] += refused
        return line

    def beyond(self) -> str:
        south = Counted(self.south)

        async def counted(metric: str, expected: dict[str, int]) -> None:
            end = time.monotonic() + outside.SOON
            while (found := south.look().by(metric, "reason")) != expected:
                if time.monotonic() > end:
                    raise AssertionError(f"{metric}: {found}, not {dict(expected)}")

        return outside.beyond(self.south, self.issuer, SOUTH, counted)


    def recorded(self) -> str:
        """The audit log of the north, which has ended: whole, and it says of every call what the browsers have seen."""
        directory = f"{self.north.folder / 'north'}-audit"
        verified = self.issuer.hilum("audit", "verify", directory)
        text = self.issuer.hilum("audit", "export", directory, "--from", "2020-01-01", "--to", "2100-01-01")
        canaries.judge(text)
        records = [json.loads(line) for line in text.splitlines()]
        of = lambda kind: [record["body"] for record in records if record["kind"] == kind]
        calls, reasons = of("call-ended"), collections.Counter()
        for body in of("refusals"):
            reasons.update(body["reasons"])
        ended = collections.Counter(body["seal"] for body in calls)
        carried = {seal: [body["bytes_up"] + body["bytes_down"] for body in calls if body["seal"] == seal] for seal in ended}
        if ended != self.calls or len(of("call-begun")) != self.calls.total() or any(body["region"] != NORTH for body in calls):
            raise AssertionError(f"on record are {calls}, begun {len(of('call-begun'))}, but there were {dict(self.calls)}")
        if not all(carried.get("sealed", [])) or any(carried.get("not-opened", [])):
            raise AssertionError(f"bytes of calls: {carried}")
        if missing := {reason: count for reason, count in self.reasons.items() if reasons[reason] < count}:
            raise AssertionError(f"on record are {dict(reasons)}, but there were {missing}")
        revoked = collections.Counter(body["what"] for body in of("revoked"))
        if revoked != self.revocations:
            raise AssertionError(f"on record are the revocations {dict(revoked)}, but there were {dict(self.revocations)}")
        verdict = next(line for line in verified.splitlines() if line.startswith("verdict"))
        return f"{len(records)} records; {verdict}; calls {dict(ended)}, revoked {dict(revoked)}, refused {dict(reasons)}"


def relayed(server: Counted) -> tuple[int, int]:
    """How many packets have gone from client to client inside the relay, and to or from anybody outside."""
    inside, *leaving = (server.of("hilum_packets_total", direction=way) for way in ("inside", "to_peer", "from_peer"))
    return inside, sum(leaving)


def expect(what: str, gathered: dict, code: int) -> int:
    """How often the browser was told this code, which must be all that it was told."""
    codes = [error["errorCode"] for error in gathered["errors"]]
    if not gathered["ended"] or gathered["types"] or set(codes) != {code}:
        raise AssertionError(f"{what}: not {code}, and no candidate, but {gathered}")
    return len(codes)
