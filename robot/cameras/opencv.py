"""Webcams, video files, picture files and RTSP streams, through OpenCV."""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from common.errors import DeviceError
from robot.cameras.config import OpencvCameraConfig
from robot.cameras.still import Still, still_of
from robot.hardware import EndOfVideo
from robot.values import BGR, CameraModel, Frame

log = logging.getLogger(__name__)

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a missing device we tell ourselves

SILENT_S = 2.0  # a camera that gives no picture for so long is gone; the slowest webcams give five a second
OPEN_S = 5.0  # for a stream's server to answer


class OpencvCamera:
    """A thread reads; only the newest picture is kept."""

    def __init__(self, config: OpencvCameraConfig) -> None:
        self._config = config
        self.model = CameraModel(config.width_px, config.height_px, math.radians(config.hfov_deg))
        self._is_webcam = config.source.isdecimal()
        self._is_file = not self._is_webcam and "://" not in config.source
        self._reader: _Reader | None = None
        self._number = 0

    async def open(self) -> None:
        """Raises DeviceError when there is no such camera, file or stream."""
        await self.close()
        capture = await asyncio.to_thread(self._open)
        width_px, height_px = (
            int(capture.get(which)) for which in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if width_px > 0 and height_px > 0:
            self.model = CameraModel(width_px, height_px, self.model.hfov_rad)
        pace_s = 0.0
        if self._is_file:
            rate = capture.get(cv2.CAP_PROP_FPS)
            pace_s = 1 / rate if 1 <= rate <= 240 else 1 / self._config.fps  # a picture has none; some films hide it
        repeat = self._is_file and self._config.repeat
        self._reader = _Reader(capture, pace_s, self._reopen if repeat else None, asyncio.get_running_loop())

    async def latest(self) -> Frame:
        if self._reader is None:
            raise DeviceError(f"camera {self._config.source}: is not open")
        picture = await self._reader.take(SILENT_S)
        if picture is None:
            raise self._why_no_picture(self._reader)
        bgr, capture_s = picture
        self._number += 1
        return Frame(bgr, self._number, capture_s)

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await asyncio.to_thread(reader.close)

    def _open(self) -> "cv2.VideoCapture | Still":
        config = self._config
        if self._is_webcam:
            capture = cv2.VideoCapture(int(config.source))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width_px)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height_px)
            capture.set(cv2.CAP_PROP_FPS, config.fps)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # pictures that wait in the driver are old pictures
        elif self._is_file:
            if not Path(config.source).is_file():
                raise DeviceError(
                    f"camera {config.source}: there is no such file. Give the path of a video or picture file."
                )
            if (still := still_of(Path(config.source))) is not None:
                return still
            capture = cv2.VideoCapture(config.source)
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(OPEN_S * 1e3)]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(SILENT_S * 1e3)]
            capture = cv2.VideoCapture(config.source, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            capture.release()
            raise DeviceError(f"camera {config.source}: cannot be opened. {self._advice()}")
        return capture

    def _reopen(self) -> "cv2.VideoCapture":
        return cv2.VideoCapture(self._config.source)

    def _advice(self) -> str:
        if self._is_webcam:
            return "Look with `ls /dev/video*` which there are, or give a video file or an rtsp:// address."
        if self._is_file:
            return "It is not a video or picture that OpenCV can read; try it in a player."
        return f"Nothing answered there within {OPEN_S:.0f} s; check address, user and password."

    def _why_no_picture(self, reader: "_Reader") -> Exception:
        if self._is_file and reader.pictures:
            return EndOfVideo(f"{self._config.source}: ended after {reader.pictures} pictures")
        if self._is_file:
            return DeviceError(f"camera {self._config.source}: holds no picture. {self._advice()}")
        return DeviceError(f"camera {self._config.source}: gives no more pictures. Is it still plugged in?")


class _Reader:
    """The thread that reads, and the slot of one picture between it and the event loop."""

    def __init__(
        self,
        capture: "cv2.VideoCapture | Still",
        pace_s: float,
        reopen: "Callable[[], cv2.VideoCapture] | None",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`pace_s`: time between pictures of a file, 0 for a live source. `reopen`: play it again at its end."""
        self._capture = capture
        self._pace_s = pace_s
        self._reopen = reopen
        self._loop = loop
        self._slot: tuple[BGR, float] | None = None
        self._ended = False
        self._news = asyncio.Event()
        self._quit = threading.Event()
        self.pictures = 0
        # A daemon: a driver that hangs in `read` must not keep the program from ending.
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    async def take(self, patience_s: float) -> tuple[BGR, float] | None:
        """The newest picture not taken yet with its capture time; None when none comes any more."""
        while self._slot is None:
            if self._ended:
                return None
            self._news.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
            except TimeoutError:
                return None
        picture, self._slot = self._slot, None
        return picture

    def close(self) -> None:
        self._quit.set()
        self._thread.join(timeout=1.0)

    def _read(self) -> None:
        due_s = time.monotonic()
        try:
            while not self._quit.is_set():
                grabbed = self._capture.grab()
                capture_s = time.monotonic()  # the picture is taken here; decoding it comes after
                done, bgr = self._capture.retrieve() if grabbed else (False, None)
                if not done or bgr is None:
                    if self._reopen is None or not self.pictures or not self._rewind(self._reopen):
                        return
                    continue
                self.pictures += 1
                if self._pace_s:
                    due_s = max(due_s + self._pace_s, capture_s - 1.0)  # catches up at most a second
                    self._quit.wait(max(0.0, due_s - time.monotonic()))
                    capture_s = time.monotonic()  # a file's picture is "taken" when its turn comes
                self._tell((bgr, capture_s))
        finally:
            self._capture.release()
            self._tell(None)

    def _rewind(self, reopen: "Callable[[], cv2.VideoCapture]") -> bool:
        """Opened anew: not every format can be wound back."""
        self._capture.release()
        self._capture = reopen()
        return bool(self._capture.isOpened())

    def _tell(self, picture: tuple[BGR, float] | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._put, picture)
        except RuntimeError:  # the event loop is closed already: nobody listens
            self._quit.set()

    def _put(self, picture: tuple[BGR, float] | None) -> None:
        if picture is None:
            self._ended = True
        else:
            self._slot = picture
        self._news.set()
