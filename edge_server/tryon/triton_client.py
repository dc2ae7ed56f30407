"""One model of a server that speaks the Open Inference Protocol (KServe v2) over gRPC: Triton, OpenVINO Model Server.

Needs `pip install 'tagalong[triton]'`, which is tritonclient without its own extra `grpc`: that one only pins protobuf
below 7, and the client works with ours (by hand: `pip install --no-deps tritonclient`, then python-rapidjson, urllib3).
"""

import importlib
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigError, ModelError, TagalongError
from common.tls import KEEPALIVE
from edge_server.engines.specs import MissingLibraryError
from edge_server.tryon.triton_layout import Arrays, Layout, Tensor
from edge_server.tryon.values import TryOnError
from protos.tryon_errors import EngineFailedError, NodeGoneError, TooLateError

TICK_S = 0.05  # how soon somebody who does not want the answer any more is heard
READY_S = 2.0  # for each question about the server and its model
MAX_MESSAGE = 64 << 20
OPTIONS = (
    *KEEPALIVE,
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.use_local_subchannel_pool", 1),
    # A server that is back is found within half a second; by default gRPC waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 500),
)
DTYPES = {"UINT8": np.dtype(np.uint8), "FP32": np.dtype(np.float32), "INT32": np.dtype(np.int32)}


class InferenceClient:
    """The server may start later, or go and come back: it is looked at before the first call and after a failure."""

    def __init__(self, address: str, model: str, layout: Layout, timeout_s: float, authority: str = "") -> None:
        """`authority`: a PEM file with whom to trust turns TLS on. Raises ConfigError."""
        if ":" not in address or "/" in address or timeout_s <= 0:
            raise ConfigError(f"triton: address {address!r} or timeout {timeout_s} s is wrong. Give host:port and > 0.")
        try:
            self._library = importlib.import_module("tritonclient.grpc")
            self._error = importlib.import_module("tritonclient.utils").InferenceServerException
        except ImportError as error:
            raise MissingLibraryError(
                f"engine triton needs the library {error.name or error}. Run: pip install 'tagalong[triton]'"
            ) from error
        self.address, self.model = address, model
        self._layout, self._timeout_s = layout, timeout_s
        if authority and not os.access(authority, os.R_OK):
            raise ConfigError(f"triton: {authority} cannot be read. Give a PEM file.")
        self._client = self._library.InferenceServerClient(
            address, ssl=bool(authority), root_certificates=authority or None, channel_args=list(OPTIONS)
        )
        self._takes: dict[str, bool] | None = None  # inputs of the model, and whether they have a batch dimension
        self._gives: dict[str, bool] = {}

    def infer(self, arrays: Arrays, check: Callable[[], None] = lambda: None) -> dict[str, NDArray[Any]]:
        """Outputs by name, without a batch dimension, of the type and number of dimensions that the layout says.

        `check` is called every 50 ms; what it raises cancels the call. Raises NodeGoneError, TooLateError,
        EngineFailedError, TryOnError (the model refuses this picture), ModelError (the model is not what is expected).
        """
        due_s = time.monotonic() + self._timeout_s
        try:
            if self._takes is None:
                self._takes, self._gives = self._look()
            result = self._call(self._takes, arrays, due_s, check)
            return {each.name: self._read(result, each) for each in self._layout.gives if each.name in self._gives}
        except self._error as error:
            raise self._ours(error) from error
        except (NodeGoneError, ModelError):
            self._takes = None
            raise

    def close(self) -> None:
        self._client.close()

    def _look(self) -> tuple[dict[str, bool], dict[str, bool]]:
        """Is it there, is it ready, has it the tensors that we know?"""
        if not self._client.is_server_ready(client_timeout=READY_S):
            raise NodeGoneError(f"the inference server {self.address} is not ready yet. Wait for its models to load.")
        if not self._client.is_model_ready(self.model, client_timeout=READY_S):
            raise NodeGoneError(f"{self.address} has no model {self.model!r} that is ready. Load it there.")
        about = self._client.get_model_metadata(self.model, client_timeout=READY_S)
        inputs = {each.name: self._checked(each, self._layout.takes, "input") for each in about.inputs}
        known = {each.name for each in self._layout.gives}
        outputs = {
            each.name: self._checked(each, self._layout.gives, "output") for each in about.outputs if each.name in known
        }
        missing = [each.name for each in self._layout.gives if each.needed and each.name not in outputs]
        if missing:
            raise ModelError(f"{self._where} has no output {', '.join(missing)}. triton_layout.py says what is needed.")
        return inputs, outputs

    @property
    def _where(self) -> str:
        return f"model {self.model} of {self.address}"

    def _checked(self, there: Any, known: tuple[Tensor, ...], what: str) -> bool:
        """Whether it has a batch dimension."""
        ours = next((each for each in known if each.name == there.name), None)
        if ours is None:
            names = ", ".join(each.name for each in known)
            raise ModelError(f"{self._where} wants the {what} {there.name!r}, which is none of: {names}.")
        shape = tuple(int(size) for size in there.shape)
        batched = len(shape) == len(ours.shape) + 1 and shape[0] in (-1, 1)
        inner = shape[1:] if batched else shape
        fits = len(inner) == len(ours.shape) and all(
            -1 in (mine, theirs) or mine == theirs for mine, theirs in zip(ours.shape, inner, strict=False)
        )
        if there.datatype != ours.datatype or not fits:
            raise ModelError(
                f"{self._where}: {what} {there.name!r} is {there.datatype} {list(shape)}; "
                f"needed is {ours.datatype} {list(ours.shape)}, with or without a batch of 1."
            )
        return batched

    def _call(self, takes: Mapping[str, bool], arrays: Arrays, due_s: float, check: Callable[[], None]) -> Any:
        inputs = []
        datatypes = {each.name: each.datatype for each in self._layout.takes}
        for name, batched in takes.items():
            array = arrays[name][None] if batched else arrays[name]
            tensor = self._library.InferInput(name, list(array.shape), datatypes[name])
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        outputs = [self._library.InferRequestedOutput(name) for name in self._gives]
        answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        left_s = max(0.001, due_s - time.monotonic())
        call = self._client.async_infer(
            self.model,
            inputs,
            lambda result, error: answers.put((result, error)),
            outputs=outputs,
            client_timeout=left_s,
        )
        ended = threading.Event()
        try:
            while True:
                try:
                    result, error = answers.get(timeout=TICK_S)
                except queue.Empty:
                    check()
                    continue
                ended.set()
                if error is not None:
                    raise error
                return result
        finally:
            if not ended.is_set():
                call.cancel()

    def _read(self, result: Any, expected: Tensor) -> NDArray[Any]:
        try:
            array = result.as_numpy(expected.name)
        except (ValueError, TypeError) as error:  # fewer bytes than the shape says
            raise EngineFailedError(f"{self._where}: output {expected.name!r} cannot be read ({error})") from error
        if array is None:
            raise EngineFailedError(f"{self._where} left out its output {expected.name!r}")
        array = array[0] if self._gives[expected.name] and array.ndim and array.shape[0] == 1 else array
        fits = array.ndim == len(expected.shape) and all(
            mine in (-1, theirs) for mine, theirs in zip(expected.shape, array.shape, strict=False)
        )
        if array.dtype != DTYPES[expected.datatype] or not fits:
            raise EngineFailedError(
                f"{self._where}: output {expected.name!r} is {array.dtype} {list(array.shape)}; needed is "
                f"{expected.datatype} {list(expected.shape)}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise EngineFailedError(f"{self._where}: output {expected.name!r} holds NaN or infinite numbers")
        return np.asarray(array)

    def _ours(self, error: Any) -> TagalongError:
        """What the server's or gRPC's word means here."""
        status = str(error.status() or "").removeprefix("StatusCode.")
        said = str(error.message() or "").strip()[:300]
        match status:
            case "UNAVAILABLE":
                self._takes = None
                return NodeGoneError(f"the inference server {self.address} is gone: nobody answers there")
            case "DEADLINE_EXCEEDED" | "Deadline Exceeded":
                return TooLateError(f"{self._where} gave no answer in {self._timeout_s:.1f} s")
            case "FAILED_PRECONDITION":
                return TryOnError(said or f"{self._where} cannot use this picture")
            case "NOT_FOUND":
                self._takes = None
                return NodeGoneError(f"{self.address} has no model {self.model!r}: {said}")
        return EngineFailedError(f"{self._where} failed ({status.lower() or 'no status'}: {said})")
