"""What the preview's page is told beside the picture, as JSON. Problems become sentences."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from archive.face import Face, to_text
from archive.preview.hiding import Scene
from archive.preview.shown import Shown

NOT_YET = "not connected yet"  # of Shown.broker_problem


@dataclass(frozen=True, slots=True)
class Crop:
    """A published face, ready to be shown."""

    number: int
    face: Face
    jpeg: bytes = field(repr=False)


def to_json(robot_id: str, shown: Shown, scene: Scene, crops: Sequence[Crop]) -> str:
    """`crops`: newest last; the page has the newest first."""
    data = {
        "robot": robot_id,
        "edge": shown.edge,
        "cover": scene.cover,
        "faces": [[round(value, 4) for value in (box.x, box.y, box.w, box.h)] for box in scene.faces],
        "counts": {**shown.counts, "waiting": shown.waiting},
        "problem": sentence(shown.broker_problem),
        "crops": [_crop(each) for each in reversed(crops)],
    }
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def sentence(problem: str) -> str:
    """Of the broker's problem; empty when all is well."""
    if not problem:
        return ""
    if problem == NOT_YET:
        return "The local broker has not answered yet. Until it does, nothing is published."
    said = re.sub(r"^[\w.]*broker\.url: ", "", problem).rstrip(".")  # the page's reader has no settings
    return f"Nothing is published now, because of the local broker: {said}{'' if said.endswith('?') else '.'}"


def _crop(crop: Crop) -> dict[str, object]:
    face = crop.face
    return {
        "number": crop.number,
        "track": face.track,
        "quality": round(face.quality, 3),
        "time": to_text(face.time) if face.time is not None else "",
    }
