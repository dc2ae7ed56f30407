"""What strangers send: judged by the header before it is unpacked."""

import resource
import struct
import zlib

import cv2
import numpy as np
import pytest

from common.errors import BadImageError
from edge_server.images import check_image, decode_image
from protos.messages import Encoding
from protos.tagalong.v1 import offload_pb2 as pb
from tests.edge_server.support import TWO_BOXES, Blobs, config_of, jpeg_of, picture_of, serving, track_to


def png_of(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def png_bomb(width_px: int, height_px: int) -> bytes:
    """A valid grey PNG of a few hundred kB that unpacks to width times height."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    # packed once and repeated: after a full flush the next block knows nothing of the one before
    rows_a_block = 100
    assert height_px % rows_a_block == 0
    raw = bytes((width_px + 1) * rows_a_block)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)
    count, check = height_px // rows_a_block, 1
    for _ in range(count):
        check = zlib.adler32(raw, check)
    rows = b"\x78\xda" + block * count + b"\x03\x00" + struct.pack(">I", check)
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    small = png_bomb(300, 300)
    assert decode_image(small, check_image(small)).shape == (300, 300, 3)  # a whole picture, were it not for its size
    made = png_bomb(30_000, 30_000)
    assert 500_000 < len(made) < 2_000_000
    return made


@pytest.mark.parametrize("quality", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_size_of_every_kind_of_jpeg_is_read_without_unpacking(quality: tuple[int, ...]) -> None:
    data = cv2.imencode(".jpg", picture_of((10, 10, 50, 50), width=321, height=123), quality)[1].tobytes()
    header = check_image(data)
    assert (header.encoding, header.width_px, header.height_px) == (Encoding.JPEG, 321, 123)
    assert decode_image(data, header).shape == (123, 321, 3)


def test_grey_pictures_become_bgr() -> None:
    grey = picture_of((10, 10, 50, 50))[:, :, 0]
    for data in (jpeg_of(grey), png_of(grey), png_of(grey.astype(np.uint16) * 257)):
        assert decode_image(data, check_image(data)).shape == (240, 320, 3)


def test_a_mark_to_turn_the_picture_is_ignored() -> None:
    """Boxes belong to the picture as sent; OpenCV would turn it by the EXIF orientation."""
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0" + b"\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, 6) + bytes(4)
    data = TWO_BOXES[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + TWO_BOXES[2:]
    turned = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert turned is not None
    assert turned.shape == (320, 240, 3)
    header = check_image(data)
    assert (header.width_px, header.height_px) == (320, 240)
    assert decode_image(data, header).shape == (240, 320, 3)


def test_large_pictures_are_unpacked_smaller() -> None:
    data = jpeg_of(np.zeros((3000, 4000, 3), np.uint8))
    assert decode_image(data, check_image(data)).shape == (1500, 2000, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello, this is text", "neither JPEG nor PNG"),
        (b"GIF89a" + bytes(100), "neither JPEG nor PNG"),
        (b"\xff\xd8", "cut off"),
        (TWO_BOXES[:20], "cut off"),
        (TWO_BOXES[:-40], "end mark is missing"),
        (TWO_BOXES[: len(TWO_BOXES) // 2], "end mark is missing"),
        (png_of(picture_of((10, 10, 50, 50)))[:-20], "end mark is missing"),
        (png_of(picture_of((10, 10, 50, 50)))[:20], "inside its header"),
        (b"\xff\xd8" + b"\x00" * 50, "no marker"),
        (b"\xff\xd8\xff\xd9" + b"\x00" * 50, "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x00" + b"\x00" * 50, "damaged"),
    ],
)
def test_what_is_no_whole_picture_is_refused_with_a_reason(data: bytes, says: str) -> None:
    with pytest.raises(BadImageError, match=says):
        check_image(data)


def test_damaged_pixels_are_refused_when_they_are_unpacked() -> None:
    good = png_of(picture_of((10, 10, 50, 50)))
    at = good.index(b"IDAT") + 4
    broken = good[:at] + bytes(len(good) - at - 12) + good[-12:]
    with pytest.raises(BadImageError, match=r"damaged|decoded"):
        decode_image(broken, check_image(broken))


def test_sizes_that_no_picture_has_are_refused() -> None:
    good = png_of(picture_of((10, 10, 50, 50)))
    for width, height in ((0, 10), (10, 0), (0xFFFFFFFF, 0xFFFFFFFF)):  # -1 as PNG would write it
        with pytest.raises(BadImageError, match=f"{width}x{height}"):
            check_image(good[:16] + struct.pack(">II", width, height) + good[24:])


def test_thousands_of_scans_are_refused() -> None:
    data = cv2.imencode(".jpg", picture_of((10, 10, 50, 50)), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    check_image(data)
    with pytest.raises(BadImageError, match="scans"):
        check_image(data[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 65 + data[-2:])


def test_a_file_that_unpacks_to_900_megapixels_is_refused_with_memory_unmoved(bomb: bytes) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(12):
        with pytest.raises(BadImageError, match="30000x30000"):
            check_image(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 5_000


async def test_twelve_of_those_at_once_are_not_noticed_by_a_robot_beside_them(bomb: bytes) -> None:
    engine = Blobs()
    async with serving(config_of(scheduler={"capacity": 32}), engine) as server, track_to(server) as robot:
        await robot.open("person", robot="good")
        batches = len(engine.batches)
        for sender in range(12):
            async with track_to(server) as bad:
                await bad.open("person", robot=f"bad {sender}")
                await bad.send(1, bomb)
                await robot.send(sender, TWO_BOXES)
                refused = await bad.result()
                assert refused.outcome == pb.OUTCOME_INVALID
                assert "30000x30000" in refused.message
                served = await robot.result()
                assert (served.number, served.outcome) == (sender, pb.OUTCOME_RESULT)
        assert len(engine.batches) == batches + 12  # only the good ones came as far as the engine


async def test_the_stream_lives_on_after_bad_pictures() -> None:
    async with serving(config_of(), Blobs()) as server, track_to(server) as track:
        await track.open("person")
        png = png_of(picture_of((10, 10, 50, 50)))
        broken = png[:60] + bytes(len(png) - 72) + png[-12:]  # passes by its header, fails in the worker
        for number, image in enumerate((b"", b"text", TWO_BOXES[:50], broken)):
            await track.send(number, image)
            reply = await track.result()
            assert (reply.number, reply.outcome) == (number, pb.OUTCOME_INVALID)
            assert reply.message
            assert reply.retry_after_ms == 0
        await track.send(9, jpeg_of(picture_of((10, 10, 50, 50))[:, :, 0]))
        assert (await track.result()).outcome == pb.OUTCOME_RESULT
