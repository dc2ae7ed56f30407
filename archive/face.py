"""What is known of one published face.

It travels as text fields, the same ones in three places: MQTT 5 user properties, inside the picture itself (so that
MQTT 3.1.1 and plain files lose nothing), and the object's metadata. Where a field is missing or makes no sense, the
picture is worth keeping all the same: it is filed as `undated`, or of an unknown track.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from protos.messages import Box

NO_TRACK = "untracked"
MAX_FIELD = 256  # characters of one field; longer ones are cut
MAX_NAME = 64  # of a robot or a track
MAX_NAME_BYTES = 80  # in UTF-8; percent-encoded three times as many, and a file system's names have 255 at most
_UNFIT = re.compile(  # what MQTT has no place for: brokers hang up on whoever sends it
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Face:
    """One crop. `time` is when the picture was taken, UTC; None where nobody said so."""

    robot: str
    track: str = NO_TRACK  # never given twice by a robot, also not after a restart
    time: datetime | None = None
    confidence: float = 0.0  # 0 to 1, the detector's
    box: Box = WHOLE  # of the crop in the camera's picture, normalised
    edge: str = ""  # id of the server that found it
    quality: float = 0.0  # 0 to 1, see archive.quality; 0 where it was not measured

    def fields(self) -> dict[str, str]:
        """As text; `from_fields` reads it back."""
        box = self.box
        fields = {
            "robot": self.robot,
            "track": self.track,
            "confidence": f"{self.confidence:.4f}",
            "box": f"{box.x:.5f},{box.y:.5f},{box.w:.5f},{box.h:.5f}",
            "edge": self.edge,
            "quality": f"{self.quality:.4f}",
        }
        if self.time is not None:
            fields["time"] = to_text(self.time)
        return {name: plain(text[:MAX_FIELD]) for name, text in fields.items() if text}

    @classmethod
    def from_fields(cls, fields: Mapping[str, str], robot: str) -> Self:
        """Never fails. `robot` is the topic's, which the broker may have checked; a field cannot contradict it."""
        return cls(
            robot=robot,
            track=short_name(fields.get("track", "")) or NO_TRACK,
            time=from_text(fields.get("time", "")),
            confidence=_share(fields.get("confidence", "")),
            box=_box(fields.get("box", "")),
            edge=plain(fields.get("edge", "")[:MAX_FIELD]),
            quality=_share(fields.get("quality", "")),
        )

    def trusted(self, now: datetime, ahead_s: float, oldest: datetime) -> "Face":
        """Without its time where no clock that is right can have given it: ahead of ours, or from before `oldest`."""
        if self.time is None or (oldest <= self.time and (self.time - now).total_seconds() <= ahead_s):
            return self
        return replace(self, time=None)


def plain(text: str) -> str:
    """Without the characters that MQTT has no place for."""
    return _UNFIT.sub("_", text)


def short_name(text: str) -> str:
    """A name as it can be a user property and a part of a key."""
    return plain(text[:MAX_NAME]).encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip()


def to_text(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds: 2026-11-27T10:54:03.123456Z."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_text(text: str) -> datetime | None:
    """Inverse of `to_text`; takes any ISO 8601 with a zone. None for anything else."""
    try:
        time = datetime.fromisoformat(text[:MAX_FIELD])
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def hash_of(payload: bytes) -> str:
    """64 bits of SHA-256: tells the pictures of one moment and track apart."""
    return hashlib.sha256(payload).hexdigest()[:16]


def _share(text: str) -> float:
    try:
        value = float(text[:MAX_FIELD])
    except ValueError:
        return 0.0
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _box(text: str) -> Box:
    try:
        x, y, w, h = (float(part) for part in text[:MAX_FIELD].split(","))
    except ValueError:
        return WHOLE
    box = Box(x, y, w, h)
    return box if box.is_sane else WHOLE
