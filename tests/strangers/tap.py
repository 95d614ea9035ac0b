"""A man in the middle for UDP: it carries datagrams between clients and a server, and writes down what it carried.

    python tap.py --to 127.0.0.1:3478 --pcap call.pcap --loss 0.2 --duplication 0.1 --reordering 0.2 --seed 7

Clients speak to the tap as if it were the server. Each gets a socket of its own towards the server, so the server sees
as many 5-tuples as there are clients. On request datagrams are lost, doubled or held back until the next ones have gone
by; only those that carry DTLS for a peer, or all of them. The same seed gives the same draws, but which datagram meets
which draw is up to the network.

The capture is a classic pcap of raw IPv4 packets: the server is 192.0.2.1:3478, the first client 192.0.2.10 and so on.
"""

import argparse
import pathlib
import random
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

COOKIE = 0x2112A442
# Method and class of the messages that carry a datagram for or from a peer (RFC 8656 §11).
SEND, DATA = 0x0016, 0x0017
ATTRIBUTE_DATA = 0x0013
# A DTLS handshake inside ICE checks: what current browsers try first where both offer it.
DTLS_IN_STUN = (0xC070, 0xC071)
# LINKTYPE_RAW: packets begin with their IP header.
RAW = 101
SERVER = ("192.0.2.1", 3478)
# How long a datagram is held back for reordering, in seconds; a longer time only looks like loss.
HELD = (0.01, 0.12)


def attributes(message: bytes):
    """(type, value) of each attribute of a STUN message, as far as they go."""
    at = 20
    while at + 4 <= len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        yield kind, message[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def is_stun(datagram: bytes) -> bool:
    return len(datagram) >= 20 and datagram[0] < 4 and int.from_bytes(datagram[4:8]) == COOKIE


def carried(datagram: bytes) -> bytes | None:
    """What a ChannelData message, a Send or a Data indication carries for a peer."""
    if len(datagram) >= 4 and 0x40 <= datagram[0] <= 0x4F:
        return datagram[4 : 4 + int.from_bytes(datagram[2:4])]
    if is_stun(datagram) and int.from_bytes(datagram[:2]) in (SEND, DATA):
        return next((value for kind, value in attributes(datagram) if kind == ATTRIBUTE_DATA), None)
    return None


def is_dtls(payload: bytes | None) -> bool:
    """By its first byte (RFC 7983 §7), or inside an ICE check."""
    if not payload:
        return False
    return 20 <= payload[0] <= 63 or is_stun(payload) and any(kind in DTLS_IN_STUN for kind, _ in attributes(payload))


def hellos(payload: bytes | None) -> int:
    """How many DTLS ClientHellos begin here: first fragments, of which a retransmitted one counts again."""
    if not is_dtls(payload):
        return 0
    if is_stun(payload):
        return sum(hellos(value) for kind, value in attributes(payload) if kind in DTLS_IN_STUN)
    found, at = 0, 0
    # Handshake record of epoch 0; then the message's type, and its fragment's offset (RFC 6347 §4.1, §4.2.2).
    while len(payload) >= at + 25 and payload[at] == 22 and payload[at + 3 : at + 5] == b"\0\0":
        found += payload[at + 13] == 1 and payload[at + 19 : at + 22] == b"\0\0\0"
        at += 13 + int.from_bytes(payload[at + 11 : at + 13])
    return found


def checksum(data: bytes) -> int:
    """The Internet's (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2])) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packet(source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> bytes:
    """An IPv4 packet with a UDP datagram, both checksums right."""
    ends = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", source[1], destination[1], length, 0) + payload
    udp_sum = checksum(ends + struct.pack("!BBH", 0, socket.IPPROTO_UDP, length) + udp) or 0xFFFF
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 64, socket.IPPROTO_UDP, 0) + ends
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return header + udp[:6] + struct.pack("!H", udp_sum) + udp[8:]


class Capture:
    """A pcap file of what went by, `most` packets at the most."""

    def __init__(self, path: pathlib.Path, most: int):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW))
        self.left = most

    def write(self, source: tuple[str, int], destination: tuple[str, int], payload: bytes) -> None:
        if self.left > 0 and not self.file.closed:
            self.left -= 1
            data = packet(source, destination, payload)
            seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
            self.file.write(struct.pack("<IIII", seconds, nanoseconds // 1000, len(data), len(data)) + data)


@dataclass
class Trouble:
    """How likely it is, from 0 to 1, that a datagram is lost, comes twice, or comes late."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    everything: bool = False
    seed: int = 0


@dataclass
class Counts:
    carried: int = 0
    lost: int = 0
    doubled: int = 0
    late: int = 0
    # Lost because the way was closed.
    cut: int = 0
    # First fragments of ClientHellos that clients have sent.
    hellos: int = 0


@dataclass(order=True)
class Late:
    due: float
    send: object = field(compare=False)


class Tap:
    """Runs in a thread of its own from `start` to `stop`; also `with Tap(...) as tap`."""

    def __init__(self, server: tuple[str, int], capture: pathlib.Path, trouble: Trouble = Trouble(), most: int = 1 << 20):
        self.server = server
        self.capture = Capture(capture, most)
        self.trouble = trouble
        self.random = random.Random(trouble.seed)
        self.counts = Counts()
        self.late: list[Late] = []
        # A firewall that falls shut: nothing passes while this is set.
        self.closed = False
        self.clients: dict[tuple[str, int], socket.socket] = {}
        self.inside = self._socket()
        self.inside.bind((server[0], 0))
        self.port = self.inside.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.inside, selectors.EVENT_READ, self._from_clients)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Tap":
        self.thread.start()
        return self

    def stop(self) -> None:
        self.ended.set()
        self.thread.join(timeout=5)
        self.selector.close()
        self.capture.file.close()
        for one in [self.inside, *self.clients.values()]:
            one.close()

    def __enter__(self) -> "Tap":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    @staticmethod
    def _socket() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        # Room for bursts: what the tap loses by itself nobody has asked for.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return made

    def _run(self) -> None:
        while not self.ended.is_set():
            for key, _ in self.selector.select(timeout=0.005 if self.late else 0.1):
                key.data(key.fileobj)
            now = time.monotonic()
            due = [late for late in self.late if late.due <= now]
            self.late = [late for late in self.late if late.due > now]
            for late in sorted(due):
                late.send()

    @staticmethod
    def _read(one: socket.socket):
        """All datagrams that wait in a socket, and where each came from."""
        while True:
            try:
                yield one.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:  # what an unreachable port of a client that has gone leaves behind
                continue

    def _from_clients(self, inside: socket.socket) -> None:
        for datagram, client in self._read(inside):
            if client not in self.clients:
                outside = self._socket()
                outside.connect(self.server)
                shown = (f"192.0.2.{10 + len(self.clients) % 240}", client[1])
                self.clients[client] = outside
                self.selector.register(
                    outside,
                    selectors.EVENT_READ,
                    lambda outside, client=client, shown=shown: self._from_server(outside, client, shown),
                )
            shown = (f"192.0.2.{10 + list(self.clients).index(client) % 240}", client[1])
            outside = self.clients[client]
            self._carry(datagram, shown, SERVER, lambda datagram=datagram, outside=outside: outside.send(datagram))

    def _from_server(self, outside: socket.socket, client: tuple[str, int], shown: tuple[str, int]) -> None:
        for datagram, _ in self._read(outside):
            self._carry(datagram, SERVER, shown, lambda datagram=datagram: self.inside.sendto(datagram, client))

    def _carry(self, datagram: bytes, source, destination, send) -> None:
        """Writes down and sends on, unless trouble comes. A lost datagram is not in the capture, a double is twice."""

        def go() -> None:
            self.counts.carried += 1
            self.capture.write(source, destination, datagram)
            try:
                send()
            except OSError:  # a full buffer or a closed port: a datagram may be lost
                pass

        trouble, counts = self.trouble, self.counts
        if self.closed:
            counts.cut += 1
            return None
        inner = carried(datagram)
        dtls = is_dtls(inner)
        if dtls and destination == SERVER:
            counts.hellos += hellos(inner)
        if not trouble.everything and not dtls:
            return go()
        if self.random.random() < trouble.loss:
            counts.lost += 1
            return None
        doubled = self.random.random() < trouble.duplication
        counts.doubled += doubled
        if self.random.random() < trouble.reordering:
            counts.late += 1
            self.late.append(Late(time.monotonic() + self.random.uniform(*HELD), go))
        else:
            go()
        if doubled:
            go()
        return None


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--to", required=True, help="ADDRESS:PORT of the server")
    options.add_argument("--pcap", required=True, type=pathlib.Path)
    options.add_argument("--most", type=int, default=1 << 20, help="packets in the capture, at the most")
    options.add_argument("--seconds", type=float, default=600, help="when to end")
    for what in ("loss", "duplication", "reordering"):
        options.add_argument(f"--{what}", type=float, default=0.0)
    options.add_argument("--everything", action="store_true", help="trouble for all datagrams, not only for DTLS")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    host, port = chosen.to.rsplit(":", 1)
    trouble = Trouble(chosen.loss, chosen.duplication, chosen.reordering, chosen.everything, chosen.seed)
    tap = Tap((host, int(port)), chosen.pcap, trouble, chosen.most)
    print(f"listening on {host}:{tap.port}", flush=True)
    try:
        with tap:
            time.sleep(chosen.seconds)
    except KeyboardInterrupt:
        pass
    print(tap.counts)


if __name__ == "__main__":
    main()
