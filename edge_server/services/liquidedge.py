"""The three services of the LIQUID EDGE demonstrator: an unmodified robot of theirs gets answers here."""

import asyncio
import logging
import socket
import time
from collections.abc import Mapping
from typing import Any

import grpc

from common.errors import BadImageError, LinkError
from edge_server.address import ipv4_as_integer, own_address
from edge_server.config import EdgeConfig
from edge_server.images import check_image
from edge_server.metrics import Metrics
from edge_server.services.parts import Ask, Found, Part, deadline_of
from edge_server.services.track import Full
from protos.liquidedge import detection_pb2 as pb
from protos.liquidedge import detection_pb2_grpc

log = logging.getLogger(__name__)
Context = Any  # grpc.aio.ServicerContext has no types
USERS = range(6)  # LIQUID EDGE knows users 0 to 5


class FaceDetection(detection_pb2_grpc.FaceDetectionServicer):
    def __init__(self, part: Part, max_image_px: int) -> None:
        self._part = part
        self._max_image_px = max_image_px

    async def FaceDetect(self, request: pb.FaceDetectionRequest, context: Context) -> pb.FaceDetectionResponse:
        try:
            ask = ask_of(request.frame, request.max_results, context, self._max_image_px)
            found = await self._part.find(ask)
        except FAILURES as error:
            await refuse(context, error)
        return pb.FaceDetectionResponse(
            number=request.frame.number, timestamp=request.frame.timestamp, faces=[face_to_pb(each) for each in found]
        )


class YoloDetection(detection_pb2_grpc.YoloDetectionServicer):
    """COCO's classes; where no engine for them is there, persons by the engine for persons."""

    def __init__(self, part: Part, max_image_px: int) -> None:
        self._part = part
        self._max_image_px = max_image_px

    async def YoloDetect(self, request: pb.YoloDetectionRequest, context: Context) -> pb.YoloDetectionResponse:
        try:
            ask = ask_of(request.frame, request.max_results, context, self._max_image_px)
            found = await self._part.find(ask)
        except FAILURES as error:
            await refuse(context, error)
        return pb.YoloDetectionResponse(
            number=request.frame.number, timestamp=request.frame.timestamp, yolos=[yolo_to_pb(each) for each in found]
        )


class ObjectDetection(detection_pb2_grpc.ObjectDetectionServicer):
    """The aggregator: asks both parts at the same time; a part that fails or hangs loses only what it would say."""

    def __init__(self, parts: Mapping[str, Part], config: EdgeConfig, metrics: Metrics) -> None:
        self._parts = parts  # "face", "yolo"; one that nobody can do here is missing
        self._config = config
        self._metrics = metrics
        self._host_name = socket.gethostname()
        self._lost_logged_s: dict[str, float] = {}

    async def ObjectDetect(self, request: pb.ObjectDetectionRequest, context: Context) -> pb.ObjectDetectionResponse:
        if request.user_id not in USERS:
            await context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"user_id {request.user_id} is not known; there are {USERS[0]} to {USERS[-1]}.",
            )
        try:
            ask = ask_of(request.frame, request.max_results, context, self._config.limits.max_image_px)
            wanted = [name for name, want in (("face", request.wantface), ("yolo", request.wantyolo)) if want]
            found = await self._ask_all([name for name in wanted if name in self._parts], ask)
        except FAILURES as error:
            await refuse(context, error)
        address = own_address(self._announced_host(), context.peer())
        return pb.ObjectDetectionResponse(
            number=request.frame.number,
            timestamp=request.frame.timestamp,
            objects=[object_to_pb(each, name) for name in ("face", "yolo") for each in found.get(name, [])],
            ipv4=ipv4_as_integer(address),
            name=self._host_name,
        )

    async def _ask_all(self, names: list[str], ask: Ask) -> dict[str, list[Found]]:
        """Raises the first failure only when no part answered at all."""
        answers = await asyncio.gather(*(self._parts[name].find(ask) for name in names), return_exceptions=True)
        found: dict[str, list[Found]] = {}
        failures: list[tuple[str, Exception]] = []
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, list):
                found[name] = answer
            elif isinstance(answer, FAILURES):
                failures.append((name, answer))
            else:
                raise answer
        bad_image = next((error for _, error in failures if isinstance(error, BadImageError)), None)
        if bad_image:
            raise bad_image
        for name, error in failures:
            self._lost(name, error)
        if failures and not found:
            raise failures[0][1]
        return found

    def _lost(self, name: str, error: Exception) -> None:
        self._metrics.parts_lost.labels(name).inc()
        now_s = time.monotonic()
        if now_s - self._lost_logged_s.get(name, -10.0) >= 10.0:  # not thirty lines a second
            self._lost_logged_s[name] = now_s
            log.warning("answers go out without their %s part: %s", name, str(error) or type(error).__name__)

    def _announced_host(self) -> str:
        announced = self._config.announce.address
        return announced.rpartition(":")[0] if announced else self._config.host


FAILURES = (BadImageError, Full, TimeoutError, LinkError)


def ask_of(frame: pb.VideoFrame, max_results: int, context: Context, max_image_px: int) -> Ask:
    """Raises BadImageError, from the image's header or for a limit below 0."""
    if max_results < 0:
        raise BadImageError(f"max_results is {max_results}; give 0 for no limit, or a number above.")
    header = check_image(frame.img, max_image_px)
    deadline_s = deadline_of(context)
    return Ask(frame.img, header, frame.number, frame.timestamp, max_results, context.peer(), deadline_s)


async def refuse(context: Context, error: Exception) -> None:
    """End a call with the status that says what the caller can do about it."""
    match error:
        case BadImageError():
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        case Full():
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), error.metadata)
        case TimeoutError():
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED, str(error) or "the engines are too busy to answer in time"
            )
        case _:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))


# ---- values to messages and back ----


def face_to_pb(face: Found) -> pb.DetectedFace:
    red, green, blue = face.mean_rgb
    return pb.DetectedFace(
        confidence=face.confidence, x=face.x_px, y=face.y_px, w=face.w_px, h=face.h_px, r=red, g=green, b=blue
    )


def yolo_to_pb(each: Found) -> pb.DetectedYolo:
    red, green, blue = each.mean_rgb
    return pb.DetectedYolo(
        name=each.label,
        confidence=each.confidence,
        x=each.x_px,
        y=each.y_px,
        w=each.w_px,
        h=each.h_px,
        r=red,
        g=green,
        b=blue,
    )


def object_to_pb(each: Found, part: str) -> pb.DetectedObject:
    red, green, blue = each.mean_rgb
    return pb.DetectedObject(
        name="face" if part == "face" else each.label,
        eng=pb.DetectedObject.FACE if part == "face" else pb.DetectedObject.YOLO,
        confidence=each.confidence,
        x=each.x_px,
        y=each.y_px,
        w=each.w_px,
        h=each.h_px,
        r=red,
        g=green,
        b=blue,
    )


def found_from_pb(each: pb.DetectedFace | pb.DetectedYolo) -> Found:
    return Found(
        label=each.name if isinstance(each, pb.DetectedYolo) else "face",
        confidence=each.confidence,
        x_px=each.x,
        y_px=each.y,
        w_px=each.w,
        h_px=each.h,
        mean_rgb=(each.r, each.g, each.b),
    )


async def ask_faces(channel: grpc.aio.Channel, ask: Ask, timeout_s: float) -> list[Found]:
    frame = pb.VideoFrame(number=ask.number, timestamp=ask.timestamp, img=ask.image)
    request = pb.FaceDetectionRequest(frame=frame, max_results=ask.max_results or NO_LIMIT)
    reply = await detection_pb2_grpc.FaceDetectionStub(channel).FaceDetect(request, timeout=timeout_s)
    return [found_from_pb(each) for each in reply.faces]


async def ask_yolo(channel: grpc.aio.Channel, ask: Ask, timeout_s: float) -> list[Found]:
    frame = pb.VideoFrame(number=ask.number, timestamp=ask.timestamp, img=ask.image)
    request = pb.YoloDetectionRequest(frame=frame, max_results=ask.max_results or NO_LIMIT)
    reply = await detection_pb2_grpc.YoloDetectionStub(channel).YoloDetect(request, timeout=timeout_s)
    return [found_from_pb(each) for each in reply.yolos]


NO_LIMIT = 1000  # a worker of LIQUID EDGE itself takes 0 at its word
