"""What an emulated robot sees, and what its page shows."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from common.errors import DeviceError
from common.supervise import keep_running
from robot.states import State
from robot.values import Effect, Key
from robot.web.state import to_json
from sim import gl
from sim.robomaster.page import RoverPage
from sim.robomaster.values import Led, LedEffect
from sim.robomaster.world_camera import WorldPictures
from tests.sim.robomaster.rover_in_world import Bench, room


@pytest.fixture(autouse=True)
def can_draw() -> None:
    try:
        gl.require()
    except DeviceError as error:
        pytest.skip(str(error))


@pytest_asyncio.fixture
async def two() -> AsyncIterator[tuple[Bench, list[WorldPictures]]]:
    """The second robot stands 1 m ahead of the first one and looks to its left."""
    place = {"camera": {"height_m": 0.4}, "more_rovers": [{"at": [1.0, 0.0], "heading_deg": 90}]}
    bench = Bench(room(person=(-4, -4), **place))
    pictures = [WorldPictures(bench.world, number) for number in range(2)]
    yield bench, pictures
    for each in pictures:
        await each.close()


async def test_robots_see_each_other_and_not_themselves(two: tuple[Bench, list[WorldPictures]]) -> None:
    bench, pictures = two

    async def white_lamp(led: Led, on: int, seen_by: int) -> int:
        """By how much the picture changes when a lamp of a robot is switched on."""
        shown = []
        for rgb in ((0, 0, 0), (255, 255, 255)):
            bench.rovers[on].set_led([led], rgb)
            shown.append((await pictures[seen_by].picture(640, 360)).astype(int))
        return int(np.abs(shown[1] - shown[0]).max())

    assert await white_lamp(Led.BOTTOM_LEFT, on=1, seen_by=0) > 100
    assert await white_lamp(Led.BOTTOM_RIGHT, on=1, seen_by=0) < 30  # on its far side
    assert await white_lamp(Led.TOP_LEFT, on=0, seen_by=0) == 0


async def test_pictures_have_the_size_that_is_asked_for(two: tuple[Bench, list[WorldPictures]]) -> None:
    _, pictures = two
    for width_px, height_px in ((640, 360), (1280, 720)):
        assert (await pictures[0].picture(width_px, height_px)).shape == (height_px, width_px, 3)


async def test_the_page_shows_camera_lamps_and_the_room_while_somebody_watches(
    two: tuple[Bench, list[WorldPictures]],
) -> None:
    bench, pictures = two
    page = RoverPage(bench.world, bench.rover, pictures[0], 0, lambda text: None)
    bench.rover.set_led(list(Led), (10, 200, 30), LedEffect.BLINK, 0.25, 0.25)
    drawing = asyncio.create_task(keep_running(page.jobs()[1]), name="drawing")
    end_s = time.monotonic() + 20
    while not (page.view().jpeg and page.top_jpeg()):
        assert time.monotonic() < end_s
        await asyncio.sleep(0.02)
    drawing.cancel()
    await asyncio.gather(drawing, return_exceptions=True)
    view = page.view()
    assert view.jpeg.startswith(b"\xff\xd8")
    assert (view.light.effect, view.light.rgb, view.light.hz) == (Effect.FLASH, (10, 200, 30), 2.0)
    assert json.dumps([to_json(view), page.plan(), page.moment()], allow_nan=False)
    assert (view.state, view.label) == (State.IDLE, "no program yet")
    bench.rover.claim(object())
    bench.rover.drive_speed(0.5, 0.0, 0.0)
    bench.run(0.5)
    view = page.view()
    assert (view.state, view.label) == (State.FOLLOW, "the program that is connected")
    assert view.decision is not None
    assert view.decision.command.forward_mps == pytest.approx(0.5, abs=0.05)
    assert 0 < view.camera_fps < 11
    page.press(Key.ESTOP)
    bench.run(1.0)
    assert bench.rover.status().static
