"""Files that people have: turned, deep, grey, for print, moving, too large, or no picture at all."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_server.garments.photo import MAX_FILE_BYTES, read_photo
from edge_server.garments.record import GarmentError

PICTURE = np.zeros((200, 300, 3), np.uint8)
PICTURE[:, :150] = (20, 40, 200)  # left half red
PICTURE[:, 150:] = (200, 80, 10)


def jpeg(orientation: int | None = None) -> bytes:
    data = cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    if orientation is None:
        return data
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, orientation) + bytes(4)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def file_of(tmp_path: Path, data: bytes, name: str = "photo") -> Path:
    file = tmp_path / name
    file.write_bytes(data)
    return file


def test_a_phones_photo_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    upright = read_photo(file_of(tmp_path, jpeg(6))).bgr  # 6: to be turned clockwise
    assert upright.shape == (300, 200, 3)
    assert upright[20, 100, 2] > 150  # what was left is up now
    assert upright[280, 100, 0] > 150


def test_16_bits_grey_and_alpha_become_8_bit_colour(tmp_path: Path) -> None:
    deep = cv2.imencode(".png", PICTURE.astype(np.uint16) * 257)[1].tobytes()
    assert np.abs(read_photo(file_of(tmp_path, deep)).bgr.astype(int) - PICTURE).max() <= 1
    grey = cv2.imencode(".png", PICTURE[..., 2])[1].tobytes()
    assert read_photo(file_of(tmp_path, grey)).bgr.shape == PICTURE.shape
    alpha = np.full((200, 300, 1), 255, np.uint8)
    opaque = read_photo(file_of(tmp_path, cv2.imencode(".png", np.dstack([PICTURE, alpha]))[1].tobytes()))
    assert opaque.alpha is None  # nothing is transparent: its background is still there
    alpha[:100] = 0
    cut = read_photo(file_of(tmp_path, cv2.imencode(".png", np.dstack([PICTURE, alpha]))[1].tobytes()))
    assert cut.alpha is not None
    assert (cut.alpha[10, 10], cut.alpha[190, 10]) == (0, 1)


def test_a_photo_in_the_colours_of_printers_is_read(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    data = BytesIO()
    image.fromarray(PICTURE[..., ::-1].copy()).convert("CMYK").save(data, "JPEG", quality=95)
    bgr = read_photo(file_of(tmp_path, data.getvalue())).bgr
    assert bgr.shape == PICTURE.shape
    assert bgr[100, 50, 2] > bgr[100, 50, 0] + 60  # red is red


def test_a_large_photo_becomes_one_of_working_size(tmp_path: Path) -> None:
    large = cv2.imencode(".jpg", np.zeros((3000, 4000, 3), np.uint8))[1].tobytes()
    assert max(read_photo(file_of(tmp_path, large)).bgr.shape) == 1024


def animated_png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    still = cv2.imencode(".png", PICTURE)[1].tobytes()
    return still[:33] + chunk(b"acTL", struct.pack(">II", 2, 0)) + still[33:]


def huge_png() -> bytes:
    small = cv2.imencode(".png", PICTURE)[1].tobytes()
    return small[:16] + struct.pack(">II", 30_000, 30_000) + small[24:]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "neither"),
        (b"<script>alert(1)</script>", "text"),
        (b"GIF89a" + bytes(60), "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (jpeg()[:400], "cut off"),
        (animated_png(), "animated"),
        (huge_png(), "30000x30000"),
        (cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes(), "too small"),
    ],
)
def test_what_is_no_still_whole_picture_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    file = file_of(tmp_path, data, "x.jpg")
    with pytest.raises(GarmentError, match=says) as refused:
        read_photo(file)
    assert str(file) in str(refused.value)


def test_a_file_that_is_missing_a_folder_or_too_large_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(GarmentError, match="cannot be read"):
            read_photo(file)
    large = tmp_path / "large.jpg"
    with large.open("wb") as out:
        out.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(GarmentError, match="MB"):
        read_photo(large)
