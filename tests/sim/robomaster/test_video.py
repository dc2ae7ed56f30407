"""The video and sound ports, decoded by PyAV as a program for the real robot would."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable

import av
import numpy as np
import pytest

from common.errors import DeviceError, LinkError
from protos.robomaster.ids import AUDIO_PORT, VIDEO_PORT, Resolution
from robot.values import BGR
from sim import gl
from sim.robomaster import audio, video
from sim.robomaster.audio import AudioService
from sim.robomaster.encoder import Encoder
from sim.robomaster.video import MAX_VIEWERS, VideoService
from sim.robomaster.world_camera import WorldPictures
from tests.sim.robomaster.rover_in_world import Bench, room

gl.load_mujoco()

IP = "127.0.10.101"
DEADLINE_S = 10.0


class Camera:
    """Half red, half a grey that changes with every picture."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.error: DeviceError | None = None

    async def picture(self, width_px: int, height_px: int) -> BGR:
        if self.error is not None:
            raise self.error
        self.asked.append((width_px, height_px))
        bgr = np.full((height_px, width_px, 3), len(self.asked) % 200, np.uint8)
        bgr[:, : width_px // 2] = (0, 0, 255)
        return bgr


@contextlib.asynccontextmanager
async def running(service: VideoService | AudioService) -> AsyncIterator[None]:
    task = asyncio.create_task(service.run())
    try:
        async with asyncio.timeout(DEADLINE_S):
            await service.ready.wait()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def connected(port: int = VIDEO_PORT) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection(IP, port)
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def decoded(
    reader: asyncio.StreamReader, count: int, decoder: av.VideoCodecContext | None = None
) -> list[av.VideoFrame]:
    """The next `count` pictures or a few more. `decoder`: the one that had what came before."""
    decoder = decoder or av.CodecContext.create("h264", "r")
    frames: list[av.VideoFrame] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(frames) < count:
            data = await reader.read(4096)
            assert data, "the stream ended"
            for packet in decoder.parse(data):
                frames += decoder.decode(packet)
    return frames


@pytest.mark.parametrize("resolution", list(Resolution))
async def test_a_viewer_gets_pictures_of_the_size_asked_for(resolution: Resolution) -> None:
    camera = Camera()
    service = VideoService(camera, IP)
    async with running(service):
        service.start(resolution)
        async with connected() as reader:
            frame = (await decoded(reader, 2))[-1]
    assert (frame.width, frame.height) == resolution.size_px
    assert set(camera.asked) == {resolution.size_px}
    bgr = frame.to_ndarray(format="bgr24")
    height, width = bgr.shape[:2]
    assert bgr[height // 2, width // 4] == pytest.approx(np.array([0, 0, 255]), abs=12)
    assert np.ptp(bgr[height // 2, width * 3 // 4].astype(int)) < 12  # grey


async def test_nothing_is_drawn_while_nobody_looks_or_the_stream_is_off() -> None:
    camera = Camera()
    service = VideoService(camera, IP)
    async with running(service):
        service.start()
        for _ in range(20):
            await asyncio.sleep(0)
        assert camera.asked == []
        service.stop()
        async with connected() as reader:
            for _ in range(20):
                await asyncio.sleep(0)
            assert camera.asked == []
            service.start()
            await decoded(reader, 1)
        await until(lambda: not service._wanted.is_set())  # the viewer's end was noticed


async def test_a_stream_that_is_on_for_no_more_than_an_instant_ends_nothing() -> None:
    service = VideoService(Camera(), IP)
    async with running(service), connected() as reader:
        await until(lambda: len(service._viewers) == 1)
        service.start()
        service.stop()
        await asyncio.sleep(0)
        service.start(Resolution.P360)
        assert (await decoded(reader, 1))[0].width == 640


async def test_what_was_in_the_camera_still_comes_after_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """DJI's package waits for three seconds where nothing comes any more."""
    monkeypatch.setattr(video, "VIDEO_LATENCY_S", 1.0)  # time enough on a busy machine
    camera = Camera()
    service = VideoService(camera, IP)
    async with running(service), connected() as reader:
        service.start()
        await decoded(reader, 2)
        service.stop()
        asked = len(camera.asked)
        await until(lambda: len(camera.asked) >= asked + 2)
        await until(lambda: time.monotonic() > service._ends_s)
        asked = len(camera.asked)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert len(camera.asked) <= asked + 1


async def test_the_last_sounds_still_come_after_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "VIDEO_LATENCY_S", 1.0)
    service = AudioService(IP)
    async with running(service), connected(AUDIO_PORT) as reader:
        service.start()
        async with asyncio.timeout(DEADLINE_S):
            await reader.readexactly(60)
            service.stop()
            await reader.readexactly(3 * 60)


@pytest.mark.skipif(gl.missing() is not None, reason=str(gl.missing()))
async def test_the_picture_is_what_the_camera_sees_of_the_world() -> None:
    world = Bench(room(person=(2.0, 0.0))).world
    pictures = WorldPictures(world, 0)
    service = VideoService(pictures, IP)
    try:
        async with running(service):
            service.start()
            async with connected() as reader:
                seen = (await decoded(reader, 3))[-1].to_ndarray(format="bgr24")
        drawn = await pictures.picture(1280, 720)
    finally:
        await pictures.close()
        world.close()
    assert seen.shape == (720, 1280, 3)
    assert np.abs(seen.astype(float) - drawn).mean() < 6
    middle, left = seen[300:600, 560:720].astype(float), seen[300:600, 60:220].astype(float)
    assert np.abs(middle.mean((0, 1)) - left.mean((0, 1))).max() > 20  # somebody stands in the middle


async def test_who_joins_later_begins_with_a_key_frame_at_once() -> None:
    service = VideoService(Camera(), IP)
    async with running(service):
        service.start(Resolution.P360)
        async with connected() as first:
            await decoded(first, 3)
            before = service.encoded_frames
            async with connected() as second:
                frame = (await decoded(second, 1))[0]
                assert frame.key_frame
                assert service.encoded_frames < before + 25  # not only at the next border, 30 frames apart


async def test_the_stream_can_be_switched_off_and_on_with_another_size() -> None:
    service = VideoService(Camera(), IP)
    async with running(service):
        service.start(Resolution.P360)
        async with connected() as reader:
            await decoded(reader, 2)
            service.stop()
            service.start(Resolution.P540)
            frames = await decoded_until_size(reader, Resolution.P540)
    assert frames[-1].width == 960


async def decoded_until_size(reader: asyncio.StreamReader, resolution: Resolution) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    frames: list[av.VideoFrame] = []
    async with asyncio.timeout(DEADLINE_S):
        while not frames or frames[-1].width != resolution.size_px[0]:
            for packet in decoder.parse(await reader.read(4096)):
                with contextlib.suppress(av.error.InvalidDataError):  # the rest of the old stream came first
                    frames += decoder.decode(packet)
    return frames


async def test_a_viewer_that_does_not_read_loses_pictures_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "WAITING_BYTES", 8192)
    monkeypatch.setattr(video, "KERNEL_BYTES", 4096)
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)

    class Busy:
        async def picture(self, width_px: int, height_px: int) -> BGR:
            assert (width_px, height_px) == (640, 360)
            return np.roll(noise, 7 * service.encoded_frames, 1)

    service = VideoService(Busy(), IP, fps=100.0)
    async with running(service), lazy_viewer() as lazy:
        service.start(Resolution.P360)
        async with connected() as reader:
            patient = av.CodecContext.create("h264", "r")
            while service.lost_frames < 20:
                assert await decoded(reader, 5, patient)
        pictures: list[av.VideoFrame] = []  # of the lazy one, who reads at last: they decode up to the loss
        decoder = av.CodecContext.create("h264", "r")
        async with asyncio.timeout(DEADLINE_S):
            while sum(picture.key_frame for picture in pictures) < 2:  # and go on with a key frame
                for packet in decoder.parse(await asyncio.get_running_loop().sock_recv(lazy, 65536)):
                    pictures += decoder.decode(packet)
    assert not any(picture.is_corrupt for picture in pictures)


@contextlib.asynccontextmanager
async def lazy_viewer() -> AsyncIterator[socket.socket]:
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        await asyncio.get_running_loop().sock_connect(lazy, (IP, VIDEO_PORT))
        yield lazy


async def test_one_viewer_too_many_is_turned_away() -> None:
    service = VideoService(Camera(), IP)
    async with running(service), contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_VIEWERS):
            await stack.enter_async_context(connected())
        await until(lambda: len(service._viewers) == MAX_VIEWERS)
        extra = await stack.enter_async_context(connected())
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionError):
                assert await extra.read() == b""


async def test_a_camera_that_cannot_draw_switches_the_stream_off() -> None:
    camera = Camera()
    camera.error = DeviceError("no OpenGL here")
    service = VideoService(camera, IP)
    async with running(service):
        service.start()
        async with connected():
            await until(lambda: not service.is_on)
            camera.error = None
            service.start()
            await until(lambda: bool(camera.asked))


async def test_a_port_that_is_taken_is_named_with_a_way_out() -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((IP, VIDEO_PORT))
        holder.listen()
        with pytest.raises(LinkError, match=r"video: cannot use 127\.0\.10\.101:40921 .*another address"):
            await VideoService(Camera(), IP).run()


def test_key_frames_carry_the_parameter_sets() -> None:
    encoder = Encoder(Resolution.P360, 30.0)
    picture = np.zeros((360, 640, 3), np.uint8)
    chunks = [chunk for number in range(12) for chunk in encoder.encode(picture, as_key=number == 10)]
    assert [number for number, chunk in enumerate(chunks) if chunk.is_key] == [0, 10]
    assert all(chunk.data.startswith(b"\0\0\0\1\x67") for chunk in chunks if chunk.is_key)


async def test_sound_is_packets_of_silence_that_opus_decodes() -> None:
    service = AudioService(IP)
    async with running(service), connected(AUDIO_PORT) as reader:
        service.start()
        async with asyncio.timeout(DEADLINE_S):
            data = await reader.readexactly(5 * 60)
        service.stop()
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    sounds = [frame for at in range(0, 300, 60) for frame in decoder.decode(av.Packet(data[at : at + 60]))]
    assert [frame.samples for frame in sounds[1:]] == [960] * (len(sounds) - 1)  # the first lacks what warms it up
    assert max(int(np.abs(frame.to_ndarray().astype(float)).max()) for frame in sounds) < 10
