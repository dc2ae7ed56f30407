"""A camera without a world: for the real agent before servers whose engine is `oracle`."""

import asyncio

import numpy as np

from common.errors import DeviceError
from protos.messages import Detection
from robot.hardware import EndOfVideo
from robot.values import BGR, CameraModel, Frame

FPS = 20.0


class TruthCamera:
    """Grey pictures that carry what is to be seen in them: the engine `oracle` answers with that."""

    def __init__(self, *seen: Detection, most: int | None = None) -> None:
        self.model = CameraModel(64, 48)
        self.seen = seen
        self.most = most
        self.failing = False
        self.opened = 0
        self._bgr: BGR = np.full((48, 64, 3), 128, np.uint8)
        self._number = 0

    async def open(self) -> None:
        self.opened += 1

    async def latest(self) -> Frame:
        await asyncio.sleep(1 / FPS)
        if self.failing:
            self.failing = False
            raise DeviceError("camera test: was unplugged.")
        if self._number == self.most:
            raise EndOfVideo("the film is over")
        self._number += 1
        return Frame(self._bgr, self._number, asyncio.get_running_loop().time(), self.seen)

    async def close(self) -> None: ...
