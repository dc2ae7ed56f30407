"""Smoothing that stops at the edges of the picture: the guided filter (He, Sun, Tang), in colour.

Written here because OpenCV's own is in its contributed modules, which the wheel of this project does not have.
"""

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
        self._guide: Floats = np.multiply(bgr, 1 / 255, dtype=np.float32)
        self._mean = self._box(self._guide)
        blue, green, red = cv2.split(self._guide)
        products = (
            cv2.merge([blue * blue, blue * green, blue * red]),
            cv2.merge([green * green, green * red, red * red]),
        )
        b, g, r = cv2.split(self._mean)
        bb, bg, br = cv2.split(self._box(products[0]) - cv2.merge([b * b, b * g, b * r]))
        gg, gr, rr = cv2.split(self._box(products[1]) - cv2.merge([g * g, g * r, r * r]))
        bb, gg, rr = bb + smoothness, gg + smoothness, rr + smoothness
        # The inverse of the symmetric 3x3 matrix of every pixel, written out.
        i_bb, i_bg, i_br = gg * rr - gr * gr, br * gr - bg * rr, bg * gr - br * gg
        over = 1 / (bb * i_bb + bg * i_bg + br * i_br)
        self._inverse = tuple(
            each * over
            for each in (i_bb, i_bg, i_br, bb * rr - br * br, br * bg - bb * gr, bb * gg - bg * bg)
        )  # fmt: skip

    def smooth(self, values: Floats) -> Floats:
        """`values` (height, width of the guide), with the edges of the guide."""
        gain, offset = self._coefficients(values)
        gain, offset = self._box(gain), self._box(offset)
        return np.asarray(np.einsum("hwc,hwc->hw", gain, self._guide) + offset, np.float32)

    def smooth_larger(self, values: Floats, larger: BGR) -> Floats:
        """The same, at the size of the picture that the guide is a reduced copy of."""
        gain, offset = self._coefficients(values)
        size = (larger.shape[1], larger.shape[0])
        gain, offset = (cv2.resize(self._box(each), size) for each in (gain, offset))
        gain *= larger
        return np.asarray(gain.sum(axis=2) / 255 + offset, np.float32)

    def _coefficients(self, values: Floats) -> tuple[Floats, Floats]:
        mean = self._box(values)
        shared = self._box(self._guide * values[..., None]) - self._mean * mean[..., None]
        b, g, r = cv2.split(shared)
        bb, bg, br, gg, gr, rr = self._inverse
        gain = cv2.merge([bb * b + bg * g + br * r, bg * b + gg * g + gr * r, br * b + gr * g + rr * r])
        return gain, mean - np.einsum("hwc,hwc->hw", gain, self._mean)

    def _box(self, values: Floats) -> Floats:
        return np.asarray(cv2.blur(values, self._size, borderType=cv2.BORDER_REFLECT), np.float32)
