"""The driving thread of `dji_sdk`: DJI's package blocks now and then, and the event loop must not."""

import math
import threading
import time
from typing import Any

from robot.drivers.watchdog import WATCHDOG_S
from robot.robomaster.axes import dji_speed
from robot.robomaster.flow import Flow
from robot.robomaster.guard import Guard
from robot.values import STILL, DriveCommand

LOOK_S = 0.05


class Wheels:
    """What the driving thread does, at a steady rate. `want` may be called from any thread."""

    def __init__(self, chassis: Any, rate_hz: float, guard: Guard | None) -> None:
        self._chassis = chassis
        self._guard = guard
        self._flow = Flow(rate_hz, answers=False)
        self._wanted: tuple[DriveCommand, float] = (STILL, -math.inf)  # replaced as a whole
        self._news, self._end = threading.Event(), threading.Event()

    def want(self, command: DriveCommand) -> None:
        self._wanted = (command, time.monotonic())
        self._news.set()

    def end(self) -> None:
        self._end.set()
        self._news.set()

    def run(self) -> None:
        """Until `end`; leaves the robot standing. A command that is not repeated is void after the watchdog's time."""
        while not self._end.is_set():
            command, since_s = self._wanted
            now_s = time.monotonic()
            self._flow.want(command, since_s + WATCHDOG_S)
            self._send(self._flow.take(now_s))
            self._news.wait(max(0.001, min(self._flow.wait_s(now_s), LOOK_S)))
            self._news.clear()
        for _ in range(3):
            self._send(STILL)

    def _send(self, command: DriveCommand | None) -> None:
        if command is not None:
            speed = dji_speed(command)
            self._chassis.drive_speed(x=speed.x_mps, y=speed.y_mps, z=speed.z_degps, timeout=None)
            if self._guard is not None:
                self._guard.feed(self._flow.moving)
