"""`remote`: another server does the work, so that one process can be the aggregator and others its workers."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import grpc

from common.errors import BadImageError, ConfigError, LinkError
from common.tls import TlsConfig, open_blocking_channel
from edge_server.engines.base import Picture
from edge_server.engines.coco import COCO
from edge_server.engines.imaging import best_first, check
from edge_server.engines.remote_stream import TrackStream
from protos.liquidedge import detection_pb2 as le
from protos.liquidedge import detection_pb2_grpc as le_grpc
from protos.messages import RGB, Box, Detection, EncodedFrame, Encoding, Outcome

Kind = Literal["native", "face", "yolo"]
TASK_OF_KIND = {"native": "person", "face": "face", "yolo": "coco"}
LABELS = {"person": ("person",), "face": ("face",), "coco": COCO}
TIMEOUT_S = 0.5  # a worker that needs longer is of no use to a robot, whose own budget is 0.3 s
QUALITY = 90  # of the JPEG when a picture did not come encoded
RECONNECT = (
    # gRPC waits 1 s, then up to 120 s, before it tries a dead address again: far too long beside a robot.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


class RemoteEngine:
    """`kind`: "native" (the Track stream of another `tagalong edge`), "face" or "yolo" (a LIQUID EDGE worker).

    Every call has a deadline of `timeout_s`; what comes later is dropped. The connection is made when first needed and
    again after it broke, so a worker may start later or come back.
    """

    name = "remote"
    max_batch = 1

    def __init__(
        self,
        address: str,
        kind: Kind = "native",
        task: str = "",
        timeout_s: float = TIMEOUT_S,
        max_results: int = 0,
        tls: TlsConfig | None = None,
    ) -> None:
        """`task`: for a native server any task it has; else it follows from the kind. Raises ConfigError."""
        if kind not in TASK_OF_KIND:
            raise ConfigError(f"remote: there is no kind {kind!r}. There are: {', '.join(TASK_OF_KIND)}.")
        self.task = task or TASK_OF_KIND[kind]
        if kind != "native" and self.task != TASK_OF_KIND[kind]:
            raise ConfigError(f"remote: a worker of kind {kind} does the task {TASK_OF_KIND[kind]}, not {self.task!r}.")
        if ":" not in address or timeout_s <= 0:
            raise ConfigError(f"remote: address {address!r} or timeout {timeout_s} s is wrong. Give host:port and > 0.")
        self.labels: tuple[str, ...] = LABELS.get(self.task, (self.task,))
        self.address, self._kind, self._timeout_s, self._max_results = address, kind, timeout_s, max_results
        self._channel = open_blocking_channel(address, tls or TlsConfig(), RECONNECT)
        self._stream = TrackStream(self._channel, address, self.task, max_results) if kind == "native" else None
        self._number = 0

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Raises LinkError when the other server does not answer in time, is full or goes away."""
        return [self._one(picture) for picture in pictures]

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._channel.close()

    def _one(self, picture: Picture) -> list[Detection]:
        height, width = check(picture.bgr)
        self._number += 1
        if self._stream is not None:
            return self._native(self._stream, picture, width, height)
        try:
            return best_first(self._liquidedge(_encoded(picture), width, height))
        except grpc.RpcError as error:
            raise LinkError(f"{self.address} ({self._kind}) failed: {_why(error, self._timeout_s)}") from error

    def _native(self, stream: TrackStream, picture: Picture, width: int, height: int) -> list[Detection]:
        image = _encoded(picture)
        encoding = Encoding.JPEG if image.startswith(b"\xff\xd8") else Encoding.PNG
        frame = EncodedFrame(self._number, 0, image, width, height, self._timeout_s, encoding, picture.truth)
        reply = stream.ask(frame, self._timeout_s)
        if reply.outcome is not Outcome.RESULT:
            raise LinkError(f"{self.address} answered {reply.outcome}: {reply.message or 'no reason given'}")
        return best_first(list(reply.detections))

    def _liquidedge(self, image: bytes, width: int, height: int) -> list[Detection | None]:
        frame = le.VideoFrame(number=self._number & 0x7FFFFFFF, timestamp=0, img=image)
        limit = self._max_results or 1000
        if self._kind == "face":
            request = le.FaceDetectionRequest(frame=frame, max_results=limit)
            faces = le_grpc.FaceDetectionStub(self._channel).FaceDetect(request, timeout=self._timeout_s).faces
            return [_detection("face", face, width, height) for face in faces]
        asked = le.YoloDetectionRequest(frame=frame, max_results=limit)
        yolos = le_grpc.YoloDetectionStub(self._channel).YoloDetect(asked, timeout=self._timeout_s).yolos
        return [_detection(yolo.name, yolo, width, height) for yolo in yolos]


def _detection(label: str, found: Any, width: int, height: int) -> Detection | None:
    """From pixels; None for a box or a score that no picture can hold."""
    box = Box(found.x / width, found.y / height, found.w / width, found.h / height).clipped()
    if not box.is_sane or not math.isfinite(found.confidence):
        return None
    colour: RGB = (min(found.r, 255), min(found.g, 255), min(found.b, 255))
    return Detection(label, min(max(found.confidence, 0.0), 1.0), box, colour)


def _encoded(picture: Picture) -> bytes:
    if picture.encoded:
        return picture.encoded
    done, data = cv2.imencode(".jpg", picture.bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise BadImageError(f"a picture of shape {picture.bgr.shape} cannot be written as JPEG")
    return bytes(data)


def _why(error: grpc.RpcError, timeout_s: float) -> str:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer in {timeout_s:.2f} s"
    return f"{error.code().name.lower()}: {error.details()}"
