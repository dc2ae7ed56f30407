"""Simulated time: calls wait in a queue and happen in the order of their times, ties as they were asked for."""

import heapq
from collections.abc import Callable
from itertools import count


class EventQueue:
    """A clock that jumps from call to call. Same calls in, same order out."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = count()

    def at(self, time_s: float, call: Callable[[], None]) -> None:
        """Call at `time_s`, or as soon as possible when that has passed."""
        heapq.heappush(self._waiting, (max(time_s, self.now_s), next(self._ids), call))

    def after(self, wait_s: float, call: Callable[[], None]) -> None:
        self.at(self.now_s + wait_s, call)

    def run_until(self, end_s: float) -> None:
        """Let everything happen that is due before or at `end_s`; the clock stands there afterwards."""
        while self._waiting and self._waiting[0][0] <= end_s:
            self.now_s, _, call = heapq.heappop(self._waiting)
            call()
        self.now_s = end_s
