"""The robot's camera in the simulator's world."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from robot.values import BGR
from sim.eye import Eye, Snapshot
from sim.world import World

DRAWN_PX = (640, 360)  # drawn by software, a picture of the video's full size would take most of a core


class WorldPictures:
    """Drawn from one of the world's rovers, in a thread of its own, as OpenGL demands; as wide as its camera sees."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._pen = ThreadPoolExecutor(1, f"video of rover {number}")
        self._eye = Eye(world.scenario, number, DRAWN_PX)

    async def picture(self, width_px: int, height_px: int) -> BGR:
        bgr = await self._draw(self._eye.render)
        if (width_px, height_px) == DRAWN_PX:
            return bgr
        return np.asarray(cv2.resize(bgr, (width_px, height_px)), np.uint8)

    async def top(self) -> BGR:
        """The place from above."""
        return await self._draw(self._eye.render_top)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pen, self._eye.close)
        self._pen.shutdown(wait=False)

    async def _draw(self, draw: Callable[[Snapshot], BGR]) -> BGR:
        """The world as it is now; it may go on while the pen draws."""
        return await asyncio.get_running_loop().run_in_executor(self._pen, draw, self._world.snapshot())
