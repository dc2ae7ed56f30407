"""How programs find the emulated robot, with the sockets that they open."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from common.errors import LinkError
from protos.robomaster.ids import SERIAL_BROADCAST_PORT, STA_INFO_PORT, TEXT_BROADCAST_PORT
from protos.robomaster.payloads import StaInfo
from sim.robomaster.body import NoBody
from sim.robomaster.discovery import Announcer
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover

IP = "127.0.10.121"
CLIENT_IP = "127.0.10.122"
DEADLINE_S = 10.0


@contextlib.asynccontextmanager
async def announced(rover: Rover) -> AsyncIterator[None]:
    announcer = Announcer(rover, IP, (CLIENT_IP,), period_s=0.02)
    task = asyncio.create_task(announcer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def bound(port: int):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((CLIENT_IP, port))
        udp.setblocking(False)
        yield udp


async def received(udp: socket.socket) -> tuple[bytes, str]:
    async with asyncio.timeout(DEADLINE_S):
        data, address = await asyncio.get_running_loop().sock_recvfrom(udp, 1024)
    return data, address[0]


async def test_the_text_protocol_finds_the_robot_by_its_words() -> None:
    with bound(TEXT_BROADCAST_PORT) as udp:
        async with announced(Rover(NoBody())):
            data, address = await received(udp)
    text = data.decode()
    assert text[text.find("robot ip ") + len("robot ip ") :] == IP == address  # as DJI's sample cuts it


async def test_dji_s_package_finds_the_robot_by_its_serial_number() -> None:
    with bound(SERIAL_BROADCAST_PORT) as udp:
        async with announced(Rover(NoBody(), Identity("3JKDH3B001NN0E"))):
            assert await received(udp) == (b"3JKDH3B001NN0E\0", IP)


async def test_the_sta_info_is_scrambled_and_names_the_address() -> None:
    with bound(STA_INFO_PORT) as udp:
        async with announced(Rover(NoBody(), Identity(appid="abc"))):
            data, address = await received(udp)
    info = StaInfo.unpack(data)
    assert len(data) == 24
    assert (info.ip, address, info.appid) == (IP, IP, b"abc     ")


def test_a_robot_that_is_driven_is_found_by_its_serial_number_only() -> None:
    rover = Rover(NoBody())
    announcer = Announcer(rover, IP)
    free = [port for port, _ in announcer.datagrams()]
    assert sorted(free) == [TEXT_BROADCAST_PORT, SERIAL_BROADCAST_PORT, STA_INFO_PORT]
    rover.claim(owner := object())
    assert [port for port, _ in announcer.datagrams()] == [SERIAL_BROADCAST_PORT]
    rover.release(owner)
    assert [port for port, _ in announcer.datagrams()] == free


async def test_an_address_of_another_machine_is_refused_with_a_way_out() -> None:
    with pytest.raises(LinkError, match=r"announcements: cannot use 192\.0\.2\.1.*127\.0\.0\.2"):
        await Announcer(Rover(NoBody()), "192.0.2.1").run()


async def test_a_network_that_is_away_ends_nothing() -> None:
    rover = Rover(NoBody())
    announcer = Announcer(rover, IP, ("192.0.2.1", CLIENT_IP), period_s=0.02)  # from loopback there is no way there
    with bound(TEXT_BROADCAST_PORT) as udp:
        task = asyncio.create_task(announcer.run())
        try:
            for _ in range(3):
                assert await received(udp)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
