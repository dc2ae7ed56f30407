"""Photos of garments, made: a garment on paper, with light from one side, a soft shadow, and grain."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge_server.garments.catalogue import BUILT_IN
from edge_server.garments.record import landmarks_of, read_garment
from edge_server.tryon.values import XY, Garment, Kind

BUILT_IN_IDS = sorted(each.name for each in BUILT_IN.iterdir() if not each.name.startswith(("_", ".")))
WHITE, BLUE, GREY_GREEN = (214, 216, 218), (190, 160, 120), (150, 170, 160)
PALE = ("dress-summer", "sweater-cable", "tee-breton")  # not to be told from white paper
SCALE, MARGIN = 1.3, 0.12


def built_in(garment_id: str) -> Garment:
    return read_garment(BUILT_IN / garment_id)


@dataclass(frozen=True)
class Taken:
    bgr: np.ndarray
    alpha: np.ndarray  # what the cut should be
    places: dict[str, XY]  # where the landmarks are, in pixels


def photo_of(garment: Garment, paper: tuple[int, int, int], turned_deg: float = 0.0, seed: int = 7) -> Taken:
    rng = np.random.default_rng(seed)
    alpha = garment.bgra[..., 3:].astype(np.float32) / 255
    layer = cv2.resize(np.dstack([garment.bgra[..., :3] * alpha, alpha]), None, fx=SCALE, fy=SCALE)
    height, width = layer.shape[:2]
    pad = int(MARGIN * max(height, width))
    layer = np.pad(layer, ((pad, pad), (pad, pad), (0, 0)))
    places = {name: (x * width + pad, y * height + pad) for name, (x, y) in garment.landmarks.items()}
    if turned_deg:
        turn = cv2.getRotationMatrix2D((layer.shape[1] / 2, layer.shape[0] / 2), turned_deg, 0.9)
        layer = cv2.warpAffine(layer, turn, layer.shape[1::-1])
    high, wide = layer.shape[:2]
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    ground = np.array(paper, np.float32) * (1.06 - 0.14 * x / wide - 0.1 * y / high)[..., None]
    shadow = cv2.GaussianBlur(np.roll(layer[..., 3], (high // 80, wide // 100), (0, 1)), (0, 0), 0.012 * high)
    picture = layer[..., :3] + ground * (1 - 0.35 * shadow[..., None]) * (1 - layer[..., 3:])
    picture = picture + rng.normal(0, 3, picture.shape)
    return Taken(np.clip(picture, 0, 255).astype(np.uint8), layer[..., 3], places)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def boxed(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def simple(garment_id: str = "plain-top", name: str = "Plain", kind: Kind = Kind.TOP) -> Garment:
    """A garment that is a rectangle, for tests that are not about pictures."""
    bgra = np.zeros((120, 100, 4), np.uint8)
    bgra[20:100, 20:80] = (40, 90, 160, 255)
    marks = {mark: (0.2 + 0.04 * index, 0.3) for index, mark in enumerate(landmarks_of(kind))}
    return Garment(garment_id, name, kind, bgra, marks)


def write(path: Path, bgr: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), bgr)
    return path
