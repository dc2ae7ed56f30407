"""The rover's wheels by the text protocol: what is sent through whichever connection there is."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Literal

from robot.drivers.watchdog import WATCHDOG_S, Watchdog
from robot.robomaster.axes import DjiSpeed, dji_speed
from robot.robomaster.flow import Flow
from robot.robomaster.guard import Guard
from robot.robomaster.obedience import Obedience
from robot.robomaster.reckoning import FromCommands, Measured
from robot.robomaster.text_link import TextLink, is_error
from robot.values import STILL, DriveCommand, Limits, Odometry

log = logging.getLogger(__name__)

UNREADY_S = 0.5  # the rover does not answer for so long: it cannot be reached
WARN_S = 1.0


class TextBase:
    """A `Base`. It outlives connections; between two of them it is not ready and drives nothing."""

    def __init__(
        self,
        limits: Limits,
        rate_hz: float,
        profile: Literal["ep", "s1"] = "ep",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._measures = profile == "ep"  # an opened S1 answers zeros
        self._flow = Flow(rate_hz)
        self._obedience = Obedience()
        self._measured = Measured()
        self._reckoned = FromCommands(limits)
        self._watchdog = Watchdog(self._silence)
        self._link: TextLink | None = None
        self._guard: Guard | None = None
        self._leaving = False
        self._warned_s = -math.inf
        self._pushed_s = -math.inf
        self.wake = asyncio.Event()  # for who sends
        self.battery_percent: int | None = None
        self.disobeyed = 0
        self.refused = 0

    # ---- what the robot asks for ----

    @property
    def ready(self) -> bool:
        return self._link is not None and not self._leaving and self._link.waiting_s() <= UNREADY_S

    async def drive(self, command: DriveCommand) -> DriveCommand:
        sent = command.clipped(self._limits) if self.ready else STILL
        if sent.is_still:
            self._watchdog.rest()
        else:
            self._watchdog.feed()
        self._want(sent)
        return sent

    async def stop(self) -> None:
        self._watchdog.rest()
        self._want(STILL)

    def odometry(self) -> Odometry | None:
        return self._measured.newest if self._measures else self._reckoned.at(self._clock())

    # ---- the connection ----

    def connected(self, link: TextLink, guard: Guard) -> None:
        self._link, self._guard, self._leaving = link, guard, False
        self._flow.reset()
        self._obedience.reset()
        self._measured.reconnected()
        self.pump()

    def leaving(self) -> None:
        """From now on it only stops, whatever is asked for."""
        self._leaving = True
        self._watchdog.rest()
        self._want(STILL)

    def disconnected(self) -> None:
        self._link = self._guard = None
        self._flow.reset()
        self._reckoned.commanded(self._clock(), STILL)

    def pump(self) -> float:
        """Send what is due. Returns in how many seconds to look again."""
        now_s, link = self._clock(), self._link
        if link is None:
            return UNREADY_S
        if not link.is_full and (command := self._flow.take(now_s)) is not None:
            number = self._flow.number
            speed = dji_speed(command)
            link.post(
                "chassis speed",
                lambda words: self._answered(number, words),
                x=round(speed.x_mps, 3),
                y=round(speed.y_mps, 3),
                z=round(speed.z_degps, 2),
            )
            self._obedience.commanded(now_s, command)
            self._reckoned.commanded(now_s, command)
        return self._flow.wait_s(now_s)

    def enforce(self) -> None:
        """A stop that does not show in the positions is sent again by another command, until it does."""
        now_s, link = self._clock(), self._link
        found = self._obedience.verdict(now_s) if self._measures else None
        if found is None or link is None:
            return
        self.disobeyed += 1
        link.post("chassis wheel", w1=0, w2=0, w3=0, w4=0)
        link.post("chassis speed", x=0, y=0, z=0)
        if now_s - self._warned_s >= WARN_S:
            self._warned_s = now_s
            log.warning(
                "%s: %s. Stopping its wheels (%d. time). Lift it, or switch it off.", link.name, found, found.times
            )

    @property
    def waits_for_stop(self) -> bool:
        """A stop was sent and it is not seen yet that it was obeyed."""
        return self._measures and self._obedience.waiting

    # ---- what the rover tells, in its own axes ----

    @property
    def push_age_s(self) -> float:
        return self._clock() - self._pushed_s

    def on_position(self, x_m: float, y_m: float) -> None:
        self._pushed_s = self._clock()
        self._measured.position(self._pushed_s, x_m, y_m)
        self._check()

    def on_yaw(self, yaw_deg: float) -> None:
        self._measured.attitude(self._clock(), yaw_deg)

    def on_pose(self, x_m: float, y_m: float, yaw_deg: float) -> None:
        """An answer to a question."""
        self._measured.pose(self._clock(), x_m, y_m, yaw_deg)
        self._check()

    def on_speed(self, x_mps: float, y_mps: float, z_degps: float) -> None:
        self._measured.speed(self._clock(), DjiSpeed(x_mps, y_mps, z_degps))

    def _check(self) -> None:
        if self._measures and (newest := self._measured.newest) is not None:
            self._obedience.measured(newest.time_s, newest.pose)

    # ---- sending ----

    def _want(self, command: DriveCommand) -> None:
        self._flow.want(command, self._clock() + WATCHDOG_S)
        self.pump()
        self.wake.set()
        if self._guard is not None:
            self._guard.feed(self._flow.moving)

    def _silence(self) -> None:
        self._want(STILL)

    def _answered(self, number: int, words: tuple[str, ...]) -> None:
        self._flow.answered(number)
        self.wake.set()
        if is_error(words):
            self.refused += 1
            if self.refused in (1, 10, 100) or self.refused % 1000 == 0:
                name = self._link.name if self._link else "rover"
                log.warning("%s: refuses to drive: %r (%d times)", name, " ".join(words), self.refused)
