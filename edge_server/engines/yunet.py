"""`yunet`: faces by OpenCV's FaceDetectorYN."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import BadImageError, ModelError
from edge_server.engines.base import BGR, Picture
from edge_server.engines.imaging import best_first, check, detection
from edge_server.models.store import ModelStore
from protos.messages import Box, Detection, Points

IOU = 0.3
MIN_SIDE_PX = 8  # smaller pictures hold no face, and the network's strides need some pixels


class YuNetEngine:
    """`max_side_px`: larger pictures are scaled down to it first; time goes with the square."""

    name = "yunet"
    task = "face"
    labels: tuple[str, ...] = ("face",)
    max_batch = 1

    def __init__(
        self, models: ModelStore, model: str | Path = "yunet", min_score: float = 0.7, max_side_px: int = 480
    ) -> None:
        file = model if isinstance(model, Path) else models.path(model)
        try:
            self._network = cv2.FaceDetectorYN.create(str(file), "", (320, 320), min_score, IOU)
        except cv2.error as error:
            raise ModelError(f"{file} is not a network that FaceDetectorYN can run ({error.err}).") from error
        self._max_side_px = max_side_px

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        return [self._faces(picture.bgr) for picture in pictures]

    def close(self) -> None: ...

    def _faces(self, bgr: BGR) -> list[Detection]:
        height, width = check(bgr)
        scale = min(1.0, self._max_side_px / max(height, width))
        small_w, small_h = round(width * scale), round(height * scale)
        if min(small_w, small_h) < MIN_SIDE_PX:
            return []
        small = bgr if scale == 1.0 else cv2.resize(bgr, (small_w, small_h), interpolation=cv2.INTER_AREA)
        try:
            self._network.setInputSize((small_w, small_h))
            _, rows = self._network.detect(small)
        except cv2.error as error:
            raise BadImageError(f"yunet cannot use a picture of {width}x{height} ({error.err})") from error
        found = []
        for row in rows if rows is not None else ():
            x, y, w, h, score = (float(row[at]) for at in (0, 1, 2, 3, 14))
            box = Box(x / small_w, y / small_h, w / small_w, h / small_h)
            eyes_nose_mouth = _points(row[4:14].reshape(5, 2) / (small_w, small_h))
            found.append(detection("face", score, box, bgr, eyes_nose_mouth))
        return best_first(found)


def _points(five: NDArray[np.floating]) -> Points:
    """The first four of `face_points`: the network knows both corners of the mouth and no ears."""
    right_eye, left_eye, nose, right_corner, left_corner = ((float(x), float(y)) for x, y in five)
    mouth = ((right_corner[0] + left_corner[0]) / 2, (right_corner[1] + left_corner[1]) / 2)
    return right_eye, left_eye, nose, mouth
