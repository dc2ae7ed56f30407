"""A garment's outline: its axis of symmetry, its width in every row, and its corners."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.record import GarmentError
from edge_server.tryon.values import XY

Bits = NDArray[np.bool_]
Points = NDArray[np.float64]  # (n, 2): x, y in pixels

SIDES = (("left", 1.0), ("right", -1.0))  # the wearer's left is on the picture's right
POINTS = 900  # of the outline
LOOK, CLOSE_LOOK = 14, 7  # how many of them on either side are looked at to tell a corner from a curve
MAX_TILT_DEG = 14.0
MIN_SYMMETRY = 0.72  # overlap of a garment with its mirror image


@dataclass(frozen=True, slots=True)
class Silhouette:
    """Of an upright garment. Its left side is on the picture's right."""

    mask: Bits = field(repr=False)
    axis: float  # column of its symmetry
    outline: Points = field(repr=False)  # closed, clockwise as the picture shows it
    turns: NDArray[np.float64] = field(repr=False)  # degrees: positive at corners that stick out, negative at hollows
    close_turns: NDArray[np.float64] = field(repr=False)  # the same, nearer by: for what is small
    left: float  # of the box around it
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    def edges(self, row: float) -> tuple[float, float]:
        """Left and right end, in one row, of the stretch that holds the axis (or is nearest to it)."""
        y = int(np.clip(round(row), 0, len(self.mask) - 1))
        stretches = runs(self.mask[y])
        if not stretches:
            return self.axis, self.axis
        near = min(stretches, key=lambda run: max(run[0] - self.axis, self.axis - run[1], 0))
        return float(near[0]), near[1] + 1.0

    def half_width(self, row: float) -> float:
        start, end = self.edges(row)
        return (end - start) / 2

    def top_at(self, column: float) -> float:
        """The first row of the garment in a column."""
        x = int(np.clip(round(column), 0, self.mask.shape[1] - 1))
        rows = np.flatnonzero(self.mask[:, x])
        return float(rows[0]) if len(rows) else self.bottom

    def bottom_at(self, column: float) -> float:
        x = int(np.clip(round(column), 0, self.mask.shape[1] - 1))
        rows = np.flatnonzero(self.mask[:, x])
        return float(rows[-1] + 1) if len(rows) else self.top

    def corner(self, where: Bits, hollow: bool = False) -> tuple[int, float]:
        """The sharpest corner among these points of the outline: its index and how far it turns (0: none)."""
        turns = -self.turns if hollow else self.turns
        best = int(np.argmax(np.where(where, turns, -1e9)))
        return (best, float(turns[best])) if where.any() else (0, 0.0)

    def at(self, where: Bits) -> XY:
        """The sharpest corner among these points of the outline."""
        index, _ = self.corner(where)
        return float(self.outline[index][0]), float(self.outline[index][1])


def runs(row: Bits) -> list[tuple[int, int]]:
    """First and last column of each stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def outlined(mask: Bits) -> Silhouette:
    """Raises GarmentError where this is the outline of nothing that is worn."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        raise GarmentError("there is no garment in the picture.")
    contour = max(found, key=cv2.contourArea)[:, 0, :].astype(np.float64)
    if cv2.contourArea(contour.astype(np.float32), oriented=True) < 0:  # image axes: positive is clockwise
        contour = contour[::-1]
    outline = _even(contour)
    x, y = outline[:, 0], outline[:, 1]
    axis, overlap = _axis(mask)
    if overlap < MIN_SYMMETRY:
        raise GarmentError(
            "this is not the outline of a garment laid out: its left and right half differ too much. "
            "Lay it flat with both sleeves or legs to be seen, and take it from above."
        )
    return Silhouette(
        mask,
        axis,
        outline,
        _turns(outline, LOOK),
        _turns(outline, CLOSE_LOOK),
        float(x.min()),
        float(y.min()),
        float(x.max()) + 1,
        float(y.max()) + 1,
    )


def tilt(mask: Bits) -> float:
    """By how many degrees it lies turned clockwise; 0 where that is not to be told."""
    share = 112 / max(mask.shape)
    small = cv2.resize(mask.astype(np.float32), None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    pad = round(0.25 * max(small.shape))
    small = np.pad(small, pad)
    centre = small.shape[1] / 2, small.shape[0] / 2
    scores = []
    angles = np.arange(-MAX_TILT_DEG, MAX_TILT_DEG + 0.1, 1.0)
    for angle in angles:
        turn = cv2.getRotationMatrix2D(centre, float(angle), 1.0)
        scores.append(_axis(cv2.warpAffine(small, turn, small.shape[::-1]) > 0.5)[1])
    best = int(np.argmax(scores))
    straight = float(scores[len(angles) // 2])
    if scores[best] < straight + 0.02 or best in (0, len(angles) - 1):
        return 0.0
    low, mid, high = scores[best - 1], scores[best], scores[best + 1]
    bend = low - 2 * mid + high
    return float(angles[best] + (0.5 * (low - high) / bend if bend < -1e-9 else 0.0))


def _axis(mask: Bits) -> tuple[float, float]:
    """The column about which it is most symmetric, and how symmetric it is (0..1)."""
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(columns):
        return 0.0, 0.0
    rows = np.flatnonzero(mask.any(axis=1))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)
    share = min(1.0, 128 / max(part.shape))
    small = cv2.resize(part * 255, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) > 127
    width = small.shape[1]
    area = max(1, int(small.sum()))
    best = (0.0, 0.0)
    for twice in range(round(width * 0.7), round(width * 1.3) + 1):  # twice the axis: left edge of the mirrored one
        # mirrored: column c goes to twice - 1 - c
        low, high = max(0, twice - width), min(width, twice)
        if high - low < width * 0.5:
            continue
        one = small[:, low:high]
        other = one[:, ::-1]
        both = float((one & other).sum()) / area
        if both > best[1]:
            best = (twice / 2, both)
    return columns[0] + best[0] / small.shape[1] * part.shape[1] - 0.5, best[1]


def _even(contour: Points) -> Points:
    """Smoothed a little, and as many points for every part of its length."""
    closed = np.vstack([contour, contour[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    where = np.linspace(0, along[-1], POINTS, endpoint=False)
    even = np.stack([np.interp(where, along, closed[:, axis]) for axis in (0, 1)], axis=1)
    kernel = cv2.getGaussianKernel(7, 1.4).ravel()
    around = np.vstack([even[-3:], even, even[:3]])
    return np.stack([np.convolve(around[:, axis], kernel, mode="valid") for axis in (0, 1)], axis=1)


def _turns(outline: Points, look: int) -> NDArray[np.float64]:
    before = outline - np.roll(outline, look, axis=0)
    after = np.roll(outline, -look, axis=0) - outline
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    dot = (before * after).sum(axis=1)
    return np.degrees(np.arctan2(cross, dot))
