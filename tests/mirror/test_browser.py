"""A real Chromium before the mirror, with a fake webcam that shows a person."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_server.tryon.values import Kind
from handover.config import HandoverConfig
from handover.nodes import NoNodeError
from mirror.certificate import ensure
from mirror.config import MirrorConfig
from mirror.whole import Mirror
from tests.mirror import pictures
from tests.mirror.fakes import FakeNodes, catalogue, garment, jpeg, pixels, png, portrait
from tests.mirror.processes import need_models
from tests.mirror.served import served
from tests.mirror.webcam import CHROMIUM, artefacts, chromium, person_film

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="no Playwright here: pip install playwright"
    ),
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "light",
    "reduced_motion": "reduce",
}


@asynccontextmanager
async def opened(browser: Any, url: str, look: dict[str, Any], clock: bool = False) -> AsyncIterator[Any]:
    """A tab. What its scripts or its guards complain of fails the test, and so does asking anybody but the mirror."""
    context = await browser.new_context(ignore_https_errors=True, accept_downloads=True, **look)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith((url, "blob:")) else complaints.append(asked.url))
    try:
        if clock:
            await page.clock.install()
        await page.goto(url)
        await page.wait_for_selector(".garment")
        yield page
        told = [each for each in complaints if "Failed to load resource" not in each]  # a status that is told in words
        assert told == []
    finally:
        await context.close()


@asynccontextmanager
async def real_mirror(tmp_path: Path) -> AsyncIterator[str]:
    """All of it, over HTTPS, with the engines that come along."""
    need_models()
    config = MirrorConfig(host="127.0.0.1", port=0, handover=HandoverConfig(zeroconf=False))
    certificate = ensure(tmp_path / "certificate", ("localhost", "127.0.0.1"), datetime.now(UTC))
    mirror = Mirror(config, certificate.file)
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(mirror.run(ready.set_result))
    try:
        waits: list[asyncio.Future[Any]] = [task, ready]
        await asyncio.wait(waits, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        yield f"https://localhost:{await ready}/"
    finally:
        mirror.stop()
        await task


async def until(page: Any, expression: str) -> None:
    """The page's guards allow no `wait_for_function`, which evaluates text inside the page."""
    by_s = asyncio.get_running_loop().time() + 30
    while not await page.evaluate(expression):
        assert asyncio.get_running_loop().time() < by_s, f"never came true: {expression}"
        await asyncio.sleep(0.05)


async def slider_at(page: Any) -> float:
    return float(await page.evaluate("parseFloat(document.getElementById('frame').style.getPropertyValue('--at'))"))


async def test_somebody_before_the_webcam_tries_garments_on(tmp_path: Path) -> None:
    kept = artefacts(tmp_path)
    async with (
        real_mirror(tmp_path) as url,
        chromium(person_film(tmp_path)) as browser,
        opened(browser, url, DESKTOP) as page,
    ):
        await page.screenshot(path=kept / "mirror-start.png")
        await page.click("#camera-on")
        await page.wait_for_selector("body[data-mode=camera]")
        await page.click("#snap")  # with its countdown
        await page.wait_for_selector("#count:not([hidden])")
        await page.screenshot(path=kept / "mirror-countdown.png")
        await page.wait_for_selector("body[data-mode=photo]")
        assert await page.evaluate("document.getElementById('video').srcObject === null")  # the lamp is out

        await page.click("#kinds button:has-text('Tops')")
        assert await page.locator(".garment").count() < 13
        await page.click(".garment[data-id=tee-breton]")
        await page.wait_for_selector("#slider:not([hidden])")
        await until(page, "document.getElementById('slide').value === '0'")  # all of it has been shown
        assert "Breton" in await page.text_content("#made")

        frame = await page.locator("#frame").bounding_box()
        middle = frame["y"] + frame["height"] / 2
        await page.mouse.move(frame["x"] + 30, middle)
        await page.mouse.down()
        await page.mouse.move(frame["x"] + 0.4 * frame["width"], middle, steps=4)
        await page.mouse.up()
        assert await slider_at(page) == pytest.approx(40, abs=1)
        for _ in range(3):
            await page.keyboard.press("ArrowRight")
        assert await slider_at(page) == pytest.approx(43, abs=1)
        assert await page.get_attribute("#slide", "aria-valuetext") == "57 % dressed"
        await page.screenshot(path=kept / "mirror.png")

        await page.click("#show-pose")
        await page.click("#show-areas")
        await until(page, "document.querySelectorAll('#pose line').length > 6")
        await until(page, "document.getElementById('areas').naturalWidth > 0")
        await page.screenshot(path=kept / "mirror-body.png")
        await page.click("#show-areas")
        await page.click("#show-pose")

        async with page.expect_download() as downloading:
            await page.click("#save-jpg")
        download = await downloading.value
        assert download.suggested_filename == "mirror-tee-breton.jpg"
        assert pixels(await asyncio.to_thread(Path(await download.path()).read_bytes)).shape == (480, 640, 3)

        await page.keyboard.press("n")  # the next one, without a new photo
        await until(page, "document.querySelectorAll('.garment.tried').length === 2")

        await page.click("#anew")
        await page.wait_for_selector("body[data-mode=camera]")
        await page.click("#go-live")
        await until(page, "parseFloat(document.querySelector('#rate b').textContent) > 0")
        assert await page.evaluate("document.getElementById('live').width") == 512
        await page.screenshot(path=kept / "mirror-live.png")
        await page.click("#stop-live")

        await page.click("#forget")
        await page.wait_for_selector("#news:has-text('Forgotten')")
        assert await page.get_attribute("#before", "src") is None

        upright = np.ascontiguousarray(portrait(768)[:, 60:636])
        await page.set_input_files("#file", {"name": "me.png", "mimeType": "image/png", "buffer": png(upright)})
        await until(page, "!document.getElementById('next').disabled")  # what was chosen before is put on at once
        await page.click("#kinds button >> nth=0")
        await page.click(".garment[data-id=jacket-denim]")
        await page.wait_for_selector("#made:has-text('Denim')")
        await page.evaluate(  # in one go: while the result is being revealed, the slider moves by itself
            "(slide => { slide.value = 36; slide.dispatchEvent(new Event('input')) })(document.getElementById('slide'))"
        )
        await until(page, "getComputedStyle(document.querySelector('.tag.before')).opacity === '1'")
        assert await slider_at(page) == 36
        await page.screenshot(path=kept / "mirror-upload.png")  # docs/mirror.png


async def test_on_a_small_phone_everything_is_in_reach_of_a_finger(tmp_path: Path) -> None:
    kept = artefacts(tmp_path)
    shop = catalogue(tmp_path / "garments")
    async with served(FakeNodes(), shop) as (port, _), chromium(person_film(tmp_path)) as browser:
        url = f"http://127.0.0.1:{port}/"
        async with opened(browser, url, PHONE) as page:
            await page.tap("#camera-on")
            await page.wait_for_selector("body[data-mode=camera]")
            await page.tap("#timer")
            await page.screenshot(path=kept / "mirror-phone-camera.png")
            await page.tap("#snap")
            await page.tap(".garment >> nth=0")
            await page.wait_for_selector("#slider:not([hidden])")
            assert await slider_at(page) == 0  # nothing moves for who wants less motion
            frame = await page.locator("#frame").bounding_box()
            await page.touchscreen.tap(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
            assert await slider_at(page) == pytest.approx(50, abs=2)
            await page.screenshot(path=kept / "mirror-phone.png")
            await fits(page)
        async with opened(browser, url, PHONE | {"viewport": {"width": 740, "height": 360}}) as page:
            await page.tap("#camera-on")
            await page.wait_for_selector("body[data-mode=camera]")
            await page.screenshot(path=kept / "mirror-phone-across.png")
            await fits(page)


async def fits(page: Any) -> None:
    """Nothing to scroll to the side, and no button smaller than a finger."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll("button, a.button")].filter((each) => each.offsetParent)
        .map((each) => [each.id || each.textContent, each.getBoundingClientRect()])
        .filter(([, box]) => box.height < 37 || box.width < 37 || box.right > innerWidth + 1 && !box.left > innerWidth)
        .map(([name]) => name)"""
    )
    assert [each for each in small if "garment" not in each and each not in ("Trousers", "Dresses")] == []


async def test_a_photo_is_chosen_dropped_or_pasted_and_a_bad_one_is_told(tmp_path: Path) -> None:
    nodes = FakeNodes(people=2)
    shop = catalogue(tmp_path / "garments", garment("evil", "<img src=x onerror=alert(1)>", Kind.TOP, (9, 9, 9)))
    async with (
        served(nodes, shop) as (port, _),
        chromium(person_film(tmp_path)) as browser,
        opened(browser, f"http://127.0.0.1:{port}/", DESKTOP) as page,
    ):
        assert "<img src=x onerror=alert(1)>" in await page.locator(".garment b").all_text_contents()

        async def choose(data: bytes, name: str, kind: str) -> None:
            await page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": data})

        await choose(b"GIF89a, not really", "x.gif", "image/gif")
        await page.wait_for_selector("#problem:has-text('GIF')")
        await choose(b"%PDF", "x.pdf", "application/pdf")
        await page.wait_for_selector("#problem:has-text('not a picture')")
        assert await page.get_attribute("body", "data-mode") == "start"

        large = jpeg(np.zeros((4000, 3000, 3), np.uint8) + 90)  # made smaller in the browser
        await choose(large, "large.jpg", "image/jpeg")
        await page.wait_for_selector("#notes:has-text('Two people')")
        await until(page, "document.getElementById('before').naturalWidth === 768")

        async with page.expect_request("**/api/pictures"):
            await choose(pictures.turned(6), "turned.jpg", "image/jpeg")
        await until(page, "document.getElementById('before').src.includes('/api/')")
        await until(page, "document.getElementById('before').naturalWidth === 192")
        for event in ("drop", "paste"):
            async with page.expect_response("**/api/pictures") as answered:
                await page.evaluate(
                    """async ([event, bytes]) => {
                      const data = new DataTransfer();
                      data.items.add(new File([new Uint8Array(bytes)], "me.jpg", { type: "image/jpeg" }));
                      const made = event === "drop"
                        ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                        : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
                      document.body.dispatchEvent(made);
                    }""",
                    [event, list(jpeg(portrait(128)))],
                )
            assert (await answered.value).status == 200
            await until(page, "!document.getElementById('next').disabled")
        await page.focus(".garment >> nth=0")  # by keys alone
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#slider:not([hidden])")
        await page.reload()
        await page.wait_for_selector("#slider:not([hidden])")  # photo and results are still there


async def test_what_happens_behind_the_mirror_is_told_in_words(tmp_path: Path) -> None:
    kept = artefacts(tmp_path)
    nodes = FakeNodes(retries=True)
    async with (
        served(nodes, catalogue(tmp_path / "garments")) as (port, _),
        chromium(person_film(tmp_path)) as browser,
        opened(browser, f"http://127.0.0.1:{port}/", DESKTOP, clock=True) as page,
    ):
        photo = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": jpeg(portrait(256))}
        await page.set_input_files("#file", photo)
        await until(page, "!document.getElementById('next').disabled")
        await page.click(".garment >> nth=0")
        await page.wait_for_selector("#news.warn:has-text('Gpu1 is gone')")
        await page.screenshot(path=kept / "mirror-node-gone.png")
        nodes.retry_now.set()
        await page.wait_for_selector("#slider:not([hidden])")
        nodes.error = NoNodeError("No node puts garments on now: gpu1 is gone. Start one: tagalong edge --task tryon")
        await page.click(".garment >> nth=1")
        await page.wait_for_selector("#problem:has-text('No node puts garments on now')")
        await page.screenshot(path=kept / "mirror-no-node.png")
        nodes.error, nodes.retries = None, False
        await page.click("#again")
        await until(page, "document.querySelectorAll('.garment.tried').length === 2")
        assert await page.is_hidden("#problem")
        await page.click("#next")  # tried already: shown at once, nobody is asked
        assert len(nodes.asked) == 3
        assert await page.text_content("#left") in ("10:00", *(f"9:{second}" for second in range(40, 60)))
        await page.clock.fast_forward("10:00")
        await page.wait_for_selector("#problem:has-text('dropped after 10 minutes')")
        assert await page.get_attribute("#before", "src") is None
