"""`haar`: frontal faces by OpenCV's Haar cascade. Always there: the cascade comes with OpenCV."""

from collections.abc import Sequence
from pathlib import Path

import cv2
from cv2.data import haarcascades

from common.errors import ModelError
from edge_server.engines.base import BGR, Picture
from edge_server.engines.imaging import best_first, check, detection
from protos.messages import Box, Detection

SCALE_FACTOR, MIN_NEIGHBOURS, MIN_SIZE_PX = 1.3, 3, (30, 30)
# Those of the LIQUID EDGE demonstrator, so that its robots get the answers they know.


class HaarEngine:
    """Every face has score 1: a cascade says yes or no."""

    name = "haar"
    task = "face"
    labels: tuple[str, ...] = ("face",)
    max_batch = 1

    def __init__(self) -> None:
        file = Path(haarcascades) / "haarcascade_frontalface_default.xml"
        self._cascade = cv2.CascadeClassifier(str(file))
        if self._cascade.empty():
            raise ModelError(f"{file} cannot be loaded. Reinstall it: pip install --force-reinstall 'tagalong[edge]'")

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        return [self._faces(picture.bgr) for picture in pictures]

    def close(self) -> None: ...

    def _faces(self, bgr: BGR) -> list[Detection]:
        height, width = check(bgr)
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        faces = self._cascade.detectMultiScale(grey, SCALE_FACTOR, MIN_NEIGHBOURS, minSize=MIN_SIZE_PX)
        boxes = [Box(x / width, y / height, w / width, h / height) for x, y, w, h in (map(int, face) for face in faces)]
        return best_first([detection("face", 1.0, box, bgr) for box in boxes])
