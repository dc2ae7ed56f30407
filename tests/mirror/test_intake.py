"""Pictures of all kinds: used, or refused with a sentence and a status that fit."""

import cv2
import numpy as np
import pytest

from mirror.config import LimitsConfig
from mirror.intake import check_frame, photo_of
from mirror.problems import ProblemError
from tests.mirror import pictures
from tests.mirror.fakes import jpeg, pixels, png, portrait

LIMITS = LimitsConfig()


def seen(data: bytes, limits: LimitsConfig = LIMITS) -> np.ndarray:
    photo = photo_of(data, limits)
    bgr = pixels(photo.jpeg)
    assert bgr.shape[:2] == (photo.height_px, photo.width_px)
    return bgr


def unlike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("data", [pictures.deep(), png(portrait(256)), jpeg(portrait(256))])
def test_sixteen_bit_png_and_jpeg_look_as_they_should(data: bytes) -> None:
    assert unlike(seen(data), portrait(256)) < 4


def test_a_grey_picture_becomes_one_in_colour() -> None:
    grey = cv2.cvtColor(portrait(256), cv2.COLOR_BGR2GRAY)
    assert seen(png(grey)).shape == (256, 256, 3)


def test_what_is_see_through_is_white() -> None:
    assert seen(pictures.see_through())[:, :60].min() > 240


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_picture_is_turned_upright_and_does_not_tell_where_it_was_taken(orientation: int) -> None:
    upright = portrait(256)[:, 32:224]
    data = pictures.turned(orientation)
    assert unlike(seen(data), upright) < 6
    assert b"48.1374N" in data
    assert b"48.1374N" not in photo_of(data, LIMITS).jpeg


def test_a_large_picture_is_made_small() -> None:
    photo = photo_of(jpeg(cv2.resize(portrait(512), (3000, 2000))), LIMITS)
    assert (photo.width_px, photo.height_px) == (1024, 683)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"hello, I am a picture", 415, "JPEG or PNG"),
        (b"GIF89a" + bytes(50), 415, "GIF"),
        (b"RIFF....WEBP" + bytes(50), 415, "WebP"),
        (bytes(4) + b"ftypheic" + bytes(50), 415, "HEIC"),
        (b"<svg onload=alert(1)>", 415, "JPEG or PNG"),
        (pictures.animated(), 415, "animated"),
        (pictures.claims_to_be(10_000, 5_000), 413, "16 million pixels"),
        (pictures.claims_to_be(0, 5), 400, ""),
        (png(portrait(32)), 400, "too small"),
        (jpeg(portrait(512))[:9000], 400, "did not arrive whole"),
        (png(portrait(256))[:9000], 400, "did not arrive whole"),
        (png(portrait(256))[:400] + bytes(800) + png(portrait(256))[1200:], 400, "damaged"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(data: bytes, status: int, words: str) -> None:
    with pytest.raises(ProblemError) as refused:
        photo_of(data, LIMITS)
    assert refused.value.status == status
    assert words in str(refused.value)
    assert str(refused.value)[0].isupper()


@pytest.mark.parametrize(("data", "status"), [(jpeg(np.zeros((1200, 1000, 3), np.uint8)), 413), (b"x", 415)])
def test_live_pictures_are_of_a_modest_size(data: bytes, status: int) -> None:
    check_frame(jpeg(portrait(512)))
    with pytest.raises(ProblemError) as refused:
        check_frame(data)
    assert refused.value.status == status
