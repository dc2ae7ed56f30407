"""The shell of the edge server: ports, services, jobs, and the way they stop."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from common.errors import ConfigError
from common.scrape import ScrapeServer
from common.supervise import Job, supervise
from common.tls import KEEPALIVE, listen
from edge_server.announce import announced
from edge_server.config import EdgeConfig
from edge_server.dispatch import Dispatcher
from edge_server.engines.base import Engine
from edge_server.metrics import Metrics
from edge_server.services import offload
from edge_server.services.aggregate import add_liquidedge
from edge_server.tryon.service_node import TryOnNode
from edge_server.tryon.stages import TryOnEngines
from protos.messages import TaskInfo
from protos.tagalong.v1 import offload_pb2_grpc

log = logging.getLogger(__name__)

# Together these stay under the 5 s in which a stopped server must be gone.
GO_AWAY_S = 1.5  # for robots to move on
LAST_CALLS_S = 0.7  # for calls that are being answered
ENGINES_S = 0.5  # for engines to end; a hung one is left behind


@dataclass(frozen=True, slots=True)
class Ports:
    """What was bound; None: not offered."""

    port: int
    metrics_port: int | None = None
    object_port: int | None = None
    face_port: int | None = None
    yolo_port: int | None = None


class EdgeServer:
    """One server: `run` returns after `stop` was called and all is put away."""

    def __init__(self, config: EdgeConfig, engines: Mapping[str, Engine], tryon: TryOnEngines | None = None) -> None:
        """Raises ConfigError where the settings ask for try-on and `tryon` has no engine for it."""
        self.metrics = Metrics()
        self.tryon = TryOnNode(config, tryon or TryOnEngines())
        self.dispatcher = Dispatcher(engines, config.scheduler, self.metrics, config.limits.hung_s)
        self.config = config
        self._ports: Ports | None = None
        self.version = installed_version("tagalong")
        self.engine_hangs = False  # after `run`: a thread was left behind
        self._stop = asyncio.Event()

    @property
    def ports(self) -> Ports:
        """Known from readiness on."""
        assert self._ports is not None, "the server is not ready yet"
        return self._ports

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        return (*self.dispatcher.tasks, *self.tryon.tasks)

    def stop(self) -> None:
        """Begin to stop; safe to call again."""
        self._stop.set()

    async def run(self, on_ready: Callable[["EdgeServer"], None] = lambda server: None) -> None:
        """Serve until stopped. Raises ConfigError for a port in use, an id that is taken, bad TLS files."""
        options = [
            ("grpc.max_receive_message_length", self.config.limits.max_message_bytes),
            ("grpc.so_reuseport", 0),  # else a second server on the same port would silently share it
            *KEEPALIVE,
        ]
        server = grpc.aio.server(options=options)
        async with contextlib.AsyncExitStack() as stack:
            names = await self._bind(server, stack)
            health = self._health
            await asyncio.to_thread(self.dispatcher.warm_up)
            await asyncio.to_thread(self.tryon.warm_up)
            self.dispatcher.start()
            self.tryon.start()
            await server.start()
            stack.push_async_callback(self._put_away, server)
            jobs = [
                Job("serve", lambda: self._serve(health, names, on_ready), ends_all=True),
                Job("watch engines and deadlines", self.dispatcher.watch, restarts=3),
                Job("release idle streams", self._offload.release_idle, restarts=3),
                Job("watch health", lambda: self._watch_health(health, names), restarts=3),
                *self.tryon.jobs(),
            ]
            await supervise(jobs)

    # ---- start ----

    async def _bind(self, server: grpc.aio.Server, stack: contextlib.AsyncExitStack) -> dict[str, tuple[str, ...]]:
        """Services and ports. Returns the tasks each service needs, for its health."""
        config = self.config
        port = listen(server, f"{config.host}:{config.port}", config.tls)
        self.config = config = config.named(port)
        self._offload = offload.OffloadService(config, self.version, self.dispatcher, self.metrics, self.tryon)
        offload_pb2_grpc.add_OffloadServicer_to_server(self._offload, server)
        names: dict[str, tuple[str, ...]] = {offload.SERVICE_NAME: tuple(self.dispatcher.engines)}
        names |= self.tryon.add_to(server, config, self.metrics.registry)
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        liquidedge = add_liquidedge(server, config, self.dispatcher, self.metrics)
        stack.push_async_callback(liquidedge.close)
        names |= liquidedge.tasks
        reflection.enable_server_reflection(
            (*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME), server
        )
        metrics_port = None
        if config.metrics_port:
            scraped = ScrapeServer(config.host, config.metrics_port, self.metrics.registry, self._problem)
            stack.push_async_callback(asyncio.to_thread, scraped.close)
            metrics_port = scraped.port
        self._ports = Ports(port, metrics_port, **liquidedge.ports)
        return names

    async def _serve(
        self,
        health: HealthServicer,
        names: Mapping[str, tuple[str, ...]],
        on_ready: Callable[["EdgeServer"], None],
    ) -> None:
        """Announce, be ready, wait for the end, tell everybody, wait for them to go."""
        async with announced(self.config, self.ports.port, self.version, tuple(task.name for task in self.tasks)):
            await self._set_health(health, names)
            on_ready(self)
            await self._stop.wait()
            log.info("stopping: %d streams are told to go", self._offload.open_streams)
        await health.enter_graceful_shutdown()
        self._offload.go_away("the server stops", GO_AWAY_S)
        if not await self._offload.all_gone(GO_AWAY_S):
            log.info("%d streams did not go in %.1f s and are cut", self._offload.open_streams, GO_AWAY_S)

    async def _put_away(self, server: grpc.aio.Server) -> None:
        await server.stop(LAST_CALLS_S)
        ended = await asyncio.gather(self.dispatcher.stop(ENGINES_S), self.tryon.stop(ENGINES_S))
        self.engine_hangs = not all(ended)

    # ---- health ----

    def _problem(self) -> str:
        if self._stop.is_set():
            return "stopping"
        hung = self.dispatcher.hung
        return f"hung: {', '.join(sorted(hung))}" if hung else self.tryon.problem

    @property
    def _unwell(self) -> frozenset[str]:
        """Tasks that nothing does now."""
        return self.dispatcher.hung | self.tryon.unwell

    async def _set_health(self, health: HealthServicer, names: Mapping[str, tuple[str, ...]]) -> None:
        """A service is well while one of its tasks is."""
        states = health_pb2.HealthCheckResponse
        unwell = self._unwell
        for name, tasks in names.items():
            well = not tasks or not unwell.issuperset(tasks)
            await health.set(name, states.SERVING if well else states.NOT_SERVING)
        all_unwell = unwell and unwell.issuperset(task.name for task in self.tasks)
        everything = states.NOT_SERVING if all_unwell else states.SERVING
        await health.set("", everything)

    async def _watch_health(self, health: HealthServicer, names: Mapping[str, tuple[str, ...]]) -> None:
        before = self._unwell
        while not self._stop.is_set():
            await asyncio.sleep(0.25)
            if self._unwell != before:
                before = self._unwell
                await self._set_health(health, names)


def write_ready_file(file: Path, server: EdgeServer) -> None:
    """JSON with the bound ports, in one move: who waits for the file never reads half of it."""
    content = {"id": server.config.id, **{key: value for key, value in asdict(server.ports).items() if value}}
    half = file.with_name(file.name + ".half")
    try:
        half.write_text(json.dumps(content))
        half.replace(file)
    except OSError as error:
        raise ConfigError(f"--ready-file: {file} cannot be written ({error.strerror})") from error
