"""A link to a server of the LIQUID EDGE demonstrator: one unary call a frame, each with its deadline.

There is no Describe and no Probe. A request for neither faces nor objects is the cheapest thing its aggregator answers,
so that is the probe; and a server that answers one is up. Nor does it say that one of its parts failed: where extra
tasks are asked for, an answer with faces alone may mean that nobody else is there, or that its YOLO is gone.
"""

import asyncio
import time

import grpc

from common.errors import LinkError
from common.tls import TlsConfig, open_channel
from handover.links.base import LinkEvents
from handover.links.errors import link_errors
from handover.links.native import OPTIONS
from handover.values import Probe, Server
from protos.liquidedge import detection_pb2 as pb
from protos.liquidedge import detection_pb2_grpc as rpc
from protos.messages import Box, Detection, EncodedFrame, FrameReply, Load, Outcome, StreamOpen

USER_ID = 0  # 0 to 5 are valid
INT32 = 0x7FFF_FFFF
RETRY_S = 0.5  # it has no word for "come back later"
YOLO_TASKS = {"person", "coco"}


class LiquidEdgeLink:
    """See `handover.links.base.Link`."""

    def __init__(
        self,
        server: Server,
        hello: StreamOpen,
        tls: TlsConfig,
        connect_timeout_s: float,
        events: LinkEvents,
        deadline_s: float = 1.0,
    ) -> None:
        self._name = f"{server.server_id} ({server.address})"
        self._address = server.address
        self._hello = hello
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._deadline_s = deadline_s
        self._events = events
        self._channel: grpc.aio.Channel | None = None
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        await self.close()
        try:
            with link_errors(self._name, "connecting"):
                await self._ask(pb.ObjectDetectionRequest(user_id=USER_ID), self._connect_timeout_s)
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._events.link_up(None)
                await asyncio.Event().wait()
        except LinkError as error:
            self._events.link_down(str(error))
        except ExceptionGroup as failed:
            links, others = failed.split(LinkError)
            if others is not None:
                raise
            self._events.link_down(str(links.exceptions[0]) if links else str(failed))
        finally:
            self._group = None

    def send(self, frame: EncodedFrame) -> None:
        if self._group is not None:  # the core's window bounds how many there are
            self._group.create_task(self._detect(frame), name=f"frame {frame.number} to {self._name}")

    async def probe(self, probe: Probe) -> None:
        sent_s = time.monotonic()
        request = pb.ObjectDetectionRequest(user_id=USER_ID, frame=pb.VideoFrame(img=bytes(probe.padding_bytes)))
        try:
            with link_errors(self._name, "a probe"):
                await self._ask(request, probe.timeout_s)
        except LinkError:
            self._events.probe_lost(probe.probe)
        else:
            self._events.probe_answered(probe.probe, time.monotonic() - sent_s, 0.0, Load())

    async def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _ask(self, request: pb.ObjectDetectionRequest, timeout_s: float) -> pb.ObjectDetectionResponse | None:
        """None: it answered with an error of its own, so it is there."""
        if self._channel is None:
            self._channel = open_channel(self._address, self._tls, OPTIONS)
        try:
            return await rpc.ObjectDetectionStub(self._channel).ObjectDetect(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.UNIMPLEMENTED,
            ):
                raise
            return None

    async def _detect(self, frame: EncodedFrame) -> None:
        tasks = {*self._hello.tasks, *self._hello.extra_tasks}
        number = frame.number & INT32
        request = pb.ObjectDetectionRequest(
            user_id=USER_ID,
            frame=pb.VideoFrame(number=number, timestamp=frame.capture_ns, img=frame.image),
            wantface=int("face" in tasks),
            wantyolo=int(bool(tasks & YOLO_TASKS)),
            max_results=self._hello.max_results or INT32,
        )
        try:
            with link_errors(self._name, f"frame {frame.number}"):
                response = await self._ask(request, self._deadline_s)
        except LinkError as error:
            cause = error.__cause__
            if isinstance(cause, grpc.aio.AioRpcError) and cause.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return  # the core has noticed the silence long before
            raise
        if response is None:
            reply = FrameReply(frame.number, frame.capture_ns, Outcome.REJECTED, retry_after_s=RETRY_S)
        elif (response.number, response.timestamp) != (number, frame.capture_ns):
            self._events.bad_message(f"its answer to frame {frame.number} is that to {response.number}")
            return
        else:
            reply = self._reply(frame, response)
        self._events.reply(reply)

    def _reply(self, frame: EncodedFrame, response: pb.ObjectDetectionResponse) -> FrameReply:
        detections: list[Detection] = []
        bad = 0
        for found in response.objects:
            detection = _detection(frame, found)
            if not detection.box.is_sane or not 0 <= detection.score <= 1:
                bad += 1
            elif self._is_wanted(detection.label):
                detections.append(detection)
        return FrameReply(frame.number, frame.capture_ns, Outcome.RESULT, tuple(detections), bad_boxes=bad)

    def _is_wanted(self, label: str) -> bool:
        hello = self._hello
        if _finds(hello.extra_tasks, label):
            return True
        return _finds(hello.tasks, label) and (not hello.labels or label in hello.labels)


def _finds(tasks: tuple[str, ...], label: str) -> bool:
    return "coco" in tasks or (label in ("face", "person") and label in tasks)


def _detection(frame: EncodedFrame, found: pb.DetectedObject) -> Detection:
    """Pixels of the sent image to shares of it; boxes that stick out are cut, as their detectors leave them so."""
    width, height = max(frame.width_px, 1), max(frame.height_px, 1)
    box = Box(found.x / width, found.y / height, found.w / width, found.h / height).clipped()
    return Detection(found.name, found.confidence, box, (found.r & 255, found.g & 255, found.b & 255))
