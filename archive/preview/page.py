"""The page to watch a camera: a small web server inside the camera's own loop.

FastAPI is imported only when it runs: a camera without a page does not need it.
"""

import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TYPE_CHECKING

from archive.camera_config import PreviewConfig
from archive.preview.shown import Shown
from archive.preview.viewers import MAX_VIEWERS, Viewers
from common.errors import ConfigError
from common.serving import GUARDS, LOOPBACK, address, listening, serve
from common.supervise import Job, supervise
from robot.web.page import attend
from robot.web.viewers import may_connect

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)

FILES = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "picture.js": ("picture.js", "text/javascript"),
    "strip.js": ("strip.js", "text/javascript"),
    "favicon.svg": ("favicon.svg", "image/svg+xml"),
}
NO_CACHE = {**GUARDS, "Cache-Control": "no-cache"}
NO_STORE = {**GUARDS, "Cache-Control": "no-store"}  # of faces
FOREVER = 1_000_000


class Preview:
    """Shows what `shown` answers. Made inside the event loop."""

    def __init__(self, config: PreviewConfig, robot_id: str, shown: Callable[[], Shown]) -> None:
        self._config = config
        self._viewers = Viewers(robot_id, shown, config.blur)

    async def run(self, on_ready: Callable[[str], None]) -> None:
        """Until cancelled; `on_ready` is told the address. Raises ConfigError when it cannot."""
        host = self._config.host
        app = build(self._viewers, host)
        if host not in LOOPBACK and not self._config.blur:
            log.warning("preview: everybody in the network can see faces; preview.blur (--blur) hides them")
        advice = "Give another preview.port (--preview-port)."
        with listening(host, self._config.port, "preview", advice) as listener:

            async def serve_page() -> None:
                on_ready(address(host, listener))
                await serve(
                    app,
                    listener,
                    self._viewers.close,
                    ws_max_size=1024,  # a browser has nothing to say
                    ws_per_message_deflate=False,  # JPEG does not get smaller
                    limit_concurrency=8 * MAX_VIEWERS,
                )

            await supervise(
                [Job("preview's page", serve_page), Job("preview's pictures", self._viewers.run, restarts=FOREVER)]
            )


def build(viewers: Viewers, host: str) -> "FastAPI":
    """Raises ConfigError when FastAPI is not installed."""
    try:
        import uvicorn  # noqa: F401  # needed later, told now
        from fastapi import FastAPI, Request, Response, WebSocket
    except ImportError as error:
        raise ConfigError(f"the preview needs {error.name}: pip install 'tagalong[archive]'") from error
    app = FastAPI(title="tagalong camera", docs_url=None, redoc_url=None, openapi_url=None)
    folder = resources.files("archive.preview") / "static"
    content = {path: (folder / name).read_bytes() for path, (name, _) in FILES.items()}

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if not is_allowed(None, request.headers.get("host"), host):
            text = "The preview is for this machine only: open it as http://127.0.0.1 or localhost."
            return Response(text, 403, NO_STORE, "text/plain")
        return await call_next(request)

    @app.get("/crops/{number}")
    async def crop(number: int) -> Response:
        jpeg = viewers.crop(number)
        return Response(jpeg, 200, NO_STORE, "image/jpeg") if jpeg else Response("", 404, NO_STORE, "text/plain")

    @app.get("/{path:path}")
    async def file(path: str) -> Response:
        if path not in FILES:
            return Response("There is no such page here.", 404, NO_CACHE, "text/plain")
        return Response(content[path], 200, NO_CACHE, FILES[path][1])

    @app.websocket("/live")
    async def live(browser: WebSocket) -> None:
        headers = browser.headers
        await attend(browser, viewers, is_allowed(headers.get("origin"), headers.get("host"), host))

    return app


def is_allowed(origin: str | None, host: str | None, listens_on: str) -> bool:
    """As on the robot's page; headers that nobody understands are none of our page's."""
    try:
        return may_connect(origin, host, listens_on)
    except ValueError:
        return False
