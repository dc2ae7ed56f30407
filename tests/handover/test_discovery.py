"""Servers found by mDNS on one computer, where several programs share port 5353. Real packets on 127.0.0.1."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator

from zeroconf import DNSIncoming  # type: ignore[attr-defined]

from handover.config import HandoverConfig
from handover.discovery.zeroconf_browser import SERVICE, ZeroconfBrowser
from tests.edge_server.tryon.nodes import engines, node_config, running
from tests.handover.test_nodes import News, ask, nodes_of

LOOPBACK = "127.0.0.1"
GROUP = f"test-{os.getpid()}"


class Overhears(asyncio.DatagramProtocol):
    """Whoever else is on port 5353: the questions for our service, and whether each wants its answer by unicast."""

    def __init__(self) -> None:
        self.questions: asyncio.Queue[bool] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for question in DNSIncoming(data).questions:
            if question.name == SERVICE:
                self.questions.put_nowait(question.unicast)


@contextlib.asynccontextmanager
async def overheard() -> AsyncIterator[Overhears]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("224.0.0.251", 5353))
    group = struct.pack("4s4s", socket.inet_aton("224.0.0.251"), socket.inet_aton(LOOPBACK))
    listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    transport, heard = await asyncio.get_running_loop().create_datagram_endpoint(Overhears, sock=listener)
    try:
        yield heard
    finally:
        transport.close()


async def test_servers_are_asked_for_by_multicast_as_another_program_may_get_what_comes_by_unicast() -> None:
    async with overheard() as heard:
        browser = ZeroconfBrowser((LOOPBACK,), lambda server: None, lambda server_id: None, GROUP)
        task = asyncio.create_task(browser.run())
        try:
            async with asyncio.timeout(30):
                assert not await heard.questions.get()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_a_node_whose_announcement_comes_late_is_waited_for() -> None:
    announce = {"enabled": True, "interfaces": [LOOPBACK], "group": GROUP}
    async with nodes_of(HandoverConfig(interfaces=(LOOPBACK,), group=GROUP), usable=0) as nodes:
        asked = asyncio.create_task(nodes.try_on(ask(), News()))
        await asyncio.sleep(0.7)  # and for 1.15 s the node asks whether its name is free: then it can be heard
        async with running(node_config(id="late", announce=announce), engines()):
            assert (await asked).node == "late"
