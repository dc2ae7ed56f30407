"""What the preview shows: one frozen value at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.publisher import Letter
from protos.messages import Box


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture that a server has answered: only of such a one is it known where the faces are."""

    capture_s: float  # on the clock of time.monotonic
    jpeg: bytes = field(repr=False)
    found: tuple[Box, ...] = ()  # every face in it, also one that was never seen before
    lost: tuple[Box, ...] = ()  # where faces are believed to be that were seen lately and not in this picture


@dataclass(frozen=True, slots=True)
class Shown:
    """A camera at one moment."""

    jpeg: bytes = field(default=b"", repr=False)  # newest picture, as sent to servers; empty before the first
    faces: tuple[Box, ...] = ()  # in the newest answered picture
    looked: Looked | None = None  # the newest answered picture; what is hidden is hidden in it
    edge: str = ""  # id of the server that finds faces; empty when there is none
    counts: Mapping[str, int] = field(default_factory=dict)  # of the publisher, by outcome
    waiting: int = 0  # crops that the broker does not have yet
    broker_problem: str = "not connected yet"  # empty when all is well
    newest: tuple[Letter, ...] = ()  # the last crops chosen, newest last
