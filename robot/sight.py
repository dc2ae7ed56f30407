"""From a box in the picture to a direction and a distance."""

import math
from dataclasses import dataclass

from protos.messages import Box, Detection
from robot.appearance import colour
from robot.values import CameraModel

EDGE = 0.012  # of the picture; detectors place boxes of cut-off objects within about this of its edge
LEARN, MEMORY = 30, 100  # boxes of somebody before one is judged, and about how many later ones count
FLOOR = (
    2.0,
    1.5,
    1.5,
    0.02,
)  # least standard deviations of colour and of the row; in the simulator 1.5, 0.7, 0.9, 0.026
ODD, USUAL = 25.0, 9.0  # squared distance, four numbers: beyond the first it is a part, below the other whole again
BELIEVE_AFTER_S = 1.0  # what has been odd for so long is how that person looks now
ASPECT_MEMORY = 0.1  # weight of the newest whole box in the remembered shape


@dataclass(frozen=True, slots=True)
class Look:
    """Where an object is, seen from the camera."""

    bearing_rad: float
    distance_m: float | None  # along the ground; None when the box does not tell


class Ranger:
    """Measures one object. It remembers the shape of whole boxes, to complete those that the picture's edge cuts."""

    def __init__(self, camera: CameraModel) -> None:
        self._camera = camera
        self._aspect: float | None = None

    def forget(self) -> None:
        """Another object comes."""
        self._aspect = None

    def look(self, box: Box, object_height_m: float) -> Look:
        """Cut at the side: the far edge and the known width give the centre. Cut above or below: the width gives
        the height. Cut at both, or never seen whole: what is visible has to do for the direction."""
        cut_left, cut_right = box.x < EDGE, box.x + box.w > 1 - EDGE
        cut_side = cut_left or cut_right
        cut_height = box.y < EDGE or box.y + box.h > 1 - EDGE
        centre, height = box.cx, box.h
        if not cut_side and not cut_height:
            aspect = box.w / box.h
            self._aspect = aspect if self._aspect is None else self._aspect + ASPECT_MEMORY * (aspect - self._aspect)
        elif self._aspect is not None:
            if cut_side and cut_height:
                return Look(self._camera.bearing_rad(centre), None)
            if cut_height:
                height = max(height, box.w / self._aspect)
            elif not (cut_left and cut_right):
                width = max(box.w, box.h * self._aspect)
                centre = box.x + box.w - width / 2 if cut_left else box.x + width / 2
        bearing = self._camera.bearing_rad(centre)
        # the pinhole gives the distance along the optical axis; on the ground it is longer off the middle
        depth_m = self._camera.distance_m(height, object_height_m)
        return Look(bearing, depth_m / max(0.2, math.cos(bearing)))


class Usual:
    """Knows how boxes of one object usually are, and so tells one that shows only a part of it.

    A detector that sees half of somebody behind a screen gives a whole, smaller box beside the true one, with as good
    a score. But its middle has something of the screen's colour, and it lies higher than somebody so far away would:
    distance of its centre from the picture's middle row, in box heights, is the same from near and far for a level
    camera (0.25 in the simulator, up to 0.4 for halves).
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Another object comes."""
        self._mean: list[float] = []
        self._var: list[float] = []
        self._count = 0
        self._odd_since_s: float | None = None

    def is_whole(self, time_s: float, seen: Detection) -> bool:
        """Judge a box, and learn from it when it is whole."""
        box = seen.box
        if min(box.x, box.y) < EDGE or max(box.x + box.w, box.y + box.h) > 1 - EDGE:
            return True  # a part for sure; the picture's edge is `Ranger`'s to deal with
        now = [*colour(seen.mean_rgb), (0.5 - box.cy) / box.h]
        if self._count >= LEARN:
            distance2 = sum((n - m) ** 2 / v for n, m, v in zip(now, self._mean, self._var, strict=True))
            if distance2 > (ODD if self._odd_since_s is None else USUAL):
                if self._odd_since_s is None:
                    self._odd_since_s = time_s
                if time_s - self._odd_since_s <= BELIEVE_AFTER_S:
                    return False
                self.forget()
        self._odd_since_s = None
        self._learn(now)
        return True

    def _learn(self, now: list[float]) -> None:
        if not self._count:
            self._mean, self._var = now, [floor**2 for floor in FLOOR]
        self._count = min(self._count + 1, MEMORY)
        share = 1 / self._count
        for i, (value, floor) in enumerate(zip(now, FLOOR, strict=True)):
            off = value - self._mean[i]
            self._mean[i] += share * off
            self._var[i] = max(floor**2, self._var[i] + share * (off * off - self._var[i]))
