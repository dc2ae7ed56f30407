"""One client of a robot that glides as told over no floor at all, on the test's own time. No sockets."""

import math
from typing import Protocol, Self

from protos.robomaster.frame import Frame
from protos.robomaster.ids import Command, Host, Resolution
from protos.robomaster.payloads import SdkMode
from sim.robomaster.binary.session import Session
from sim.robomaster.binary.table import TABLE
from sim.robomaster.body import NoBody, Sensed, Touch
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover
from sim.robomaster.values import Position

STEP_S = 0.005


class Packs(Protocol):
    def pack(self) -> bytes: ...


class Glider(NoBody):
    """Goes at once as fast as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.touches: list[Touch] = []

    def glide(self, dt_s: float) -> None:
        now = self.sensed
        yaw = math.radians(now.position.yaw_deg)
        x = now.position.x_m + dt_s * (now.x_mps * math.cos(yaw) - now.y_mps * math.sin(yaw))
        y = now.position.y_m + dt_s * (now.x_mps * math.sin(yaw) + now.y_mps * math.cos(yaw))
        here = Position(x, y, now.position.yaw_deg + dt_s * now.turn_degps)
        touches, self.touches = tuple(self.touches), []
        self.sensed = Sensed(here, now.x_mps, now.y_mps, now.turn_degps, now.wheel_angles_deg, touches)


class Screen:
    """A stream's switch."""

    def __init__(self) -> None:
        self.resolution: Resolution | None = None

    def start(self, resolution: Resolution = Resolution.P720) -> None:
        self.resolution = resolution

    def stop(self) -> None:
        self.resolution = None


class Stand:
    """A session in SDK mode, and the robot under it."""

    def __init__(self, identity: Identity | None = None, enter: bool = True) -> None:
        self.body = Glider()
        self.rover = Rover(self.body, identity)
        self.video, self.audio = Screen(), Screen()
        self.session = Session(self.rover, self.video, self.audio, Host.SDK, 0.0)
        self.now_s = 0.0
        self.pushed: list[Frame] = []
        self.answers: list[Frame] = []  # to the last request
        self._seq = 10_000
        assert self.rover.claim(self.session.desk)
        if enter:
            assert self.ask(Command.SDK_MODE, SdkMode(True)) == b"\0"

    def send(self, command: Command, payload: Packs | bytes = b"", to: int | None = None, wants_ack: int = 2) -> Frame:
        """The request as it would come in; pushes that follow it are kept."""
        self._seq += 1
        data = payload if isinstance(payload, bytes) else payload.pack()
        entry_to = TABLE[command.value].to if command.value in TABLE else None
        receiver = to if to is not None else entry_to if entry_to is not None else Host.SERVICE
        request = Frame(Host.SDK, receiver, self._seq, command.cmdset, command.cmdid, data, wants_ack=wants_ack)
        self.answers = []
        for outgoing in self.session.receive(request, self.now_s):
            (self.answers if outgoing.frame.is_ack else self.pushed).append(outgoing.frame)
        return request

    def ask(self, command: Command, payload: Packs | bytes = b"", to: int | None = None) -> bytes:
        """What the answer says."""
        request = self.send(command, payload, to)
        (answer,) = self.answers
        assert (answer.sender, answer.receiver, answer.seq) == (request.receiver, request.sender, request.seq)
        assert (answer.cmdset, answer.cmdid) == command.value
        return answer.payload

    def run(self, for_s: float) -> Self:
        for _ in range(round(for_s / STEP_S)):
            self.now_s += STEP_S
            self.rover.step(self.now_s)
            self.body.glide(STEP_S)
            self.pushed += [outgoing.frame for outgoing in self.session.due(self.now_s)]
        return self

    def pushes(self, command: Command) -> list[bytes]:
        """All until now, of one kind."""
        return [frame.payload for frame in self.pushed if (frame.cmdset, frame.cmdid) == command.value]

    @property
    def speed(self) -> tuple[float, float, float]:
        return self.body.sensed.x_mps, self.body.sensed.y_mps, self.body.sensed.turn_degps
