"""Nodes and garments drawn with a few strokes, for tests that are about the page and not about the art of dressing."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage import data

from edge_server.garments.catalogue import Catalogue
from edge_server.garments.record import write_garment
from edge_server.tryon.values import TROUSER_LANDMARKS, UPPER_LANDMARKS, Area, Garment, Kind
from handover.nodes import (
    CannotDressError,
    NewsKind,
    ParsingData,
    PoseData,
    Prepared,
    ProgressNews,
    TryOnRequest,
    TryOnResult,
)
from handover.values import ServerView
from protos.tryon import ImageFormat, Point, StageTimings

POINTS = {  # of the portrait that ships with scikit-image
    "nose": (0.44, 0.24), "left_eye": (0.47, 0.19), "right_eye": (0.40, 0.19), "left_ear": (0.52, 0.21),
    "right_ear": (0.35, 0.21), "left_shoulder": (0.68, 0.45), "right_shoulder": (0.19, 0.46),
    "left_elbow": (0.80, 0.75), "right_elbow": (0.10, 0.80), "left_wrist": (0.72, 1.02), "right_wrist": (0.14, 1.06),
    "left_hip": (0.6, 1.1), "right_hip": (0.28, 1.1),
}  # fmt: skip


def portrait(longer_px: int = 512) -> np.ndarray:
    return cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), (longer_px, longer_px))


def jpeg(bgr: np.ndarray, quality: int = 92) -> bytes:
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def pixels(data: bytes) -> np.ndarray:
    """Of a JPEG or PNG, as it is."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found


def garment(garment_id: str, name: str, kind: Kind, bgr: tuple[int, int, int]) -> Garment:
    bgra = np.zeros((600, 500, 4), np.uint8)
    bgra[60:540, 120:380] = (*bgr, 255)
    names = TROUSER_LANDMARKS if kind is Kind.TROUSERS else UPPER_LANDMARKS
    return Garment(garment_id, name, kind, bgra, dict.fromkeys(names, (0.5, 0.5)))


def catalogue(folder: Path, *more: Garment) -> Catalogue:
    """Two garments and those given, as a folder of one's own."""
    for each in (
        garment("tee-red", "Red tee", Kind.TOP, (60, 60, 210)),
        garment("jeans", "Blue jeans", Kind.TROUSERS, (150, 100, 60)),
        *more,
    ):
        write_garment(folder, each)
    return Catalogue((folder,))


@dataclass
class FakeNodes:
    """One node that paints the chest over. `step_s` between its news."""

    step_s: float = 0.0
    nobody: bool = False
    people: int = 1
    facing: str = "front"
    error: Exception | None = None
    asked: list[TryOnRequest] = field(default_factory=list)
    waiting: int = 0
    retries: bool = False  # tells that one node died
    retry_now: asyncio.Event = field(default_factory=asyncio.Event)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def views(self) -> list[ServerView]:
        return []

    async def prepare(self, image: bytes, user: str = "", budget_s: float = 15.0) -> Prepared:
        if self.nobody:
            raise CannotDressError("Nobody is to be seen in this picture. Stand before the camera, head to hips.")
        bgr = pixels(image)
        height, width = bgr.shape[:2]
        labels = np.zeros((height, width), np.uint8)
        at = {name: (int(x * width), int(y * height)) for name, (x, y) in POINTS.items()}
        torso = [at["left_shoulder"], at["right_shoulder"], at["right_hip"], at["left_hip"]]
        cv2.fillPoly(labels, [np.array(torso, np.int32)], Area.TORSO)
        cv2.circle(labels, at["nose"], width // 9, Area.FACE, -1)
        mask = np.where(labels > 0, 255, 0).astype(np.uint8)
        pose = PoseData(
            {name: Point(x, y, 0.9) for name, (x, y) in POINTS.items()}, png(mask), self.people, self.facing
        )
        return Prepared(image, width, height, pose, ParsingData(png(labels)), "fake", StageTimings())

    async def try_on(self, request: TryOnRequest, on_progress: Callable[[ProgressNews], None]) -> TryOnResult:
        self.asked.append(request)
        if self.retries:
            on_progress(ProgressNews(NewsKind.WORKING, "putting the garment on", "gpu1", 0.4))
            await asyncio.sleep(self.step_s)
            on_progress(ProgressNews(NewsKind.RETRYING, "gpu1 is gone: the connection broke; trying fake", "fake"))
            await self.retry_now.wait()
        if self.error is not None:
            raise self.error
        self.waiting += 1
        try:
            on_progress(ProgressNews(NewsKind.QUEUED, "waiting", "fake", 0.0, self.waiting, self.waiting))
            async with self.one_at_a_time:
                for share, text in ((0.2, "finding the body's areas"), (0.6, "fitting the garment"), (0.9, "blending")):
                    on_progress(ProgressNews(NewsKind.WORKING, text, "fake", share))
                    await asyncio.sleep(self.step_s)
        finally:
            self.waiting -= 1
        bgr = pixels(request.image)
        height, width = bgr.shape[:2]
        corners = [(0.2, 0.46), (0.36, 0.4), (0.55, 0.4), (0.7, 0.46), (0.78, 1), (0.15, 1)]
        shape = np.array([(int(x * width), int(y * height)) for x, y in corners], np.int32)
        cv2.fillPoly(bgr, [shape], (60, 60, 210), cv2.LINE_AA)
        return TryOnResult(jpeg(bgr), ImageFormat.JPEG, width, height, "fake", "paint", StageTimings(), self.step_s * 3)


def sse(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Events of a stream."""
    events = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events
