"""The relay under a real systemd: `python3 boot.py [--binary FILE] --calls FILE [--only WORD]`, as root.

A Debian 12 is booted in a container, the relay is installed there as docs/operating.md says, and calls go on while it is
reloaded, restarted, stopped dead and killed. Prints a line per scenario and the count at the end; exits 1 if one failed.
"""

import argparse
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

import machine
import relay
from calls import Calls, Part

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "strangers"))
from judge import Judge  # noqa: E402  scenarios are judged alike
# Calls of two clients, and with a peer outside, whose relayed port is a socket.
CLOSED, OUTSIDE = 40, 10
RESTARTS = 10
# Which part of all packets the restarts may lose together, and for how long nothing may come when it was killed.
LOSS, SILENCE_MS = 0.001, 1500
# Seconds in which the relay that hangs is noticed and serves again: WatchdogSec, and a start on a loaded machine.
NOTICED_WITHIN = 20


def expect(claim: bool, what) -> None:
    if not claim:
        raise AssertionError(what)


def judged(part: dict, silence: float | None = None) -> str:
    """Says what was counted; nobody had to begin anew, and nothing came that was never sent."""
    line = f"{part['sent']} packets, {part['sent'] - part['arrived']} lost, longest silence {part['silence_ms']} ms, "
    line += f"{part['renewed']} requests granted, {part['forgotten']} allocations forgotten"
    for name in ("forgotten", "failed", "altered", "doubled"):
        expect(part[name] == 0, f"{name}: {part}")
    expect(part["renewed"] > 0, f"nobody asked for more time: {part}")
    expect(silence is None or part["silence_ms"] <= silence, f"nothing came for {part['silence_ms']} ms: {part}")
    return line


class Scenarios:
    """In their order; the calls begin with the first one and end with the last one."""

    def __init__(self, at: relay.Relay, calls: Calls):
        self.at, self.calls = at, calls

    def all(self):
        """(name, what to call)."""
        yield "installed as the documents say", self.at.install
        yield "the first packet starts it: socket activation", self.activated
        yield "the calls go on by themselves", self.undisturbed
        yield "a bad file does not stop it, and a good one is taken", self.reloaded
        yield f"restarted {RESTARTS} times", self.restarted
        yield "killed", self.killed
        yield "hangs: the watchdog kills it", self.hanging
        yield "the calls end, and nothing is left", self.over
        yield "stopped: what was kept for a restart is gone", self.stopped

    def activated(self) -> str:
        self.at.machine.run("systemctl start hilum.socket")
        expect(self.at.state() == "inactive", "the relay runs before somebody comes")
        begin = time.monotonic()
        self.calls.begin(CLOSED, OUTSIDE)
        took = time.monotonic() - begin
        expect(self.at.state() == "active", f"the relay is {self.at.state()}")
        self.at.page()
        return f"{CLOSED + OUTSIDE} calls begun {took:.1f} s after the first packet"

    def undisturbed(self) -> str:
        part = Part(self.calls)
        time.sleep(3)
        after = part.over(self.calls.look())
        expect(after["sent"] > 0 and after["arrived"] > 0.98 * after["sent"], f"a load that loses by itself: {after}")
        return judged(after)

    def reloaded(self) -> str:
        part, before, good = Part(self.calls), self.at.pid(), self.at.configuration()
        self.at.configure(good.replace("[limits]", "[limits]\nno_such_key = 1"))
        refused = self.at.machine.attempt("systemctl reload hilum")
        expect(refused.returncode != 0, "a reload with a bad file succeeds")
        expect("no_such_key" in self.at.journal(), "the journal does not say what is wrong with the file")
        self.at.configure(good.replace("[limits]", "[limits]\npermissions = 63"))
        self.at.machine.run("systemctl reload hilum")
        expect((self.at.state(), self.at.pid()) == ("active", before), "another process, or none")
        self.at.configure(good)
        self.at.machine.run("systemctl reload hilum")
        return f"exit code {refused.returncode} for the bad one; {judged(part.over(self.calls.settled(5)), SILENCE_MS)}"

    def restarted(self) -> str:
        part, begun, pids = Part(self.calls), [], {self.at.pid()}
        for _ in range(RESTARTS):
            self.at.machine.run("systemctl restart hilum")
            pids.add(self.at.pid())
            self.at.page()
            time.sleep(2)
            begun.append(self.at.metric("hilum_allocations_begun_total"))
        after = part.over(self.calls.settled(5))
        line = judged(after)
        expect(len(pids) == RESTARTS + 1, f"not a new process each time: {pids}")
        expect(not any(begun), f"new allocations after restarts: {begun}")
        lost = (after["sent"] - after["arrived"]) / after["sent"]
        expect(lost < LOSS, f"{lost:.2%} lost: {line}")
        return line

    def killed(self) -> str:
        return self.anew("kill -KILL", 5, SILENCE_MS)

    def hanging(self) -> str:
        return self.anew("kill -STOP", NOTICED_WITHIN, NOTICED_WITHIN * 1000)

    def anew(self, kill: str, patience: float, silence: float) -> str:
        """What happens to the process makes systemd start another one, and the calls go on there."""
        part, before, restarts = Part(self.calls), self.at.pid(), self.at.restarts()
        begin = time.monotonic()
        self.at.machine.run(f"{kill} {before}")
        other = lambda: self.at.state() == "active" and self.at.pid() != before
        self.at.machine.until(patience, other, "other process")
        took = time.monotonic() - begin
        self.at.page()
        after = part.over(self.calls.settled(10))
        line = f"another process after {took:.1f} s; {judged(after, silence)}"
        expect(self.at.restarts() == restarts + 1, f"{self.at.restarts() - restarts} starts: {line}")
        time.sleep(1.2)  # metrics are published once a second
        begun = self.at.metric("hilum_allocations_begun_total")
        expect(begun == 0, f"{begun} new allocations: {line}")
        return line

    def over(self) -> str:
        said = self.calls.end()
        expect(said["forgotten"] == said["failed"] == 0, said)
        left = lambda: self.at.metric("hilum_allocations") == 0
        self.at.machine.until(5, left, "end of all allocations")
        return f"{said['sent']} packets in all, {said['sent'] - said['arrived']} lost"

    def stopped(self) -> str:
        self.at.machine.run("systemctl stop hilum.socket hilum.service")
        expect(self.at.state() == "inactive", f"the relay is {self.at.state()}")
        expect(self.at.machine.show("hilum", "Result") == "success", self.at.journal()[-1000:])
        left = self.at.machine.attempt("ls -A /run/hilum").stdout.split()
        expect(not left, f"left in /run/hilum: {left}")
        said = self.at.machine.run("hilum audit verify /var/lib/hilum/audit")
        return "ends with success; " + next(line for line in said.splitlines() if line.startswith("verdict"))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/hilum")
    options.add_argument("--calls", type=pathlib.Path, required=True, help="the program that `cargo bench --bench calls` builds")
    options.add_argument("--only", default="", help="run the scenarios whose name matches this")
    chosen = options.parse_args()
    # Told to stop, this ends what it has started before it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    calls, booted, judge = None, None, Judge("boot")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hilum-boot-"))
    began = time.monotonic()
    try:
        debian = machine.installed(ROOT / "target" / "boot")
        print(f"Debian is there after {time.monotonic() - began:.1f} s", flush=True)
        tree = relay.tree(ROOT, folder, chosen.binary)
        booted = machine.Machine(debian, folder, f"--bind-ro={tree}:{relay.TREE}")
        print(f"booted in {booted.boot_seconds:.1f} s: {booted.run('systemctl --version').splitlines()[0]}", flush=True)
        command = booted.at_its_network(str(chosen.calls), "--server", relay.SERVER, "--peers", relay.PEERS)
        calls = Calls(command, folder / "keyring.toml")
        at = relay.Relay(booted, ROOT, folder)
        for name, call in Scenarios(at, calls).all():
            if re.search(chosen.only, name):
                judge(name, call)
        if judge.failed:
            print(f"the relay said last:\n{at.journal()[-6000:]}", flush=True)
    finally:
        if calls:
            calls.stop()
        if booted:
            booted.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return judge.end()


if __name__ == "__main__":
    sys.exit(main())
