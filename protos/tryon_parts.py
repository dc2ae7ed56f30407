"""The parts of the virtual mirror's messages: what is known of a body, a garment, a picture. See `protos.tryon`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self, TypeVar

from common.errors import BadMessageError
from protos.tagalong.v1 import tryon_pb2 as pb

K = TypeVar("K", bound=int)
T = TypeVar("T")

GARMENT_ID = re.compile(r"[a-z0-9-]{1,63}")
MAX_POINTS = 128  # MediaPipe names 33
FARTHEST = 10.0  # picture sizes a place may lie outside of the picture
MAX_OUTLINES, MAX_CORNERS = 8, 256
MAX_NAME = 200


class Quality(StrEnum):
    PHOTO = "photo"
    LIVE = "live"


class ImageFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"


QUALITY_TO_PB = {Quality.PHOTO: pb.QUALITY_PHOTO, Quality.LIVE: pb.QUALITY_LIVE}
FORMAT_TO_PB = {ImageFormat.JPEG: pb.IMAGE_FORMAT_JPEG, ImageFormat.PNG: pb.IMAGE_FORMAT_PNG}
_FACING_TO_PB = {"front": pb.FACING_FRONT, "back": pb.FACING_BACK, "side": pb.FACING_SIDE}
_KIND_TO_PB = {
    "top": pb.GARMENT_KIND_TOP,
    "jacket": pb.GARMENT_KIND_JACKET,
    "dress": pb.GARMENT_KIND_DRESS,
    "trousers": pb.GARMENT_KIND_TROUSERS,
}
QUALITY_FROM_PB = {pb.QUALITY_UNSPECIFIED: Quality.PHOTO, **{v: k for k, v in QUALITY_TO_PB.items()}}
FORMAT_FROM_PB = {pb.IMAGE_FORMAT_UNSPECIFIED: ImageFormat.JPEG, **{v: k for k, v in FORMAT_TO_PB.items()}}
_FACING_FROM_PB = {pb.FACING_UNSPECIFIED: "front", **{v: k for k, v in _FACING_TO_PB.items()}}
_KIND_FROM_PB = {v: k for k, v in _KIND_TO_PB.items()}


class Point(NamedTuple):
    """A key point as sent."""

    x: float
    y: float
    confidence: float


@dataclass(frozen=True, slots=True)
class PoseData:
    """One person: key points by MediaPipe's names, mask at the picture's working size."""

    points: Mapping[str, Point]
    mask_png: bytes = field(repr=False)
    people: int = 1
    facing: str = "front"  # front, back, side

    @classmethod
    def from_pb(cls, message: pb.BodyPose) -> Self:
        """Raises BadMessageError for places that no picture can have."""
        if len(message.points) > MAX_POINTS:
            raise BadMessageError(f"pose: {len(message.points)} key points; at most {MAX_POINTS} are taken")
        points = {}
        for each in message.points:
            if not 0 <= each.confidence <= 1.001:  # false for NaN too
                raise BadMessageError(f"pose: key point {each.name[:40]!r} has confidence {each.confidence}")
            points[each.name[:40]] = Point(
                *_place("pose: key point", each.name, each.x, each.y), min(each.confidence, 1.0)
            )
        if message.facing not in _FACING_FROM_PB:
            raise BadMessageError(f"pose: facing {message.facing} is not known")
        return cls(points, message.mask_png, max(1, message.people), _FACING_FROM_PB[message.facing])

    def to_pb(self) -> pb.BodyPose:
        return pb.BodyPose(
            points=[pb.KeyPoint(name=name, x=p.x, y=p.y, confidence=p.confidence) for name, p in self.points.items()],
            mask_png=self.mask_png,
            people=self.people,
            facing=_FACING_TO_PB[self.facing],
        )


@dataclass(frozen=True, slots=True)
class ParsingData:
    """Which area of the body each pixel belongs to, at the picture's working size."""

    labels_png: bytes = field(repr=False)

    @classmethod
    def from_pb(cls, message: pb.BodyParsing) -> Self:
        return cls(message.labels_png)

    def to_pb(self) -> pb.BodyParsing:
        return pb.BodyParsing(labels_png=self.labels_png)


@dataclass(frozen=True, slots=True)
class GarmentData:
    """A whole garment."""

    garment_id: str
    name: str
    kind: str  # top, jacket, dress, trousers
    image_png: bytes = field(repr=False)  # with alpha
    landmarks: Mapping[str, tuple[float, float]]
    inside: tuple[tuple[tuple[float, float], ...], ...] = ()  # outlines of what the wearer's body hides

    @classmethod
    def from_pb(cls, message: pb.Garment) -> Self:
        """Raises BadMessageError for an id that is none, an unknown kind, landmarks that are no places."""
        check_garment_id(message.id)
        if message.kind not in _KIND_FROM_PB:
            raise BadMessageError(f"garment {message.id}: its kind must be one of {', '.join(_KIND_TO_PB)}")
        if len(message.landmarks) > MAX_POINTS:
            raise BadMessageError(f"garment {message.id}: more than {MAX_POINTS} landmarks")
        landmarks = {
            each.name[:40]: _place(f"garment {message.id}: landmark", each.name, each.x, each.y)
            for each in message.landmarks
        }
        if len(message.inside) > MAX_OUTLINES or any(len(each.xy) > 2 * MAX_CORNERS for each in message.inside):
            raise BadMessageError(f"garment {message.id}: at most {MAX_OUTLINES} outlines of {MAX_CORNERS} corners")
        inside = tuple(
            tuple(
                _place(f"garment {message.id}: corner", "inside", x, y)
                for x, y in zip(each.xy[::2], each.xy[1::2], strict=False)
            )
            for each in message.inside
        )
        kind = _KIND_FROM_PB[message.kind]
        return cls(message.id, message.name[:MAX_NAME], kind, message.image_png, landmarks, inside)

    def to_pb(self) -> pb.Garment:
        return pb.Garment(
            id=self.garment_id,
            name=self.name,
            kind=_KIND_TO_PB[self.kind],
            image_png=self.image_png,
            landmarks=[pb.Landmark(name=name, x=x, y=y) for name, (x, y) in self.landmarks.items()],
            inside=[pb.Outline(xy=[value for corner in outline for value in corner]) for outline in self.inside],
        )


@dataclass(frozen=True, slots=True)
class StageTimings:
    """Durations on the node in seconds; 0: not done there."""

    queue_s: float = 0.0
    decode_s: float = 0.0
    pose_s: float = 0.0
    parsing_s: float = 0.0
    try_on_s: float = 0.0
    total_s: float = 0.0

    @classmethod
    def from_pb(cls, message: pb.StageTimings) -> Self:
        return cls(
            message.queue_us / 1e6,
            message.decode_us / 1e6,
            message.pose_us / 1e6,
            message.parsing_us / 1e6,
            message.try_on_us / 1e6,
            message.total_us / 1e6,
        )

    def to_pb(self) -> pb.StageTimings:
        return pb.StageTimings(
            queue_us=us(self.queue_s),
            decode_us=us(self.decode_s),
            pose_us=us(self.pose_s),
            parsing_us=us(self.parsing_s),
            try_on_us=us(self.try_on_s),
            total_us=us(self.total_s),
        )


@dataclass(frozen=True, slots=True)
class Upright:
    """The picture as the node sees it. `image` is empty where the picture as sent is that already."""

    width_px: int
    height_px: int
    image: bytes = field(default=b"", repr=False)

    @classmethod
    def from_pb(cls, message: pb.Upright) -> Self:
        return cls(message.width_px, message.height_px, message.image)

    def to_pb(self) -> pb.Upright:
        return pb.Upright(width_px=self.width_px, height_px=self.height_px, image=self.image)


def check_garment_id(garment_id: str) -> str:
    """Raises BadMessageError: an id is a name, never a path."""
    if not GARMENT_ID.fullmatch(garment_id):
        raise BadMessageError(
            f"garment id {garment_id[:70]!r}: small letters, digits and hyphens only, 1 to 63 of them"
        )
    return garment_id


def _place(what: str, name: str, x: float, y: float) -> tuple[float, float]:
    if not (-FARTHEST <= x <= 1 + FARTHEST and -FARTHEST <= y <= 1 + FARTHEST):  # false for NaN too
        raise BadMessageError(f"{what} {name[:40]!r} lies at ({x}, {y}), which is no place in a picture")
    return x, y


def known(table: Mapping[K, T], value: K, what: str) -> T:
    if value not in table:
        raise BadMessageError(f"{what} {value} is not known")
    return table[value]


def us(seconds: float) -> int:
    return max(0, round(seconds * 1e6))


def ms(seconds: float) -> int:
    return max(0, round(seconds * 1e3))
