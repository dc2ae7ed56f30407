"""`tagalong archive demo`: the whole chain on this machine, from a camera to a gallery.

Two private brokers run as they would at the edge and in the cloud, from the settings in deploy/mosquitto; camera,
forwarder, store and gallery run in this process, and speak to them over loopback.
"""

import asyncio
import contextlib
import logging
import statistics
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.broker.private import STORE, Kind, PrivateBroker
from archive.broker_config import BrokerConfig
from archive.camera import FaceCamera
from archive.camera_config import CameraConfig
from archive.config import ForwardConfig, GalleryConfig, StorageConfig, StoreConfig
from archive.demo_view import DemoView
from archive.forwarder import Forwarder
from archive.gallery.serve import serve
from archive.index import Line
from archive.store import Store
from common.errors import ConfigError
from common.settings import check
from common.supervise import Job, supervise

log = logging.getLogger(__name__)

ROBOT = "demo"
SCENARIO = "faces"
RECENT = 200
CAMERA_KINDS = ("sim", "picamera2")


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says."""

    camera: str
    storage: StorageConfig
    all: bool = False
    duration_s: float | None = None
    gallery_port: int = 8090
    embedded: bool = False  # brokers of our own, though Mosquitto is installed
    preview: bool = False
    blur: bool = False


class Demo:
    """`run` until cancelled, the end of the video, or of its time."""

    def __init__(self, options: DemoOptions, view: Callable[["Demo"], DemoView]) -> None:
        self.options = options
        self.local: PrivateBroker | None = None
        self.remote: PrivateBroker | None = None
        self.camera: FaceCamera | None = None
        self.forwarder: Forwarder | None = None
        self.store: Store | None = None
        self.newest: deque[Line] = deque(maxlen=RECENT)
        self._took_s: deque[float] = deque(maxlen=RECENT)
        self._view = view(self)

    @property
    def latency_s(self) -> float | None:
        """From the picture's taking to the stored object, median."""
        return statistics.median(self._took_s) if self._took_s else None

    async def run(self) -> None:
        """Raises ConfigError, DeviceError."""
        with tempfile.TemporaryDirectory(prefix="tagalong-archive-") as name, self._view:
            folder = Path(name)
            kind: Kind | None = "embedded" if self.options.embedded else None
            self.local, self.remote = (
                PrivateBroker("local", folder / "local", kind=kind),
                PrivateBroker("remote", folder / "remote", kind=kind),
            )
            if self.local.warning:
                self._view.say(self.local.warning)
            self._view.say("Starting two brokers ...")
            async with self.local, self.remote:
                await self._run_chain(folder)

    async def _run_chain(self, folder: Path) -> None:
        assert self.local is not None
        assert self.remote is not None
        local, remote = _login(self.local), _login(self.remote)
        self.store = Store(
            StoreConfig(broker=_login(self.remote, STORE), storage=self.options.storage), on_stored=self._on_stored
        )
        self.forwarder = Forwarder(
            check(
                ForwardConfig,
                {
                    "local": local,
                    "remote": remote,
                    "spool": {"path": folder / "forward.db", "keep_free_mb": 0},
                    "confirm": "store" if self.remote.protocol == "5" else "broker",
                },
                "demo",
            )
        )
        self.camera = FaceCamera(_camera(self.options, local))
        jobs = [
            Job("store", self.store.run),
            Job("forwarder", self.forwarder.run),
            Job("gallery", self._gallery),
            Job("camera", self._see, ends_all=True),
            Job("view", self._view.run),
        ]
        if self.options.duration_s is not None:
            jobs.append(Job("end", lambda: asyncio.sleep(self.options.duration_s or 0), ends_all=True))
        await supervise(jobs)

    async def _gallery(self) -> None:
        options = self.options
        for port in (options.gallery_port, 0):  # the usual one is often taken: by another demo
            try:
                await serve(GalleryConfig(storage=options.storage, port=port), self._view.gallery_is_at)
            except ConfigError:
                if port == 0:
                    raise

    async def _see(self) -> None:
        """At the end of a video the chain empties before all ends."""
        assert self.camera is not None
        assert self.forwarder is not None
        assert self.store is not None
        await self.store.link.is_up.wait()  # a broker keeps for a store only what comes after its first visit
        await self.forwarder.local.is_up.wait()
        await self.camera.run(self._view.preview_is_at)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while self.store.counts["stored"] < self.camera.counts["published"]:  # noqa: ASYNC110  # once, at the end
                    await asyncio.sleep(0.05)

    def _on_stored(self, line: Line) -> None:
        self.newest.append(line)
        if line.face.time is not None:
            self._took_s.append((datetime.now(UTC) - line.face.time).total_seconds())
        self._view.stored(line)


def _login(broker: PrivateBroker, user: str | None = None) -> BrokerConfig:
    name = user or broker.username
    password = broker.password_of(name) if name else None
    return check(
        BrokerConfig,
        {"url": broker.url, "username": name, "password": password, "protocol": broker.protocol},
        "demo",
    )


def _camera(options: DemoOptions, local: BrokerConfig) -> CameraConfig:
    """Raises ConfigError."""
    camera: dict[str, Any] = {"kind": options.camera} if options.camera in CAMERA_KINDS else {}
    if options.camera == "sim":
        camera["scenario"] = SCENARIO
    elif not camera:
        camera = {"kind": "opencv", "source": options.camera}
    return check(
        CameraConfig,
        {
            "robot_id": ROBOT,
            "camera": camera,
            "broker": local,
            "choice": {"all": options.all, "every_s": 3.0},
            "handover": {"zeroconf": False},
            "preview": {"enabled": options.preview, "blur": options.blur, "port": 0},
        },
        "demo",
    )
