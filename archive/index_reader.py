"""Reads days of the index again and again, for whoever shows them: each part is fetched once.

A part never changes but by lines that are taken out of it, so its path, size and time tell whether it is known. Rules
hold here too: what is to be forgotten is not in a `Day`, even where its line still stands in the index.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from archive.bucket import Bucket, Found
from archive.index import Index, Line, lines_in
from archive.keys import INDEX
from archive.rules import Rule, Rules

FRESH_S = 1.5  # what was looked up so lately is not looked up again
AT_ONCE = 8  # parts that are fetched at the same time
MAX_LINES = 100_000  # kept in memory, 0.8 kB each; whole days go, the one used least lately first
TRIES = 4  # of a day whose parts are merged under our hands


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the index as it was a moment ago."""

    name: str
    version: str = ""  # another one whenever something may have changed
    lines: Mapping[str, Line] = field(default_factory=dict)  # by key, newest first


@dataclass(slots=True)
class _Held:
    looked_s: float
    parts: dict[Found, list[Line]]
    day: Day


class IndexReader:
    """Raises StorageError from everything that asks the bucket."""

    def __init__(self, bucket: Bucket, clock: Callable[[], float] = time.monotonic, max_lines: int = MAX_LINES) -> None:
        self._bucket = bucket
        self._index = Index(bucket, "reader")
        self._rules = Rules(bucket)
        self._clock = clock
        self._max_lines = max_lines
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._days: list[str] = []
        self._days_s = self._rules_s = -1e9
        self._looking = asyncio.Lock()

    async def days(self) -> list[str]:
        """Newest first; `undated` last."""
        async with self._looking:
            if self._clock() - self._days_s >= FRESH_S:
                self._days = await self._index.days()
                self._days_s = self._clock()
                self._locks = {day: lock for day, lock in self._locks.items() if day in self._days or lock.locked()}
        return self._days

    async def day(self, name: str) -> Day:
        """Without lines where there is no such day."""
        if name not in await self.days():
            return Day(name)
        async with self._locks.setdefault(name, asyncio.Lock()):
            rules = await self._refreshed_rules()
            held = self._held.get(name)
            if held is None or self._clock() - held.looked_s >= FRESH_S:
                held = self._held[name] = await self._look(name, rules, held)
            self._held.move_to_end(name)
            self._make_room()
            return held.day

    async def parts(self, name: str) -> frozenset[Found]:
        """What the day is made of now: the same set is the same day. Reads none of them."""
        return frozenset([each async for some in self._bucket.listing(f"{INDEX}/{name}") for each in some])

    def expire(self) -> None:
        """Whatever is asked for next is looked up anew."""
        self._days_s = self._rules_s = -1e9
        for held in self._held.values():
            held.looked_s = -1e9

    async def _look(self, name: str, rules: list[Rule], held: _Held | None) -> _Held:
        known = held.parts if held is not None else {}
        for _ in range(TRIES):
            found = sorted([each for each in await self.parts(name) if each.path.endswith(".jsonl")], key=_by_path)
            version = _version(found, rules)
            if held is not None and version == held.day.version:
                return _Held(self._clock(), held.parts, held.day)
            gate = asyncio.Semaphore(AT_ONCE)
            read = await asyncio.gather(*(self._read(gate, each) for each in found if each not in known))
            known |= {part: lines for part, lines in read if lines is not None}
            if all(part in known for part in found):
                break  # else some were merged between the listing and now: the lines are in another part
        parts = {part: known[part] for part in found if part in known}
        day = await asyncio.to_thread(_made, name, version, list(parts.values()), rules)
        return _Held(self._clock(), parts, day)

    async def _read(self, gate: asyncio.Semaphore, part: Found) -> tuple[Found, list[Line] | None]:
        async with gate:
            data = await self._bucket.get(part.path)
        if data is None:
            return part, None
        return part, list((await asyncio.to_thread(lines_in, data)).values())

    async def _refreshed_rules(self) -> list[Rule]:
        async with self._looking:
            if self._clock() - self._rules_s >= FRESH_S:
                if await self._rules.refresh():
                    self._outdate()
                self._rules_s = self._clock()
        return list(self._rules)

    def _outdate(self) -> None:
        for held in self._held.values():
            held.looked_s = -1e9

    def _make_room(self) -> None:
        while len(self._held) > 1 and sum(len(held.day.lines) for held in self._held.values()) > self._max_lines:
            self._held.popitem(last=False)


def _by_path(part: Found) -> str:
    return part.path


def _version(found: Iterable[Found], rules: Iterable[Rule]) -> str:
    text = "\n".join([*(f"{x.path} {x.size} {x.modified.isoformat()}" for x in found), *(rule.path for rule in rules)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _made(name: str, version: str, parts: Iterable[list[Line]], rules: list[Rule]) -> Day:
    """A key that stands in two parts counts once."""
    by_track: dict[str | None, list[Rule]] = {}  # most rules are of one track; there may be thousands
    for rule in rules:
        by_track.setdefault(rule.track, []).append(rule)
    lines = {line.key: line for part in parts for line in part}
    kept = [
        line
        for line in lines.values()
        if not any(
            rule.covers(line.face.robot, line.face.track, line.time)
            for track in (None, line.face.track)
            for rule in by_track.get(track, ())
        )
    ]
    kept.sort(key=_newest_last, reverse=True)
    return Day(name, version, {line.key: line for line in kept})


def _newest_last(line: Line) -> tuple[datetime, str]:
    return line.time, line.key
