"""A small web server inside a program's own loop: a port that is there or is told about, and an end when cancelled."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from common.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")
GUARDS = {  # headers of a page that needs nothing but its own files
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@contextlib.contextmanager
def listening(host: str, port: int, what: str, advice: str, backlog: int = 64) -> Iterator[socket.socket]:
    """Raises ConfigError where the port is taken: `what` cannot listen, and `advice` how to give another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or "unknown"
        raise ConfigError(f"{what}: cannot listen on {host}:{port} ({why}). {advice}") from error
    with listener:
        yield listener


def address(host: str, listener: socket.socket) -> str:
    """For a browser; with this machine's name where all may come."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}/"


async def serve(
    app: "FastAPI", listener: socket.socket, before_end: Callable[[], None] = lambda: None, **settings: Any
) -> None:
    """Until cancelled. `before_end` ends what would hold connections open; `settings` are uvicorn's.

    Raises ConfigError where uvicorn is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"a page needs {error.name}: pip install 'tagalong[web]'") from error
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,  # who looked at whom is nobody's business
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
        **settings,
    )
    server = uvicorn.Server(config)
    # `serve` would take over the signals, which are not the page's business.
    serving = asyncio.create_task(server._serve([listener]), name="page serves")
    try:
        await asyncio.shield(serving)
    finally:
        before_end()
        server.should_exit = True
        await serving
