"""The RoboMaster's own camera: H.264 over TCP, decoded in a thread; only the newest picture is kept."""

import asyncio
import contextlib
import logging
import math
import queue
import threading
from collections.abc import Callable

from common.errors import DeviceError
from protos.robomaster.ids import VIDEO_PORT
from protos.robomaster.unverified import CAMERA_HFOV_DEG, VIDEO_LATENCY_S
from robot.cameras.h264 import CodedPicture, PictureSplitter
from robot.robomaster.config import RobomasterCameraConfig
from robot.robomaster.parts import VideoSwitch
from robot.values import BGR, CameraModel, Frame

log = logging.getLogger(__name__)

CONNECT_S, CONNECT_TRIES, CONNECT_PAUSE_S = 2.0, 5, 0.2  # its port opens a little after the stream is on
SILENT_S = 2.0  # no picture for so long: the stream is gone
BEHIND = 15  # pictures that wait to be decoded, half a second of them: then up to the next key picture they are dropped


class RobomasterCamera:
    """A `Camera`. What it shows was taken `latency_s` before it began to arrive."""

    def __init__(self, config: RobomasterCameraConfig, switch: VideoSwitch) -> None:
        self._config = config
        self._switch = switch
        height_px = 2 * round(config.width_px * 9 / 32)
        hfov_deg = CAMERA_HFOV_DEG if config.hfov_deg is None else config.hfov_deg
        self.model = CameraModel(config.width_px, height_px, math.radians(hfov_deg))
        self._latency_s = VIDEO_LATENCY_S if config.latency_s is None else config.latency_s
        self._stream: _Stream | None = None
        self._number = 0
        self._is_on = False

    async def open(self) -> None:
        """Raises DeviceError without PyAV, without the rover, and where no video comes from it."""
        require_av()
        await self.close()
        ip = await self._switch.start_video(self._config.resolution)
        self._is_on = True
        ip = self._config.ip or ip
        self._stream = _Stream(ip, (self.model.width_px, self.model.height_px))
        try:
            await _connect(ip, self._stream)
        except BaseException:
            await self.close()
            raise

    async def latest(self) -> Frame:
        stream = self._stream
        if stream is None:
            raise DeviceError("camera robomaster: is not open")
        bgr, began_s = await stream.take()
        self._number += 1
        return Frame(bgr, self._number, began_s - self._latency_s)

    async def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.to_thread(stream.close)
        if self._is_on:
            self._is_on = False
            await self._switch.stop_video()

    @property
    def dropped(self) -> int:
        """Pictures that came faster than they could be decoded, or broken."""
        return self._stream.dropped if self._stream is not None else 0


def require_av() -> None:
    """Raises DeviceError that says what to install."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise DeviceError(
            "camera robomaster: its video needs the library av (PyAV): pip install 'tagalong[robomaster]'"
        ) from error


async def _connect(ip: str, stream: "_Stream") -> None:
    """Raises DeviceError."""
    loop = asyncio.get_running_loop()
    for tries_left in reversed(range(CONNECT_TRIES)):
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: stream, ip, VIDEO_PORT)
            return
        except (OSError, TimeoutError) as error:
            if not tries_left:
                raise DeviceError(
                    f"camera robomaster: no video from {ip}:{VIDEO_PORT} ({error}). An opened S1 gives none; "
                    "an EP does after `stream on`: is another program looking?"
                ) from error
        await asyncio.sleep(CONNECT_PAUSE_S)


class _Stream(asyncio.Protocol):
    """One connection, the thread that decodes, and the slot of one picture between it and the event loop."""

    def __init__(self, ip: str, size: tuple[int, int]) -> None:
        self._ip = ip
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.BaseTransport | None = None
        self._splitter = PictureSplitter()
        self._waiting: queue.Queue[CodedPicture | None] = queue.Queue(BEHIND)
        self._needs_key = True  # nothing can be shown before one
        self._slot: tuple[BGR, float] | None = None
        self._end = ""  # why no more comes
        self._news = asyncio.Event()
        self.dropped = 0
        self._decoder = _Decoder(size, self._waiting, self._tell)
        self._decoder.start()

    # ---- the connection: in the event loop, so that pictures are dated when they come, however busy the decoder is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for coded in self._splitter.feed(data, self._loop.time()):
            if self._needs_key and not coded.is_key:
                self.dropped += 1
                continue
            try:
                self._waiting.put_nowait(coded)
                self._needs_key = False
            except queue.Full:
                self.dropped += 1
                self._needs_key = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._end = f"the rover closed the connection ({exc})" if exc else "the rover closed the connection"
        self._news.set()

    def close(self) -> None:
        """From any thread; returns when the decoder has ended."""
        if self._transport is not None:
            self._loop.call_soon_threadsafe(self._transport.close)
        self._decoder.end()

    # ---- pictures

    async def take(self) -> tuple[BGR, float]:
        """The newest picture not taken yet, and when it began to arrive. Raises DeviceError when none comes."""
        try:
            async with asyncio.timeout(SILENT_S):
                while self._slot is None:
                    if self._end:
                        raise DeviceError(f"camera robomaster: {self._end}.")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise DeviceError(
                f"camera robomaster: no picture from {self._ip} for {SILENT_S:g} s ({self.dropped} were no use). "
                "Is the rover on, and its stream?"
            ) from error
        picture, self._slot = self._slot, None
        return picture

    def _tell(self, bgr: BGR | None, began_s: float) -> None:
        """From the decoder's thread. None: a picture that cannot be read."""
        try:
            self._loop.call_soon_threadsafe(self._put, bgr, began_s)
        except RuntimeError:  # the event loop is closed already: nobody looks
            return

    def _put(self, bgr: BGR | None, began_s: float) -> None:
        if bgr is None:
            self.dropped += 1
            self._needs_key = True
        else:
            self._slot = (bgr, began_s)
            self._news.set()


class _Decoder(threading.Thread):
    """Every picture has to be decoded, for the next one builds on it; only the newest is turned into pixels."""

    def __init__(
        self,
        size: tuple[int, int],
        waiting: "queue.Queue[CodedPicture | None]",
        tell: Callable[[BGR | None, float], None],
    ) -> None:
        super().__init__(name="video", daemon=True)  # a codec that hangs must not keep the program from ending
        self._size = size
        self._waiting = waiting
        self._tell = tell
        self._ends = threading.Event()

    def end(self) -> None:
        self._ends.set()
        with contextlib.suppress(queue.Full):  # it is awake then
            self._waiting.put_nowait(None)
        self.join(timeout=1.0)

    def run(self) -> None:
        import av

        codec = av.CodecContext.create("h264", "r")
        codec.thread_count = 1  # several threads hold pictures back
        codec.options = {"flags": "low_delay"}
        frame: av.VideoFrame | None = None
        while not self._ends.is_set():
            coded = self._waiting.get()
            if coded is None:
                return
            try:
                for decoded in codec.decode(av.Packet(coded.data)):
                    frame = decoded
            except av.FFmpegError as error:
                log.debug("video: %s", error)
                frame = None
                self._tell(None, coded.began_s)
                continue
            if frame is not None and self._waiting.empty():
                width_px, height_px = self._size
                bgr = frame.reformat(width_px, height_px, "bgr24").to_ndarray()
                frame = None
                self._tell(bgr, coded.began_s)
