"""From a photo of a garment to a garment of the catalogue."""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from edge_server.garments import landmarks, silhouette
from edge_server.garments.cutout import cut_out
from edge_server.garments.photo import read_photo
from edge_server.garments.preview import preview
from edge_server.garments.record import GarmentError, check_id
from edge_server.tryon.values import BGR, BGRA, XY, Garment, Kind

TURNED_DEG = 1.5  # lies turned by more than this: it is turned upright


@dataclass(frozen=True, slots=True)
class Made:
    """A garment out of a photo, not kept yet."""

    garment: Garment
    preview: BGR = field(repr=False)
    turned_deg: float  # by how much it had to be turned


def from_photo(file: Path, name: str | None = None, kind: Kind | None = None, garment_id: str | None = None) -> Made:
    """Cut out, turn upright, find landmarks. Raises GarmentError that says what to do."""
    garment_id = check_id(garment_id) if garment_id else id_of(name or file.stem)
    photo = read_photo(file)
    try:
        bgra = cut_out(photo)
        turned = silhouette.tilt(bgra[..., 3] > 127)
        if abs(turned) > TURNED_DEG:
            bgra = _turned(bgra, turned)
        marks = landmarks.find(silhouette.outlined(bgra[..., 3] > 127), bgra, kind)
    except GarmentError as error:
        raise GarmentError(f"{file}: {error}") from error
    height, width = bgra.shape[:2]

    def share(x: float, y: float) -> XY:
        return round(float(np.clip(x / width, 0, 1)), 4), round(float(np.clip(y / height, 0, 1)), 4)

    places = {each: share(*place) for each, place in marks.places.items()}
    inside = tuple(tuple(share(float(x), float(y)) for x, y in outline) for outline in marks.inside)
    garment = Garment(garment_id, name or _named(file.stem), marks.kind, bgra, places, inside)
    return Made(garment, preview(garment), turned if abs(turned) > TURNED_DEG else 0.0)


def id_of(name: str) -> str:
    """A name as an id: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-") or "garment"


def _named(stem: str) -> str:
    letters = (" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in stem)
    words = " ".join("".join(letters).replace("_", " ").split())
    return (words[:1].upper() + words[1:])[:80].strip() or "Garment"


def _turned(bgra: BGRA, degrees: float) -> BGRA:
    """Upright, in a frame that holds all of it."""
    height, width = bgra.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    wide = round(height * abs(turn[0, 1]) + width * abs(turn[0, 0]))
    high = round(height * abs(turn[0, 0]) + width * abs(turn[0, 1]))
    turn[:, 2] += (wide - width) / 2, (high - height) / 2
    alpha = bgra[..., 3:].astype(np.float32) / 255
    weighed = np.dstack([bgra[..., :3] * alpha, alpha])
    weighed = cv2.warpAffine(weighed, turn, (wide, high), flags=cv2.INTER_LINEAR)
    colours = weighed[..., :3] / np.maximum(weighed[..., 3:], 1e-3)
    rows, columns = (np.flatnonzero((weighed[..., 3] > 0.02).any(axis=axis)) for axis in (1, 0))
    margin = max(3, round(0.02 * max(high, wide)))
    part = np.dstack([np.clip(colours, 0, 255), np.round(weighed[..., 3:] * 255)])
    part = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(part, ((margin, margin), (margin, margin), (0, 0))).astype(np.uint8)
