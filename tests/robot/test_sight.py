"""Direction and distance from a box, also one that the picture's edge cuts."""

import math

import pytest

from protos.messages import Box
from robot.sight import Ranger
from robot.values import CameraModel

CAMERA = CameraModel()
HEIGHT_M, WIDTH_M = 0.9, 0.5


def box(bearing_deg: float, depth_m: float, up: float = 0.0) -> Box:
    """Of an object of 0.5 x 0.9 m, cut by the picture's edges."""
    half = CAMERA.half_width * depth_m
    w, h = WIDTH_M / (2 * half), HEIGHT_M / (2 * half * CAMERA.height_px / CAMERA.width_px)
    return Box(CAMERA.column(math.radians(bearing_deg)) - w / 2, 0.5 - h / 2 - up, w, h).clipped()


@pytest.mark.parametrize("bearing_deg", [-20, 0, 10])
@pytest.mark.parametrize("depth_m", [1.2, 2.0, 5.0])
def test_a_whole_box_tells_direction_and_distance(bearing_deg: float, depth_m: float) -> None:
    look = Ranger(CAMERA).look(box(bearing_deg, depth_m), HEIGHT_M)
    assert math.degrees(look.bearing_rad) == pytest.approx(bearing_deg)
    assert look.distance_m == pytest.approx(depth_m / math.cos(math.radians(bearing_deg)))


@pytest.mark.parametrize(
    ("bearing_deg", "depth_m", "up"), [(36, 2.0, 0.0), (-36, 2.0, 0.0), (0, 0.7, 0.0), (5, 1.5, 0.25), (0, 1.5, -0.25)]
)
def test_a_cut_box_is_completed_from_the_shape_it_had_before(bearing_deg: float, depth_m: float, up: float) -> None:
    ranger = Ranger(CAMERA)
    ranger.look(box(0, 2.5), HEIGHT_M)
    cut = box(bearing_deg, depth_m, up)
    assert cut.h < 0.99 * HEIGHT_M / (2 * CAMERA.half_width * 0.75 * depth_m) or abs(bearing_deg) > 30
    look = ranger.look(cut, HEIGHT_M)
    assert math.degrees(look.bearing_rad) == pytest.approx(bearing_deg, abs=0.5)
    assert look.distance_m == pytest.approx(depth_m / math.cos(math.radians(bearing_deg)), rel=0.03)


def test_a_box_cut_on_two_sides_still_tells_the_direction() -> None:
    ranger = Ranger(CAMERA)
    ranger.look(box(0, 2.5), HEIGHT_M)
    look = ranger.look(box(33, 0.6), HEIGHT_M)
    assert look.distance_m is None
    assert look.bearing_rad > 0.3
