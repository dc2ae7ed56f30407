"""What crosses the wire of the virtual mirror, as frozen dataclasses; protobuf stays in `from_pb`/`to_pb`.

Pictures, masks and label maps are files (JPEG, PNG) as bytes: nothing here unpacks them. Numbers are checked here and
in `tryon_parts`, so that past these files no place is NaN and no name is a path.
"""

import math
from dataclasses import dataclass, field
from typing import Self

from common.errors import BadMessageError
from protos.tagalong.v1 import tryon_pb2 as pb
from protos.tryon_parts import (
    FORMAT_FROM_PB,
    FORMAT_TO_PB,
    QUALITY_FROM_PB,
    QUALITY_TO_PB,
    GarmentData,
    ImageFormat,
    ParsingData,
    Point,
    PoseData,
    Quality,
    StageTimings,
    Upright,
    check_garment_id,
    known,
    ms,
)

__all__ = [
    "BodyReply",
    "BodyRequest",
    "GarmentData",
    "ImageFormat",
    "News",
    "ParsingData",
    "Point",
    "PoseData",
    "Quality",
    "Queued",
    "StageTimings",
    "TryOnDone",
    "TryOnRequest",
    "Upright",
    "Working",
    "reply_from_pb",
    "reply_to_pb",
]

MAX_USER = 200


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
            quality=known(QUALITY_FROM_PB, message.quality, "quality"),
            pose=PoseData.from_pb(pose) if pose is not None else None,
        )

    def to_pose_pb(self) -> pb.PoseRequest:
        return pb.PoseRequest(
            image=self.image, user=self.user, budget_ms=ms(self.budget_s), quality=QUALITY_TO_PB[self.quality]
        )

    def to_parsing_pb(self) -> pb.ParsingRequest:
        return pb.ParsingRequest(
            image=self.image,
            user=self.user,
            budget_ms=ms(self.budget_s),
            quality=QUALITY_TO_PB[self.quality],
            pose=self.pose.to_pb() if self.pose else None,
        )


@dataclass(frozen=True, slots=True)
class BodyReply:
    """Of Pose (without parsing) and Parsing."""

    pose: PoseData
    parsing: ParsingData | None
    upright: Upright
    engine: str = ""
    timings: StageTimings = field(default_factory=StageTimings)

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
    user: str = ""  # one line in the queue for each user: a session's key, no name
    budget_s: float = 0.0  # 0: as long as who is asked allows
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
            quality=known(QUALITY_FROM_PB, message.quality, "quality"),
            format=known(FORMAT_FROM_PB, message.format, "format"),
            user=message.user[:MAX_USER],
            budget_s=message.budget_ms / 1e3,
            want_body=message.want_body,
        )

    def to_pb(self) -> pb.TryOnRequest:
        message = pb.TryOnRequest(
            image=self.image,
            user=self.user,
            budget_ms=ms(self.budget_s),
            quality=QUALITY_TO_PB[self.quality],
            pose=self.pose.to_pb() if self.pose else None,
            parsing=self.parsing.to_pb() if self.parsing else None,
            format=FORMAT_TO_PB[self.format],
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
    timings: StageTimings = field(default_factory=StageTimings)
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
                format=known(FORMAT_FROM_PB, done.format, "format"),
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
                    format=FORMAT_TO_PB[reply.format],
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
