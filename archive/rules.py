"""What is to be forgotten, as small objects below `forgotten/`: a store obeys them also for what arrives later.

A face of a forgotten track may still be in some queue when `tagalong archive forget` runs. The rule stays, so it is
refused when it comes.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from archive.bucket import Bucket
from archive.face import NO_TRACK, from_text, to_text
from archive.keys import FORGOTTEN


@dataclass(frozen=True, slots=True)
class Rule:
    """Every face that fits all that is given."""

    at: datetime  # when it was made: what comes from after that is not meant, but of a named track
    robot: str | None = None
    track: str | None = None
    before: datetime | None = None
    path: str = ""  # of the object it is kept in
    is_done: bool = False  # all that was there then is deleted

    def covers(self, robot: str, track: str, time: datetime) -> bool:
        """`time`: of the face, else of its arrival."""
        if self.robot is not None and robot != self.robot:
            return False
        if self.track is not None and track != self.track:
            return False
        if self.before is not None:
            return time < self.before
        return self.goes_on or time <= self.at

    @property
    def goes_on(self) -> bool:
        """A track is somebody in view: who is still there goes on being forgotten. Its name is never given twice."""
        return self.track not in (None, NO_TRACK) and self.before is None

    def __str__(self) -> str:
        parts = [f"robot {self.robot}"] if self.robot is not None else []
        parts += [f"track {self.track}"] if self.track is not None else []
        parts += [f"before {to_text(self.before)}"] if self.before is not None else []
        return ", ".join(parts)

    def to_json(self) -> bytes:
        data = {
            "at": to_text(self.at),
            "robot": self.robot,
            "track": self.track,
            "before": to_text(self.before) if self.before else None,
            "done": self.is_done,
        }
        return json.dumps(data).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes, path: str) -> "Rule | None":
        """None for what is no rule: a file that somebody else put there deletes nothing."""
        try:
            data = json.loads(text)
            at, before = from_text(data["at"]), data.get("before")
            robot, track = data.get("robot"), data.get("track")
            if at is None or (before is not None and from_text(before) is None):
                return None
            if not all(name is None or (isinstance(name, str) and name) for name in (robot, track)):
                return None
            rule = cls(at, robot, track, None if before is None else from_text(before), path)
            if (rule.robot, rule.track, rule.before) == (None, None, None):
                return None
            return replace(rule, is_done=data.get("done") is True)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


class Rules:
    """Those that are in a bucket, as far as they were read."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._known: dict[str, Rule | None] = {}

    def __iter__(self) -> Iterator[Rule]:
        return iter([rule for rule in self._known.values() if rule is not None])

    async def refresh(self) -> list[Rule]:
        """Reads what is new; those. Raises StorageError."""
        new = []
        async for found in self._bucket.listing(FORGOTTEN):
            for each in found:
                if each.path in self._known:
                    continue
                data = await self._bucket.get(each.path)
                rule = Rule.from_json(data, each.path) if data is not None else None
                self._known[each.path] = rule
                if rule is not None:
                    new.append(rule)
        return new

    async def add(self, rule: Rule) -> Rule:
        """Raises StorageError."""
        stamp = rule.at.strftime("%Y%m%dT%H%M%S.%fZ")
        path = f"{FORGOTTEN}/{stamp}-{hashlib.sha256(rule.to_json()).hexdigest()[:8]}.json"
        kept = replace(rule, path=path)
        await self._bucket.put(path, rule.to_json(), "application/json")
        self._known[path] = kept
        return kept

    async def done(self, rule: Rule) -> None:
        """Raises StorageError."""
        kept = replace(rule, is_done=True)
        await self._bucket.put(rule.path, kept.to_json(), "application/json")
        self._known[rule.path] = kept

    def covering(self, robot: str, track: str, time: datetime) -> Rule | None:
        return next((rule for rule in self._known.values() if rule and rule.covers(robot, track, time)), None)
