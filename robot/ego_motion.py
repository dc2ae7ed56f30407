"""Where the robot was when a picture was taken: a short history of odometry."""

import math
from bisect import bisect_right
from collections import deque

from robot.values import Odometry, Pose, wrap_rad


class OdometryHistory:
    """The last seconds of odometry, asked for by time."""

    def __init__(self, keep_s: float = 5.0, extrapolate_s: float = 0.25, most: int = 1000) -> None:
        """`extrapolate_s`: how far past the newest entry the last speed is believed; then there is no answer."""
        self._keep_s = keep_s
        self._extrapolate_s = extrapolate_s
        self._entries: deque[Odometry] = deque(maxlen=most)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def newest(self) -> Odometry | None:
        return self._entries[-1] if self._entries else None

    def add(self, odometry: Odometry) -> None:
        """Entries that are not finite are dropped; one that is older than the newest is, too.

        A step back by more than is kept means that the clock was set anew: the history starts again.
        """
        pose = odometry.pose
        numbers = (odometry.time_s, pose.x_m, pose.y_m, pose.heading_rad)
        speeds = (odometry.forward_mps, odometry.left_mps, odometry.turn_radps)
        if not all(map(math.isfinite, (*numbers, *speeds))):
            return
        if self._entries:
            step_s = odometry.time_s - self._entries[-1].time_s
            if step_s < -self._keep_s:
                self._entries.clear()
            elif step_s <= 0:
                return
        self._entries.append(odometry)
        while self._entries[0].time_s < odometry.time_s - self._keep_s:
            self._entries.popleft()

    def at(self, time_s: float) -> Odometry | None:
        """Pose and speed at that time, interpolated; None before the oldest entry or long after the newest."""
        entries = self._entries
        if not entries or not math.isfinite(time_s) or time_s < entries[0].time_s:
            return None
        if time_s >= entries[-1].time_s:
            ahead_s = time_s - entries[-1].time_s
            return _moved(entries[-1], ahead_s) if ahead_s <= self._extrapolate_s else None
        after = bisect_right(entries, time_s, key=lambda entry: entry.time_s)
        return _between(entries[after - 1], entries[after], time_s)


def _between(a: Odometry, b: Odometry, time_s: float) -> Odometry:
    share = (time_s - a.time_s) / (b.time_s - a.time_s)

    def mix(x: float, y: float) -> float:
        return x + share * (y - x)

    turned = wrap_rad(b.pose.heading_rad - a.pose.heading_rad)
    pose = Pose(
        mix(a.pose.x_m, b.pose.x_m),
        mix(a.pose.y_m, b.pose.y_m),
        wrap_rad(a.pose.heading_rad + share * turned),
    )
    return Odometry(
        time_s,
        pose,
        mix(a.forward_mps, b.forward_mps),
        mix(a.left_mps, b.left_mps),
        mix(a.turn_radps, b.turn_radps),
    )


def _moved(start: Odometry, dt_s: float) -> Odometry:
    """Going on with the same speed; over times this short the arc is a chord at the middle heading."""
    if dt_s == 0:
        return start
    pose = start.pose
    turned = start.turn_radps * dt_s
    cos, sin = math.cos(pose.heading_rad + turned / 2), math.sin(pose.heading_rad + turned / 2)
    ahead_m, left_m = start.forward_mps * dt_s, start.left_mps * dt_s
    moved = Pose(
        pose.x_m + cos * ahead_m - sin * left_m,
        pose.y_m + sin * ahead_m + cos * left_m,
        wrap_rad(pose.heading_rad + turned),
    )
    return Odometry(start.time_s + dt_s, moved, start.forward_mps, start.left_mps, start.turn_radps)
