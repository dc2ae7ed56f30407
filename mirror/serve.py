"""The mirror, running: page, nodes, and the dropping of old pictures, all in one loop."""

from collections.abc import Callable
from pathlib import Path

from common import serving
from common.errors import ConfigError
from common.supervise import Job, supervise
from mirror.page import build
from mirror.studio import Studio

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
    config = studio.config
    try:
        app = build(studio)
    except ImportError as error:
        raise ConfigError(f"the mirror needs {error.name}: pip install 'tagalong[mirror]'") from error
    with serving.listening(config.host, config.port, "mirror", "Give another --port.", backlog=256) as listener:
        on_ready(listener.getsockname()[1])
        await serving.serve(
            app,
            listener,
            studio.close,  # what is under way ends then, so that nobody waits for it
            ws_max_size=2_000_000,
            ws_max_queue=2,  # pictures of the live mode: the newest counts
            ws_per_message_deflate=False,  # JPEG does not get smaller
            limit_concurrency=MAX_CONNECTIONS,
            ssl_certfile=certificate,
            ssl_keyfile=certificate,
        )
