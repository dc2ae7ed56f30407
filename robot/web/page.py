"""The page to watch the robot: a small web server inside the robot's own loop.

FastAPI is imported only when `run` is called: a robot without a page does not need it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from importlib import resources
from typing import TYPE_CHECKING, Protocol

from common import serving
from common.errors import ConfigError
from robot.view import Watched
from robot.web.source import World
from robot.web.viewers import MAX_VIEWERS, Gone, Socket, Viewers, may_connect

if TYPE_CHECKING:
    from fastapi import FastAPI, WebSocket

log = logging.getLogger(__name__)

FILES = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "map.js": ("map.js", "text/javascript"),
    "draw.js": ("draw.js", "text/javascript"),
    "mirror.js": ("mirror.js", "text/javascript"),
    "favicon.svg": ("favicon.svg", "image/svg+xml"),
}
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
TRY_LATER = 1013  # websocket close code


async def run(
    robot: Watched,
    host: str = "127.0.0.1",
    port: int = 8080,
    world: World | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until cancelled; `on_ready` is told the address. Raises ConfigError when it cannot."""
    viewers = Viewers(robot, world)
    app = build(viewers, host)
    with serving.listening(host, port, "page", "Give another port.") as listener:
        url = serving.address(host, listener).rstrip("/")
        log.info("page: %s", url)
        if on_ready is not None:
            on_ready(url)
        await serving.serve(
            app,
            listener,
            viewers.close,
            ws_max_size=4096,  # a key is 20 bytes
            ws_per_message_deflate=False,  # JPEG does not get smaller
            limit_concurrency=4 * MAX_VIEWERS,
        )


def build(viewers: Viewers, host: str) -> "FastAPI":
    """Raises ConfigError when FastAPI is not installed."""
    try:
        from fastapi import FastAPI, Response, WebSocket
    except ImportError as error:
        raise ConfigError(f"the page needs {error.name}: pip install 'tagalong[web]', or leave out --web") from error
    app = FastAPI(title="tagalong", docs_url=None, redoc_url=None, openapi_url=None)
    folder = resources.files("robot.web") / "static"
    content = {path: (folder / name).read_bytes() for path, (name, _) in FILES.items()}

    @app.get("/{path:path}")
    async def file(path: str) -> Response:
        if path not in FILES:
            return Response("There is no such page here.", 404, HEADERS, "text/plain")
        return Response(content[path], 200, HEADERS, FILES[path][1])

    @app.websocket("/live")
    async def live(browser: WebSocket) -> None:
        await attend(browser, viewers, may_connect(browser.headers.get("origin"), browser.headers.get("host"), host))

    return app


class Audience(Protocol):
    """Who watches one thing, and how many may."""

    @property
    def count(self) -> int: ...
    @property
    def is_full(self) -> bool: ...
    async def talk(self, socket: Socket) -> None: ...


async def attend(browser: "WebSocket", audience: Audience, is_allowed: bool) -> None:
    """One websocket from its opening to its end, whichever side it comes from."""
    with contextlib.suppress(Gone), gone():  # a browser may go at any of these steps
        if not is_allowed:
            await browser.close()  # before accepting: HTTP 403
            return
        await browser.accept()
        if audience.is_full:
            await browser.close(TRY_LATER, f"{audience.count} are watching already")
            return
        await audience.talk(Browser(browser))
    with contextlib.suppress(Gone, TimeoutError), gone():  # it went first, or takes nothing, not even this
        async with asyncio.timeout(1):
            await browser.close()


class Browser:
    """A websocket of FastAPI's, with its many ways to say that the other side is gone made one."""

    def __init__(self, socket: "WebSocket") -> None:
        self._socket = socket

    async def send_text(self, data: str) -> None:
        with gone():
            await self._socket.send_text(data)

    async def send_bytes(self, data: bytes) -> None:
        with gone():
            await self._socket.send_bytes(data)

    async def receive_text(self) -> str:
        with gone():
            return await self._socket.receive_text()


@contextlib.contextmanager
def gone() -> Iterator[None]:
    """Raises Gone for them."""
    from starlette.websockets import WebSocketDisconnect

    try:
        yield
    except (WebSocketDisconnect, RuntimeError, KeyError) as error:
        # RuntimeError: sent after the close; KeyError: a binary message where text was asked for
        raise Gone from error
