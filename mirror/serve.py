"""The mirror, running: page, nodes, and the dropping of old pictures, all in one loop."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from common.errors import ConfigError
from common.supervise import Job, supervise
from mirror.config import MirrorConfig
from mirror.page import build
from mirror.studio import Studio

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 512
FOREVER = 1_000_000


async def run(
    studio: Studio,
    certificate: Path | None,
    on_ready: Callable[[int], None] = lambda port: None,
    extra: tuple[Job, ...] = (),
) -> None:
    """Serve until cancelled; then everybody is forgotten. `on_ready` is told the port. Raises ConfigError.

    `certificate`: PEM with its key; None serves plain HTTP.
    """
    jobs = [
        Job("mirror's page", lambda: _serve(studio, certificate, on_ready)),
        Job("mirror's nodes", studio.nodes.run),
        Job("mirror forgets", studio.drop_old, restarts=FOREVER),
        *extra,
    ]
    try:
        await supervise(jobs)
    finally:
        studio.close()


async def _serve(studio: Studio, certificate: Path | None, on_ready: Callable[[int], None]) -> None:
    try:
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"the mirror needs {error.name}: pip install 'tagalong[mirror]'") from error
    config = studio.config
    with _listening(config) as listener:
        settings = uvicorn.Config(
            build(studio),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,  # who asked for which picture is nobody's business
            lifespan="off",
            server_header=False,
            ws_max_size=2_000_000,
            ws_max_queue=2,  # pictures of the live mode: the newest counts
            ws_per_message_deflate=False,  # JPEG does not get smaller
            timeout_graceful_shutdown=1,
            limit_concurrency=MAX_CONNECTIONS,
            ssl_certfile=certificate,
            ssl_keyfile=certificate,
        )
        server = uvicorn.Server(settings)
        # `serve` would take over the signals, which are not the page's business.
        serving = asyncio.create_task(server._serve([listener]), name="mirror's page serves")
        try:
            on_ready(listener.getsockname()[1])
            await asyncio.shield(serving)
        finally:
            studio.close()  # what is under way ends now, so that nobody waits for it
            server.should_exit = True
            await serving


@contextlib.contextmanager
def _listening(config: MirrorConfig) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=256)
    except OSError as error:
        raise ConfigError(
            f"mirror: cannot listen on {config.host}:{config.port} ({os.strerror(error.errno or 0)}). "
            "Give another --port."
        ) from error
    with listener:
        yield listener
