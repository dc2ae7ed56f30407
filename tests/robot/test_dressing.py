"""The mirror's part of the shell, before nodes that do what a test says."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import cv2
import numpy as np
import pytest

from common.settings import load_settings
from handover.nodes import ImageFormat, NewsKind, NoNodeError, ProgressNews, TryOnRequest, TryOnResult
from protos.messages import Box
from protos.tryon import StageTimings
from robot.config import RobotConfig
from robot.dressing import SETTLE_S, Dressing, alone
from robot.mirror_view import Phase
from robot.values import BGR, Frame
from tests.robot.edge_process import until

TARGET = Box(0.4, 0.2, 0.2, 0.6)
SECRET = b"\xff\xd8 a picture of somebody \xff\xd9"


def picture(sharp: bool = True, size: tuple[int, int] = (48, 64)) -> BGR:
    checks = (np.indices(size).sum(0) % 2 * 255).astype(np.uint8)
    bgr = np.repeat(checks[..., None], 3, axis=2)
    return bgr if sharp else np.asarray(cv2.GaussianBlur(bgr, (9, 9), 0), np.uint8)


class Fitting:
    """Nodes that answer when they are let; or fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[TryOnRequest] = []
        self.let = asyncio.Event()
        self.running = self.cancelled = 0
        self.error = error

    async def run(self) -> None:
        self.running += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.running -= 1

    async def try_on(self, request: TryOnRequest, on_progress: Callable[[ProgressNews], None]) -> TryOnResult:
        self.requests.append(request)
        on_progress(ProgressNews(NewsKind.WORKING, "fitting", "node-1", 0.5))
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return TryOnResult(SECRET, ImageFormat.JPEG, 64, 48, "node-1", "warp", StageTimings(), 1.0)


class Mirror:
    """A `Dressing` that runs, and the core's part of it: leaves the state when told that it is over."""

    def __init__(self, nodes: Fitting, **settings: object) -> None:
        config = load_settings(RobotConfig, None, "", {f"mirror.{key}": value for key, value in settings.items()})
        self.nodes = nodes
        self.over: list[bool] = []
        self.dressing = Dressing(config, self.now_s, self._on_over, lambda: nodes)
        self._number = 0

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _on_over(self, is_dressed: bool) -> None:
        self.over.append(is_dressed)
        self.dressing.keep_up(None)

    async def ask(self) -> float:
        since_s = self.now_s()
        self.dressing.keep_up(since_s)
        await until(lambda: self.phase is Phase.LOOKING)
        return since_s

    def see(self, since_s: float, bgr: BGR, *others: Box, late_s: float = 0.01, target: Box | None = TARGET) -> None:
        self._number += 1
        self.dressing.saw(self._number, Frame(bgr, self._number, since_s + SETTLE_S + late_s))
        self.dressing.answered(self._number, target, others)

    @property
    def phase(self) -> Phase:
        return self.dressing.view().phase

    async def dress(self) -> None:
        self.nodes.let.set()
        self.see(await self.ask(), picture())
        await until(lambda: self.over == [True])


@asynccontextmanager
async def running(mirror: Mirror) -> AsyncIterator[None]:
    task = asyncio.create_task(mirror.dressing.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert mirror.nodes.running == 0


async def test_the_person_is_dressed_in_what_was_chosen_and_every_step_is_told() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        assert mirror.nodes.running == 0, "no connection is held for what nobody asks for"
        mirror.dressing.choose("jacket-denim")
        mirror.dressing.choose("../../etc/passwd")
        mirror.see(await mirror.ask(), picture())
        await until(lambda: len(mirror.nodes.requests) == 1)
        await until(lambda: mirror.dressing.view().share == 0.5)
        assert (mirror.dressing.view().text, mirror.dressing.view().node) == ("fitting", "node-1")
        assert mirror.over == []
        mirror.nodes.let.set()
        await until(lambda: mirror.over == [True])
        view = mirror.dressing.view()
        assert (view.phase, view.picture, view.garment_name) == (Phase.DRESSED, SECRET, "Denim jacket")
        assert [request.garment for request in mirror.nodes.requests] == ["jacket-denim"]
    assert mirror.dressing.view().picture == b"", "nothing is left when it ends"


async def test_the_sharpest_picture_taken_after_standing_still_is_sent() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        since_s = await mirror.ask()
        mirror.see(since_s, picture(size=(48, 32)), late_s=-0.2)  # sharp, but the wheels were braking
        mirror.see(since_s, picture(size=(48, 40)), target=None)  # sharp, of nobody
        mirror.see(since_s, picture(False, (48, 48)))
        mirror.see(since_s, picture(True, (48, 56)))
        mirror.see(since_s, picture(False, (48, 60)))
        await until(lambda: len(mirror.nodes.requests) == 1)
        sent = cv2.imdecode(np.frombuffer(mirror.nodes.requests[0].image, np.uint8), cv2.IMREAD_COLOR)
        assert sent is not None
        assert sent.shape == (48, 56, 3)


async def test_with_nobody_in_the_pictures_it_gives_up_in_time() -> None:
    mirror = Mirror(Fitting(), look_s=0.5)
    async with running(mirror):
        mirror.see(await mirror.ask(), picture(), target=None)
        await until(lambda: mirror.over == [False])
        assert mirror.phase is Phase.FAILED
        assert "Stand in front" in mirror.dressing.view().text
        assert mirror.nodes.requests == []


@pytest.mark.parametrize(
    ("error", "said"), [(NoNodeError("There is no node."), "There is no node."), (ZeroDivisionError(), "robot's log")]
)
async def test_whatever_goes_wrong_is_said_and_the_next_request_is_served(error: Exception, said: str) -> None:
    mirror = Mirror(Fitting(error))
    async with running(mirror):
        mirror.nodes.let.set()
        mirror.see(await mirror.ask(), picture())
        await until(lambda: mirror.over == [False])
        assert mirror.phase is Phase.FAILED
        assert said in mirror.dressing.view().text
        mirror.nodes.error = None
        mirror.over.clear()
        await mirror.dress()


async def test_a_state_that_is_left_cancels_the_work_and_another_request_starts_anew() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        mirror.see(await mirror.ask(), picture())
        await until(lambda: len(mirror.nodes.requests) == 1)
        mirror.dressing.keep_up(None)
        await until(lambda: mirror.nodes.cancelled == 1)
        await until(lambda: mirror.phase is Phase.READY)
        assert mirror.over == [], "whoever left the state knows"
        await mirror.dress()
        assert mirror.phase is Phase.DRESSED


async def test_left_and_asked_for_again_within_one_step_it_looks_again() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        mirror.see(await mirror.ask(), picture())
        await until(lambda: len(mirror.nodes.requests) == 1)
        again_s = mirror.now_s()
        mirror.dressing.keep_up(None)
        mirror.dressing.keep_up(again_s)
        await until(lambda: mirror.phase is Phase.LOOKING)
        mirror.nodes.let.set()
        mirror.see(again_s, picture())
        await until(lambda: mirror.over == [True])
        assert len(mirror.nodes.requests) == 2


async def test_forgotten_means_gone_also_while_it_is_being_made() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        mirror.see(await mirror.ask(), picture())
        await until(lambda: len(mirror.nodes.requests) == 1)
        mirror.dressing.forget()
        await until(lambda: mirror.over == [False])
        assert (mirror.phase, mirror.nodes.cancelled) == (Phase.READY, 1)
        mirror.over.clear()
        await mirror.dress()
        mirror.dressing.forget()
        assert (mirror.phase, mirror.dressing.view().picture) == (Phase.READY, b"")


async def test_a_result_is_dropped_in_time_and_a_newer_one_has_a_time_of_its_own() -> None:
    mirror = Mirror(Fitting(), keep_s=0.3)
    async with running(mirror):
        await mirror.dress()
        await until(lambda: mirror.phase is Phase.READY)
        assert mirror.dressing.view().picture == b""
        mirror.over.clear()
        await mirror.dress()
        assert mirror.dressing.view().picture == SECRET
        await until(lambda: mirror.phase is Phase.READY)


async def test_of_a_picture_nothing_is_logged_and_nothing_is_left_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mirror = Mirror(Fitting())
    bgr = picture()
    async with running(mirror):
        mirror.nodes.let.set()
        mirror.see(await mirror.ask(), bgr)
        await until(lambda: mirror.over == [True])
        mirror.nodes.requests.clear()
        mirror.dressing.forget()
        await asyncio.sleep(0)
        gc.collect()
        held = [each for each in gc.get_referrers(bgr) if isinstance(each, Frame)]
        assert held == []
    assert "picture of somebody" not in caplog.text
    assert "tee-breton" not in caplog.text


async def test_a_refusal_is_said_and_leaves_a_picture_that_is_there() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        mirror.dressing.refuse("Nobody is there.")
        assert (mirror.phase, mirror.dressing.view().text) == (Phase.FAILED, "Nobody is there.")
        await mirror.dress()
        mirror.dressing.refuse("Nobody is there.")
        assert (mirror.phase, mirror.dressing.view().picture) == (Phase.DRESSED, SECRET)


async def test_many_pictures_without_answers_pile_up_nothing() -> None:
    mirror = Mirror(Fitting())
    async with running(mirror):
        since_s = await mirror.ask()
        for number in range(100):
            mirror.dressing.saw(number, Frame(picture(), number, since_s + 1))
        assert len(mirror.dressing._frames) <= 12


@pytest.mark.parametrize(
    ("others", "columns"),
    [
        ((), (0, 100)),
        ((Box(0.0, 0.2, 0.1, 0.5),), (28, 100)),  # midway between 0.05 and 0.5
        ((Box(0.8, 0.2, 0.2, 0.5),), (0, 70)),
        ((Box(0.0, 0.2, 0.1, 0.5), Box(0.8, 0.2, 0.2, 0.5)), (28, 70)),
        ((Box(0.35, 0.2, 0.2, 0.5),), (40, 100)),  # overlaps: the person is not cut
    ],
)
def test_nobody_else_is_sent_along(others: tuple[Box, ...], columns: tuple[int, int]) -> None:
    bgr = np.zeros((10, 100, 3), np.uint8)
    bgr[:] = np.arange(100, dtype=np.uint8)[None, :, None]
    cut = alone(bgr, TARGET, others)
    assert (int(cut[0, 0, 0]), int(cut[0, -1, 0]) + 1) == columns
