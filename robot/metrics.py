"""Prometheus metrics of one robot, read off its view at each scrape."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from common.errors import ConfigError
from robot.states import State
from robot.view import AgentView

RTT_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
STEP_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class Metrics:
    """`rtt` and `step` are observed as they happen; everything else comes from `view`."""

    def __init__(self, view: Callable[[], AgentView]) -> None:
        self.registry = CollectorRegistry()
        self.rtt = Histogram(
            "tagalong_robot_rtt_seconds",
            "From a frame's sending to its result",
            ["server"],
            buckets=RTT_BUCKETS_S,
            registry=self.registry,
        )
        self.step = Histogram(
            "tagalong_robot_step_seconds",
            "Time of one step of the control loop",
            buckets=STEP_BUCKETS_S,
            registry=self.registry,
        )
        self._view = view
        self.registry.register(self)  # a collector by shape

    def collect(self) -> Iterable[Metric]:
        view = self._view()
        state = GaugeMetricFamily("tagalong_robot_state", "1 for the state it is in", labels=["state"])
        for each in State:
            state.add_metric([each], float(each is view.state))
        yield state
        frames = CounterMetricFamily("tagalong_robot_frames", "Frames sent, by outcome", labels=["outcome"])
        for outcome, count in view.counts.outcomes.items() if view.counts else ():
            frames.add_metric([outcome], count)
        yield frames
        servers = GaugeMetricFamily(
            "tagalong_robot_server_cost_seconds", "Predicted time to a result", labels=["server"]
        )
        active = GaugeMetricFamily("tagalong_robot_server_active", "1 for the server in use", labels=["server"])
        for server in view.servers:
            active.add_metric([server.server.server_id], float(server.is_active))
            if math.isfinite(server.cost_s):
                servers.add_metric([server.server.server_id], server.cost_s)
        yield from (servers, active)
        yield CounterMetricFamily(
            "tagalong_robot_safety_stops", "Times a moving robot was forced to stand", value=view.safety_stops
        )
        failures = CounterMetricFamily(
            "tagalong_robot_watcher_failures", "Errors of those who look on", labels=["watcher", "call"]
        )
        for (watcher, call), count in view.watcher_failures.items():
            failures.add_metric([watcher, call], count)
        yield failures
        yield GaugeMetricFamily("tagalong_robot_camera_fps", "Pictures a second", value=view.camera_fps)
        yield GaugeMetricFamily("tagalong_robot_result_fps", "Results a second", value=view.result_fps)
        if view.decision is not None:
            yield GaugeMetricFamily(
                "tagalong_robot_result_age_seconds", "Age of the newest result", value=view.decision.result_age_s
            )

    @contextmanager
    def serving(self, port: int) -> Iterator[None]:
        """Raises ConfigError when the port is taken."""
        try:
            server, thread = start_http_server(port, registry=self.registry)
        except OSError as error:
            raise ConfigError(f"metrics_port: {port} cannot be used ({error.strerror}); give another") from error
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=2)
