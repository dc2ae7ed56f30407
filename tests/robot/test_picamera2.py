"""The Pi's camera, against a small fake with picamera2's real interface and its habits."""

import asyncio
import itertools
import math
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from common.errors import DeviceError
from robot.cameras import picamera2 as adapter
from robot.cameras.config import Picamera2Config
from robot.cameras.picamera2 import Picamera2Camera
from robot.cameras.sensor_clock import SensorClock
from robot.cameras.sensors import hfov_rad, whole_sensor_mode

FPS = 50.0
LATENCY_S = 0.03  # from the sensor's time stamp to a completed request
COLOUR = (30, 60, 200)  # B, G, R
STRIDE = 32  # rows are padded to a multiple of this

IMX219 = [
    {"size": (640, 480), "fps": 103.33, "crop_limits": (1000, 752, 1280, 960), "bit_depth": 10},
    {"size": (1640, 1232), "fps": 41.85, "crop_limits": (0, 0, 3280, 2464), "bit_depth": 10},
    {"size": (1920, 1080), "fps": 47.57, "crop_limits": (680, 692, 1920, 1080), "bit_depth": 10},
    {"size": (3280, 2464), "fps": 21.19, "crop_limits": (0, 0, 3280, 2464), "bit_depth": 10},
    {"size": (1640, 1232), "fps": 83.7, "crop_limits": (0, 0, 3280, 2464), "bit_depth": 8},
]


class FakeRequest:
    def __init__(self, camera: "FakePicamera2", stamp_ns: int) -> None:
        self._camera = camera
        self._stamp_ns = stamp_ns
        camera.held += 1

    def get_metadata(self) -> dict[str, Any]:
        stamp = {} if self._camera.stampless else {"SensorTimestamp": self._stamp_ns}
        return {"ExposureTime": 9000, "ScalerCrop": self._camera.crop, **stamp}

    def make_array(self, name: str) -> np.ndarray:
        stream = self._camera.config[name]
        width, height = stream["size"]
        bgr = np.full((height, width, 3), COLOUR, np.uint8)
        match stream["format"]:
            case "RGB888":
                return bgr
            case "BGR888":
                return bgr[:, :, ::-1]
            case "XRGB8888":
                return np.dstack([bgr, np.full((height, width), 255, np.uint8)])
            case "XBGR8888":
                return np.dstack([bgr[:, :, ::-1], np.full((height, width), 255, np.uint8)])
            case "YUV420":  # rows stay padded, as the real one leaves them
                padded = np.zeros((height, stream["stride"], 3), np.uint8)
                padded[:, :width] = bgr
                return cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420)
            case other:
                return np.zeros((height, width), np.uint16 if other == "R16" else np.uint8)

    def release(self) -> None:
        self._camera.held -= 1


class FakeJob:
    """What `capture_request(wait=False)` gives."""

    def __init__(self, camera: "FakePicamera2") -> None:
        self._camera = camera

    def get_result(self, timeout: float | None = None) -> FakeRequest:
        request = self._camera.completed(timeout)
        self._camera.jobs.remove(self)
        return request


class FakePicamera2:
    """One camera of libcamera's. Keeps its newest picture and hands it out at once, however old it is."""

    found: list[dict[str, Any]]
    opened: "list[FakePicamera2]"
    busy = silent = stampless = refuses = repeats = False

    def __init__(self, camera_num: int = 0) -> None:
        if self.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.sensor_modes = IMX219
        self.camera_properties = {"Model": self.found[camera_num]["Model"], "PixelArraySize": (3280, 2464)}
        self.crop = (0, 0, 3280, 2464)
        self.held = 0
        self.jobs: list[FakeJob] = []
        self.stamps_s: list[float] = []
        self.config: dict[str, Any] = {}
        self.is_open, self._quit = True, threading.Event()
        FakePicamera2.opened.append(self)

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return FakePicamera2.found

    def create_video_configuration(
        self, main: dict[str, Any], lores: dict[str, Any] | None = None, raw: Any = None, **others: Any
    ) -> dict[str, Any]:
        return {"main": main, "lores": lores, "raw": raw, **others}

    def configure(self, config: dict[str, Any]) -> None:
        if self.refuses:
            raise RuntimeError("Invalid camera configuration")
        self.config = config
        for stream in (config["main"], config["lores"]):
            if stream is not None:
                stream["stride"] = -(-stream["size"][0] // STRIDE) * STRIDE

    def stream_configuration(self, name: str = "main") -> dict[str, Any]:
        found: dict[str, Any] = self.config[name]
        return found

    def start(self) -> None:
        self._started_s, self._handed = time.monotonic(), 0

    def capture_request(self, wait: bool | None = None) -> FakeJob:
        assert wait is False
        self.jobs.append(FakeJob(self))
        return self.jobs[-1]

    def completed(self, timeout_s: float | None) -> FakeRequest:
        end_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            newest = 0 if self.silent else int((time.monotonic() - self._started_s - LATENCY_S) * FPS)
            if newest > self._handed or (self.repeats and self._handed):
                self._handed = max(newest, self._handed)
                self.stamps_s.append(self._started_s + self._handed / FPS)
                return FakeRequest(self, round(self.stamps_s[-1] * 1e9))
            if time.monotonic() >= end_s:
                raise TimeoutError
            self._quit.wait(0.002)

    def cancel_all_and_flush(self) -> None:
        self.jobs.clear()

    def close(self) -> None:
        assert not self.jobs, "the real one would wait for ever"
        assert not self.held, "a request was never released"
        self.is_open = False


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    FakePicamera2.found = [{"Model": "imx219", "Num": 0}]
    FakePicamera2.opened = []
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=FakePicamera2))
    transform = SimpleNamespace(Transform=lambda hflip, vflip: (hflip, vflip))
    monkeypatch.setitem(sys.modules, "libcamera", transform)
    return FakePicamera2


@pytest.mark.parametrize("pixel_format", [None, "RGB888", "BGR888", "XRGB8888", "XBGR8888", "YUV420"])
async def test_every_format_becomes_blue_green_red(library: type[FakePicamera2], pixel_format: Any) -> None:
    camera = Picamera2Camera(Picamera2Config(format=pixel_format))
    await camera.open()
    frame = await camera.latest()
    await camera.close()
    assert frame.bgr.shape == (480, 640, 3)
    assert frame.bgr[240, 320].tolist() == pytest.approx(COLOUR, abs=3)
    assert frame.bgr.flags["C_CONTIGUOUS"] or pixel_format == "RGB888"


async def test_the_small_stream_is_cut_free_of_the_padding_of_its_rows(library: type[FakePicamera2]) -> None:
    config = Picamera2Config(stream="lores", width_px=420, height_px=240)
    camera = Picamera2Camera(config)
    await camera.open()
    frame = await camera.latest()
    await camera.close()
    assert frame.bgr.shape == (240, 420, 3)
    assert frame.bgr[:, 415].mean(axis=0).tolist() == pytest.approx(COLOUR, abs=3)
    assert (camera.model.width_px, camera.model.height_px) == (420, 240)
    given = library.opened[0].config
    assert given["main"]["size"] == (1280, 960)
    assert given["lores"]["format"] == "YUV420"


async def test_a_picture_is_as_old_as_the_sensor_says_even_when_it_was_taken_before_the_call(
    library: type[FakePicamera2],
) -> None:
    camera = Picamera2Camera(Picamera2Config())
    await camera.open()
    fake = library.opened[0]
    while len(fake.stamps_s) < 10:  # noqa: ASYNC110  # nobody takes the first ones
        await asyncio.sleep(0.005)
    asked_s = time.monotonic()
    frame = await camera.latest()
    await camera.close()
    assert frame.capture_s < asked_s
    off_s = [abs(frame.capture_s - stamp_s) for stamp_s in fake.stamps_s]
    assert min(off_s) < 1e-5
    assert asked_s - frame.capture_s >= LATENCY_S * 0.9
    assert off_s.index(min(off_s)) >= 8  # the newest one, not the first of a queue


async def test_no_picture_is_given_out_twice(library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "repeats", True)
    camera = Picamera2Camera(Picamera2Config())
    await camera.open()
    frames = [await camera.latest() for _ in range(8)]
    await camera.close()
    times = [frame.capture_s for frame in frames]
    assert all(later - sooner > 0.9 / FPS for sooner, later in itertools.pairwise(times))
    assert [frame.number for frame in frames] == list(range(1, 9))


async def test_settings_reach_the_camera_and_the_whole_sensor_is_read(library: type[FakePicamera2]) -> None:
    camera = Picamera2Camera(Picamera2Config(fps=25, hflip=True, vflip=True))
    await camera.open()
    await camera.close()
    given = library.opened[0].config
    assert given["controls"] == {"FrameDurationLimits": (40000, 40000)}
    assert given["transform"] == (True, True)
    assert given["sensor"] == {"output_size": (1640, 1232), "bit_depth": 10}
    assert given["raw"] is None
    assert math.degrees(camera.model.hfov_rad) == pytest.approx(62.2)


async def test_a_view_that_libcamera_narrows_is_known_to_be_narrow(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cropped(self: FakePicamera2, config: dict[str, Any]) -> None:
        configure(self, config)
        self.crop = (1000, 752, 1280, 960)

    configure = library.configure
    monkeypatch.setattr(library, "configure", cropped)
    camera = Picamera2Camera(Picamera2Config(whole_sensor=False))
    await camera.open()
    await camera.close()
    assert "sensor" not in library.opened[0].config
    assert math.degrees(camera.model.hfov_rad) == pytest.approx(26.5, abs=0.1)
    told = Picamera2Camera(Picamera2Config(hfov_deg=40))
    await told.open()
    await told.close()
    assert math.degrees(told.model.hfov_rad) == pytest.approx(40)


async def drain(camera: Picamera2Camera) -> None:
    while True:
        await camera.latest()


async def test_a_cable_that_comes_off_is_an_error_and_the_camera_can_be_opened_again(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Picamera2Camera(Picamera2Config())
    await camera.open()
    await camera.latest()
    with monkeypatch.context() as unplugged:
        unplugged.setattr(adapter, "SILENT_S", 0.2)
        unplugged.setattr(library, "silent", True)
        with pytest.raises(DeviceError, match=r"gave no picture .* ribbon cable"):
            await drain(camera)
    await camera.open()
    assert not library.opened[0].is_open
    assert await camera.latest()
    await camera.close()
    assert not library.opened[1].is_open


async def test_closing_while_a_picture_is_waited_for_lets_go_of_everything(library: type[FakePicamera2]) -> None:
    camera = Picamera2Camera(Picamera2Config())
    await camera.open()
    await camera.latest()
    await camera.close()
    assert not library.opened[0].is_open
    with pytest.raises(DeviceError, match="is not open"):
        await camera.latest()


async def test_pictures_without_a_usable_time_are_no_pictures(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "SILENT_S", 0.2)
    monkeypatch.setattr(library, "stampless", True)
    with pytest.raises(DeviceError, match="SensorTimestamp"):
        await Picamera2Camera(Picamera2Config()).open()
    assert not library.opened[0].is_open


async def test_settings_that_the_camera_refuses_leave_it_closed(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "refuses", True)
    with pytest.raises(DeviceError, match="Invalid camera configuration"):
        await Picamera2Camera(Picamera2Config()).open()
    assert not library.opened[0].is_open


async def test_a_camera_that_is_not_there_or_taken_is_told_with_the_next_step(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match=r"picamera2 1: there is none; found: 0: imx219\. .*rpicam-hello"):
        await Picamera2Camera(Picamera2Config(camera=1)).open()
    monkeypatch.setattr(library, "busy", True)
    with pytest.raises(DeviceError, match="another program using it"):
        await Picamera2Camera(Picamera2Config()).open()


async def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceError, match=r"sudo apt install python3-picamera2.*--system-site-packages"):
        await Picamera2Camera(Picamera2Config()).open()


async def test_a_library_built_for_another_numpy_is_told_how_to_mend(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DeviceError, match=r"size changed.*pip install --ignore-installed --no-deps simplejpeg"):
        await Picamera2Camera(Picamera2Config()).open()


def test_a_stamp_is_read_on_the_clock_that_it_fits() -> None:
    suspended_s = 3600.0
    on_monotonic = SensorClock(100.0, 100.0 + suspended_s)
    assert on_monotonic.monotonic_s(round(100.5e9), 100.55, 100.55 + suspended_s) == pytest.approx(100.5)
    assert on_monotonic.possible == ["monotonic"]
    on_boot = SensorClock(100.0, 100.0 + suspended_s)
    assert on_boot.monotonic_s(round((100.5 + suspended_s) * 1e9), 100.55, 100.55 + suspended_s) == pytest.approx(100.5)
    assert on_boot.possible == ["boot"]


@pytest.mark.parametrize(("kind", "stamp_s"), [("monotonic", 110.0), ("boot", 160.0)])
def test_a_machine_that_sleeps_while_the_camera_runs_does_not_confuse_the_clocks(kind: str, stamp_s: float) -> None:
    clock = SensorClock(100.0, 100.0)
    assert clock.monotonic_s(round(100.5e9), 100.55, 100.55) == pytest.approx(100.5)
    assert clock.possible == ["boot", "monotonic"]  # nothing tells them apart yet
    assert clock.monotonic_s(round(stamp_s * 1e9), 110.04, 160.04) == pytest.approx(110.0)  # it slept for 50 s
    assert clock.possible == [kind]


def test_a_stamp_that_fits_no_clock_is_none_and_one_in_doubt_is_the_older_one() -> None:
    clock = SensorClock(100.0, 100.2)
    assert clock.monotonic_s(-1, 100.5, 100.7) is None
    assert clock.monotonic_s(round(200e9), 100.5, 100.7) is None
    assert clock.monotonic_s(round(100.4e9), 100.5, 100.7) == pytest.approx(100.2)


def test_the_mode_of_a_sensor_is_the_widest_that_is_fast_enough() -> None:
    def chosen(fps: float) -> tuple[tuple[int, int], int]:
        mode = whole_sensor_mode(IMX219, fps)
        assert mode is not None
        return mode["size"], mode["bit_depth"]

    assert chosen(20) == ((1640, 1232), 10)
    assert chosen(60) == ((1640, 1232), 8)
    assert chosen(120) == ((1640, 1232), 8)  # none is: the fastest of the widest
    assert whole_sensor_mode([{"format": "MJPEG"}], 20) is None


def test_a_field_of_view_shrinks_with_the_part_of_the_sensor_that_is_shown() -> None:
    assert math.degrees(hfov_rad("imx708", 4608, 4608)) == pytest.approx(66)
    assert math.degrees(hfov_rad("imx708", 4608, 3456)) == pytest.approx(51.9, abs=0.1)  # 4:3 out of 16:9
    assert math.degrees(hfov_rad("some_webcam", None, None)) == pytest.approx(62)
