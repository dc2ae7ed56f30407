"""What crosses the wire of the virtual mirror, as frozen dataclasses; protobuf stays in `from_pb`/`to_pb`.

Pictures, masks and label maps are files (JPEG, PNG) as bytes: nothing here unpacks them. Numbers are checked here, so
that past this file no place is NaN and no name is a path.
"""

import math
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
MAX_NAME = 200
MAX_USER = 200


class Quality(StrEnum):
    PHOTO = "photo"
    LIVE = "live"


class ImageFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"


_QUALITY_TO_PB = {Quality.PHOTO: pb.QUALITY_PHOTO, Quality.LIVE: pb.QUALITY_LIVE}
_FORMAT_TO_PB = {ImageFormat.JPEG: pb.IMAGE_FORMAT_JPEG, ImageFormat.PNG: pb.IMAGE_FORMAT_PNG}
_FACING_TO_PB = {"front": pb.FACING_FRONT, "back": pb.FACING_BACK, "side": pb.FACING_SIDE}
_KIND_TO_PB = {
    "top": pb.GARMENT_KIND_TOP,
    "jacket": pb.GARMENT_KIND_JACKET,
    "dress": pb.GARMENT_KIND_DRESS,
    "trousers": pb.GARMENT_KIND_TROUSERS,
}
_QUALITY_FROM_PB = {pb.QUALITY_UNSPECIFIED: Quality.PHOTO, **{v: k for k, v in _QUALITY_TO_PB.items()}}
_FORMAT_FROM_PB = {pb.IMAGE_FORMAT_UNSPECIFIED: ImageFormat.JPEG, **{v: k for k, v in _FORMAT_TO_PB.items()}}
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
        kind = _KIND_FROM_PB[message.kind]
        return cls(message.id, message.name[:MAX_NAME], kind, message.image_png, landmarks)

    def to_pb(self) -> pb.Garment:
        return pb.Garment(
            id=self.garment_id,
            name=self.name,
            kind=_KIND_TO_PB[self.kind],
            image_png=self.image_png,
            landmarks=[pb.Landmark(name=name, x=x, y=y) for name, (x, y) in self.landmarks.items()],
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
            queue_us=_us(self.queue_s),
            decode_us=_us(self.decode_s),
            pose_us=_us(self.pose_s),
            parsing_us=_us(self.parsing_s),
            try_on_us=_us(self.try_on_s),
            total_us=_us(self.total_s),
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


@dataclass(frozen=True, slots=True)
class BodyRequest:
    """Of Pose and Parsing: a picture, and the pose where it is known (Parsing only)."""

    image: bytes = field(repr=False)
    user: str = ""
    budget_s: float = 0.0
    quality: Quality = Quality.PHOTO
    pose: PoseData | None = None

    @classmethod
    def from_pb(cls, message: pb.PoseRequest | pb.ParsingRequest) -> Self:
        """Raises BadMessageError."""
        pose = message.pose if isinstance(message, pb.ParsingRequest) and message.HasField("pose") else None
        return cls(
            image=message.image,
            user=message.user[:MAX_USER],
            budget_s=message.budget_ms / 1e3,
            quality=_known(_QUALITY_FROM_PB, message.quality, "quality"),
            pose=PoseData.from_pb(pose) if pose is not None else None,
        )

    def to_pose_pb(self) -> pb.PoseRequest:
        return pb.PoseRequest(
            image=self.image, user=self.user, budget_ms=_ms(self.budget_s), quality=_QUALITY_TO_PB[self.quality]
        )

    def to_parsing_pb(self) -> pb.ParsingRequest:
        return pb.ParsingRequest(
            image=self.image,
            user=self.user,
            budget_ms=_ms(self.budget_s),
            quality=_QUALITY_TO_PB[self.quality],
            pose=self.pose.to_pb() if self.pose else None,
        )


@dataclass(frozen=True, slots=True)
class BodyReply:
    """Of Pose (without parsing) and Parsing."""

    pose: PoseData
    parsing: ParsingData | None
    upright: Upright
    engine: str = ""
    timings: StageTimings = StageTimings()

    @classmethod
    def from_pb(cls, message: pb.PoseReply | pb.ParsingReply) -> Self:
        """Raises BadMessageError."""
        parsing = ParsingData.from_pb(message.parsing) if isinstance(message, pb.ParsingReply) else None
        return cls(
            PoseData.from_pb(message.pose),
            parsing,
            Upright.from_pb(message.upright),
            message.engine,
            StageTimings.from_pb(message.timings),
        )

    def to_pose_pb(self) -> pb.PoseReply:
        return pb.PoseReply(
            pose=self.pose.to_pb(), upright=self.upright.to_pb(), engine=self.engine, timings=self.timings.to_pb()
        )

    def to_parsing_pb(self) -> pb.ParsingReply:
        assert self.parsing is not None
        return pb.ParsingReply(
            parsing=self.parsing.to_pb(),
            pose=self.pose.to_pb(),
            upright=self.upright.to_pb(),
            engine=self.engine,
            timings=self.timings.to_pb(),
        )


@dataclass(frozen=True, slots=True)
class TryOnRequest:
    """A person's picture and a garment, by its id in the node's catalogue or whole."""

    image: bytes = field(repr=False)
    garment: str | GarmentData
    pose: PoseData | None = None  # known already, for the same picture
    parsing: ParsingData | None = None
    quality: Quality = Quality.PHOTO
    format: ImageFormat = ImageFormat.JPEG
    user: str = ""  # among whom to be fair
    budget_s: float = 0.0  # 0: the node's own limit
    want_body: bool = False  # pose and parsing back where the node found them

    @classmethod
    def from_pb(cls, message: pb.TryOnRequest) -> Self:
        """Raises BadMessageError."""
        garment: str | GarmentData
        match message.WhichOneof("garment"):
            case "garment_id":
                garment = check_garment_id(message.garment_id)
            case "whole":
                garment = GarmentData.from_pb(message.whole)
            case _:
                raise BadMessageError("no garment: give the id of one, or a whole one")
        return cls(
            image=message.image,
            garment=garment,
            pose=PoseData.from_pb(message.pose) if message.HasField("pose") else None,
            parsing=ParsingData.from_pb(message.parsing) if message.HasField("parsing") else None,
            quality=_known(_QUALITY_FROM_PB, message.quality, "quality"),
            format=_known(_FORMAT_FROM_PB, message.format, "format"),
            user=message.user[:MAX_USER],
            budget_s=message.budget_ms / 1e3,
            want_body=message.want_body,
        )

    def to_pb(self) -> pb.TryOnRequest:
        message = pb.TryOnRequest(
            image=self.image,
            user=self.user,
            budget_ms=_ms(self.budget_s),
            quality=_QUALITY_TO_PB[self.quality],
            pose=self.pose.to_pb() if self.pose else None,
            parsing=self.parsing.to_pb() if self.parsing else None,
            format=_FORMAT_TO_PB[self.format],
            want_body=self.want_body,
        )
        if isinstance(self.garment, str):
            message.garment_id = self.garment
        else:
            message.whole.CopyFrom(self.garment.to_pb())
        return message


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting for an engine."""

    place: int  # 1: next
    length: int  # how many wait
    step: str = ""


@dataclass(frozen=True, slots=True)
class Working:
    """An engine is at it."""

    share: float  # 0..1 of the whole
    step: str


News = Queued | Working


@dataclass(frozen=True, slots=True)
class TryOnDone:
    """The person dressed."""

    image: bytes = field(repr=False)
    format: ImageFormat
    width_px: int
    height_px: int
    engine: str = ""
    timings: StageTimings = StageTimings()
    pose: PoseData | None = None
    parsing: ParsingData | None = None
    upright: Upright | None = None
    node: str = ""  # id of the node whose engine made it


def reply_from_pb(message: pb.TryOnReply) -> Queued | Working | TryOnDone | None:
    """None for a kind that is not known here. Raises BadMessageError."""
    match message.WhichOneof("kind"):
        case "queued":
            return Queued(message.queued.place, message.queued.length, message.queued.step)
        case "working":
            share = message.working.share
            return Working(min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0, message.working.step)
        case "result":
            done = message.result
            return TryOnDone(
                image=done.image,
                format=_known(_FORMAT_FROM_PB, done.format, "format"),
                width_px=done.width_px,
                height_px=done.height_px,
                engine=done.engine,
                timings=StageTimings.from_pb(done.timings),
                pose=PoseData.from_pb(done.pose) if done.HasField("pose") else None,
                parsing=ParsingData.from_pb(done.parsing) if done.HasField("parsing") else None,
                upright=Upright.from_pb(done.upright) if done.HasField("upright") else None,
                node=done.node,
            )
    return None


def reply_to_pb(reply: Queued | Working | TryOnDone) -> pb.TryOnReply:
    match reply:
        case Queued():
            return pb.TryOnReply(queued=pb.Queued(place=reply.place, length=reply.length, step=reply.step))
        case Working():
            return pb.TryOnReply(working=pb.Working(share=reply.share, step=reply.step))
        case TryOnDone():
            return pb.TryOnReply(
                result=pb.TryOnResult(
                    image=reply.image,
                    format=_FORMAT_TO_PB[reply.format],
                    width_px=reply.width_px,
                    height_px=reply.height_px,
                    engine=reply.engine,
                    timings=reply.timings.to_pb(),
                    pose=reply.pose.to_pb() if reply.pose else None,
                    parsing=reply.parsing.to_pb() if reply.parsing else None,
                    upright=reply.upright.to_pb() if reply.upright else None,
                    node=reply.node,
                )
            )


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


def _known(table: Mapping[K, T], value: K, what: str) -> T:
    if value not in table:
        raise BadMessageError(f"{what} {value} is not known")
    return table[value]


def _us(seconds: float) -> int:
    return max(0, round(seconds * 1e6))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1e3))
