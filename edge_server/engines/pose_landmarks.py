"""Where head, shoulders and hips of one person are: MediaPipe's landmark network on a crop around that person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_server.engines.base import BGR
from edge_server.engines.litert import LiteRtNetwork

VALUES = 195  # 39 landmarks: x, y, z in pixels of the crop, visibility, presence
FACE, SHOULDERS, HIPS = range(11), (11, 12), (23, 24)
MIN_PRESENCE = 0.5


@dataclass(frozen=True, slots=True)
class Joints:
    """Middles of a person's parts, pixels of the picture; they may lie outside it."""

    face: tuple[float, float]
    shoulders: tuple[float, float]
    hips: tuple[float, float]

    @property
    def face_to_hips_px(self) -> float:
        return float(np.hypot(self.face[0] - self.hips[0], self.face[1] - self.hips[1]))


class PoseLandmarks:
    """The network and its crop."""

    def __init__(self, file: Path, threads: int) -> None:
        self._network = LiteRtNetwork(file, threads, 0.0, 1.0)

    def joints(self, bgr: BGR, centre: tuple[float, float], size_px: float) -> Joints | None:
        """Landmarks in an upright square of the picture (black where it reaches beyond); None: no person there."""
        side = self._network.side_px
        scale = size_px / side
        corner = np.array([centre[0] - size_px / 2, centre[1] - size_px / 2])
        to_picture = np.array([[scale, 0.0, corner[0]], [0.0, scale, corner[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        self._network.run(cv2.warpAffine(bgr, to_picture, (side, side), flags=flags))
        if not float(self._network.output(1, 1)[0, 0]) >= MIN_PRESENCE:  # written so that NaN is a no
            return None
        points = self._network.output(1, VALUES)[0].reshape(-1, 5)[:, :2] * scale + corner
        if not np.isfinite(points).all():
            return None

        def middle(of: Sequence[int]) -> tuple[float, float]:
            x, y = points[list(of)].mean(axis=0)
            return float(x), float(y)

        return Joints(middle(FACE), middle(SHOULDERS), middle(HIPS))
