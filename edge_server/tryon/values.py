"""The plain values of try-on, and what its three engines look like. Knows nothing of gRPC.

Pictures are BGR, uint8, (height, width, 3). Places are normalised to the picture, 0..1, origin top left; they may lie
outside it. Left and right are the person's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from protos.tryon_errors import CancelledTryOn as CancelledTryOn
from protos.tryon_errors import NoPersonError as NoPersonError
from protos.tryon_errors import TryOnError as TryOnError

BGR = NDArray[np.uint8]
BGRA = NDArray[np.uint8]  # (height, width, 4)
Progress = Callable[[float, str], None]  # 0..1 and what is being done; may raise CancelledTryOn
XY = tuple[float, float]


class KeyPoint(NamedTuple):
    """One named place of a body."""

    x: float
    y: float
    confidence: float  # 0..1: that it is where it is said to be, and in view


# fmt: off
KEY_POINTS = (  # MediaPipe's 33, in its order
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb",
    "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_foot_index", "right_foot_index",
)
# fmt: on


class Facing(StrEnum):
    """Which side of the person the camera sees."""

    FRONT = "front"
    BACK = "back"
    SIDE = "side"


@dataclass(frozen=True, slots=True)
class BodyPose:
    """One person; the largest in the picture. `points` by the names in `KEY_POINTS`."""

    points: Mapping[str, KeyPoint]
    mask: NDArray[np.float32] = field(repr=False)  # (height, width) of the picture, 0..1: how surely it is the person
    people: int = 1  # seen in the picture
    facing: Facing = Facing.FRONT


class Area(IntEnum):
    """Values of a label map."""

    BACKGROUND = 0
    HAIR = 1
    FACE = 2
    NECK = 3
    TORSO = 4  # with what is worn on it, without sleeves
    LEFT_UPPER_ARM = 5  # with its sleeve
    RIGHT_UPPER_ARM = 6
    LEFT_LOWER_ARM = 7
    RIGHT_LOWER_ARM = 8
    LEFT_HAND = 9
    RIGHT_HAND = 10
    LEGS = 11


@dataclass(frozen=True, slots=True)
class Parsing:
    """Which area of the body each pixel belongs to."""

    labels: NDArray[np.uint8] = field(repr=False)  # (height, width) of `Area`


class Kind(StrEnum):
    """What a garment is."""

    TOP = "top"
    JACKET = "jacket"
    DRESS = "dress"
    TROUSERS = "trousers"


# Landmarks of a garment, as it lies flat and is looked at: its own left is the wearer's left, which is on the right of
# the picture. Tops, jackets and dresses have the first row, trousers the second. Without sleeves, `sleeve_outer`
# lies at the shoulder and `sleeve_inner` at the armpit.
UPPER_LANDMARKS = (
    "neck_left", "neck_right", "shoulder_left", "shoulder_right", "armpit_left", "armpit_right",
    "sleeve_outer_left", "sleeve_outer_right", "sleeve_inner_left", "sleeve_inner_right",
    "waist_left", "waist_right", "hem_left", "hem_right", "neck_front",
)  # fmt: skip
TROUSER_LANDMARKS = (
    "waist_left", "waist_right", "hip_left", "hip_right", "crotch",
    "knee_outer_left", "knee_outer_right", "knee_inner_left", "knee_inner_right",
    "hem_outer_left", "hem_outer_right", "hem_inner_left", "hem_inner_right",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Garment:
    """A garment laid flat."""

    garment_id: str  # [a-z0-9-]{1,63}
    name: str
    kind: Kind
    bgra: BGRA = field(repr=False)
    landmarks: Mapping[str, XY]  # all of its kind's, normalised to `bgra`
    inside: tuple[tuple[XY, ...], ...] = ()
    # Outlines, normalised to `bgra`, of what the wearer's body hides: the back seen through the neck, the lining
    # between open fronts. Opaque in the picture, to be left out when the garment is worn.


@dataclass(frozen=True, slots=True)
class Person:
    """Everything known of the person to be dressed."""

    bgr: BGR = field(repr=False)
    pose: BodyPose
    parsing: Parsing


class PoseEngine(Protocol):
    name: str

    def pose(self, bgr: BGR) -> BodyPose:
        """Of the largest person. Raises NoPersonError. Called in a worker thread, one call at a time."""
        ...

    def close(self) -> None: ...


class ParsingEngine(Protocol):
    name: str

    def parse(self, bgr: BGR, pose: BodyPose) -> Parsing:
        """Called in a worker thread, one call at a time. Raises TryOnError."""
        ...

    def close(self) -> None: ...


class TryOnEngine(Protocol):
    name: str

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        """The person dressed, same size. `progress` is called several times and stops the work by raising.

        Called in a worker thread, one call at a time. Raises TryOnError (a kind that does not fit what is seen of the
        body, for one).
        """
        ...

    def close(self) -> None: ...
