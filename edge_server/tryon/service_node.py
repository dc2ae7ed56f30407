"""Try-on as part of an edge server: which tasks, services, jobs; how it is."""

from collections.abc import Callable, Collection

import grpc
from prometheus_client import CollectorRegistry

from common.supervise import Job
from edge_server.config import EdgeConfig, TryOnTask
from edge_server.tryon.service import PARSING, POSE, TRYON, TryOnService
from edge_server.tryon.service_metrics import TryOnMetrics
from edge_server.tryon.service_work import Fitter
from edge_server.tryon.stages import Stage, TryOnEngines, make_stages, warm_up
from protos.messages import Load, TaskInfo

SERVICES: dict[TryOnTask, str] = {"pose": POSE, "parsing": PARSING, "tryon": TRYON}


class TryOnNode:
    """Nothing of it is offered, and nothing runs, where the settings ask for no task of it."""

    def __init__(self, config: EdgeConfig, engines: TryOnEngines) -> None:
        self._config = config
        self._engines = engines
        self._stages = make_stages(config, engines)

    @property
    def tasks(self) -> tuple[TaskInfo, ...]:
        return tuple(stage.info for stage in self._stages.values())

    @property
    def unwell(self) -> frozenset[str]:
        """Tasks that cannot be done now."""
        return frozenset(task for task, stage in self._stages.items() if stage.problem)

    @property
    def problem(self) -> str:
        return "; ".join(stage.problem for stage in self._stages.values() if stage.problem)

    def add_to(
        self, server: grpc.aio.Server, config: EdgeConfig, registry: CollectorRegistry
    ) -> dict[str, tuple[str, ...]]:
        """Returns each service with the tasks it lives on. `config`: with the id that the server got."""
        if not self._stages:
            return {}
        metrics = TryOnMetrics(registry)
        fitter = Fitter(config, self._stages, self._engines.wardrobe)
        metrics.watch_held(lambda: fitter.held.now)
        for task, stage in self._stages.items():
            metrics.watch_waiting(task, _waiting_of(stage))
        names: dict[str, tuple[str, ...]] = {SERVICES[task]: (str(task),) for task in self._stages}
        TryOnService(fitter, config.tryon, metrics).add_to(server, tuple(names))
        return names

    def warm_up(self) -> None:
        """In a worker thread, before `start`."""
        warm_up(self._engines)

    def start(self) -> None:
        for stage in self._stages.values():
            stage.start()

    def jobs(self) -> list[Job]:
        return [Job(f"watch {task}", stage.watch, restarts=3) for task, stage in self._stages.items()]

    async def stop(self, timeout_s: float) -> bool:
        """False when an engine hangs on."""
        return all([await stage.stop(timeout_s) for stage in self._stages.values()])

    # ---- for probes ----

    def does(self, tasks: Collection[str]) -> bool:
        return any(task in self._stages for task in tasks)

    def expected_s(self, tasks: Collection[str]) -> float:
        """What one more request would wait and take, all the steps that were asked for together."""
        return sum(stage.expected_s() for task, stage in self._stages.items() if task in tasks)

    def load(self, tasks: Collection[str]) -> Load:
        """Of the fullest of the steps that were asked for."""
        loads = [stage.load() for task, stage in self._stages.items() if task in tasks]
        return max(loads, key=lambda load: load.streams, default=Load())


def _waiting_of(stage: Stage) -> Callable[[], int]:
    return lambda: stage.waiting
