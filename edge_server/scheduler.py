"""Which frame is served next. Pure: events come in with their time, decisions go out; no clock, threads or sockets.

- One mailbox (slot of 1) a stream: a newer frame takes the place of the one that waits (`superseded`).
- A lane is one engine: at most one batch in service. A ticket that wants two lanes is settled when both are done.
- Extra tasks come along: one whose lane has not begun when the others are done is left out, and alone they are nothing.
- Fair rounds: a robot that was served in this round waits until the others that wait were served; within a round the
  earliest deadline goes first. So while one robot waits, no other is served more than twice in the same lane.
- A ticket past its deadline is dropped before service (`expired`).
- Admission: `capacity` streams; whoever is refused is told when it makes sense to come back.
"""

import math
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import Field

from common.settings import Strict
from edge_server.lane import Lane
from protos.messages import Load, Outcome


class SchedulerConfig(Strict):
    """How many are served."""

    capacity: int = Field(default=8, ge=1, le=1024)
    """Streams served at the same time. More streams see `rejected` with a time to come back."""
    max_calls: int = Field(default=64, ge=1, le=4096)
    """Unary calls (LIQUID EDGE) that may wait at the same time; they take no stream's place."""
    busy_window_s: float = Field(default=2.0, gt=0, le=60)
    """How far back `busy` looks."""
    retry_after_min_s: float = Field(default=0.2, gt=0)
    """Nobody is told to come back sooner than this."""
    retry_after_max_s: float = Field(default=10.0, gt=0)
    """Nobody is told to come back later than this."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A frame's claim to be served."""

    number: int
    tasks: tuple[str, ...]  # the lanes it needs
    deadline_s: float = math.inf  # on the caller's clock
    payload: object = field(default=None, compare=False, repr=False)
    extra_tasks: tuple[str, ...] = ()  # lanes that it takes along if they are free in time

    @property
    def all_tasks(self) -> tuple[str, ...]:
        return (*self.tasks, *self.extra_tasks)


@dataclass(frozen=True, slots=True)
class Admission:
    admitted: bool
    retry_after_s: float = 0.0  # where not admitted


@dataclass(frozen=True, slots=True)
class Settled:
    """A ticket's one outcome. `LOST`: its stream closed, nobody is there to take an answer."""

    stream_id: str
    ticket: Ticket
    outcome: Outcome
    queue_s: float = 0.0  # in the mailbox, until service began or the ticket was dropped
    retry_after_s: float = 0.0
    failed_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one lane serves now."""

    number: int
    task: str
    tickets: tuple[Ticket, ...]
    entries: "tuple[_Entry, ...]" = field(repr=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """What `next_batch` decided: tickets dropped on the way, and what to serve (None: nothing can start now)."""

    batch: Batch | None
    settled: list[Settled]


@dataclass(slots=True, eq=False)
class _Entry:
    stream: "_Stream"
    ticket: Ticket
    arrival_s: float
    open_tasks: set[str]  # not handed to their lane yet
    running: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    taken_s: float | None = None
    settled: bool = False


@dataclass(slots=True, eq=False)
class _Stream:
    stream_id: str
    robot: str
    is_call: bool
    waiting: _Entry | None = None
    serving: _Entry | None = None


class Scheduler:
    """Mailboxes, order, batches, admission. `lanes`: task -> largest batch its engine takes."""

    def __init__(self, config: SchedulerConfig, lanes: Mapping[str, int]) -> None:
        self._config = config
        self._lanes = {task: Lane(task, max_batch, config.busy_window_s) for task, max_batch in lanes.items()}
        self._streams: dict[str, _Stream] = {}
        self._refusals: deque[float] = deque()
        self._batches = 0

    # ---- streams ----

    def open(self, now_s: float, stream_id: str, robot: str | None = None, is_call: bool = False) -> Admission:
        """Take a place. `robot`: among whom to be fair (default: the stream itself)."""
        if stream_id in self._streams:
            return Admission(True)
        limit = self._config.max_calls if is_call else self._config.capacity
        if sum(stream.is_call == is_call for stream in self._streams.values()) >= limit:
            return Admission(False, self.refuse(now_s))
        self._streams[stream_id] = _Stream(stream_id, robot or stream_id, is_call)
        return Admission(True)

    def close(self, now_s: float, stream_id: str) -> list[Settled]:
        """Give the place back; what was not settled is lost."""
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return []
        entries = [entry for entry in (stream.waiting, stream.serving) if entry]
        return [self._settle(now_s, entry, Outcome.LOST) for entry in entries]

    def refuse(self, now_s: float) -> float:
        """Count a refusal; returns the seconds after which to come back.

        One round of those that have a place, by recent service times, stretched by how many others were refused in
        the last second: so that they do not all come back for the same place.
        """
        while self._refusals and self._refusals[0] <= now_s - 1.0:
            self._refusals.popleft()
        self._refusals.append(now_s)
        slowest_s = max((lane.mean_s for lane in self._lanes.values()), default=0.0)
        round_s = slowest_s * max(1, len(self._streams))
        stretched_s = round_s * (1 + len(self._refusals) / self._config.capacity)
        return min(max(stretched_s, self._config.retry_after_min_s), self._config.retry_after_max_s)

    # ---- tickets ----

    def offer(self, now_s: float, stream_id: str, ticket: Ticket) -> list[Settled]:
        """Put a ticket into its stream's mailbox; returns what that settles (perhaps the ticket itself)."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return [Settled(stream_id, ticket, Outcome.REJECTED, retry_after_s=self.refuse(now_s))]
        alive = {task for task in ticket.all_tasks if task in self._lanes and not self._lanes[task].is_stuck}
        entry = _Entry(stream, ticket, now_s, alive, failed=set(ticket.all_tasks) - alive)
        if not alive.intersection(ticket.tasks):
            return [self._settle(now_s, entry, Outcome.REJECTED)]
        if now_s >= ticket.deadline_s:
            return [self._settle(now_s, entry, Outcome.EXPIRED)]
        older, stream.waiting = stream.waiting, entry
        return [self._settle(now_s, older, Outcome.SUPERSEDED)] if older else []

    def next_batch(self, now_s: float) -> Turn:
        """Drop what is expired, then fill a free lane. Call again until `batch` is None."""
        settled = self._expire(now_s)
        for lane in self._lanes.values():
            if lane.is_busy:
                continue
            ready = sorted(self._ready(lane.task), key=lambda entry: self._order(lane, entry))[: lane.max_batch]
            if not ready:
                continue
            for entry in ready:
                self._take(now_s, lane, entry)
            self._batches += 1
            lane.start(now_s, self._batches)
            return Turn(Batch(self._batches, lane.task, tuple(e.ticket for e in ready), tuple(ready)), settled)
        return Turn(None, settled)

    def done(self, now_s: float, batch: Batch, service_s: float, failed: Collection[int] = ()) -> list[Settled]:
        """A lane is free again. `failed`: positions in `batch.tickets` that got no answer."""
        self._lanes[batch.task].stop(now_s, batch.number, service_s)
        return self._parts_done(now_s, batch, failed)

    def abandon(self, now_s: float, batch: Batch) -> list[Settled]:
        """The lane hangs: fail what it holds and take nothing for it until `done` comes after all."""
        lane = self._lanes[batch.task]
        lane.is_stuck = True
        settled = self._parts_done(now_s, batch, range(len(batch.tickets)))
        for stream in self._streams.values():
            for entry in (stream.waiting, stream.serving):
                if entry and lane.task in entry.open_tasks:
                    entry.open_tasks.discard(lane.task)
                    entry.failed.add(lane.task)
                    settled += self._settle_if_done(now_s, entry)
        return settled

    def observe(self, task: str, service_s: float) -> None:
        """A service time measured elsewhere, such as the warm-up's: estimates need no first frame."""
        self._lanes[task].observe(service_s)

    # ---- questions ----

    def next_deadline_s(self) -> float:
        """When the next waiting ticket expires (inf: none does)."""
        return min((entry.ticket.deadline_s for entry in self._pending()), default=math.inf)

    def expected_service_s(self, now_s: float, tasks: Collection[str] | None = None) -> float:
        """What a frame arriving now would wait and take in the slowest of its lanes, by recent service times."""
        lanes = [lane for lane in self._lanes.values() if tasks is None or lane.task in tasks]
        return max((lane.expected_s(now_s, sum(1 for _ in self._queued(lane.task))) for lane in lanes), default=0.0)

    def load(self, now_s: float) -> Load:
        """Streams with a place, and the busiest lane's share of time used."""
        streams = sum(not stream.is_call for stream in self._streams.values())
        busy = max((lane.busy(now_s) for lane in self._lanes.values()), default=0.0)
        return Load(streams, self._config.capacity, busy)

    # ---- inside ----

    def _pending(self) -> Iterator[_Entry]:
        """Tickets of which a part still waits for a lane."""
        for stream in self._streams.values():
            if stream.waiting:
                yield stream.waiting
            if stream.serving and stream.serving.open_tasks:
                yield stream.serving

    def _queued(self, task: str) -> Iterator[_Entry]:
        return (entry for entry in self._pending() if task in entry.open_tasks)

    def _ready(self, task: str) -> Iterator[_Entry]:
        """A stream's next ticket waits until the one in service has left all its lanes: parts never pile up."""
        return (
            entry
            for entry in self._queued(task)
            if entry.stream.serving is entry or (entry.stream.serving is None and entry.stream.waiting is entry)
        )

    @staticmethod
    def _order(lane: Lane, entry: _Entry) -> tuple[int, float, float]:
        return (lane.turn_of(entry.stream.robot), entry.ticket.deadline_s, entry.arrival_s)

    @staticmethod
    def _take(now_s: float, lane: Lane, entry: _Entry) -> None:
        stream = entry.stream
        if stream.waiting is entry:
            stream.waiting, stream.serving = None, entry
            entry.taken_s = now_s
        entry.open_tasks.discard(lane.task)
        entry.running.add(lane.task)
        lane.serve(stream.robot)

    def _expire(self, now_s: float) -> list[Settled]:
        late = [entry for entry in self._pending() if now_s >= entry.ticket.deadline_s]
        return [self._settle(now_s, entry, Outcome.EXPIRED) for entry in late]

    def _parts_done(self, now_s: float, batch: Batch, failed: Collection[int]) -> list[Settled]:
        settled: list[Settled] = []
        for position, entry in enumerate(batch.entries):
            if batch.task not in entry.running:
                continue  # the lane was given up before
            entry.running.discard(batch.task)
            if position in failed:
                entry.failed.add(batch.task)
            settled += self._settle_if_done(now_s, entry)
        return settled

    def _settle_if_done(self, now_s: float, entry: _Entry) -> list[Settled]:
        if entry.settled or entry.running or entry.open_tasks.intersection(entry.ticket.tasks):
            return []
        nothing = entry.failed.issuperset(entry.ticket.tasks)
        return [self._settle(now_s, entry, Outcome.REJECTED if nothing else Outcome.RESULT)]

    def _settle(self, now_s: float, entry: _Entry, outcome: Outcome) -> Settled:
        stream = entry.stream
        entry.settled = True
        if stream.waiting is entry:
            stream.waiting = None
        if stream.serving is entry:
            stream.serving = None
        return Settled(
            stream_id=stream.stream_id,
            ticket=entry.ticket,
            outcome=outcome,
            queue_s=(now_s if entry.taken_s is None else entry.taken_s) - entry.arrival_s,
            retry_after_s=self.refuse(now_s) if outcome is Outcome.REJECTED else 0.0,
            failed_tasks=tuple(task for task in entry.ticket.all_tasks if task in entry.failed),
        )
