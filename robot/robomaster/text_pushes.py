"""Pushes and events from the rover: one UDP port here, one TCP port there, or inline on a serial line."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from common.backoff import Backoff
from common.errors import BadMessageError
from protos.robomaster.ids import TEXT_EVENT_PORT, TEXT_PUSH_PORT
from protos.robomaster.text import Push, Splitter, pushes
from robot.robomaster.hits import Hits
from robot.robomaster.text_base import TextBase

log = logging.getLogger(__name__)

CONNECT_S = 2.0
HELD_S = 5.0  # a connection that lasted so long was a good one


class PushReader:
    """What a push says goes to whom it concerns. What makes no sense is counted and dropped."""

    def __init__(self, base: TextBase, hits: Hits) -> None:
        self._base = base
        self._hits = hits
        self.bad = 0

    def take(self, push: Push) -> None:
        try:
            match push.device, push.attribute:
                case "chassis", "position":
                    self._base.on_position(*push.numbers(2))
                case "chassis", "attitude":
                    self._base.on_yaw(push.numbers(3)[2])  # pitch, roll, yaw
                case "armor", "hit":
                    if not self._hits.add(int(push.numbers(1)[0])):
                        raise BadMessageError(f"{push}: there is no such plate")
        except BadMessageError as error:
            self.bad += 1
            if self.bad in (1, 10, 100) or self.bad % 1000 == 0:
                log.warning("rover: %s; dropped (%d so far)", error, self.bad)


class _Port(asyncio.DatagramProtocol):
    def __init__(self, ip: str, take: Callable[[Push], None]) -> None:
        self._ip = ip
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[0] != self._ip:
            return  # anybody can send to an open port; wheels are judged by this
        for push in pushes(data):
            self._take(push)


async def open_push_port(rover_ip: str, local_ip: str, take: Callable[[Push], None]) -> asyncio.BaseTransport | None:
    """None where the port is taken: then the rover has to be asked."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Port(rover_ip, take), local_addr=(local_ip, TEXT_PUSH_PORT)
        )
    except OSError as error:
        log.warning(
            "rover %s: cannot listen on UDP %s:%d (%s), its position is asked for instead, less often. Is another "
            "RoboMaster program running?",
            rover_ip,
            local_ip,
            TEXT_PUSH_PORT,
            error.strerror,
        )
        return None
    return transport


async def read_events(rover_ip: str, local_ip: str, take: Callable[[Push], None]) -> None:
    """Until cancelled; connects again whenever it has to. Without events the rover only feels no hits."""
    backoff, told, clock = Backoff(), False, asyncio.get_running_loop().time
    while True:
        began_s = clock()
        try:
            await _read_events(rover_ip, local_ip, take)
        except (OSError, TimeoutError) as error:
            if not told:
                log.warning("rover %s: no events on port %d (%s): hits go unnoticed", rover_ip, TEXT_EVENT_PORT, error)
            told = True
        if clock() - began_s > HELD_S:
            backoff.reset()
            told = False
        await asyncio.sleep(backoff.next_s())


async def _read_events(rover_ip: str, local_ip: str, take: Callable[[Push], None]) -> None:
    async with asyncio.timeout(CONNECT_S):
        reader, writer = await asyncio.open_connection(rover_ip, TEXT_EVENT_PORT, local_addr=(local_ip, 0))
    splitter = Splitter()
    try:
        while data := await reader.read(4096):
            for message in splitter.feed(data):
                for push in pushes(message.encode()):
                    take(push)
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
