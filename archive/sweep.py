"""Deleting what rules say: objects first, then their lines. Safe to break off and to do again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from archive.bucket import Bucket, Found
from archive.index import Index
from archive.keys import UNDATED, Key, is_day, segment
from archive.rules import Rule


@dataclass(frozen=True, slots=True)
class Swept:
    """How much went."""

    objects: int = 0
    lines: int = 0


async def sweep(bucket: Bucket, index: Index, rule: Rule) -> Swept:
    """Raises StorageError."""
    objects = 0
    async for found in meant(bucket, rule):
        await bucket.delete([each.path for each in found])
        objects += len(found)
    lines, marked = 0, _mark(rule)
    for day in await index.days():
        if not _may_hold(day, rule):
            continue
        lines += await index.remove(day, lambda line: rule.covers(line.face.robot, line.face.track, line.time), marked)
    return Swept(objects, lines)


async def meant(bucket: Bucket, rule: Rule) -> AsyncIterator[list[Found]]:
    """The objects that the rule covers, some at a time. Raises StorageError."""
    for prefix in await _prefixes(bucket, rule):
        async for found in bucket.listing(prefix):
            if some := [each for each in found if _is_meant(each, rule)]:
                yield some


def _mark(rule: Rule) -> bytes:
    """What stands in every line that is meant, as a part of its key; most parts of an index have none of it."""
    parts = [segment(name) for name in (rule.robot, rule.track) if name is not None]
    return f"/{'/'.join(parts)}/".encode() if parts else b""


async def _prefixes(bucket: Bucket, rule: Rule) -> list[str]:
    """Where such objects can be: as little of the bucket as possible is listed."""
    days = [day for day in await bucket.folders() if is_day(day) and _may_hold(day, rule)]
    if rule.robot is None:
        return days
    below = segment(rule.robot) + (f"/{segment(rule.track)}" if rule.track is not None else "")
    return [f"{day}/{below}" for day in days]


def _may_hold(day: str, rule: Rule) -> bool:
    if day == UNDATED or rule.goes_on:
        return True
    last = rule.before or rule.at
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) <= last
    except ValueError:
        return False


def _is_meant(found: Found, rule: Rule) -> bool:
    key = Key.parse(found.path)
    return key is not None and rule.covers(key.robot, key.track, key.time or found.modified)
