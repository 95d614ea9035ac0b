"""coturn's own client tools against the server: turnutils_uclient with turnutils_peer, and turnutils_stunclient.

Debian's 4.6.1 picks channel numbers that RFC 8656 no longer has, so it sends indications here (-s); the other strangers
judge channels. Over TLS it reads in a blocking way and loses what comes too fast, so each TLS process drives one client
at 80 ms a packet and many processes run at once.
"""

import contextlib
import re
import subprocess
import time

from server import HOST, LABEL, PASSWORD, SECRET, USER, Server, free_port

PACKETS = 10_000
# (processes, clients of each, milliseconds between a client's packets)
PACE = {"udp": (1, 20, 10), "tcp": (1, 20, 10), "tls": (20, 1, 80)}
# Seconds for one run: the slowest is 500 packets at 80 ms, plus what a loaded machine adds.
BOUND = 150

CREDENTIALS = {
    "long-term": ["-u", USER, "-w", PASSWORD],
    "shared-secret": ["-u", LABEL, "-W", SECRET],
}
TRANSPORT = {"udp": [], "tcp": ["-t"], "tls": ["-t", "-S"]}


@contextlib.contextmanager
def peer():
    """turnutils_peer, the echo that the packets are relayed to; yields its port."""
    port = free_port()
    process = subprocess.Popen(
        ["turnutils_peer", "-L", HOST, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.3)
        if process.poll() is not None:
            raise AssertionError(f"turnutils_peer ended with {process.returncode}")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def start(server: Server, transport: str, credentials: str, clients: int, packets: int, pace: int, extra: list[str]):
    port = server.tls if transport == "tls" else server.plain
    command = ["turnutils_uclient", "-s", *TRANSPORT[transport], *CREDENTIALS[credentials], "-p", str(port)]
    command += ["-m", str(clients), "-n", str(packets), "-z", str(pace), "-l", "172", *extra, HOST]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def totals(process: subprocess.Popen, end: float) -> tuple[int, int, int]:
    """What a run says at its end: sent, received, lost. Fails if it says nothing."""
    try:
        output = process.communicate(timeout=max(1.0, end - time.monotonic()))[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.kill()
        output = process.communicate()[0].decode(errors="replace")
        raise AssertionError(f"not done in {BOUND} s:\n{output[-1500:]}") from None
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)\s*$", output, re.MULTILINE)
    lost = re.findall(r"Total lost packets (-?\d+) ", output)
    if process.returncode != 0 or not counts or not lost:
        raise AssertionError(f"exit code {process.returncode}, no totals:\n{output[-1500:]}")
    return int(counts[-1][0]), int(counts[-1][1]), int(lost[-1])


def run(server, transport, credentials, processes, clients, packets_each, pace, extra):
    """Runs `processes` at once and expects every packet of every client back."""
    started, end = [], time.monotonic() + BOUND
    try:
        for _ in range(processes):
            started.append(start(server, transport, credentials, clients, packets_each, pace, extra))
            time.sleep(0.05)
        results = [totals(process, end) for process in started]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=10)
    sent, received, lost = (sum(column) for column in zip(*results))
    expected = processes * clients * packets_each
    if (sent, received, lost) != (expected, expected, 0):
        raise AssertionError(f"of {expected} packets: sent {sent}, received {received}, lost {lost}")
    return f"{received} of {expected} packets back, {lost} lost"


def paced(server: Server, transport: str, credentials: str) -> str:
    """10,000 paced packets to the peer and back: none may be lost."""
    processes, clients, pace = PACE[transport]
    with peer() as port:
        each = PACKETS // processes // clients
        extra = ["-c", "-e", HOST, "-r", str(port)]
        return run(server, transport, credentials, processes, clients, each, pace, extra)


def even_port(server: Server, credentials: str) -> str:
    """Without -c each client asks for an even port and reserves the next one for a second allocation."""
    with peer() as port:
        return run(server, "udp", credentials, 1, 8, 250, 10, ["-e", HOST, "-r", str(port)])


def dont_fragment(server: Server, credentials: str) -> str:
    with peer() as port:
        return run(server, "udp", credentials, 1, 4, 250, 10, ["-c", "-g", "-e", HOST, "-r", str(port)])


def client_to_client(server: Server, transport: str, credentials: str) -> str:
    """Both ends are clients of this relay."""
    return run(server, transport, credentials, 1, 8, 250, 10, ["-c", "-y"])


def stunclient(server: Server) -> str:
    command = ["turnutils_stunclient", "-p", str(server.plain), HOST]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    output = done.stdout + done.stderr
    if done.returncode != 0 or not re.search(r"UDP reflexive addr: 127\.0\.0\.1:\d+", output):
        raise AssertionError(f"exit code {done.returncode}:\n{output[-1000:]}")
    return "a reflexive address of this host"
