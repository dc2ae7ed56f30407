"""`blazeface`: faces by MediaPipe's networks in LiteRT.

Measured on pictures of the simulator's standee (640x480, field of view 75 deg, 15 a distance, turned within 25 deg),
share of faces found with a least score of 0.5 (0.35):
    distance       0.8 m       1 to 2 m   2.5 m       3 m    4 m         5 m
    full range     0.13 (0.9)  1.0        0.67 (1.0)  1.0    0.9 (1.0)   0.1 (0.3)      4 ms on one thread
    short range    0.3         0.8 to 0   0           0      0           0              1 ms
    haar           0           1.0 to 0.5 0.1         0      0           0              8 to 20 ms
    yunet          0.9         1.0        1.0         1.0    1.0         0.9            8 to 20 ms
So the full range is the default. Its box is 0.18 to 0.20 m high up to 2 m and too large beyond (0.29 m at 4 m): take
distances from `blazepose` or `yunet` (0.18 m throughout) where they matter.
"""

from collections.abc import Sequence
from typing import Literal

from edge_server.engines import ssd
from edge_server.engines.base import BGR, Picture
from edge_server.engines.imaging import best_first, check, detection, letterbox
from edge_server.engines.litert import LiteRtNetwork
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection

IOU = 0.3


class BlazeFaceEngine:
    """`range`: "full" (192x192, one anchor for every 4 px) or "short" (128x128, faces near the camera)."""

    name = "blazeface"
    task = "face"
    labels: tuple[str, ...] = ("face",)
    max_batch = 1

    def __init__(
        self, models: ModelStore, range: Literal["full", "short"] = "full", min_score: float = 0.4, threads: int = 1
    ) -> None:
        full = range == "full"
        self._network = LiteRtNetwork(models.path("blazeface" if full else "blazeface-short"), threads, -1.0, 1.0)
        side = self._network.side_px
        self._anchors = ssd.anchors(side, (4,), 1) if full else ssd.anchors(side, (8, 16, 16, 16), 2)
        self._min_score = min_score

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        return [self._faces(picture.bgr) for picture in pictures]

    def close(self) -> None: ...

    def _faces(self, bgr: BGR) -> list[Detection]:
        height, width = check(bgr)
        square, fit = letterbox(bgr, self._network.side_px)
        self._network.run(square)
        count = len(self._anchors)
        rows, logits = self._network.output(1, count, 16)[0], self._network.output(1, count, 1)[0, :, 0]
        shapes = ssd.decode(rows, logits, self._anchors, fit, self._min_score, IOU)
        found = []
        for each in shapes:
            box = Box(each.x / width, each.y / height, each.w / width, each.h / height)
            points = tuple((x / width, y / height) for x, y in each.points)  # already in the order of `face_points`
            found.append(detection("face", each.score, box, bgr, points))
        return best_first(found)
