"""Hits on the armour, for whoever waits for them."""

import asyncio

from robot.values import ArmourSide

KEPT = 8
SIDES = {
    1: ArmourSide.BACK,
    2: ArmourSide.FRONT,
    3: ArmourSide.LEFT,
    4: ArmourSide.RIGHT,
    5: ArmourSide.LEFT,  # the gimbal's own plates
    6: ArmourSide.RIGHT,
}  # the rover's numbers, in both protocols


class Hits:
    """Keeps the newest few."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[ArmourSide] = asyncio.Queue(KEPT)

    def add(self, number: int) -> bool:
        """False: there is no such plate."""
        side = SIDES.get(number)
        if side is None:
            return False
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(side)
        return True

    async def next_hit(self) -> ArmourSide:
        return await self._queue.get()
