"""Single-shot detectors of the MediaPipe family: anchors, decoding, weighted suppression.

Layout from FACTS.md and the shapes of the networks themselves: anchors are cell centres of unit size, two a cell and
layer (one for the full-range face network); an output row is centre x, y, width, height, then points x, y, all in
input pixels relative to the anchor's centre; a score is a logit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from edge_server.engines.imaging import Fit

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
    """One detection in pixels of the picture; may reach beyond it."""

    score: float
    x: float
    y: float
    w: float
    h: float
    points: tuple[tuple[float, float], ...]

    def moved(self, right: float, down: float) -> "Shape":
        """The same in a picture that this one was cut out of."""
        points = tuple((x + right, y + down) for x, y in self.points)
        return Shape(self.score, self.x + right, self.y + down, self.w, self.h, points)


def anchors(side_px: int, strides: Iterable[int], per_layer: int) -> Floats:
    """Anchor centres, input pixels, (n, 2). Layers with the same stride share cells, so their anchors lie together."""
    rows = []
    for stride, same in groupby(strides):
        cells = -(-side_px // stride)
        count = per_layer * len(list(same))
        centres = (np.arange(cells, dtype=np.float32) + 0.5) * (side_px / cells)
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 1, 2)
        rows.append(np.repeat(grid, count, axis=1).reshape(-1, 2))
    return np.concatenate(rows)


def decode(raw: Floats, logits: Floats, centres: Floats, fit: Fit, min_score: float, iou: float) -> list[Shape]:
    """Detections in picture pixels, best first. `raw` is (n, 4 + 2 * points), `logits` (n,)."""
    floor = float(np.log(min_score / (1 - min_score)))
    chosen = np.flatnonzero(logits > floor)
    if not len(chosen):
        return []
    scores = 1 / (1 + np.exp(-logits[chosen].astype(np.float64)))
    rows = raw[chosen].astype(np.float64)
    centre = centres[chosen]
    rows[:, 0:2] += centre
    rows[:, 4:] += np.tile(centre, (rows.shape[1] - 4) // 2)
    rows[:, 0:2] -= rows[:, 2:4] / 2
    finite = np.isfinite(rows).all(axis=1)
    offset = np.array([fit.left, fit.top], np.float64)
    shapes = []
    for score, row in weighted_suppression(rows[finite], scores[finite], iou):
        x, y = (row[0:2] - offset) / fit.scale
        w, h = row[2:4] / fit.scale
        points = (row[4:].reshape(-1, 2) - offset) / fit.scale
        shapes.append(
            Shape(score, float(x), float(y), float(w), float(h), tuple((float(a), float(b)) for a, b in points))
        )
    return shapes


def weighted_suppression(
    rows: NDArray[np.float64], scores: NDArray[np.float64], iou: float
) -> list[tuple[float, NDArray[np.float64]]]:
    """Overlapping rows become one, averaged by score: steadier from frame to frame than keeping the best one alone."""
    left = np.argsort(-scores, kind="stable")
    merged = []
    while len(left):
        best = rows[left[0]]
        alike = _iou(best, rows[left]) > iou
        alike[0] = True
        group = left[alike]
        weight = scores[group] / scores[group].sum()
        merged.append((float(scores[left[0]]), weight @ rows[group]))
        left = left[~alike]
    return merged


def _iou(one: NDArray[np.float64], many: NDArray[np.float64]) -> NDArray[np.float64]:
    start = np.maximum(one[0:2], many[:, 0:2])
    end = np.minimum(one[0:2] + one[2:4], many[:, 0:2] + many[:, 2:4])
    both = np.prod(np.clip(end - start, 0, None), axis=1)
    union = one[2] * one[3] + many[:, 2] * many[:, 3] - both
    return both / np.maximum(union, 1e-9)
