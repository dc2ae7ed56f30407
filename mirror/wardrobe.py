"""The garments that the page offers: those that come along, and a folder of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge_server.tryon.values import Garment
from mirror.problems import NOT_FOUND, ProblemError
from protos.tryon import GarmentData

SHOWN_PX = 480  # longer side of a garment's picture on the page


@dataclass(frozen=True, slots=True)
class Shown:
    """One garment as the page shows it and as nodes get it."""

    garment_id: str
    name: str
    kind: str
    png: bytes = field(repr=False)  # small, with alpha
    sent: str | GarmentData = field(repr=False)  # its id where nodes have it themselves, else all of it


class Wardrobe:
    """All garments, in the order of the page."""

    def __init__(self, garments: Sequence[Garment], own: Sequence[Garment] = ()) -> None:
        """`own`: garments that nodes cannot know; they win over others of the same id."""
        taken = {each.garment_id for each in own}
        shown = [
            *(_shown(each, whole=True) for each in own),
            *(_shown(each, whole=False) for each in garments if each.garment_id not in taken),
        ]
        self._shown = {each.garment_id: each for each in shown}

    def __len__(self) -> int:
        return len(self._shown)

    @property
    def shown(self) -> list[Shown]:
        return list(self._shown.values())

    def get(self, garment_id: str) -> Shown:
        """Raises ProblemError."""
        shown = self._shown.get(garment_id)
        if shown is None:
            raise ProblemError(NOT_FOUND, "There is no such garment here. Choose one of those that are shown.")
        return shown

    def to_send(self, garment_id: str) -> str | GarmentData:
        """What a request names it by. Raises ProblemError."""
        return self.get(garment_id).sent


def _shown(garment: Garment, whole: bool) -> Shown:
    height, width = garment.bgra.shape[:2]
    scale = min(1.0, SHOWN_PX / max(height, width))
    small = garment.bgra
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(garment.bgra, size, interpolation=cv2.INTER_AREA)
    sent: str | GarmentData = garment.garment_id
    if whole:
        sent = GarmentData(
            garment.garment_id, garment.name, garment.kind.value, _png(garment.bgra), dict(garment.landmarks)
        )
    return Shown(garment.garment_id, garment.name, garment.kind.value, _png(small), sent)


def _png(bgra: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    done, data = cv2.imencode(".png", bgra, (cv2.IMWRITE_PNG_COMPRESSION, 4))
    assert done
    return data.tobytes()
