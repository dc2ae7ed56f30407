"""What the archive's programs count, one registry each, and how they are scraped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from common.scrape import ScrapeServer

HOST = "0.0.0.0"  # a scraper is another machine; there is nothing in the figures that is anybody's


class Counts:
    """Faces by what became of them. The numbers are read back by pages and tests."""

    def __init__(self, program: str, outcomes: tuple[str, ...], text: str) -> None:
        self.registry = CollectorRegistry()
        self._program = program
        self._faces = Counter(f"tagalong_archive_{program}_faces", text, ["outcome"], registry=self.registry)
        self._numbers = dict.fromkeys(outcomes, 0)
        for outcome in outcomes:
            self._faces.labels(outcome)

    def add(self, outcome: str, number: int = 1) -> None:
        self._numbers[outcome] += number
        if number:
            self._faces.labels(outcome).inc(number)

    def __getitem__(self, outcome: str) -> int:
        return self._numbers[outcome]

    def numbers(self) -> dict[str, int]:
        return dict(self._numbers)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Read at each scrape."""
        gauge = Gauge(f"tagalong_archive_{self._program}_{name}", text, registry=self.registry)
        gauge.set_function(read)

    @contextmanager
    def served(self, port: int, problem: Callable[[], str]) -> Iterator[int]:
        """/metrics and /healthz while inside; the port. 0: not served. Raises ConfigError."""
        if not port:
            yield 0
            return
        server = ScrapeServer(HOST, port, self.registry, problem)
        try:
            yield server.port
        finally:
            server.close()
