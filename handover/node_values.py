"""What a mirror or a robot asks of try-on nodes, and what comes back."""

from dataclasses import dataclass, field
from enum import StrEnum

from common.errors import LinkError
from protos.tryon import ImageFormat, ParsingData, PoseData, StageTimings


class NoNodeError(LinkError):
    """No node does this now: none was found, or all that were asked failed. Says which and why."""


class NewsKind(StrEnum):
    QUEUED = "queued"
    WORKING = "working"
    RETRYING = "retrying"  # another node is asked; `text` says why


@dataclass(frozen=True, slots=True)
class ProgressNews:
    """Something to show while a request is under way. `text` is a sentence for the person (plain text, no markup)."""

    kind: NewsKind
    text: str
    node: str  # id of the node that is asked
    share: float = 0.0  # 0..1
    queue_place: int = 0  # 1: next; 0: not waiting
    queue_length: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of a picture before anything is tried on."""

    image: bytes = field(repr=False)  # upright, of working size: show this one as "before", and give it to `try_on`
    width_px: int
    height_px: int
    pose: PoseData  # .points, .people, .facing, .mask_png
    parsing: ParsingData  # .labels_png, values of edge_server.tryon.values.Area
    node: str
    timings: StageTimings


@dataclass(frozen=True, slots=True)
class TryOnResult:
    """The person dressed."""

    image: bytes = field(repr=False)
    format: ImageFormat
    width_px: int
    height_px: int
    node: str  # that was asked last
    engine: str
    timings: StageTimings
    took_s: float  # as seen from here, retries included
    tries: int = 1  # nodes that were asked
    pose: PoseData | None = None  # with want_body
    parsing: ParsingData | None = None
