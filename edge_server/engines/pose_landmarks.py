"""MediaPipe's landmark network: 33 points of one person's body and a mask of that person, on a crop around them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.engines.base import BGR
from edge_server.engines.litert import LiteRtNetwork

VALUES = 195  # 39 landmarks: x, y, z in pixels of the crop, visibility and presence as logits
FACE, SHOULDERS, HIPS = range(11), (11, 12), (23, 24)
CENTRE, CIRCLE = 33, 34  # hip centre, and a point on the circle around the whole body: what the next crop is made of
MIN_PRESENCE = 0.5
MIRRORED = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(n + 1 if n % 2 else n - 1 for n in range(11, 33)), 33, 34)
# Row n of a mirrored person is this row of the true one: left and right change places.


@dataclass(frozen=True, slots=True)
class Joints:
    """Middles of a person's parts, pixels of the picture; they may lie outside it."""

    face: tuple[float, float]
    shoulders: tuple[float, float]
    hips: tuple[float, float]

    @property
    def face_to_hips_px(self) -> float:
        return float(np.hypot(self.face[0] - self.hips[0], self.face[1] - self.hips[1]))


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the picture, turned clockwise by `turn_rad`; it may reach beyond the picture."""

    centre: tuple[float, float]
    size_px: float
    turn_rad: float = 0.0

    def to_picture(self, side_px: int, mirrored: bool = False) -> NDArray[np.float64]:
        """2x3: from pixels of the network's square, mirrored or not, to pixels of the picture."""
        scale = self.size_px / side_px
        cos, sin = scale * np.cos(self.turn_rad), scale * np.sin(self.turn_rad)
        turn = np.array([[cos, -sin], [sin, cos]])
        if mirrored:
            turn[:, 0] *= -1
        middle = np.array([side_px / 2, side_px / 2])
        return np.column_stack([turn, np.array(self.centre) - turn @ middle])


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What the network says of one person."""

    presence: float  # 0..1: that there is a person
    points: NDArray[np.float64] = field(repr=False)  # (35, 2), pixels of the picture
    confidence: NDArray[np.float64] = field(repr=False)  # (35,) 0..1: visibility times presence of each point
    mask: NDArray[np.float32] = field(repr=False)  # (side, side), 0..1, in the network's square
    mask_to_picture: NDArray[np.float64] = field(repr=False)  # 2x3


class PoseLandmarks:
    """The network and its crop."""

    def __init__(self, file: Path, threads: int) -> None:
        self._network = LiteRtNetwork(file, threads, 0.0, 1.0)

    def joints(self, bgr: BGR, centre: tuple[float, float], size_px: float) -> Joints | None:
        """Landmarks in an upright square of the picture (black where it reaches beyond); None: no person there."""
        to_picture = self._run(bgr, Crop(centre, size_px), mirrored=False)
        if not self._presence() >= MIN_PRESENCE:  # written so that NaN is a no
            return None
        points = _moved(self._rows()[:, :2], to_picture)
        if not np.isfinite(points).all():
            return None

        def middle(of: Sequence[int]) -> tuple[float, float]:
            x, y = points[list(of)].mean(axis=0)
            return float(x), float(y)

        return Joints(middle(FACE), middle(SHOULDERS), middle(HIPS))

    def look(self, bgr: BGR, crop: Crop, mirrored: bool = False) -> Landmarks | None:
        """Everything the network says of the person in the crop; None: nobody there, or nonsense.

        `mirrored`: shows the network the mirrored picture. Together with the plain one its errors partly cancel.
        """
        to_picture = self._run(bgr, crop, mirrored)
        presence = self._presence()
        rows = self._rows()[: CIRCLE + 1].astype(np.float64)
        if not presence >= MIN_PRESENCE or not np.isfinite(rows).all():
            return None
        if mirrored:
            rows = rows[list(MIRRORED)]
        side = self._network.side_px
        logits = self._network.output(1, side, side, 1)[0, :, :, 0]
        return Landmarks(
            presence,
            _moved(rows[:, :2] - 0.5, to_picture) + 0.5,  # its places count from corners of pixels, ours from middles
            _sigmoid(rows[:, 3]) * _sigmoid(rows[:, 4]),
            _sigmoid(logits).astype(np.float32),
            to_picture,
        )

    def _run(self, bgr: BGR, crop: Crop, mirrored: bool) -> NDArray[np.float64]:
        side = self._network.side_px
        to_picture = crop.to_picture(side, mirrored)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        self._network.run(cv2.warpAffine(bgr, to_picture, (side, side), flags=flags))
        return to_picture

    def _presence(self) -> float:
        return float(self._network.output(1, 1)[0, 0])  # already 0..1

    def _rows(self) -> NDArray[np.float32]:
        return self._network.output(1, VALUES)[0].reshape(-1, 5)


def crop_around(centre: NDArray[np.float64], circle: NDArray[np.float64], margin: float) -> Crop:
    """The square around the whole body, turned so that the person stands upright in it."""
    right, down = (circle - centre).tolist()
    return Crop(
        (float(centre[0]), float(centre[1])), 2 * margin * float(np.hypot(right, down)), np.arctan2(right, -down)
    )


def _moved(points: NDArray[np.floating], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _sigmoid(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
