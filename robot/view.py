"""What of a running robot can be seen from outside: one frozen value at a time, for pages and terminals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from handover.values import Counts, ServerView
from robot.decision import Decision
from robot.mirror_view import MirrorView
from robot.states import State
from robot.values import Key, Light, Odometry, Track


@dataclass(frozen=True, slots=True)
class AgentView:
    """The robot at one moment. Nothing in it changes any more."""

    time_s: float  # the robot's monotonic clock
    robot_id: str
    label: str  # what is looked for
    state: State
    light: Light
    jpeg: bytes = field(default=b"", repr=False)  # newest picture as sent; empty before the first
    tracks: tuple[Track, ...] = ()
    target_id: int | None = None  # track_id of the target among `tracks`
    decision: Decision | None = None
    odometry: Odometry | None = None
    servers: tuple[ServerView, ...] = ()
    counts: Counts | None = None
    camera_fps: float = 0.0
    result_fps: float = 0.0
    rtt_s: float = float("nan")  # of the newest result
    safety_stops: int = 0
    mirror: MirrorView | None = None
    watcher_failures: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by watcher and call


class Watched(Protocol):
    """What a page asks of the robot."""

    def view(self) -> AgentView: ...

    def press(self, key: Key) -> None:
        """As if the key had been pressed on the robot's own keyboard."""
        ...


@runtime_checkable
class Mirroring(Protocol):
    """What a page asks of a robot that can show people wearing something else, besides."""

    def choose(self, garment: str) -> None:
        """The id of the garment that the key `mirror` puts on; an unknown one changes nothing."""
        ...
