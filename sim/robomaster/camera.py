"""Where the robot's video comes from."""

from typing import Protocol

import numpy as np

from robot.values import BGR


class PictureSource(Protocol):
    async def picture(self, width_px: int, height_px: int) -> BGR:
        """What the robot's camera sees now, BGR, of that size. Raises DeviceError where nothing can be drawn."""
        ...


class GreyPictures:
    """A robot in no world sees nothing."""

    async def picture(self, width_px: int, height_px: int) -> BGR:
        return np.full((height_px, width_px, 3), 96, np.uint8)
