"""Was a stop obeyed? The rover's own positions tell. Pure: no clock, no sockets."""

import math
from collections import deque
from dataclasses import dataclass

from robot.values import DriveCommand, Pose, wrap_rad

GRACE_S, BRAKE_MPS2 = 0.4, 3.0  # a stop takes the way there and back, then braking; the wheels can do 5
WINDOW_S = 0.2  # a speed is measured over this
STILL_MPS, STILL_RADPS = 0.05, math.radians(8)  # positions of a standing rover shake a little
AGAIN_S = 0.2
FRESH_S = 0.3


@dataclass(frozen=True, slots=True)
class Disobeyed:
    """The rover moves though it was told to stand."""

    after_s: float  # since the stop
    speed_mps: float
    turn_radps: float
    times: int  # how often this has been said about this stop

    def __str__(self) -> str:
        return (
            f"still moves at {self.speed_mps:.2f} m/s, {math.degrees(self.turn_radps):.0f} deg/s, "
            f"{self.after_s:.1f} s after it was told to stop"
        )


class Obedience:
    """Tell it what was commanded and where the rover is; ask for the verdict."""

    def __init__(self) -> None:
        self._poses: deque[tuple[float, Pose]] = deque(maxlen=256)
        self._fastest_mps = 0.0
        self._moving = False
        self._stopped_s: float | None = None  # None: moves, or its stop has been seen
        self._said_s = -math.inf
        self._times = 0

    @property
    def waiting(self) -> bool:
        """A stop has been sent and not been seen yet."""
        return self._stopped_s is not None

    def reset(self) -> None:
        """Another connection: maybe another origin."""
        self._poses.clear()

    def commanded(self, now_s: float, command: DriveCommand) -> None:
        if not command.is_still:
            self._fastest_mps = max(self._fastest_mps, math.hypot(command.forward_mps, command.left_mps))
            self._stopped_s = None
            self._times = 0
            self._moving = True
        elif self._moving:
            self._moving = False
            self._stopped_s = now_s

    def measured(self, time_s: float, pose: Pose) -> None:
        self._poses.append((time_s, pose))

    def verdict(self, now_s: float) -> Disobeyed | None:
        """Once every `AGAIN_S` while it moves though it must not; None also while nobody can tell."""
        if self._stopped_s is None:
            return None
        judge_from_s = self._stopped_s + GRACE_S + self._fastest_mps / BRAKE_MPS2
        speed = self._speed(now_s, judge_from_s)
        if speed is None:
            return None
        if speed[0] < STILL_MPS and abs(speed[1]) < STILL_RADPS:
            self._stopped_s, self._fastest_mps = None, 0.0
            return None
        if now_s - self._said_s < AGAIN_S:
            return None
        self._said_s = now_s
        self._times += 1
        return Disobeyed(now_s - self._stopped_s, *speed, self._times)

    def _speed(self, now_s: float, from_s: float) -> tuple[float, float] | None:
        """Over the newest window that lies behind `from_s`; None when there is none."""
        if not self._poses or now_s - self._poses[-1][0] > FRESH_S:
            return None
        end_s, end = self._poses[-1]
        for start_s, start in reversed(self._poses):
            if start_s < from_s:
                return None
            if (over_s := end_s - start_s) >= WINDOW_S:
                way_m = math.hypot(end.x_m - start.x_m, end.y_m - start.y_m)
                return way_m / over_s, wrap_rad(end.heading_rad - start.heading_rad) / over_s
        return None
