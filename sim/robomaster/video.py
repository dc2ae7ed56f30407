"""The robot's video port: H.264 for whoever connects, while the stream is on.

Nothing is drawn or encoded while nobody looks. A viewer that reads too slowly loses pictures up to the next key frame
and never holds up the others.
"""

import asyncio
import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from common.errors import DeviceError
from protos.robomaster.ids import VIDEO_PORT, Resolution
from protos.robomaster.unverified import VIDEO_LATENCY_S
from sim.robomaster.camera import PictureSource
from sim.robomaster.encoder import Chunk, Encoder, require_av
from sim.robomaster.listening import listen

log = logging.getLogger(__name__)

FPS = 30.0
MAX_VIEWERS = 4
WAITING_BYTES = 256 * 1024  # about half a second of 720p: more that waits for one viewer would only be old
KERNEL_BYTES = 128 * 1024  # left alone, Linux lets a socket grow to seconds of video


class VideoService:
    """`start` and `stop` switch the stream; connections come and go as they like."""

    def __init__(self, source: PictureSource, ip: str, fps: float = FPS) -> None:
        self.ready = asyncio.Event()
        self.encoded_frames = 0
        self._source = source
        self._ip = ip
        self._period_s = 1 / fps
        self._resolution: Resolution | None = None  # None: the stream is off
        self._ends_s = 0.0  # when the last picture comes of a stream that was switched off
        self._viewers: set[Viewer] = set()
        self._wanted = asyncio.Event()  # the stream is on and somebody looks
        self._pen: ThreadPoolExecutor | None = None

    @property
    def is_on(self) -> bool:
        return self._resolution is not None

    @property
    def lost_frames(self) -> int:
        """By viewers that are connected now and read too slowly."""
        return sum(viewer.lost_frames for viewer in self._viewers)

    def start(self, resolution: Resolution = Resolution.P720) -> None:
        """On, or on with another size. Raises DeviceError without PyAV."""
        require_av()
        self._resolution = resolution
        self._look_around()

    def stop(self) -> None:
        """Viewers stay connected. What the camera has taken by now still comes, then nothing any more."""
        self._resolution, self._ends_s = None, time.monotonic() + VIDEO_LATENCY_S
        self._look_around()

    async def run(self) -> None:
        """Until cancelled. Raises LinkError when the port is taken."""
        server = await listen(lambda: Viewer(self), self._ip, VIDEO_PORT, "video")
        self._pen = ThreadPoolExecutor(1, "h264")
        self.ready.set()
        try:
            while True:
                await self._wanted.wait()
                try:
                    await self._stream(self._pen)
                except DeviceError as error:
                    log.warning("video: the stream is off: %s", error)
                    self.stop()
        finally:
            self.ready.clear()
            server.close()
            for viewer in list(self._viewers):
                viewer.abort()
            self._pen.shutdown(wait=False)
            await asyncio.sleep(0)  # lets the transports run their last callbacks

    async def _stream(self, pen: ThreadPoolExecutor) -> None:
        """At one size, until it is switched off or the last viewer has gone."""
        resolution = self._resolution
        if resolution is None:  # off again before this task came to it
            return
        loop = asyncio.get_running_loop()
        encoder = await loop.run_in_executor(pen, Encoder, resolution, 1 / self._period_s)
        for viewer in self._viewers:
            viewer.begin_anew()
        width_px, height_px = resolution.size_px
        due_s = time.monotonic()
        while self._goes_on(resolution):
            bgr = await self._source.picture(width_px, height_px)
            as_key = any(viewer.is_new for viewer in self._viewers)
            for chunk in await loop.run_in_executor(pen, encoder.encode, bgr, as_key):
                self.encoded_frames += 1
                for viewer in self._viewers:
                    viewer.send(chunk)
            now_s = time.monotonic()
            due_s = max(due_s + self._period_s, now_s)  # pictures that were missed are left out
            await asyncio.sleep(due_s - now_s)

    def _goes_on(self, resolution: Resolution) -> bool:
        if self._resolution is None:
            return bool(self._viewers) and time.monotonic() < self._ends_s
        return bool(self._viewers) and self._resolution is resolution

    def _look_around(self) -> None:
        if self._resolution is not None and self._viewers:
            self._wanted.set()
        else:
            self._wanted.clear()

    def joined(self, viewer: "Viewer") -> bool:
        """False: there are too many."""
        if len(self._viewers) >= MAX_VIEWERS:
            return False
        self._viewers.add(viewer)
        self._look_around()
        return True

    def left(self, viewer: "Viewer") -> None:
        self._viewers.discard(viewer)
        self._look_around()


class Viewer(asyncio.Protocol):
    """One connection. What it sends is of no interest."""

    def __init__(self, service: VideoService) -> None:
        self.is_new = True
        self.lost_frames = 0
        self._service = service
        self._transport: asyncio.Transport | None = None
        self._is_in_step = False  # it has all pictures since a key frame
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WAITING_BYTES, low=0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        if not self._service.joined(self):
            log.warning("video: %d viewers already, another one was turned away", MAX_VIEWERS)
            transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._service.left(self)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def begin_anew(self) -> None:
        """The coming pictures are of another stream."""
        self.is_new, self._is_in_step = True, False

    def send(self, chunk: Chunk) -> None:
        if self._is_full or not (self._is_in_step or chunk.is_key):
            self._is_in_step = False  # from here on it can only go on with a key frame
            self.lost_frames += 1
        elif self._transport is not None:
            self.is_new, self._is_in_step = False, True
            self._transport.write(chunk.data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
