"""From what a rover pushes to odometry. Pure: times are passed in.

Position, attitude, speed and turn rate come as pushes of their own, each some milliseconds apart, so the older ones are
carried on to the time of the newest. (`reckoning.Measured` is for rovers that tell positions only: it works the speed
out of those, and so knows it later.)
"""

import math
from dataclasses import dataclass

from protos.robomaster.unverified import GYRO_Z_CLOCKWISE_RADPS
from robot.robomaster.axes import our_pose
from robot.robomaster.origin import Origin
from robot.values import Odometry, Pose, wrap_rad

CARRY_S = 0.1  # a part older than this is not carried on: its push is lost or was never there


@dataclass(frozen=True, slots=True)
class _Part:
    time_s: float = -math.inf
    values: tuple[float, ...] = (0.0, 0.0)


class PushedOdometry:
    """Feed it pushes in DJI's axes (x forward, y right, clockwise), ask for odometry in ours."""

    def __init__(self) -> None:
        self._position, self._yaw, self._speed, self._turn = _Part(), _Part(), _Part(), _Part()
        self._origin = Origin()

    def restart(self) -> None:
        """Another connection: the rover may have been switched off and on, and count from zero again."""
        self._position, self._yaw, self._speed, self._turn = _Part(), _Part(), _Part(), _Part()
        self._origin.reconnected()

    def on_position(self, time_s: float, x_m: float, y_m: float) -> None:
        self._position = _finite(self._position, _Part(time_s, (x_m, y_m)))

    def on_yaw(self, time_s: float, yaw_deg: float) -> None:
        self._yaw = _finite(self._yaw, _Part(time_s, (yaw_deg,)))

    def on_speed(self, time_s: float, x_mps: float, y_mps: float) -> None:
        """In the rover's own frame."""
        self._speed = _finite(self._speed, _Part(time_s, (x_mps, y_mps)))

    def on_turn(self, time_s: float, gyro_z: float) -> None:
        """The gyroscope's z points down."""
        self._turn = _finite(self._turn, _Part(time_s, (gyro_z * GYRO_Z_CLOCKWISE_RADPS,)))

    def newest(self) -> Odometry | None:
        """None before the first position and attitude of this connection."""
        time_s = max(self._position.time_s, self._yaw.time_s)
        if min(self._position.time_s, self._yaw.time_s) == -math.inf:
            return None
        forward_mps = self._speed.values[0]
        left_mps, turn_radps = 0.0 - self._speed.values[1], 0.0 - self._turn.values[0]
        raw = our_pose(self._position.values[0], self._position.values[1], self._yaw.values[0])
        carry_s = min(CARRY_S, time_s - self._yaw.time_s)
        heading = raw.heading_rad + turn_radps * carry_s
        carry_s = min(CARRY_S, time_s - self._position.time_s)
        cos, sin = math.cos(heading), math.sin(heading)
        raw = Pose(
            raw.x_m + (cos * forward_mps - sin * left_mps) * carry_s,
            raw.y_m + (sin * forward_mps + cos * left_mps) * carry_s,
            wrap_rad(heading),
        )
        return Odometry(time_s, self._origin.place(raw), forward_mps, left_mps, turn_radps)


def _finite(before: _Part, now: _Part) -> _Part:
    return now if all(map(math.isfinite, now.values)) else before
