"""The daily index: JSON lines below `index/DAY/`, a line a face.

Object storage cannot append. So each batch is a small object of its own (a part), and parts are merged when there are
many: 16 of one level become one of the next. A line may stand in two parts after a crash; readers take each key once.
A writer merges its own parts only, so that two stores can share a bucket.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from archive.bucket import Bucket
from archive.face import Face, from_text, to_text
from archive.keys import INDEX, Key

MERGE_AT = 16
MAX_PART_BYTES = 4_000_000  # larger ones are left as they are
_PART = re.compile(r"index/([^/]+)/([^/]+)-(\d+)-L(\d)\.jsonl")


@dataclass(frozen=True, slots=True)
class Line:
    """One stored face."""

    key: str
    face: Face
    stored: datetime
    size: int  # bytes of the object

    @property
    def time(self) -> datetime:
        """Of the face, else of its arrival."""
        return self.face.time or self.stored

    def to_json(self) -> str:
        about = {"key": self.key, **self.face.fields(), "stored": to_text(self.stored), "bytes": self.size}
        return json.dumps(about, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Line | None":
        """None for what is no line of ours."""
        try:
            data = json.loads(text)
            key = Key.parse(data["key"])
            stored = from_text(data["stored"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if key is None or stored is None:
            return None
        fields = {name: value for name, value in data.items() if isinstance(value, str)}
        face = replace(Face.from_fields(fields, key.robot), track=key.track)
        size = data.get("bytes")
        return cls(data["key"], face, stored, size if isinstance(size, int) else 0)


class Index:
    """Writes and merges the parts of one writer; reads everybody's."""

    def __init__(self, bucket: Bucket, writer: str) -> None:
        self._bucket = bucket
        self._writer = re.sub(r"[^A-Za-z0-9_]", "_", writer)
        self._last = 0
        self._new_parts: Counter[str] = Counter()  # by day, since they were last merged
        self._looked = False

    async def add(self, lines: Iterable[Line], now: datetime) -> None:
        """One part for each day in it. Raises StorageError."""
        for day, some in _by_day(lines).items():
            await self._put(self._path(day, now, 0), some)
            self._new_parts[day] += 1

    async def days(self) -> list[str]:
        """Newest first; `undated` last. Raises StorageError."""
        found = await self._bucket.folders(INDEX)
        return sorted(found, key=lambda day: (day[:1].isdigit(), day), reverse=True)

    async def read(self, day: str) -> dict[str, Line]:
        """By key. Raises StorageError."""
        lines: dict[str, Line] = {}
        for path in await self._paths(day):
            lines.update(lines_in(await self._bucket.get(path) or b""))
        return lines

    async def merge(self, now: datetime) -> int:
        """Merges where it is worth it; how many parts went. Raises StorageError."""
        gone = 0
        days = [day for day, parts in self._new_parts.items() if parts >= MERGE_AT]
        for day in days if self._looked else await self.days():  # the first time: what is left from before, too
            gone += await self._merge_day(day, now)
            self._new_parts.pop(day, None)
        self._looked = True
        return gone

    async def remove(self, day: str, is_gone: Callable[[Line], bool], mark: bytes = b"") -> int:
        """Rewrites the parts with such lines, whoever wrote them; how many lines went. Raises StorageError.

        `mark`: only parts that hold these bytes are looked into.
        """
        gone: set[str] = set()
        for path in await self._paths(day):
            data = await self._bucket.get(path) or b""
            if mark not in data:
                continue
            before = lines_in(data)
            after = {key: line for key, line in before.items() if not is_gone(line)}
            if len(after) == len(before):
                continue
            gone |= before.keys() - after.keys()
            if after:
                await self._put(path, list(after.values()))
            else:
                await self._bucket.delete([path])
        return len(gone)

    async def _merge_day(self, day: str, now: datetime) -> int:
        levels: dict[int, list[str]] = {}
        async for found in self._bucket.listing(f"{INDEX}/{day}"):
            for each in found:
                part = _PART.fullmatch(each.path)
                if part and part[2] == self._writer and each.size <= MAX_PART_BYTES:
                    levels.setdefault(int(part[4]), []).append(each.path)
        gone = 0
        for level, paths in levels.items():
            for start in range(0, len(paths) - MERGE_AT + 1, MERGE_AT):
                some = sorted(paths)[start : start + MERGE_AT]
                lines: dict[str, Line] = {}
                for path in some:
                    lines.update(lines_in(await self._bucket.get(path) or b""))
                if lines:
                    await self._put(self._path(day, now, min(level + 1, 9)), list(lines.values()))
                await self._bucket.delete(some)
                gone += len(some)
        return gone

    async def _paths(self, day: str) -> list[str]:
        paths = []
        async for found in self._bucket.listing(f"{INDEX}/{day}"):
            paths += [each.path for each in found if each.path.endswith(".jsonl")]
        return sorted(paths)

    def _path(self, day: str, now: datetime, level: int) -> str:
        """A new one: microseconds, and one more than the last."""
        self._last = max(self._last + 1, round(now.timestamp() * 1e6))
        return f"{INDEX}/{day}/{self._writer}-{self._last}-L{level}.jsonl"

    async def _put(self, path: str, lines: Iterable[Line]) -> None:
        text = "".join(line.to_json() + "\n" for line in lines)
        await self._bucket.put(path, text.encode(), "application/x-ndjson")


def lines_in(data: bytes) -> dict[str, Line]:
    lines = (Line.from_json(text) for text in data.splitlines() if text)
    return {line.key: line for line in lines if line is not None}


def _by_day(lines: Iterable[Line]) -> Mapping[str, list[Line]]:
    days: dict[str, list[Line]] = {}
    for line in lines:
        days.setdefault(line.key.partition("/")[0], []).append(line)
    return days
