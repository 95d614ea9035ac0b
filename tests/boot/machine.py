"""A Debian 12 of its own, booted by its own systemd: `systemd-nspawn` with a network that has a loopback and no more.

What is installed is kept below target/, and every boot has a fresh layer over it, which is gone when the machine is.
"""

import pathlib
import shutil
import subprocess
import time

SUITE = "bookworm"
PACKAGES = "systemd,systemd-sysv,dbus,iproute2"
MIRROR = "http://deb.debian.org/debian"
# Seconds, for an installation over a slow network, for a boot, and for a shutdown.
INSTALLED_WITHIN, BOOTED_WITHIN, STOPPED_WITHIN = 900, 60, 20
# Namespaces of the machine that a command of ours enters.
WHOLE = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")


def installed(below: pathlib.Path) -> pathlib.Path:
    """The directory of an installed Debian, made when it is not there."""
    root = below / SUITE
    if not root.exists():
        half = below / f"{SUITE}.half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(half), MIRROR]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALLED_WITHIN)
        if done.returncode != 0:
            raise RuntimeError(f"debootstrap: exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        half.rename(root)
    return root


def children(pid: int) -> list[int]:
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Machine:
    """A booted machine."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path, *options: str):
        self.console = folder / "console"
        command = ["systemd-nspawn", "--quiet", "--directory", str(root), "--volatile=overlay", "--boot", "--register=no"]
        command += ["--keep-unit", "--private-network", "--machine=hilum-boot", "--console=pipe", *options]
        began = time.monotonic()
        with open(self.console, "wb") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
        try:
            self.leader = self.until(BOOTED_WITHIN, lambda: next(iter(children(self.process.pid)), None), "an init")
            self.until(BOOTED_WITHIN, self.is_up, "a finished boot")
        except BaseException:
            self.stop()
            raise
        self.boot_seconds = time.monotonic() - began

    def until(self, seconds: float, what, name: str):
        """The first true value of `what`, asked for again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                said = self.console.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the machine has ended with {self.process.returncode}:\n{said}")
            if value := what():
                return value
            time.sleep(0.05)
        raise AssertionError(f"no {name} within {seconds} s")

    def is_up(self) -> bool:
        return self.attempt("systemctl is-system-running").stdout.strip() == "running"

    def attempt(self, command: str) -> subprocess.CompletedProcess:
        """Runs a command of the shell inside; it may fail."""
        enter = ["nsenter", "--target", str(self.leader), *WHOLE, "--", "/bin/sh", "-c", command]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        run = dict(stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, start_new_session=True)
        return subprocess.run(enter, env=environment, **run)

    def run(self, command: str) -> str:
        """Runs a command of the shell inside, which must succeed; what it prints."""
        done = self.attempt(command)
        if done.returncode != 0:
            raise AssertionError(f"{command}: exit code {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done.stdout

    def path(self, inside: str) -> pathlib.Path:
        """Where a file of the machine is for us."""
        return pathlib.Path(f"/proc/{self.leader}/root{inside}")

    def at_its_network(self, *command: str) -> list[str]:
        """The command line that runs a program of ours with the machine's network."""
        return ["nsenter", "--target", str(self.leader), "--net", "--", *command]

    def show(self, unit: str, name: str) -> str:
        return self.run(f"systemctl show --value --property {name} {unit}").strip()

    def journal(self, unit: str) -> str:
        return self.attempt(f"journalctl --no-pager --output cat --unit {unit}").stdout

    def stop(self) -> None:
        if self.process.poll() is None:
            # Halts the machine.
            self.process.terminate()
            try:
                self.process.wait(timeout=STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)
