"""Which tensors the models of an inference server take and give: what to write a model for Triton or OpenVINO against.

Pictures are RGB (RGBA), UINT8, height x width x channels, as they are: a model scales and normalises itself. Places are
normalised to the picture, 0..1, origin top left. `points` are MediaPipe's 33 in its order: x, y, confidence.

| model | takes | gives |
| --- | --- | --- |
| pose | `image` UINT8 [h, w, 3] | `points` FP32 [33, 3]; `mask` FP32 [h, w] 0..1; may: `people` INT32 [1], `facing` INT32 [1] |
| parsing | `image`, `points`, `mask` | `labels` UINT8 [h, w] of `values.Area`, 0..11 |
| tryon | `image`, `points`, `mask`, `labels`, `garment` UINT8 [h, w, 4], `landmarks` FP32 [n, 2], `kind` INT32 [1] | `dressed` UINT8 [h, w, 3], the size of `image` |

`people` 0 means that nobody is to be seen. `facing`: 0 front, 1 back, 2 side. `kind`: 0 top, 1 jacket, 2 dress,
3 trousers; `landmarks` in the order of `values.UPPER_LANDMARKS` or `TROUSER_LANDMARKS`. A model may leave out inputs
that it does not need, and may have a batch dimension in front (of 1, or of any size). A model that cannot use a picture
answers FAILED_PRECONDITION: its message is then shown to the person.
"""  # noqa: E501 - a table

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_server.tryon.values import (
    BGR,
    KEY_POINTS,
    TROUSER_LANDMARKS,
    UPPER_LANDMARKS,
    BodyPose,
    Facing,
    Garment,
    Kind,
    Parsing,
    TryOnError,
)

FACINGS = (Facing.FRONT, Facing.BACK, Facing.SIDE)
KINDS = (Kind.TOP, Kind.JACKET, Kind.DRESS, Kind.TROUSERS)
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Tensor:
    """-1: any size."""

    name: str
    datatype: str  # by the protocol's names
    shape: tuple[int, ...]
    needed: bool = True


_IMAGE = Tensor("image", "UINT8", (-1, -1, 3))
_POINTS = Tensor("points", "FP32", (len(KEY_POINTS), 3))
_MASK = Tensor("mask", "FP32", (-1, -1))
_LABELS = Tensor("labels", "UINT8", (-1, -1))
_GARMENT = Tensor("garment", "UINT8", (-1, -1, 4))
_LANDMARKS = Tensor("landmarks", "FP32", (-1, 2))
_KIND = Tensor("kind", "INT32", (1,))


@dataclass(frozen=True, slots=True)
class Layout:
    takes: tuple[Tensor, ...]
    gives: tuple[Tensor, ...]


POSE = Layout(
    (_IMAGE,), (_POINTS, _MASK, Tensor("people", "INT32", (1,), False), Tensor("facing", "INT32", (1,), False))
)
PARSING = Layout((_IMAGE, _POINTS, _MASK), (_LABELS,))
TRYON = Layout(
    (_IMAGE, _POINTS, _MASK, _LABELS, _GARMENT, _LANDMARKS, _KIND), (Tensor("dressed", "UINT8", (-1, -1, 3)),)
)


def of_picture(bgr: BGR) -> Arrays:
    return {"image": np.ascontiguousarray(bgr[:, :, ::-1])}


def of_pose(pose: BodyPose) -> Arrays:
    nowhere = (0.0, 0.0, 0.0)
    points = np.array([pose.points.get(name, nowhere) for name in KEY_POINTS], np.float32)
    return {"points": points, "mask": np.ascontiguousarray(pose.mask, np.float32)}


def of_parsing(parsing: Parsing) -> Arrays:
    return {"labels": np.ascontiguousarray(parsing.labels)}


def of_garment(garment: Garment) -> Arrays:
    """Raises TryOnError for a garment without its landmarks."""
    names = TROUSER_LANDMARKS if garment.kind is Kind.TROUSERS else UPPER_LANDMARKS
    try:
        landmarks = np.array([garment.landmarks[name] for name in names], np.float32)
    except KeyError as error:
        raise TryOnError(f"The garment {garment.garment_id} lacks its landmark {error}. Add it anew.") from error
    return {
        "garment": np.ascontiguousarray(garment.bgra[:, :, (2, 1, 0, 3)]),
        "landmarks": landmarks,
        "kind": np.array([KINDS.index(garment.kind)], np.int32),
    }
