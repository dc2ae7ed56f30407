"""The gallery, running: page and counting in one loop."""

import logging
from collections.abc import Callable

from archive.config import GalleryConfig
from archive.gallery.gallery import Gallery
from archive.gallery.page import build
from common import serving
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
    config = gallery.config
    if config.host not in serving.LOOPBACK:
        log.warning("password and faces cross the network readable: put a proxy with HTTPS before the gallery")
    try:
        app = build(gallery)
    except ImportError as error:
        raise ConfigError(f"the gallery needs {error.name}: pip install 'tagalong[archive]'") from error
    with serving.listening(config.host, config.port, "gallery", "Give another --port.") as listener:
        on_ready(serving.address(config.host, listener))
        await serving.serve(app, listener, ws="none", limit_concurrency=MAX_CONNECTIONS)
