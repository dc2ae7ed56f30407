"""What the page asks of one bucket."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from archive.bucket import Bucket
from archive.config import GalleryConfig
from archive.face import from_text, to_text
from archive.forget import UnfinishedError, forget
from archive.gallery import guard
from archive.gallery.counted import DayCounts
from archive.gallery.tracks import Track, face_json, of_robots, tracks_of
from archive.index import Line
from archive.index_reader import Day, IndexReader
from archive.keys import Key
from archive.sweep import Swept
from common.errors import TagalongError

log = logging.getLogger(__name__)

PAGE, LONGEST = 60, 2000  # of one answer
GROUPED = 4  # days whose tracks are kept


class WishError(TagalongError):
    """The page, or whoever speaks for it, asks for what cannot be."""


@dataclass(frozen=True, slots=True)
class Told:
    """One answer, and what is the same as long as it is."""

    data: dict[str, Any]
    version: str


class Gallery:
    """Raises StorageError from everything, WishError for what makes no sense."""

    def __init__(self, config: GalleryConfig) -> None:
        """Raises ConfigError for an address that cannot be one, and for an open page without a password."""
        guard.check(config)
        self.config = config
        self.bucket = Bucket(config.storage)
        self.reader = IndexReader(self.bucket)
        self.counts = DayCounts(self.reader)
        self._tracks: dict[str, list[Track]] = {}

    async def days(self) -> Told:
        days = []
        for day in await self.reader.days():
            counted = self.counts.get(day)
            if counted is None or counted.faces:  # an emptied one is no day any more
                counts = (counted.faces, counted.tracks) if counted else (None, None)
                days.append({"day": day, "faces": counts[0], "tracks": counts[1]})
        data = {"days": days, "storage": self.config.storage.url}
        return Told(data, sha256(json.dumps(data).encode()).hexdigest()[:16])

    async def tracks(self, wish: Mapping[str, str]) -> Told:
        """`day`, `robot`, `find` (a part of a track's name), `limit`; newest first."""
        day = await self._day(wish)
        all_ = self._grouped(day)
        robot, find = wish.get("robot", ""), wish.get("find", "").casefold()
        some = [track for track in all_ if robot in ("", track.robot) and find in track.name.casefold()]
        data = {
            "day": day.name,
            "tracks": [track.to_json() for track in some[: _limit(wish)]],
            "total": len(some),
            "faces": sum(track.faces for track in some),
            "robots": of_robots(all_),
        }
        return Told(data, day.version)

    async def faces(self, wish: Mapping[str, str]) -> Told:
        """`day`, `robot`, `track`, `limit`, and `before`: the `next` of the answer before; newest first."""
        day = await self._day(wish)
        robot, track, before = wish.get("robot", ""), wish.get("track", ""), _cursor(wish.get("before", ""))
        fits = [x for x in day.lines.values() if robot in ("", x.face.robot) and track in ("", x.face.track)]
        left = [line for line in fits if before is None or _place(line) < before]
        some = left[: _limit(wish)]
        data = {
            "day": day.name,
            "faces": [face_json(line) for line in some],
            "total": len(fits),
            "next": _written(some[-1]) if len(left) > len(some) else None,
            "track": next(
                (each.to_json() for each in self._grouped(day) if (each.robot, each.name) == (robot, track)), None
            ),
        }
        return Told(data, day.version)

    async def picture(self, path: str) -> bytes | None:
        """The PNG of a face that is listed; None for anything else, whatever lies in the bucket."""
        key = Key.parse(path)
        if key is None or str(key) != path or path not in (await self.reader.day(key.day)).lines:
            return None
        return await self.bucket.get(path)

    async def forget(self, robot: str, track: str) -> Swept:
        if not robot or not track:
            raise WishError('Say whose faces are to go: {"robot": "...", "track": "..."}.')
        try:
            swept = await forget(self.bucket, robot=robot, track=track, now=datetime.now(UTC))
        except UnfinishedError:
            log.warning("not all is deleted yet of robot %r, track %r", robot, track)
            raise
        finally:
            self.reader.expire()
            self.counts.expire()
        log.warning("forgotten from the page: robot %r, track %r, %d objects", robot, track, swept.objects)
        return swept

    async def _day(self, wish: Mapping[str, str]) -> Day:
        """The latest one unless one is named."""
        days = await self.reader.days()
        return await self.reader.day(wish.get("day") or (days[0] if days else ""))

    def _grouped(self, day: Day) -> list[Track]:
        name = f"{day.name} {day.version}"
        if name not in self._tracks:
            while len(self._tracks) >= GROUPED:
                del self._tracks[next(iter(self._tracks))]
            self._tracks[name] = tracks_of(day.lines)
        return self._tracks[name]


def _limit(wish: Mapping[str, str]) -> int:
    text = wish.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 9) or not 1 <= int(text) <= LONGEST:
        raise WishError(f"limit is a number from 1 to {LONGEST}, not {text[:40]!r}.")
    return int(text)


def _place(line: Line) -> tuple[datetime, str]:
    return line.time, line.key


def _written(line: Line) -> str:
    return f"{to_text(line.time)} {line.key}"


def _cursor(text: str) -> tuple[datetime, str] | None:
    if not text:
        return None
    time, _, key = text.partition(" ")
    if (moment := from_text(time)) is None:
        raise WishError(f"before is the `next` of an earlier answer, not {text[:80]!r}.")
    return moment, key
