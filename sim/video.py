"""Keeps what the camera saw as a video file, with boxes and state drawn in. Never waits for the disk."""

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from common.errors import ConfigError
from robot.overlay import draw
from robot.values import BGR
from robot.view import AgentView

log = logging.getLogger(__name__)

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
MAX_WAITING = 8  # pictures; 0.4 s of them, 7 MB
MAX_REPEATS = 50  # of one picture in a row: a hole in time stays a hole of its length, up to 2.5 s at 20 a second


class VideoFile:
    """A video with a steady rate from pictures that come when they come: the newest one is repeated."""

    def __init__(self, file: Path, fps: float, size: tuple[int, int]) -> None:
        """`size` is width, height. Raises ConfigError when it cannot be written or the suffix is not known."""
        codec = CODECS.get(file.suffix.lower())
        if codec is None:
            raise ConfigError(f"--video {file}: {file.suffix or 'no suffix'} is not one of {', '.join(CODECS)}")
        file.parent.mkdir(parents=True, exist_ok=True)
        self.dropped = 0  # came while the disk was behind
        self.written = 0  # pictures in the file
        self._size, self._fps = size, fps
        self._writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), fps, size)
        if not self._writer.isOpened():
            raise ConfigError(f"--video {file}: cannot be written there; give another path")
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name="video", daemon=True)
        self._thread.start()
        self._start_s: float | None = None
        self._filled = 0  # of the places in the file's steady rate
        self._failed = False

    def offer(self, t_s: float, bgr: BGR, view: AgentView) -> None:
        """A picture of that moment; dropped when the ones before are still being written."""
        try:
            self._waiting.put_nowait(lambda: self._write(t_s, bgr, view))
        except queue.Full:
            self.dropped += 1

    def put(self, t_s: float, bgr: BGR, view: AgentView) -> None:
        """The same, waiting for a place: for runs whose time waits too."""
        self._waiting.put(lambda: self._write(t_s, bgr, view))

    def close(self) -> None:
        """Write what waits and end the file."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        self._writer.release()
        if self.dropped:
            log.warning("video: %d pictures dropped, the disk or the processor was behind", self.dropped)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        while (write := self._waiting.get()) is not None:
            if self._failed:
                continue
            try:
                write()
            except cv2.error as error:
                self._failed = True
                log.error("video: stopped (%s)", error)

    def _write(self, t_s: float, bgr: BGR, view: AgentView) -> None:
        if self._start_s is None:
            self._start_s = t_s
        due = round((t_s - self._start_s) * self._fps) + 1
        picture = draw(bgr, view)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size)
        for _ in range(min(due - self._filled, MAX_REPEATS)):
            self._writer.write(picture)
            self.written += 1
        self._filled = max(self._filled, due)
