"""A camera that is not there, with somebody before it, and its preview served for real."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest

from archive.camera_config import CropConfig, PreviewConfig
from archive.crop import cut
from archive.face import Face
from archive.pictures import Format, encode
from archive.preview.page import Preview
from archive.preview.shown import Looked, Shown
from archive.publisher import Letter
from edge_server.engines.base import Picture
from edge_server.engines.haar import HaarEngine
from protos.messages import Box
from robot.values import BGR

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWAYS = 8
NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


@cache
def scenes() -> tuple[BGR, ...]:
    """scikit-image's astronaut, who sways before a wall that is out of focus; 640x480."""
    from skimage import data

    person = cv2.resize(np.ascontiguousarray(data.astronaut()[:, :, ::-1]), (480, 480), interpolation=cv2.INTER_AREA)
    made = []
    for index in range(SWAYS):
        left = 80 + round(10 * np.sin(2 * np.pi * index / SWAYS))
        scene = cv2.copyMakeBorder(person, 0, 0, left, 160 - left, cv2.BORDER_REFLECT_101)
        blurred = cv2.GaussianBlur(scene, (0, 0), 9)
        scene[:, :left], scene[:, left + 480 :] = blurred[:, :left], blurred[:, left + 480 :]
        made.append(np.asarray(scene, np.uint8))
    return tuple(made)


def faces_in(bgr: BGR) -> list[Box]:
    """By the Haar cascade, in colour as it comes and a little out of focus: a face that is hidden is in neither."""
    haar = HaarEngine()
    soft = np.asarray(cv2.GaussianBlur(bgr, (0, 0), 6), np.uint8)
    return [each.box for one in (bgr, soft) for each in haar.detect([Picture(one)])[0]]


def decoded(jpeg: bytes) -> BGR:
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr, np.uint8)


def jpeg_of(bgr: BGR) -> bytes:
    return bytes(cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, 80))[1])


@cache
def film() -> tuple[tuple[bytes, Box], ...]:
    """Each picture with the face in it."""
    haar = HaarEngine()
    return tuple((jpeg_of(each), haar.detect([Picture(each)])[0][0].box) for each in scenes())


@cache
def letter(number: int, track: str = "") -> Letter:
    """A crop of the astronaut as it is published."""
    scene = scenes()[number % SWAYS]
    box = film()[number % SWAYS][1]
    time_ = NOON + timedelta(seconds=5.3 * number)
    face = Face(
        "door", track or f"4fa1c2-{number // 2 + 1}", time_, 0.93, box, "edge-north", 0.55 + 0.05 * (number % 8)
    )
    return Letter(face, encode(cut(scene, box, CropConfig()), face.fields(), Format.PNG))


@dataclass
class PortraitCamera:
    """What goes wrong is set from outside. A new picture each time it is asked; it counts how often."""

    edge: str = "edge-north"
    answers: bool = True  # edge servers say where faces are
    apart_s: float = 0.0  # between two of their answers
    broker_problem: str = ""
    waiting: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"offered": 14, "published": 12, "dropped": 0})
    newest: list[Letter] = field(default_factory=list)
    asked: int = 0
    looked: Looked | None = None

    def shown(self) -> Shown:
        jpeg, box = film()[self.asked % SWAYS]
        self.asked += 1
        if self.answers and (not self.looked or time.monotonic() - self.looked.capture_s >= self.apart_s):
            self.looked = Looked(time.monotonic(), jpeg, (box,))
        return Shown(
            jpeg=jpeg,
            faces=(box,),
            looked=self.looked,
            edge=self.edge,
            counts=dict(self.counts),
            waiting=self.waiting,
            broker_problem=self.broker_problem,
            newest=tuple(self.newest),
        )


@asynccontextmanager
async def served(shown: Callable[[], Shown], **settings: Any) -> AsyncIterator[str]:
    """Its address, with a slash at the end."""
    config = PreviewConfig(**{"enabled": True, "port": 0, **settings})
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(Preview(config, "door", shown).run(ready.set_result))
    try:
        waits: list[asyncio.Future[Any]] = [task, ready]
        done, _ = await asyncio.wait(waits, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
        yield await ready
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
