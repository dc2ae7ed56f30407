"""The guard against real processes that are stopped and killed; what arrives is timed by the receiver's own clock."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from common.errors import DeviceError
from robot.robomaster import guard as guard_module
from robot.robomaster.guard import SILENCE_S, Guard
from robot.robomaster.guard_process import Wire
from tests.robot.robomaster import driven_by_hand

HOST = "127.0.40.1"
PROGRAM = str(Path(driven_by_hand.__file__))
ROOT = Path(__file__).parents[3]
FAR_S = 10.0  # deadline of waits that end at once where all is well


class Recorder(asyncio.Protocol, asyncio.DatagramProtocol):
    """The rover's side: what came, and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.closed_s: float | None = None

    def data_received(self, data: bytes) -> None:
        self.heard.append((time.monotonic(), data))

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append((time.monotonic(), data))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed_s = time.monotonic()

    def last_s(self, word: bytes) -> float:
        return max((at_s for at_s, data in self.heard if word in data), default=0.0)

    def first_s(self, word: bytes, after_s: float = 0.0) -> float:
        return min(at_s for at_s, data in self.heard if word in data and at_s > after_s)

    def count(self, word: bytes, after_s: float = 0.0) -> int:
        return sum(data.count(word) for at_s, data in self.heard if at_s > after_s)


async def until(true: Callable[[], bool], what: str) -> None:
    give_up_s = time.monotonic() + FAR_S
    while not true():
        assert time.monotonic() < give_up_s, f"waited in vain for: {what}"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def driven(kind: str) -> AsyncIterator[tuple[Recorder, "subprocess.Popen[bytes]"]]:
    """A recorder and a real program that drives it."""
    loop, recorder = asyncio.get_running_loop(), Recorder()
    if kind == "tcp":
        server = await loop.create_server(lambda: recorder, HOST, 0)
        port, close = server.sockets[0].getsockname()[1], server.close
    else:
        transport, _ = await loop.create_datagram_endpoint(lambda: recorder, local_addr=(HOST, 0))
        port, close = transport.get_extra_info("sockname")[1], transport.close
    process = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, PROGRAM, kind, HOST, str(port)], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    try:
        await until(lambda: recorder.count(b"go;") > 5, "a program that drives")
        yield recorder, process
    finally:
        process.kill()
        process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(process.wait)
        if kind == "tcp":
            recorder.transport.close()
        close()


def children(pid: int) -> list[int]:
    """Of all its threads."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("kind", ["tcp", "udp"])
async def test_a_killed_program_leaves_the_rover_stopped(kind: str) -> None:
    async with driven(kind) as (recorder, process):
        killed_s = time.monotonic()  # on a busy machine it may have been stopped before, for its own silence
        process.send_signal(signal.SIGKILL)
        await until(lambda: recorder.count(b"bye;") > 0, "the guard's last words")
        stopped_s = recorder.first_s(b"stop 1", killed_s)
        assert stopped_s - killed_s < 0.3  # what the wheels are allowed is 0.5
        assert recorder.count(b"stop 1;", killed_s) == recorder.count(b"stop 2;", killed_s) == 10
        assert recorder.last_s(b"go;") < stopped_s + 0.001  # nothing drives after it
        if kind == "tcp":
            await until(lambda: recorder.closed_s is not None, "the connection's end")


async def test_a_stopped_program_leaves_the_rover_stopped_and_drives_on_when_woken() -> None:
    async with driven("tcp") as (recorder, process):
        halted_s = time.monotonic()
        process.send_signal(signal.SIGSTOP)
        await until(lambda: recorder.count(b"stop 2;", halted_s) == 10, "the guard's stops")
        stopped_s = recorder.first_s(b"stop 1", halted_s)
        assert 0.5 * SILENCE_S < stopped_s - recorder.last_s(b"go;") < SILENCE_S + 0.2
        assert recorder.count(b"bye;") == 0
        process.send_signal(signal.SIGCONT)
        await until(lambda: recorder.last_s(b"go;") > stopped_s + 0.5, "the program to go on")
        stops = recorder.count(b"stop 1;")
        process.send_signal(signal.SIGSTOP)
        await until(lambda: recorder.count(b"stop 1;") == stops + 10, "the guard to watch on")


async def test_signals_that_end_the_program_do_not_end_its_guard() -> None:
    async with driven("udp") as (recorder, process):
        (guard,) = children(process.pid)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):
            os.kill(guard, number)
        process.send_signal(signal.SIGKILL)
        await until(lambda: recorder.count(b"bye;") > 0, "the guard's last words")


async def test_standing_silence_and_an_orderly_end_send_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        guard = await Guard.start(ours.fileno(), [b"stop"], silence_s=0.05)
        guard.feed(moving=True)
        guard.feed(moving=False)
        await asyncio.sleep(0.15)  # that nothing comes cannot be waited for: three silences long
        await guard.close()
        ours.close()
        assert theirs.recv(100) == b""


async def test_a_full_connection_does_not_hang_the_guard() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        guard = await Guard.start(ours.fileno(), [b"stop"], silence_s=0.02)
        filled = 0
        try:
            while True:
                filled += ours.send(bytes(65536))
        except BlockingIOError:
            pass
        guard.feed(moving=True)
        await asyncio.sleep(0.1)  # it has tried by now
        got = 0
        while got < filled:
            got += len(theirs.recv(65536))
        theirs.settimeout(FAR_S)
        assert (await asyncio.to_thread(theirs.recv, 4)) == b"stop"
        await guard.close()


async def test_a_guard_that_was_killed_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        guard = await Guard.start(ours.fileno(), [b"stop"])
        guard._process.kill()
        await asyncio.to_thread(guard._process.wait)
        guard.feed(moving=True)
        assert not guard.alive
        await guard.close()


async def test_a_guard_over_a_connection_that_is_gone_is_refused_in_words() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    ours.close()
    with pytest.raises(DeviceError, match="gone already"):
        await Guard.start(ours.fileno(), [b"stop"])  # -1


async def test_a_number_that_comes_to_mean_another_socket_while_the_guard_starts_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = socket.socketpair()
    strangers, their_other = socket.socketpair()
    spawn = guard_module._spawn

    def late(*arguments: Any) -> "subprocess.Popen[bytes]":
        os.dup2(strangers.fileno(), ours.fileno())  # as if closed, and the number given to the next one
        return spawn(*arguments)

    monkeypatch.setattr(guard_module, "_spawn", late)
    with ours, theirs, strangers, their_other:
        guard = await Guard.start(ours.fileno(), [b"stop"], silence_s=0.02)
        guard.feed(moving=True)
        theirs.settimeout(FAR_S)
        assert (await asyncio.to_thread(theirs.recv, 4)) == b"stop"
        await guard.close()
        their_other.setblocking(False)
        with pytest.raises(BlockingIOError):
            their_other.recv(1)


async def test_many_guards_one_after_the_other_leave_nothing_behind() -> None:
    ours, theirs = socket.socketpair()

    def is_clean() -> bool:
        return open_files() == files and not children(os.getpid())

    with ours, theirs:
        await (await Guard.start(ours.fileno(), [b"stop"])).close()
        files = open_files()
        for number in range(6):
            starting = asyncio.create_task(Guard.start(ours.fileno(), [b"stop"]))
            if number % 2:
                await asyncio.sleep(0.003 * number)
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await (await starting).close()
            else:
                await (await starting).close()
        await until(is_clean, "all of them to be gone")


def test_datagrams_that_find_no_way_now_are_tried_again() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        wire = Wire(os.dup(sock.fileno()), ("203.0.113.1", 9))  # no way there from a loopback address
        assert wire._socket is not None
        with wire._socket:
            with pytest.raises(OSError, match=r"\[Errno"):
                sock.sendto(b"stop", ("203.0.113.1", 9))
            assert wire.send([b"stop"])
