"""A real Chromium before the gallery."""

import asyncio
import contextlib
import importlib.util
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.bucket import Bucket
from archive.config import StorageConfig
from archive.face import NO_TRACK, Face
from archive.index import Index, Line
from archive.keys import Key
from archive.rules import Rules
from tests.archive.gallery.people import days_of_people, drawn, portrait_crop, rng
from tests.archive.gallery.served import on, served, until
from tests.archive.made import DAY, made, paths, put, series
from tests.mirror.webcam import artefacts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="no Playwright here: pip install playwright"
    ),
]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "timezone_id": "Europe/Berlin"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
    "timezone_id": "Europe/Berlin",
}
NAME = f"{DAY:%Y-%m-%d}"
EVIL = "<img src=x onerror=document.title='owned'>"
MARKUP = "</script><script>document.title='owned'</script>&amp;\"'"


def bucket_in(folder: Path) -> Bucket:
    return Bucket(StorageConfig(url=f"file://{folder}"))


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Any, url: str, look: dict[str, Any] = DESKTOP) -> AsyncIterator[Any]:
    """A tab. What its scripts or its guards complain of fails the test, and so does asking anybody but the gallery."""
    context = await browser.new_context(accept_downloads=True, **look)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith(url) else complaints.append(asked.url))
    try:
        await page.goto(url)
        yield page
        assert [each for each in complaints if "Failed to load resource" not in each] == []
    finally:
        await context.close()


async def true_in(page: Any, expression: str) -> None:
    """The page's guards allow no `wait_for_function`, which evaluates text inside the page."""

    async def comes_true() -> bool:
        return bool(await page.evaluate(expression))

    await until(comes_true)


async def all_pictures_there(page: Any) -> None:
    shown = "[...document.images].filter((each) => each.offsetParent && each.getBoundingClientRect().top < innerHeight)"
    await true_in(page, f"{shown}.every((each) => each.complete && each.naturalWidth > 0)")


async def fits(page: Any) -> None:
    """Nothing to scroll to the side, and no button smaller than a finger."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = await page.evaluate(
        """[...document.querySelectorAll("button, a.button, .days a")].filter((each) => each.offsetParent)
        .map((each) => [each.id || each.textContent, each.getBoundingClientRect()])
        .filter(([, box]) => box.height < 37 || box.width < 37).map(([name]) => name)"""
    )
    assert small == []


async def texts(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in await page.locator(selector).all_text_contents()]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some days of them; to be looked at only."""
    folder = tmp_path_factory.mktemp("people")
    asyncio.run(put(bucket_in(folder), days_of_people(datetime(2024, 5, 17, 14, 42, tzinfo=UTC), days=12)))
    return folder


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
async def test_from_the_day_to_one_face_and_back(people: Path, tmp_path: Path, device: str, scheme: str) -> None:
    kept, folder = artefacts(tmp_path), people
    look = (PHONE if device == "phone" else DESKTOP) | {"color_scheme": scheme}
    async with served(on(folder)) as url, chromium() as browser, opened(browser, url, look) as page:
        await page.wait_for_selector(".card")
        await true_in(page, "![...document.querySelectorAll('.days b')].some((each) => each.textContent === '…')")
        await all_pictures_there(page)
        await fits(page)
        await page.screenshot(path=kept / f"gallery-{device}-{scheme}.png")
        assert (await texts(page, "#day"), len(await texts(page, ".card"))) == (["Friday, 17 May 2024"], 26)
        when = page.locator(".card time").first
        assert (await when.text_content()).startswith("16:4")  # Berlin's summer
        assert (await when.get_attribute("title")).startswith("2024-05-17 14:4")
        assert (await when.get_attribute("title")).endswith(" UTC")

        await page.click(".card >> nth=0")
        await page.wait_for_selector(".crop")
        await all_pictures_there(page)
        await fits(page)
        await page.screenshot(path=kept / f"gallery-{device}-{scheme}-track.png")
        assert len(await texts(page, ".crop")) == 12
        await page.click(".crop >> nth=1")
        await page.wait_for_selector("#viewer[open]")
        await true_in(page, "document.getElementById('about').textContent.includes(' px, ')")
        shape = "(box => box.width / box.height)(document.querySelector('.sight').getBBox())"
        assert await page.evaluate(shape) == pytest.approx(16 / 9, rel=0.02)
        assert await page.get_attribute("#picture", "alt")
        await fits(page)
        await page.screenshot(path=kept / f"gallery-{device}-{scheme}-face.png")
        await page.keyboard.press("ArrowRight")
        await page.wait_for_selector("#place:has-text('3 of 12')")
        async with page.expect_download() as downloading:
            await page.click("#download")
        download = await downloading.value
        await download.save_as(tmp_path / "saved.png")
        key = await page.text_content("#about code")
        assert (tmp_path / "saved.png").read_bytes() == (folder / key).read_bytes()
        await page.keyboard.press("Escape")
        await true_in(page, "!document.getElementById('viewer').open")
        await page.click("#forget")
        await page.wait_for_selector("#confirm[open]")
        await page.screenshot(path=kept / f"gallery-{device}-{scheme}-confirm.png")
        await page.click("#cancel")
        await page.go_back()
        await page.wait_for_selector(".card >> nth=25")
        await page.click(".days li:last-child a")
        await page.wait_for_selector("#day:has-text('Undated')")
        assert await texts(page, ".card .name") == ["Without a track", "kiosk-4"]


async def test_forgetting_a_track_deletes_it_in_the_bucket(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    await put(bucket, [*series("rover", "t1", 3), *series("rover", "t1", 2, DAY - timedelta(days=1))])
    kept = await put(bucket, series("rover", "t2", 1))
    async with served(on(tmp_path)) as url, chromium() as browser, opened(browser, url) as page:
        await page.click(".card >> nth=0")
        await page.click("#forget")
        assert await page.evaluate("document.activeElement.id") == "cancel"  # an Enter too many deletes nothing
        await page.keyboard.press("Escape")
        assert len([path for path in await paths(bucket) if path.endswith(".png")]) == 6
        await page.click("#forget")
        await page.click("#confirmed")
        await page.wait_for_selector("#toast:has-text('Forgotten: 5 faces deleted.')")
        assert [path for path in await paths(bucket) if path.endswith(".png")] == [kept[0].key]
        await page.wait_for_selector("#day-count:has-text('1 face of 1 track')")
        assert await texts(page, ".card .name") == ["t2"]
        await true_in(page, "document.querySelectorAll('.days a').length === 1")
        await page.go_back()
        await page.wait_for_selector("#none:has-text('Nothing is here of this track any more.')")
        assert await page.is_hidden("#forget")
    [rule] = await Rules(bucket).refresh()
    assert (rule.robot, rule.track) == ("rover", "t1")


async def test_a_new_face_appears_by_itself_and_who_reads_further_down_is_not_moved(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    for number in range(50):
        await put(bucket, series("rover", f"t{number:02}", 1, DAY + timedelta(minutes=number)))
    async with served(on(tmp_path)) as url, chromium() as browser, opened(browser, url) as page:
        await page.wait_for_selector(".card >> nth=49")
        await page.evaluate("document.querySelector('.card').dataset.mine = 'yes'")
        await put(bucket, series("hall", "new", 1, DAY + timedelta(hours=2)))
        await page.wait_for_selector(".card .name:text-is('new')")
        assert (await texts(page, ".card .name"))[:2] == ["new", "t49"]
        assert await page.evaluate("document.querySelectorAll('.card')[1].dataset.mine") == "yes"  # not made anew
        assert await texts(page, "#robots button") == ["All51", "hall1", "rover50"]

        await page.evaluate("scrollTo(0, 900)")
        await put(bucket, series("hall", "newer", 1, DAY + timedelta(hours=3)))
        await put(bucket, series("rover", "t20", 1, DAY + timedelta(hours=3)))
        await page.wait_for_selector("#news:has-text('1 new')")
        assert await page.evaluate("scrollY") == 900
        assert (await texts(page, ".card .name"))[0] == "new"
        await true_in(
            page, "[...document.querySelectorAll('.card')].some((each) => each.textContent.startsWith('2t20'))"
        )
        await page.click("#news")
        await page.wait_for_selector(".card .name:text-is('newer')")
        assert (await texts(page, ".card .name"))[:3] == ["t20", "newer", "new"]
        assert await page.is_hidden("#news")


async def test_where_one_was_is_where_one_comes_back_to(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    for number in range(130):
        await put(bucket, series("rover", f"t{number:03}", 1, DAY + timedelta(minutes=number)))
    async with served(on(tmp_path)) as url, chromium() as browser, opened(browser, url) as page:
        await page.wait_for_selector(".card >> nth=59")
        assert await page.locator(".card").count() == 60
        await page.click("#more")
        await page.wait_for_selector(".card >> nth=119")
        await page.click("#more")
        await page.wait_for_selector(".card >> nth=129")
        assert await page.is_hidden("#more")
        await page.locator(".card >> nth=100").scroll_into_view_if_needed()
        down = await page.evaluate("scrollY")
        await page.click(".card >> nth=100")
        await page.wait_for_selector("body[data-view=track]")
        await true_in(page, "scrollY === 0")
        await page.click("#back")
        await page.wait_for_selector("body[data-view=day]")
        await true_in(page, f"Math.abs(scrollY - {down}) < 2")
        assert await page.locator(".card").count() == 130


async def test_filters_by_robot_and_by_a_part_of_the_tracks_name(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    await put(bucket, [*series("rover", "anna-1", 2), *series("rover", "ben-1", 1), *series("hall", "anna-2", 1)])
    await put(bucket, [made(Face("hall", NO_TRACK, DAY))])
    async with served(on(tmp_path)) as url, chromium() as browser, opened(browser, url) as page:
        await page.click("#robots button:has-text('hall')")
        await page.wait_for_selector("#day-count:has-text('2 faces of 2 tracks')")
        assert sorted(await texts(page, ".card .name")) == ["Without a track", "anna-2"]
        await page.click("#robots button:has-text('All')")
        await page.keyboard.press("/")
        await page.keyboard.type("ANNA")
        await page.wait_for_selector("#day-count:has-text('3 faces of 2 tracks')")
        await page.fill("#find", "nobody")
        await page.wait_for_selector("#none:has-text('No track with “nobody” in its name on this day.')")
        await page.click("#home")
        await page.wait_for_selector(".card >> nth=3")
        assert await page.input_value("#find") == ""


async def test_hostile_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    bucket = bucket_in(tmp_path)
    faces = [
        made(Face(EVIL, MARKUP, DAY, edge=EVIL)),
        made(Face(MARKUP, EVIL, DAY + timedelta(seconds=1), edge=MARKUP)),
        made(Face("../..", "a/b?c#d%2F&e=f", DAY + timedelta(seconds=2))),
        made(Face("javascript:alert(1)", "x" * 64, DAY + timedelta(seconds=3), edge="e" * 256)),
    ]
    await put(bucket, faces)
    async with served(on(tmp_path)) as url, chromium() as browser, opened(browser, url, PHONE) as page:
        await page.wait_for_selector(".card >> nth=3")
        await all_pictures_there(page)
        assert set(await texts(page, ".card .robot")) == {each.face.robot for each in faces}
        assert set(await texts(page, ".card .name")) == {each.face.track for each in faces}
        assert await page.locator(".card img").count() == await page.locator("main img").count() == 4
        for place, each in enumerate(reversed(faces)):
            await page.goto(url)
            await page.click(f".card >> nth={place}")
            await page.wait_for_selector(".crop")
            assert (await texts(page, "#track-name"), await texts(page, "#track-about .robot")) == (
                [each.face.track], [each.face.robot],
            )  # fmt: skip
            await page.click(".crop")
            await page.wait_for_selector("#viewer[open]")
            await true_in(page, "document.getElementById('picture').naturalWidth === 20")
            assert each.key in await texts(page, "#about code")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await page.keyboard.press("Escape")
            await page.click("#forget")
            assert each.face.track in await page.text_content("#confirm-text")
            await page.click("#cancel")
        await page.goto(f"{url}#%E0%A4%A/x/{EVIL}")  # an address that is none
        await page.wait_for_selector(".card")
        assert await page.title() != "owned"
        await page.goto(url)
        await page.click(".card >> nth=0")
        await page.click("#forget")
        await page.click("#confirmed")
        await page.wait_for_selector("#toast:has-text('1 face deleted')")
        assert faces[3].key not in await paths(bucket)
        assert faces[0].key in await paths(bucket)


async def test_an_empty_archive_teaches_and_shows_the_first_face_by_itself(tmp_path: Path) -> None:
    kept, folder = artefacts(tmp_path), tmp_path / "my faces"
    async with served(on(folder)) as url, chromium() as browser:
        for name, look in (("desktop", DESKTOP), ("phone", PHONE)):
            async with opened(browser, url, look) as page:
                await page.wait_for_selector(".teach h1")
                await fits(page)
                await page.screenshot(path=kept / f"gallery-{name}-empty.png")
        async with opened(browser, url) as page:
            await page.wait_for_selector(".teach h1")
            assert await texts(page, "#storage") == [f"file://{folder}"]
            assert await texts(page, "#store") == [f"tagalong archive store --store 'file://{folder}'"]
            await put(bucket_in(folder), series("rover", "t1", 1))
            await page.wait_for_selector(".card .name:text-is('t1')")
            assert await page.is_hidden(".teach")


async def test_a_storage_that_goes_away_is_told_and_what_was_seen_stays(tmp_path: Path) -> None:
    kept, folder = artefacts(tmp_path), tmp_path / "faces"
    await put(bucket_in(folder), series("rover", "t1", 2))
    async with served(on(folder)) as url, chromium() as browser, opened(browser, url) as page:
        await page.wait_for_selector(".card")
        folder.rename(tmp_path / "away")
        await page.wait_for_selector("#problem:has-text('is not there any more')")
        assert await page.is_visible(".card")
        assert await texts(page, "#live") == ["waiting"]
        await page.screenshot(path=kept / "gallery-storage-gone.png")
        await page.click(".card")  # its crops cannot be had now
        (tmp_path / "away").rename(folder)
        await page.wait_for_selector(".crop >> nth=1")
        await all_pictures_there(page)
        assert await page.is_hidden("#problem")
        folder.rename(tmp_path / "away")
        await page.click("#forget")
        await page.click("#confirmed")
        await page.wait_for_selector("#confirm-problem:has-text('is not there any more')")
        (tmp_path / "away").rename(folder)
        await page.click("#confirmed")
        await page.wait_for_selector("#toast:has-text('2 faces deleted')")


async def test_a_gallery_that_ends_is_told_and_comes_back(tmp_path: Path) -> None:
    await put(bucket_in(tmp_path), series("rover", "t1", 2))
    async with chromium() as browser:
        async with served(on(tmp_path)) as url:
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(url)
            await page.wait_for_selector(".card")
        await page.wait_for_selector("#problem:has-text('The gallery does not answer. Is it still running?')")
        again = on(tmp_path).model_copy(update={"port": int(url.rstrip("/").rpartition(":")[2])})
        async with served(again):
            await page.wait_for_selector("#problem", state="hidden")
        await context.close()


async def test_the_browser_asks_for_the_password_and_then_all_of_it_works(tmp_path: Path) -> None:
    await put(bucket_in(tmp_path), series("rover", "t1", 2))
    async with served(on(tmp_path, host="0.0.0.0", password="correct horse")) as url, chromium() as browser:
        from playwright.async_api import Error

        here = f"http://127.0.0.1:{url.rstrip('/').rpartition(':')[2]}/"
        look = DESKTOP | {"http_credentials": {"username": "me", "password": "correct horse"}}
        async with opened(browser, here, look) as page:
            await page.click(".card")
            await page.wait_for_selector(".crop >> nth=1")
            await all_pictures_there(page)
            await page.click("#forget")
            await page.click("#confirmed")
            await page.wait_for_selector("#toast:has-text('2 faces deleted')")
        context = await browser.new_context(http_credentials={"username": "me", "password": "wrong horse"})
        page = await context.new_page()
        with contextlib.suppress(Error):  # the browser gives up
            assert (await page.goto(here)).status == 401
        assert "tagalong" not in await page.title()
        await context.close()


async def test_by_keys_alone(tmp_path: Path) -> None:
    await put(bucket_in(tmp_path), [*series("rover", "t1", 3), *series("rover", "t2", 1, DAY - timedelta(days=1))])
    async with served(on(tmp_path)) as url, chromium() as browser, opened(browser, url) as page:
        await page.wait_for_selector(".card")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "faces"
        for _ in range(8):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.className") == "card":
                break
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".crop >> nth=2")
        await page.focus(".crop >> nth=0")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#viewer[open]")
        assert await page.is_disabled("#newer")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await page.wait_for_selector("#place:has-text('3 of 3')")
        await page.keyboard.press("ArrowRight")
        assert await texts(page, "#place") == ["3 of 3"]
        await page.keyboard.press("Escape")
        await true_in(page, "!document.getElementById('viewer').open")
        await page.keyboard.press("Escape")
        await page.wait_for_selector("body[data-view=day]")
        unnamed = "[...document.querySelectorAll('button, a, input')].filter((each) => each.offsetParent"
        unnamed += " && !each.textContent.trim() && !each.ariaLabel).length"
        assert await page.evaluate(unnamed) == 0
        assert await page.evaluate("[...document.images].filter((each) => each.offsetParent && !each.alt).length") == 0


async def test_ten_thousand_faces_of_a_day_are_on_the_page_soon_and_nothing_jumps(tmp_path: Path) -> None:
    bucket, random = bucket_in(tmp_path), rng(3)
    pictures = [drawn(number, random, 0.5) for number in range(12)] + [portrait_crop(random, 0.6) for _ in range(4)]
    lines, shown = [], []
    for number in range(10_000):
        seen = Face(f"rover-{number % 4}", f"t{number // 16}", DAY + timedelta(seconds=2 * number), 0.9, edge="edge-1")
        if number >= 8500:  # what will be scrolled to
            shown.append(made(seen, pictures[number % 16]))
        else:
            lines.append(Line(str(Key.of(seen, f"{number:016x}")), seen, DAY, 50_000))
    index = Index(bucket, "store")
    for start in range(0, len(lines), 64):
        await index.add(lines[start : start + 64], DAY)
    await put(bucket, shown, index)
    async with served(on(tmp_path)) as url, chromium() as browser:
        async with opened(browser, url) as page:
            await page.wait_for_selector(".card >> nth=59")
            first_s = await page.evaluate("performance.now() / 1000")
            assert await texts(page, "#day-count") == ["10,000 faces of 2,500 tracks"]
            await all_pictures_there(page)
            moved = await page.evaluate(
                """new Promise((done) => new PerformanceObserver((list) => done(
                list.getEntries().reduce((sum, each) => sum + (each.hadRecentInput ? 0 : each.value), 0)))
                .observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 500))"""
            )
        async with opened(browser, url) as page:
            await page.wait_for_selector(".card >> nth=59")
            again_s = await page.evaluate("performance.now() / 1000")
            for _ in range(5):
                await page.click("#more")
            await page.wait_for_selector(".card >> nth=200")
    print(f"10,000 faces: first page {first_s:.2f} s, with a warm server {again_s:.2f} s, shift {moved:.3f}")
    assert first_s < 15
    assert again_s < 8
    assert moved < 0.1
