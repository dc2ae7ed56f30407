"""`remote:address=shm:///path`: engines of another process, by whichever way its address says.

The other process is `python -m edge_server.tryon.transport`. What is small goes as the protobuf messages of try-on,
pixels go as tensors beside them: nothing is encoded, and over shared memory a picture is copied once.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from common.errors import BadMessageError, ConfigError
from edge_server.tryon.transport.calls import Caller, CallRefused, Emit, Stopped
from edge_server.tryon.transport.parcel import Parcel
from edge_server.tryon.transport.ways import connect
from edge_server.tryon.values import (
    BGR,
    Area,
    BodyPose,
    CancelledTryOn,
    Facing,
    Garment,
    KeyPoint,
    Kind,
    NoPersonError,
    Parsing,
    ParsingEngine,
    Person,
    PoseEngine,
    Progress,
    TryOnEngine,
    TryOnError,
)
from protos.tagalong.v1 import tryon_pb2 as pb
from protos.tryon import GarmentData, Point, PoseData
from protos.tryon_errors import BusyError, EngineFailedError

POSE, PARSING, TRYON = b"P", b"A", b"T"  # first byte of a call's head
_FULL_S = 1.0
_KNOWN: dict[str, type[TryOnError]] = {
    "TryOnError": TryOnError,
    "NoPersonError": NoPersonError,
    "CancelledTryOn": CancelledTryOn,
}


class _Remote:
    def __init__(self, address: str, timeout_s: float) -> None:
        if timeout_s <= 0:
            raise ConfigError(f"remote: timeout {timeout_s} s is wrong. Give more than 0.")
        self._caller: Caller = connect(address)
        self._timeout_s = timeout_s
        self.name = f"remote-{address.partition(':')[0]}"

    def close(self) -> None:
        self._caller.close()

    def _ask(
        self,
        head: bytes,
        tensors: tuple[NDArray[Any], ...],
        on_event: Callable[[bytes], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Parcel:
        """Raises LinkError (nobody there, too late), EngineFailedError, and the engines' own TryOnErrors."""
        try:
            return self._caller.call(Parcel(head, tensors), self._timeout_s, on_event, check)
        except CallRefused as error:
            if error.kind in _KNOWN:
                raise _KNOWN[error.kind](str(error)) from error
            if error.kind == "Full":
                raise BusyError(f"{self._caller.address}: {error}", _FULL_S) from error
            raise EngineFailedError(f"{self._caller.address}: {error}") from error

    def _wrong(self, what: str) -> EngineFailedError:
        return EngineFailedError(f"{self._caller.address} answers {what}, which fits no picture that was sent")


class RemotePose(_Remote):
    """Implements `values.PoseEngine`."""

    def __init__(self, address: str, timeout_s: float = 5.0) -> None:
        """Raises ConfigError."""
        super().__init__(address, timeout_s)

    def pose(self, bgr: BGR) -> BodyPose:
        reply = self._ask(POSE, (bgr,))
        try:
            return _pose(reply.head, reply.tensors, bgr.shape[:2])
        except BadMessageError as error:
            raise self._wrong(str(error)) from error


class RemoteParsing(_Remote):
    """Implements `values.ParsingEngine`."""

    def __init__(self, address: str, timeout_s: float = 5.0) -> None:
        """Raises ConfigError."""
        super().__init__(address, timeout_s)

    def parse(self, bgr: BGR, pose: BodyPose) -> Parsing:
        reply = self._ask(PARSING + _pose_head(pose), (bgr, pose.mask))
        try:
            return _parsing(reply.tensors, bgr.shape[:2])
        except BadMessageError as error:
            raise self._wrong(str(error)) from error


class RemoteTryOn(_Remote):
    """Implements `values.TryOnEngine`."""

    def __init__(self, address: str, timeout_s: float = 30.0) -> None:
        """Raises ConfigError."""
        super().__init__(address, timeout_s)

    def try_on(self, person: Person, garment: Garment, progress: Progress) -> BGR:
        last = (0.0, "sending the picture")

        def told(event: bytes) -> None:
            nonlocal last
            share, _, what = event.decode("utf-8", "replace").partition(" ")
            last = (int(share) / 1000 if share.isdigit() else 0.0, what)
            progress(*last)

        progress(*last)
        request = pb.TryOnRequest(whole=_garment_data(garment).to_pb(), pose=_pose_data(person.pose).to_pb())
        tensors = (person.bgr, person.pose.mask, person.parsing.labels, garment.bgra)
        reply = self._ask(TRYON + request.SerializeToString(), tensors, told, lambda: progress(*last))
        try:
            (dressed,) = _typed(reply.tensors, (np.uint8, person.bgr.shape))
        except BadMessageError as error:
            raise self._wrong(str(error)) from error
        return dressed


class EngineHost:
    """The answering side: a handler for `transport.serve`. Each engine does one call at a time."""

    def __init__(
        self,
        pose: PoseEngine | None = None,
        parsing: ParsingEngine | None = None,
        tryon: TryOnEngine | None = None,
    ) -> None:
        self._pose, self._parsing, self._tryon = pose, parsing, tryon
        self._turns = {task: threading.Lock() for task in (POSE, PARSING, TRYON)}

    def __call__(self, call: Parcel, emit: Emit) -> Parcel:
        """Raises BadMessageError for a call that makes no sense, and what the engines raise."""
        task, head = call.head[:1], call.head[1:]
        turn = self._turns.get(task)
        if turn is None:
            raise BadMessageError(f"there is no engine {task!r}")
        while not turn.acquire(timeout=0.1):
            emit(b"0 waiting for an engine")  # raises when the caller has gone
        try:
            if task == POSE:
                return self._find(call)
            return self._parse(head, call) if task == PARSING else self._try_on(head, call, emit)
        finally:
            turn.release()

    def close(self) -> None:
        for engine in (self._pose, self._parsing, self._tryon):
            if engine is not None:
                engine.close()

    def _find(self, call: Parcel) -> Parcel:
        pose = _offered(self._pose, "pose").pose(_bgr(call.tensors[:1]).copy())
        return Parcel(_pose_head(pose), (pose.mask,))

    def _parse(self, head: bytes, call: Parcel) -> Parcel:
        engine, bgr = _offered(self._parsing, "parsing"), _bgr(call.tensors[:1])
        pose = _pose(head, call.tensors[1:], bgr.shape[:2])
        return Parcel(b"", (engine.parse(bgr.copy(), pose).labels,))

    def _try_on(self, head: bytes, call: Parcel, emit: Emit) -> Parcel:
        engine, bgr = _offered(self._tryon, "tryon"), _bgr(call.tensors[:1]).copy()
        try:
            request = pb.TryOnRequest.FromString(head)
        except DecodeError as error:
            raise BadMessageError("a call to try on cannot be read") from error
        pose = _pose(request.pose.SerializeToString(), call.tensors[1:2], bgr.shape[:2])
        parsing = _parsing(call.tensors[2:3], bgr.shape[:2])
        garment = _garment(GarmentData.from_pb(request.whole), call.tensors[3:])

        def progress(share: float, what: str) -> None:
            try:
                emit(f"{round(min(max(share, 0.0), 1.0) * 1000)} {what}".encode())
            except Stopped as error:
                raise CancelledTryOn(str(error)) from error

        return Parcel(b"", (engine.try_on(Person(bgr, pose, parsing), garment, progress),))


def _offered(engine: Any, task: str) -> Any:
    if engine is None:
        raise BadMessageError(f"this process does not do {task}")
    return engine


def _typed(tensors: tuple[NDArray[Any], ...], *expected: tuple[Any, tuple[int, ...]]) -> tuple[NDArray[Any], ...]:
    """Raises BadMessageError unless they have these types and shapes; -1: any size."""
    if len(tensors) != len(expected):
        raise BadMessageError(f"{len(tensors)} tensors instead of {len(expected)}")
    for tensor, (dtype, shape) in zip(tensors, expected, strict=True):
        fits = tensor.ndim == len(shape) and all(
            mine in (-1, size) and size for mine, size in zip(shape, tensor.shape, strict=True)
        )
        if tensor.dtype != dtype or not fits:
            raise BadMessageError(
                f"a tensor of {tensor.dtype} {list(tensor.shape)} instead of {np.dtype(dtype)} {list(shape)}"
            )
    return tensors


def _bgr(tensors: tuple[NDArray[Any], ...]) -> BGR:
    (bgr,) = _typed(tensors, (np.uint8, (-1, -1, 3)))
    return bgr


def _pose_data(pose: BodyPose) -> PoseData:
    points = {name: Point(*point) for name, point in pose.points.items()}
    return PoseData(points, b"", pose.people, str(pose.facing))


def _pose_head(pose: BodyPose) -> bytes:
    return bytes(_pose_data(pose).to_pb().SerializeToString())


def _pose(head: bytes, tensors: tuple[NDArray[Any], ...], size: tuple[int, ...]) -> BodyPose:
    try:
        data = PoseData.from_pb(pb.BodyPose.FromString(head))
    except DecodeError as error:
        raise BadMessageError("a pose cannot be read") from error
    (mask,) = _typed(tensors, (np.float32, size))
    mask = np.clip(np.nan_to_num(mask), 0, 1)  # a copy
    points = {name: KeyPoint(*point) for name, point in data.points.items()}
    return BodyPose(points, mask, data.people, Facing(data.facing))


def _parsing(tensors: tuple[NDArray[Any], ...], size: tuple[int, ...]) -> Parsing:
    (labels,) = _typed(tensors, (np.uint8, size))
    labels = labels.copy()  # before it is looked at: over shared memory the other side could still write
    if labels.max(initial=0) > max(Area):
        raise BadMessageError(f"label {labels.max()} is no area of the body")
    return Parsing(labels)


def _garment_data(garment: Garment) -> GarmentData:
    return GarmentData(garment.garment_id, garment.name, str(garment.kind), b"", dict(garment.landmarks))


def _garment(data: GarmentData, tensors: tuple[NDArray[Any], ...]) -> Garment:
    (bgra,) = _typed(tensors, (np.uint8, (-1, -1, 4)))
    return Garment(data.garment_id, data.name, Kind(data.kind), bgra.copy(), dict(data.landmarks))
