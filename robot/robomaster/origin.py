"""The rover counts from where it was switched on; our frame outlives that. Pure."""

import math

from robot.values import Pose, wrap_rad

HOME_M, HOME_RAD = 0.1, 0.1  # so near to its origin is a rover that was just switched on


class Origin:
    """Places what the rover says in our frame, which goes on where it was when the rover begins to count anew."""

    def __init__(self) -> None:
        self._origin = Pose()  # of the rover's own frame, in ours
        self._raw: Pose | None = None  # the last one, in the rover's frame
        self._reconnected = False

    def reconnected(self) -> None:
        """Anything may have happened: it may have been carried, or switched off and on."""
        self._reconnected = True

    def place(self, raw: Pose) -> Pose:
        if self._reconnected and self._raw is not None and _begins_anew(self._raw, raw):
            self._origin = _origin_of(raw, _placed(self._origin, self._raw))
        self._reconnected, self._raw = False, raw
        return _placed(self._origin, raw)


def _begins_anew(before: Pose, now: Pose) -> bool:
    if math.hypot(now.x_m, now.y_m) > HOME_M:
        return False
    was_away = math.hypot(before.x_m, before.y_m) > HOME_M
    return was_away or abs(now.heading_rad) <= HOME_RAD < abs(before.heading_rad)


def _origin_of(raw: Pose, wanted: Pose) -> Pose:
    """Where the rover's frame lies, if `raw` in it is `wanted` in ours."""
    heading = wrap_rad(wanted.heading_rad - raw.heading_rad)
    turned = _placed(Pose(0.0, 0.0, heading), raw)
    return Pose(wanted.x_m - turned.x_m, wanted.y_m - turned.y_m, heading)


def _placed(origin: Pose, raw: Pose) -> Pose:
    cos, sin = math.cos(origin.heading_rad), math.sin(origin.heading_rad)
    x_m, y_m = cos * raw.x_m - sin * raw.y_m, sin * raw.x_m + cos * raw.y_m
    return Pose(origin.x_m + x_m, origin.y_m + y_m, wrap_rad(origin.heading_rad + raw.heading_rad))
