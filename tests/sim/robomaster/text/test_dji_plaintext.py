"""How DJI's plaintext samples use the robot: blocking sockets, everything connected at once, one thread that receives.

The samples bind to all addresses; here each socket has the client's own, so that tests do not meet.
"""

import asyncio
import contextlib
import queue
import select
import socket
import threading
from collections.abc import Iterator

import av
import pytest

from protos.robomaster.ids import (
    AUDIO_PORT,
    TEXT_BROADCAST_PORT,
    TEXT_EVENT_PORT,
    TEXT_PORT,
    TEXT_PUSH_PORT,
    VIDEO_PORT,
)
from sim.robomaster.discovery import Announcer
from tests.sim.robomaster.text.visit import CLIENT_IP, IP, Visit

TIMEOUT_S = 10.0


class Connection:
    """One socket for each port, and a thread that puts whatever comes into queues."""

    def __init__(self, robot_ip: str) -> None:
        self.robot_ip = robot_ip
        self.control, self.event, self.video, self.audio = (socket.socket() for _ in range(4))
        self.push = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.push.bind((CLIENT_IP, TEXT_PUSH_PORT))
        self.queues: dict[socket.socket, queue.Queue[bytes]] = {
            each: queue.Queue() for each in (self.control, self.event, self.push, self.video, self.audio)
        }
        self._reading = [self.control, self.event, self.push]
        self._is_over = False
        self._thread = threading.Thread(target=self._receive)
        for each in (self.control, self.event, self.video, self.audio):
            each.bind((CLIENT_IP, 0))

    def open(self) -> None:
        self.control.settimeout(5)
        self.control.connect((self.robot_ip, TEXT_PORT))
        self.event.connect((self.robot_ip, TEXT_EVENT_PORT))
        self._thread.start()

    def close(self) -> None:
        self._is_over = True
        if self._thread.is_alive():
            self._thread.join()
        for each in self.queues:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def ask(self, message: str) -> bytes:
        self.control.send((message + ";").encode())
        return self.queues[self.control].get(timeout=TIMEOUT_S)

    def watch(self, stream: socket.socket, port: int) -> bytes:
        """Connect after the stream was switched on; the first piece of it."""
        stream.connect((self.robot_ip, port))
        self._reading.append(stream)
        return self.queues[stream].get(timeout=TIMEOUT_S)

    def unwatch(self, stream: socket.socket) -> None:
        self._reading.remove(stream)

    def _receive(self) -> None:
        while not self._is_over:
            readable, _, _ = select.select(list(self._reading), [], [], 0.05)
            for each in readable:
                if data := each.recv(4096):
                    self.queues[each].put(data)


@contextlib.contextmanager
def connection(robot_ip: str = IP) -> Iterator[Connection]:
    made = Connection(robot_ip)
    try:
        made.open()
        yield made
    finally:
        made.close()


def usb() -> list[bytes]:
    with connection() as robot:
        return [robot.ask(message) for message in ("command", "version", "quit")]


def robot_connection() -> tuple[list[bytes], bytes, bytes]:
    with connection() as robot:
        replies = [robot.ask("command"), robot.ask("version ?"), robot.ask("stream on")]
        video = robot.watch(robot.video, VIDEO_PORT)
        robot.unwatch(robot.video)
        replies += [robot.ask("stream off"), robot.ask("audio on")]
        sound = robot.watch(robot.audio, AUDIO_PORT)
        robot.unwatch(robot.audio)
        replies += [robot.ask("audio off"), robot.ask("quit")]
        return replies, video, sound


def networking() -> tuple[str, list[bytes]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((CLIENT_IP, TEXT_BROADCAST_PORT))
        udp.settimeout(TIMEOUT_S)
        text = udp.recvfrom(1024)[0].decode()
    robot_ip = text[text.find("robot ip ") + len("robot ip ") :]
    with connection(robot_ip) as robot:
        return robot_ip, [robot.ask(message) for message in ("command", "chassis speed x 0.2 y 0 z 0")]


def live_view() -> list[av.VideoFrame]:
    """Sound and video together, `stream on` said twice; what comes is decoded as it comes."""
    decoder = av.CodecContext.create("h264", "r")
    frames: list[av.VideoFrame] = []
    with connection() as robot:
        assert [robot.ask(message) for message in ("command", "audio on", "stream on", "stream on")] == [b"ok;"] * 4
        piece = robot.watch(robot.video, VIDEO_PORT)
        assert robot.watch(robot.audio, AUDIO_PORT)
        while len(frames) < 3:
            for packet in decoder.parse(piece):
                frames += decoder.decode(packet)
            piece = robot.queues[robot.video].get(timeout=TIMEOUT_S)
    return frames


async def test_usb_connection() -> None:
    async with Visit().running():
        assert await asyncio.to_thread(usb) == [b"ok;", b"version 00.00.00.68;", b"ok;"]


async def test_robot_connection() -> None:
    async with Visit().running():
        replies, video, sound = await asyncio.to_thread(robot_connection)
    assert replies == [b"ok;", b"version 00.00.00.68;", b"ok;", b"ok;", b"ok;", b"ok;", b"ok;"]
    assert video.startswith(b"\0\0\0\1")
    assert len(sound) % 60 == 0


async def test_networking_finds_the_robot_and_drives_it() -> None:
    visit = Visit()
    async with visit.running():
        announcer = Announcer(visit.rover, IP, (CLIENT_IP,), period_s=0.05)
        task = asyncio.create_task(announcer.run())
        try:
            robot_ip, replies = await asyncio.to_thread(networking)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert (robot_ip, replies) == (IP, [b"ok;", b"ok;"])
        await visit.until(lambda: visit.rover.owner is None)


async def test_live_view() -> None:
    async with Visit().running():
        frames = await asyncio.to_thread(live_view)
    assert {(frame.width, frame.height) for frame in frames} == {(1280, 720)}
    assert frames[0].to_ndarray(format="bgr24").mean() == pytest.approx(96, abs=3)
