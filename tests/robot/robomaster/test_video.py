"""The rover's camera: cutting the stream into pictures, and pictures of the emulated robot."""

import asyncio
import contextlib
import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from common.errors import DeviceError
from protos.robomaster.ids import VIDEO_PORT, Resolution
from protos.robomaster.unverified import VIDEO_LATENCY_S
from robot.cameras import robomaster
from robot.cameras.h264 import CodedPicture, PictureSplitter
from robot.cameras.robomaster import RobomasterCamera
from robot.robomaster.config import RobomasterCameraConfig
from robot.values import BGR
from sim.robomaster.encoder import Encoder
from tests.robot.robomaster.emulated import Room, connected, text_config, until

SIZES = [1, 2, 3, 7, 100, 4096, 10**6]


def encoded(count: int, slices: int = 1) -> list[bytes]:
    """Pictures of growing brightness, one key picture first."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = 320, 176, "yuv420p"
    codec.time_base = Fraction(1, 30)
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"slices={slices}:repeat-headers=1"}
    found = []
    for number in range(count):
        picture = np.full((176, 320, 3), 20 * number, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuv420p")
        frame.pts = number
        found += [bytes(packet) for packet in codec.encode(frame)]
    assert len(found) == count
    return found


def split(stream: bytes, size: int) -> list[CodedPicture]:
    splitter, found = PictureSplitter(), []
    for number, at in enumerate(range(0, len(stream), size)):
        found += splitter.feed(stream[at : at + size], float(number))
    return found


@pytest.mark.parametrize("slices", [1, 4])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_come_out_whole_however_the_stream_is_cut(size: int, slices: int) -> None:
    pictures = encoded(6, slices)
    found = split(b"".join(pictures), size)
    assert [each.data.strip(b"\0") for each in found] == [each.strip(b"\0") for each in pictures[:-1]]
    assert [each.is_key for each in found] == [True] + [False] * 4
    began = np.cumsum([0] + [len(each) for each in pictures])
    for each, at in zip(found, began, strict=False):
        assert abs(each.began_s - at // size) <= 5 / size + 1  # when its first bytes came, not when it was complete


def test_a_stream_joined_in_the_middle_and_rubbish_are_got_over() -> None:
    pictures = encoded(5)
    splitter = PictureSplitter()
    assert splitter.feed(bytes(range(1, 200)) * 10, 0.0) == []
    found = splitter.feed(pictures[0][40:] + b"".join(pictures[1:]), 1.0)
    assert found[-1].data.strip(b"\0") == pictures[3].strip(b"\0")
    for _ in range(20):
        splitter.feed(b"\xff" * 2**20, 2.0)
    assert splitter.dropped_bytes >= 15 * 2**20  # no start code in sight: it does not grow
    assert splitter.feed(b"".join(pictures), 3.0)[0].is_key


class Changing:
    """A source of pictures whose colour can be set."""

    def __init__(self) -> None:
        self.bgr = (255, 0, 0)
        self.drawn = 0

    async def picture(self, width_px: int, height_px: int) -> BGR:
        self.drawn += 1
        return np.full((height_px, width_px, 3), self.bgr, np.uint8)


def colour(bgr: BGR) -> str:
    return "bgr"[int(np.argmax(bgr.mean(axis=(0, 1))))]


async def forever(camera: RobomasterCamera) -> None:
    while True:
        await camera.latest()


async def test_the_camera_shows_what_the_robot_sees_newest_first_and_says_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room, source = Room("127.0.40.60"), Changing()
    room.emulator.video._source = source
    async with room.switched_on(), connected(text_config(room.ip)) as rover:
        camera = RobomasterCamera(RobomasterCameraConfig(width_px=320, hfov_deg=90), rover)
        await camera.open()
        try:
            frame = await camera.latest()
            assert (frame.bgr.shape, camera.model.width_px, camera.model.height_px) == ((180, 320, 3), 320, 180)
            assert colour(frame.bgr) == "b"
            source.bgr, changed_s = (0, 255, 0), time.monotonic()
            while colour(frame.bgr) != "g":
                assert time.monotonic() < changed_s + 10
                number, frame = frame.number, await camera.latest()
                assert frame.number == number + 1
            assert frame.capture_s + VIDEO_LATENCY_S >= changed_s
            assert frame.capture_s < time.monotonic() - VIDEO_LATENCY_S
            source.bgr, drawn = (0, 0, 255), source.drawn
            await until(lambda: source.drawn >= drawn + 9, "0.3 s of pictures")  # who looks away sees nothing old
            assert colour((await camera.latest()).bgr) == "r"
            room.emulator.video.stop()
            with monkeypatch.context() as soon:
                soon.setattr(robomaster, "SILENT_S", 0.7)
                with pytest.raises(DeviceError, match=r"no picture from 127\.0\.40\.60 for 0.7 s"):
                    await forever(camera)
            await camera.open()  # as the agent does
            assert colour((await camera.latest()).bgr) == "r"
        finally:
            await camera.close()
        await until(lambda: not room.emulator.video.is_on, "the stream to be switched off")
        with pytest.raises(DeviceError, match="is not open"):
            await camera.latest()


async def test_a_broken_stream_is_got_over_at_the_next_key_picture() -> None:
    """Half of a picture is missing, then rubbish, then all is well again."""
    encoder = Encoder(Resolution.P360, 30)
    grey = np.full((360, 640, 3), 90, np.uint8)
    coded = [chunk.data for number in range(40) for chunk in encoder.encode(grey, number == 30)]

    async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        damaged = coded[0] + coded[1][: len(coded[1]) // 2] + b"\0\0\1\x65" + bytes(range(256)) * 8
        writer.write(damaged + b"".join(coded[2:]))
        await reader.read()  # until the camera has gone
        writer.close()

    class Switch:
        async def start_video(self, resolution: str) -> str:
            return "127.0.40.61"

        async def stop_video(self) -> None: ...

    server = await asyncio.start_server(show, "127.0.40.61", VIDEO_PORT)
    async with server:
        camera = RobomasterCamera(RobomasterCameraConfig(), Switch())
        await camera.open()
        try:
            frame = await camera.latest()
            assert abs(float(frame.bgr.mean()) - 90) < 40
        finally:
            await camera.close()


async def test_where_there_is_no_video_the_camera_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room("127.0.40.62")
    async with room.switched_on(), connected(text_config(room.ip)) as rover:
        nowhere = RobomasterCamera(RobomasterCameraConfig(ip="127.0.40.63"), rover)
        with pytest.raises(DeviceError, match=r"no video from 127\.0\.40\.63:40921"):
            await nowhere.open()
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(DeviceError, match=r"pip install 'tagalong\[robomaster\]'"):
            await nowhere.open()


def decoders() -> int:
    return sum(thread.name == "video" for thread in threading.enumerate())


async def test_a_camera_that_is_given_up_while_it_opens_leaves_no_thread_behind() -> None:
    class Switch:
        async def start_video(self, resolution: str) -> str:
            return "127.0.40.64"  # nobody listens there

        async def stop_video(self) -> None: ...

    camera = RobomasterCamera(RobomasterCameraConfig(), Switch())
    opening = asyncio.create_task(camera.open())
    await until(lambda: decoders() == 1, "its decoder")
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await opening
    await until(lambda: decoders() == 0, "its decoder to end")
