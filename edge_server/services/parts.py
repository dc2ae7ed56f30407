"""Where a part of a LIQUID EDGE answer comes from: an engine here, or another server. Both look alike."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc

from common.errors import BadImageError, LinkError
from common.tls import TlsConfig, open_channel
from edge_server.breaker import Breaker
from edge_server.dispatch import Dispatcher
from edge_server.images import ImageHeader
from edge_server.services.track import Full
from edge_server.work import Answer, FrameWork
from protos.messages import RGB, Detection, Outcome

CALL_S = 5.0  # a unary call without a deadline of its own is not served longer
MARGIN_S = 0.02  # left of the caller's deadline for the way back

_calls = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Found:
    """One object in pixels of the image as sent, origin top left."""

    label: str
    confidence: float
    x_px: int
    y_px: int
    w_px: int
    h_px: int
    mean_rgb: RGB

    @classmethod
    def from_detection(cls, each: Detection, header: ImageHeader) -> "Found":
        box = each.box.clipped()
        x_px, y_px = round(box.x * header.width_px), round(box.y * header.height_px)
        return cls(
            each.label,
            each.score,
            x_px,
            y_px,
            min(round(box.w * header.width_px), header.width_px - x_px),
            min(round(box.h * header.height_px), header.height_px - y_px),
            each.mean_rgb,
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """One image and what is wanted of it."""

    image: bytes = field(repr=False)
    header: ImageHeader
    number: int
    timestamp: int
    max_results: int  # 0: no limit
    peer: str  # among whom to be fair
    deadline_s: float  # on time.monotonic()


class Part(Protocol):
    """Faces, or YOLO's objects."""

    async def find(self, ask: Ask) -> list[Found]:
        """Raises Full, TimeoutError, BadImageError or LinkError."""
        ...

    async def close(self) -> None: ...


class LocalPart:
    """An engine of this process."""

    def __init__(self, dispatcher: Dispatcher, task: str) -> None:
        self.task = task
        self._dispatcher = dispatcher

    async def find(self, ask: Ask) -> list[Found]:
        call_id = f"call {next(_calls)}"
        admission = self._dispatcher.open(call_id, ask.peer, is_call=True)
        if not admission.admitted:
            self._dispatcher.count_refused()
            raise Full("too many calls wait here", admission.retry_after_s)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def on_answer(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        try:
            self._dispatcher.offer(call_id, (self.task,), ask.deadline_s, FrameWork(ask.image, ask.header, on_answer))
            async with asyncio.timeout(max(0.0, ask.deadline_s - time.monotonic())):
                answer = await answered
        finally:
            self._dispatcher.close(call_id)
        if answer.bad_image:
            raise BadImageError(answer.message)
        if answer.outcome is Outcome.EXPIRED:
            raise TimeoutError
        if answer.outcome is not Outcome.RESULT:
            raise LinkError(answer.message or f"the engine for {self.task} gives no answer now")
        found = [Found.from_detection(each, ask.header) for each in answer.detections[self.task]]
        return found[: ask.max_results or None]

    async def close(self) -> None: ...


RemoteCall = Callable[[grpc.aio.Channel, Ask, float], Awaitable[list[Found]]]


class RemotePart:
    """Another server's FaceDetection or YoloDetection."""

    def __init__(self, address: str, call: RemoteCall, tls: TlsConfig, within_s: float) -> None:
        self._address = address
        self._call = call
        self._within_s = within_s
        self._breaker = Breaker()
        self._channel = open_channel(
            address,
            tls,
            (
                # a worker that is back is found within half a second; by default gRPC waits up to two minutes
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 500),
                ("grpc.max_reconnect_backoff_ms", 500),
                ("grpc.max_receive_message_length", 8 * 1024 * 1024),
            ),
        )

    async def find(self, ask: Ask) -> list[Found]:
        now_s = time.monotonic()
        if not self._breaker.allows(now_s):
            raise LinkError(f"{self._address} did not answer of late and is left out for a moment")
        timeout_s = max(0.001, min(ask.deadline_s - now_s, self._within_s))
        try:
            found = await self._call(self._channel, ask, timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                self._breaker.succeeded()
                raise BadImageError(f"{self._address}: {error.details()}") from error
            self._breaker.failed(time.monotonic())
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(f"{self._address} did not answer in {timeout_s:.2f} s") from error
            raise LinkError(f"{self._address}: {error.code().name}: {error.details()}") from error
        except asyncio.CancelledError:
            self._breaker.given_up()
            raise
        self._breaker.succeeded()
        return found[: ask.max_results or None]

    async def close(self) -> None:
        await self._channel.close()


def deadline_of(context: Any) -> float:
    """The caller's deadline, less the way back, on time.monotonic()."""
    left_s = context.time_remaining()
    if left_s is None or math.isinf(left_s):
        left_s = CALL_S
    return time.monotonic() + max(0.0, min(left_s, CALL_S) - MARGIN_S)
