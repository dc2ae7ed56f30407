"""A small real server of the Open Inference Protocol (KServe v2) over gRPC, with models that do arithmetic."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from edge_server.tryon.values import KEY_POINTS, UPPER_LANDMARKS, Area

Arrays = Mapping[str, NDArray[Any]]
Shape = tuple[int, ...]
DTYPES = {"UINT8": np.uint8, "FP32": np.float32, "INT32": np.int32, "INT64": np.int64}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


class Refused(Exception):
    """A model that cannot use a picture."""


@dataclass
class Model:
    inputs: dict[str, tuple[str, Shape]]
    outputs: dict[str, tuple[str, Shape]]
    run: Callable[[Arrays, Callable[[], bool]], Arrays]
    ready: bool = True
    cancelled: threading.Event = field(default_factory=threading.Event)


def bright_middle(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
    """All points in the middle of what is bright, shoulders beside it."""
    image = arrays["image"]
    mask = (image.max(axis=2) > 50).astype(np.float32)
    if not mask.any():
        return {"points": np.zeros((33, 3), np.float32), "mask": mask, "people": np.zeros(1, np.int32)}
    rows, columns = np.nonzero(mask)
    points = np.tile(
        np.array([columns.mean() / image.shape[1], rows.mean() / image.shape[0], 0.9], np.float32), (33, 1)
    )
    points[KEY_POINTS.index("left_shoulder"), 0] += 0.1
    return {"points": points, "mask": mask, "people": np.ones(1, np.int32)}


def all_torso(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
    return {"labels": (arrays["mask"] > 0.5).astype(np.uint8) * np.uint8(Area.TORSO)}


def paste(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
    """The garment, with its neck at the point of the nose, over the torso's pixels."""
    image, garment = arrays["image"], arrays["garment"]
    height, width = image.shape[:2]
    scale = width / garment.shape[1]
    neck = arrays["landmarks"][UPPER_LANDMARKS.index("neck_front")]
    nose = arrays["points"][KEY_POINTS.index("nose")]
    left = nose[0] * width - neck[0] * garment.shape[1] * scale
    top = nose[1] * height - neck[1] * garment.shape[0] * scale
    moved = cv2.warpAffine(garment, np.array([[scale, 0, left], [0, scale, top]], np.float32), (width, height))
    covered = (moved[:, :, 3:] > 127) & (arrays["labels"][:, :, None] == Area.TORSO)
    return {"dressed": np.where(covered, moved[:, :, :3], image)}


def slow(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
    for _ in range(2000):
        if not wanted():
            raise TimeoutError
        time.sleep(0.01)
    return paste(arrays, wanted)


def refuse(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
    raise Refused("Turn to the camera.")


def fail(arrays: Arrays, wanted: Callable[[], bool]) -> Arrays:
    raise ZeroDivisionError("CUDA error")


BODY: dict[str, tuple[str, Shape]] = {
    "image": ("UINT8", (-1, -1, 3)),
    "points": ("FP32", (33, 3)),
    "mask": ("FP32", (-1, -1)),
}
DRESSING: dict[str, tuple[str, Shape]] = {
    **BODY,
    "labels": ("UINT8", (-1, -1)),
    "garment": ("UINT8", (-1, -1, 4)),
    "landmarks": ("FP32", (-1, 2)),
    "kind": ("INT32", (1,)),
}
DRESSED: dict[str, tuple[str, Shape]] = {"dressed": ("UINT8", (-1, -1, 3))}


def models() -> dict[str, Model]:
    """Fresh ones; a test adds its own."""
    pose: dict[str, tuple[str, Shape]] = {
        "points": ("FP32", (33, 3)),
        "mask": ("FP32", (-1, -1)),
        "people": ("INT32", (1,)),
    }
    return {
        "pose": Model({"image": ("UINT8", (-1, -1, 3))}, pose, bright_middle),
        "parsing": Model({"mask": BODY["mask"]}, {"labels": ("UINT8", (-1, -1))}, all_torso),
        "tryon": Model(DRESSING, DRESSED, paste),
        "slow": Model(DRESSING, DRESSED, slow),
        "refusing": Model(DRESSING, DRESSED, refuse),
        "failing": Model(DRESSING, DRESSED, fail),
    }


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, served: dict[str, Model]) -> None:
        self.models = served
        self.ready = True

    def ServerLive(self, request: Any, context: Any) -> Any:
        return pb.ServerLiveResponse(live=True)

    def ServerReady(self, request: Any, context: Any) -> Any:
        return pb.ServerReadyResponse(ready=self.ready)

    def ModelReady(self, request: Any, context: Any) -> Any:
        model = self.models.get(request.name)
        return pb.ModelReadyResponse(ready=model is not None and model.ready)

    def ModelMetadata(self, request: Any, context: Any) -> Any:
        model = self._model(request.name, context)
        kind = pb.ModelMetadataResponse.TensorMetadata
        return pb.ModelMetadataResponse(
            name=request.name,
            versions=["1"],
            inputs=[kind(name=n, datatype=d, shape=s) for n, (d, s) in model.inputs.items()],
            outputs=[kind(name=n, datatype=d, shape=s) for n, (d, s) in model.outputs.items()],
        )

    def ModelInfer(self, request: Any, context: Any) -> Any:
        model = self._model(request.model_name, context)
        arrays = {}
        for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
            datatype, shape = model.inputs[tensor.name]
            array = np.frombuffer(raw, DTYPES[datatype]).reshape(tuple(tensor.shape))
            arrays[tensor.name] = array[0] if len(shape) == 4 else array  # a batch of one
        if set(arrays) != set(model.inputs):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "inputs are missing")
        context.add_callback(model.cancelled.set)
        try:
            found = model.run(arrays, context.is_active)
        except Refused as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except Exception as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        response = pb.ModelInferResponse(model_name=request.model_name, model_version="1")
        for name, array in found.items():
            response.outputs.add(name=name, datatype=NAMES[array.dtype], shape=array.shape)
            response.raw_output_contents.append(np.ascontiguousarray(array).tobytes())
        return response

    def _model(self, name: str, context: Any) -> Model:
        if name not in self.models:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown model: {name}")
        return self.models[name]


@contextmanager
def inference_server(served: dict[str, Model], address: str = "127.0.91.1:0") -> Iterator[tuple[Service, str]]:
    """The service and where it listens."""
    service = Service(served)
    pool = ThreadPoolExecutor(8)
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 64 << 20)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(service, server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield service, f"{address.rpartition(':')[0]}:{port}"
    finally:
        server.stop(None).wait()
        pool.shutdown()
