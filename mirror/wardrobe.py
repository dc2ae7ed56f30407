"""The garments that the page offers: those that come along, and one's own, also such as are added while it runs."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import cv2
import numpy as np

from edge_server.garments.catalogue import Entry
from edge_server.garments.record import PICTURE
from edge_server.tryon.service_values import garment_to_data
from edge_server.tryon.values import BGRA, Garment, Kind, TryOnError
from mirror.problems import NOT_FOUND, ProblemError
from protos.tryon import GarmentData

SHOWN_PX = 420  # longer side of a garment's picture on the page
LIVE_PX = 640  # of a garment that goes along with each picture of the live mode
KINDS = list(Kind)  # in the page's order
LOOK_S = 2.0  # between looks at the folders


class Catalogue(Protocol):
    """`edge_server.garments.catalogue.Catalogue`, as far as it is used here. Called in worker threads."""

    def entries(self) -> list[Entry]: ...
    def get(self, garment_id: str) -> Garment: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """One garment as the page shows it and as nodes get it: its id where they have it themselves, else all of it."""

    garment_id: str
    name: str
    kind: str
    png: bytes = field(repr=False)  # small, with alpha
    photo: str | GarmentData = field(repr=False)
    live: str | GarmentData = field(repr=False)


class Wardrobe:
    """All garments, in the order of the page: own ones first."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._looked_s = -LOOK_S
        self._looking = asyncio.Lock()
        self._made: dict[str, tuple[Any, Shown]] = {}

    async def look(self) -> list[Shown]:
        """What there is now."""
        async with self._looking:
            if time.monotonic() - self._looked_s >= LOOK_S:
                self._made = await asyncio.to_thread(self._look)
                self._looked_s = time.monotonic()
        return [shown for _, shown in self._made.values()]

    def get(self, garment_id: str) -> Shown:
        """As of the last look. Raises ProblemError."""
        made = self._made.get(garment_id)
        if made is None:
            raise ProblemError(NOT_FOUND, "There is no such garment here. Choose one of those that are shown.")
        return made[1]

    def _look(self) -> dict[str, tuple[Any, Shown]]:
        made: dict[str, tuple[Any, Shown]] = {}
        for entry in sorted(self._catalogue.entries(), key=lambda each: (each.built_in, KINDS.index(each.kind))):
            try:
                stamp = entry.record, (entry.folder / PICTURE).stat().st_mtime_ns
                known = self._made.get(entry.garment_id)
                if known is None or known[0] != stamp:
                    known = stamp, _shown(self._catalogue.get(entry.garment_id), entry.built_in)
            except (TryOnError, OSError):  # the catalogue has told it in the log
                continue
            made[entry.garment_id] = known
        return made


def _shown(garment: Garment, built_in: bool) -> Shown:
    photo: str | GarmentData = garment.garment_id
    live: str | GarmentData = garment.garment_id
    if not built_in:
        photo = garment_to_data(garment)
        live = garment_to_data(replace(garment, bgra=_smaller(garment.bgra, LIVE_PX)))
    done, png = cv2.imencode(".png", _smaller(garment.bgra, SHOWN_PX), (cv2.IMWRITE_PNG_COMPRESSION, 6))
    assert done
    return Shown(garment.garment_id, garment.name, garment.kind.value, png.tobytes(), photo, live)


def _smaller(bgra: BGRA, longer_px: int) -> BGRA:
    """With its colours weighed by alpha, or edges would take on what lies unseen beside them."""
    height, width = bgra.shape[:2]
    scale = longer_px / max(height, width)
    if scale >= 1:
        return bgra
    size = max(1, round(width * scale)), max(1, round(height * scale))
    alpha = bgra[..., 3:].astype(np.float32)
    weighed = cv2.resize(bgra[..., :3] * alpha, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    colour = weighed / np.maximum(small, 1e-3)
    return np.concatenate([np.clip(np.rint(colour), 0, 255), np.rint(small)], axis=2).astype(np.uint8)
