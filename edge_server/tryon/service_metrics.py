"""What try-on counts. Numbers only: nothing of a picture or of who sent it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from protos.tryon import StageTimings

STEPS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


class TryOnMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tagalong_edge_tryon_requests", "Requests by the way they ended", ["service", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "tagalong_edge_tryon_seconds", "Time of each step", ["step"], buckets=STEPS_S, registry=registry
        )
        self._waiting = Gauge(
            "tagalong_edge_tryon_waiting", "Requests that wait for an engine", ["task"], registry=registry
        )
        self.calls = Gauge("tagalong_edge_tryon_calls", "Calls open", registry=registry)
        self._held = Gauge("tagalong_edge_tryon_held_bytes", "Pictures in memory", registry=registry)

    def watch_waiting(self, task: str, count: Callable[[], int]) -> None:
        self._waiting.labels(task).set_function(count)

    def watch_held(self, count: Callable[[], int]) -> None:
        self._held.set_function(count)

    def took(self, timings: StageTimings) -> None:
        for step in ("queue", "decode", "pose", "parsing", "try_on", "total"):
            seconds = getattr(timings, f"{step}_s")
            if seconds > 0:
                self._seconds.labels(step).observe(seconds)
