"""Files, missing devices, and a camera that is pulled out."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import DeviceError
from robot.cameras.config import EncoderConfig, OpencvCameraConfig
from robot.cameras.opencv import OpencvCamera
from robot.encoder import encode
from robot.hardware import EndOfVideo
from robot.values import Frame


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Ten pictures, 100 a second, each brighter than the one before."""
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100.0, (64, 48))
    for number in range(10):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    return path


async def play(camera: OpencvCamera, most: int = 1000) -> list[Frame]:
    frames: list[Frame] = []
    await camera.open()
    try:
        while len(frames) < most:
            frames.append(await camera.latest())
    except EndOfVideo:
        pass
    finally:
        await camera.close()
    return frames


async def test_a_film_is_played_in_order_at_its_own_pace_and_ends(film: Path) -> None:
    camera = OpencvCamera(OpencvCameraConfig(source=str(film)))
    frames = await play(camera)
    assert 1 <= len(frames) <= 10
    assert [f.number for f in frames] == list(range(1, len(frames) + 1))
    times = [f.capture_s for f in frames]
    assert times == sorted(times)
    assert frames[-1].bgr.mean() == pytest.approx(180, abs=4)  # the last picture is not lost
    assert (camera.model.width_px, camera.model.height_px) == (64, 48)


async def test_a_film_is_played_again_when_asked_to(film: Path) -> None:
    camera = OpencvCamera(OpencvCameraConfig(source=str(film), repeat=True))
    assert len(await play(camera, most=25)) == 25


@pytest.mark.parametrize("name", ["photo.jpg", "photo.JPEG", "photo.png", "photo.webp"])
@pytest.mark.parametrize("repeat", [False, True])
async def test_a_photo_is_shown_again_and_again_at_the_rate_asked_for(tmp_path: Path, name: str, repeat: bool) -> None:
    path = tmp_path / name
    photo = np.zeros((48, 64, 3), np.uint8)
    photo[:, :32] = 200
    cv2.imwrite(str(path), photo)
    camera = OpencvCamera(OpencvCameraConfig(source=str(path), fps=50, repeat=repeat))
    began_s = time.monotonic()
    frames = await play(camera, most=12)
    assert [frame.number for frame in frames] == list(range(1, 13))
    times_s = [frame.capture_s for frame in frames]
    assert times_s == sorted(set(times_s))
    assert times_s[-1] - began_s >= 12 / 50 - 0.01  # no faster than asked for; a busy machine may leave some out
    assert all(np.abs(frame.bgr.astype(int) - photo).mean() < 5 for frame in frames)
    assert (camera.model.width_px, camera.model.height_px) == (64, 48)


async def test_a_photo_belongs_to_all_of_its_frames_and_cannot_be_drawn_into(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), 90, np.uint8))
    (frame,) = await play(OpencvCamera(OpencvCameraConfig(source=str(path))), most=1)
    with pytest.raises(ValueError, match="read-only"):
        frame.bgr[0, 0] = 0
    assert encode(EncoderConfig(max_width_px=64), frame, 1).image
    assert encode(EncoderConfig.model_construct(quality=80, max_width_px=32, budget_s=0.4), frame, 2).width_px == 32


async def test_a_stream_of_jpegs_is_a_film_though_it_begins_as_a_photo_does(tmp_path: Path) -> None:
    path = tmp_path / "film.mjpeg"
    shades = (0, 100, 200)
    path.write_bytes(b"".join(cv2.imencode(".jpg", np.full((48, 64, 3), s, np.uint8))[1].tobytes() for s in shades))
    frames = await play(OpencvCamera(OpencvCameraConfig(source=str(path))))
    assert 1 <= len(frames) <= 3
    assert frames[-1].bgr.mean() == pytest.approx(200, abs=4)


async def test_a_photo_that_is_none_is_named_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("this is a text")
    with pytest.raises(DeviceError, match="not a video or picture") as caught:
        await play(OpencvCamera(OpencvCameraConfig(source=str(path))))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("77", "ls /dev/video"),
        ("/nowhere/film.avi", "there is no such file"),
        (__file__, "not a video"),
        ("rtsp://127.0.0.1:9/none", "Nothing answered"),
    ],
)
async def test_what_cannot_be_opened_is_named_with_the_next_step(source: str, advice: str) -> None:
    with pytest.raises(DeviceError, match=advice) as caught:
        await OpencvCamera(OpencvCameraConfig(source=source)).open()
    assert source in str(caught.value)


async def test_a_camera_that_is_not_open_says_so() -> None:
    with pytest.raises(DeviceError, match="not open"):
        await OpencvCamera(OpencvCameraConfig()).latest()


async def drain(camera: OpencvCamera) -> None:
    while True:
        await camera.latest()


class PulledOut:
    """A webcam as OpenCV shows it, that is unplugged after three pictures."""

    def __init__(self) -> None:
        self.left = 3

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((48, 64, 3), np.uint8)

    def get(self, which: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 64.0, cv2.CAP_PROP_FRAME_HEIGHT: 48.0}.get(which, 0.0)

    def release(self) -> None: ...


async def test_a_webcam_that_is_unplugged_is_an_error_that_asks_for_the_plug(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = OpencvCamera(OpencvCameraConfig(source="0"))
    monkeypatch.setattr(camera, "_open", PulledOut)
    await camera.open()
    assert await camera.latest()
    with pytest.raises(DeviceError, match="plugged in"):
        await drain(camera)
    await camera.open()  # and plugged in again
    assert (await camera.latest()).bgr.shape == (48, 64, 3)
    await camera.close()
