"""The wheels over the binary protocol: speeds at a steady rate that nobody acknowledges, and a look whether they act.

A speed holds in the rover until the next one. So zeros are repeated, a stop is checked by position, and a second
process (`guard.py`) says stop when this one cannot.
"""

import asyncio
import logging
import math
from collections.abc import Callable

from common.errors import DeviceError
from protos.robomaster.frame import OVERHEAD_BYTES, Frame, encode
from protos.robomaster.ids import Command, Host
from protos.robomaster.payloads import DriveSpeed, DriveWheels, SdkMode
from robot.drivers.watchdog import WATCHDOG_S, Watchdog
from robot.robomaster.axes import dji_speed
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_link import Link
from robot.robomaster.binary_odometry import PushedOdometry
from robot.robomaster.config import RoverConfig
from robot.robomaster.flow import Flow
from robot.robomaster.guard import Guard
from robot.robomaster.obedience import Disobeyed, Obedience
from robot.robomaster.reckoning import FromCommands
from robot.values import STILL, DriveCommand, Odometry

log = logging.getLogger(__name__)

READY_S = 0.5  # without a push for so long the rover counts as out of reach
ANSWER_S = 1.0  # and without an answer: five questions
GIVE_UP_TIMES = 10  # a rover that drove on for two seconds more is put out of SDK mode

ZERO_SPEED, ZERO_WHEELS = DriveSpeed(0.0, 0.0, 0.0).pack(), DriveWheels(0, 0, 0, 0).pack()
SPEED_FRAME_BYTES = OVERHEAD_BYTES + len(ZERO_SPEED)
LEAVE = SdkMode(False).pack()


def _ready_made(number: int, to: int, command: Command, payload: bytes) -> bytes:
    return encode(Frame(Host.SDK, to, number, command.cmdset, command.cmdid, payload))


STOP_FRAMES = [
    _ready_made(1, Host.CHASSIS, Command.DRIVE_SPEED, ZERO_SPEED),
    _ready_made(2, Host.CHASSIS, Command.DRIVE_WHEELS, ZERO_WHEELS),
]
LEAVE_FRAME = _ready_made(3, Host.SERVICE, Command.SDK_MODE, LEAVE)
"""For the guard."""


class BinaryBase:
    """Wheels of one rover, over one connection after the other."""

    def __init__(self, config: RoverConfig, counts_unacked: bool, clock: Callable[[], float]) -> None:
        """`counts_unacked`: the link knows how much the rover's computer has not taken yet (TCP)."""
        self._limits = config.limits
        self._clock = clock
        self._flow = Flow(config.rate_hz, answers=counts_unacked)
        self._counts_unacked = counts_unacked
        self._obedience = Obedience()
        self._watchdog = Watchdog(self._silence)
        self._reckoned = FromCommands(config.limits) if config.profile == "s1" else None
        self._link: Link | None = None
        self._guard: Guard | None = None
        self.pushed = PushedOdometry()
        self.felt_s = self.answered_s = -math.inf
        self.disobeyed = 0

    # ---- what the robot asks ----

    @property
    def ready(self) -> bool:
        now_s = self._clock()
        return (
            self._link is not None
            and not self._link.lost.done()
            and now_s - self.felt_s < READY_S
            and now_s - self.answered_s < ANSWER_S
            and self._flow.waiting_s(now_s) < READY_S
        )

    async def drive(self, command: DriveCommand) -> DriveCommand:
        sent = command.clipped(self._limits) if self.ready else STILL
        self._flow.want(sent, self._clock() + WATCHDOG_S)
        if sent.is_still:
            self._watchdog.rest()
        else:
            self._watchdog.feed()
        self._pump()
        return sent

    async def stop(self) -> None:
        await self.drive(STILL)

    def odometry(self) -> Odometry | None:
        return self._reckoned.at(self._clock()) if self._reckoned else self.pushed.newest()

    # ---- what the rover tells ----

    def on_position(self, x_m: float, y_m: float) -> None:
        now_s = self._clock()
        self.felt_s = now_s
        self.pushed.on_position(now_s, x_m, y_m)
        newest = None if self._reckoned else self.pushed.newest()
        if newest is not None:
            self._obedience.measured(now_s, newest.pose)

    # ---- one connection ----

    async def serve(self, link: Link, to: tuple[str, int]) -> None:
        """Until cancelled. Raises RoverGone without a guard, and when a rover drives on though it was told to stop."""
        self._flow.reset()
        self._obedience.reset()
        self.pushed.restart()
        try:
            self._guard = await _guard(link, to)
            self._link = link  # from now on it may be driven
            while True:
                self._pump()
                if not self._guard.alive:
                    raise RoverGone(f"rover {to[0]}: let go, because the process that guards its wheels is gone.")
                if (word := self._obedience.verdict(self._clock())) is not None:
                    self._insist(link, word)
                await asyncio.sleep(max(0.005, self._flow.wait_s(self._clock())))
        finally:
            await self._end(link)

    async def _end(self, link: Link) -> None:
        self._watchdog.rest()
        self._flow.want(STILL)
        self._link = None
        if self._reckoned is not None:
            self._reckoned.commanded(self._clock(), STILL)
        for _ in range(3):
            link.tell(Host.CHASSIS, Command.DRIVE_SPEED, ZERO_SPEED)
        guard, self._guard = self._guard, None
        if guard is not None:
            await guard.close()

    def _pump(self) -> None:
        link = self._link
        if link is None:
            return
        now_s = self._clock()
        if self._counts_unacked:
            self._flow.answered(self._flow.number - math.ceil(link.backlog_bytes / SPEED_FRAME_BYTES))
        command = self._flow.take(now_s)
        if self._guard is not None:
            self._guard.feed(self._flow.moving)  # also between commands, which may come as slowly as its patience ends
        if command is None:
            return
        speed = dji_speed(command)
        payload = DriveSpeed(speed.x_mps, speed.y_mps, speed.z_degps).pack()
        link.tell(Host.CHASSIS, Command.DRIVE_SPEED, payload)
        self._obedience.commanded(now_s, command)
        if self._reckoned is not None:
            self._reckoned.commanded(now_s, command)

    def _insist(self, link: Link, word: Disobeyed) -> None:
        self.disobeyed += 1
        log.error("rover %s", word)
        for _ in range(3):
            link.tell(Host.CHASSIS, Command.DRIVE_SPEED, ZERO_SPEED)
            link.tell(Host.CHASSIS, Command.DRIVE_WHEELS, ZERO_WHEELS)
        if word.times >= GIVE_UP_TIMES:
            link.tell(Host.SERVICE, Command.SDK_MODE, LEAVE)
            raise RoverGone(f"rover: {word}. It was put out of SDK mode, which stops it. Does something else drive it?")

    def _silence(self) -> None:
        self._flow.want(STILL)
        self._pump()


async def _guard(link: Link, to: tuple[str, int]) -> Guard:
    """Raises RoverGone: the next connection may get one."""
    try:
        return await Guard.start(link.fileno, STOP_FRAMES, to, LEAVE_FRAME)
    except DeviceError as error:
        raise RoverGone(str(error)) from error
