"""Real servers on 127.0.0.1, tiny real engines, and the messages of a Track stream."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import cv2
import grpc
import numpy as np

from edge_server.config import EdgeConfig
from edge_server.engines.base import Engine, Picture
from edge_server.server import EdgeServer
from protos.messages import Box, Detection
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc

QUIET: dict[str, Any] = {
    "id": "edge-under-test",
    "host": "127.0.0.1",
    "port": 0,
    "announce": {"enabled": False},
    "liquidedge": {"object_port": 0, "face_port": 0, "yolo_port": 0},
}


def config_of(**changes: Any) -> EdgeConfig:
    return EdgeConfig.model_validate({**QUIET, **changes})


class Blobs:
    """A small honest detector: boxes around what is bright. `gate`: closed, it keeps its thread busy."""

    name = "blobs"

    def __init__(self, task: str = "person", max_batch: int = 1) -> None:
        self.task = task
        self.max_batch = max_batch
        self.labels: tuple[str, ...] = (task,)
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []
        self.widths_px: list[int] = []
        self.error: Exception | None = None
        self.closed = False

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        self.gate.wait(30)
        self.batches.append(len(pictures))
        self.widths_px += [picture.bgr.shape[1] for picture in pictures]
        if self.error:
            raise self.error
        return [self._blobs(picture) for picture in pictures]

    def close(self) -> None:
        self.closed = True

    def _blobs(self, picture: Picture) -> list[Detection]:
        height, width = picture.bgr.shape[:2]
        bright = (picture.bgr.max(axis=2) > 160).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        found = []
        for x, y, w, h, area in stats[1:]:
            if area >= 100:
                blue, green, red = picture.bgr[y + h // 2, x + w // 2]
                box = Box(x / width, y / height, w / width, h / height)
                found.append(Detection(self.labels[0], min(1.0, area / 10_000), box, (int(red), int(green), int(blue))))
        return sorted(found, key=lambda each: -each.score)


def picture_of(*boxes_px: tuple[int, int, int, int], width: int = 320, height: int = 240) -> np.ndarray:
    """Black, with white boxes (x, y, w, h)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for x, y, w, h in boxes_px:
        pixels[y : y + h, x : x + w] = (255, 255, 255)
    return pixels


def jpeg_of(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels)[1].tobytes()


TWO_BOXES = jpeg_of(picture_of((32, 24, 80, 120), (200, 100, 40, 40)))
"""320x240 with two bright boxes, the larger first."""


@contextlib.asynccontextmanager
async def serving(config: EdgeConfig, *engines: Engine) -> AsyncIterator[EdgeServer]:
    """A real server that runs for the length of the block and is stopped as SIGTERM would."""
    server = EdgeServer(config, {engine.task: engine for engine in engines})
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


def address_of(server: EdgeServer) -> str:
    return f"127.0.0.1:{server.ports.port}"


class Track:
    """One Track stream as a robot would have it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.call = offload_pb2_grpc.OffloadStub(channel).Track()

    async def open(self, *tasks: str, robot: str = "robot", **fields: Any) -> pb.Opened:
        await self.call.write(pb.TrackRequest(open=pb.StreamOpen(robot_id=robot, tasks=tasks, **fields)))
        reply = await self.call.read()
        if reply is grpc.aio.EOF:
            raise await self.status()
        return reply.opened

    async def send(self, number: int, image: bytes, **fields: Any) -> None:
        frame = pb.Frame(number=number, capture_ns=number * 1000, image=image, encoding=pb.ENCODING_JPEG, **fields)
        await self.call.write(pb.TrackRequest(frame=frame))

    async def reply(self) -> pb.TrackReply:
        reply = await asyncio.wait_for(self.call.read(), 20)
        if reply is grpc.aio.EOF:
            raise await self.status()
        return reply

    async def result(self) -> pb.FrameResult:
        while True:
            reply = await self.reply()
            if reply.WhichOneof("kind") == "result":
                return reply.result

    async def until_the_end(self) -> AsyncIterator[None]:
        """Reads all that comes; gives nothing. Raises how the stream ended."""
        while True:
            await self.reply()
        yield

    async def status(self) -> grpc.aio.AioRpcError:
        return grpc.aio.AioRpcError(
            await self.call.code(), grpc.aio.Metadata(), await self.call.trailing_metadata(), await self.call.details()
        )


@contextlib.asynccontextmanager
async def channel_to(address: str, *options: tuple[str, Any]) -> AsyncIterator[grpc.aio.Channel]:
    """With a connection of its own: gRPC would share one among channels of a process."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1), *options]) as channel:
        yield channel


@contextlib.asynccontextmanager
async def track_to(server: EdgeServer) -> AsyncIterator[Track]:
    async with channel_to(address_of(server)) as channel:
        track = Track(channel)
        yield track
        track.call.cancel()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something that another thread or process does."""
    async with asyncio.timeout(20):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)
