"""Emulated robots on the network, in the world, in real time."""

import asyncio
import contextlib
import math
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest

from common.errors import ConfigError, LinkError
from common.supervise import Job, keep_running, supervise
from protos.robomaster.ids import FTP_PORT, TEXT_BROADCAST_PORT, TEXT_PORT
from sim.body import WorldClock
from sim.robomaster.emulator import Emulator, check_address
from sim.robomaster.identity import Identity
from sim.robomaster.remote import RemoteEmulator
from sim.robomaster.values import Led
from sim.robomaster.world_body import ROBOMASTER_LIMITS, WorldBody
from sim.world import World
from tests.sim.robomaster.rover_in_world import room


async def until(is_so: Callable[[], bool], at_most_s: float = 10.0) -> None:
    end_s = time.monotonic() + at_most_s
    while not is_so():
        assert time.monotonic() < end_s, "it never came about"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def beside(*jobs: Job) -> AsyncIterator[None]:
    """The jobs run while the block does; an error of theirs is raised in it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(keep_running(job), name=job.name) for job in jobs]
        yield
        for task in tasks:
            task.cancel()


class Text:
    """A program that speaks the text protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, ip: str) -> "Text":
        end_s = time.monotonic() + 10
        while True:
            try:
                return cls(*await asyncio.open_connection(ip, TEXT_PORT))
            except OSError:
                assert time.monotonic() < end_s, "nobody listens"
                await asyncio.sleep(0.05)

    async def ask(self, command: str) -> str:
        self.writer.write(f"{command};".encode())
        async with asyncio.timeout(10):
            return (await self._reader.readuntil(b";")).decode().strip("; \r\n")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def in_world(*ips: str) -> tuple[World, list[Emulator], list[Job]]:
    more = [{"at": [0.0, 1.0 + number]} for number in range(len(ips) - 1)]
    world = World(room(person=(-4, -4), more_rovers=more), limits=ROBOMASTER_LIMITS)
    clock = WorldClock(world)
    clock.start()
    emulators = [
        Emulator(WorldBody(clock, rover), ip, Identity(f"3JKDH2T00{rover.number:05}"))
        for ip, rover in zip(ips, world.rovers, strict=True)
    ]
    return world, emulators, [job for emulator in emulators for job in emulator.jobs()]


async def test_what_a_program_says_by_text_the_rover_in_the_world_does() -> None:
    world, (emulator,), jobs = in_world("127.0.30.1")
    async with beside(*jobs):
        await emulator.ready()
        text = await Text.connect("127.0.30.1")
        assert await text.ask("command") == "ok"
        assert await text.ask("led control comp bottom_left r 0 g 255 b 0 effect solid") == "ok"
        assert world.snapshot().rovers[0].lamps[Led.BOTTOM_LEFT] == (0, 255, 0)
        assert await text.ask("chassis move x 0.3 vxy 0.6") == "ok"  # comes at the end of the move
        assert world.pose().x_m == pytest.approx(0.3, abs=0.02)
        assert await text.ask("chassis speed x 0 y 0.3 z 0") == "ok"
        await until(lambda: world.pose().y_m < -0.1)  # y is to the right on the wire
        await text.close()
        await until(lambda: emulator.rover.owner is None)
        await until(lambda: emulator.rover.status().static)


async def test_two_robots_of_one_world_answer_at_their_own_addresses() -> None:
    world, emulators, jobs = in_world("127.0.30.2", "127.0.30.3")
    async with beside(*jobs):
        for emulator in emulators:
            await emulator.ready()
        texts = [await Text.connect(emulator.ip) for emulator in emulators]
        for text in texts:
            assert await text.ask("command") == "ok"
        assert await texts[1].ask("chassis move x 0.2 vxy 0.5") == "ok"
        assert world.rovers[1].pose().x_m == pytest.approx(0.2, abs=0.02)
        assert abs(world.rovers[0].pose().x_m) < 0.001
        for text in texts:
            await text.close()


async def test_a_robot_tells_where_it_is() -> None:
    _, (emulator,), jobs = in_world("127.0.30.4")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        heard.setblocking(False)
        heard.bind(("0.0.0.0", TEXT_BROADCAST_PORT))
        async with beside(*jobs):
            await emulator.ready()
            async with asyncio.timeout(10):
                while True:
                    data, address = await asyncio.get_running_loop().sock_recvfrom(heard, 100)
                    if address[0] == "127.0.30.4":
                        break
    assert data == b"robot ip 127.0.30.4"


async def test_an_address_of_another_machine_is_refused_with_advice() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.7.*no IPv4 address of this machine"):
        check_address("192.0.2.7")
    with pytest.raises(ConfigError, match="no IPv4 address"):
        check_address("robot")


async def test_a_taken_port_is_told_by_its_number() -> None:
    _, _, jobs = in_world("127.0.30.5")
    with socket.create_server(("127.0.30.5", TEXT_PORT)), pytest.raises(LinkError, match=r"127\.0\.30\.5:40923"):
        await supervise(jobs)


async def test_without_the_right_to_port_21_it_goes_on_and_says_so() -> None:
    said: list[str] = []
    world = World(room())
    clock = WorldClock(world)
    clock.start()
    emulator = Emulator(WorldBody(clock, world.rovers[0]), "127.0.30.6", say=said.append)
    with contextlib.suppress(PermissionError), socket.create_server(("127.0.30.6", FTP_PORT)):
        async with beside(*emulator.jobs()):
            await emulator.ready()
            text = await Text.connect("127.0.30.6")
            assert await text.ask("command") == "ok"
            await text.close()
    if emulator.ftp is None:
        assert "port 21" in said[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_wheels_stand_still_half_a_second_after_the_robots_process_is_gone(number: int) -> None:
    world = World(room(person=(-4, -4)), limits=ROBOMASTER_LIMITS)
    clock = WorldClock(world)
    clock.start()
    ip = f"127.0.30.{10 + number}"
    with RemoteEmulator(WorldBody(clock, world.rovers[0]), ip) as remote:
        async with beside(Job("pipe", remote.run), Job("world", clock.run)):
            text = await Text.connect(ip)
            assert await text.ask("command") == "ok"
            assert await text.ask("chassis speed x 0.5 y 0 z 0") == "ok"
            await until(lambda: math.hypot(*world.rovers[0].met_mps) > 0.45)
            remote.signal(number)
            gone_s = world.time_s
            await until(lambda: world.time_s >= gone_s + 0.5)
            assert math.hypot(*world.rovers[0].met_mps) < 0.02
            await text.close()
