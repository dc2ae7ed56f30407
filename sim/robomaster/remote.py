"""Emulated robot and world in two processes, tied by a pipe: what happens in one when the other is killed or stopped?

The world's process owns the motors: their watchdog is fed when an order comes, and by nothing else.
"""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Self

from sim.robomaster.body import Body, Sensed, Touch
from sim.robomaster.values import HitSide, Led, LedEffect, LedState, Position

PERIOD_S = 0.005
MAX_BYTES = 1 << 16  # of one message; each is a packet of its own, so none arrives in halves


class PipeBody:
    """A body in another process. What was told last is what it senses."""

    def __init__(self, pipe: socket.socket) -> None:
        pipe.setblocking(False)
        self._pipe = pipe
        self._sensed = Sensed()

    def sense(self) -> Sensed:
        """Raises EOFError when the world's process is gone."""
        touches: tuple[Touch, ...] = ()
        for message in _received(self._pipe):
            self._sensed = _unpacked(message)
            touches += self._sensed.touches
        return replace(self._sensed, touches=touches)

    def drive(self, x_mps: float, y_mps: float, turn_degps: float) -> None:
        _send(self._pipe, ("drive", x_mps, y_mps, turn_degps))

    def look(self, pitch_deg: float, yaw_deg: float) -> None:
        _send(self._pipe, ("look", pitch_deg, yaw_deg))

    def shine(self, led: Led, state: LedState) -> None:
        _send(self._pipe, ("shine", led, asdict(state)))


class RemoteEmulator:
    """In the world's process: starts the emulated robot in another one, and is its hands and senses."""

    def __init__(self, body: Body, ip: str) -> None:
        self._body = body
        self._ip = ip
        self._pipe, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pipe.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        descriptor = self._theirs.fileno()
        command = [sys.executable, "-m", "sim.robomaster.remote", self._ip, str(descriptor)]
        self._process = subprocess.Popen(command, pass_fds=[descriptor])
        self._theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self._pipe.close()

    def signal(self, number: int) -> None:
        """SIGKILL, SIGSTOP, SIGCONT; nothing when it has ended already."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    async def run(self) -> None:
        """Carry orders and senses to and fro until cancelled, whatever becomes of the robot."""
        while True:
            with contextlib.suppress(EOFError):  # the robot has died; the world goes on
                for order in _received(self._pipe):
                    self._carry_out(*order)
                _send(self._pipe, _packed(self._body.sense()))
            await asyncio.sleep(PERIOD_S)

    def _carry_out(self, what: str, *how: Any) -> None:
        match what:
            case "drive":
                self._body.drive(*how)
            case "look":
                self._body.look(*how)
            case "shine":
                led, state = how
                state |= {"rgb": tuple(state["rgb"]), "effect": LedEffect(state["effect"])}
                self._body.shine(Led(led), LedState(**state))


def _send(pipe: socket.socket, message: Any) -> None:
    # the other side is behind, stopped or gone; there is a new message every few milliseconds
    with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
        pipe.send(json.dumps(message).encode())


def _received(pipe: socket.socket) -> Iterator[Any]:
    """All that has come. Raises EOFError when the other side is gone."""
    while True:
        try:
            data = pipe.recv(MAX_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError("the process at the other end of the pipe has gone")
        yield json.loads(data)


def _packed(sensed: Sensed) -> dict[str, Any]:
    touches = [(int(each.side), each.speed_mps, each.thing) for each in sensed.touches]
    return {
        "position": tuple(sensed.position),
        "speed": (sensed.x_mps, sensed.y_mps, sensed.turn_degps),
        "wheels": sensed.wheel_angles_deg,
        "touches": touches,
    }


def _unpacked(message: dict[str, Any]) -> Sensed:
    touches = tuple(Touch(HitSide(side), speed, thing) for side, speed, thing in message["touches"])
    x, y, turn = message["speed"]
    a, b, c, d = message["wheels"]
    return Sensed(Position(*message["position"]), x, y, turn, (a, b, c, d), touches)


def main(ip: str, descriptor: int) -> None:
    """The robot's process: until it is killed, or the world has gone."""
    from sim.robomaster.emulator import Emulator

    with socket.socket(fileno=descriptor) as pipe, contextlib.suppress(EOFError, KeyboardInterrupt):
        asyncio.run(Emulator(PipeBody(pipe), ip).run())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
