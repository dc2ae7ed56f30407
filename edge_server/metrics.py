"""What the server counts, and the small HTTP server that shows it: /metrics and /healthz."""

import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import MetricsHandler

from common.errors import ConfigError
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


class MetricsServer:
    """Answers scrapers from threads of its own. `problem`: what is wrong now, empty when all is well."""

    def __init__(self, host: str, port: int, metrics: Metrics, problem: Callable[[], str]) -> None:
        scrape = MetricsHandler.factory(metrics.registry)

        class Handler(scrape):  # type: ignore[misc, valid-type]  # made by a factory
            timeout = 5.0  # of one connection: a scraper that says nothing is let go

            def do_GET(self) -> None:  # noqa: N802  # the name http.server calls
                if self.path != "/healthz":
                    super().do_GET()
                    return
                wrong = problem()
                body = (wrong or "ok").encode() + b"\n"
                self.send_response(503 if wrong else 200)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"cannot serve metrics on {host}:{port} ({error.strerror}). Give another --metrics-port."
            ) from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
