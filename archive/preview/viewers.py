"""Everybody who watches the camera: pictures are made once for all, and only while somebody is there.

Each browser gets the newest there is at the pace it can take. A slow one slows only itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from archive.preview.drawn import draw, draw_crop
from archive.preview.hiding import Cover, Hiding, Scene
from archive.preview.shown import Shown
from archive.preview.state import Crop, to_json
from archive.publisher import Letter
from robot.web.viewers import Socket, in_time, until_one_ends

log = logging.getLogger(__name__)

MAX_VIEWERS = 8
PICTURES_PER_S = 10.0


@dataclass(frozen=True, slots=True)
class View:
    """What all of them get. Without a picture where there is none yet."""

    state: str
    jpeg: bytes = field(default=b"", repr=False)


class Viewers:
    """`run` makes pictures, `talk` gives them to one browser."""

    def __init__(
        self, robot_id: str, shown: Callable[[], Shown], blur: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` must be the one that stamps pictures."""
        self._robot_id, self._shown, self._blur, self._clock = robot_id, shown, blur, clock
        self._hiding = Hiding()
        self._count = 0
        self._anybody, self._closing, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._drawn: tuple[Scene, bytes] | None = None
        self._crops: list[tuple[Letter, Crop]] = []
        self._crop_number = 0
        self._view: View | None = None

    @property
    def count(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        return self._count >= MAX_VIEWERS

    def close(self) -> None:
        """Ends all `talk`s."""
        self._closing.set()

    def crop(self, number: int) -> bytes:
        """JPEG of one in the strip; empty when it is there no more."""
        return next((each.jpeg for _, each in self._crops if each.number == number), b"")

    # ---- pictures ----

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._count:  # what was seen before is not for who comes next
                self._hiding.forget()
                self._drawn, self._view, self._crops = None, None, []
                self._anybody.clear()
                await self._anybody.wait()
            began_s = loop.time()
            await self._look()
            await asyncio.sleep(max(0.0, began_s + 1 / PICTURES_PER_S - loop.time()))

    async def _look(self) -> None:
        shown = self._shown()
        scene = self._hiding.scene(shown, self._clock()) if self._blur else _as_it_is(shown)
        if self._drawn is None or self._drawn[0] != scene:
            self._drawn = scene, await asyncio.to_thread(draw, scene)
        await self._renew_crops(shown.newest)
        view = View(to_json(self._robot_id, shown, scene, [each for _, each in self._crops]), self._drawn[1])
        if view != self._view:
            self._view = view
            self._changed.set()
            self._changed = asyncio.Event()

    async def _renew_crops(self, newest: tuple[Letter, ...]) -> None:
        """Each is drawn once."""
        crops = []
        for letter in newest:
            crop = next((each for known, each in self._crops if known is letter), None)
            if crop is None:
                self._crop_number += 1
                jpeg = await asyncio.to_thread(draw_crop, letter.image, self._blur)
                crop = Crop(self._crop_number, letter.face, jpeg)
            crops.append((letter, crop))
        self._crops = crops

    # ---- browsers ----

    async def talk(self, socket: Socket) -> None:
        """Until the browser goes, `close` is called, or it takes nothing for some seconds."""
        self._count += 1
        self._anybody.set()
        try:
            await until_one_ends("preview", partial(self._show, socket), partial(_listen, socket), self._closing.wait)
        finally:
            self._count -= 1

    async def _show(self, socket: Socket) -> None:
        sent: View | None = None
        while True:
            while self._view is None or self._view is sent:
                await self._changed.wait()
            view = self._view
            if sent is None or view.state != sent.state:
                await in_time(socket.send_text(view.state))
            if view.jpeg and (sent is None or view.jpeg != sent.jpeg):
                await in_time(socket.send_bytes(view.jpeg))
            sent = view


def _as_it_is(shown: Shown) -> Scene:
    return Scene(shown.jpeg, shown.faces, Cover.NOTHING)


async def _listen(socket: Socket) -> None:
    """There is nothing that a browser could say, but that it goes."""
    while True:
        await socket.receive_text()
