"""Records what two aiortc peers send each other: DTLS, SRTP and SRTCP, for `recordings/aiortc.bin`.

    tests/strangers/.venv/bin/python tests/seal/record_aiortc.py tests/seal/recordings/aiortc.bin

Each datagram is one byte for who sent it (0 or 1), four bytes for the milliseconds since the start, two for its length,
and its bytes; numbers are big-endian. ICE is left out: the two are joined in memory.
"""

import asyncio
import struct
import sys
import time

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport


class Joined:
    """As much of an ICE transport as DTLS wants of one."""

    def __init__(self, role: str, out: asyncio.Queue, back: asyncio.Queue, log: list, number: int, start: float) -> None:
        self.role, self.out, self.back, self.log, self.number, self.start = role, out, back, log, number, start
        self.state = "completed"
        self._connection = self

    async def _recv(self) -> bytes:
        return await self.back.get()

    async def _send(self, data: bytes) -> None:
        self.log.append((self.number, int(1000 * (time.monotonic() - self.start)), data))
        await self.out.put(data)


async def record(path: str) -> None:
    one, other, log, start = asyncio.Queue(), asyncio.Queue(), [], time.monotonic()
    ices = [Joined("controlling", one, other, log, 0, start), Joined("controlled", other, one, log, 1, start)]
    ends = [RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()]) for ice in ices]
    offers = [end.getLocalParameters() for end in ends]
    await asyncio.gather(ends[0].start(offers[1]), ends[1].start(offers[0]))
    for number in range(40):
        sender = ends[number % 2]
        header = struct.pack("!BBHII", 0x80, 111, number, 960 * number, 7 + number % 2)
        await sender._send_rtp(header + b"\x78" + bytes(79))
        report = struct.pack("!BBHIIIIII", 0x80, 200, 6, 7 + number % 2, 1, 2, 3, 4, 5)
        if number % 10 < 2:
            await sender._send_rtp(report)
    await ends[0]._send_data(b"a data channel")
    await asyncio.gather(*(end.stop() for end in ends))
    with open(path, "wb") as file:
        for number, at, data in log:
            file.write(struct.pack("!BIH", number, at, len(data)) + data)
    print(len(log), "datagrams")


asyncio.run(record(sys.argv[1]))
