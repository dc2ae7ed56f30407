"""What one request costs: bytes held, time of each step, and its share of the progress."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from edge_server.tryon.stages_lane import Ask
from protos.tryon import News, StageTimings, Working
from protos.tryon_errors import BusyError


class HeldBytes:
    """Counts what requests hold in memory, and refuses what would be too much."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.now = 0

    @contextlib.contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        if self.now + amount > self._limit:
            raise BusyError("too many pictures are worked on at the moment; please try again in a moment", 2.0)
        self.now += amount
        try:
            yield
        finally:
            self.now -= amount


@dataclass(slots=True)
class Watch:
    """How long what took."""

    began_s: float = field(default_factory=time.monotonic)
    took_s: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def time(self, step: str, ask: Ask | None = None) -> Iterator[None]:
        began_s, waited_s = time.monotonic(), sum(ask.waited_s) if ask else 0.0
        try:
            yield
        finally:
            waited_s = sum(ask.waited_s) - waited_s if ask else 0.0
            self.took_s[step] = max(0.0, time.monotonic() - began_s - waited_s)

    def timings(self, ask: Ask) -> StageTimings:
        return StageTimings(queue_s=sum(ask.waited_s), total_s=time.monotonic() - self.began_s, **self.took_s)


def part_of(ask: Ask, start: float, end: float) -> Ask:
    """News of a step, as a share of the whole."""

    def on_news(news: News) -> None:
        if isinstance(news, Working):
            news = Working(start + (end - start) * news.share, news.step)
        ask.on_news(news)

    return replace(ask, on_news=on_news)
