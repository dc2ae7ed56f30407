"""The emulated robot's text service in a room, on simulated time, and clients at addresses of their own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

from protos.robomaster.ids import TEXT_EVENT_PORT, TEXT_PORT, TEXT_PUSH_PORT
from sim.robomaster.audio import AudioService
from sim.robomaster.camera import GreyPictures, PictureSource
from sim.robomaster.text import TextService
from sim.robomaster.video import VideoService
from sim.scenario import Scenario
from tests.sim.robomaster.rover_in_world import Bench

IP = "127.0.10.1"
CLIENT_IP = "127.0.10.2"
DEADLINE_S = 20.0
STEP_S = 0.01


class Visit:
    """`world` goes on by itself while the test waits, at its own pace."""

    def __init__(self, scenario: Scenario | None = None, pictures: PictureSource | None = None) -> None:
        self.bench = Bench(scenario)
        self.rover = self.bench.rover
        self.video = VideoService(pictures or GreyPictures(), IP)
        self.audio = AudioService(IP)
        self.service = TextService(self.rover, IP, self.video, self.audio)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Visit"]:
        services = (self.service, self.video, self.audio)
        tasks = [asyncio.create_task(run) for run in (*(each.run() for each in services), self._world())]
        try:
            async with asyncio.timeout(DEADLINE_S):
                for service in services:
                    await service.ready.wait()
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.002)

    async def pass_time(self, seconds: float) -> None:
        """Of the rover's own."""
        end_s = self.rover.now_s + seconds
        await self.until(lambda: self.rover.now_s >= end_s)

    async def _world(self) -> None:
        while True:
            self.bench.run(STEP_S)
            await asyncio.sleep(0.004)


class Client:
    """A program that drives the robot."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await self.reader.readuntil(b";")).decode()

    async def ask(self, message: str) -> str:
        self.send(f"{message};".encode())
        return await self.reply()

    async def end(self) -> bytes:
        """All that still comes, once the other side has closed."""
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read()
        return b""


@contextlib.asynccontextmanager
async def client(command: bool = True, port: int = TEXT_PORT, ip: str = CLIENT_IP) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(IP, port, local_addr=(ip, 0))
    found = Client(reader, writer)
    try:
        if command:
            assert await found.ask("command") == "ok;"
        yield found
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def events() -> contextlib.AbstractAsyncContextManager[Client]:
    return client(command=False, port=TEXT_EVENT_PORT)


@contextlib.contextmanager
def push_socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((CLIENT_IP, TEXT_PUSH_PORT))
        udp.setblocking(False)
        yield udp


def received(udp: socket.socket) -> list[tuple[str, str, int]]:
    """What came by now: text, address and port of the sender."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            data, address = udp.recvfrom(2048)
            found.append((data.decode(), *address))
    return found
