"""Everything the core keeps about one server."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from handover.config import HandoverConfig
from handover.policies.base import ONBOARD
from handover.quality import Quality
from handover.suspicion import RoundTrip, Silence
from handover.values import Server, ServerView
from handover.waits import GrowingWait

STRIKE_S = 10.0  # impossible answers are forgotten after this
RECONNECT_FORGIVE_S = 5.0  # a link that held for this long was a good one


class Link(Enum):
    DOWN = auto()
    CONNECTING = auto()
    UP = auto()


@dataclass(slots=True)
class ProbeState:
    """At most one probe is under way."""

    due_s: float
    number: int | None = None  # under way
    sent_s: float = 0.0
    lost_in_a_row: int = 0


@dataclass(slots=True)
class Peer:
    """One server, as this robot has got to know it. Times are steady time."""

    server: Server
    config: HandoverConfig
    tasks: tuple[str, ...]  # what the robot needs
    quality: Quality
    round_trip: RoundTrip
    penalty: GrowingWait
    reconnect: GrowingWait
    probe: ProbeState
    silence: Silence = field(default_factory=Silence)
    link: Link = Link.DOWN
    linked_s: float = 0.0  # since when the link is in that state
    going_away: bool = False
    proven: bool = True  # False from a failure until it answers a probe (half-open)
    rejected_until_s: float = float("-inf")
    heard_s: float = float("-inf")  # last sign of life
    in_flight: dict[int, float] = field(default_factory=dict)  # frame -> sent, not answered by this server
    useless_in_a_row: int = 0  # answers without a result
    strikes_s: deque[float] = field(default_factory=deque)

    @classmethod
    def new(cls, now_s: float, server: Server, config: HandoverConfig, tasks: tuple[str, ...]) -> "Peer":
        penalty = config.penalty
        return cls(
            server=server,
            config=config,
            tasks=tasks,
            quality=Quality(config.quality),
            round_trip=RoundTrip(config.suspicion),
            penalty=GrowingWait(penalty.first_s, penalty.cap_s, penalty.forgive_s),
            reconnect=GrowingWait(config.reconnect_first_s, config.reconnect_cap_s, RECONNECT_FORGIVE_S),
            probe=ProbeState(due_s=now_s),
        )

    @property
    def server_id(self) -> str:
        return self.server.server_id

    @property
    def is_onboard(self) -> bool:
        return self.server.zone == ONBOARD

    @property
    def serves(self) -> bool:
        """Offers what the robot needs, as far as known."""
        return not self.server.tasks or set(self.tasks) <= set(self.server.tasks)

    @property
    def is_measured(self) -> bool:
        """At least one probe was answered or lost."""
        return self.quality.has_probes or self.probe.lost_in_a_row > 0

    def is_fresh(self, now_s: float) -> bool:
        """It gave a sign of life within two probe intervals."""
        return now_s - self.heard_s <= 2 * self.config.probe_interval_s + self.config.probe_timeout_s

    def barred_until_s(self) -> float:
        return max(self.penalty.until_s, self.rejected_until_s)

    def can_serve(self, now_s: float) -> bool:
        """Would answer if asked now; a penalty does not count. What there is to fall back on."""
        return (
            self.link is Link.UP
            and self.serves
            and self.proven
            and not self.going_away
            and now_s >= self.rejected_until_s
            and self.is_fresh(now_s)
        )

    def is_usable(self, now_s: float) -> bool:
        return self.can_serve(now_s) and now_s >= self.penalty.until_s

    def has_room(self, now_s: float) -> bool:
        return len(self.in_flight) < self.config.window and now_s >= self.rejected_until_s

    def sent(self, now_s: float, number: int) -> None:
        self.in_flight[number] = now_s
        self.silence.sent(now_s)

    def heard(self, now_s: float) -> None:
        self.heard_s = now_s

    def answered(self, now_s: float, number: int) -> None:
        self.in_flight.pop(number, None)
        self.heard_s = now_s
        self.proven = True
        self.silence.heard(now_s, bool(self.in_flight))

    def give_up_frames(self, now_s: float) -> None:
        """Frames that this server will not answer any more make room again, and count as that slow."""
        oldest_s = now_s - self.config.deadline_s
        while self.in_flight:
            number, sent_s = next(iter(self.in_flight.items()))
            if sent_s > oldest_s:
                return
            del self.in_flight[number]
            self.quality.frame(now_s, self.config.deadline_s)

    def strike(self, now_s: float) -> bool:
        """An impossible answer; True when it was one too many."""
        self.strikes_s.append(now_s)
        while self.strikes_s[0] < now_s - STRIKE_S:
            self.strikes_s.popleft()
        return len(self.strikes_s) >= self.config.strikes

    def failed(self, now_s: float) -> None:
        """It let the robot down: leave it alone for a while, and have it prove itself before it is used again."""
        self.penalty.fail(now_s)
        self.reconnect.fail(now_s)
        self.proven = False
        self.quality.forget()
        self.silence.clear()
        self.strikes_s.clear()
        self.useless_in_a_row = 0

    def link_is(self, now_s: float, link: Link) -> None:
        self.link = link
        self.linked_s = now_s
        self.going_away = False
        self.useless_in_a_row = 0
        if link is Link.UP:
            self.heard_s = now_s
            self.proven = True
            self.probe.lost_in_a_row = 0
        else:
            self.in_flight.clear()
            self.silence.clear()

    def view(self, now_s: float, active: bool, standby: bool, cost_s: float) -> ServerView:
        quality = self.quality
        return ServerView(
            server=self.server,
            connected=self.link is Link.UP,
            usable=self.is_usable(now_s),
            is_active=active,
            is_standby=standby,
            cost_s=cost_s,
            rtt_p50_s=quality.rtt_p50_s(now_s),
            loss=quality.loss(now_s),
            level_dbm=quality.level_dbm,
            quality=quality.quality,
            load=quality.load,
            penalty_until_s=self.barred_until_s(),
        )
