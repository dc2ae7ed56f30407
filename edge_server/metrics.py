"""What the server counts."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edge_server.work import Answer
from protos.messages import Outcome

STEPS_S = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024)


class Metrics:
    """One registry a server, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.frames = Counter("tagalong_edge_frames", "Frames by outcome", ["outcome"], registry=self.registry)
        self.queue_s = self._histogram("queue", "Time in the mailbox")
        self.decode_s = self._histogram("decode", "Time to decode the image")
        self.inference_s = self._histogram("inference", "Time in the engine")
        self.streams = Gauge("tagalong_edge_streams", "Streams that have a place", registry=self.registry)
        self.open_streams = Gauge("tagalong_edge_open_streams", "Streams, also idle ones", registry=self.registry)
        self.busy = Gauge("tagalong_edge_busy", "Share of worker time used of late", registry=self.registry)
        self.closed = Counter(
            "tagalong_edge_streams_closed", "Streams by the way they ended", ["why"], registry=self.registry
        )
        self.refused = Counter("tagalong_edge_streams_refused", "Streams refused: full", registry=self.registry)
        self.parts_lost = Counter(
            "tagalong_edge_parts_lost", "Aggregated answers without one worker's part", ["part"], registry=self.registry
        )
        for outcome in (*Outcome, "invalid"):
            self.frames.labels(str(outcome))

    def watch_streams(self, count: Callable[[], int]) -> None:
        self.open_streams.set_function(count)

    def settled(self, answer: Answer) -> None:
        self.frames.labels("invalid" if answer.bad_image else str(answer.outcome)).inc()
        self.queue_s.observe(answer.queue_s)
        if answer.outcome is Outcome.RESULT:
            self.decode_s.observe(answer.decode_s)
            self.inference_s.observe(answer.inference_s)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(f"tagalong_edge_{name}_seconds", text, buckets=STEPS_S, registry=self.registry)
