"""The faces of one day by whose they are: a card for each track of a robot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.face import to_text
from archive.index import Line


@dataclass(frozen=True, slots=True)
class Track:
    """What one day has of it."""

    robot: str
    name: str
    faces: int
    first: datetime
    last: datetime
    best: Line
    edges: tuple[str, ...]  # servers that found it, the latest first

    def to_json(self) -> dict[str, Any]:
        return {
            "robot": self.robot,
            "track": self.name,
            "faces": self.faces,
            "first": to_text(self.first),
            "last": to_text(self.last),
            "edges": self.edges,
            "best": face_json(self.best),
        }


def tracks_of(lines: Mapping[str, Line]) -> list[Track]:
    """`lines` newest first, and so are the tracks, by their latest face."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines.values():
        groups.setdefault((line.face.robot, line.face.track), []).append(line)
    return [_track(robot, name, group) for (robot, name), group in groups.items()]


def of_robots(tracks: Iterable[Track]) -> list[tuple[str, int]]:
    """Names and numbers of faces, by name."""
    counts: dict[str, int] = {}
    for track in tracks:
        counts[track.robot] = counts.get(track.robot, 0) + track.faces
    return sorted(counts.items())


def face_json(line: Line) -> dict[str, Any]:
    face, box = line.face, line.face.box
    return {
        "key": line.key,
        "robot": face.robot,
        "track": face.track,
        "time": to_text(face.time) if face.time else None,
        "stored": to_text(line.stored),
        "confidence": face.confidence,
        "quality": face.quality,
        "box": [box.x, box.y, box.w, box.h],
        "edge": face.edge,
        "bytes": line.size,
    }


def _track(robot: str, name: str, lines: list[Line]) -> Track:
    best = max(lines, key=lambda line: (line.face.quality, line.face.confidence, line.size))
    edges = dict.fromkeys(line.face.edge for line in lines if line.face.edge)
    return Track(robot, name, len(lines), lines[-1].time, lines[0].time, best, tuple(edges))
