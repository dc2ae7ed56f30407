"""Surfaces of the simulated world, painted by a few lines of numpy: same bytes every time."""

import numpy as np
from numpy.typing import NDArray

from robot.values import BGR
from sim.place import rgb


def planks(colour: str) -> BGR:
    """A wooden floor of 2 m by 2 m, RGB (512, 512, 3): planks of 0.16 m with grain."""
    rng = np.random.default_rng(7)
    side, plank = 512, 41
    row = np.arange(side)[:, None] // plank
    column = np.arange(side)[None, :]
    shift = rng.integers(0, side, 64)[row % 64]
    board = (column + shift) % side // 256 + 2 * row
    tone = rng.normal(1.0, 0.06, 256)[board % 256]
    grain = 0.03 * np.sin(column / 17.0 + 40 * tone + np.arange(side)[:, None] * 0.9) + rng.normal(
        0, 0.015, (side, side)
    )
    gap = (np.arange(side)[:, None] % plank < 2) | ((column + shift) % 256 < 2)
    light = np.where(gap, 0.62, tone + grain)
    return _coloured(colour, light)


def _coloured(colour: str, light: NDArray[np.float64]) -> BGR:
    return np.clip(np.array(rgb(colour)) * light[..., None], 0, 255).astype(np.uint8)
