"""A real Chromium before the preview."""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.preview.watched import CHROMIUM, PortraitCamera, decoded, faces_in, film, letter, served
from tests.mirror.webcam import artefacts

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="no Playwright here: pip install playwright"
    ),
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark", "timezone_id": "UTC"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "light",
    "timezone_id": "UTC",
}
COVER = "document.getElementById('cover')"


@asynccontextmanager
async def opened(
    url: str, look: dict[str, Any], received: list[bytes] | None = None, expected: str = ""
) -> AsyncIterator[Any]:
    """A tab. What its scripts or its guards complain of fails the test, and so does asking anybody but the preview.

    `received` gets every picture that comes over the websocket; `expected` is part of a complaint that is one's own.
    """
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            tab = await (await browser.new_context(**look)).new_page()
            tab.set_default_timeout(30_000)
            complaints: list[str] = []

            def came(payload: str | bytes) -> None:
                if isinstance(payload, bytes) and received is not None:
                    received.append(payload)

            tab.on("pageerror", lambda error: complaints.append(str(error)))
            tab.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            tab.on("request", lambda asked: None if asked.url.startswith(url) else complaints.append(asked.url))
            tab.on("websocket", lambda socket: socket.on("framereceived", came))
            await tab.goto(url)
            await tab.wait_for_selector("body[data-link=on]")
            yield tab
            assert [each for each in complaints if not expected or expected not in each] == []
        finally:
            await browser.close()


async def until(tab: Any, expression: str) -> None:
    """The page's guards allow no `wait_for_function`, which evaluates text inside the page."""
    by_s = asyncio.get_running_loop().time() + 30
    while not await tab.evaluate(expression):
        assert asyncio.get_running_loop().time() < by_s, f"never came true: {expression}"
        await asyncio.sleep(0.05)


async def on_canvas(tab: Any) -> np.ndarray[Any, Any]:
    """Mean colour of each tenth of the picture that the browser shows, RGB."""
    cells = await tab.evaluate(
        """(() => { const small = document.createElement("canvas"); small.width = small.height = 10;
        const context = small.getContext("2d"); context.drawImage(document.getElementById("picture"), 0, 0, 10, 10);
        return [...context.getImageData(0, 0, 10, 10).data]; })()"""
    )
    return np.array(cells).reshape(10, 10, 4)[:, :, :3]


async def test_what_the_camera_sees_and_what_was_published_is_shown(tmp_path: Path) -> None:
    kept = artefacts(tmp_path)
    camera = PortraitCamera(newest=[letter(number) for number in range(8)])
    async with served(camera.shown) as url, opened(url, DESKTOP) as tab:
        await until(tab, "document.querySelectorAll('#boxes rect').length === 1")
        await until(tab, f"{COVER}.hidden")
        assert await tab.evaluate("document.getElementById('picture').width") == 640
        assert (await on_canvas(tab)).std() > 20  # not one colour
        assert await tab.get_attribute("#picture", "aria-label") == "Live picture, one face"
        box = film()[0][1]
        drawn, stage = await asyncio.gather(
            tab.locator("#boxes rect").bounding_box(), tab.locator("#picture").bounding_box()
        )
        assert (drawn["x"] + drawn["width"] / 2 - stage["x"]) / stage["width"] == pytest.approx(box.cx, abs=0.03)
        assert drawn["height"] / stage["height"] == pytest.approx(box.h, abs=0.03)

        assert await tab.locator("#strip li").count() == 8
        await until(tab, "[...document.querySelectorAll('#strip img')].every((each) => each.naturalWidth > 50)")
        assert await tab.text_content("#strip li:first-child b") == "4fa1c2-4"
        assert await tab.text_content("#strip li:first-child time") == "12:00:37"
        assert await tab.text_content("#strip li:first-child .quality") == "90 %"
        assert await tab.text_content("[data-name=published] dd") == "12"
        assert await tab.is_hidden("[data-name=dropped]")  # what did not happen is not told
        assert "edge-north" in await tab.text_content("#edge")
        assert "Faces are shown as the camera sees them" in await tab.text_content("#private")
        assert await tab.is_hidden("#problem")
        await tab.screenshot(path=kept / "preview.png")

        camera.newest = [*camera.newest[1:], letter(11, "<img src=x>")]
        camera.counts = {"offered": 15, "published": 12, "dropped": 2}
        camera.waiting, camera.edge = 1, ""
        camera.broker_problem = "mqtt://127.0.0.1:1883 is gone (closed)"
        await tab.wait_for_selector("#problem:has-text('because of the local broker')")
        await tab.wait_for_selector("#strip li:first-child b:has-text('<img src=x>')")
        assert await tab.locator("#strip li").count() == 8
        assert await tab.text_content("[data-name=waiting] dd") == "1"
        assert await tab.text_content("[data-name=dropped] dd") == "2"
        assert await tab.text_content("#edge") == "No edge server finds faces now"
        await until(tab, "[...document.querySelectorAll('#strip img')].every((each) => each.naturalWidth > 50)")
        await tab.screenshot(path=kept / "preview-problem.png")


async def test_with_blur_the_browser_gets_no_face(tmp_path: Path) -> None:
    kept = artefacts(tmp_path)
    camera = PortraitCamera(newest=[letter(number) for number in range(6)], apart_s=1.0)  # too seldom to be sure
    look, received = {**DESKTOP, "color_scheme": "light"}, list[bytes]()
    async with served(camera.shown, blur=True) as url, opened(url, look, received) as tab:
        await tab.wait_for_selector("#cover:has-text('until it is known where faces are')")
        await tab.screenshot(path=kept / "preview-soon.png")
        camera.apart_s = 0.0
        await until(tab, "document.querySelectorAll('#boxes rect').length === 1")
        await until(tab, f"{COVER}.hidden")
        assert "Published pictures are not blurred" in await tab.text_content("#private")
        await until(tab, "[...document.querySelectorAll('#strip img')].every((each) => each.naturalWidth > 50)")
        await tab.screenshot(path=kept / "preview-blur.png")
        async with asyncio.timeout(30):
            while len(received) <= 8:  # noqa: ASYNC110 - the browser tells of each, but not of the ninth
                await asyncio.sleep(0.05)
        for picture in received:
            assert faces_in(decoded(picture)) == []
        shown = await tab.locator("#picture").screenshot(path=kept / "preview-blur-picture.png")
        assert faces_in(decoded(shown)) == []  # and with everything that the page draws
        for crop in await tab.evaluate("[...document.querySelectorAll('#strip img')].map((each) => each.src)"):
            assert faces_in(decoded(await (await tab.request.get(crop)).body())) == []
        camera.answers = False
        await tab.wait_for_selector("#cover:has-text('No edge server says where faces are')")
        assert await tab.text_content("#edge") == "edge-north does not answer"
        await until(tab, "document.querySelectorAll('#boxes rect').length === 0")
        await tab.screenshot(path=kept / "preview-blind.png")


async def test_by_keys_alone_it_is_halted_and_goes_on(tmp_path: Path) -> None:
    camera = PortraitCamera()
    async with served(camera.shown) as url, opened(url, DESKTOP) as tab:
        await until(tab, "document.querySelectorAll('#boxes rect').length === 1")
        await tab.keyboard.press("b")
        assert await tab.get_attribute("#frames", "aria-pressed") == "false"
        await until(tab, "getComputedStyle(document.getElementById('boxes')).visibility === 'hidden'")
        await tab.keyboard.press("Tab")
        assert await tab.evaluate("document.activeElement.id") == "pause"
        await tab.keyboard.press("Enter")
        await tab.wait_for_selector("#link:has-text('paused')")
        asked = -1
        async with asyncio.timeout(30):
            while asked != camera.asked:  # then nobody takes pictures any more
                asked = camera.asked
                await asyncio.sleep(0.5)
        await tab.keyboard.press("p")
        await tab.wait_for_selector("body[data-link=on]")
        assert camera.asked > asked


async def test_the_page_comes_back_when_the_camera_does() -> None:
    camera = PortraitCamera()
    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        url = await first.enter_async_context(served(camera.shown))
        async with first:
            tab = await stack.enter_async_context(opened(url, DESKTOP, expected="ERR_CONNECTION_REFUSED"))
            await until(tab, "document.querySelectorAll('#boxes rect').length === 1")
        await tab.wait_for_selector("#link:has-text('trying again')")
        port = int(url.rstrip("/").rpartition(":")[2])
        await stack.enter_async_context(served(camera.shown, port=port))
        await tab.wait_for_selector("body[data-link=on]")


async def test_on_a_phone_nothing_is_wider_than_the_screen_or_smaller_than_a_finger(tmp_path: Path) -> None:
    kept = artefacts(tmp_path)
    camera = PortraitCamera(newest=[letter(number) for number in range(8)], waiting=2)
    camera.broker_problem = "broker.url: nobody to talk to at mqtt://127.0.0.1:1883 (Connection refused)"
    async with served(camera.shown) as url, opened(url, PHONE) as tab:
        await until(tab, "document.querySelectorAll('#boxes rect').length === 1")
        await until(tab, "[...document.querySelectorAll('#strip img')].some((each) => each.naturalWidth > 50)")
        await until(tab, f"{COVER}.hidden")
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = await tab.evaluate(
            """[...document.querySelectorAll("button")].filter((each) => each.offsetParent)
            .filter((each) => each.getBoundingClientRect().height < 40).map((each) => each.id)"""
        )
        assert small == []
        await tab.screenshot(path=kept / "preview-phone.png", full_page=True)
