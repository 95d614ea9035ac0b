"""The calls that go on while something is done to the relay: `benches/calls`, as a program that obeys."""

import json
import pathlib
import select
import subprocess
import time

# Seconds in which an order is obeyed; calls begin one after the other, and the last look waits for what is on its way.
OBEYED_WITHIN = 60

# No longer silence means that a call goes on: some packets late, on a loaded machine.
QUIET_MS = 300


class Calls:
    """All the calls of one relay. What is counted is as `benches/calls` says it."""

    def __init__(self, command: list[str], keyring: pathlib.Path):
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process = subprocess.Popen([*command, "--keyring", str(keyring)], **pipes)
        self.hear()

    def hear(self) -> dict:
        if not select.select([self.process.stdout], [], [], OBEYED_WITHIN)[0]:
            raise AssertionError(f"the calls say nothing for {OBEYED_WITHIN} s")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the calls have ended with {self.process.wait(timeout=10)}")
        return json.loads(line)

    def order(self, order: str) -> dict:
        print(order, file=self.process.stdin, flush=True)
        return self.hear()

    def begin(self, closed: int, outside: int) -> None:
        self.order(f"begin {closed} {outside}")

    def look(self) -> dict:
        return self.order("look")

    def settled(self, patience: float) -> dict:
        """A look when the calls have gone on for some time without a gap; it has the longest silence until then."""
        end, silence = time.monotonic() + patience, 0
        while True:
            time.sleep(1)
            seen = self.look()
            silence = max(silence, seen["silence_ms"])
            if seen["silence_ms"] < QUIET_MS or time.monotonic() > end:
                return seen | {"silence_ms": silence}

    def end(self) -> dict:
        seen = self.order("end")
        self.process.stdin.close()
        self.process.wait(timeout=10)
        return seen

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)


class Part:
    """What has been counted between two looks."""

    def __init__(self, calls: Calls):
        self.calls = calls
        self.before = calls.look()

    def over(self, after: dict) -> dict:
        return {name: count - (0 if name == "silence_ms" else self.before[name]) for name, count in after.items()}
