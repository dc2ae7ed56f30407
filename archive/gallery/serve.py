"""The gallery, running: page and counting in one loop."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator

from archive.config import GalleryConfig
from archive.gallery.gallery import Gallery
from archive.gallery.guard import LOOPBACK
from archive.gallery.page import build
from common.errors import ConfigError
from common.supervise import Job, supervise

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 128
FOREVER = 1_000_000


async def serve(config: GalleryConfig, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Until cancelled; `on_ready` is told the address. Raises ConfigError when it cannot."""
    gallery = Gallery(config)
    jobs = [
        Job("gallery's page", lambda: _serve(gallery, on_ready)),
        Job("gallery counts", gallery.counts.run, restarts=FOREVER),
    ]
    await supervise(jobs)


async def _serve(gallery: Gallery, on_ready: Callable[[str], None]) -> None:
    try:
        import uvicorn
    except ImportError as error:
        raise ConfigError(f"the gallery needs {error.name}: pip install 'tagalong[archive]'") from error
    config = gallery.config
    if config.host not in LOOPBACK:
        log.warning("password and faces cross the network readable: put a proxy with HTTPS before the gallery")
    with _listening(config) as listener:
        settings = uvicorn.Config(
            build(gallery),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,  # who looked at whom is nobody's business
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
            limit_concurrency=MAX_CONNECTIONS,
        )
        server = uvicorn.Server(settings)
        # `serve` would take over the signals, which are not the page's business.
        serving = asyncio.create_task(server._serve([listener]), name="gallery's page serves")
        try:
            on_ready(_address(config.host, listener.getsockname()[1]))
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving


def _address(host: str, port: int) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


@contextlib.contextmanager
def _listening(config: GalleryConfig) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=64)
    except OSError as error:
        raise ConfigError(
            f"gallery: cannot listen on {config.host}:{config.port} ({os.strerror(error.errno or 0)}). "
            "Give another --port."
        ) from error
    with listener:
        yield listener
