"""Where an object lies: `DATE/ROBOT/TRACK/TIME-HASH.png`, UTC. The same message is always the same key.

A face without a time that can be trusted lies under `undated/ROBOT/TRACK/HASH.png`, whatever day it arrives.
Names of robots and tracks become one harmless segment each by percent-encoding, which can be read back.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from archive.face import Face

UNDATED = "undated"
INDEX, FORGOTTEN = "index", "forgotten"  # what else lies beside the dates
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAME = re.compile(r"(?:(\d{6}\.\d{6})-)?([0-9a-f]{16})\.png")


@dataclass(frozen=True, slots=True)
class Key:
    """An object's key, taken apart."""

    day: str  # "2026-11-27" or UNDATED
    robot: str
    track: str
    time: datetime | None
    hash: str

    @classmethod
    def of(cls, face: Face, hash_: str) -> "Key":
        day = UNDATED if face.time is None else face.time.strftime("%Y-%m-%d")
        return cls(day, face.robot, face.track, face.time, hash_)

    @classmethod
    def parse(cls, path: str) -> "Key | None":
        """None for whatever is no face of ours."""
        parts = path.split("/")
        if len(parts) != 4 or not is_day(parts[0]):
            return None
        name = _NAME.fullmatch(parts[3])
        if name is None or (name[1] is None) != (parts[0] == UNDATED):
            return None
        time = None
        if name[1] is not None:
            try:  # strptime takes 30 times as long
                time = datetime.fromisoformat(f"{parts[0]}T{name[1]}").replace(tzinfo=UTC)
            except ValueError:
                return None
        return cls(parts[0], unquote(parts[1]), unquote(parts[2]), time, name[2])

    def __str__(self) -> str:
        stamp = "" if self.time is None else self.time.strftime("%H%M%S.%f-")
        return f"{self.day}/{segment(self.robot)}/{segment(self.track)}/{stamp}{self.hash}.png"


def is_day(text: str) -> bool:
    return text == UNDATED or _DATE.fullmatch(text) is not None


def segment(name: str) -> str:
    """One part of a path: no separators, no `.` or `..`, nothing that a shell, a URL or a file system reads as more."""
    text = quote(name, safe="", errors="replace") or "%00"
    return "%2E" + text[1:] if text.startswith(".") else text
