"""Two headless Chromium pages call each other through the relay; browser.mjs drives them."""

import json
import os
import pathlib
import shutil
import subprocess

import ice
from server import HOST, Server

HERE = pathlib.Path(__file__).resolve().parent
# Seconds for one call with its ICE restart.
BOUND = 150


def trust(home: pathlib.Path, certificate: pathlib.Path) -> None:
    """Chromium asks its user's NSS database whom to trust for a relay; ignoring errors of pages does not reach it."""
    for database in (home / ".pki/nssdb", home / ".local/share/pki/nssdb"):
        database.mkdir(parents=True)
        for command in (["-N", "--empty-password"], ["-A", "-n", "relay", "-t", "C,,", "-i", str(certificate)]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *command], check=True, capture_output=True, timeout=30)


def call(server: Server, transport: str) -> str:
    home = server.folder / f"home-{transport}"
    trust(home, server.folder / "certificate.pem")
    name, password = ice.credential("shared-secret")
    scheme, port = ("turns", server.tls) if transport == "tls" else ("turn", server.plain)
    through = "udp" if transport == "udp" else "tcp"
    relay = {"urls": f"{scheme}:{HOST}:{port}?transport={through}", "username": name, "credential": password}
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / ".local/share"), "RELAY": json.dumps(relay)}
    process = subprocess.Popen(
        ["node", str(HERE / "browser.mjs"), transport],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said, complained = process.communicate(timeout=BOUND)
    except subprocess.TimeoutExpired:
        # SIGTERM lets the script's driver close the browser that it started.
        process.terminate()
        said, complained = process.communicate(timeout=30)
        raise AssertionError(f"no result in {BOUND} s:\n{(said + complained)[-1500:]}") from None
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if process.returncode != 0:
        raise AssertionError(f"exit code {process.returncode}:\n{(said + complained)[-2500:]}")
    return said.strip()
