"""The shell's part of the state `mirror`: a sharp picture of the person in view, a server that dresses it, the result.

Pictures are kept in memory only, never logged, and dropped in time. The control loop waits for nothing here.
"""

import asyncio
import contextlib
import logging
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from common.errors import TagalongError
from common.supervise import Job, supervise
from handover.nodes import Nodes, ProgressNews, TryOnRequest, TryOnResult
from protos.messages import Box
from robot.config import RobotConfig
from robot.mirror_view import MirrorView, Phase
from robot.values import BGR, Frame

log = logging.getLogger(__name__)

SETTLE_S = 0.3  # after the wheels were told to stand: then the picture does not shake any more
CHOOSE_S = 0.4  # from the first picture with the person in it; the sharpest one until then is taken
MAX_FRAMES = 12  # whose answers may still come
MAX_SHOTS = 8
JPEG_QUALITY = 92  # one picture: finer than those that are only looked at for boxes


class NodesLike(Protocol):
    """`handover.nodes.Nodes`, as far as it is used here."""

    async def run(self) -> None: ...
    async def try_on(self, request: TryOnRequest, on_progress: Callable[[ProgressNews], None]) -> TryOnResult: ...


class Dressing:
    """One request at a time, made while the core is in `mirror`."""

    def __init__(
        self,
        config: RobotConfig,
        clock: Callable[[], float],
        on_over: Callable[[bool], None],
        make_nodes: Callable[[], NodesLike] | None = None,
    ) -> None:
        """`on_over`: the picture is there (True), or there will be none."""
        self._config, self._clock, self._on_over = config.mirror, clock, on_over
        self._make_nodes = make_nodes or (lambda: Nodes(config.handover, config.robot_id))
        self._user = uuid.uuid4().hex  # tells nothing about anybody
        garments = tuple(config.mirror.garments.items())
        self._view = MirrorView(garments, garments[0][0])
        self._since_s: float | None = None  # when the core entered `mirror`
        self._drop_s: float | None = None
        self._wake, self._left = asyncio.Event(), asyncio.Event()
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._shots: deque[BGR] = deque(maxlen=MAX_SHOTS)
        self._shot = asyncio.Event()

    # ---- what others see and ask ----

    def view(self) -> MirrorView:
        return self._view

    def choose(self, garment: str) -> None:
        """What to put on next; one that is not on the list changes nothing."""
        if garment in self._config.garments:
            self._view = replace(self._view, chosen=garment)

    def refuse(self, why: str) -> None:
        """It was asked for at a moment at which it cannot be."""
        if self._view.phase is Phase.DRESSED:
            self._view = replace(self._view, text=why)
        else:
            self._show(Phase.FAILED, why)

    def forget(self) -> None:
        """The picture is dropped; one under way will not come."""
        self._left.set()
        self._drop()

    # ---- what the agent tells ----

    def keep_up(self, mirror_since_s: float | None) -> None:
        """At each control tick: since when the core is in `mirror`, None while it is not."""
        if mirror_since_s == self._since_s:
            return
        self._since_s = mirror_since_s
        self._left.set()  # whatever was under way is not wanted any more
        if mirror_since_s is not None:
            self._wake.set()

    def saw(self, number: int, frame: Frame) -> None:
        """A picture was taken and is on its way to a server."""
        if self._since_s is None or self._view.phase is not Phase.LOOKING:
            return
        if frame.capture_s >= self._since_s + SETTLE_S:
            self._frames[number] = frame
            if len(self._frames) > MAX_FRAMES:
                self._frames.popitem(last=False)

    def answered(self, number: int, target: Box | None, others: tuple[Box, ...]) -> None:
        """What is in that picture: the followed person, if in view, and everybody else."""
        frame = self._frames.pop(number, None)
        if frame is not None and target is not None:
            self._shots.append(alone(frame.bgr, target, others))
            self._shot.set()

    # ---- running ----

    async def run(self) -> None:
        """Until cancelled. Nothing that goes wrong in here reaches the robot."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if self._drop_s is None else self._drop_s - self._clock()):
                        await self._wake.wait()
                if self._wake.is_set():
                    self._wake.clear()
                    await self._attend()
                else:
                    self._drop()
        finally:
            self._drop()

    async def _attend(self) -> None:
        since_s = self._since_s
        if since_s is None:
            return
        self._left.clear()
        self._show(Phase.LOOKING, "taking a picture")
        nodes = self._make_nodes()
        try:
            # Nodes are looked for only now: a robot that nobody asks for pictures has no connections for them.
            await supervise(
                [
                    Job("mirror's nodes", nodes.run),
                    Job("mirror dresses", lambda: self._dress(nodes, since_s), ends_all=True),
                    Job("mirror is left", self._await_left, ends_all=True),
                ]
            )
        except TagalongError as error:
            self._show(Phase.FAILED, str(error))
        except Exception:  # whatever the mirror trips over, the robot goes on
            log.exception("the mirror failed")
            self._show(Phase.FAILED, "That did not work, for a reason that is in the robot's log.")
        finally:
            self._clear_frames()
        if self._view.phase in (Phase.LOOKING, Phase.ASKING):  # left for another state, or forgotten
            self._show(Phase.READY)
        if self._since_s == since_s:
            log.info("mirror: %s", self._view.phase)
            self._on_over(self._view.phase is Phase.DRESSED)

    async def _await_left(self) -> None:
        await self._left.wait()

    async def _dress(self, nodes: NodesLike, since_s: float) -> None:
        """Raises TagalongError."""
        shot = await self._sharpest(since_s)
        if shot is None:
            self._show(Phase.FAILED, "Nobody could be seen well enough. Stand in front of the robot and try again.")
            return
        garment = self._view.chosen
        self._show(Phase.ASKING, "looking for a server")
        request = TryOnRequest(
            await asyncio.to_thread(_jpeg, shot), garment, user=self._user, budget_s=self._config.try_on_s
        )
        result = await nodes.try_on(request, self._on_progress)
        self._drop_s = self._clock() + self._config.keep_s
        self._view = replace(
            self._view,
            phase=Phase.DRESSED,
            text=f"the picture is dropped after {self._config.keep_s:g} s",
            share=1.0,
            picture=result.image,
            garment=garment,
            node=result.node,
            took_s=self._clock() - since_s,
        )

    async def _sharpest(self, since_s: float) -> BGR | None:
        """Of the pictures with the person in it that come in time."""
        best: BGR | None = None
        best_sharpness, until_s = -1.0, since_s + self._config.look_s
        while (left_s := until_s - self._clock()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._shot.wait()
            except TimeoutError:
                break
            self._shot.clear()
            if best is None:
                until_s = min(until_s, self._clock() + CHOOSE_S)
            while self._shots:
                shot = self._shots.popleft()
                if (sharpness := await asyncio.to_thread(_sharpness, shot)) > best_sharpness:
                    best, best_sharpness = shot, sharpness
        return best

    def _on_progress(self, news: ProgressNews) -> None:
        self._view = replace(self._view, text=news.text, share=news.share, node=news.node)

    def _show(self, phase: Phase, text: str = "") -> None:
        """Without a picture."""
        self._drop_s = None
        self._view = replace(
            self._view, phase=phase, text=text, share=0.0, picture=b"", garment="", node="", took_s=0.0
        )

    def _drop(self) -> None:
        self._clear_frames()
        self._drop_s = None
        if self._view.phase is Phase.DRESSED:
            self._show(Phase.READY)

    def _clear_frames(self) -> None:
        self._frames.clear()
        self._shots.clear()
        self._shot.clear()


def alone(bgr: BGR, target: Box, others: tuple[Box, ...]) -> BGR:
    """The columns of the picture up to halfway to whoever else is in it: nobody but the person is sent on."""
    middle = target.x + target.w / 2
    left, right = 0.0, 1.0
    for other in others:
        beside = other.x + other.w / 2
        if beside < middle:
            left = max(left, min((beside + middle) / 2, target.x))
        else:
            right = min(right, max((beside + middle) / 2, target.x + target.w))
    columns = bgr.shape[1]
    return bgr[:, max(0, round(left * columns)) : max(1, round(right * columns))]


def _sharpness(bgr: BGR) -> float:
    grey = cv2.cvtColor(np.ascontiguousarray(bgr), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def _jpeg(bgr: BGR) -> bytes:
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(bgr), (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    assert done  # a picture that was sent to servers as JPEG before
    return data.tobytes()
