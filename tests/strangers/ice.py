"""aioice and aiortc, Python's ICE and WebRTC, with relayed candidates only: data both ways through the relay."""

import asyncio
import base64
import hashlib
import hmac
import os
import time

from aioice import Candidate, Connection, TransportPolicy
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

from server import HOST, LABEL, PASSWORD, SECRET, USER, Server

# Datagrams each way through a pair of allocations.
DATAGRAMS = 200
# Bytes through the data channel and back.
MEGABYTE = 1 << 20
# Seconds for one scenario.
BOUND = 60


def credential(kind: str) -> tuple[str, str]:
    """User name and password; a time-limited one is good for ten minutes."""
    if kind == "long-term":
        return USER, PASSWORD
    name = f"{int(time.time()) + 600}:{LABEL}"
    return name, base64.b64encode(hmac.digest(SECRET.encode(), name.encode(), hashlib.sha1)).decode()


def client(server: Server, transport: str, kind: str, controlling: bool) -> Connection:
    name, password = credential(kind)
    connection = Connection(
        ice_controlling=controlling,
        turn_server=(HOST, server.tls if transport == "tls" else server.plain),
        turn_username=name,
        turn_password=password,
        turn_ssl=transport == "tls",
        turn_transport="udp" if transport == "udp" else "tcp",
        use_ipv6=False,
        transport_policy=TransportPolicy.RELAY,
    )
    return connection


async def exchange(sender: Connection, receiver: Connection) -> None:
    """Every datagram arrives unchanged; lengths run through every remainder by four, where padding differs."""
    sent = [bytes([index % 256]) * (100 + index) for index in range(DATAGRAMS)]
    for datagram in sent:
        await sender.send(datagram)
        got = await asyncio.wait_for(receiver.recv(), timeout=5)
        if got != datagram:
            raise AssertionError(f"sent {len(datagram)} bytes, received {len(got)} other ones")


async def connect_and_exchange(server: Server, transport: str, kind: str) -> str:
    ends = [client(server, transport, kind, controlling) for controlling in (True, False)]
    try:
        await asyncio.gather(*(end.gather_candidates() for end in ends))
        for end in ends:
            kinds = {candidate.type for candidate in end.local_candidates}
            if kinds != {"relay"}:
                raise AssertionError(f"local candidates are {kinds or 'none'}, not only relayed ones")
        for one, other in (ends, ends[::-1]):
            for candidate in other.local_candidates:
                await one.add_remote_candidate(Candidate.from_sdp(candidate.to_sdp()))
            await one.add_remote_candidate(None)
            one.remote_username, one.remote_password = other.local_username, other.local_password
        await asyncio.gather(*(end.connect() for end in ends))
        await exchange(ends[0], ends[1])
        await exchange(ends[1], ends[0])
    finally:
        await asyncio.gather(*(end.close() for end in ends))
    return f"{DATAGRAMS} datagrams each way"


def aioice_both_ways(server: Server, transport: str, kind: str) -> str:
    return asyncio.run(asyncio.wait_for(connect_and_exchange(server, transport, kind), BOUND))


def peer_connection(server: Server, name: str, password: str) -> RTCPeerConnection:
    relay = RTCIceServer(urls=f"turn:{HOST}:{server.plain}?transport=udp", username=name, credential=password)
    return RTCPeerConnection(RTCConfiguration(iceServers=[relay], iceTransportPolicy=RTCIceTransportPolicy.RELAY))


async def data_channel_echo(server: Server, *who: tuple[str, str]) -> str:
    caller, callee = (peer_connection(server, *each) for each in who)
    sent, back = os.urandom(MEGABYTE), bytearray()
    opened, complete = asyncio.Event(), asyncio.Event()
    channel = caller.createDataChannel("echo")
    channel.on("open", opened.set)

    @callee.on("datachannel")
    def echo(remote):
        remote.on("message", remote.send)

    @channel.on("message")
    def collect(message):
        back.extend(message)
        if len(back) >= MEGABYTE:
            complete.set()

    try:
        await caller.setLocalDescription(await caller.createOffer())
        await callee.setRemoteDescription(caller.localDescription)
        await callee.setLocalDescription(await callee.createAnswer())
        await caller.setRemoteDescription(callee.localDescription)
        for end in (caller, callee):
            candidates = [line for line in end.localDescription.sdp.splitlines() if line.startswith("a=candidate")]
            if not candidates or not all(" typ relay " in line + " " for line in candidates):
                time.sleep(1.1)  # metrics are published once a second
                raise AssertionError(f"not all of {candidates} are relayed, or there are none; {server.refusals()}")
        await opened.wait()
        for start in range(0, MEGABYTE, 16_384):
            channel.send(sent[start : start + 16_384])
        await complete.wait()
    finally:
        await asyncio.gather(caller.close(), callee.close())
    if hashlib.sha256(back).digest() != hashlib.sha256(sent).digest():
        raise AssertionError("the echo differs from what was sent")
    return "1 MB echo intact"


def aiortc_both_ways(server: Server, *who: tuple[str, str]) -> str:
    """`who` are the credentials of the two ends, by default one and the same for both."""
    return asyncio.run(asyncio.wait_for(data_channel_echo(server, *(who or [credential("shared-secret")] * 2)), BOUND))
