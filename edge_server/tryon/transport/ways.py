"""From an address to a way of passing parcels."""

import re

from common.errors import ConfigError
from common.tls import TlsConfig
from edge_server.tryon.transport.calls import Caller, Handler
from edge_server.tryon.transport.parcel import MAX_BYTES
from edge_server.tryon.transport.pipe import Listener, Pipe
from edge_server.tryon.transport.serving import Serving

MAX_CONNECTIONS = 8
CONNECT_S = 5.0
_ADDRESS = re.compile(r"(?P<way>grpc|ucx)://(?P<host>\[[0-9a-fA-F:.]+\]|[^/:\[\]]+):(?P<port>\d{1,5})|"
                      r"(?P<local>unix|shm)://(?P<path>/.+)")  # fmt: skip


def is_address(text: str) -> bool:
    """Whether it is written like one."""
    return _ADDRESS.fullmatch(text) is not None


def connect(address: str, *, max_bytes: int = MAX_BYTES, tls: TlsConfig | None = None) -> Caller:
    """The asking end. Connects with the first call. Raises ConfigError for an address that is none."""
    way, host, port, path = _parse(address)

    def open_pipe(timeout_s: float) -> Pipe:
        timeout_s = min(timeout_s, CONNECT_S)
        if way == "shm":
            from edge_server.tryon.transport import shm

            return shm.open_pipe(path, max_bytes, timeout_s)
        if way == "ucx":
            from edge_server.tryon.transport import ucx

            return ucx.open_pipe(host, port, max_bytes, timeout_s)
        from edge_server.tryon.transport import grpc_way

        target = f"unix:{path}" if way == "unix" else f"{host}:{port}"
        return grpc_way.open_pipe(target, address, max_bytes, timeout_s, tls or TlsConfig())

    return Caller(address, open_pipe)


def serve(
    address: str,
    handler: Handler,
    *,
    max_bytes: int = MAX_BYTES,
    max_connections: int = MAX_CONNECTIONS,
    tls: TlsConfig | None = None,
) -> Serving:
    """Answer calls at this address (port 0: a free one) until the result is closed.

    Raises ConfigError for an address that is none, is in use, or needs what is not installed.
    """
    way, host, port, path = _parse(address)
    serving = Serving(handler, max_connections)
    serving.listener = _listen(way, host, port, path, address, serving, max_bytes, max_connections, tls or TlsConfig())
    return serving


def _listen(
    way: str, host: str, port: int, path: str, name: str, serving: Serving, max_bytes: int, most: int, tls: TlsConfig
) -> Listener:
    if way == "shm":
        from edge_server.tryon.transport.shm import ShmListener

        return ShmListener(path, serving.run_pipe, max_bytes)
    if way == "ucx":
        from edge_server.tryon.transport.ucx import UcxListener

        return UcxListener(host, port, serving.run_pipe, max_bytes)
    from edge_server.tryon.transport.grpc_way import GrpcListener

    target = f"unix:{path}" if way == "unix" else f"{host}:{port}"
    return GrpcListener(target, name, serving.run_pipe, max_bytes, most, tls)


def _parse(address: str) -> tuple[str, str, int, str]:
    """Way, host, port, path. Raises ConfigError."""
    found = _ADDRESS.fullmatch(address)
    port = int(found["port"] or 0) if found else -1
    if found is None or port > 65535:
        raise ConfigError(
            f"{address!r} is no address. Write grpc://HOST:PORT, unix:///path, shm:///path or ucx://HOST:PORT."
        )
    return found["way"] or found["local"], found["host"] or "", port, found["path"] or ""
