"""What a plain background looks like: a colour that changes slowly over the picture, learnt from its border."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.garments.record import GarmentError
from edge_server.tryon.values import BGR

Field = NDArray[np.float32]

BORDER_SHARE = 0.025  # of the shorter side: the strip that is taken for background
FAR = 14.0  # in CIELAB: certainly another colour
MAX_GRAIN = 7.0  # median deviation of a background that is still called plain
MAX_STRANGE = 0.30  # of the border's pixels that are another colour
SHADOW_DARKEST = 0.5  # of the background's brightness


@dataclass(frozen=True, slots=True)
class Backdrop:
    """All in CIELAB, at the size of the picture."""

    lab: Field = field(repr=False)  # of the picture
    ground: Field = field(repr=False)  # of the background, as it would be seen without the garment
    grain: float  # how much it varies by itself

    @property
    def away(self) -> Field:
        """How far each pixel's colour is from the background's."""
        return np.asarray(np.sqrt(((self.lab - self.ground) ** 2).sum(axis=2)), np.float32)

    @property
    def shadow(self) -> NDArray[np.bool_]:
        """Darker than the background, of the same hue: what a soft shadow does."""
        # less light makes all three values smaller alike, where lightness counts from -16, as in CIELAB's formula
        light = (self.lab[..., 0] + 16) / (np.maximum(self.ground[..., 0], 1) + 16)
        hue = np.hypot(*(self.lab[..., c] - self.ground[..., c] * light for c in (1, 2)))
        return np.asarray((light < 1) & (light > SHADOW_DARKEST) & (hue < 5 + 1.5 * self.grain))


def learn(bgr: BGR) -> Backdrop:
    """Raises GarmentError where the border is not one plain colour, or the garment lies on it."""
    lab = np.asarray(cv2.cvtColor(bgr.astype(np.float32) / np.float32(255), cv2.COLOR_BGR2LAB), np.float32)
    strip = _border(bgr.shape[:2])
    ground, kept = _surface(lab, strip)
    left_over = np.sqrt(((lab - ground) ** 2).sum(axis=2))
    grain = float(np.median(left_over[strip & kept])) if (strip & kept).any() else 99.0
    strange = strip & (left_over > max(FAR, 5 * grain))
    share = float(strange.sum() / strip.sum())
    if grain > MAX_GRAIN or share > MAX_STRANGE:
        raise GarmentError(
            "the background is not plain: "
            + (f"{100 * share:.0f} % of the picture's border is of another colour. " if share > MAX_STRANGE else "")
            + "Lay the garment on a sheet or a table of one colour that it has not, and take all of it."
        )
    return Backdrop(lab, ground, max(grain, 0.6))


def refit(backdrop: Backdrop, background: NDArray[np.bool_]) -> Backdrop:
    """Again from all that is background now, not only from the border."""
    if background.mean() < 0.05:
        return backdrop
    ground, _ = _surface(backdrop.lab, background)
    return Backdrop(backdrop.lab, ground, backdrop.grain)


def _border(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    width = max(3, round(BORDER_SHARE * min(shape)))
    strip = np.ones(shape, bool)
    strip[width:-width, width:-width] = False
    return strip


def _surface(lab: Field, where: NDArray[np.bool_]) -> tuple[Field, NDArray[np.bool_]]:
    """A surface of second degree through the colours there; what lies far from it is left out, several times."""
    height, width = lab.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns / width * 2 - 1, rows / height * 2 - 1
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=2)
    used = np.flatnonzero(where.ravel())
    used = used[:: max(1, len(used) // 8_000)]
    basis, colours = terms.reshape(-1, 6)[used], lab.reshape(-1, 3)[used]
    kept = np.linalg.norm(colours - np.median(colours, axis=0), axis=1) < 30
    factors = np.zeros((6, 3), np.float32)
    for limit in (16.0, 9.0, 6.0, 6.0):
        if kept.sum() < 30:
            break
        factors = np.linalg.lstsq(basis[kept], colours[kept], rcond=None)[0].astype(np.float32)
        kept = np.linalg.norm(colours - basis @ factors, axis=1) < limit
    ground = np.asarray(terms @ factors, np.float32)
    near = np.linalg.norm(lab - ground, axis=2) < 6.0 * 2
    return ground, np.asarray(near)
