"""`blazepose`: persons by MediaPipe's pose detector in LiteRT."""

from collections.abc import Sequence

from edge_server.engines import ssd
from edge_server.engines.base import BGR, Picture
from edge_server.engines.imaging import best_first, check, detection
from edge_server.engines.litert import LiteRtNetwork
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection

IOU = 0.3


class BlazePoseEngine:
    """One box a person: the detector's own, head to chest."""

    name = "blazepose"
    task = "person"
    labels: tuple[str, ...] = ("person",)
    max_batch = 1

    def __init__(self, models: ModelStore, min_score: float = 0.5, threads: int = 1) -> None:
        self._network = LiteRtNetwork(models.path("blazepose"), threads, -1.0, 1.0)
        self._anchors = ssd.anchors(self._network.side_px, (8, 16, 32, 32, 32), 2)
        self._min_score = min_score

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        return [self._persons(picture.bgr) for picture in pictures]

    def close(self) -> None: ...

    def _persons(self, bgr: BGR) -> list[Detection]:
        height, width = check(bgr)
        fit = self._network.run(bgr)
        count = len(self._anchors)
        rows, logits = self._network.output(1, count, 12)[0], self._network.output(1, count, 1)[0, :, 0]
        shapes = ssd.decode(rows, logits, self._anchors, fit, self._min_score, IOU)
        boxes = [(each.score, Box(each.x / width, each.y / height, each.w / width, each.h / height)) for each in shapes]
        return best_first([detection("person", score, box, bgr) for score, box in boxes])
