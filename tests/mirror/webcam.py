"""A film for Chromium's fake webcam, and Chromium with it."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.mirror.fakes import jpeg, portrait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def person_film(folder: Path, width: int = 640, height: int = 480, frames: int = 8) -> Path:
    """Somebody who sways a little, as Motion JPEG."""
    file = folder / "person.mjpeg"
    person = portrait(height)
    with file.open("wb") as out:
        for index in range(frames):
            left = (width - height) // 2 + round(6 * np.sin(2 * np.pi * index / frames))
            scene = cv2.copyMakeBorder(person, 0, 0, left, width - height - left, cv2.BORDER_REFLECT_101)
            blurred = cv2.GaussianBlur(scene, (0, 0), 9)
            scene[:, :left], scene[:, left + height :] = blurred[:, :left], blurred[:, left + height :]
            out.write(jpeg(scene, 92))
    return file


def artefacts(tmp_path: Path) -> Path:
    """Where screenshots are kept."""
    folder = Path(os.environ.get("TAGALONG_ARTIFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.asynccontextmanager
async def chromium(film: Path) -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()
