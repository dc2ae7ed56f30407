"""A guard over the wheels: a rover may hold its last speed for ever, so a second process stops it if ours cannot.

Usage, once a connection is up (text or binary, any socket or serial port)::

    guard = await Guard.start(sock.fileno(), stop=[b";chassis speed x 0 y 0 z 0;"])
    guard.feed(moving=True)     # with every command that is sent, and whenever it stays in force
    guard.feed(moving=False)    # standing: silence is fine now
    await guard.close()         # before the socket is closed: sends nothing, the process ends

The child holds a duplicate of the file descriptor and one end of a socket pair. When nothing is fed for `SILENCE_S`
while moving (SIGSTOP, a hung event loop) it sends the stop messages ten times over half a second, then waits to hear
again. When the pair's other end closes (SIGKILL, a crash) it does the same, sends `last_words` and ends. Each message
goes out by a write of its own: one datagram each. The duplicate keeps a TCP connection open, so a connection is not
over before `close`.
"""

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from common.errors import DeviceError
from robot.robomaster import guard_process

log = logging.getLogger(__name__)

SILENCE_S = 0.12
# Six periods of the control loop. The wheels must stand half a second after the last command, and braking from 1.2 m/s
# takes 0.3 of it. A program that was only held up so long loses a little speed until its next command.
START_S = 10.0  # on a Pi Zero with a full card; 0.03 s on a PC
END_S = 2.0
PROGRAM = str(Path(guard_process.__file__).resolve())


class Guard:
    """One child process over one connection."""

    def __init__(self, process: "subprocess.Popen[bytes]", pair: socket.socket) -> None:
        self._process = process
        self._pair = pair
        self.alive = True

    @classmethod
    async def start(
        cls,
        fd: int,
        stop: Sequence[bytes],
        to: tuple[str, int] | None = None,
        last_words: bytes = b"",
        silence_s: float = SILENCE_S,
    ) -> Self:
        """`to`: where datagrams go, for a socket that is not connected. Raises DeviceError when it does not start."""
        try:
            wire = os.dup(fd)  # at once: while the process starts, the number may come to mean another socket
        except OSError as error:
            raise DeviceError("guard: the connection to the rover is gone already.") from error
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            address = f"{to[0]}:{to[1]}" if to else ""
            numbers = [str(theirs.fileno()), str(wire), address, str(silence_s)]
            command = [sys.executable, "-S", "-E", "-s", PROGRAM, *numbers]
            command += [last_words.hex(), *(message.hex() for message in stop)]
            spawning = asyncio.ensure_future(asyncio.to_thread(_spawn, command, theirs.fileno(), wire))
            try:
                process = await asyncio.shield(spawning)
            except asyncio.CancelledError:  # the thread goes on: what it starts is ended here, by nobody else
                with ours, contextlib.suppress(OSError):
                    await cls(await spawning, ours).close()
                raise
            except OSError as error:
                ours.close()
                raise DeviceError(
                    f"guard: its process cannot be started ({error}). Is {sys.executable} there?"
                ) from error
        guard = cls(process, ours)
        try:
            async with asyncio.timeout(START_S):
                ready = await asyncio.get_running_loop().sock_recv(ours, 1)
        except TimeoutError:
            ready = b""
        except BaseException:
            await guard.close()
            raise
        if ready != guard_process.READY:
            await guard.close()
            raise DeviceError(
                f"guard: its process did not get ready within {START_S:.0f} s (ended with {process.poll()}). "
                f"Without it a killed program would leave the rover driving. Try: {' '.join(command[:5])}"
            )
        return guard

    def feed(self, moving: bool) -> None:
        """Never waits. A guard that is gone is told once; `alive` is False from then on."""
        if not self.alive:
            return
        try:
            self._pair.send(guard_process.MOVING if moving else guard_process.STANDING)
        except BlockingIOError:
            pass  # it has not looked for thousands of feeds: stopped or starved, but there
        except OSError as error:
            self.alive = False
            log.warning("guard: its process is gone (%s): nobody stops the rover if this one is killed", error)

    async def close(self, stands: bool = True) -> None:
        """Orderly: the guard sends nothing and ends. Unless it `stands`: then it sends all that it has, and ends."""
        self.alive = False
        with contextlib.suppress(OSError):
            if stands:
                self._pair.send(guard_process.FAREWELL)
        self._pair.close()
        await asyncio.shield(asyncio.to_thread(self._reap))

    def _reap(self) -> None:
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # stopped by somebody: it would hold the connection
            self._process.kill()
            self._process.wait()


def _spawn(command: list[str], pair: int, wire: int) -> "subprocess.Popen[bytes]":
    """Takes `wire` over."""
    nothing = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=(pair, wire), start_new_session=True
        )
    finally:
        os.close(wire)
