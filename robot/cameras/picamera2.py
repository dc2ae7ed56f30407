"""A camera on a Raspberry Pi's ribbon cable, through picamera2.

picamera2 may hand out pictures that were taken before it was asked (its issues 426 and 849). They are real pictures,
only older than they seem: so all that counts here is the sensor's own time stamp, and none is given out twice.
"""

import asyncio
import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

from common.errors import DeviceError
from robot.cameras.config import Picamera2Config
from robot.cameras.pixels import to_bgr
from robot.cameras.sensor_clock import SensorClock
from robot.cameras.sensors import hfov_rad, whole_sensor_mode
from robot.values import BGR, CameraModel, Frame

log = logging.getLogger(__name__)

START_S = 10.0  # to the first picture: picamera2 tries all modes of the sensor, and exposure settles
SILENT_S = 2.0  # a camera that gives no picture for so long is gone
LOOK_S = 0.1  # between two looks whether it is to end
CLOSE_S = 3.0  # for libcamera to let go of the camera
BUFFERS = 4

INSTALL = (
    "Run: sudo apt install python3-picamera2, and make the environment so that it sees the system's packages: "
    "python3 -m venv --system-site-packages .venv"
)
# Bookworm's own simplejpeg, which picamera2 loads, is built for NumPy 1 (picamera2 issue 1211).
MEND = "If it speaks of NumPy or simplejpeg, run: pip install --ignore-installed --no-deps simplejpeg"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture out of the thread."""

    bgr: BGR
    capture_s: float
    hfov_rad: float


class Picamera2Camera:
    """A thread owns the camera from opening to closing; only the newest picture is kept."""

    def __init__(self, config: Picamera2Config) -> None:
        self._config = config
        self.model = CameraModel(config.width_px, config.height_px, math.radians(config.hfov_deg or 62.0))
        self._reader: _Reader | None = None
        self._number = 0

    async def open(self) -> None:
        """Returns when the first picture is there, so that `model` is right. Raises DeviceError."""
        await self.close()
        self._reader = reader = _Reader(self._config, asyncio.get_running_loop())
        try:
            picture = await reader.peek(START_S)
        except BaseException:
            await self.close()
            raise
        height_px, width_px = picture.bgr.shape[:2]
        self.model = CameraModel(width_px, height_px, picture.hfov_rad)

    async def latest(self) -> Frame:
        if self._reader is None:
            raise DeviceError(f"{_name(self._config)}: is not open")
        picture = await self._reader.take(SILENT_S)
        self._number += 1
        return Frame(picture.bgr, self._number, picture.capture_s)

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await asyncio.to_thread(reader.close)


class _Reader:
    """The thread, and the slot of one picture between it and the event loop."""

    def __init__(self, config: Picamera2Config, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._loop = loop
        self._slot: Picture | None = None
        self._error: DeviceError | None = None
        self._news = asyncio.Event()
        self._quit = threading.Event()
        # A daemon: a camera that hangs in its driver must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="picamera2", daemon=True)
        self._thread.start()

    async def peek(self, patience_s: float) -> Picture:
        """Wait for a picture that was not taken yet, and leave it there."""
        while self._slot is None:
            if self._error is not None:
                raise self._error
            self._news.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._news.wait()
            except TimeoutError:
                raise _silent(self._config, patience_s) from None
        return self._slot

    async def take(self, patience_s: float) -> Picture:
        picture = await self.peek(patience_s)
        self._slot = None
        return picture

    def close(self) -> None:
        self._quit.set()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("%s: does not end; it is left behind", _name(self._config))

    # ---- in the thread ----

    def _run(self) -> None:
        error = DeviceError(f"{_name(self._config)}: was closed")
        device: Any = None
        try:
            device = _opened(self._config)
            self._read(device)
        except DeviceError as known:
            error = known
        except Exception as unknown:  # whatever libcamera's bindings raise
            error = DeviceError(f"{_name(self._config)}: {type(unknown).__name__}: {unknown}")
            error.__cause__ = unknown
        finally:
            if device is not None:
                _release(device)
            self._tell(error)

    def _read(self, device: Any) -> None:
        config = self._config
        device.configure(_configuration(device, config))
        clock = SensorClock(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))
        device.start()
        given = device.stream_configuration(config.stream)  # libcamera may have changed it
        (width_px, height_px), last_ns = given["size"], -1
        heard_s = time.monotonic()
        while (request := self._next(device)) is not None:
            try:
                metadata = request.get_metadata()
                stamp_ns = metadata.get("SensorTimestamp", -1)
                capture_s = clock.monotonic_s(stamp_ns, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))
                pixels = None
                if capture_s is not None and stamp_ns > last_ns:  # else the same one again, or nobody knows how old
                    pixels = request.make_array(config.stream)
            finally:
                request.release()
            if pixels is None or capture_s is None:
                if time.monotonic() - heard_s > SILENT_S:
                    raise DeviceError(f"{_name(config)}: its pictures carry no usable time (SensorTimestamp).")
                continue
            last_ns, heard_s = stamp_ns, time.monotonic()
            bgr = to_bgr(pixels, given["format"], width_px, height_px)
            self._tell(Picture(bgr, capture_s, _hfov_rad(device, config, metadata)))

    def _next(self, device: Any) -> Any:
        """The next picture of picamera2; None when it is time to go. A camera without a cable never answers."""
        job = device.capture_request(wait=False)
        patience_s = SILENT_S
        while not self._quit.is_set():
            try:
                return job.get_result(timeout=LOOK_S)
            except TimeoutError:
                patience_s -= LOOK_S
                if patience_s <= 0:
                    raise _silent(self._config, SILENT_S) from None
        return None

    def _tell(self, news: Picture | DeviceError) -> None:
        try:
            self._loop.call_soon_threadsafe(self._put, news)
        except RuntimeError:  # the event loop is closed already: nobody listens
            self._quit.set()

    def _put(self, news: Picture | DeviceError) -> None:
        if isinstance(news, DeviceError):
            self._error = news
        else:
            self._slot = news
        self._news.set()


def cameras() -> list[dict[str, Any]]:
    """What libcamera finds, without opening anything. Raises DeviceError when the library is missing."""
    found: list[dict[str, Any]] = _library().global_camera_info()
    return found


def _library() -> Any:
    try:
        from picamera2 import Picamera2
    except ModuleNotFoundError as error:
        raise DeviceError(f"camera picamera2: the library {error.name} is not installed. {INSTALL}") from error
    except Exception as error:  # one that does not fit the others raises ImportError, ValueError, AttributeError
        raise DeviceError(f"camera picamera2: the library cannot be loaded ({error}). {MEND}") from error
    return Picamera2


def _opened(config: Picamera2Config) -> Any:
    library = _library()
    names = [f"{number}: {info.get('Model', '?')}" for number, info in enumerate(library.global_camera_info())]
    if config.camera >= len(names):
        raise DeviceError(
            f"{_name(config)}: there is none; found: {', '.join(names) or 'no camera at all'}. "
            "Check the ribbon cable at both ends, the group video, and: rpicam-hello --list-cameras"
        )
    try:
        return library(config.camera)
    except Exception as error:  # RuntimeError, or whatever came through
        raise DeviceError(
            f"{_name(config)}: cannot be opened ({error}). Is another program using it? Look with: "
            "sudo fuser -v /dev/media* /dev/video*"
        ) from error


def _configuration(device: Any, config: Picamera2Config) -> Any:
    from libcamera import Transform

    size = (config.width_px, config.height_px)
    if config.stream == "main":
        streams: dict[str, Any] = {"main": {"size": size, "format": config.format or "RGB888"}}
    else:
        main_size = (config.main_width_px, config.main_height_px)
        streams = {
            "main": {"size": main_size, "format": "YUV420"},  # nobody looks at it: the cheapest
            "lores": {"size": size, "format": config.format or "YUV420"},
        }
    mode = whole_sensor_mode(device.sensor_modes, config.fps) if config.whole_sensor else None
    if mode is not None:
        streams["sensor"] = {"output_size": mode["size"], "bit_depth": mode["bit_depth"]}
    frame_us = round(1e6 / config.fps)
    return device.create_video_configuration(
        **streams,
        raw=None,
        transform=Transform(hflip=config.hflip, vflip=config.vflip),
        controls={"FrameDurationLimits": (frame_us, frame_us)},
        buffer_count=BUFFERS,
        display=None,
        encode=None,
    )


def _hfov_rad(device: Any, config: Picamera2Config, metadata: dict[str, Any]) -> float:
    if config.hfov_deg is not None:
        return math.radians(config.hfov_deg)
    about = device.camera_properties
    crop, sensor = metadata.get("ScalerCrop"), about.get("PixelArraySize")
    return hfov_rad(str(about.get("Model", "")), sensor[0] if sensor else None, crop[2] if crop else None)


def _release(device: Any) -> None:
    try:
        device.cancel_all_and_flush()  # a request that waits for ever would keep `close` waiting too
        device.close()
    except Exception as error:  # it is gone anyway
        log.warning("camera picamera2: could not be closed (%s)", error)


def _silent(config: Picamera2Config, waited_s: float) -> DeviceError:
    return DeviceError(f"{_name(config)}: gave no picture for {waited_s:.0f} s. Does the ribbon cable sit well?")


def _name(config: Picamera2Config) -> str:
    return f"camera picamera2 {config.camera}"
