"""Thin-plate splines: the smoothest map of the plane that takes given places to given places."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import TryOnError

Points = NDArray[np.float64]  # (n, 2): x, y in pixels
MIN_APART_PX = 0.5  # nearer ones are one place: the equations would all but repeat


class Box(NamedTuple):
    """A rectangle of whole pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.x, self.x + self.width)


class Spline:
    """Takes each of `sources` to its target exactly and bends as little as it can in between."""

    def __init__(self, sources: Points, targets: Points) -> None:
        keep = _apart(sources)
        self._sources, targets = np.asarray(sources, float)[keep], np.asarray(targets, float)[keep]
        if len(self._sources) < 3:
            raise TryOnError("Too little of the body is to be seen to lay a garment on it.")
        # Around their middle and in units of their spread the equations are well conditioned for any picture.
        self._middle = self._sources.mean(axis=0)
        self._spread = max(float(np.abs(self._sources - self._middle).max()), 1e-9)
        self._nodes = (self._sources - self._middle) / self._spread
        count = len(self._nodes)
        equations = np.zeros((count + 3, count + 3))
        equations[:count, :count] = _kernel(self._nodes, self._nodes)
        equations[:count, count] = equations[count, :count] = 1.0
        equations[:count, count + 1 :] = self._nodes
        equations[count + 1 :, :count] = self._nodes.T
        wanted = np.vstack([targets, np.zeros((3, 2))])
        try:
            self._weights = np.linalg.solve(equations, wanted)
        except np.linalg.LinAlgError:  # all on one line
            self._weights = np.linalg.lstsq(equations, wanted, rcond=None)[0]
        if not np.isfinite(self._weights).all():
            raise TryOnError(
                "The body's places lie so that no garment can be laid on them. Stand a little differently."
            )

    def __call__(self, places: Points) -> Points:
        """Where each of (n, 2) places goes."""
        at = (np.asarray(places, float) - self._middle) / self._spread
        count = len(self._nodes)
        affine = self._weights[count] + at @ self._weights[count + 1 :]
        return np.asarray(_kernel(at, self._nodes) @ self._weights[:count] + affine)

    def dense(self, box: Box, step_px: int, fine: int = 1) -> "Maps":
        """Where the pixels of a box come from.

        Computed at every `step_px` and interpolated: a spline between its nodes is far smoother than that.
        """
        columns, rows = box.width // step_px + 2, box.height // step_px + 2
        # Knots lie so that a resize by step * fine puts them back at their pixels' centres.
        x = box.x + (np.arange(columns) + 0.5) * step_px - 0.5
        y = box.y + (np.arange(rows) + 0.5) * step_px - 0.5
        knots = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        coarse = self(knots).astype(np.float32).reshape(rows, columns, 2)
        scale = step_px * fine
        whole = cv2.resize(_framed(coarse), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        cut = whole[scale : scale + box.height * fine, scale : scale + box.width * fine]
        # Far from its nodes a spline may fold back, and show again what it has shown already.
        across = np.diff(coarse, axis=1)[:-1]
        down = np.diff(coarse, axis=0)[:, :-1]
        turn = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        straight = np.zeros((rows, columns), np.float32)
        straight[:-1, :-1] = turn * np.sign(np.median(turn)) > 0
        straight[-1], straight[:, -1] = straight[-2], straight[:, -2]
        straight = cv2.erode(straight, np.ones((3, 3), np.uint8))
        sound = cv2.resize(straight, None, fx=step_px, fy=step_px, interpolation=cv2.INTER_LINEAR)
        return Maps(
            np.ascontiguousarray(cut[..., 0]), np.ascontiguousarray(cut[..., 1]), sound[: box.height, : box.width]
        )


class Maps(NamedTuple):
    """Of a box of the picture; `x` and `y` for `cv2.remap`, as often finer than the box as was asked for."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    sound: NDArray[np.float32]  # of the box: 0 where the spline folds back, 1 elsewhere


def _framed(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """One knot more on each side, carried on straight, so that the outermost half step is no plateau."""
    for axis in (0, 1):
        first, second = np.take(maps, [0], axis), np.take(maps, [1], axis)
        last, before = np.take(maps, [-1], axis), np.take(maps, [-2], axis)
        maps = np.concatenate([2 * first - second, maps, 2 * last - before], axis)
    return maps


def _kernel(a: Points, b: Points) -> NDArray[np.float64]:
    """U(r) = r² log r between all of a and all of b, written with r²."""
    squared = np.maximum((a[:, :1] - b[None, :, 0]) ** 2 + (a[:, 1:] - b[None, :, 1]) ** 2, 1e-30)
    return np.asarray(0.5 * squared * np.log(squared))


def _apart(points: Points) -> list[int]:
    places = np.asarray(points, float)
    near = np.hypot(*np.moveaxis(places[:, None] - places[None], -1, 0)) < MIN_APART_PX
    kept: list[int] = []
    for index in range(len(places)):
        if not near[index, kept].any():
            kept.append(index)
    return kept
