"""Faces cut out of pictures, and how good they are."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from archive.camera_config import CropConfig
from archive.crop import cut, pixels
from archive.quality import quality, sharpness
from protos.messages import Box

ROWS, COLUMNS = 48, 64


def picture() -> NDArray[np.uint8]:
    """Every pixel says where it is."""
    down, across = np.mgrid[0:ROWS, 0:COLUMNS]
    return np.stack([down, across, np.zeros_like(down)], axis=2).astype(np.uint8)


ANY = st.floats(-3, 3)


@given(st.builds(Box, ANY, ANY, ANY, ANY), st.floats(0, 2), st.sampled_from([(1, 1), (1, 50), (50, 1), (48, 64)]))
@settings(max_examples=300)
def test_a_crop_is_never_empty_and_never_beyond_the_picture(box: Box, margin: float, shape: tuple[int, int]) -> None:
    bgr = np.zeros((*shape, 3), np.uint8)
    crop = pixels(bgr, box, margin)
    assert 1 <= crop.shape[0] <= shape[0]
    assert 1 <= crop.shape[1] <= shape[1]


def test_a_box_is_cut_out_where_it_is() -> None:
    crop = pixels(picture(), Box(0.25, 0.5, 0.5, 0.25))
    assert crop.shape == (12, 32, 3)
    assert tuple(crop[0, 0]) == (24, 16, 0)
    assert tuple(crop[-1, -1]) == (35, 47, 0)


def test_the_margin_is_around_the_box_and_ends_at_the_picture() -> None:
    crop = pixels(picture(), Box(0.25, 0.5, 0.5, 0.25), 0.5)
    assert (crop[0, 0, 0], crop[-1, -1, 0]) == (18, 41)
    corner = pixels(picture(), Box(0.75, 0.75, 0.25, 0.25), 1.0)
    assert (corner[0, 0, 0], corner[0, 0, 1]) == (24, 32)
    assert (corner[-1, -1, 0], corner[-1, -1, 1]) == (ROWS - 1, COLUMNS - 1)


@pytest.mark.parametrize("box", [Box(0, 0, 1e-6, 1e-6), Box(0.9999999, 0.9999999, 1e-7, 1e-7), Box(1, 1, 1, 1)])
def test_a_tiny_face_at_the_edge_is_one_pixel(box: Box) -> None:
    assert pixels(picture(), box).shape == (1, 1, 3)
    assert cut(picture(), box, CropConfig(margin=0)).shape == (1, 1, 3)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(16, 100))
@settings(max_examples=100)
def test_a_large_crop_is_scaled_down_and_keeps_its_shape(height: int, width: int, longest: int) -> None:
    crop = cut(np.zeros((height, width, 3), np.uint8), Box(0, 0, 1, 1), CropConfig(margin=0, max_side_px=longest))
    assert max(crop.shape[:2]) == min(longest, max(height, width))
    assert min(crop.shape[:2]) >= 1
    scale = max(crop.shape[:2]) / max(height, width)
    assert abs(crop.shape[0] - height * scale) <= 1
    assert abs(crop.shape[1] - width * scale) <= 1


def test_a_crop_outlives_its_picture() -> None:
    bgr = picture()
    crop = cut(bgr, Box(0.25, 0.5, 0.5, 0.25), CropConfig(margin=0))
    bgr[:] = 0
    assert tuple(crop[0, 0]) == (24, 16, 0)


# ---- quality ----


def textured(side: int) -> NDArray[np.uint8]:
    """Blobs as large as eyes and mouths are, the same ones at each size."""
    small = np.random.default_rng(7).integers(0, 256, (12, 12, 3), np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


FRONTAL = ((0.35, 0.4), (0.65, 0.4), (0.5, 0.58), (0.5, 0.72))
TURNED = ((0.35, 0.4), (0.65, 0.4), (0.62, 0.58), (0.52, 0.72))


def test_a_blurred_face_is_worse_than_a_sharp_one() -> None:
    sharp = textured(160)
    values = [quality(sharp)] + [quality(np.asarray(cv2.GaussianBlur(sharp, (0, 0), s), np.uint8)) for s in (2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[-1]


def test_a_small_face_is_worse_than_a_large_one_and_a_huge_one_no_better() -> None:
    small, large, huge = (quality(textured(side)) for side in (48, 160, 480))
    assert small < 0.6 * large
    assert huge == pytest.approx(large, rel=0.1)


def test_a_turned_face_is_worse_than_one_that_looks_into_the_camera() -> None:
    assert quality(textured(160), TURNED) < quality(textured(160), FRONTAL)


def test_a_face_without_points_is_a_little_worse_than_a_frontal_one() -> None:
    face = textured(160)
    assert quality(face, TURNED) < quality(face) < quality(face, FRONTAL) * 1.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (3, 3), (2000, 10)])
@pytest.mark.parametrize("value", [0, 255])
def test_any_crop_has_a_quality_between_0_and_1(shape: tuple[int, int], value: int) -> None:
    flat = np.full((*shape, 3), value, np.uint8)
    assert quality(flat) == pytest.approx(0.0, abs=0.01)
    noisy = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    assert 0.0 <= quality(noisy) <= 1.0
    assert 0.0 <= quality(noisy, ((0.0, 0.0),) * 6) <= 1.0


def test_a_crop_that_is_a_view_is_taken_too() -> None:
    view = textured(160)[:, ::-1]
    assert sharpness(view) == pytest.approx(sharpness(view.copy()))
