"""The small HTTP server of a long-running command: /metrics for Prometheus, /healthz for whoever watches."""

import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import MetricsHandler

from common.errors import ConfigError


class ScrapeServer:
    """Answers scrapers from threads of its own. `problem`: what is wrong now, empty when all is well."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, problem: Callable[[], str]) -> None:
        """Raises ConfigError when it cannot listen there."""
        scrape = MetricsHandler.factory(registry)

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
