"""Faces in a bucket, as the store writes them: a PNG object with its fields inside, and a line in the index."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from archive.bucket import Bucket
from archive.face import Face, hash_of
from archive.index import Index, Line
from archive.keys import Key
from archive.pictures import Format, encode

DAY = datetime(2024, 5, 17, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """A face with its picture."""

    face: Face
    png: bytes = field(repr=False)
    stored: datetime

    @property
    def key(self) -> str:
        return str(Key.of(self.face, hash_of(self.png)))

    @property
    def line(self) -> Line:
        return Line(self.key, self.face, self.stored, len(self.png))


def made(face: Face, bgr: NDArray[np.uint8] | None = None, stored: datetime | None = None) -> Made:
    """`bgr`: none for a small picture of one colour, another one for each face."""
    if bgr is None:
        seed = abs(hash((face.robot, face.track, face.time))) % 2**31
        bgr = np.full((24, 20, 3), np.random.default_rng(seed).integers(0, 256, 3, np.uint8), np.uint8)
    return Made(face, encode(bgr, face.fields(), Format.PNG), stored or (face.time or DAY) + timedelta(seconds=1))


async def put(bucket: Bucket, faces: Iterable[Made], index: Index | None = None, part: int = 64) -> list[Made]:
    """All objects and their lines, so many in one part of the index; the order is kept."""
    all_ = list(faces)
    index = index or Index(bucket, "store")
    for each in all_:
        await bucket.put(each.key, each.png, "image/png", each.face.fields())
    for start in range(0, len(all_), part):
        await index.add([each.line for each in all_[start : start + part]], datetime.now(UTC))
    return all_


def series(robot: str, track: str, number: int, begin: datetime = DAY, every_s: float = 5.0) -> list[Made]:
    """Small faces of one track, oldest first."""
    return [made(Face(robot, track, begin + timedelta(seconds=every_s * i), 0.9, edge="edge-1")) for i in range(number)]


async def paths(bucket: Bucket, prefix: str = "") -> list[str]:
    """All that lies below it."""
    return sorted([each.path async for some in bucket.listing(prefix) for each in some])
