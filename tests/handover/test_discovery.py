"""Servers found by mDNS on one computer, where several programs share port 5353. Real packets on 127.0.0.1."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator

from zeroconf import DNSIncoming, ServiceInfo  # type: ignore[attr-defined]
from zeroconf.asyncio import AsyncZeroconf

from edge_server.server import EdgeServer
from handover.config import HandoverConfig
from handover.discovery.zeroconf_browser import SERVICE, ZeroconfBrowser
from protos.tryon import TryOnRequest
from tests.edge_server.support import address_of
from tests.edge_server.tryon.nodes import engines, jpeg, node_config, person, running
from tests.handover.test_nodes import News, nodes_of

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


@contextlib.asynccontextmanager
async def announced(node: EdgeServer, after_s: float) -> AsyncIterator[None]:
    zeroconf = AsyncZeroconf(interfaces=[LOOPBACK])
    name = f"fitting-{os.getpid()}"
    info = ServiceInfo(
        SERVICE,
        f"{name}@{GROUP}.{SERVICE}",
        port=int(address_of(node).rpartition(":")[2]),
        parsed_addresses=[LOOPBACK],
        properties={"id": name, "tasks": "tryon", "group": GROUP},
    )

    async def announce() -> None:
        await asyncio.sleep(after_s)
        await (await zeroconf.async_register_service(info))

    task = asyncio.create_task(announce())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await zeroconf.async_close()


async def test_a_node_whose_announcement_comes_late_is_waited_for() -> None:
    config = HandoverConfig(interfaces=(LOOPBACK,), group=GROUP)
    async with (
        running(node_config(), engines()) as node,
        announced(node, after_s=0.7),  # probed for before: it can be heard about 2 s after the mirror's start
        nodes_of(config, usable=0) as nodes,
    ):
        result = await nodes.try_on(TryOnRequest(image=jpeg(person()), garment="red-shirt"), News())
        assert result.engine == "paint"
