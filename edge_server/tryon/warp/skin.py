"""What is bare: where worn clothes would show that the new ones do not cover, skin is painted.

Only where the person's own skin is seen to take its colour from, and only on necks and arms that are about as thick as
bare ones: a padded sleeve in the colour of skin looks worse than a sleeve.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import BGR, Area

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
_OFFSET = 14.0  # added to all channels: the hue of what is nearly black is noise
_ALIKE = 0.05  # difference in the share of blue or red
_MIN_PIXELS = 30


@dataclass(frozen=True, slots=True)
class Skin:
    """Of one person."""

    bgr: NDArray[np.float32] = field(repr=False)  # (3,), as the face shows it
    alike: Bools = field(repr=False)  # pixels of the picture that may be skin


def skin(bgr: BGR, labels: NDArray[np.uint8]) -> Skin | None:
    """None: no face is seen."""
    face = cv2.erode((labels == Area.FACE).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if int(face.sum()) < _MIN_PIXELS:
        return None
    total = bgr.sum(axis=2, dtype=np.float32)
    # Of the face's brighter half: eyes, beard and shadows are not what arms look like.
    bright = face & (total >= np.median(total[face]))
    tone = np.median(bgr[bright], axis=0).astype(np.float32)
    share = (tone[[0, 2]] + _OFFSET) / (tone.sum() + 3 * _OFFSET)
    total += np.float32(3 * _OFFSET)
    off = [
        np.abs((bgr[..., channel] + np.float32(_OFFSET)) / total - own)
        for channel, own in zip((0, 2), share, strict=True)
    ]
    alike = (np.maximum(off[0], off[1]) < _ALIKE) & (total > 0.35 * tone.sum() + 3 * _OFFSET)
    return Skin(tone, alike)


def neck(bgr: BGR, labels: NDArray[np.uint8], of: Skin, unit_px: float) -> Floats | None:
    """The neck's skin carried on over its surroundings; None where the neck is covered or not seen."""
    seen = labels == Area.NECK
    bare = seen & of.alike
    if int(bare.sum()) < max(0.6 * int(seen.sum()), 0.01 * unit_px**2, _MIN_PIXELS):
        return None
    weights = cv2.erode(bare.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    found = np.zeros((*labels.shape, 3), np.float32)
    total = np.full(labels.shape, 1e-9, np.float32)
    for sigma_px, share in ((0.06 * unit_px, 1.0), (0.3 * unit_px, 1e-3)):  # the nearest counts most
        blurred = cv2.GaussianBlur(np.dstack([bgr * weights[..., None], weights]), (0, 0), max(sigma_px, 1.0))
        found += blurred[..., :3] * share
        total += blurred[..., 3] * share
    return np.asarray(0.6 * found / total[..., None] + 0.4 * of.bgr, np.float32)
