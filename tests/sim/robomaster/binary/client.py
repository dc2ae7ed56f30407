"""A small client over real sockets, and the robot's service to talk to."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

from protos.robomaster.frame import Decoder, Frame, decode, encode
from protos.robomaster.ids import BINARY_PORT, HANDSHAKE_PORT, Command, Host, Transport
from protos.robomaster.payloads import Handshake, HandshakeAck, SdkMode
from protos.robomaster.unverified import HEARTBEAT_TIMEOUT_S
from sim.robomaster.binary.service import BinaryService
from sim.robomaster.binary.table import TABLE
from sim.robomaster.rover import Rover
from tests.sim.robomaster.binary.stand import Glider, Packs, Screen

IP = "127.0.20.10"
CLIENT_IP = "127.0.20.100"
DEADLINE_S = 5.0
STEP_S = 0.005


class Robot:
    """Rover and service, running."""

    def __init__(self, silence_s: float) -> None:
        self.body = Glider()
        self.rover = Rover(self.body)
        self.service = BinaryService(self.rover, IP, Screen(), silence_s=silence_s)

    async def live(self) -> None:
        now_s = asyncio.get_running_loop().time
        while True:
            self.rover.step(now_s())
            self.body.glide(STEP_S)
            await asyncio.sleep(STEP_S)

    @property
    def speed(self) -> tuple[float, float, float]:
        return self.body.sensed.x_mps, self.body.sensed.y_mps, self.body.sensed.turn_degps


@contextlib.asynccontextmanager
async def robot(silence_s: float = HEARTBEAT_TIMEOUT_S) -> AsyncIterator[Robot]:
    on_air = Robot(silence_s)
    running = [asyncio.create_task(on_air.service.run()), asyncio.create_task(on_air.live())]
    try:
        await asyncio.wait_for(on_air.service.ready.wait(), DEADLINE_S)
        yield on_air
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def until(is_so: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():  # noqa: ASYNC110 the world has no events for tests
            await asyncio.sleep(0.005)


class Client:
    """By UDP or TCP. What is not an answer is kept in `pushed`."""

    def __init__(self, transport: Transport = Transport.UDP, ip: str = CLIENT_IP) -> None:
        self.transport = transport
        kind = socket.SOCK_STREAM if transport is Transport.TCP else socket.SOCK_DGRAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.setblocking(False)
        self._socket.bind((ip, 0))
        self.port: int = self._socket.getsockname()[1]
        self.pushed: list[Frame] = []
        self.reads: list[bytes] = []  # by TCP: what came at a time
        self._decoder = Decoder()
        self._frames: list[Frame] = []
        self._seq = 10_000

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def handshake(self, connect: bool = True) -> HandshakeAck:
        loop = asyncio.get_running_loop()
        request = Handshake(transport=self.transport, port=self.port)
        frame = Frame(Host.SDK, Host.SERVICE, 1, *Command.HANDSHAKE.value, request.pack(), wants_ack=2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            await loop.sock_sendto(asking, encode(frame), (IP, HANDSHAKE_PORT))
            async with asyncio.timeout(DEADLINE_S):
                answer = decode(await loop.sock_recv(asking, 2048))
        if connect:
            await loop.sock_connect(self._socket, (IP, BINARY_PORT))
        return HandshakeAck.unpack(answer.payload)

    async def enter(self) -> None:
        await self.handshake()
        assert await self.ask(Command.SDK_MODE, SdkMode(True)) == b"\0"

    async def say(self, command: Command, payload: Packs | bytes = b"", wants_ack: int = 0) -> int:
        """The number of the request."""
        self._seq += 1
        data = payload if isinstance(payload, bytes) else payload.pack()
        to = TABLE[command.value].to
        frame = Frame(
            Host.SDK, Host.SERVICE if to is None else to, self._seq, *command.value, data, wants_ack=wants_ack
        )
        await self.raw(encode(frame))
        return self._seq

    async def raw(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def ask(self, command: Command, payload: Packs | bytes = b"") -> bytes:
        seq = await self.say(command, payload, wants_ack=2)
        while True:
            frame = await self.hear()
            if frame.is_ack and frame.seq == seq:
                return frame.payload

    async def hear(self) -> Frame:
        """The next frame. Raises TimeoutError, or ConnectionError when the robot has hung up."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DEADLINE_S):
            while not self._frames:
                data = await loop.sock_recv(self._socket, 2048)
                if not data:
                    raise ConnectionError("the robot has hung up")
                self.reads.append(data)
                self._frames += self._decoder.feed(data) if self.transport is Transport.TCP else [decode(data)]
        frame = self._frames.pop(0)
        if not frame.is_ack:
            self.pushed.append(frame)
        return frame
