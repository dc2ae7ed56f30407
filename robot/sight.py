"""From a box in the picture to a direction and a distance."""

import math
from dataclasses import dataclass

from protos.messages import Box
from robot.values import CameraModel

EDGE = 0.012  # of the picture; detectors place boxes of cut-off objects within about this of its edge
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
