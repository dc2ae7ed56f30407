"""Smoothing that stops at the edges of the picture: the guided filter (He, Sun, Tang), in colour.

Written here because OpenCV's own is in its contributed modules, which the wheel of this project does not have.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import BGR

Floats = NDArray[np.float32]


class GuidedFilter:
    """One picture as the guide, for any number of maps: what depends on the picture alone is computed once."""

    def __init__(self, bgr: BGR, radius_px: int, smoothness: float) -> None:
        """`smoothness`: differences of colour well below its root (0..1) count as flat, those above as edges."""
        self._size = (2 * radius_px + 1, 2 * radius_px + 1)
        self._guide = [np.multiply(plane, 1 / 255, dtype=np.float32) for plane in cv2.split(bgr)]
        blue, green, red = self._guide
        b, g, r = self._mean = [self._box(plane) for plane in self._guide]
        bb, gg, rr = (
            self._box(plane * plane) - mean * mean + smoothness
            for plane, mean in zip(self._guide, self._mean, strict=True)
        )
        bg, br, gr = self._box(blue * green) - b * g, self._box(blue * red) - b * r, self._box(green * red) - g * r
        # The inverse of the symmetric 3x3 matrix of every pixel, written out.
        i_bb, i_bg, i_br = gg * rr - gr * gr, br * gr - bg * rr, bg * gr - br * gg
        over = 1 / (bb * i_bb + bg * i_bg + br * i_br)
        i_gg, i_gr, i_rr = bb * rr - br * br, br * bg - bb * gr, bb * gg - bg * bg
        rows = ((i_bb, i_bg, i_br), (i_bg, i_gg, i_gr), (i_br, i_gr, i_rr))
        self._inverse = [[each * over for each in row] for row in rows]

    def smooth(self, values: Floats) -> Floats:
        """`values` (height, width of the guide), with the edges of the guide."""
        *gains, smoothed = self._coefficients(values)
        for gain, plane in zip(gains, self._guide, strict=True):
            smoothed += gain * plane
        return smoothed

    def smooth_larger(self, values: Floats, larger: BGR) -> Floats:
        """The same, at the size of the picture that the guide is a reduced copy of."""
        size = (larger.shape[1], larger.shape[0])
        *gains, smoothed = (cv2.resize(each, size) for each in self._coefficients(values))
        for gain, plane in zip(gains, cv2.split(larger), strict=True):
            smoothed += gain * np.multiply(plane, 1 / 255, dtype=np.float32)
        return np.asarray(smoothed, np.float32)

    def _coefficients(self, values: Floats) -> list[Floats]:
        """Gain of each colour, then the offset, each averaged over its neighbourhood."""
        mean = self._box(values)
        shared = [self._box(plane * values) - of * mean for plane, of in zip(self._guide, self._mean, strict=True)]
        gains = [_product(row, shared) for row in self._inverse]
        return [self._box(each) for each in (*gains, mean - _product(gains, self._mean))]

    def _box(self, values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, self._size, borderType=cv2.BORDER_REFLECT), np.float32)


def _product(one: Sequence[Floats], other: Sequence[Floats]) -> Floats:
    """Of two vectors of planes."""
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
