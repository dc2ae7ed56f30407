"""How many faces each day has. Old days are counted in the background, newest first, and only while somebody looks.

A count costs one reading of the day's index; after that a listing now and then tells whether it still holds.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from archive.bucket import Found, StorageError
from archive.gallery.tracks import tracks_of
from archive.index_reader import IndexReader

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 300.0  # at an old day; faces that come late and what `forget` deletes are seen then
PASS_S = 1.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one day."""

    faces: int
    tracks: int


@dataclass(frozen=True, slots=True)
class _Known:
    counted: Counted
    parts: frozenset[Found]
    looked_s: float


class DayCounts:
    """`run` until cancelled."""

    def __init__(self, reader: IndexReader, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._asked = asyncio.Event()

    def get(self, day: str) -> Counted | None:
        """None while it is not counted yet. Asking keeps the counting going."""
        self._asked.set()
        known = self._known.get(day)
        return known.counted if known is not None else None

    def expire(self) -> None:
        """All days are looked at again."""
        self._known = {day: _Known(known.counted, known.parts, -1e9) for day, known in self._known.items()}

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._count()
            except StorageError as error:
                log.debug("counting waits: %s", error)  # who looks is told by what they ask for themselves
            await asyncio.sleep(PASS_S)

    async def _count(self) -> None:
        days = await self._reader.days()
        self._known = {day: known for day, known in self._known.items() if day in days}
        for place, day in enumerate(days):
            known = self._known.get(day)
            if known is not None and place > 0 and self._clock() - known.looked_s < LOOK_AGAIN_S:
                continue
            parts = await self._reader.parts(day)
            if known is not None and parts == known.parts:
                self._known[day] = _Known(known.counted, parts, self._clock())
                continue
            lines = (await self._reader.day(day)).lines
            self._known[day] = _Known(Counted(len(lines), len(tracks_of(lines))), parts, self._clock())
