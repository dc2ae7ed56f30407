"""How often something happens: events within the last second."""

from collections import deque


class Rate:
    def __init__(self, window_s: float = 1.0) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque(maxlen=1000)

    def count(self, now_s: float) -> None:
        self._times.append(now_s)

    def per_s(self, now_s: float) -> float:
        while self._times and not 0 <= now_s - self._times[0] <= self._window_s:
            self._times.popleft()
        return len(self._times) / self._window_s
