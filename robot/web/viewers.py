"""Everybody who watches: each gets the newest there is, at the pace it can take. A slow one slows only itself."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from common.supervise import Job, supervise
from robot.values import Key
from robot.view import AgentView, Mirroring, Watched
from robot.web.source import World
from robot.web.state import to_json

log = logging.getLogger(__name__)

MAX_VIEWERS = 16
PICTURES_PER_S = 15.0
STATES_PER_S = 10.0
SEND_TIMEOUT_S = 10.0  # a browser that takes nothing for so long is gone
CAMERA, TOP, DRESSED = b"\x00", b"\x01", b"\x02"  # first byte of a picture's message
PAGE_KEYS = (Key.SEARCH, Key.IDLE, Key.EXPLORE, Key.ESTOP, Key.MIRROR, Key.FORGET)  # quitting is not for a page


class Socket(Protocol):
    """One browser's websocket. Sending waits until the browser has taken enough of what was sent before."""

    async def send_text(self, data: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...
    async def receive_text(self) -> str: ...


class Gone(Exception):
    """The browser closed the connection."""


class Viewers:
    """Watches the robot only while somebody watches it; the state is made once for all of them."""

    def __init__(self, robot: Watched, world: World | None = None) -> None:
        self._robot = robot
        self._world = world
        self._count = 0
        self._closing = asyncio.Event()
        self._view: AgentView | None = None
        self._view_until_s = -1.0
        self._state = "{}"
        self._state_until_s = -1.0

    @property
    def count(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        return self._count >= MAX_VIEWERS

    def close(self) -> None:
        """Ends all `talk`s."""
        self._closing.set()

    async def talk(self, socket: Socket) -> None:
        """Until the browser goes, `close` is called, or it takes nothing for SEND_TIMEOUT_S."""
        self._count += 1
        try:
            await until_one_ends("page", partial(self._show, socket), partial(self._listen, socket), self._closing.wait)
        finally:
            self._count -= 1

    def view(self) -> AgentView:
        """Of the robot, at most 30 ms old."""
        now_s = asyncio.get_running_loop().time()
        if self._view is None or now_s >= self._view_until_s:
            self._view, self._view_until_s = self._robot.view(), now_s + 0.03
        return self._view

    def state(self) -> str:
        """JSON of the robot now; at most STATES_PER_S new ones a second, however many watch."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._state_until_s:
            self._state_until_s = now_s + 0.9 / STATES_PER_S
            data: dict[str, Any] = {"type": "state", **to_json(self.view()), "viewers": self._count}
            if self._world is not None:
                data["world"] = self._world.moment()
            self._state = json.dumps(data, separators=(",", ":"), allow_nan=False)
        return self._state

    async def _show(self, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        if self._world is not None:
            hello = {"type": "plan", "plan": self._world.plan()}
            await in_time(socket.send_text(json.dumps(hello, allow_nan=False)))
        shown: bytes = b""
        shown_top: bytes = b""
        shown_dressed: bytes = b""
        state_s = top_s = -1.0
        while True:
            began_s = loop.time()
            jpeg = self.view().jpeg
            if jpeg and jpeg is not shown:
                shown = jpeg
                await in_time(socket.send_bytes(CAMERA + jpeg))
            if began_s - state_s >= 1 / STATES_PER_S - 0.005:
                state_s = began_s
                await in_time(socket.send_text(self.state()))
            dressed = mirror.picture if (mirror := self.view().mirror) is not None else b""
            if dressed is not shown_dressed:
                shown_dressed = dressed
                if dressed:
                    await in_time(socket.send_bytes(DRESSED + dressed))
            if self._world is not None and began_s - top_s >= 0.25:
                top_s = began_s
                top = self._world.top_jpeg()
                if top and top is not shown_top:
                    shown_top = top
                    await in_time(socket.send_bytes(TOP + top))
            await asyncio.sleep(max(0.0, began_s + 1 / PICTURES_PER_S - loop.time()))

    async def _listen(self, socket: Socket) -> None:
        while True:
            text = await socket.receive_text()
            key = key_in(text)
            if key is Key.MIRROR and isinstance(self._robot, Mirroring):
                self._robot.choose(garment_in(text))
            if key is not None:
                self._robot.press(key)


async def until_one_ends(what: str, *jobs: Callable[[], Awaitable[object]]) -> None:
    """Runs them beside each other; the first that ends ends all."""
    await supervise([Job(f"{what} for a browser", partial(_let_go, what, job), ends_all=True) for job in jobs])


async def _let_go(what: str, job: Callable[[], Awaitable[object]]) -> None:
    """A browser that went or takes nothing is no error."""
    try:
        await job()
    except Gone:
        pass
    except TimeoutError:
        log.info("%s: a browser took nothing for %.0f s and was let go", what, SEND_TIMEOUT_S)


async def in_time(sending: Awaitable[None]) -> None:
    """Raises TimeoutError where a browser takes nothing."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await sending


def key_in(text: str) -> Key | None:
    """The key in a browser's message `{"key": "search"}`; None for anything else."""
    try:
        key = Key(json.loads(text)["key"])
    except (ValueError, TypeError, KeyError, RecursionError):
        log.warning("page: message %.60r is not understood", text)
        return None
    return key if key in PAGE_KEYS else None


def garment_in(text: str) -> str:
    """Of a message `{"key": "mirror", "garment": "tee-breton"}`; empty when it names none."""
    garment = json.loads(text).get("garment")
    return garment if isinstance(garment, str) else ""


def may_connect(origin: str | None, host: str | None, listens_on: str) -> bool:
    """Whether a websocket may be opened: not by the page of another site, which could press keys.

    `origin` and `host` are headers. A page that listens on loopback only must also be asked for by a loopback name: a
    foreign name that resolves to 127.0.0.1 is an attack.
    """
    asked = urlsplit(f"//{host}").hostname if host else None
    if listens_on in _LOOPBACK and asked not in _LOOPBACK:
        return False
    return origin is None or urlsplit(origin).netloc == host


_LOOPBACK = ("localhost", "127.0.0.1", "::1")
