"""One engine as the scheduler sees it: busy or free, how long it took of late, whose turn it is. Pure."""

import math
from collections import deque

HUNG_S = (
    60.0  # what a hung lane is expected to take: worse than any working one, and still fits the wire's microseconds
)

MANY_ROBOTS = 256  # from here on, turns that lie behind are forgotten; they mean nothing any more


class Lane:
    """At most one batch in service; robots take turns."""

    def __init__(self, task: str, max_batch: int, busy_window_s: float) -> None:
        self.task = task
        self.max_batch = max(1, max_batch)
        self.is_stuck = False
        self._window_s = busy_window_s
        self._running: int | None = None
        self._started_s = 0.0
        self._spans: deque[tuple[float, float]] = deque()  # served from, to
        self._spans_s = 0.0  # their sum: asked for with every answer, so not added up each time
        self._recent_s: deque[float] = deque(maxlen=32)  # about a second of a busy lane
        self._round = 0
        self._turns: dict[str, int] = {}  # robot -> the round it may be served in next

    @property
    def is_busy(self) -> bool:
        return self._running is not None

    # ---- turns ----

    def turn_of(self, robot: str) -> int:
        """The round a robot is in; who comes after a pause joins the present one, without making up for it.

        Kept when a robot's streams close: coming back at once brings no second turn.
        """
        return max(self._turns.get(robot, 0), self._round)

    def serve(self, robot: str) -> None:
        turn = self.turn_of(robot)
        self._round = turn
        self._turns[robot] = turn + 1
        if len(self._turns) > MANY_ROBOTS:
            self._turns = {name: at for name, at in self._turns.items() if at > self._round}

    # ---- time ----

    def start(self, now_s: float, batch: int) -> None:
        self._running, self._started_s = batch, now_s

    def stop(self, now_s: float, batch: int, service_s: float) -> None:
        if self._running != batch:
            return
        self._running = None
        self._spans.append((self._started_s, now_s))
        self._spans_s += now_s - self._started_s
        if not self.is_stuck:  # a hang is no service time
            self.observe(service_s)
        self.is_stuck = False

    def observe(self, service_s: float) -> None:
        self._recent_s.append(service_s)

    @property
    def mean_s(self) -> float:
        return sum(self._recent_s) / len(self._recent_s) if self._recent_s else 0.0

    def expected_s(self, now_s: float, queued: int) -> float:
        """What one more ticket would wait and take with `queued` tickets before it."""
        if self.is_stuck:
            return HUNG_S
        left_s = max(0.0, self.mean_s - (now_s - self._started_s)) if self.is_busy else 0.0
        return left_s + self.mean_s * math.ceil((queued + 1) / self.max_batch)

    def busy(self, now_s: float) -> float:
        """Share of the last window in which it served, 0..1."""
        since_s = now_s - self._window_s
        while self._spans and self._spans[0][1] <= since_s:
            start_s, end_s = self._spans.popleft()
            self._spans_s -= end_s - start_s
        used_s = self._spans_s
        if self._spans:
            used_s -= max(0.0, since_s - self._spans[0][0])  # the part of the oldest that lies before the window
        if self.is_busy:
            used_s += now_s - max(self._started_s, since_s)
        return min(1.0, max(0.0, used_s / self._window_s))
