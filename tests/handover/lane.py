"""A tiny world for the core: scripted servers, frames at a steady rate, time that goes from event to event."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from handover.config import HandoverConfig
from handover.core import HandoverCore
from handover.values import (
    Action,
    Connect,
    Deliver,
    Disconnect,
    MoveCompleted,
    Moved,
    Probe,
    Send,
    Server,
    Source,
)
from protos.messages import EncodedFrame, FrameReply, Load, Outcome, ServerDescription, TaskInfo, Timings

PERSON = ("person",)


def frame(number: int, now_s: float = 0.0) -> EncodedFrame:
    return EncodedFrame(number, round(now_s * 1e9), b"x" * 100, 640, 480)


@dataclass
class Edge:
    """One server and the path to it."""

    server_id: str
    rtt_s: Callable[[float], float] = lambda _: 0.03
    service_s: float = 0.01
    described_as: str = ""
    tasks: tuple[str, ...] = PERSON
    address: str = ""
    alive: bool = True
    frozen: bool = False
    answers_frames: bool = True
    outcome: Callable[[EncodedFrame], Outcome] = lambda _: Outcome.RESULT
    retry_after_s: float = 0.0
    spoil: Callable[[FrameReply], FrameReply] = lambda reply: reply
    life: int = 0  # rises with each connection and each death
    linked: bool = False
    held: list[Callable[[], None]] = field(default_factory=list)  # came in while it was frozen
    frames: list[int] = field(default_factory=list)

    def describe(self) -> ServerDescription:
        tasks = tuple(TaskInfo(task, "oracle", (task,)) for task in self.tasks)
        return ServerDescription(self.described_as or self.server_id, "1", tasks, (1, 2, 3), "", Load(), 0)

    @property
    def where(self) -> str:
        return self.address or f"{self.server_id}:1"


class Lane:
    """Runs one core against edges. `at` scripts what happens when."""

    def __init__(self, *edges: Edge, config: HandoverConfig | None = None, fps: float = 20.0) -> None:
        self.edges = {edge.server_id: edge for edge in edges}
        self.core = HandoverCore(config or HandoverConfig(), PERSON)
        self.now_s = 100.0
        self.period_s = 1 / fps
        self.delivered: list[tuple[float, Deliver]] = []
        self.moved: list[Moved] = []
        self.completed: list[MoveCompleted] = []
        self.connects: list[str] = []
        self.disconnects: list[str] = []
        self.probes: list[tuple[float, str]] = []
        self.notices: list[str] = []
        self.frames = 0
        self.offset_s = 0.0  # of the clock that the core is shown
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._tick_s = float("inf")

    @property
    def clock_s(self) -> float:
        return self.now_s + self.offset_s

    def at(self, time_s: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time_s, next(self._order), call))

    def after(self, wait_s: float, call: Callable[[], None]) -> None:
        self.at(self.now_s + wait_s, call)

    def announce(self, *server_ids: str, source: Source = Source.ZEROCONF) -> None:
        for server_id in server_ids or self.edges:
            edge = self.edges[server_id]
            self.act(self.core.server_seen(self.clock_s, source, Server(server_id, edge.where, edge.tasks)))

    def film(self) -> None:
        """A frame each period from now on."""
        self.frames += 1
        self.act(self.core.offer(self.clock_s, frame(self.frames, self.now_s)))
        self.after(self.period_s, self.film)

    def run(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        self._rearm()
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, call = heapq.heappop(self._events)
            call()
            self._rearm()
        self.now_s = until_s

    def gaps(self) -> list[float]:
        times = [time_s for time_s, _ in self.delivered]
        return [b - a for a, b in itertools.pairwise(times)]

    @property
    def active_id(self) -> str | None:
        return self.core.active.server_id if self.core.active else None

    # ---- faults ----

    def kill(self, server_id: str) -> None:
        edge = self.edges[server_id]
        edge.alive = False
        edge.life += 1
        if edge.linked:
            edge.linked = False
            self.act(self.core.link_down(self.clock_s, server_id, "connection reset"))

    def revive(self, server_id: str) -> None:
        self.edges[server_id].alive = True

    def freeze(self, server_id: str) -> None:
        self.edges[server_id].frozen = True

    def thaw(self, server_id: str) -> None:
        edge = self.edges[server_id]
        edge.frozen = False
        held, edge.held = edge.held, []
        for call in held:
            call()

    # ---- what the core wants done ----

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Connect(server):
                    self.connects.append(server.server_id)
                    self._connect(self._edge_at(server), server.server_id)
                case Disconnect(server_id):
                    self.disconnects.append(server_id)
                    self._disconnect(server_id)
                case Send(server_id, sent):
                    edge = self.edges[server_id]
                    assert edge.linked, f"a frame for {server_id}, which is not connected"
                    edge.frames.append(sent.number)
                    self._answer(edge, sent)
                case Probe():
                    self.probes.append((self.now_s, action.server_id))
                    self._probe(action)
                case Deliver():
                    self.delivered.append((self.now_s, action))
                case Moved():
                    self.moved.append(action)
                case MoveCompleted():
                    self.completed.append(action)
        self.notices.extend(notice.text for notice in self.core.take_notices())

    def _edge_at(self, server: Server) -> Edge | None:
        return next((edge for edge in self.edges.values() if edge.where == server.address), None)

    def _connect(self, edge: Edge | None, server_id: str) -> None:
        if edge is None or not edge.alive:
            self.after(0.001, lambda: self.act(self.core.link_down(self.clock_s, server_id, "refused")))
            return
        edge.life += 1
        life = edge.life

        def up() -> None:
            if edge.life == life and edge.alive:
                edge.linked = True
                self.act(self.core.link_up(self.clock_s, server_id, edge.describe()))

        self._through(edge, 3 * edge.rtt_s(self.now_s), up)

    def _disconnect(self, server_id: str) -> None:
        edge = self.edges.get(server_id)
        if edge is not None:
            edge.life += 1
            edge.linked = False

    def _answer(self, edge: Edge, sent: EncodedFrame) -> None:
        life, took_s = edge.life, edge.rtt_s(self.now_s) + edge.service_s
        outcome = edge.outcome(sent)

        def answer() -> None:
            if edge.life == life and edge.answers_frames:
                retry_s = edge.retry_after_s if outcome is Outcome.REJECTED else 0.0
                reply = FrameReply(
                    sent.number,
                    sent.capture_ns,
                    outcome,
                    timings=Timings(total_s=edge.service_s),
                    retry_after_s=retry_s,
                )
                self.act(self.core.reply(self.clock_s, edge.server_id, edge.spoil(reply)))

        self._through(edge, took_s, answer)

    def _probe(self, probe: Probe) -> None:
        server = self.core.server(probe.server_id)
        edge = self._edge_at(server) if server else None
        if edge is None or not edge.alive:
            return
        asked_s, took_s = self.now_s, edge.rtt_s(self.now_s)

        def answer() -> None:
            if edge.alive:
                rtt_s = self.now_s - asked_s
                self.act(
                    self.core.probe_answered(
                        self.clock_s, probe.server_id, probe.probe, rtt_s, edge.service_s, Load(capacity=8)
                    )
                )

        self._through(edge, took_s, answer)

    def _through(self, edge: Edge, took_s: float, call: Callable[[], None]) -> None:
        """An answer, if the server is running when the question is there."""

        def arrive() -> None:
            if edge.frozen:
                edge.held.append(lambda: self.after(took_s / 2, call))
            else:
                self.after(took_s / 2, call)

        self.after(took_s / 2, arrive)

    def _rearm(self) -> None:
        due_s = self.core.next_tick_s - self.offset_s
        if due_s < self._tick_s and due_s < float("inf"):
            self._tick_s = due_s
            self.at(max(due_s, self.now_s), self._tick)

    def _tick(self) -> None:
        self._tick_s = float("inf")
        self.act(self.core.tick(self.clock_s))
