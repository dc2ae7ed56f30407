"""MediaPipe's pose detector: where people are, with the points that tell how large and how upright they are."""

from pathlib import Path

import numpy as np

from edge_server.engines import ssd
from edge_server.engines.base import BGR
from edge_server.engines.imaging import check, letterbox
from edge_server.engines.litert import LiteRtNetwork

IOU = 0.3
CLOSER_SHARE = 0.75
# The second look takes the middle: a square of this share of the picture's shorter side, 360 px of 640x480. It finds
# the standee up to 6 m instead of 5 m. A robot that searches turns, and the middle sweeps past everything.


class PersonDetector:
    """The network, its anchors and its decoding.

    A shape's points: hip centre, a point on the circle around the whole body (above the head), shoulder centre, a point
    on the circle around the upper body. Its box is of no use for sizes.
    """

    def __init__(self, file: Path, threads: int, min_score: float, closer: bool = True) -> None:
        self._network = LiteRtNetwork(file, threads, -1.0, 1.0)
        self._anchors = ssd.anchors(self._network.side_px, (8, 16, 32, 32, 32), 2)
        self._min_score, self._closer = min_score, closer

    def find(self, bgr: BGR) -> list[ssd.Shape]:
        """Everybody, the nearest (largest) first. Raises BadImageError."""
        check(bgr)
        shapes = self._look(bgr)
        if not shapes and self._closer:
            shapes = self._look_closer(bgr)
        return sorted(shapes, key=reach_px, reverse=True)

    def _look(self, bgr: BGR) -> list[ssd.Shape]:
        square, fit = letterbox(bgr, self._network.side_px)
        self._network.run(square)
        count = len(self._anchors)
        rows, logits = self._network.output(1, count, 12)[0], self._network.output(1, count, 1)[0, :, 0]
        found = ssd.decode(rows, logits, self._anchors, fit, self._min_score, IOU)
        return [shape for shape in found if reach_px(shape) > 1]

    def _look_closer(self, bgr: BGR) -> list[ssd.Shape]:
        height, width = check(bgr)
        side = round(min(height, width) * CLOSER_SHARE)
        if side < 2:
            return []
        left, top = (width - side) // 2, (height - side) // 2
        return [shape.moved(left, top) for shape in self._look(bgr[top : top + side, left : left + side])]


def reach_px(shape: ssd.Shape) -> float:
    """Shoulder centre to the detector's point 3, which gives the size of the upper body."""
    (x2, y2), (x3, y3) = shape.points[2:4]
    return float(np.hypot(x3 - x2, y3 - y2))
