"""`tagalong archive camera`: a camera without a robot. Faces are found by edge servers, as a robot's are.

One of them may be inside, on a free port of loopback, not announced, and chosen last. So the way through the code is
the same whether faces are found here or in the next room.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack

from rich.console import Console

from archive.camera_config import CameraConfig
from archive.preview.shown import Looked, Shown
from archive.watching import FaceWatcher
from common.supervise import Job, supervise
from edge_server.config import AnnounceConfig, EdgeConfig, LiquidEdgeConfig
from edge_server.engines.registry import for_tasks
from edge_server.models.store import ModelStore
from edge_server.server import EdgeServer
from handover.config import StaticServer
from handover.policies.base import ONBOARD
from handover.session import OffloadSession
from handover.values import Deliver
from protos.messages import Outcome
from robot.build import hardware_of
from robot.config import RobotConfig
from robot.encoder import encode_aside
from robot.hardware import Camera, EndOfVideo
from robot.tracker import Tracker
from robot.values import Track
from robot.watching import Answered

log = logging.getLogger(__name__)

ROOM_S = 0.1
REMEMBERED_FRAMES = 64
LAST_ANSWER_S = 1.0  # after the end of a video
TASKS = ("face",)


class FaceCamera:
    """`run` until cancelled or the video ends. Made inside the event loop."""

    def __init__(self, config: CameraConfig) -> None:
        """Raises ConfigError, and ModelError when faces cannot be found here as asked."""
        self.config = config
        self.watcher = FaceWatcher(config, config.robot_id, time.monotonic, "camera")
        self.counts = self.watcher.counts
        self._camera = _camera_of(config)
        self._tracker = Tracker(camera=self._camera.model)
        self._captures: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._number = 0
        self._newest_s = float("-inf")
        self._tracks: list[Track] = []
        self._jpeg = b""
        self._looked: Looked | None = None
        self._node = _node_inside() if config.local else None
        self._node_port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.session: OffloadSession | None = None

    @property
    def problem(self) -> str:
        """What is wrong now, for /healthz; empty when all is well."""
        if self.watcher.publisher.link.problem:
            return self.watcher.publisher.link.problem
        if self.session is None or self.session.active is None:
            return "no edge server finds faces"
        return ""

    def shown(self) -> Shown:
        """For the preview."""
        active = self.session.active if self.session else None
        faces = [each.box for each in self._tracks if each.last_seen_s == self._newest_s]
        return Shown(
            jpeg=self._jpeg,
            faces=tuple(faces),
            looked=self._looked,
            edge=active.server_id if active else "",
            counts=self.counts.numbers(),
            waiting=self.watcher.publisher.waiting,
            broker_problem=self.watcher.publisher.link.problem,
            newest=tuple(self.watcher.newest),
        )

    async def run(self, on_preview: Callable[[str], None] = lambda url: None) -> None:
        """`on_preview` is told the page's address. Raises DeviceError for a camera that is not there, ConfigError."""
        jobs = [
            Job("camera", self._see, ends_all=True),
            Job("edge servers", self._offload),
            Job("faces", self.watcher.run),
        ]
        if self._node is not None:
            jobs.append(Job("node inside the camera", self._run_node))
        if self.config.preview.enabled:
            jobs.append(Job("preview", lambda: self._preview(on_preview)))
        with ExitStack() as stack:
            stack.enter_context(self.counts.served(self.config.metrics_port, lambda: self.problem))
            await supervise(jobs)

    @property
    def engine_hangs(self) -> bool:
        """After `run`: an engine's thread was left behind."""
        return self._node is not None and self._node.engine_hangs

    # ---- pictures ----

    async def _see(self) -> None:
        """Until the end of a video, and until what was seen in it has gone out."""
        await self._session_there()
        try:
            await self._camera.open()
            self._tracker = Tracker(camera=self._camera.model)
            await self._send_pictures()
        except EndOfVideo as end:
            log.info("%s", end)
        finally:
            await self._camera.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWER_S):
                while self._captures:  # noqa: ASYNC110  # once, at the end
                    await asyncio.sleep(0.02)
        await self.watcher.finish()

    async def _session_there(self) -> None:
        """A film must not run while nobody looks at it."""
        while self.session is None or self.session.active is None:  # noqa: ASYNC110  # once, at the start
            await asyncio.sleep(0.02)

    async def _send_pictures(self) -> None:
        assert self.session is not None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROOM_S):
                    await self.session.wait_room()
            frame = await self._camera.latest()
            self._number += 1
            encoded = await encode_aside(self.config.encoder, frame, self._number)
            self._captures[encoded.number] = (frame.capture_s, encoded.image)
            if len(self._captures) > REMEMBERED_FRAMES:
                self._captures.popitem(last=False)
            self._jpeg = encoded.image
            self.watcher.saw(encoded.number, frame)
            self.session.offer(encoded)

    # ---- servers and their answers ----

    async def _offload(self) -> None:
        handover = self.config.handover
        if self._node is not None:  # `onboard`: others come first
            inside = StaticServer(address=f"127.0.0.1:{await self._node_port}", zone=ONBOARD)
            handover = handover.model_copy(update={"servers": (*handover.servers, inside)})
        self.session = OffloadSession(handover, self.config.robot_id, TASKS, self._on_deliver, lambda event: None)
        await self.session.run()

    async def _preview(self, on_ready: Callable[[str], None]) -> None:
        from archive.preview.page import Preview  # FastAPI only where a page is wanted

        await Preview(self.config.preview, self.config.robot_id, self.shown).run(on_ready)

    async def _run_node(self) -> None:
        assert self._node is not None

        def ready(node: EdgeServer) -> None:
            if not self._node_port.done():
                self._node_port.set_result(node.ports.port)

        await self._node.run(ready)

    def _on_deliver(self, deliver: Deliver) -> None:
        reply = deliver.reply
        sent = self._captures.pop(reply.number, None)
        if sent is None or reply.outcome is not Outcome.RESULT:
            return
        capture_s, jpeg = sent
        seen: tuple[Track, ...] = ()
        if capture_s > self._newest_s:
            self._newest_s = capture_s
            self._tracks = self._tracker.update(capture_s, reply.detections)
            seen = tuple(track for track in self._tracks if track.last_seen_s == capture_s)
            found = tuple(each.box for each in reply.detections if each.label == "face")
            lost = tuple(track.box for track in self._tracks if track.last_seen_s != capture_s)
            self._looked = Looked(capture_s, jpeg, found, lost)
        self.watcher.answered(Answered(reply.number, capture_s, deliver.server_id, reply.detections, seen))


def _camera_of(config: CameraConfig) -> Camera:
    """As a robot's: only the code of what is asked for is imported. Raises ConfigError."""
    return hardware_of(RobotConfig(camera=config.camera, keyboard=False), Console(stderr=True)).camera


def _node_inside() -> EdgeServer:
    config = EdgeConfig(
        host="127.0.0.1",
        port=0,
        tasks=("face",),
        announce=AnnounceConfig(enabled=False),
        liquidedge=LiquidEdgeConfig(enabled=False),
    )
    return EdgeServer(config, for_tasks(ModelStore(), tasks=TASKS))
