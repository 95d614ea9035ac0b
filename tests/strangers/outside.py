"""What one party of a call asks for beyond its call, with a token in good order: nothing of it is had, nothing arrives.

The client is aioice's for TURN. What is sent are ICE checks, which the seal lets pass: only the call stands in the way.
"""

import asyncio
import collections
import contextlib
import socket

from aioice import stun, turn

from server import HOST, Server, free_port

# A neighbour of the relay. Its configuration allows it, so only the token decides.
NEIGHBOUR = "127.0.0.2"
# Nobody's address (RFC 5737), and a public one, to which nothing is ever sent: only permission is asked for.
DOCUMENTATION, PUBLIC = ("192.0.2.1", 5004), ("1.1.1.1", 5004)
# For each thing that is asked for: the codes for a permission, which is for an address without a port, and for a channel;
# why the one or both were refused; and why what is sent all the same goes nowhere.
OWN = {
    "another call's relayed address": (200, 403, "other_call", "other_call"),
    "a relayed port that nobody has": (200, 403, "own_address", "peer_forbidden"),
    "a socket of the relay's host": (200, 403, "own_address", "peer_forbidden"),
}
FOREIGN = {
    "a neighbour whom the relay may reach": (403, 403, "other_call", "no_permission"),
    "a documentation address": (403, 403, "special", "no_permission"),
    "a public address": (403, 403, "other_call", None),
}
# Seconds for one thing to happen.
SOON = 10


class Party(turn.TurnClientUdpProtocol):
    """A TURN client that keeps whatever the relay delivers to it."""

    def __init__(self, server: Server, who: tuple[str, str]):
        super().__init__((HOST, server.plain), *who, lifetime=600, channel_refresh_time=500)
        self.got: list[bytes] = []
        self.arrived = asyncio.Event()

    @classmethod
    async def allocated(cls, server: Server, who: tuple[str, str], stack: contextlib.AsyncExitStack) -> "Party":
        make = lambda: cls(server, who)
        _, party = await asyncio.get_running_loop().create_datagram_endpoint(make, remote_addr=(HOST, server.plain))
        await party.connect()
        stack.push_async_callback(party.delete)
        return party

    def datagram_received(self, data: bytes, addr) -> None:
        relayed = turn.is_channel_data(data)
        if not relayed:
            relayed = stun.parse_message(data).message_method == stun.Method.DATA
        if relayed:
            self.got.append(data)
            self.arrived.set()
        super().datagram_received(data, addr)

    async def asked(self, method: stun.Method, peer: tuple[str, int], **attributes) -> int:
        """The code of the answer; 200 for success."""
        request = stun.Message(message_method=method, message_class=stun.Class.REQUEST)
        request.attributes |= {"XOR-PEER-ADDRESS": peer} | attributes
        try:
            await self.request_with_retry(request)
        except stun.TransactionFailed as refused:
            return refused.response.error_code
        return 200

    async def permission(self, peer: tuple[str, int]) -> int:
        return await self.asked(stun.Method.CREATE_PERMISSION, peer)

    async def channel(self, number: int, peer: tuple[str, int]) -> int:
        return await self.asked(stun.Method.CHANNEL_BIND, peer, **{"CHANNEL-NUMBER": number})

    def send(self, peer: tuple[str, int], data: bytes) -> None:
        indication = stun.Message(message_method=stun.Method.SEND, message_class=stun.Class.INDICATION)
        indication.attributes |= {"XOR-PEER-ADDRESS": peer, "DATA": data}
        self.send_stun(indication, None)


def check(sender: str) -> bytes:
    """An ICE check that says who has sent it."""
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes |= {"USERNAME": f"theirs:of{sender}", "PRIORITY": 1, "ICE-CONTROLLING": 1}
    request.add_message_integrity(b"a password of ICE")
    return bytes(request)


@contextlib.contextmanager
def bystander(address: str):
    """Somebody with a UDP socket who has asked for nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((address, 0))
        made.settimeout(SOON)
        yield made


def heard(one: socket.socket) -> list[bytes]:
    """All that has arrived. A datagram that is sent now tells the end, so that there is nothing to wait for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"the last", one.getsockname())
    return list(iter(lambda: one.recv(2048), b"the last"))


async def ask(server: Server, who: dict[str, tuple[str, str]], neighbour, here, counted) -> str:
    async with contextlib.AsyncExitStack() as stack:
        ada, ben, eve, dan = [await Party.allocated(server, who[name], stack) for name in ("ada", "ben", "eve", "dan")]
        # Ada's permission for Ben is for the relay's address, which is Eve's as well: only the call stands between them.
        if (await ada.permission(ben.relayed_address), await ben.permission(ada.relayed_address)) != (200, 200):
            raise AssertionError("parties of one call get no permission for each other")
        beyond = dict(zip(OWN | FOREIGN, (
            ada.relayed_address, (HOST, free_port()), here.getsockname(), neighbour.getsockname(), DOCUMENTATION, PUBLIC
        ), strict=True))
        refused, dropped = collections.Counter(), collections.Counter()
        for number, (name, (permission, channel, why, goes)) in enumerate((OWN | FOREIGN).items()):
            peer = beyond[name]
            codes = await eve.permission(peer), await eve.channel(0x4000 + number, peer)
            if codes != (permission, channel):
                raise AssertionError(f"{name}: the answers are {codes}, not {(permission, channel)}")
            refused[why] += codes.count(403)
            if goes:
                eve.send(peer, check("eve"))
                dropped[goes] += 1
        for metric, expected in (("hilum_peer_refusals_total", refused), ("hilum_discards_total", dropped)):
            await counted(metric, expected)
        # What may be had is had, so that the nothing above says something.
        ben.send(ada.relayed_address, check("ben"))
        await asyncio.wait_for(ada.arrived.wait(), SOON)
        if (await dan.permission(neighbour.getsockname()), await dan.permission(here.getsockname())) != (200, 200):
            raise AssertionError("a peer that token and configuration name is refused")
        dan.send(neighbour.getsockname(), check("dan"))
        if b"ofdan" not in await asyncio.to_thread(neighbour.recv, 2048):
            raise AssertionError("the neighbour has not heard from who may reach it first")
        others = {"ada": [data for data in ada.got if b"ofben" not in data], "neighbour": heard(neighbour), "host": heard(here)}
        if len(ada.got) != 1 or any(others.values()):
            raise AssertionError(f"something arrived: {others}, {len(ada.got)} at Ada's")
    return f"{sum(refused.values())} answers of 403 for {dict(refused)}, {sum(dropped.values())} sent all the same, 0 arrived"


def beyond(server: Server, issuer, region: str, counted) -> str:
    """Eve asks for all of it. Ada and Ben are in another call; Dan's token names the neighbour."""
    visit = issuer.call()
    with bystander(NEIGHBOUR) as neighbour, bystander(HOST) as here:
        named = "{}:{}".format(*neighbour.getsockname())
        who = {
            "ada": issuer.mint(visit, "a", region),
            "ben": issuer.mint(visit, "b", region),
            "eve": issuer.mint(issuer.call(), "a", region),
            "dan": issuer.mint(issuer.call(), "a", region, peers=[named]),
        }
        return asyncio.run(asyncio.wait_for(ask(server, who, neighbour, here, counted), 6 * SOON))
