"""`ucx://HOST:PORT`: UCX, which takes RDMA where the hardware has it, else TCP. Needs `pip install ucxx-cu12`.

It runs without a GPU. UCX_TLS in the environment chooses its own ways (`tcp`, `rc,tcp`, ...). Connections are made with
error handling, so that a peer that dies is seen; UCX then leaves its shared memory alone: use `shm://` on one machine.
"""

import contextlib
import importlib
import os
import secrets
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import BadMessageError, ConfigError, LinkError
from edge_server.tryon.transport.parcel import MAX_ENVELOPE, Frame, describe, read
from edge_server.tryon.transport.pipe import OnPipe, Pipe, PipeClosed

FIRST = 1024  # bytes of each frame's first message: the envelope's length, and as much of it as fits
SEND_S = 5.0  # a peer that takes nothing for so long is gone
SPIN_S = 0.0005  # a tensor on its way is nearly there: asked again at once for so long, then with pauses
PAUSES_S = (0.00005, 0.001)  # within 20 ms, and later
IDLE_PAUSE_S = 0.002  # between looks for new connections
CLOSE_NS = 100_000_000  # everybody else waits that long for a peer that has died
_HELLO = struct.Struct("<4sQ")
ENVIRONMENT = {
    "UCX_TCP_CM_REUSEADDR": "y",  # a server that was killed is started again at its port
    "UCX_WARN_UNUSED_ENV_VARS": "n",  # ucxx sets one that this build of UCX does not know
    "UCX_LOG_LEVEL": "fatal",  # goes to standard output, and we tell of errors ourselves
    "UCXX_LOG_LEVEL": "fatal",
}
_LENGTH = struct.Struct("<I")


class _Library:
    """UCX's context and worker, made once a process.

    Every call into it is made under one lock, and whoever waits drives the worker. ucxx has a thread of its own for
    that, but it can wait for Python's lock while a Python thread waits for ucxx's.
    """

    _making = threading.Lock()
    _only: "_Library | None" = None

    def __init__(self) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            self.api = importlib.import_module("ucxx._lib.libucxx")
            self.array = importlib.import_module("ucxx._lib.arr").Array
        except ImportError as error:
            raise ConfigError("ucx:// needs the library ucxx. Run: pip install ucxx-cu12") from error
        flags = (self.api.Feature.TAG, self.api.Feature.STREAM)
        try:
            self.worker = self.api.UCXWorker(self.api.UCXContext({}, feature_flags=flags))
        except self.api.UCXError as error:
            raise ConfigError(f"UCX does not start here ({error}). Check UCX_TLS and UCX_NET_DEVICES.") from error
        self.lock = threading.RLock()  # a listener's callback runs inside `progress`

    @classmethod
    def get(cls) -> "_Library":
        """Raises ConfigError when it is not installed or does not start."""
        with cls._making:
            if cls._only is None:
                cls._only = cls()
            return cls._only

    def progress(self) -> None:
        with self.lock:
            self.worker.progress()


class UcxPipe:
    """An endpoint. Frames go as messages with a tag, which the receiver chose at random and said at the start."""

    borrows = False

    def __init__(self, library: _Library, endpoint: Any, name: str, max_bytes: int, timeout_s: float) -> None:
        """Raises PipeClosed when the other side does not greet within `timeout_s`."""
        self._library, self._endpoint, self._name, self._max = library, endpoint, name, max_bytes
        self._over = threading.Event()
        self._tag = secrets.randbits(62)
        theirs = np.empty(_HELLO.size, np.uint8)
        hello = np.frombuffer(_HELLO.pack(b"TGUX", self._tag), np.uint8)
        self._first = np.empty(FIRST, np.uint8)
        self._held: list[NDArray[Any]] = [hello, theirs]
        self._coming: Any = None  # the request for the next frame's first message
        try:
            self._wait(self._start(endpoint.stream_send, hello), SEND_S)
            if not self._wait(self._start(endpoint.stream_recv, theirs), timeout_s):
                raise PipeClosed(f"{name} did not greet within {timeout_s:.2f} s")
            magic, self._their_tag = _HELLO.unpack(theirs.tobytes())
            if magic != b"TGUX":
                raise PipeClosed(f"{name} is no tagalong")
        except BaseException:
            self.close()
            raise

    def send(self, frame: Frame) -> None:
        envelope, _, _ = describe(frame, self._max)
        message = _LENGTH.pack(len(envelope)) + envelope
        messages = [np.frombuffer(message[:FIRST].ljust(FIRST, b"\0"), np.uint8)]
        if len(message) > FIRST:
            messages.append(np.frombuffer(message[FIRST:], np.uint8))
        messages += [np.ascontiguousarray(each) for each in frame.parcel.tensors if each.nbytes]
        self._together(self._endpoint.tag_send, messages, self._their_tag)

    def receive(self, timeout_s: float) -> Frame | None:
        self.check()
        if self._coming is None:
            self._coming = self._start(self._endpoint.tag_recv, self._first, self._tag)
        if not self._wait(self._coming, timeout_s):
            return None
        self._coming = None
        length = _LENGTH.unpack(self._first[: _LENGTH.size].tobytes())[0]
        if length > MAX_ENVELOPE:
            raise BadMessageError(f"{self._name} sent an envelope of {length} bytes, which is too long")
        message = self._first[_LENGTH.size : _LENGTH.size + length].tobytes()
        if len(message) < length:
            rest = np.empty(length - len(message), np.uint8)
            self._together(self._endpoint.tag_recv, [rest], self._tag)
            message += rest.tobytes()
        envelope = read(message, self._max)
        tensors = [np.empty(slot.shape, slot.dtype) for slot in envelope.slots]
        self._together(self._endpoint.tag_recv, [each for each in tensors if each.nbytes], self._tag)
        return envelope.frame(tensors)

    def check(self) -> None:
        with self._library.lock:
            self._library.worker.progress()
            if self._over.is_set() or self._endpoint is None or not self._endpoint.alive:
                raise PipeClosed(f"{self._name} has hung up")

    def hang_up(self) -> None:
        self._over.set()

    def close(self) -> None:
        self._over.set()
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            with contextlib.suppress(self._library.api.UCXError), self._library.lock:
                endpoint.close_blocking(CLOSE_NS, 1)  # cancels what is on its way
            self._held.clear()

    def _together(self, start: Callable[..., Any], buffers: list[NDArray[Any]], tag: int) -> None:
        self._held += buffers  # UCX writes to them until it is done or the endpoint is closed, whatever happens here
        requests = [self._start(start, buffer, tag) for buffer in buffers]
        for request in requests:
            if not self._wait(request, SEND_S):
                raise PipeClosed(f"{self._name} stopped in the middle of a frame")
        self._held.clear()

    def _start(self, start: Callable[..., Any], buffer: NDArray[Any], *tag: int) -> Any:
        try:
            with self._library.lock:
                return start(self._library.array(buffer), *map(self._library.api.UCXXTag, tag))
        except self._library.api.UCXError as error:
            raise PipeClosed(f"{self._name} is gone ({error})") from error

    def _wait(self, request: Any, timeout_s: float) -> bool:
        """False: not done in that time. Raises PipeClosed."""
        start_s = time.monotonic()
        while not self._done(request):
            waited_s = time.monotonic() - start_s
            if self._over.is_set():
                raise PipeClosed(f"{self._name} is closed")
            if waited_s >= timeout_s:
                return False
            time.sleep(0 if waited_s < SPIN_S else PAUSES_S[waited_s > 0.02])
        return True

    def _done(self, request: Any) -> bool:
        try:
            with self._library.lock:
                self._library.worker.progress()
                if request.completed:
                    request.check_error()
                    return True
                return False
        except self._library.api.UCXError as error:
            raise PipeClosed(f"{self._name} is gone ({error})") from error


class UcxListener:
    """Takes connections at every address of this machine: for a network that you trust, UCX knows no TLS."""

    def __init__(self, host: str, port: int, on_pipe: OnPipe, max_bytes: int) -> None:
        """Raises ConfigError when UCX is not there or the port is taken."""
        if host != "0.0.0.0":
            raise ConfigError(f"ucx://{host}:{port}: UCX listens at every address. Write ucx://0.0.0.0:{port}.")
        self._library, self._on_pipe, self._max = _Library.get(), on_pipe, max_bytes
        try:
            with self._library.lock:
                self._listener = self._library.api.UCXListener.create(
                    worker=self._library.worker, port=port, cb_func=self._take
                )
        except self._library.api.UCXError as error:
            raise ConfigError(f"cannot listen at ucx://{host}:{port} ({error}).") from error
        self.address = f"ucx://{host}:{self._listener.port}"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name=f"accept {self.address}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        with self._library.lock:
            self._listener = None

    def _accept(self) -> None:
        while not self._closing.wait(IDLE_PAUSE_S):
            self._library.progress()

    def _take(self, request: Any) -> None:
        """Called from within `progress`, which has to go on: the greeting waits in a thread of its own."""
        endpoint = self._listener.create_endpoint_from_conn_request(request, True)
        threading.Thread(target=self._greet, args=(endpoint,), name=f"answer {self.address}", daemon=True).start()

    def _greet(self, endpoint: Any) -> None:
        with contextlib.suppress(PipeClosed):  # whoever does not greet is no caller
            self._on_pipe(UcxPipe(self._library, endpoint, f"caller of {self.address}", self._max, SEND_S))


def open_pipe(host: str, port: int, max_bytes: int, timeout_s: float) -> Pipe:
    """Raises LinkError when nobody answers there, ConfigError when UCX is not installed."""
    library, name = _Library.get(), f"ucx://{host}:{port}"
    try:
        with library.lock:
            endpoint = library.api.UCXEndpoint.create(library.worker, host, port, True)
        return UcxPipe(library, endpoint, name, max_bytes, timeout_s)
    except (library.api.UCXError, PipeClosed) as error:
        raise LinkError(f"nobody answers at {name} ({error}). Start the other side.") from error
