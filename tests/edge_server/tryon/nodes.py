"""Nodes for the tests of the try-on services: small real engines, servers in this process and in others.

`python -m tests.edge_server.tryon.nodes READY_FILE EDGE_CONFIG_JSON SECONDS` is one node until SIGTERM; its try-on
takes SECONDS for each picture.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np

from common.tls import TlsConfig
from edge_server.config import EdgeConfig
from edge_server.server import EdgeServer, write_ready_file
from edge_server.tryon.service_values import garment_to_data
from edge_server.tryon.stages import TryOnEngines
from edge_server.tryon.values import (
    BGR,
    UPPER_LANDMARKS,
    Area,
    BodyPose,
    Garment,
    KeyPoint,
    Kind,
    NoPersonError,
    Parsing,
    Person,
    Progress,
    TryOnError,
)
from protos.tryon import GarmentData, News
from protos.tryon_client import NodeClient
from protos.tryon_errors import UnknownGarmentError
from tests.edge_server.support import until

ROOT = Path(__file__).parents[3]


class Outline:
    """A small honest pose engine: whoever stands out from the upper left corner's colour."""

    name = "outline"

    def __init__(self) -> None:
        self.calls = 0
        self.closed = False

    def pose(self, bgr: BGR) -> BodyPose:
        self.calls += 1
        mask = (np.abs(bgr.astype(np.int16) - bgr[0, 0]).max(axis=2) > 40).astype(np.float32)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            raise NoPersonError("Nobody is to be seen.")
        height, width = mask.shape
        x0, x1, y0, y1 = columns[0] / width, columns[-1] / width, rows[0] / height, rows[-1] / height
        middle, tall = (x0 + x1) / 2, y1 - y0
        points = {"nose": KeyPoint(middle, y0 + 0.1 * tall, 0.9)}
        for side, x in (("left", x1), ("right", x0)):
            points[f"{side}_shoulder"] = KeyPoint(x, y0 + 0.25 * tall, 0.9)
            points[f"{side}_hip"] = KeyPoint(x, y0 + 0.6 * tall, 0.8)
        return BodyPose(points, mask)

    def close(self) -> None:
        self.closed = True


class Thirds:
    """Head, torso and legs by height alone."""

    name = "thirds"

    def __init__(self) -> None:
        self.calls = 0

    def parse(self, bgr: BGR, pose: BodyPose) -> Parsing:
        self.calls += 1
        height, width = bgr.shape[:2]
        assert pose.mask.shape == (height, width)
        labels = np.zeros((height, width), np.uint8)
        shoulders, hips = (int(height * pose.points[f"left_{name}"].y) for name in ("shoulder", "hip"))
        labels[:shoulders], labels[shoulders:hips], labels[hips:] = Area.FACE, Area.TORSO, Area.LEGS
        labels[pose.mask < 0.5] = Area.BACKGROUND
        return Parsing(labels)

    def close(self) -> None: ...


class Paint:
    """Colours the torso as the garment is coloured, in steps. `gate`: closed, it does not finish."""

    name = "paint"

    def __init__(self, seconds: float = 0.0) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.deaf = False  # True: it does not look whether anybody still waits
        self.seconds = seconds
        self.begun = 0
        self.stopped = 0
        self.together = 0  # calls at the same time, at most
        self._now = 0
        self.error: Exception | None = None

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        self.begun += 1
        self._now += 1
        self.together = max(self.together, self._now)
        try:
            if garment.kind is Kind.TROUSERS:
                raise TryOnError("Your legs are not to be seen: step back to try on trousers.")
            if self.error is not None:
                raise self.error
            began_s = time.monotonic()
            progress(0.1, "cutting")
            while not self.gate.wait(0.01) or time.monotonic() - began_s < self.seconds:
                if not self.deaf:
                    progress(0.5, "sewing")
                if self.gate.is_set():
                    time.sleep(0.01)
            torso = person.parsing.labels == Area.TORSO
            dressed = person.bgr.copy()
            worn = garment.bgra[garment.bgra[:, :, 3] > 127]
            dressed[torso] = worn[:, :3].mean(axis=0).astype(np.uint8)
            progress(0.9, "ironing")
            return dressed
        except Exception:
            self.stopped += 1
            raise
        finally:
            self._now -= 1

    def close(self) -> None: ...


class Hooks:
    """A wardrobe with one garment in it."""

    def __init__(self, *garments: Garment) -> None:
        self.garments = {each.garment_id: each for each in garments}

    def get(self, garment_id: str) -> Garment:
        if garment_id not in self.garments:
            raise UnknownGarmentError(f"there is no garment {garment_id!r} here")
        return self.garments[garment_id]


def shirt(garment_id: str = "red-shirt", bgr: tuple[int, int, int] = (20, 30, 200)) -> Garment:
    bgra = np.zeros((120, 100, 4), np.uint8)
    bgra[10:110, 20:80] = (*bgr, 255)
    return Garment(garment_id, "Red shirt", Kind.TOP, bgra, dict.fromkeys(UPPER_LANDMARKS, (0.5, 0.5)))


def shirt_data(**changes: Any) -> GarmentData:
    data = garment_to_data(shirt())
    fields = {name: getattr(data, name) for name in ("garment_id", "name", "kind", "image_png", "landmarks", "inside")}
    return GarmentData(**{**fields, **changes})


def person(width: int = 240, height: int = 320, colour: tuple[int, int, int] = (60, 160, 60)) -> BGR:
    """Somebody before a wall: taller than wide, and darker at the top, so that turning shows."""
    bgr = np.full((height, width, 3), 200, np.uint8)
    bgr[int(0.1 * height) : int(0.95 * height), int(0.35 * width) : int(0.65 * width)] = colour
    bgr[int(0.1 * height) : int(0.2 * height), int(0.4 * width) : int(0.6 * width)] = (40, 60, 90)
    return bgr


def jpeg(bgr: BGR, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def png(pixels: Any) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def pixels(image: bytes) -> BGR:
    return np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def node_config(tasks: tuple[str, ...] = ("tryon",), **changes: Any) -> EdgeConfig:
    quiet = {"id": "node", "host": "127.0.0.1", "port": 0, "announce": {"enabled": False}, "tasks": tasks}
    return EdgeConfig.model_validate({**quiet, **changes})


def engines(paint: Paint | None = None, pose: Outline | None = None) -> TryOnEngines:
    return TryOnEngines(pose or Outline(), Thirds(), paint or Paint(), Hooks(shirt()))


@contextlib.asynccontextmanager
async def running(config: EdgeConfig, tryon: TryOnEngines) -> AsyncIterator[EdgeServer]:
    server = EdgeServer(config, {}, tryon)
    ready = asyncio.Event()
    task = asyncio.create_task(server.run(lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    try:
        yield server
    finally:
        server.stop()
        await task


@contextlib.asynccontextmanager
async def client_of(address: str | EdgeServer, name: str = "node") -> AsyncIterator[NodeClient]:
    address = address if isinstance(address, str) else f"127.0.0.1:{address.ports.port}"
    client = NodeClient(name, address, TlsConfig())
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def raw_channel(server: EdgeServer, *options: tuple[str, Any]) -> AsyncIterator[grpc.aio.Channel]:
    address = f"127.0.0.1:{server.ports.port}"
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1), *options]) as channel:
        yield channel


class Process:
    """A node of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.address = f"127.0.0.1:{port}"

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    def memory(self) -> Mapping[str, int]:
        """Bytes, by the names of /proc/PID/status (VmRSS, VmHWM)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith("kB")}


@contextlib.asynccontextmanager
async def process_of(ready_file: Path, config: EdgeConfig, seconds: float = 0.0) -> AsyncIterator[Process]:
    settings = config.model_dump_json(exclude_defaults=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __spec__.name if __spec__ else __name__, str(ready_file), settings, str(seconds),
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        await until(lambda: ready_file.exists() or process.returncode is not None)
        assert process.returncode is None, "the node did not start"
        yield Process(process, _port_in(ready_file))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _port_in(ready_file: Path) -> int:
    return int(json.loads(ready_file.read_text())["port"])


class Heard:
    """Collects news, and lets a test wait for one."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def __call__(self, news: News) -> None:
        self.all.append(news)

    async def until(self, fits: Callable[[Any], bool]) -> None:
        await until(lambda: any(fits(news) for news in self.all))


async def _main() -> None:
    ready_file, settings, seconds = sys.argv[1:]
    server = EdgeServer(EdgeConfig.model_validate_json(settings), {}, engines(Paint(float(seconds))))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    await server.run(lambda ready: write_ready_file(Path(ready_file), ready))


if __name__ == "__main__":
    asyncio.run(_main())
