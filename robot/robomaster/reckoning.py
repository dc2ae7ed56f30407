"""Where the rover is and how fast it goes: from what it measures, or from what it was told. Pure."""

import math
from collections import deque

from robot.robomaster.axes import DjiSpeed, our_pose, our_speed
from robot.robomaster.origin import Origin
from robot.values import STILL, DriveCommand, Limits, Odometry, Pose, wrap_rad

WINDOW_S = 0.13  # positions of so long give the speed: seven at 50 Hz, and half of it is how late the speed is
LEAST_SPAN_S = 0.05
MERGE_S = 0.005  # what comes closer together was held up on the way; only the newest of it tells the time
SPEED_FRESH_S = 0.25
STEP_S = 0.02


class Measured:
    """Odometry from the rover's positions, attitudes and speeds as they arrive, in DJI's axes."""

    def __init__(self) -> None:
        self._track: deque[tuple[float, float, float]] = deque(maxlen=64)  # time, x, y in our axes, raw origin
        self._turning: deque[tuple[float, float]] = deque(maxlen=64)  # time, heading (unwrapped)
        self._speed: tuple[float, DriveCommand] | None = None
        self._origin = Origin()
        self.newest: Odometry | None = None

    def reconnected(self) -> None:
        """Anything may have happened meanwhile."""
        self._track.clear()
        self._turning.clear()
        self._speed = None
        self._origin.reconnected()

    def position(self, time_s: float, x_m: float, y_m: float) -> None:
        """A push: complete once the heading is known."""
        if not math.isfinite(x_m + y_m):
            return
        raw = our_pose(x_m, y_m, 0.0)
        if self._track and time_s - self._track[-1][0] < MERGE_S:
            time_s = self._track.pop()[0]
        self._track.append((time_s, raw.x_m, raw.y_m))
        self._tell(time_s)

    def attitude(self, time_s: float, yaw_deg: float) -> None:
        if not math.isfinite(yaw_deg):
            return
        heading = our_pose(0.0, 0.0, yaw_deg).heading_rad
        if self._turning:
            heading = self._turning[-1][1] + wrap_rad(heading - self._turning[-1][1])
            if time_s - self._turning[-1][0] < MERGE_S:
                time_s = self._turning.pop()[0]
        self._turning.append((time_s, heading))

    def pose(self, time_s: float, x_m: float, y_m: float, yaw_deg: float) -> None:
        """An answer to a question: all at once."""
        self.attitude(time_s, yaw_deg)
        self.position(time_s, x_m, y_m)

    def speed(self, time_s: float, speed: DjiSpeed) -> None:
        """As measured by the rover; taken where positions come too seldom to tell."""
        if math.isfinite(speed.x_mps + speed.y_mps + speed.z_degps):
            self._speed = (time_s, our_speed(speed))

    def _tell(self, now_s: float) -> None:
        if not self._turning:
            return
        spoken = self._spoken(now_s)
        turn = _slope([(at_s, heading) for at_s, heading in self._turning], now_s)
        if turn is None:
            turn = spoken.turn_radps
        at_s, heading = self._turning[-1]
        heading += turn * min(max(now_s - at_s, 0.0), WINDOW_S)
        vx = _slope([(at_s, x) for at_s, x, _ in self._track], now_s)
        vy = _slope([(at_s, y) for at_s, _, y in self._track], now_s)
        if vx is not None and vy is not None:
            cos, sin = math.cos(heading), math.sin(heading)
            forward, left = cos * vx + sin * vy, cos * vy - sin * vx
        else:
            forward, left = spoken.forward_mps, spoken.left_mps
        _, x, y = self._track[-1]
        self.newest = Odometry(now_s, self._origin.place(Pose(x, y, wrap_rad(heading))), forward, left, turn)

    def _spoken(self, now_s: float) -> DriveCommand:
        """The speed where the last positions do not tell: what the rover said itself, or what it was just before."""
        if self._speed is not None and now_s - self._speed[0] <= SPEED_FRESH_S:
            return self._speed[1]
        last = self.newest
        if last is not None and now_s - last.time_s <= SPEED_FRESH_S:
            return DriveCommand(last.forward_mps, last.left_mps, last.turn_radps)
        return STILL


class FromCommands:
    """Where commands would have taken it, with the wheels' own ramps: for a rover that measures nothing."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._command = STILL
        self._here: Odometry | None = None

    def commanded(self, now_s: float, command: DriveCommand) -> None:
        self.at(now_s)
        self._command = command

    def at(self, now_s: float) -> Odometry:
        here = self._here or Odometry(now_s, Pose())
        if now_s - here.time_s > 5.0:  # the clock leapt or the process was stopped; the rover was, too, by its guard
            here = Odometry(now_s, here.pose)
        while (left_s := now_s - here.time_s) > 0:
            here = self._step(here, min(left_s, STEP_S))
        self._here = here
        return here

    def _step(self, here: Odometry, dt_s: float) -> Odometry:
        limits, wanted = self._limits, self._command
        turn_by = limits.turn_accel_radps2 * dt_s
        forward = _towards(here.forward_mps, wanted.forward_mps, limits.accel_mps2 * dt_s, limits.brake_mps2 * dt_s)
        left = _towards(here.left_mps, wanted.left_mps, limits.accel_mps2 * dt_s, limits.brake_mps2 * dt_s)
        turn = _towards(here.turn_radps, wanted.turn_radps, turn_by, turn_by)
        middle = here.pose.heading_rad + turn * dt_s / 2
        cos, sin = math.cos(middle), math.sin(middle)
        pose = Pose(
            here.pose.x_m + (cos * forward - sin * left) * dt_s,
            here.pose.y_m + (sin * forward + cos * left) * dt_s,
            wrap_rad(here.pose.heading_rad + turn * dt_s),
        )
        return Odometry(here.time_s + dt_s, pose, forward, left, turn)


def _towards(value: float, goal: float, speed_up: float, slow_down: float) -> float:
    step = slow_down if abs(goal) < abs(value) or goal * value < 0 else speed_up
    return value + min(max(goal - value, -step), step)


def _slope(points: list[tuple[float, float]], now_s: float) -> float | None:
    """Least squares over the window; None when it holds too little."""
    recent = [(at_s - now_s, value) for at_s, value in points if at_s >= now_s - WINDOW_S]
    if len(recent) < 3 or recent[-1][0] - recent[0][0] < LEAST_SPAN_S:
        return None
    mean_t = sum(t for t, _ in recent) / len(recent)
    mean_v = sum(v for _, v in recent) / len(recent)
    return sum((t - mean_t) * (v - mean_v) for t, v in recent) / sum((t - mean_t) ** 2 for t, _ in recent)
