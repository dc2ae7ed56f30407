"""From answered pictures to letters: each face of each picture once, odd pictures and slow moments included."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from archive.camera_config import PublisherConfig
from archive.pictures import fields_in
from archive.publisher import Letter
from archive.watching import MAX_FRAMES, MAX_WAITING, FaceWatcher
from protos.messages import Box, Detection
from robot.values import Frame, Track
from robot.watching import Answered

BOX = Box(0.25, 0.25, 0.5, 0.5)
RNG = np.random.default_rng(1)


def watcher_of(**choice: object) -> FaceWatcher:
    broker = {"url": "mqtt://127.0.0.1:9"}  # nobody is there; letters wait
    return FaceWatcher(PublisherConfig.model_validate({"broker": broker, "choice": choice}), "hall", lambda: 10.0)


def frame(number: int, side_px: int = 200) -> Frame:
    return Frame(RNG.integers(0, 255, (side_px, side_px, 3), dtype=np.uint8), number, 10.0)


def answer(number: int, *labels: str, score: float = 0.9, confirmed: bool = True) -> Answered:
    found = tuple(Detection(label, score, BOX) for label in labels)
    tracks = tuple(
        Track(place, label, BOX, (0, 0), score, (0, 0, 0), 10.0, 10.0, 3, confirmed)
        for place, label in enumerate(labels, 1)
    )
    return Answered(number, 10.0, "edge-1", found, tracks)


@asynccontextmanager
async def running(watcher: FaceWatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(watcher.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settled(watcher: FaceWatcher, count: int) -> list[Letter]:
    async with asyncio.timeout(20):
        while watcher.counts["offered"] + watcher.counts["skipped"] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return list(watcher.newest)


async def test_a_face_becomes_a_letter_with_what_is_known_of_it() -> None:
    watcher = watcher_of(all=True)
    async with running(watcher):
        watcher.saw(1, frame(1))
        watcher.answered(answer(1, "person", "face"))
        (letter,) = await settled(watcher, 1)
    face = letter.face
    assert (face.robot, face.edge, face.confidence, face.box) == ("hall", "edge-1", 0.9, BOX)
    assert face.track.endswith("-2")
    assert face.time is not None
    assert 0 < face.quality < 1
    assert fields_in(letter.image) == face.fields()


async def test_two_starts_never_give_one_name_to_two_tracks() -> None:
    names = set()
    for _ in range(2):
        watcher = watcher_of(all=True)
        async with running(watcher):
            watcher.saw(1, frame(1))
            watcher.answered(answer(1, "face"))
            names.add((await settled(watcher, 1))[0].face.track)
    assert len(names) == 2


async def test_what_comes_faster_than_it_can_be_cut_out_is_counted_and_nothing_is_lost_beside() -> None:
    watcher = watcher_of(all=True, max_per_s=0)
    numbers = range(1, 3 * MAX_WAITING + 1)
    async with running(watcher):
        for number in numbers:  # without giving anybody a turn: the first ones give way
            watcher.saw(number, frame(number))
            watcher.answered(answer(number, "face"))
        await settled(watcher, len(numbers))
        for number in range(100, 110):  # and while somebody is at work
            watcher.saw(number, frame(number))
            watcher.answered(answer(number, "face"))
            await asyncio.sleep(0)
        await settled(watcher, len(numbers) + 10)
    assert watcher.counts["skipped"] >= 2 * MAX_WAITING
    assert watcher.counts["offered"] + watcher.counts["skipped"] == len(numbers) + 10


async def test_an_odd_picture_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    watcher = watcher_of(all=True)
    async with running(watcher):
        watcher.saw(1, Frame(np.zeros((200, 200), np.uint8), 1, 10.0))
        watcher.answered(answer(1, "face"))
        watcher.saw(2, frame(2))
        watcher.answered(answer(2, "face"))
        await settled(watcher, 2)
    assert watcher.counts["skipped"] == watcher.counts["offered"] == 1
    assert "picture 1" in caplog.text


@pytest.mark.parametrize(
    ("changes", "given"),
    [({"score": 0.4}, {}), ({"confirmed": False}, {"all": False}), ({}, {"min_side_px": 150})],
)
async def test_what_is_hardly_a_face_is_left_out(changes: dict[str, float], given: dict[str, object]) -> None:
    watcher = watcher_of(**{"all": True, **given})
    async with running(watcher):
        watcher.saw(1, frame(1))
        watcher.answered(answer(1, "face", **changes))  # type: ignore[arg-type]
        watcher.saw(2, frame(2, 400))
        watcher.answered(answer(2, "face"))
        if given.get("all") is False:
            await asyncio.sleep(0)
            await asyncio.wait_for(watcher_finish(watcher), 20)
        (letter,) = await settled(watcher, 1)
    assert letter.face.confidence == 0.9


async def watcher_finish(watcher: FaceWatcher) -> None:
    """As `finish`, without waiting for a broker that is not there."""
    finish = asyncio.create_task(watcher.finish())
    while not watcher.counts["offered"]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    finish.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await finish


async def test_pictures_without_an_answer_are_few_and_large_ones_fewer() -> None:
    watcher = watcher_of()
    for number in range(100):
        watcher.saw(number, frame(number, 20))
    assert len(watcher._frames) == MAX_FRAMES
    for number in range(100, 110):
        watcher.saw(number, Frame(np.zeros((3000, 4000, 3), np.uint8), number, 10.0))
    assert len(watcher._frames) == 4
