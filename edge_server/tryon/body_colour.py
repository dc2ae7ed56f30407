"""What colours the parts of one person have: learnt from where each part surely is."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import BGR

Floats = NDArray[np.float32]

BINS = (16, 48, 48)  # lightness, green-red, blue-yellow
_WIDTHS = (256 / 16, 256 / 48, 256 / 48)
UNKNOWN = 1.5e-3
# How likely any colour is in any part: a part's usual colours reach 0.01 to 0.1, so that colour can outweigh a place
# ten- to fortyfold, never more.
MIN_PIXELS = 25.0  # fewer teach nothing
GENERIC_SKIN = (143.0, 147.0, 7.0, 9.0)  # middle and spread of the two colour axes over many skins, from the literature


class Colours:
    """The colours of one picture, in bins, and what is learnt about them."""

    def __init__(self, bgr: BGR) -> None:
        lab = cv2.cvtColor(cv2.GaussianBlur(bgr, (3, 3), 0), cv2.COLOR_BGR2LAB)
        self.lab = lab
        bins = [np.minimum((lab[..., axis] / _WIDTHS[axis]).astype(np.int32), BINS[axis] - 1) for axis in range(3)]
        self._bin = (bins[0] * BINS[1] + bins[1]) * BINS[2] + bins[2]

    def learn(self, weight: Floats) -> Floats | None:
        """How likely each colour is in a part, from how surely each pixel belongs to it; None: too few pixels."""
        chosen = weight > 0.05
        total = float(weight[chosen].sum())
        if total < MIN_PIXELS:
            return None
        count = np.bincount(self._bin[chosen], weight[chosen], minlength=int(np.prod(BINS)))
        return _spread((count / total).astype(np.float32).reshape(BINS))

    def skin(self, face: Floats | None) -> Floats:
        """The person's skin by their cheeks, or anybody's: its hue is kept closely, its lightness loosely."""
        around_l, spread_l = 150.0, 60.0
        a, b, spread_a, spread_b = GENERIC_SKIN
        if face is not None and float((face > 0.5).sum()) >= MIN_PIXELS:
            seen = self.lab[face > 0.5].astype(np.float32)
            middle = np.median(seen, axis=0)
            spread = 1.48 * np.median(np.abs(seen - middle), axis=0)
            around_l, a, b = (float(v) for v in middle)
            spread_l = max(2.0 * float(spread[0]), 34.0)
            spread_a, spread_b = (min(max(1.7 * float(v), 4.5), 10.0) for v in spread[1:])
        axes = []
        for axis, (middle_of, spread_of) in enumerate(((around_l, spread_l), (a, spread_a), (b, spread_b))):
            centres = (np.arange(BINS[axis]) + 0.5) * _WIDTHS[axis]
            axes.append(np.exp(-0.5 * ((centres - middle_of) / spread_of) ** 2))
        cube = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
        return np.asarray(cube / cube.sum(), np.float32)

    def likelihood(self, learnt: Floats | None) -> Floats | float:
        """Of each pixel's colour in that part; the same for all where nothing is known."""
        if learnt is None:
            return 3 * UNKNOWN
        return np.asarray(learnt.reshape(-1)[self._bin] + UNKNOWN, np.float32)


def _spread(cube: Floats) -> Floats:
    """Each colour stands for its neighbours too."""
    for axis in range(3):
        along: Floats = np.moveaxis(cube, axis, 0)
        for _ in range(2):
            spread = 2 * along
            spread[1:] += along[:-1]
            spread[:-1] += along[1:]
            along = np.asarray(spread / 4, np.float32)
        cube = np.moveaxis(along, 0, axis)
    return np.ascontiguousarray(cube, np.float32)
