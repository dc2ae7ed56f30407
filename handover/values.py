"""The plain values of the handover: servers, what happens to them, and what is to be done about it.

Events go into `handover.core.HandoverCore` with their time, actions come out. Times are seconds on one monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

from protos.messages import RGB, EncodedFrame, FrameReply, Load, Outcome


class ServerKind(StrEnum):
    NATIVE = "native"  # tagalong.v1.Offload
    LIQUIDEDGE = "liquidedge"  # the demonstrator's ObjectDetection service


class Source(StrEnum):
    """Who says that a server exists. A server is one server however often it is seen."""

    ZEROCONF = "zeroconf"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class Server:
    """A server as announced. Being announced says nothing about being alive."""

    server_id: str
    address: str  # host:port
    tasks: tuple[str, ...] = ()  # empty: not known yet
    kind: ServerKind = ServerKind.NATIVE
    colour_rgb: RGB = (255, 255, 255)
    zone: str = ""  # "onboard" is chosen last
    capacity: int = 0
    version: str = ""
    tls_fingerprint: str = ""


class Reason(StrEnum):
    """Why the robot moved to another server."""

    FIRST = "first"  # there was none before
    BETTER = "better"  # planned: another one is predicted to answer sooner
    GOING_AWAY = "going_away"  # planned: the server said that it stops
    REJECTED = "rejected"  # planned: the server is full
    LINK_LOST = "link_lost"  # failover: the stream broke
    SILENT = "silent"  # failover: answers stayed out
    MANUAL = "manual"

    @property
    def is_failover(self) -> bool:
        return self in (Reason.LINK_LOST, Reason.SILENT)


# ---- actions: what the shell is asked to do ----


@dataclass(frozen=True, slots=True)
class Connect:
    """Open channel and stream, ask Describe; then report `link_up` or `link_down`."""

    server: Server


@dataclass(frozen=True, slots=True)
class Disconnect:
    server_id: str


@dataclass(frozen=True, slots=True)
class Send:
    """Put this frame on that server's stream now. The same frame may go to two servers (a hedge)."""

    server_id: str
    frame: EncodedFrame
    hedge: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """Send one Offload.Probe; report `probe_answered` or `probe_lost` with this number."""

    server_id: str
    probe: int
    timeout_s: float
    padding_bytes: int = 0  # as large as a frame, so that the probe takes as long on the path as a frame would


@dataclass(frozen=True, slots=True)
class Deliver:
    """The first answer to a frame: to the tracker. Later answers to the same frame are never delivered."""

    server_id: str
    reply: FrameReply
    rtt_s: float  # from the frame's sending to its answer, robot's clock
    sent_s: float


@dataclass(frozen=True, slots=True)
class Moved:
    """The active server changed (None: there is none). `gap_s` follows in `MoveCompleted`."""

    at_s: float
    from_id: str | None
    to_id: str | None
    reason: Reason
    to_server: Server | None = None


@dataclass(frozen=True, slots=True)
class MoveCompleted:
    """The first result after a move came. Gap: last result before the move to the first one after it."""

    moved: Moved
    gap_s: float


Action = Connect | Disconnect | Send | Probe | Deliver | Moved | MoveCompleted


@dataclass(frozen=True, slots=True)
class ServerView:
    """What is known of one server at one moment: what a policy decides on, and what pages and logs show."""

    server: Server
    connected: bool
    usable: bool  # connected, offers the task, not serving a penalty, not going away
    is_active: bool
    is_standby: bool
    cost_s: float  # predicted time from sending a frame to its result, high quantile; inf when not known
    rtt_p50_s: float  # of probes or frames; nan when not known
    loss: float  # 0..1 of late probes
    level_dbm: float  # radio; nan when there is none
    quality: float  # radio, 0..100; nan when there is none
    load: Load
    penalty_until_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Every frame that was sent has exactly one outcome. `unaccounted` is 0 once all are settled."""

    sent: int
    pending: int
    outcomes: dict[Outcome, int]
    hedged: int = 0
    late: int = 0  # answers to frames that were settled before; not an outcome
    unsent: int = 0  # offered while there was no server or no room; never sent, so without an outcome
    overtaken: int = 0  # among the results: came after the result of a newer frame, so not delivered

    @property
    def unaccounted(self) -> int:
        return self.sent - self.pending - sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class Notice:
    """For a person to know, for no code to act on: two servers with one id, a server that answers garbage."""

    at_s: float
    server_id: str
    text: str
