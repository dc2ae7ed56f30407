"""`grpc://HOST:PORT` and `unix:///path`: raw frames on one stream of gRPC a connection.

One stream for all calls costs half of what a call each costs, and bytes that pass through protobuf are copied twice
more; both were measured by `python -m bench transport`.
"""

import queue
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np

from common.errors import BadMessageError, ConfigError, LinkError
from common.tls import KEEPALIVE, TlsConfig, open_blocking_channel
from edge_server.tryon.transport.parcel import ALIGNMENT, MAX_ENVELOPE, Frame, describe, read
from edge_server.tryon.transport.pipe import OnPipe, Pipe, PipeClosed

_LENGTH = struct.Struct("<I")
_SERVICE, _METHOD = "tagalong.transport.Parcels", "Exchange"
_GREETING = ("tagalong-parcels", "1")  # initial metadata: a server of this kind has taken the stream


def _to_bytes(frame: Frame, max_bytes: int) -> bytes:
    envelope, slots, size = describe(frame, max_bytes)
    start = _start(len(envelope))
    if not size:
        return _LENGTH.pack(len(envelope)) + envelope
    parts: list[Any] = [_LENGTH.pack(len(envelope)), envelope]
    end = _LENGTH.size + len(envelope)
    for slot, tensor in zip(slots, frame.parcel.tensors, strict=True):
        parts += [bytes(start + slot.offset - end), np.ascontiguousarray(tensor).data]
        end = start + slot.offset + slot.nbytes
    return b"".join(parts)


def _from_bytes(message: bytes, max_bytes: int) -> Frame:
    if len(message) < _LENGTH.size:
        raise BadMessageError(f"a message of {len(message)} bytes holds no frame")
    length = _LENGTH.unpack_from(message)[0]
    if length > MAX_ENVELOPE:
        raise BadMessageError(f"an envelope of {length} bytes is too long")
    envelope = read(memoryview(message)[_LENGTH.size : _LENGTH.size + length], max_bytes)
    data = memoryview(message)[_start(length) :]
    if len(data) != envelope.size:
        raise BadMessageError(f"a frame holds {len(data)} bytes of tensors, but describes {envelope.size}")
    return envelope.frame([slot.view(data) for slot in envelope.slots])


def _start(envelope_length: int) -> int:
    """Where the tensors' data begin."""
    return -(-(_LENGTH.size + envelope_length) // ALIGNMENT) * ALIGNMENT


def _options(max_bytes: int) -> list[tuple[str, int]]:
    most = max_bytes + MAX_ENVELOPE + 2 * ALIGNMENT
    return [
        *KEEPALIVE,
        ("grpc.max_receive_message_length", most),
        ("grpc.max_send_message_length", most),
        ("grpc.so_reuseport", 0),  # a second server at the same address fails instead of taking half of the calls
        ("grpc.use_local_subchannel_pool", 1),  # a new pipe is a new connection
    ]


class CallerPipe:
    """The asking end: a thread reads the stream, so that waiting for an answer can have an end."""

    borrows = False

    def __init__(self, target: str, name: str, max_bytes: int, timeout_s: float, tls: TlsConfig) -> None:
        """Raises LinkError when nobody answers there."""
        self._name, self._max = name, max_bytes
        self._channel = open_blocking_channel(target, tls, tuple(_options(max_bytes)))
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._in: queue.SimpleQueue[bytes | PipeClosed] = queue.SimpleQueue()
        self._over: PipeClosed | None = None
        self._greeted, self._settled = False, threading.Event()
        self._stream = self._channel.stream_stream(f"/{_SERVICE}/{_METHOD}")(iter(self._out.get, None))
        self._reader = threading.Thread(target=self._read, name=f"read {name}", daemon=True)
        self._reader.start()
        settled = self._settled.wait(timeout_s)
        if not self._greeted:
            self.close()
            why = f"{self._over}" if settled else f"not within {timeout_s:.2f} s"
            raise LinkError(f"nobody answers at {name} ({why}). Start the other side.")

    def send(self, frame: Frame) -> None:
        self.check()
        self._out.put(_to_bytes(frame, self._max))

    def receive(self, timeout_s: float) -> Frame | None:
        try:
            message = self._in.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(message, PipeClosed):
            self._in.put(message)  # for whoever asks again
            raise message
        return _from_bytes(message, self._max)

    def check(self) -> None:
        if self._over is not None:
            raise self._over

    def hang_up(self) -> None:
        self._out.put(None)
        self._stream.cancel()

    def close(self) -> None:
        self.hang_up()
        self._reader.join()
        self._channel.close()

    def _read(self) -> None:
        over = PipeClosed(f"{self._name} has hung up")
        try:
            # gRPC's own way of waiting for a connection looks five times a second only.
            self._greeted = _GREETING in tuple(self._stream.initial_metadata() or ())
            if self._greeted:
                self._settled.set()
            for message in self._stream:
                self._in.put(message)
        except grpc.RpcError as error:
            why = f"{self._stream.code().name.lower()}: {self._stream.details()}"
            over = PipeClosed(f"{self._name} is gone ({why})")
            over.__cause__ = error
        self._over = over
        self._in.put(over)
        self._settled.set()


class AnswererPipe:
    """The answering end of one stream."""

    borrows = False

    def __init__(self, requests: Iterator[bytes], context: Any, name: str, max_bytes: int) -> None:
        self._requests, self._context, self._name, self._max = requests, context, name, max_bytes
        self.out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._over = threading.Event()
        if not context.add_callback(self._end):
            self._end()

    def send(self, frame: Frame) -> None:
        self.check()
        self.out.put(_to_bytes(frame, self._max))

    def receive(self, timeout_s: float) -> Frame | None:
        """Waits until something comes, however long: the end of the stream wakes it."""
        try:
            message = next(self._requests, None)
        except Exception as error:  # gRPC raises a bare Exception where the stream was broken
            raise PipeClosed(f"{self._name} is gone ({error})") from error
        if message is None:
            raise PipeClosed(f"{self._name} has hung up")
        return _from_bytes(message, self._max)

    def check(self) -> None:
        if self._over.is_set():
            raise PipeClosed(f"{self._name} has hung up")

    def hang_up(self) -> None:
        self._end()
        self._context.cancel()

    def close(self) -> None:
        self._end()

    def _end(self) -> None:
        self._over.set()
        self.out.put(None)


class GrpcListener:
    """A gRPC server with one method."""

    def __init__(
        self, target: str, name: str, on_pipe: OnPipe, max_bytes: int, max_connections: int, tls: TlsConfig
    ) -> None:
        """Raises ConfigError when it cannot listen there."""
        self._on_pipe, self._name, self._max = on_pipe, name, max_bytes
        self._pool = ThreadPoolExecutor(max_connections + 1, thread_name_prefix=f"stream {name}")
        self._server = grpc.server(self._pool, options=_options(max_bytes), maximum_concurrent_rpcs=max_connections + 1)
        method = grpc.stream_stream_rpc_method_handler(self._exchange)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: method}),))
        try:
            port = self._bind(target, tls)
        except RuntimeError as error:
            self._pool.shutdown(wait=False)
            raise ConfigError(f"cannot listen at {name}: in use, or no such address.") from error
        self.address = name if port is None else f"{name.rpartition(':')[0]}:{port}"
        self._server.start()

    def close(self) -> None:
        self._server.stop(grace=None).wait()
        self._pool.shutdown()

    def _bind(self, target: str, tls: TlsConfig) -> int | None:
        if target.startswith("unix:"):
            self._server.add_insecure_port(target)
            return None
        if not tls.enabled:
            return int(self._server.add_insecure_port(target))
        if tls.key is None or tls.certificate is None:
            raise ConfigError("tls: a server needs both tls.certificate and tls.key")
        credentials = grpc.ssl_server_credentials(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())],
            root_certificates=tls.authority.read_bytes() if tls.authority else None,
            require_client_auth=tls.authority is not None,
        )
        return int(self._server.add_secure_port(target, credentials))

    def _exchange(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.send_initial_metadata((_GREETING,))
        pipe = AnswererPipe(requests, context, f"caller of {self._name}", self._max)
        worker = threading.Thread(target=self._on_pipe, args=(pipe,), name=f"answer {self._name}", daemon=True)
        worker.start()
        yield from iter(pipe.out.get, None)


def open_pipe(target: str, name: str, max_bytes: int, timeout_s: float, tls: TlsConfig) -> Pipe:
    """Raises LinkError when nobody answers there."""
    return CallerPipe(target, name, max_bytes, timeout_s, tls)
