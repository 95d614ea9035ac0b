"""What becomes of scenarios: a line for each, and the count."""

import sys
import time
import traceback


class Judge:
    def __init__(self, title: str):
        self.title, self.passed, self.failed, self.began = title, 0, 0, time.monotonic()

    def __call__(self, name: str, call):
        begin = time.monotonic()
        try:
            said = call() or ""
            self.passed += 1
            print(f"ok     {name}: {said} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception as error:  # a scenario may fail in any way; each is one line here and the rest go on
            self.failed += 1
            print(f"FAILED {name} ({time.monotonic() - begin:.1f} s): {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc(file=sys.stdout)

    def end(self) -> int:
        """Says the count; the exit code. That nothing was tried is a failure."""
        took = time.monotonic() - self.began
        print(f"{self.title}: {self.passed} passed, {self.failed} failed, in {took:.0f} s", flush=True)
        return 1 if self.failed or not self.passed else 0
