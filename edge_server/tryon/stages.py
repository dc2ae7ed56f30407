"""Who does a step of try-on: an engine of this process, or another node. Both tell how they are and how busy."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from common.errors import ConfigError, LinkError, ModelError, TagalongError
from common.tls import TlsConfig
from edge_server.config import EdgeConfig, TryOnConfig, TryOnTask
from edge_server.lane import HUNG_S
from edge_server.models.store import ModelStore
from edge_server.tryon.stages_lane import EngineLane
from edge_server.tryon.values import Garment, NoPersonError, ParsingEngine, PoseEngine, TryOnEngine
from protos.messages import Load, TaskInfo
from protos.tryon import Quality
from protos.tryon_client import NodeClient
from protos.tryon_errors import NodeGoneError

log = logging.getLogger(__name__)
Engine = PoseEngine | ParsingEngine | TryOnEngine
DEFAULTS: dict[TryOnTask, str] = {"pose": "blazepose", "parsing": "derived", "tryon": "warp"}  # of `local`
LIVE: dict[TryOnTask, str] = {"parsing": "derived:work_px=200", "tryon": "warp:quality=live"}
# The same engines, coarser, where many pictures a second count: on 512x384 together 76 ms instead of 144.
GRPC = "grpc://"
PROBE_S = 1.0  # between looks at another node, and the longest wait for its answer


class Wardrobe(Protocol):
    """Garments by their id."""

    def get(self, garment_id: str) -> Garment:
        """Raises UnknownGarmentError. Called in a worker thread."""
        ...


@dataclass(frozen=True, slots=True)
class TryOnEngines:
    """What runs in this process; None: done elsewhere, or not at all."""

    pose: PoseEngine | None = None
    parsing: ParsingEngine | None = None
    tryon: TryOnEngine | None = None
    wardrobe: Wardrobe | None = None
    live: Mapping[TryOnTask, Engine] = field(default_factory=dict)  # in place of those above for moving pictures

    def of(self, task: TryOnTask) -> Engine | None:
        return {"pose": self.pose, "parsing": self.parsing, "tryon": self.tryon}[task]


def make_engines(config: EdgeConfig, models: ModelStore) -> TryOnEngines:
    """The engines that the settings ask for; none where try-on is not offered.

    Raises ConfigError or ModelError for an engine that was asked for by name; one that is only needed by another is
    left out with a warning.
    """
    stages = config.tryon_stages
    if not stages:
        return TryOnEngines()
    from edge_server.garments.catalogue import Catalogue
    from edge_server.tryon import engines  # OpenCV and networks: only where they are used

    makers: dict[TryOnTask, Callable[[str, ModelStore], Engine]] = {
        "pose": engines.pose_engine,
        "parsing": engines.parsing_engine,
        "tryon": engines.tryon_engine,
    }
    made: dict[TryOnTask, Engine] = {}
    live: dict[TryOnTask, Engine] = {}
    try:
        for task, spec in stages.items():
            if spec.startswith(GRPC):
                continue
            try:
                made[task] = makers[task](DEFAULTS[task] if spec == "local" else spec, models)
                if spec == "local" and task in LIVE:
                    live[task] = makers[task](LIVE[task], models)
            except (ConfigError, ModelError) as error:
                if config.is_asked(task):
                    raise
                log.warning("%s is not offered: %s", task, error)
    except Exception:  # whatever it is: what was made so far must not stay open
        for engine in (*made.values(), *live.values()):
            engine.close()
        raise
    return TryOnEngines(
        cast(PoseEngine | None, made.get("pose")),
        cast(ParsingEngine | None, made.get("parsing")),
        cast(TryOnEngine | None, made.get("tryon")),
        Catalogue(),
        live,
    )


class LocalStage:
    """An engine of this process behind its queue."""

    def __init__(self, task: TryOnTask, engine: Engine, config: TryOnConfig, live: Engine | None = None) -> None:
        """`live`: does it for moving pictures, in the same lane."""
        self.task = task
        self.engine = engine
        self._live = live or engine
        self.lane = EngineLane(
            task, engine.name, config.max_waiting, config.max_per_user, config.hung_s, close_engine=self._close
        )
        self._capacity = config.max_waiting

    def engine_for(self, quality: Quality) -> Engine:
        return self._live if quality is Quality.LIVE else self.engine

    def _close(self) -> None:
        self.engine.close()
        if self._live is not self.engine:
            self._live.close()

    @property
    def info(self) -> TaskInfo:
        return TaskInfo(self.task, self.engine.name, ())

    @property
    def problem(self) -> str:
        """Empty when all is well."""
        return f"the engine {self.engine.name} for {self.task} hangs" if self.lane.is_hung else ""

    @property
    def waiting(self) -> int:
        return self.lane.waiting

    def expected_s(self) -> float:
        return self.lane.expected_s()

    def load(self) -> Load:
        return self.lane.load(self._capacity)

    def start(self) -> None:
        self.lane.start()

    async def stop(self, timeout_s: float) -> bool:
        return await self.lane.stop(timeout_s)

    async def watch(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(0.25)
            self.lane.watch()


class RemoteStage:
    """Another node. It is looked at once a second: while it is dead, nobody waits for it."""

    def __init__(self, task: TryOnTask, spec: str, tls: TlsConfig) -> None:
        self.task = task
        self._address = spec.removeprefix(GRPC)
        self._tls = tls
        self._client: NodeClient | None = None
        self._expected_s = 0.0
        self._load = Load()
        self._calls = 0
        self.problem = ""

    @property
    def info(self) -> TaskInfo:
        return TaskInfo(self.task, f"{GRPC}{self._address}", ())

    @property
    def client(self) -> NodeClient:
        """Raises NodeGoneError at once while the node is known to be dead."""
        if self.problem:
            raise NodeGoneError(self.problem)
        assert self._client is not None, "not started"
        return self._client

    @property
    def waiting(self) -> int:
        return 0  # they wait there

    def expected_s(self) -> float:
        return HUNG_S if self.problem else self._expected_s

    def load(self) -> Load:
        return self._load

    def start(self) -> None:
        self._client = NodeClient(f"the {WORDS[self.task]} node", self._address, self._tls)

    async def stop(self, timeout_s: float) -> bool:
        if self._client is not None:
            await self._client.close()
        return True

    def failed(self, error: NodeGoneError) -> None:
        """A call found it dead: the next ones need not wait for the next look."""
        self.problem = str(error)

    async def watch(self) -> None:
        assert self._client is not None
        while True:
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(2 * PROBE_S):
                    self._expected_s, self._load = await self._client.probe(self.task, PROBE_S)
            except (TagalongError, TimeoutError) as error:
                problem = str(error) if isinstance(error, LinkError) else f"{self._client.name} does not answer"
                if not self.problem:
                    log.warning("%s: %s", self.task, problem)
                self.problem = problem
            else:
                if self.problem:
                    log.warning("%s: %s is back", self.task, self._client.name)
                self.problem = ""
            await asyncio.sleep(max(0.05, PROBE_S - (time.monotonic() - began_s)))


WORDS: dict[TryOnTask, str] = {"pose": "pose", "parsing": "parsing", "tryon": "try-on"}
Stage = LocalStage | RemoteStage


def make_stages(config: EdgeConfig, engines: TryOnEngines) -> dict[TryOnTask, Stage]:
    """Raises ConfigError where an engine is wanted and was not given."""
    stages: dict[TryOnTask, Stage] = {}
    for task, spec in config.tryon_stages.items():
        engine = engines.of(task)
        if spec.startswith(GRPC):
            stages[task] = RemoteStage(task, spec, config.tls)
        elif engine is not None:
            stages[task] = LocalStage(task, engine, config.tryon, engines.live.get(task))
        elif config.is_asked(task):
            raise ConfigError(f"{task}: there is no engine for {spec!r}")
    return stages


def warm_up(engines: TryOnEngines) -> None:
    """The first picture through a network allocates: before the first person comes."""
    import numpy as np

    if engines.pose is not None:
        try:
            engines.pose.pose(np.full((480, 360, 3), 127, np.uint8))
        except NoPersonError:
            pass
        except TagalongError as error:  # an engine on another machine may come later
            log.warning("engine %s for pose does not answer yet: %s", engines.pose.name, error)
