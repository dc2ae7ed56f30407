"""Published pictures: pixels and fields come through, and nothing that somebody sends does any harm."""

import io
import struct
import threading
import tracemalloc
import warnings
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from archive.pictures import Format, content_type_of, encode, fields_in, to_png
from common.errors import BadImageError

MAX_PX = 1_000_000
FIELDS = {"robot": "rover", "track": "a1-7", "edge": 'Zoë "小" \\ \x00 -->', "time": "2026-11-27T10:54:03.123456Z"}


def a_face(height: int = 48, width: int = 40) -> NDArray[np.uint8]:
    """Smooth, as JPEG likes it, and different in every pixel and channel."""
    down, across = np.mgrid[0:height, 0:width]
    return np.stack([down * 5, across * 6, 255 - down * 2 - across * 2], axis=2).clip(0, 255).astype(np.uint8)


def written(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def pixels(payload: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))


def as_opencv_sees(payload: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def png_with(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("tagalong", text)
    return written(Image.new("RGB", (3, 3)), "PNG", pnginfo=info)


def png_header(width: int, height: int) -> bytes:
    """A picture of that size, as far as its header knows, with a little of its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", list(Format))
def test_fields_come_back_from_the_picture_itself(format: Format) -> None:
    assert fields_in(encode(a_face(), FIELDS, format)) == FIELDS


@given(st.dictionaries(st.text(max_size=20), st.text(st.characters(codec=None), max_size=60), max_size=8))
@settings(max_examples=50)
def test_any_text_comes_back_from_both_formats(fields: dict[str, str]) -> None:
    for format in Format:
        assert fields_in(encode(a_face(4, 4), fields, format)) == fields


def test_a_png_is_kept_to_the_last_byte_and_has_the_pixels_of_the_crop() -> None:
    bgr = a_face()
    png = encode(bgr, FIELDS, Format.PNG)
    assert to_png(png, {"other": "fields"}, MAX_PX) == png
    assert np.array_equal(as_opencv_sees(png), bgr)


def test_a_jpeg_becomes_a_png_of_the_pixels_that_pillow_and_nearly_opencv_see() -> None:
    jpeg = encode(a_face(), FIELDS, Format.JPEG, quality=90)
    png = to_png(jpeg, FIELDS, MAX_PX)
    assert png.startswith(b"\x89PNG")
    assert fields_in(png) == FIELDS
    assert np.array_equal(pixels(png), pixels(jpeg))
    seen = as_opencv_sees(jpeg)[:, :, ::-1]
    assert np.abs(pixels(png).astype(int) - seen).max() <= 3
    assert np.abs(pixels(png).astype(int) - a_face()[:, :, ::-1]).mean() < 3


def test_content_types() -> None:
    assert content_type_of(encode(a_face(), {}, Format.JPEG)) == "image/jpeg"
    assert content_type_of(encode(a_face(), {}, Format.PNG)) == "image/png"
    assert content_type_of(b"") == "image/png"


UNUSUAL: dict[str, Callable[[], bytes]] = {
    "grey png": lambda: written(Image.fromarray(a_face()[:, :, 0]), "PNG"),
    "16-bit png": lambda: written(Image.fromarray(a_face()[:, :, 0].astype(np.uint16) * 257), "PNG"),
    "palette png": lambda: written(Image.fromarray(a_face()).quantize(16), "PNG"),
    "transparent png": lambda: written(Image.fromarray(a_face()).convert("RGBA"), "PNG"),
    "1-bit png": lambda: written(Image.fromarray(a_face()[:, :, 0]).convert("1"), "PNG"),
    "interlaced or not": lambda: written(Image.fromarray(a_face(1, 1)), "PNG"),
    "animated png": lambda: written(
        Image.new("RGB", (8, 8)), "PNG", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")]
    ),
    "grey jpeg": lambda: written(Image.fromarray(a_face()[:, :, 0]), "JPEG"),
    "cmyk jpeg": lambda: written(Image.fromarray(a_face()).convert("CMYK"), "JPEG"),
    "progressive jpeg": lambda: written(Image.fromarray(a_face()), "JPEG", progressive=True),
    "jpeg of 1 px": lambda: written(Image.fromarray(a_face(1, 1)), "JPEG"),
}


@pytest.mark.parametrize("kind", list(UNUSUAL))
def test_an_unusual_picture_keeps_its_pixels(kind: str) -> None:
    payload = UNUSUAL[kind]()
    png = to_png(payload, FIELDS, MAX_PX)
    assert Image.open(io.BytesIO(png)).format == "PNG"
    assert np.array_equal(pixels(png), pixels(payload))
    assert fields_in(payload) == {}


NOT_PICTURES = {
    "nothing": b"",
    "zeros": bytes(1000),
    "text": b"hello, this is no picture",
    "gif": written(Image.new("RGB", (8, 8)), "GIF"),
    "bmp": written(Image.new("RGB", (8, 8)), "BMP"),
    "tiff": written(Image.new("RGB", (8, 8)), "TIFF"),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
    "png signature": b"\x89PNG\r\n\x1a\n",
    "jpeg signature": b"\xff\xd8\xff",
    "no pixels": png_header(0, 0),
    "0 px wide": png_header(0, 10),
}


@pytest.mark.parametrize("kind", list(NOT_PICTURES))
def test_what_is_neither_png_nor_jpeg_is_a_bad_image(kind: str) -> None:
    with pytest.raises(BadImageError, match=r"bytes"):
        to_png(NOT_PICTURES[kind], FIELDS, MAX_PX)
    with pytest.raises(BadImageError, match=r"bytes"):
        fields_in(NOT_PICTURES[kind])


@pytest.mark.parametrize("format", list(Format))
def test_a_picture_that_breaks_off_anywhere_is_bad_or_whole(format: Format) -> None:
    payload = encode(a_face(), FIELDS, format)
    whole = pixels(payload)
    for length in range(0, len(payload), 7):
        try:
            png = to_png(payload[:length], FIELDS, MAX_PX)
        except BadImageError:
            continue
        assert np.array_equal(pixels(png), whole), f"of {len(payload)} bytes {length} were enough for other pixels"
    with pytest.raises(BadImageError):
        to_png(payload[: len(payload) // 2], FIELDS, MAX_PX)


@given(st.sampled_from(list(Format)), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1))
@settings(max_examples=300)
def test_a_picture_with_wrong_bytes_is_bad_or_a_picture(format: Format, changes: list[tuple[int, int]]) -> None:
    payload = bytearray(encode(a_face(16, 16), FIELDS, format))
    for at, value in changes:
        payload[at % len(payload)] = value
    try:
        fields = fields_in(bytes(payload))
        png = to_png(bytes(payload), fields, MAX_PX)
    except BadImageError:
        return
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("size", [(1001, 1000), (20_000, 20_000), (2_000_000, 1), (2**31 - 1, 2**31 - 1)])
def test_a_picture_that_is_too_large_is_refused_from_its_header(size: tuple[int, int]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadImageError, match=r"larger than 1000000 pixels|cannot be read|decompression bomb"):
            to_png(png_header(*size), FIELDS, MAX_PX)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as the program has it; pytest resets it
def test_a_large_picture_is_taken_where_the_settings_allow_it() -> None:
    """Pillow's own warning comes at 89 million pixels; the limit is ours."""
    png = written(Image.new("1", (10_000, 9_000)), "PNG")
    assert to_png(png, {}, 100_000_000) == png


def test_text_that_unpacks_to_too_much_is_a_bad_image() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("tagalong", "x" * 20_000_000, zip=True)
    bomb = written(Image.new("RGB", (3, 3)), "PNG", pnginfo=info)
    assert len(bomb) < 100_000
    with pytest.raises(BadImageError, match="too large"):
        fields_in(bomb)


@pytest.mark.parametrize(
    "text", ["", "hello", "[1]", "7", "null", '{"robot": 7, "track": null}', "[" * 4000, '{"a":' * 800, "1" * 4090, "{"]
)
def test_fields_that_are_none_are_left_out(text: str) -> None:
    assert fields_in(png_with(text)) == {}


def test_a_comment_that_is_longer_than_any_of_ours_is_not_read() -> None:
    assert fields_in(png_with('{"robot": "' + "x" * 5000 + '"}')) == {}


def test_what_is_no_text_is_left_out_of_the_fields() -> None:
    assert fields_in(png_with('{"robot": "rover", "box": [0, 0, 1, 1]}')) == {"robot": "rover"}


def test_many_threads_at_once_leave_the_warnings_of_the_program_as_they_were() -> None:
    jpeg, before = encode(a_face(400, 400), {}, Format.JPEG), list(warnings.filters)
    threads = [threading.Thread(target=lambda: [to_png(jpeg, {}, MAX_PX) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
