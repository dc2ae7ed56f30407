"""The values that cross the wire, as frozen dataclasses; protobuf stays in the `from_pb`/`to_pb` of this file.

Boxes are normalised to the frame: 0..1, origin top left. Times are durations in seconds; `capture_ns` is the robot's
own monotonic clock and only ever echoed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from common.errors import BadMessageError
from protos.tagalong.v1 import offload_pb2 as pb

RGB = tuple[int, int, int]
Points = tuple[tuple[float, float], ...]

MAX_POINTS = 16  # of one detection; a face has six
POINT_MARGIN = 1.0
# How far outside the frame a point may lie, in frames: a face that the edge cuts has points beyond it, but not by more
# than its own size.


class Outcome(StrEnum):
    """What became of a frame that was sent: exactly one of these."""

    RESULT = "result"
    SUPERSEDED = "superseded"  # a newer frame took its place
    REJECTED = "rejected"  # the server was full, or could not use the image
    EXPIRED = "expired"  # its budget passed before it could be served
    LOST = "lost"  # nobody answered; only ever decided by the robot


_OUTCOME_FROM_PB = {
    pb.OUTCOME_RESULT: Outcome.RESULT,
    pb.OUTCOME_SUPERSEDED: Outcome.SUPERSEDED,
    pb.OUTCOME_REJECTED: Outcome.REJECTED,
    pb.OUTCOME_EXPIRED: Outcome.EXPIRED,
    pb.OUTCOME_INVALID: Outcome.REJECTED,
}
_OUTCOME_TO_PB = {
    Outcome.RESULT: pb.OUTCOME_RESULT,
    Outcome.SUPERSEDED: pb.OUTCOME_SUPERSEDED,
    Outcome.REJECTED: pb.OUTCOME_REJECTED,
    Outcome.EXPIRED: pb.OUTCOME_EXPIRED,
}


class Encoding(StrEnum):
    JPEG = "jpeg"
    PNG = "png"


_ENCODING_TO_PB = {Encoding.JPEG: pb.ENCODING_JPEG, Encoding.PNG: pb.ENCODING_PNG}
_ENCODING_FROM_PB = {pb.ENCODING_UNSPECIFIED: Encoding.JPEG, **{v: k for k, v in _ENCODING_TO_PB.items()}}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in a frame, normalised."""

    x: float
    y: float
    w: float
    h: float

    @property
    def cx(self) -> float:
        return self.x + self.w / 2

    @property
    def cy(self) -> float:
        return self.y + self.h / 2

    @property
    def area(self) -> float:
        return self.w * self.h

    @property
    def is_sane(self) -> bool:
        """Finite, not empty, and inside the frame but for rounding."""
        values = (self.x, self.y, self.w, self.h)
        slack = 1e-3
        return (
            all(math.isfinite(v) for v in values)
            and self.w > 0
            and self.h > 0
            and self.x >= -slack
            and self.y >= -slack
            and self.x + self.w <= 1 + slack
            and self.y + self.h <= 1 + slack
        )

    def iou(self, other: "Box") -> float:
        """Intersection over union, 0..1."""
        across = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        down = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        if across <= 0 or down <= 0:
            return 0.0
        both = across * down
        return both / (self.area + other.area - both)

    def clipped(self) -> "Box":
        """The part inside the frame (may be empty)."""
        x0, y0 = min(max(self.x, 0.0), 1.0), min(max(self.y, 0.0), 1.0)
        x1, y1 = min(max(self.x + self.w, 0.0), 1.0), min(max(self.y + self.h, 0.0), 1.0)
        return Box(x0, y0, x1 - x0, y1 - y0)


def sane_points(points: Sequence[tuple[float, float]]) -> Points:
    """The points as they are, or none at all when there are too many or one of them is nowhere near the frame.

    A detection without points is worth having; one with wrong points is not.
    """
    near = all(-POINT_MARGIN <= value <= 1 + POINT_MARGIN for point in points for value in point)  # NaN is a no
    return tuple(points) if near and len(points) <= MAX_POINTS else ()


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in a frame."""

    label: str
    score: float  # 0..1
    box: Box
    mean_rgb: RGB = (0, 0, 0)  # mean colour of the box's centre
    points: Points = ()  # x, y, normalised; of a face in the order of `protos.face_points`; may lie outside the box

    @classmethod
    def from_pb(cls, message: pb.Box) -> Self:
        """Raises BadMessageError for a box or score that no frame can hold (NaN, outside 0..1).

        Points that make no sense are left out: what a server says beside the box must not hide a person.
        """
        box = Box(message.x, message.y, message.w, message.h)
        if not box.is_sane or not (math.isfinite(message.score) and 0 <= message.score <= 1.001):
            raise BadMessageError(f"{message.label or 'a detection'} has score {message.score} and {box}")
        colour = message.mean_rgb
        rgb = (colour >> 16 & 255, colour >> 8 & 255, colour & 255)
        return cls(message.label, message.score, box, rgb, _points_from_pb(message.points))

    def to_pb(self) -> pb.Box:
        red, green, blue = self.mean_rgb
        return pb.Box(
            label=self.label,
            score=self.score,
            x=self.box.x,
            y=self.box.y,
            w=self.box.w,
            h=self.box.h,
            mean_rgb=red << 16 | green << 8 | blue,
            points=[value for point in self.points for value in point],
        )


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each step took on the server, in seconds. `total_s`: arrival of the frame to the answer leaving."""

    queue_s: float = 0.0
    decode_s: float = 0.0
    inference_s: float = 0.0
    total_s: float = 0.0

    @classmethod
    def from_pb(cls, message: pb.Timings) -> Self:
        return cls(message.queue_us / 1e6, message.decode_us / 1e6, message.inference_us / 1e6, message.total_us / 1e6)

    def to_pb(self) -> pb.Timings:
        return pb.Timings(
            queue_us=_us(self.queue_s),
            decode_us=_us(self.decode_s),
            inference_us=_us(self.inference_s),
            total_us=_us(self.total_s),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """How full a server is."""

    streams: int = 0
    capacity: int = 0
    busy: float = 0.0  # 0..1, share of worker time used of late

    @classmethod
    def from_pb(cls, message: pb.Load) -> Self:
        return cls(message.streams, message.capacity, message.busy if math.isfinite(message.busy) else 1.0)

    def to_pb(self) -> pb.Load:
        return pb.Load(streams=self.streams, capacity=self.capacity, busy=self.busy)


@dataclass(frozen=True, slots=True)
class StreamOpen:
    """What a robot asks of a stream."""

    robot_id: str
    tasks: tuple[str, ...]
    max_results: int = 0  # for each task; 0: no limit
    labels: tuple[str, ...] = ()  # of `tasks`, keep only these; empty: all
    extra_tasks: tuple[str, ...] = ()  # looked for too where offered; an answer with nothing else is none

    @classmethod
    def from_pb(cls, message: pb.StreamOpen) -> Self:
        tasks, labels, extra_tasks = tuple(message.tasks), tuple(message.labels), tuple(message.extra_tasks)
        return cls(message.robot_id, tasks, message.max_results, labels, extra_tasks)

    def to_pb(self) -> pb.StreamOpen:
        return pb.StreamOpen(
            robot_id=self.robot_id,
            tasks=self.tasks,
            max_results=self.max_results,
            labels=self.labels,
            extra_tasks=self.extra_tasks,
        )


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame on its way to a server."""

    number: int
    capture_ns: int
    image: bytes = field(repr=False)
    width_px: int
    height_px: int
    budget_s: float = 0.0  # an answer later than this after arrival is of no use; 0: no deadline
    encoding: Encoding = Encoding.JPEG
    truth: tuple[Detection, ...] = ()  # simulator only: what the engine `oracle` answers

    @classmethod
    def from_pb(cls, message: pb.Frame) -> Self:
        """Raises BadMessageError for an unknown encoding or a truth box outside the frame."""
        if message.encoding not in _ENCODING_FROM_PB:
            raise BadMessageError(f"frame {message.number}: encoding {message.encoding} is not known")
        return cls(
            number=message.number,
            capture_ns=message.capture_ns,
            image=message.image,
            width_px=message.width_px,
            height_px=message.height_px,
            budget_s=message.budget_ms / 1e3,
            encoding=_ENCODING_FROM_PB[message.encoding],
            truth=tuple(Detection.from_pb(box) for box in message.truth),
        )

    def to_pb(self) -> pb.Frame:
        return pb.Frame(
            number=self.number,
            capture_ns=self.capture_ns,
            image=self.image,
            width_px=self.width_px,
            height_px=self.height_px,
            budget_ms=round(self.budget_s * 1e3),
            encoding=_ENCODING_TO_PB[self.encoding],
            truth=[detection.to_pb() for detection in self.truth],
        )


@dataclass(frozen=True, slots=True)
class FrameReply:
    """A server's answer to one frame. `outcome` is never LOST here."""

    number: int
    capture_ns: int
    outcome: Outcome
    detections: tuple[Detection, ...] = ()
    timings: Timings = Timings()
    retry_after_s: float = 0.0
    message: str = ""
    load: Load = Load()
    bad_boxes: int = 0  # detections that had to be dropped because no frame can hold them

    @classmethod
    def from_pb(cls, message: pb.FrameResult) -> Self:
        """Raises BadMessageError for an unknown outcome; single impossible boxes are dropped and counted."""
        if message.outcome not in _OUTCOME_FROM_PB:
            raise BadMessageError(f"frame {message.number}: outcome {message.outcome} is not known")
        detections: list[Detection] = []
        for box in message.boxes:
            try:
                detections.append(Detection.from_pb(box))
            except BadMessageError:
                continue
        return cls(
            number=message.number,
            capture_ns=message.capture_ns,
            outcome=_OUTCOME_FROM_PB[message.outcome],
            detections=tuple(detections),
            timings=Timings.from_pb(message.timings),
            retry_after_s=message.retry_after_ms / 1e3,
            message=message.message,
            load=Load.from_pb(message.load),
            bad_boxes=len(message.boxes) - len(detections),
        )

    def to_pb(self) -> pb.FrameResult:
        return pb.FrameResult(
            number=self.number,
            capture_ns=self.capture_ns,
            outcome=_OUTCOME_TO_PB[self.outcome],
            boxes=[detection.to_pb() for detection in self.detections],
            timings=self.timings.to_pb(),
            retry_after_ms=round(self.retry_after_s * 1e3),
            message=self.message,
            load=self.load.to_pb(),
        )


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One thing a server can look for."""

    name: str  # "face", "person", "coco"
    engine: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """Who a server is and what it offers."""

    server_id: str
    version: str
    tasks: tuple[TaskInfo, ...]
    colour_rgb: RGB  # the light a robot shows while served from there
    zone: str
    load: Load
    max_image_px: int

    @classmethod
    def from_pb(cls, message: pb.DescribeReply) -> Self:
        colour = message.colour_rgb
        return cls(
            server_id=message.server_id,
            version=message.version,
            tasks=tuple(TaskInfo(task.name, task.engine, tuple(task.labels)) for task in message.tasks),
            colour_rgb=(colour >> 16 & 255, colour >> 8 & 255, colour & 255),
            zone=message.zone,
            load=Load.from_pb(message.load),
            max_image_px=message.max_image_px,
        )

    def to_pb(self) -> pb.DescribeReply:
        red, green, blue = self.colour_rgb
        return pb.DescribeReply(
            server_id=self.server_id,
            version=self.version,
            tasks=[pb.TaskInfo(name=task.name, engine=task.engine, labels=task.labels) for task in self.tasks],
            colour_rgb=red << 16 | green << 8 | blue,
            zone=self.zone,
            load=self.load.to_pb(),
            max_image_px=self.max_image_px,
        )


def _points_from_pb(values: Sequence[float]) -> Points:
    if len(values) % 2 or len(values) > 2 * MAX_POINTS:
        return ()
    return sane_points(tuple(zip(values[::2], values[1::2], strict=True)))


def _us(seconds: float) -> int:
    return max(0, round(seconds * 1e6))
