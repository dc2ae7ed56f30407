"""Where the target is on the ground, now.

A server's answer says where the target *was* when the picture was taken. A Kalman filter keeps its position and
velocity on the floor, in the frame of the robot's odometry, so the robot's own motion drops out; what is asked of it
is the position at the present moment. Its velocity is what lets the servo follow without lag.

Plain floats: four states, and two scalar measurements taken in one after the other need no matrix inverse.
"""

import math
from collections import deque
from dataclasses import dataclass

from pydantic import Field

from common.settings import Strict
from robot.values import Pose, wrap_rad

STEADY_S = 0.2  # between two answers, late ones too, nobody is out of sight
AFRESH_S = 1.5  # out of sight for longer, where somebody went says nothing about where they walk now

KEPT = 32  # states of the filter, to go back to: half a second at 60 pictures a second

Vector = tuple[float, float, float, float]
Matrix = list[list[float]]


class ApproachConfig(Strict):
    """How the target is believed to move and how well it is seen."""

    bearing_noise_rad: float = Field(default=0.012, gt=0)
    """Standard deviation of a measured bearing. Larger trusts the prediction more."""
    distance_noise_share: float = Field(default=0.04, gt=0)
    """Standard deviation of a measured distance, as a share of it."""
    accel_mps2: float = Field(default=1.2, gt=0)
    """How hard the target is expected to speed up and brake. Larger reacts sooner and is noisier."""
    gate: float = Field(default=4.5, gt=1)
    """A measurement further off than this many standard deviations is taken for a mistake."""
    max_rejects: int = Field(default=4, ge=1)
    """So many mistakes in a row are the truth: the filter starts anew there."""
    velocity_memory_s: float = Field(default=0.8, gt=0)
    """How long a target that is out of sight is believed to keep its velocity."""
    top_speed_mps: float = Field(default=2.5, gt=0)
    """Faster than this no target is believed to be."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The target on the ground, in the odometry's frame."""

    time_s: float
    x_m: float
    y_m: float
    vx_mps: float
    vy_mps: float
    seen_s: float  # capture time of the last measurement that was believed

    def seen_from(self, pose: Pose) -> tuple[float, float]:
        """(bearing in rad, distance in m) from a pose."""
        dx, dy = self.x_m - pose.x_m, self.y_m - pose.y_m
        return wrap_rad(math.atan2(dy, dx) - pose.heading_rad), math.hypot(dx, dy)

    def velocity_seen_from(self, pose: Pose) -> tuple[float, float]:
        """(forward, left) in m/s along the axes of a pose that stands still."""
        cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
        return cos * self.vx_mps + sin * self.vy_mps, cos * self.vy_mps - sin * self.vx_mps


class GroundFilter:
    """Extended Kalman filter: measurements are (bearing, distance) from a known pose."""

    def __init__(self, config: ApproachConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        self._state: Vector | None = None
        self._cov: Matrix = []
        self._past: deque[tuple[float, Vector, Matrix]] = deque(maxlen=KEPT)
        self._time_s = 0.0
        self._rejects = 0
        self.rejected = 0  # measurements not believed, since the start

    def measure(self, time_s: float, pose: Pose, bearing_rad: float, distance_m: float | None) -> bool:
        """Take in what was seen from `pose` at `time_s`; distance None: only the direction is known.

        False when it was not believed (an outlier), came too late (older than the last one) or cannot start a filter.
        """
        if not math.isfinite(bearing_rad) or (distance_m is not None and not 0.05 < distance_m < 100):
            return False
        if self._state is None:
            return distance_m is not None and self._start(time_s, pose, bearing_rad, distance_m)
        if time_s < self._time_s:
            return False
        if time_s - self._time_s > AFRESH_S and distance_m is not None:
            return self._start(time_s, pose, bearing_rad, distance_m)
        state, cov = self._predicted(self._state, time_s - self._time_s)
        taken = self._correct(state, cov, pose, bearing_rad, distance_m)
        if taken is None:
            self.rejected += 1
            self._rejects += 1
            if self._rejects > self._config.max_rejects and distance_m is not None:
                return self._start(time_s, pose, bearing_rad, distance_m)
            return False
        self._rejects = 0
        self._state, self._cov, self._time_s = self._limited(taken), cov, time_s
        self._past.append((time_s, self._state, cov))
        return True

    def rewind(self, to_s: float) -> None:
        """What was measured after `to_s` turned out to be wrong: forget it. The oldest kept state stays."""
        while len(self._past) > 1 and self._past[-1][0] > to_s:
            self._past.pop()
        if self._past:
            self._time_s, self._state, self._cov = self._past[-1]

    def at(self, now_s: float) -> Estimate | None:
        """The target at `now_s`; None before the first measurement. Velocity fades while there is none."""
        if self._state is None:
            return None
        x, y, vx, vy = self._state
        way_s, fade = self._walks_on(max(0.0, now_s - self._time_s))
        return Estimate(now_s, x + vx * way_s, y + vy * way_s, vx * fade, vy * fade, self._time_s)

    def _walks_on(self, ahead_s: float) -> tuple[float, float]:
        """For how long of this time the target walks on with its whole speed, and the share that is left of that."""
        memory_s = self._config.velocity_memory_s
        steady_s = min(ahead_s, STEADY_S)
        fade = math.exp((steady_s - ahead_s) / memory_s)
        return steady_s + memory_s * (1 - fade), fade

    def _start(self, time_s: float, pose: Pose, bearing_rad: float, distance_m: float) -> bool:
        angle = pose.heading_rad + bearing_rad
        self._state = (
            pose.x_m + distance_m * math.cos(angle),
            pose.y_m + distance_m * math.sin(angle),
            0.0,
            0.0,
        )
        spread = (distance_m * max(self._config.distance_noise_share, self._config.bearing_noise_rad)) ** 2
        self._cov = [[spread if row == column else 0.0 for column in range(4)] for row in range(4)]
        self._cov[2][2] = self._cov[3][3] = 0.25  # people start at up to 0.5 m/s, one standard deviation
        self._time_s, self._rejects = time_s, 0
        self._past.clear()
        self._past.append((time_s, self._state, self._cov))
        return True

    def _predicted(self, state: Vector, dt_s: float) -> tuple[Vector, Matrix]:
        """Constant velocity, fading when out of sight, with white noise on the acceleration."""
        x, y, vx, vy = state
        p, dt = self._cov, dt_s
        way_s, fade = self._walks_on(dt_s)
        step = [[*row] for row in p]
        for j in range(4):  # F P
            step[0][j] += way_s * p[2][j]
            step[1][j] += way_s * p[3][j]
            step[2][j] *= fade
            step[3][j] *= fade
        cov = [[*row] for row in step]
        for i in range(4):  # (F P) F'
            cov[i][0] += way_s * step[i][2]
            cov[i][1] += way_s * step[i][3]
            cov[i][2] *= fade
            cov[i][3] *= fade
        density = self._config.accel_mps2**2
        for i in (0, 1):
            cov[i][i] += density * dt**3 / 3
            cov[i][i + 2] += density * dt**2 / 2
            cov[i + 2][i] += density * dt**2 / 2
            cov[i + 2][i + 2] += density * dt
        return (x + vx * way_s, y + vy * way_s, vx * fade, vy * fade), cov

    def _correct(
        self, state: Vector, cov: Matrix, pose: Pose, bearing_rad: float, distance_m: float | None
    ) -> Vector | None:
        """Both measurements into `state` and (in place) `cov`; None when one of them fails the gate."""
        dx, dy = state[0] - pose.x_m, state[1] - pose.y_m
        reach = max(math.hypot(dx, dy), 0.2)
        across = (-dy / reach**2, dx / reach**2)
        off_rad = wrap_rad(bearing_rad + pose.heading_rad - math.atan2(dy, dx))
        pairs = [(across, off_rad, self._config.bearing_noise_rad**2)]
        if distance_m is not None:
            noise_m = self._config.distance_noise_share * distance_m + 0.01
            pairs.append(((dx / reach, dy / reach), distance_m - reach, noise_m**2))
        gate = self._config.gate**2
        for (hx, hy), off, noise in pairs:
            if off**2 > gate * _variance(cov, hx, hy, noise):
                return None
        for index, ((hx, hy), off, noise) in enumerate(pairs):
            variance = _variance(cov, hx, hy, noise)
            column = [row[0] * hx + row[1] * hy for row in cov]
            gain = [value / variance for value in column]
            if index:  # the first correction has moved the state along this axis a little
                off -= hx * (state[0] - pose.x_m - dx) + hy * (state[1] - pose.y_m - dy)
            x, y, vx, vy = state
            state = (x + gain[0] * off, y + gain[1] * off, vx + gain[2] * off, vy + gain[3] * off)
            for i in range(4):
                for j in range(4):
                    cov[i][j] -= gain[i] * column[j]
        return state

    def _limited(self, state: Vector) -> Vector:
        x, y, vx, vy = state
        speed = math.hypot(vx, vy)
        if speed <= self._config.top_speed_mps:
            return state
        share = self._config.top_speed_mps / speed
        return x, y, vx * share, vy * share


def _variance(cov: Matrix, hx: float, hy: float, noise: float) -> float:
    return hx * hx * cov[0][0] + 2 * hx * hy * cov[0][1] + hy * hy * cov[1][1] + noise
