"""Nodes that try garments on: found and chosen by the handover, asked, and left for the next best when they fail."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from common.errors import BadImageError, LinkError, TagalongError
from handover.config import HandoverConfig
from handover.values import ServerView
from protos.tryon import (
    GarmentData,
    ImageFormat,
    ParsingData,
    PoseData,
    Quality,
    StageTimings,
)

__all__ = [
    "BadImageError",
    "BusyError",
    "CannotDressError",
    "GarmentData",
    "ImageFormat",
    "NewsKind",
    "NoNodeError",
    "Nodes",
    "ParsingData",
    "PoseData",
    "Prepared",
    "ProgressNews",
    "Quality",
    "TooLateError",
    "TryOnRequest",
    "TryOnResult",
]


class CannotDressError(TagalongError):
    """This person, picture or garment cannot be dressed: no other node helps. The message is for the person."""


class NoNodeError(LinkError):
    """No node does this now: none was found, or all that were asked failed. Says which and why."""


class BusyError(LinkError):
    """All nodes are full."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLateError(LinkError, TimeoutError):
    """The budget passed before an answer came."""


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
class TryOnRequest:
    """A picture and a garment: the id of one in the nodes' catalogues, or a whole one."""

    image: bytes = field(repr=False)
    garment: str | GarmentData
    pose: PoseData | None = None  # of Prepared; without both the node finds them itself
    parsing: ParsingData | None = None
    quality: Quality = Quality.PHOTO
    format: ImageFormat = ImageFormat.JPEG
    user: str = ""  # one line in the queue for each user: a session's key, no name
    budget_s: float = 30.0
    want_body: bool = False  # pose and parsing back with the result


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


class Nodes:
    """All nodes in reach. Made anywhere; used inside one event loop."""

    def __init__(self, config: HandoverConfig, name: str) -> None:
        """`name`: of this mirror, for the nodes' logs."""
        self._config = config
        self._name = name

    async def run(self) -> None:
        """Find and measure nodes until cancelled; a supervised job. The methods below work while it runs."""
        await asyncio.Event().wait()

    def views(self) -> list[ServerView]:
        """What is known of each node that offers try-on, the active one first."""
        return []

    async def prepare(self, image: bytes, user: str = "", budget_s: float = 15.0) -> Prepared:
        """Pose and body areas of a picture.

        Raises BadImageError, CannotDressError (nobody to be seen), NoNodeError, BusyError, TooLateError.
        """
        raise NotImplementedError

    async def try_on(self, request: TryOnRequest, on_progress: Callable[[ProgressNews], None]) -> TryOnResult:
        """Dress the person. `on_progress` must not block. Cancelling the caller's task cancels the work.

        Raises BadImageError, CannotDressError (also: no such garment, wrong kind), NoNodeError,
        BusyError, TooLateError.
        """
        raise NotImplementedError
