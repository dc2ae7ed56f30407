"""The page's mirror: a garment is chosen, progress and result are seen, and forgotten."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import connect

from robot.mirror_view import MirrorView, Phase
from robot.values import Key
from robot.view import AgentView, Mirroring
from robot.web.page import run
from robot.web.viewers import DRESSED, garment_in
from tests.robot.web.browser import CHROMIUM, browsing
from tests.sim.example import agent_view

GARMENTS = (("tee-breton", "Breton T-shirt"), ("jacket-denim", "Denim <b>jacket</b>"))


def plain(bgr: tuple[int, int, int], size: tuple[int, int] = (480, 640)) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((*size, 3), bgr, np.uint8))[1])


class MirrorRobot:
    """A robot whose mirror is as a test says."""

    def __init__(self) -> None:
        self.mirror = MirrorView(GARMENTS, "tee-breton")
        self.chosen: list[str] = []
        self.pressed: list[Key] = []
        self._views = 0
        self._jpeg = plain((60, 160, 40))

    def view(self) -> AgentView:
        self._views += 1
        return replace(agent_view(20 + self._views / 30, bytes(bytearray(self._jpeg))), mirror=self.mirror)

    def press(self, key: Key) -> None:
        self.pressed.append(key)

    def choose(self, garment: str) -> None:
        self.chosen.append(garment)

    def show(self, phase: Phase, **changes: object) -> None:
        self.mirror = replace(self.mirror, phase=phase, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def served(robot: MirrorRobot) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run(robot, "127.0.0.1", 0, None, ready.set_result))
    try:
        yield (await asyncio.wait_for(ready, 20)).removeprefix("http://")
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def pressed(robot: MirrorRobot, *keys: Key) -> None:
    async with asyncio.timeout(20):
        while robot.pressed != list(keys):  # noqa: ASYNC110 (another process has no event for it)
            await asyncio.sleep(0.02)


async def test_a_garment_and_the_key_reach_the_robot() -> None:
    robot = MirrorRobot()
    assert isinstance(robot, Mirroring)
    async with served(robot) as address, connect(f"ws://{address}/live") as client:
        await client.send('{"key": "mirror", "garment": "jacket-denim"}')
        await client.send('{"key": "mirror", "garment": {"no": "text"}}')
        await client.send('{"key": "forget"}')
        await pressed(robot, Key.MIRROR, Key.MIRROR, Key.FORGET)
        assert robot.chosen == ["jacket-denim", ""]


def test_only_a_text_is_a_garment() -> None:
    assert garment_in('{"key": "mirror", "garment": "tee"}') == "tee"
    assert garment_in('{"key": "mirror", "garment": 5}') == ""
    assert garment_in('{"key": "mirror"}') == ""


async def test_the_result_is_sent_once_to_everybody_who_watches_and_not_after_it_was_dropped() -> None:
    robot = MirrorRobot()
    robot.show(Phase.DRESSED, picture=plain((0, 0, 200)), garment="tee-breton", node="node-1", took_s=1.25)
    async with served(robot) as address:
        async with connect(f"ws://{address}/live") as client:
            got: list[bytes] = []
            states: list[dict[str, object]] = []
            async with asyncio.timeout(20):
                while len(states) < 4:
                    message = await client.recv()
                    if isinstance(message, str):
                        states.append(json.loads(message)["mirror"])
                    elif message[:1] == DRESSED:
                        got.append(message[1:])
            assert got == [robot.mirror.picture]
            assert states[0]["worn"] == "Breton T-shirt"
            assert "picture" not in states[0]
        robot.show(Phase.READY, picture=b"", garment="")
        await asyncio.sleep(0.05)  # what was read of the robot before is 30 ms old at most
        async with connect(f"ws://{address}/live") as late, asyncio.timeout(20):
            for _ in range(12):
                message = await late.recv()
                assert isinstance(message, str) or message[:1] != DRESSED


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium)")
@pytest.mark.parametrize(("width", "height"), [(1440, 980), (390, 1100)], ids=["desk", "phone"])
async def test_in_a_browser_one_chooses_waits_sees_and_forgets(width: int, height: int, tmp_path: Path) -> None:
    robot = MirrorRobot()
    folder = Path(os.environ.get("TAGALONG_SCREENSHOTS") or tmp_path)
    text = "document.getElementById('mirror-text').textContent"
    shown = "!document.getElementById('dressed').hidden"
    async with served(robot) as address, browsing() as tab:
        await tab.open(f"http://{address}/", width, height)
        await tab.until("document.querySelectorAll('#garments input').length === 2")
        assert await tab.evaluate("document.querySelectorAll('#garments b').length") == 0, "names are text, not markup"
        assert await tab.evaluate("document.querySelector('#garments input:checked').value") == "tee-breton"
        await tab.evaluate("document.querySelectorAll('#garments label')[1].click()")
        await tab.evaluate("document.getElementById('try-on').click()")
        await pressed(robot, Key.MIRROR)
        assert robot.chosen == ["jacket-denim"]
        assert not await tab.evaluate(shown)

        robot.show(Phase.LOOKING, text="stand still for a picture")
        await tab.until(f"{text}.includes('stand still')")
        robot.show(Phase.ASKING, text="fitting the garment", share=0.6, node="node-1")
        await tab.until(f"{text}.includes('fitting the garment')")
        await tab.until("document.querySelector('#mirror-bar i').style.width === '60%'")
        await tab.until("document.querySelector('#mirror-bar').checkVisibility({visibilityProperty: true})")

        picture = plain((0, 0, 200), (480, 500))
        robot.show(Phase.DRESSED, text="", picture=picture, garment="jacket-denim", node="node-1", took_s=1.25)
        await tab.until(shown)
        middle = "[...document.getElementById('dressed-picture').getContext('2d').getImageData(40, 300, 1, 1).data]"
        red, green, blue, _ = await tab.evaluate(middle)
        assert red > 150 > max(green, blue)
        assert "Denim <b>jacket</b> · 1.3 s" in await tab.evaluate("document.getElementById('worn').textContent")
        assert await tab.evaluate("document.getElementById('video').checkVisibility()"), "the live picture is beside it"
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        (folder / f"robot-mirror-{width}.png").write_bytes(await tab.screenshot())

        await tab.evaluate("document.getElementById('forget').click()")
        await pressed(robot, Key.MIRROR, Key.FORGET)
        robot.show(Phase.READY, picture=b"", garment="", node="")
        await tab.until(f"!({shown})")
        assert await tab.evaluate("document.getElementById('dressed-picture').width") == 1, "nothing of it is left"

        robot.show(Phase.FAILED, text="There is no node that puts garments on.")
        await tab.until(f"{text} === 'There is no node that puts garments on.'")
        await tab.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'm'}))")
        await pressed(robot, Key.MIRROR, Key.FORGET, Key.MIRROR)
        assert tab.errors == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (apt-get install chromium)")
async def test_a_robot_without_a_mirror_has_none_on_its_page() -> None:
    robot = MirrorRobot()
    robot.mirror = None  # type: ignore[assignment]
    async with served(robot) as address, browsing() as tab:
        await tab.open(f"http://{address}/", 1000, 800)
        await tab.until("document.getElementById('state')?.textContent === 'follow'")
        assert await tab.evaluate("document.getElementById('mirror').hidden")
        assert tab.errors == []
